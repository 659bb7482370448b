"""Alerts of a running sensor: out within seconds, files let go by SIGHUP, counted in health and metrics, kept over an end while nobody takes them.
"""
import json, os, signal, socket, subprocess, threading, time
import harness as h

ONE, OTHER = "http_sdk_json", "ipv6_http"  # of different clients


def contents(path):
    if not os.path.exists(path):
        return ""
    with open(path) as f:
        return f.read()


def records(path):
    return [json.loads(line) for line in contents(path).split("\n")[:-1]]


def wait_records(path, n):
    return h.wait_until(lambda: "%d alerts in %s" % (n, path), lambda: len(records(path)) >= n and records(path))


class Server:
    """Takes alerts over TCP, a line each."""

    def __init__(self, port):
        self.lines = []
        self.listener = socket.create_server(("127.0.0.1", port))
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            peer, _ = self.listener.accept()
            with peer, peer.makefile() as stream:
                self.lines += (line for line in stream if line.endswith("\n"))


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as s:
        return s.getsockname()[1]


def test_alert_and_reopen():
    directory = h.workspace()
    log, metrics = os.path.join(directory, "alerts.json"), os.path.join(directory, "metrics.prom")
    s = h.Live("--alert", "file://%s?format=json" % log, "--metrics", metrics, "--stats-interval", "1s")
    h.send(h.shipped(ONE))
    began = time.monotonic()
    first = wait_records(log, 1)
    print("an alert %.2f s after the last packet" % (time.monotonic() - began))
    h.check(first[0]["alert_why"] == "new" and first[0]["verdict"] == "unauthorized", first)
    os.rename(log, log + ".1")
    s.signal(signal.SIGHUP)
    s.wait_for("policy and signatures are read again")
    n = len(records(log + ".1"))
    h.send(h.shipped(OTHER))
    wait_records(log, 1)
    h.check(len(records(log + ".1")) == n, "the file that was moved away is written to")
    counted = h.wait_until("alerts in statistics", lambda: s.stats()["alerts"]["sent"] > n and s.stats()["alerts"], every=0.3)
    h.check(counted["waiting"] == counted["lost"] == counted["failing"] == 0 and counted["exits"][0]["exit"].startswith("file:"),
            counted)
    h.wait_until("alerts in metrics", lambda: 'shadowtap_alert_exit_up{exit="file:' in contents(metrics) and
                 "shadowtap_alerts_sent_total{" in contents(metrics))
    h.check(s.stop() == 0, s.said())


def test_outage_over_an_end():
    port = free_port()
    spec = "syslog+tcp://127.0.0.1:%d?framing=newline&format=json" % port
    s = h.Live("--alert", spec)
    h.send(h.shipped(ONE))
    s.wait_for("cannot be reached: .*; alerts wait")
    h.send(h.shipped(OTHER))
    h.wait_until("events of both", lambda: s.sql("SELECT count(DISTINCT client_ip) FROM events")[0][0] >= 2)
    began = time.monotonic()
    h.check(s.stop() == 0, s.said())
    h.check(time.monotonic() - began < 20, "the end takes long")
    h.check(s.said().count("cannot be reached") == 1, s.said())
    waiting = s.sql("SELECT waiting FROM alert_exits")[0][0]
    h.check(waiting >= 2, "%d alerts wait" % waiting)
    server = Server(port)
    again = h.Live("--alert", spec, db=s.db)
    h.wait_until("what waited", lambda: again.sql("SELECT waiting FROM alert_exits")[0][0] == 0)
    h.check(again.stop() == 0, again.said())
    h.wait_until("its lines", lambda: len(server.lines) >= waiting)
    ids = [json.loads(line[line.index("{"):])["alert_id"] for line in server.lines]
    h.check(ids == sorted(set(ids)) and len(ids) >= waiting, ids)


def test_wrong_specs_are_refused():
    directory = h.workspace()
    config = os.path.join(directory, "shadowtap.conf")
    with open(config, "w") as f:
        f.write("interface = near\nalert = gopher://nowhere\nsignatures = %s\n" % h.SIGNATURES)
    check = subprocess.run([h.BINARY, "config", "check", config], capture_output=True, text=True)
    h.check(check.returncode == 2 and "gopher" in check.stderr, check)
    s = h.Live("--alert", "gopher://nowhere", wait=False)
    h.check(s.wait() == 2 and "gopher" in s.said() and not os.path.exists(s.db), s.said())


if __name__ == "__main__":
    h.own_network()
    h.veth()
    h.run(test_alert_and_reopen, test_outage_over_an_end, test_wrong_specs_are_refused)
