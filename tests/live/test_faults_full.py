"""It is told to end while the disk is full; the disk of the evidence is full: nothing is lost that need not be."""
from faults import *

SMALL = ("--stats-interval", "1s", "--queue-size", "64K")
ROOM = "size=64m"


def place():
    own = workspace()
    return own, tmpfs(os.path.join(own, "full"), "1m")


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
    nothing_waits(live)
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
    files = live.stats()["evidence"]["files"]
    wait_until("another try", lambda: live.stats()["evidence"]["files"] > files, every=0.5)  # every ten seconds
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
run(it_ends_with_the_disk_full, evidence_is_no_reason_to_stop)
