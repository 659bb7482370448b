"""kill -9 of the whole program's recorder while events flow, again and again on the same database: it opens, it is whole, every
event that had been printed is in it; and the other two processes go with the recorder. (The recorder half alone is killed
200 times by the unit test of that name.)"""
from faults import *
import random

KILLS = 21
PER_DATABASE = 7


def printed(live):
    """The ids that it said were recorded; its last line may be torn."""
    ids = set()
    for i, line in enumerate(live.out):
        try:
            ids.add(json.loads(line)["event_id"])
        except ValueError:
            check(i == len(live.out) - 1, "no JSON: " + line)
    return ids


def ids_in(db):
    connection = sqlite3.connect(db, timeout=20)
    try:
        return {row[0] for row in connection.execute("SELECT event_id FROM events")}
    finally:
        connection.close()


def nothing_reported_is_lost():
    dice, sent = random.Random(3), os.path.join(workspace(), "sent.pcap")
    copies("http_sdk_json", 200, sent)
    told, db, all_told = set(), None, 0
    sender = subprocess.Popen(["tcpreplay", "-q", "-i", "far", "-K", "--loop=0", "--unique-ip", "--pps=3000", sent],
                              preexec_fn=die_with_parent, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for k in range(KILLS):
            if k % PER_DATABASE == 0:
                all_told, told, db = all_told + len(told), set(), os.path.join(workspace(), "events.db")
            live = Live("--format", "jsonl", "--min-confidence", "possible", "--queue-size", "64K", db=db)
            if k % 3:
                wait_until("an event", lambda: live.out)
            pids = live.pids()
            time.sleep(dice.random() * 0.3)
            live.signal(signal.SIGKILL)
            live.wait()
            for role in ("launcher", "sensor"):
                wait_until("the %s ends with the recorder" % role, lambda: gone(pids[role]), 10)
            told |= printed(live)
            integrity(db)
            lost = told - ids_in(db)
            check(not lost, "after kill %d %d events are lost: %s" % (k, len(lost), sorted(lost)[:3]))
    finally:
        sender.kill()
        sender.wait()
    check(all_told + len(told) > KILLS, "only %d events were told of" % (all_told + len(told)))


own_network()
veth()
run(nothing_reported_is_lost)
