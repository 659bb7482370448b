"""The sensor process is killed or stopped, the launcher is killed: said, counted, started again or all of it ended, events
afterwards, and nobody is left behind."""
from faults import *


def lost_sensor(number, how):
    live = Live("--stats-interval", "1s")
    an_event_comes(live)
    first, before = live.pids()["sensor"], len(live.err)
    os.kill(first, number)
    live.wait_for("SENSOR PROCESS LOST: pid %d %s.*another one is started" % (first, how), since=before)
    live.wait_for("reads 1 interface", since=before)
    second = live.pids()["sensor"]
    check(second != first and gone(first), "the old one is still there")
    an_event_comes(live)
    wait_until("the restart to be counted", lambda: live.sql("SELECT 1 FROM health WHERE counters ->> '$.sensor_restarts' = 1"), every=0.2)
    check_said_once(live, "SENSOR PROCESS LOST")
    check(live.stop() == 0, "ends badly:\n" + live.said())
    connections_of = {(e["client_ip"], e["client_port"]) for e in live.events()}
    check(len(connections_of) == len(live.events()), "connections with two events: %s" % live.events())


def sensor_killed():
    lost_sensor(signal.SIGKILL, r"was ended by signal 9 \(Killed\)")


def sensor_stopped():
    lost_sensor(signal.SIGSTOP, r"was ended by signal 9 \(Killed\)")


def launcher_killed():
    """Without it there is no way to start a sensor: the program ends, so that who started it starts all of it again."""
    live = Live()
    an_event_comes(live)
    pids = live.pids()
    os.kill(pids["launcher"], signal.SIGKILL)
    check(live.wait() == 3, "exit status %d" % live.process.returncode)
    check("the launcher is gone" in live.said(), live.said())
    wait_until("the sensor to end", lambda: gone(pids["sensor"]), 10)
    check(integrity(live.db) >= 1, "the event is gone")


own_network()
veth()
run(sensor_killed, sensor_stopped, launcher_killed)
