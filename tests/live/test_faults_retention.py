"""Retention while events flow: what is too old goes, the size holds, the file gives its room back, the new events stay."""
from faults import *

LIMIT = 1 << 20


def old_events_go():
    own = workspace()
    db, old, new = (os.path.join(own, name) for name in ("events.db", "old.pcap", "new.pcap"))
    copies("http_sdk_json", 700, old)
    done = subprocess.run([BINARY, "replay", "--quiet", "--sensor", "test", "--signatures", SIGNATURES, "--db", db, old], capture_output=True, text=True)
    check(done.returncode == 1, done.stderr)
    before, size = integrity(db), os.path.getsize(db)
    check(before >= 700, "%d old events" % before)
    live = Live("--retain", "60s", "--stats-interval", "1s", db=db)
    frames = copies("http_everything_stateful", 10, new, first=700)
    send(new, pps=1500)
    live.wait_frames(frames)
    wait_until(lambda: "the old ones to go, there are %s" % live.sql("SELECT count(*) FROM events WHERE last_seen < '2026'"),
               lambda: live.sql("SELECT count(*) FROM events WHERE last_seen < '2024'") == [(0,)], every=0.2)
    check(live.stop() == 0, "ends badly:\n" + live.said())
    integrity(db)
    same_events(db, new)
    check(os.path.getsize(db) < size - (1 << 19) or os.path.getsize(db) < LIMIT + (1 << 19), "the file had %d bytes and has %d" % (size, os.path.getsize(db)))


def the_size_holds():
    own = workspace()
    sent, db = os.path.join(own, "sent.pcap"), os.path.join(own, "events.db")
    copies("http_sdk_json", 1000, sent)
    done = subprocess.run([BINARY, "replay", "--quiet", "--sensor", "test", "--signatures", SIGNATURES, "--db", db, sent], capture_output=True, text=True)
    check(done.returncode == 1, done.stderr)
    big = os.path.getsize(db)
    check(big > 2 * LIMIT, "%d bytes are too few for this test" % big)
    live = Live("--max-db-size", "1M", "--stats-interval", "1s", db=db)
    later = os.path.join(own, "later.pcap")
    frames = copies("http_sdk_json", 100, later, first=1000)
    send(later, pps=3000)
    live.wait_frames(frames)
    wait_until(lambda: "the size to hold: %s" % live.stats()["writing"], lambda: live.stats()["writing"]["database_used"] <= LIMIT, every=0.5)
    check(live.stats()["writing"]["deleted"] > 0, "nothing was deleted")
    check(live.stop() == 0, "ends badly:\n" + live.said())
    integrity(db)
    # free pages that may stay: LIMIT_RETAIN_FREE_PAGES of src/base/limits.h, 1 MiB
    check(os.path.getsize(db) <= 2 * LIMIT + (1 << 19), "the file had %d bytes and still has %d" % (big, os.path.getsize(db)))
    have_now = states(events_in(db))
    newest = states(replay(later))
    check(all(have_now.get(k) == v for k, v in newest.items()), "new events were deleted before old ones")


own_network()
veth()
run(old_events_go, the_size_holds)
