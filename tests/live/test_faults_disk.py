"""The disk is full: of the database, of the spill file too, of the evidence. Capture goes on, it is said once and clearly, what fits
nowhere is counted; once there is room again everything that was not counted is in the database, in its last state."""
from faults import *

SMALL = ("--stats-interval", "1s", "--queue-size", "64K")
ROOM = "size=64m"


def place():
    own = workspace()
    return own, tmpfs(os.path.join(own, "full"), "1m")


def health(live):
    return live.stats()


def begin(*arguments, **more):
    """Live on a disk that has just room enough to begin."""
    own, full = place()
    live = Live(*SMALL, *arguments, db=os.path.join(full, "events.db"), **more)
    return own, full, live


def events_wait_and_come_back():
    own, full = place()
    spill, sent = os.path.join(own, "spill"), os.path.join(own, "sent.pcap")
    live = Live(*SMALL, "--spill", spill, db=os.path.join(full, "events.db"))
    ballast = fill(full)
    frames = copies("http_everything_stateful", 60, sent)
    send(sent, pps=1500)
    live.wait_frames(frames)
    live.wait_for("events cannot be written: .*(full|disk|I/O).*; capture goes on, events wait")
    wait_until("events are spilled", lambda: health(live)["backlog"]["spilled"] > 0, every=0.3)
    check(health(live)["backlog"]["lost"] == 0, "events are lost: " + live.said())
    check(os.path.getsize(spill) > 0, "the spill file is empty")
    os.unlink(ballast)
    remount(full, ROOM)
    live.wait_for("events are written again")
    wait_until("the spill file to be read in", lambda: not any(health(live)["backlog"][k] for k in ("waiting", "spilled")), every=0.3)
    check_said_once(live, "events cannot be written")
    check(live.stop() == 0, "ends badly:\n" + live.said())
    check(not os.path.exists(spill), "an empty spill file was left")
    integrity(live.db)
    same_events(live.db, sent)


def what_fits_nowhere_is_counted():
    own, full = place()
    spill_disk = tmpfs(os.path.join(own, "spill-full"), "64k")
    sent, later = os.path.join(own, "sent.pcap"), os.path.join(own, "later.pcap")
    live = Live(*SMALL, "--spill", os.path.join(spill_disk, "spill"), db=os.path.join(full, "events.db"))
    ballast = fill(full)
    frames = copies("http_sdk_json", 300, sent)
    send(sent, pps=4000)
    live.wait_frames(frames)
    live.wait_for("EVENTS ARE LOST: [0-9]+ until now")
    live.wait_for("the spill file cannot be used: No space left on device")
    before = health(live)
    check(before["packets"] >= frames and before["kernel_drops"] == 0, "capture did not go on: %s" % before)
    lost = before["backlog"]["lost"]
    check(lost > 0, "nothing is counted as lost")
    os.unlink(ballast)
    remount(full, ROOM)
    live.wait_for("events are written again")
    live.wait_for("no more events are lost; %d were" % lost)
    wait_until("what waited to be written", lambda: not any(health(live)["backlog"][k] for k in ("waiting", "spilled")), every=0.3)
    frames += copies("http_sdk_json", 20, later, first=300)
    send(later, pps=2000)
    live.wait_frames(frames)
    check(live.stop() == 0, "ends badly:\n" + live.said())
    integrity(live.db)
    want, have_now, after = states(replay(sent)), states(events_in(live.db)), states(replay(later))
    check(not set(have_now) - set(want) - set(after), "events of nothing")
    check(not set(after) - set(have_now), "events that came when all was well are missing")
    # at the end all connections are told of at once, which is too much for so little room once more
    lost = live.sql("SELECT lost FROM health_latest")[0][0]
    want.update(after)
    missing = [k for k in want if have_now.get(k) != want[k]]
    check(len(missing) <= lost, "%d events are missing or not in their last state, %d were counted as lost" % (len(missing), lost))
    check(len(missing) < len(want), "none of those that waited is there")


def it_ends_with_the_disk_full():
    """What could not be written when it was told to end is in the spill file, and in the database after the next start."""
    own, full = place()
    spill, sent = os.path.join(own, "spill"), os.path.join(own, "sent.pcap")
    db = os.path.join(full, "events.db")
    live = Live(*SMALL, "--spill", spill, db=db)
    ballast = fill(full)
    frames = copies("http_everything_stateful", 20, sent)
    send(sent, pps=1500)
    live.wait_frames(frames)
    live.wait_for("events cannot be written")
    code = live.stop()
    check(os.path.getsize(spill) > 0, "nothing was kept:\n" + live.said())
    check("are lost" not in live.said(), "events are lost though there was room for them:\n" + live.said())
    os.unlink(ballast)
    remount(full, ROOM)
    live = Live(*SMALL, "--spill", spill, db=db)
    live.wait_for(r"[0-9]+ events that were spilled before are read in")
    wait_until("them to be written", lambda: not any(health(live)["backlog"][k] for k in ("waiting", "spilled")), every=0.3)
    check(live.stop() == 0, "ends badly:\n" + live.said())
    check(code in (0, 3), "ended with %d" % code)
    same_events(db, sent)


def evidence_is_no_reason_to_stop():
    own, full = place()
    sent, db = os.path.join(own, "sent.pcap"), os.path.join(own, "events.db")
    live = Live(*SMALL, "--write", os.path.join(full, "evidence"), "--write-file-size", "256K", db=db)
    ballast = fill(full)
    frames = copies("http_everything_stateful", 40, sent)
    send(sent, pps=1500)
    live.wait_frames(frames)
    live.wait_for("evidence packets cannot be written: No space left on device")
    os.unlink(ballast)
    remount(full, ROOM)
    files = health(live)["evidence"]["files"]
    wait_until("another try", lambda: health(live)["evidence"]["files"] > files, every=0.5)  # every ten seconds
    more = os.path.join(own, "more.pcap")
    frames += copies("http_everything_stateful", 40, more, first=40)
    send(more, pps=1500)
    live.wait_frames(frames)
    check(live.stop() == 0, "ends badly:\n" + live.said())
    integrity(db)
    whole = os.path.join(own, "whole.pcap")
    copies("http_everything_stateful", 80, whole)
    same_events(db, whole)
    files = [os.path.join(full, "evidence", f) for f in os.listdir(os.path.join(full, "evidence"))]
    check(any(os.path.getsize(f) > 65536 for f in files), "no evidence was written once there was room: %s\n%s" % (files, live.said()))


own_network()
own_mounts()
veth()
run(events_wait_and_come_back, what_fits_nowhere_is_counted, it_ends_with_the_disk_full, evidence_is_no_reason_to_stop)
