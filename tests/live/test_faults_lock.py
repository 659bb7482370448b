"""Another program holds a lock on the database, for a moment or for long: events arrive afterwards, none is lost."""
from faults import *

TICK = ("--stats-interval", "1s")


def locked(seconds, said):
    own = workspace()
    sent = os.path.join(own, "sent.pcap")
    live = Live(*TICK, db=os.path.join(own, "events.db"))
    frames = copies("http_sdk_json", 30, sent)
    other = sqlite3.connect(live.db, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    began = time.monotonic()
    send(sent, pps=2000)
    live.wait_frames(frames)
    time.sleep(max(0, began + seconds - time.monotonic()))
    check(count(live, "events cannot be written: .*locked") == said or seconds < 5, "not said:\n" + live.said())
    other.execute("COMMIT")
    other.close()
    if said:
        live.wait_for("events are written again")
    wait_until("events arrive", lambda: len(live.sql("SELECT 1 FROM events")) >= 30, every=0.2)
    check(live.stop() == 0, "ends badly:\n" + live.said())
    check(not count(live, "(?i)^shadowtap: [^{]*lost"), live.said())
    same_events(live.db, sent)


def locked_for_a_moment():
    locked(3, 1)


def locked_for_long():
    locked(15, 1)


own_network()
veth()
run(locked_for_a_moment, locked_for_long)
