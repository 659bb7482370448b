"""Retention by size while events flow: the size holds, the file gives its room back, the oldest events go first."""
from faults import *

LIMIT = 1 << 20


def the_size_holds():
    own = workspace()
    sent, db = os.path.join(own, "sent.pcap"), os.path.join(own, "events.db")
    copies("http_sdk_json", 500, sent)
    check(replay_into(db, sent)[0] == 1, "replay failed")
    big = os.path.getsize(db)
    check(big > 2 * LIMIT, "%d bytes are too few for this test" % big)
    live = Live("--max-db-size", "1M", "--stats-interval", "1s", db=db)
    later = os.path.join(own, "later.pcap")
    frames = copies("http_sdk_json", 60, later, first=500)
    send(later, pps=3000)
    live.wait_frames(frames)
    wait_until(lambda: "the size to hold: %s" % live.stats()["writing"],  # every 30 seconds it is looked at
               lambda: live.stats()["writing"]["database_used"] <= LIMIT, 45, 0.5)
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
run(the_size_holds)
