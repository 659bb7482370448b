#!/usr/bin/env python3
"""Tests of the program as its users run it: exit codes, damaged input, formats, order, pipes, secrets, queries.

usage: test_replay.py SHADOWTAP SOURCE_TREE
"""
import csv, glob, gzip, io, json, os, re, shutil, struct, subprocess, sys, tempfile, time

BINARY, TREE = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
STATEFUL, TOKEN, TLS = ("pcaps/%s.pcap" % n for n in ("http_everything_stateful", "http_querytoken", "tls13_vendor_node"))
NAMES, WEB = "pcaps/mcp_names_injection.pcap.zst", "pcaps/http_mcp_host_plain_web.pcap"
APPROVED = {"version": 1, "approved": [{"id": "all", "address": "10.77.0.0/24"}]}
VIOLATED = {"version": 1, "approved": [{"id": "all", "address": "10.77.0.0/24", "require": {"tls": True}}]}


class Scratch:
    """A directory of its own for each test; capture names are relative to the source tree, so that rows can be compared."""

    def __init__(self, directory):
        self.directory = directory
        self.db = self.path("events.db")

    def path(self, name):
        return os.path.join(self.directory, name)

    def write(self, name, data):
        with open(self.path(name), "wb") as f:
            f.write(data)
        return self.path(name)

    def policy(self, policy):
        return self.write("policy.json", json.dumps(policy).encode())

    def replay(self, *args, db=None, want=None, **kw):
        run = subprocess.run([BINARY, "replay", "--sensor", "test", "--signatures", TREE + "/signatures", "--db", db or self.db,
                              *args], cwd=TREE, capture_output=True, **kw)
        assert want is None or run.returncode == want, (args, run.returncode, run.stderr)
        return run

    def query(self, *args, db=None, want=0):
        run = subprocess.run([BINARY, "query", "--db", db or self.db, *args], cwd=TREE, capture_output=True)
        assert run.returncode == want, (args, run.returncode, run.stderr)
        return run.stdout

    def found(self, *args, db=None):
        return jsonl(self.query("--format", "jsonl", *args, db=db))

    def rows(self, db=None):
        return without(self.found("--all", "--min-confidence", "possible", db=db), "app_label")

    def fresh(self, *args, **kw):
        db = self.path("fresh.db")
        for old in glob.glob(db + "*"):
            os.remove(old)
        self.replay(*args, db=db, **kw)
        return self.rows(db)


def jsonl(data):
    return [json.loads(line) for line in data.decode().split("\n") if line]


def without(rows, *members):
    return [{k: v for k, v in row.items() if k not in members} for row in rows]


def any_file(rows):
    """What is left of rows when it does not matter in which file, and at which number, a frame was."""
    rows = without(rows, "capture", "first_frame")
    for row in rows:
        row["reasons"] = without(row["reasons"], "frame")
    return rows


def read(name):
    with open(os.path.join(TREE, name), "rb") as f:
        return f.read()


def frames(pcap):
    """Offsets of the frames of a little-endian pcap, and its end."""
    offsets = [24]
    while offsets[-1] < len(pcap):
        offsets.append(offsets[-1] + 16 + struct.unpack_from("<I", pcap, offsets[-1] + 8)[0])
    return offsets


def test_exit_codes(t):
    t.replay(STATEFUL, want=1)
    t.replay(STATEFUL, "--policy", t.policy(APPROVED), want=0)
    violated = t.policy(VIOLATED)
    t.replay(STATEFUL, "--policy", violated, want=1)
    t.replay(STATEFUL, "--policy", violated, "--fail-on", "any", want=1)
    t.replay(STATEFUL, "--policy", violated, "--fail-on", "unauthorized", want=0)
    t.replay(STATEFUL, "--fail-on", "unauthorized", want=1)
    t.replay(STATEFUL, "--fail-on", "none", want=0)
    t.replay("pcaps/lsp_tcp_json.pcap", want=0)  # what the database held before is not this run's


def test_usage(t):
    for args in ([], ["--no-such-option", STATEFUL], ["--fail-on", "all", STATEFUL], ["--workers", "0", STATEFUL],
                 ["--workers", "two", STATEFUL], ["--format", "xml", STATEFUL], ["--min-confidence", "sure", STATEFUL],
                 ["--policy", t.path("none.json"), STATEFUL], ["--signatures", t.path("none"), STATEFUL],
                 ["--filter", "no filter at all", STATEFUL], ["--policy", t.policy({"version": 1, "aproved": []}), STATEFUL]):
        run = t.replay(*args, want=2)
        assert run.stderr and not run.stdout, args
        assert not os.path.exists(t.db), args
    t.replay(STATEFUL, want=1)
    before = read(t.db)
    t.replay(TOKEN, "--policy", t.policy({"version": 2}), want=2)
    assert read(t.db) == before


