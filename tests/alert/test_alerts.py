#!/usr/bin/env python3
"""Windows, outbox and delivery of alerts, through `shadowtap replay --alert`: by packet time, in order, at least once across outages and
deaths, paced, bounded, one exit apart from the other.

usage: test_alerts.py SHADOWTAP SOURCE_TREE
"""
import json, os, random, re, signal, socket, sqlite3, struct, subprocess, sys, tempfile, threading, time, unittest

BINARY, TREE = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
START = 1763800000
HOUR = 3600
ANY = os.path.join(TREE, "pcaps/http_sdk_json.pcap")  # one alert
HOSTILE = os.path.join(TREE, "pcaps/mcp_names_injection.pcap.zst")
FORMATS = ["text", "json", "cef", "eve", "zeek", "ecs", "ocsf"]
BACKLOG = 10000
ROUND = 200  # alerts that are sent before the outbox is told: what may come twice after a death


# ---- captures: one MCP connection each, of chosen client, server name and time ----

def segment(source, target, sport, dport, seq, ack, flags, payload=b""):
    tcp = struct.pack(">HHIIBBHHH", sport, dport, seq, ack, 5 << 4, flags, 65535, 0, 0) + payload
    ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(tcp), 0, 0, 64, 6, 0, source, target)
    return b"\x02\0\0\0\0\x02\x02\0\0\0\0\x01\x08\x00" + ip + tcp


def http(first, body, *fields):
    body = json.dumps(body).encode()
    head = [first, "Content-Type: application/json", "Content-Length: %d" % len(body), *fields]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


def connection(client, host="mcp.example", port=40000, answered=True):
    """Frames of a client that opens an MCP session, by its number."""
    a, b = socket.inet_aton("10.%d.%d.%d" % (client >> 16, client >> 8 & 255, client & 255)), socket.inet_aton("203.0.113.9")
    ask = http("POST /mcp HTTP/1.1", {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "c", "version": "1"}}},
        "Host: " + host, "Accept: application/json, text/event-stream")
    say = http("HTTP/1.1 200 OK", {"jsonrpc": "2.0", "id": 1, "result": {
        "protocolVersion": "2025-06-18", "capabilities": {"tools": {}}, "serverInfo": {"name": "s", "version": "1"}}})
    up = lambda seq, ack, flags, payload=b"": segment(a, b, port, 8080, seq, ack, flags, payload)
    down = lambda seq, ack, flags, payload=b"": segment(b, a, 8080, port, seq, ack, flags, payload)
    yield up(100, 0, 2)
    yield down(500, 101, 18)
    yield up(101, 501, 16)
    yield up(101, 501, 24, ask)
    if answered:
        yield down(501, 101 + len(ask), 24, say)
    yield up(101 + len(ask), 501 + (len(say) if answered else 0), 4)


def write_capture(path, connections):
    """connections: (seconds after START, frames), in order of time."""
    with open(path, "wb") as f:
        f.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
        for at, frames in connections:
            for i, frame in enumerate(frames):
                f.write(struct.pack("<IIII", START + int(at), i, len(frame), len(frame)) + frame)
    return path


# ---- receivers ----

def record_of(line):
    """The JSON in a line, whatever stands before it."""
    return json.loads(line[line.index("{"):])


class Server:
    """Takes lines over TCP and keeps them with the time of their coming."""

    def __init__(self, port=0):
        self.listener = socket.create_server(("127.0.0.1", port))
        self.port = self.listener.getsockname()[1]
        self.lines, self.times = [], []
        self.open = []
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                peer, _ = self.listener.accept()
            except OSError:
                return
            self.open.append(peer)
            threading.Thread(target=self.read, args=(peer,), daemon=True).start()

    def read(self, peer):
        with peer.makefile("rb") as stream:
            for line in stream:
                if line.endswith(b"\n"):  # what a killed sender tore is none
                    self.lines.append(line.decode())
                    self.times.append(time.monotonic())

    def spec(self):
        return "syslog+tcp://127.0.0.1:%d?framing=newline&format=json" % self.port

    def wait(self, n):
        end = time.monotonic() + 10
        while len(self.lines) < n and time.monotonic() < end:
            time.sleep(0.02)
        return self.lines

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for peer in self.open:
            peer.close()


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as s:
        return s.getsockname()[1]


