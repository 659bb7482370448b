"""Retention by age while events flow: what is too old goes, the file gives its room back, the new events stay."""
from faults import *


def old_events_go():
    own = workspace()
    db, old, new = (os.path.join(own, name) for name in ("events.db", "old.pcap", "new.pcap"))
    copies("http_sdk_json", 400, old)
    check(replay_into(db, old)[0] == 1, "replay failed")
    before, size = integrity(db), os.path.getsize(db)
    check(before >= 400, "%d old events" % before)
    live = Live("--retain", "60s", "--stats-interval", "1s", db=db)
    frames = copies("http_everything_stateful", 10, new, first=400)
    send(new, pps=1500)
    live.wait_frames(frames)
    wait_until(lambda: "the old ones to go, there are %s" % live.sql("SELECT count(*) FROM events WHERE last_seen < '2026'"),
               lambda: live.sql("SELECT count(*) FROM events WHERE last_seen < '2024'") == [(0,)], every=0.2)
    check(live.stop() == 0, "ends badly:\n" + live.said())
    integrity(db)
    same_events(db, new)
    now = os.path.getsize(db)
    # free pages that may stay: LIMIT_RETAIN_FREE_PAGES of src/base/limits.h, 1 MiB
    check(now < size - (1 << 19) and now < 2 << 20, "the file had %d bytes and has %d" % (size, now))


own_network()
veth()
run(old_events_go)
