"""What an operator does to a running sensor and reads from it: reload, end, statistics, metrics, the service manager.
"""
import json, os, re, shutil, signal, socket, subprocess, time
import harness as h

CAPTURE = "http_everything_stateful"
SERVER = "10.77.0.20"


def write(path, text):
    """As an editor or a deployment does: a new file in the old one's place."""
    with open(path + ".new", "w") as f:
        f.write(text)
    os.rename(path + ".new", path)


def approving(address=None):
    entries = [{"id": "known", "address": address}] if address else []
    return json.dumps({"version": 1, "approved": entries})


def connection_frames():
    """The event of the longest connection of the capture, and that connection's frames."""
    path = h.shipped(CAPTURE)
    events = h.replay(path)
    event = max(events, key=lambda e: e["packets"]["client"])
    port = event["client_port"].to_bytes(2, "big")
    return event, [frame for _, frame in h.frames_of(path) if port in (frame[34:36], frame[36:38])]


def test_reload():
    """A connection that is open across the reload gives one event; the new policy decides from then on."""
    directory = h.workspace()
    policy = os.path.join(directory, "policy.json")
    write(policy, approving())
    expected, frames = connection_frames()
    s = h.Live("--policy", policy, db=os.path.join(directory, "events.db"))
    send = h.Sender()
    for frame in frames[:len(frames) // 2]:
        send(frame)
    h.wait_until(lambda: "the first half's event:\n" + s.said(),
                 lambda: s.sql("SELECT verdict FROM events") == [("unauthorized",)])
    since = len(s.err)
    write(policy, approving(expected["server_ip"]))
    s.signal(signal.SIGHUP)
    h.check(s.wait_for(r"read again: (\d+) entries", since=since).group(1) == "1", s.said())
    for frame in frames[len(frames) // 2:]:
        send(frame)
    s.wait_frames(len(frames))
    h.check(s.stop() == 0, s.said())
    events = s.events()
    h.check(len(events) == 1, "%d events of one connection: %s" % (len(events), events))
    for field in ("methods", "tools_called", "packets", "payload_bytes", "confidence", "stage", "requests"):
        h.check(events[0][field] == expected[field],
                "%s: %s, without a reload %s" % (field, events[0][field], expected[field]))
    h.check(events[0]["verdict"] == "approved" and events[0]["rule"] == "known",
            "the new policy did not decide: %s" % events[0])


def test_broken_files_are_refused():
    directory = h.workspace()
    policy, signatures = os.path.join(directory, "policy.json"), os.path.join(directory, "signatures")
    os.mkdir(signatures)
    shutil.copy(os.path.join(h.SIGNATURES, "behaviours.json"), signatures)
    write(policy, approving(SERVER))
    s = h.Live("--policy", policy, "--signatures", signatures, db=os.path.join(directory, "events.db"))
    for path, text, wrong in ((policy, '{"version": 1, "approved": [}', r"policy\.json.*1"),
                              (policy, '{"version": 1, "aproved": []}', r"policy\.json.*aproved"),
                              (os.path.join(signatures, "broken.json"), '{"version": 1', r"broken\.json")):
        since = len(s.err)
        write(path, text)
        s.signal(signal.SIGHUP)
        s.wait_for(r"the old policy and signatures stay in force", since=since)
        h.check(any(re.search(wrong, line) for line in s.err[since:]), "the reason is not said:\n" + s.said())
        if path == policy:
            write(policy, approving(SERVER))
    sent = h.send(h.shipped(CAPTURE))
    s.wait_frames(sent)
    h.check(s.stop() == 0, s.said())
    events = s.events()
    h.check(events and {e["verdict"] for e in events} == {"approved"}, "the old policy does not decide: %s" % events)
    again = h.Live("--policy", policy, "--signatures", signatures, wait=False)
    h.check(again.wait() == 2 and "broken.json" in again.said(), "it starts with broken signatures: " + again.said())


def test_end():
    """What was on the wire is read, what is open is ended and written; the next process takes the database over."""
    s = h.Live("--format", "jsonl")
    h.send(h.shipped(CAPTURE)) # what the kernel still holds of it is read
    began = time.monotonic()
    h.check(s.stop() == 0, s.said())
    took = time.monotonic() - began
    h.check(took < 5, "it takes %.1f s to end" % took)
    expected = sorted(json.dumps(e["packets"]) for e in h.replay(h.shipped(CAPTURE)))
    h.check(sorted(json.dumps(e["packets"]) for e in s.events()) == expected,
            "connections were not ended: %s" % s.events())
    printed = [json.loads(line) for line in s.out]
    h.check({e["event_id"] for e in printed} == {e["event_id"] for e in s.events()}, "printed: %s" % s.out)
    again = h.Live(db=s.db)
    h.check(again.stop() == 0, again.said())
    again = h.Live()
    again.signal(signal.SIGINT)
    h.check(again.wait() == 0, again.said())


# ---- figures ----

METRIC = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{((?:[a-zA-Z_][a-zA-Z0-9_]*=\"(?:[^\"\\\n]|\\[\\\"n])*\",?)*)\})? "
                    r"([+-]?(?:[0-9]+(?:\.[0-9]+)?(?:e[+-]?[0-9]+)?|Inf)|NaN)")


def parse_prometheus(text):
    """{(name, labels): value}, or AssertionError: the text format 0.0.4, read strictly."""
    h.check(text.endswith("\n"), "the last line does not end")
    types, values, done, current = {}, {}, set(), None
    for line in text[:-1].split("\n"):
        m = re.fullmatch(r"# (HELP|TYPE) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.+)", line)
        if m:
            h.check(m.group(2) not in done, "%s is in two places" % m.group(2))
            if m.group(2) != current and current:
                done.add(current)
            current = m.group(2)
            if m.group(1) == "TYPE":
                h.check(m.group(3) in ("counter", "gauge") and current not in types, "wrong or second type: " + line)
                types[current] = m.group(3)
            continue
        m = METRIC.fullmatch(line)
        h.check(m, "no line of the format: %r" % line)
        h.check(m.group(1) == current and current in types, "a value outside its family: " + line)
        h.check(types[current] != "counter" or current.endswith("_total"), "a counter's name: " + line)
        h.check((m.group(1), m.group(2)) not in values, "twice: " + line)
        values[m.group(1), m.group(2)] = float(m.group(3))
    return values


def test_figures():
    directory = h.workspace()
    metrics, stats_file = os.path.join(directory, "shadowtap.prom"), os.path.join(directory, "stats.jsonl")
    s = h.Live("--metrics", metrics, "--stats-file", stats_file, "--stats-interval", "1s",
               db=os.path.join(directory, "events.db"))
    sent = h.send(h.shipped(CAPTURE))
    s.wait_frames(sent)
    stats = s.stats()
    h.check(stats["packets"] == sent and stats["sensor"] == "test", str(stats))
    frames = lambda: parse_prometheus(open(metrics).read()).get(("shadowtap_frames_total", None))
    h.wait_until(lambda: "frames in " + open(metrics).read(), lambda: os.path.exists(metrics) and frames() == sent)
    values = parse_prometheus(open(metrics).read())
    n = len(h.replay(h.shipped(CAPTURE)))
    by_verdict = {labels: v for (name, labels), v in values.items() if name == "shadowtap_events_total"}
    h.check(sum(by_verdict.values()) == by_verdict.get('verdict="unauthorized"') == n, str(by_verdict))
    h.check(any(labels and 'interface="near"' in labels for _, labels in values), "no interface: %s" % values)
    h.check(os.listdir(directory).count("shadowtap.prom.new") == 0, "a file is left: %s" % os.listdir(directory))
    h.check(s.stop() == 0, s.said())
    with open(stats_file) as f:
        lines = [json.loads(line) for line in f]
    h.check(len(lines) >= 2 and lines[-1]["packets"] == sent and lines[-1]["events"]["unauthorized"] == n, str(lines))
    h.check([line["uptime_seconds"] for line in lines] == sorted(line["uptime_seconds"] for line in lines), str(lines))
    rows = s.sql("SELECT counters FROM health")
    h.check(rows and json.loads(rows[-1][0])["packets"] == sent, "health rows: %s" % rows)


# ---- the configuration file ----

def test_configuration():
    directory = h.workspace()
    path = os.path.join(directory, "shadowtap.conf")
    db = os.path.join(directory, "events.db")
    write(path, "# a sensor\ninterface = near\nsensor = \"from the file\" # quoted\nworkers=2\ndb = %s\n"
                "signatures = %s\nuser = root\nsensor-user = root\n" % (db, h.SIGNATURES))
    h.command(h.BINARY, "config", "check", path)
    s = h.Program([h.BINARY, "live", "--config", path])
    s.wait_for(r"reads 1 interface")
    h.send(h.shipped(CAPTURE))
    h.wait_until(lambda: "events:\n" + s.said(), lambda: os.path.exists(db) and h.events_in(db))
    h.check(h.events_in(db)[0]["sensor"] == "from the file", "the sensor's name: %s" % h.events_in(db)[0])
    s.signal(signal.SIGTERM)
    h.check(s.wait() == 0, s.said())
    for line, wrong in (("workers = many", "a number"), ("no such setting = 1", "name = value"),
                        ("wrokers = 2", "wrokers"), ("sensor = \"open", "quote"),
                        ("snaplen = 1", "from 64 to 262144"), ("quiet = perhaps", "yes or no")):
        write(path, "interface = near\n\n" + line + "\n")
        done = subprocess.run([h.BINARY, "config", "check", path], capture_output=True, text=True)
        h.check(done.returncode == 2 and re.search(re.escape(path) + r":3: .*" + wrong, done.stderr),
                "%r: %d %s" % (line, done.returncode, done.stderr))
        started = h.Program([h.BINARY, "live", "--config", path])
        h.check(started.wait() == 2 and path + ":3: " in started.said(), "%r: live says %s" % (line, started.said()))


# ---- the service manager ----

class Manager:
    """What systemd is to a service: a datagram socket."""

    def __init__(self, address):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(address)
        self.heard = []

    def wait_for(self, line, since=0, seconds=h.PATIENCE):
        end = time.monotonic() + seconds
        while not any(re.fullmatch(line, x) for x in self.heard[since:]):
            self.socket.settimeout(max(0.01, end - time.monotonic()))
            try:
                self.heard += self.socket.recv(4096).decode().split("\n")
            except TimeoutError:
                raise AssertionError("not heard: %s, but %s" % (line, self.heard))


def test_service_manager():
    directory = h.workspace()
    for address in (os.path.join(directory, "notify"), "\0shadowtap-%d" % os.getpid()): # a path, an abstract name
        manager = Manager(address)
        s = h.Live(wait=False, env={"NOTIFY_SOCKET": address.replace("\0", "@"), "WATCHDOG_USEC": "1000000"})
        manager.wait_for("READY=1")
        since = len(manager.heard)
        manager.wait_for("WATCHDOG=1", since, 5)
        again = len(manager.heard)
        manager.wait_for("WATCHDOG=1", again, 5)
        since = len(manager.heard)
        s.signal(signal.SIGHUP)
        manager.wait_for("RELOADING=1", since)
        manager.wait_for(r"MONOTONIC_USEC=\d+", since)
        manager.wait_for("READY=1", since)
        s.signal(signal.SIGTERM)
        manager.wait_for("STOPPING=1", since)
        h.check(s.wait() == 0, s.said())
    s = h.Live(env={"NOTIFY_SOCKET": os.path.join(directory, "nobody"), "WATCHDOG_USEC": "1000000"})
    h.check(s.stop() == 0, "without a manager that listens: " + s.said())


if __name__ == "__main__":
    h.own_network()
    h.veth()
    h.run(test_reload, test_broken_files_are_refused, test_end, test_figures, test_configuration, test_service_manager)
