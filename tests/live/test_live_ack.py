"""Acknowledgements given while a sensor writes: from then on it is silent about those events, and nothing is lost."""
import os, subprocess
import harness as h

CAPTURE = "http_everything_stateful"


def ack(s, command, *arguments):
    done = subprocess.run([h.BINARY, command, "--db", s.db, "--by", "alice", "--why", "OPS-1", *arguments], capture_output=True,
                          text=True)
    h.check(done.returncode == 0, "%s: %s" % (command, done.stderr))


def alerts(log):
    with open(log) as f:
        return f.read()


def test_beside_a_sensor():
    """The frames of one connection in two parts: seen and answered, then, once acknowledged, the rest."""
    path = h.shipped(CAPTURE)
    event = max(h.replay(path), key=lambda e: e["packets"]["client"])
    port = event["client_port"].to_bytes(2, "big")
    frames = [frame for _, frame in h.frames_of(path) if port in (frame[34:36], frame[36:38])]
    log = os.path.join(h.workspace(), "alerts.json")
    s = h.Live("--format", "jsonl", "--alert", "file://%s?format=json" % log)
    send = h.Sender()
    last = len(frames) - 3  # they close it
    for frame in frames[:last]:
        send(frame)
    h.wait_until(lambda: "an event:\n" + s.said(), lambda: s.sql("SELECT stage FROM events") == [("established",)])
    (event_id,), = s.sql("SELECT event_id FROM events")
    h.wait_until("it printed", lambda: len(s.out) > 0)
    h.wait_until("an alert of its answer", lambda: '"stage":"established"' in alerts(log))
    ack(s, "ack", event_id, "--until", "30d")
    printed, before = len(s.out), alerts(log)
    for frame in frames[last:]:
        send(frame)
    s.wait_frames(len(frames))
    h.check(s.stop() == 0, s.said())
    h.check(len(s.out) == printed, "what is acknowledged is printed: %s" % s.out[printed:])
    found = s.events()
    h.check(len(found) == 1 and found[0]["acknowledged"]["by"] == "alice", "the event: %s" % found)
    h.check(found[0]["packets"]["client"] == event["packets"]["client"], "it is recorded to its end")
    h.check(alerts(log) == before, "no alert but those from before")
    h.check(not [n for n in os.listdir(os.path.dirname(s.db)) if n.endswith(("-wal", "-lock"))], "left behind")


def test_many_while_events_are_written():
    """Each waits for the sensor's batch at most: none is refused, and the sensor loses nothing."""
    path = h.shipped(CAPTURE)
    s = h.Live()
    h.send(path, pps=500)
    ids = [row[0] for row in h.wait_until("events", lambda: s.sql("SELECT event_id FROM events"))]
    for _ in range(3):
        for event_id in ids:
            ack(s, "ack", event_id, "--until", "30d")
        h.send(path, pps=0)
        for event_id in ids:
            ack(s, "unack", event_id)
    ack(s, "ack", "--force", "0" * 32, "--until", "30d")
    h.check(s.stop() == 0, s.said())
    h.check(s.sql("SELECT count(*) FROM acknowledgement_log") == [(6 * len(ids) + 1,)], "the log")
    h.check(not any("not stored" in line or "lost" in line for line in s.err), s.said())


if __name__ == "__main__":
    h.own_network()
    h.veth()
    h.run(test_beside_a_sensor, test_many_while_events_are_written)
