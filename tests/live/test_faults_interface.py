"""Interfaces go down and come up, vanish and are made again, one of two or both: said once each, and events afterwards."""
from faults import *


def fresh(*pairs):
    """Only these pairs of interfaces."""
    for name in ("near", "near2"):
        subprocess.run(["ip", "link", "del", name], capture_output=True)
    for pair in pairs:
        veth(*pair)


ONE, TWO = ("near", "far"), ("near2", "far2")


def down_and_up():
    fresh(ONE)
    live = Live("--stats-interval", "1s")
    an_event_comes(live)
    for i in range(2):
        before = len(live.err)
        command("ip", "link", "set", "near", "down")
        live.wait_for("near is down: nothing is seen there until it is up again", since=before)
        command("ip", "link", "set", "near", "up")
        live.wait_for("near is up again", since=before)
        an_event_comes(live)
    check(count(live, "near is down") == 2 and count(live, "near is up again") == 2, live.said())
    check(live.stats()["sensor_restarts"] == 0, "restarted for nothing")
    check(live.stop() == 0, "ends badly:\n" + live.said())


def gone_and_made_again():
    fresh(ONE)
    live = Live("--stats-interval", "1s")
    an_event_comes(live)
    command("ip", "link", "del", "near")
    live.wait_for("near is not watched until it is back")
    live.wait_for("no interface is left to watch")
    time.sleep(1.5)
    veth()
    live.wait_for(r"reads 1 interface", since=next(i for i, line in enumerate(live.err) if "is not watched" in line))
    an_event_comes(live)
    check_said_once(live, "near is not watched until it is back")
    check_said_once(live, "no interface is left to watch")
    check(live.stats()["sensor_restarts"] == 0, "counted as a crash")
    check(live.stop() == 0, "ends badly:\n" + live.said())


def one_of_two():
    fresh(ONE, TWO)
    live = Live("--stats-interval", "1s", interfaces=("near", "near2"))
    an_event_comes(live)
    an_event_comes(live, "far2")
    command("ip", "link", "set", "near2", "down")
    live.wait_for("near2 is down")
    an_event_comes(live)
    command("ip", "link", "set", "near2", "up")
    live.wait_for("near2 is up again")
    an_event_comes(live, "far2")
    command("ip", "link", "del", "near2")
    live.wait_for("near2 is not watched until it is back")
    an_event_comes(live)  # the other one is still watched
    veth("near2", "far2")
    live.wait_for("near2 is there again: the sensor process is renewed")
    live.wait_for("reads 2 interfaces", since=next(i for i, line in enumerate(live.err) if "is there again" in line))
    an_event_comes(live, "far2")
    an_event_comes(live)
    check_said_once(live, "near2 is not watched until it is back")
    check(live.stats()["sensor_restarts"] == 0, "counted as a crash")
    check(live.stop() == 0, "ends badly:\n" + live.said())


def both_of_two():
    fresh(ONE, TWO)
    live = Live("--stats-interval", "1s", interfaces=("near", "near2"))
    for name in ("near", "near2"):
        command("ip", "link", "del", name)
    for name in ("near", "near2"):
        live.wait_for(name + " is not watched until it is back")
    live.wait_for("no interface is left to watch")
    veth()
    veth("near2", "far2")
    since = next(i for i, line in enumerate(live.err) if "no interface is left" in line)
    wait_until(lambda: "both to be watched again:\n" + live.said(),
               lambda: any("reads" in line for line in live.err[since:]))
    an_event_comes(live)
    wait_until("the second one to be watched", lambda: not any(c["down"] for c in live.stats()["captures"]), every=0.5)
    an_event_comes(live, "far2")
    check(live.stop() == 0, "ends badly:\n" + live.said())


def not_there_at_all():
    code, said = attempt("-i", "nowhere", "--db", os.path.join(workspace(), "events.db"), "--user", "root", "--sensor-user", "root")
    check(code == 3 and "nowhere: no such interface" in said, "%d %s" % (code, said))


own_network()
run(down_and_up, gone_and_made_again, one_of_two, both_of_two, not_there_at_all)