def lines_of(path):
    if not os.path.exists(path):
        return []
    with open(path, encoding="utf-8", newline="\n") as f:
        return f.read().split("\n")[:-1]


def told(lines):
    return [(r["alert_why"], r["alert_count"]) for r in map(record_of, lines)]


class Alerts(unittest.TestCase):
    def setUp(self):
        self.tmp = tempfile.TemporaryDirectory(prefix="shadowtap-alerts-")
        self.addCleanup(self.tmp.cleanup)
        self.db = self.path("events.db")
        self.file = self.path("alerts.jsonl")

    def path(self, name):
        return os.path.join(self.tmp.name, name)

    def file_spec(self, name="alerts.jsonl", format="json"):
        return "file://%s?format=%s" % (self.path(name), format)

    def words(self, *arguments, db=None):
        return [BINARY, "replay", "--quiet", "--sensor", "test", "--signatures", TREE + "/signatures", "--db", db or self.db,
                "--format", "jsonl", *arguments]

    def replay(self, *arguments, want=1, db=None):
        done = subprocess.run(self.words(*arguments, db=db), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self.assertEqual(done.returncode, want, done.stderr)
        return done.stderr

    def sql(self, query):
        with sqlite3.connect("file:%s?mode=ro" % self.db, uri=True) as c:
            return c.execute(query).fetchall()

    def many(self, n, name="many.pcap"):
        """n clients, each with an alert of its own."""
        return write_capture(self.path(name), ((i // 100, connection(i + 1)) for i in range(n)))

    # ---- windows ----

    def test_windows_by_packet_time(self):
        capture = write_capture(self.path("w.pcap"), [
            (0, connection(1, port=40001, answered=False)),    # likely or less sure, attempted
            (10, connection(1, port=40002)),                   # rises
            (20, connection(1, port=40003)),
            (30, connection(2, port=40004)),                   # another client
            (40, connection(1, "other.example", port=40005)),  # another authority
            (HOUR - 1, connection(1, port=40006)),
            (HOUR + 10, connection(1, port=40007)),            # the next window, with two untold
            (2 * HOUR + 20, connection(1, port=40008)),        # and the next, with none
        ])
        wanted = [("new", 1), ("risen", 2), ("new", 1), ("new", 1), ("again", 3), ("new", 1)]
        self.replay("--alert", self.file_spec(), capture)
        self.assertEqual(told(lines_of(self.file)), wanted)
        # Nothing is said twice by reading it again, now or in another process.
        self.replay("--alert", self.file_spec(), capture)
        self.assertEqual(len(lines_of(self.file)), len(wanted))
        # The same alerts for any number of workers, their time apart.
        self.replay("--alert", self.file_spec("three.jsonl"), "--workers", "3", capture, db=self.path("three.db"))
        mine, others = ([{k: v for k, v in record_of(line).items() if k not in ("alert_time", "app_label")} for line in lines_of(p)]
                        for p in (self.file, self.path("three.jsonl")))
        self.assertEqual(mine, others)

    def test_a_window_of_another_length(self):
        capture = write_capture(self.path("w.pcap"), [(i * 60, connection(1, port=40000 + i)) for i in range(6)])
        self.replay("--alert", self.file_spec(), "--alert-window", "2m", capture)
        self.assertEqual(told(lines_of(self.file)), [("new", 1), ("again", 2), ("again", 2)])

    def test_approved_and_unsure_ones_are_silent(self):
        policy = self.path("policy.json")
        with open(policy, "w") as f:
            json.dump({"version": 1, "approved": [{"id": "ours", "host": "mcp.example"}]}, f)
        capture = write_capture(self.path("w.pcap"), [(0, connection(1)), (1, connection(2, answered=False, host="b.example"))])
        self.replay("--alert", self.file_spec(), "--policy", policy, "--min-confidence", "confirmed", "--fail-on", "none", capture, want=0)
        for line in lines_of(self.file):
            record = record_of(line)
            self.assertEqual((record["confidence"], record["host"]), ("confirmed", "b.example"))

    # ---- delivery ----

    def test_an_outage_with_a_backlog(self):
        port = free_port()
        spec = "syslog+tcp://127.0.0.1:%d?framing=newline&format=json" % port
        said = self.replay("--alert", spec, "--alert-wait", "1s", self.many(BACKLOG), want=3)
        self.assertIn("%d alerts have not gone out within 1 s" % BACKLOG, said)
        self.assertEqual(said.count("cannot be reached"), 1, said)
        self.assertEqual(self.sql("SELECT raised, waiting, sent, lost FROM alert_exits"), [(BACKLOG, BACKLOG, 0, 0)])
        server = Server(port)
        began = time.monotonic()
        self.replay("--alert", spec, "--alert-rate", "1000000", "--alert-wait", "90s", ANY)
        print("a backlog of %d alerts: %.1f s" % (BACKLOG, time.monotonic() - began), file=sys.stderr)
        ids = [record_of(line)["alert_id"] for line in server.wait(BACKLOG + 1)]
        self.assertEqual(ids, list(range(1, BACKLOG + 2)))
        self.assertEqual(self.sql("SELECT raised, waiting, sent, lost FROM alert_exits"), [(BACKLOG + 1, 0, BACKLOG + 1, 0)])
        server.close()

    def killed_until_all_is_sent(self, spec, arrived, n):
        """Runs that are killed while they work, then one that is not. What came, in order."""
        capture, dice, kills = self.many(n), random.Random(4), 0
        while kills < 6:
            run = subprocess.Popen(self.words("--alert", spec, "--alert-rate", "700", capture), stdout=subprocess.DEVNULL)
            before, end = len(arrived()), time.monotonic() + dice.uniform(0.2, 1.2)
            while time.monotonic() < end or (kills % 2 and len(arrived()) == before and run.poll() is None):
                time.sleep(0.01)
            run.send_signal(signal.SIGKILL)
            if run.wait() != -signal.SIGKILL:
                break
            kills += 1
        self.assertGreater(kills, 2)
        self.replay("--alert", spec, "--alert-rate", "1000000", capture)
        return kills

    def check_arrived(self, lines, n, kills):
        ids = [record_of(line)["alert_id"] for line in lines]
        first = list(dict.fromkeys(ids))
        self.assertEqual(first, list(range(1, n + 1)), "every alert, in order")
        self.assertLessEqual(len(ids) - n, kills * ROUND, "what comes twice is what was not settled")
        clients = {record_of(line)["client_ip"] for line in lines}
        self.assertEqual(len(clients), n, "an alert for every event")
        print("%d alerts, %d deaths, %d came twice" % (n, kills, len(ids) - n), file=sys.stderr)

    def test_killed_while_sending_to_a_server(self):
        server, n = Server(), 2000
        kills = self.killed_until_all_is_sent(server.spec(), lambda: server.lines, n)
        self.check_arrived(server.wait(n), n, kills)
        server.close()

    def test_killed_while_writing_a_file(self):
        n = 2000
        kills = self.killed_until_all_is_sent(self.file_spec(), lambda: lines_of(self.file), n)
        whole = []
        for line in lines_of(self.file):
            try:
                whole.append(line) if record_of(line) else None
            except ValueError:
                pass  # half a line of a process that died: it came again whole
        self.assertLessEqual(len(lines_of(self.file)) - len(whole), kills)
        self.check_arrived(whole, n, kills)

    def test_rate(self):
        server = Server()
        self.replay("--alert", server.spec(), "--alert-rate", "50", self.many(200))
        server.wait(200)
        self.assertEqual(len(server.lines), 200)
        self.assertGreaterEqual(server.times[-1] - server.times[0], 2.8, "50 at once, 150 in three seconds")
        worst = max(sum(1 for t in server.times if at <= t < at + 1) for at in server.times)
        self.assertLessEqual(worst, 110)
        server.close()

    def test_a_full_outbox_is_counted(self):
        spec = "syslog+tcp://127.0.0.1:%d?framing=newline&format=json" % free_port()
        said = self.replay("--alert", spec, "--alert-queue", "10", "--alert-wait", "1s", self.many(100), want=3)
        self.assertEqual(said.count("ALERTS ARE LOST"), 1, said)
        self.assertIn("90 alerts were refused or lost", said)
        self.assertEqual(self.sql("SELECT raised, waiting, lost FROM alert_exits"), [(100, 10, 90)])
        self.assertEqual(self.sql("SELECT count(*) FROM alert_outbox"), [(10,)])
        self.assertEqual(self.sql("SELECT count(*) FROM events"), [(100,)])

    def test_a_dead_exit_stops_no_other(self):
        dead = "syslog+tcp://127.0.0.1:%d?framing=newline&format=json" % free_port()
        self.replay("--alert", dead, "--alert", self.file_spec(), "--alert-wait", "3s", "--alert-rate", "1000000", self.many(300), want=3)
        self.assertEqual(len(lines_of(self.file)), 300)
        self.assertEqual(self.sql("SELECT waiting, sent FROM alert_exits ORDER BY id"), [(300, 0), (0, 300)])

    # ---- the command line ----

    def test_exit_codes(self):
        self.replay("--alert", self.file_spec(), ANY, want=1)
        self.replay("--alert", self.file_spec(), "--fail-on", "none", ANY, want=0)
        other = self.path("other.db")
        for wrong in ("gopher://a", "", "file:relative", "syslog+tcp://"):
            self.assertIn("shadowtap: --alert: ", self.replay("--alert", wrong, ANY, want=2, db=other))
        self.assertIn("twice", self.replay("--alert", self.file_spec(), "--alert", self.file_spec(), ANY, want=2, db=other))
        for option, value in (("--alert-window", "0s"), ("--alert-rate", "0"), ("--alert-queue", "x"), ("--alert-wait", "1y")):
            self.assertIn(option, self.replay(option, value, ANY, want=2, db=other))
        self.assertFalse(os.path.exists(other), "nothing was done")

    def test_what_waits_for_an_exit_of_another_name_is_told(self):
        gone = "syslog+tcp://127.0.0.1:%d?framing=newline&format=json" % free_port()
        self.replay("--alert", gone, "--alert-wait", "1s", ANY, want=3)
        self.assertRegex(self.replay("--alert", self.file_spec(), ANY), r"1 alerts? waits? for .*127\.0\.0\.1")

    def alerts(self, *arguments, want=0):
        done = subprocess.run([BINARY, "alerts", *arguments, "--db", self.db], capture_output=True, text=True)
        self.assertEqual(done.returncode, want, done.stderr)
        return [json.loads(line) for line in done.stdout.splitlines()] if "jsonl" in arguments else done.stdout + done.stderr

    def test_what_waits_is_listed_and_dropped(self):
        gone = "syslog+tcp://127.0.0.1:%d?framing=newline&format=json" % free_port()
        self.replay("--alert", gone, "--alert", self.file_spec(), "--alert-wait", "2s", HOSTILE, want=3)
        exits = self.alerts("list", "--format", "jsonl")
        self.assertEqual([(e["waiting"] > 0, e["sent"] > 0, e["lost"], e["refused"]) for e in exits],
                         [(True, False, 0, 0), (False, True, 0, 0)])
        waiting = self.alerts("--waiting", "--format", "jsonl")
        self.assertEqual(len(waiting), exits[0]["waiting"])
        self.assertEqual(waiting[0]["why"], "new")
        self.assertFalse(re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f]", self.alerts("--waiting")))
        self.assertIn("no exit has the name", self.alerts("drop", "nobody", want=3))
        self.alerts("drop", exits[0]["exit"])
        self.assertEqual([e["exit"] for e in self.alerts("--format", "jsonl")], [exits[1]["exit"]])
        self.assertEqual(self.alerts("--waiting", "--format", "jsonl"), [])
        self.alerts("sell", want=2)

    # ---- what strangers wrote ----

    def test_injection(self):
        arguments = []
        for format in FORMATS:
            arguments += ["--alert", self.file_spec(format, format)]
        self.replay(*arguments, HOSTILE)
        for format in FORMATS:
            with self.subTest(format=format):
                with open(self.path(format), "rb") as f:
                    text = f.read().decode("utf-8")
                self.assertFalse(re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u2028\u2029]", text), text)
                lines = text.split("\n")[:-1]
                self.assertEqual(len(lines), self.sql("SELECT raised FROM alert_exits LIMIT 1")[0][0])
                if format not in ("text", "cef"):
                    for line in lines:
                        json.loads(line)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