def test_missing_file(t):
    run = t.replay(t.path("none.pcap"), STATEFUL, want=3)
    assert b"none.pcap" in run.stderr
    assert len(t.rows()) == 4, "the other file was read nevertheless"
    t.replay(t.write("text.pcap", b"this is no capture, whatever its name says\n" * 9), want=3)
    t.replay(STATEFUL, db=t.path("no/such/directory/events.db"), want=3)


def test_truncated(t):
    pcap = read(STATEFUL)
    offsets = frames(pcap)
    whole = 120
    cut = t.write("cut.pcap", pcap[:offsets[whole] + 30])
    run = t.replay(cut, "--format", "jsonl", want=3)  # 3 wins over 1
    message = next(line for line in run.stderr.decode().splitlines() if "cut.pcap" in line)
    assert re.search(r"frame %d\b" % (whole + 1), message), message
    clean = t.fresh(t.write("clean.pcap", pcap[:offsets[whole]]), want=1)
    assert clean and any_file(t.rows()) == any_file(clean), "what came before the damage was kept"
    assert len(jsonl(run.stdout)) == len(clean)
    t.replay(cut, "--fail-on", "none", want=3)
    t.replay(cut, "--policy", t.policy(APPROVED), want=3)
    t.replay(cut, TOKEN, want=3)
    assert {r["auth"] for r in t.rows()} >= {"query-token"}, "the next file was read"


def test_filter(t):
    assert [r["client_port"] for r in t.fresh("--filter", "tcp port 52048", STATEFUL, want=1)] == [52048]
    assert t.fresh("--filter", "udp", STATEFUL, want=0) == []


def test_formats(t):
    shown = ("--policy", t.policy({"version": 1, "approved": [{"id": "one", "address": "10.77.0.20", "port": 3001}]}))
    array = json.loads(t.replay(*shown, STATEFUL, TOKEN, TLS, WEB, "--format", "json", want=1).stdout)
    lines = jsonl(t.replay(*shown, STATEFUL, TOKEN, TLS, WEB, "--format", "jsonl", want=1).stdout)
    by_id = lambda rows: sorted(rows, key=lambda r: r["event_id"])
    held = t.found()
    assert len(held) == 6 and {r["verdict"] for r in held} == {"unauthorized"}
    assert by_id(array) == by_id(lines) == by_id(held) == by_id(json.loads(t.query("--format", "json")))
    assert list(array[0]) == list(held[0]), "members come in one order"
    text = t.replay(*shown, STATEFUL, TOKEN, want=1).stdout.decode()
    assert "mcp.example-corp.internal:8080  10.77.0.20:8080  /api/mcp" in text and "10.77.0.20:3001" not in text
    assert json.loads(t.replay("pcaps/lsp_tcp_json.pcap", "--format", "json", want=0).stdout) == []
    assert t.replay("--quiet", STATEFUL, want=1).stderr == b""
    assert b"MCP connections  4" in t.replay(STATEFUL, want=1).stderr


def test_min_confidence(t):
    assert t.replay(WEB, "--format", "jsonl", want=0).stdout == b""
    assert len(jsonl(t.replay(WEB, "--format", "jsonl", "--min-confidence", "possible", want=1).stdout)) == len(t.rows()) > 0
    assert len(jsonl(t.replay(TLS, "--format", "jsonl", want=1).stdout)) == 3
    assert t.replay(TLS, "--format", "jsonl", "--min-confidence", "confirmed", want=0).stdout == b""


def test_again(t):
    t.replay(STATEFUL, want=1)
    once = t.rows()
    t.replay(STATEFUL, want=1)
    assert len(once) == 4 and t.rows() == once
    t.replay(STATEFUL, "--policy", t.policy(APPROVED), want=0)
    again = t.rows()
    assert [r["event_id"] for r in again] == [r["event_id"] for r in once]
    assert {r["verdict"] for r in again} == {"approved"}, "an update replaces the values"


def test_order(t):
    one = t.fresh(STATEFUL, TOKEN)
    assert len(one) == 7 and one == t.fresh(TOKEN, STATEFUL)
    t.replay(TOKEN)
    t.replay(STATEFUL)
    assert t.rows() == one, "two runs or one"


def test_workers(t):
    files = [STATEFUL, TLS, "pcaps/proxy_absolute_uri_tinyproxy.pcap", "pcaps/sse_everything.pcap",
             "pcaps/d_lost__http_many_calls.pcap"]
    one = t.fresh(*files, "--workers", "1")
    assert len(one) > 20
    for n in "234":
        assert t.fresh(*files, "--workers", n) == one, n


def test_pipe(t):
    pcap = read(STATEFUL)
    half = frames(pcap)[120]
    p = subprocess.Popen([BINARY, "replay", "--sensor", "test", "--signatures", TREE + "/signatures", "--db", t.db, "-"], cwd=TREE,
                         stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for i in range(0, half, 4000):  # in pieces that end within frames
            p.stdin.write(pcap[i:min(i + 4000, half)])
            p.stdin.flush()
            time.sleep(0.01)
        deadline = time.monotonic() + 60
        while True:
            seen = t.rows() if os.path.exists(t.db) else []
            if len(seen) >= 3:
                break
            assert time.monotonic() < deadline, "events are in the database while the pipe is open"
            time.sleep(0.1)
        assert p.poll() is None
        p.stdin.write(pcap[half:])
        p.stdin.close()
        assert p.wait(60) == 1
    finally:
        p.kill()
        p.wait()
    assert any_file(t.rows()) == any_file(t.fresh(STATEFUL))


def test_continuous(t):
    pcap = read(STATEFUL)
    cut = frames(pcap)[70]
    parts = [t.write("a.pcap", pcap[:cut]), t.write("b.pcap", pcap[:24] + pcap[cut:])]
    whole = any_file(t.fresh(STATEFUL))
    assert any_file(t.fresh("--continuous", *parts)) == whole
    assert any_file(t.fresh(*parts)) != whole, "a capture file stands alone"


def test_compressed(t):
    pcap = read(STATEFUL)
    plain = any_file(t.fresh(STATEFUL))
    assert any_file(t.fresh(t.write("c.pcap.gz", gzip.compress(pcap)))) == plain
    middle = len(pcap) // 2
    assert any_file(t.fresh(t.write("m.gz", gzip.compress(pcap[:middle]) + gzip.compress(pcap[middle:])))) == plain, "two members"
    damaged = gzip.compress(pcap)
    t.replay(t.write("d.gz", damaged[:len(damaged) // 2]), want=3)
    if shutil.which("zstd"):
        packed = subprocess.run(["zstd", "-q", "-c"], input=pcap, stdout=subprocess.PIPE, check=True).stdout
        assert any_file(t.fresh(t.write("c.pcap.zst", packed))) == plain
        assert any_file(t.fresh("-", input=packed)) == plain, "from a pipe"


# controls but for the newline, and what reorders, hides or breaks lines
NASTY = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]")


def csv_cells(data):
    for row in csv.reader(io.StringIO(data.decode(), newline="")):
        yield from row


def test_hostile_names(t):
    outputs = {f: t.replay(NAMES, "--format", f, want=1).stdout for f in ("text", "json", "jsonl")}
    for f in ("text", "json", "jsonl", "csv"):
        outputs["query " + f] = t.query("--format", f)
        for field in ("client_name", "tools_called", "user_agent", "server_name"):
            outputs["%s by %s" % (f, field)] = t.query("--format", f, "--group-by", field)
    for name, data in outputs.items():
        hit = NASTY.search(data.decode().replace("\r\n", "\n") if "csv" in name else data.decode())
        assert not hit, (name, hit, data[max(0, hit.start() - 60):hit.end() + 60])
        if "csv" in name:
            for cell in csv_cells(data):
                assert cell[:1] not in ("=", "+", "-", "@", "\t", "\r"), (name, cell)
    assert len(jsonl(outputs["jsonl"])) == len(json.loads(outputs["json"])) == outputs["jsonl"].count(b"\n") == 22
    assert b"OWNED" in outputs["text"] and b"OWNED" in outputs["query csv"], "escaped, not hidden"
    names = {r["client_name"] for r in jsonl(outputs["query jsonl"])}
    assert {"a\nb", "=cmd|' /C calc'!A0", "\u202egnp.exe", "\x1b]0;title\x07"} <= names, "JSON gives back what was sent"
    assert max(len(n or "") for n in names) <= 256, "the megabyte is cut"


def test_secrets(t):
    """No token, session id or query value in the database's bytes, nor in any output."""
    secrets, captures = {b"s3cr3t-query-token"}, []
    for label in sorted(glob.glob(TREE + "/pcaps/*.json")):
        flows = json.load(open(label)).get("flows", [])
        ids = {f.get("session_id") for f in flows if isinstance(f, dict)} - {None}
        if ids or label.endswith("http_querytoken.json"):
            secrets |= {i.encode() for i in ids}
            captures += [os.path.relpath(c, TREE) for c in glob.glob(label[:-5] + ".pcap*")]
    assert len(secrets) > 10 and b"s3cr3t-query-token" in read(TOKEN)
    out = [t.replay(*captures, "--format", f).stdout for f in ("text", "json", "jsonl")]
    run = t.replay(*captures, want=1)
    out += [run.stdout, run.stderr] + [t.query("--format", f) for f in ("text", "json", "jsonl", "csv")]
    out += [t.query("--group-by", "path"), t.query("--group-by", "session")]
    files = [read(f) for f in glob.glob(t.directory + "/*")]
    assert any(b"mcp.example-corp.internal" in f for f in files), "the search finds what is there"
    assert len(t.rows()) > 20
    for secret in secrets:
        for data in out + files:
            assert secret not in data, secret


def test_query(t):
    t.replay(STATEFUL, TOKEN, TLS, WEB, "pcaps/ipv6_http.pcap", want=1)
    count = lambda *args: len(t.found(*args))
    everything = t.rows()
    assert count() == 13 < len(everything) == count("--min-confidence", "possible")
    assert count("--min-confidence", "confirmed") == 10
    assert count("--client", "10.77.0.10") == count("--client", "10.77.0.0/24") == 10
    assert count("--client", "fd77::/64") == count("--client", "fd77::11") == 3
    assert count("--client", "10.78.0.0/16") == 0
    assert count("--server", "10.77.0.20") == len([r for r in t.found() if r["server_ip"] == "10.77.0.20"]) > 0
    assert count("--host", "mcp.example-corp.internal") == count("--host", "*.example-corp.internal") == 3
    assert count("--host", "*.Stripe.com") == 3 and count("--host", "stripe.com") == 0
    assert count("--tool", "echo") == 1 and count("--tool", "ech") == 0
    assert count("--method", "initialize") == 3
    assert count("--method", "initialize", "--client", "fd77::/64") == 1
    assert count("--verdict", "approved") == 0 and count("--verdict", "unauthorized") == 13
    assert [r["event_id"] for r in t.found("--event-id", everything[0]["event_id"][:12])] == [everything[0]["event_id"]]
    latest = t.found("--limit", "2")
    assert latest == t.found()[-2:]
    times = sorted(r["first_seen"] for r in t.found())
    assert times == [r["first_seen"] for r in t.found()]
    assert count("--since", times[0]) == 13 and count("--until", times[0]) == 0 and count("--since", "1s") == 0
    assert 0 < count("--until", times[6]) < 13
    groups = {g["value"]: g for g in t.found("--group-by", "host")}
    assert groups["mcp.example-corp.internal:8080"]["events"] == 3 and groups["10.77.0.20:3001"]["clients"] == 1
    assert {g["value"]: g["events"] for g in t.found("--group-by", "methods")}["initialize"] == 3
    assert sum(g["events"] for g in t.found("--group-by", "verdict")) == 13
    assert b"mcp.example-corp.internal" in t.query() and b"fd77::11" in t.query()
    table = list(csv.DictReader(io.StringIO(t.query("--format", "csv").decode(), newline="")))
    assert [r["event_id"] for r in table] == [r["event_id"] for r in t.found()]
    for line, row in zip(table, t.found()):
        assert json.loads(line["methods"]) == row["methods"] and json.loads(line["reasons"]) == row["reasons"]
    assert t.query("--client", "192.0.2.1", "--format", "jsonl") == b""
    assert json.loads(t.query("--client", "192.0.2.1", "--format", "json")) == []
    for args in (["--client", "10.77.0"], ["--verdict", "good"], ["--since", "yesterday"], ["--limit", "-1"], ["--format", "xml"],
                 ["--group-by", "no_such_field"], ["--min-confidence", "1"], ["--event-id", "' OR 1=1 --"], ["extra"]):
        t.query(*args, want=2)
    t.query("--host", "' OR 1=1 --", want=2)
    assert count("--tool", "' OR 1=1 --") == 0
    assert t.rows() == everything, "queries change nothing"


def test_query_missing(t):
    t.query(want=3)
    assert os.listdir(t.directory) == []
    t.query(db=t.write("text.db", b"no database, but long enough to be read as one\n" * 100), want=3)


def main():
    failed = 0
    for name, test in sorted(globals().items()):
        if name.startswith("test_"):
            with tempfile.TemporaryDirectory() as directory:
                try:
                    test(Scratch(directory))
                    print("ok      ", name)
                except (AssertionError, subprocess.SubprocessError, ValueError, LookupError, OSError) as e:
                    failed += 1
                    line = e.__traceback__
                    while line.tb_next:
                        line = line.tb_next
                    print("FAILED  ", name, "line", line.tb_lineno, type(e).__name__, str(e)[:2000])
    sys.exit(1 if failed else 0)


main()
