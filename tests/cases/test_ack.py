#!/usr/bin/env python3
"""ack and unack as their users run them, and who honours them: query, replay's exit code and output, alerts.

usage: test_ack.py SHADOWTAP SOURCE_TREE
"""
import csv, io, json, os, re, sqlite3, subprocess, sys, tempfile

BINARY, TREE = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
STATEFUL, NAMES, OTHER = "pcaps/http_everything_stateful.pcap", "pcaps/mcp_names_injection.pcap.zst", "pcaps/http_querytoken.pcap"
WHO = ("--by", "alice", "--why", "OPS-1")
HOSTILE = "=1+1\n\x1b[2J\u202e\u009b\"',"


class Scratch:
    def __init__(self, directory):
        self.directory = directory
        self.db = os.path.join(directory, "events.db")

    def run(self, command, *args, want=0, db=None):
        run = subprocess.run([BINARY, command, *args, "--db", db or self.db], cwd=TREE,
                             capture_output=True)
        assert run.returncode == want, (command, args, run.returncode, run.stderr)
        return run

    def replay(self, *args, want, db=None, workers=1):
        return self.run("replay", "--sensor", "test", "--signatures", TREE + "/signatures", "--workers", str(workers),
                        "--format", "jsonl", *args, want=want, db=db)

    def found(self, *args, db=None):
        return jsonl(self.run("query", "--format", "jsonl", *args, db=db).stdout)

    def ids(self, *args, db=None):
        return [e["event_id"] for e in self.found(*args, db=db)]

    def listed(self, what="--list"):
        return jsonl(self.run("ack", what, "--format", "jsonl").stdout)


def jsonl(data):
    return [json.loads(line) for line in data.decode().split("\n") if line]


def test_query(t):
    t.replay(STATEFUL, want=1)
    everything = t.ids()
    assert len(everything) == 4 and all(e["acknowledged"] is None for e in t.found())
    t.run("ack", everything[0][:8], everything[1].upper(), "--until", "30d", *WHO)
    assert t.ids() == everything[2:]
    assert t.ids("--all") == everything and t.ids("--acknowledged") == everything[:2]
    assert t.ids("--verdict", "unauthorized") == everything[2:] and t.ids("--event-id", everything[0]) == everything[:1]
    assert [g["events"] for g in t.found("--group-by", "host")] == [2]
    said = t.found("--acknowledged")[0]["acknowledged"]
    assert said["by"] == "alice" and said["why"] == "OPS-1" and sorted(said) == ["at", "by", "until", "why"]
    assert b"acknowledged ones are hidden" in t.run("query").stdout
    assert b"acknowledged ones are hidden" not in t.run("query", "--all").stdout
    table = list(csv.DictReader(io.StringIO(t.run("query", "--all", "--format", "csv").stdout.decode(), newline="")))
    assert json.loads(table[0]["acknowledged"])["by"] == "alice" and table[2]["acknowledged"] == ""
    with sqlite3.connect(t.db) as c:
        assert c.execute("SELECT count(*) FROM unapproved").fetchone() == (2,)
    t.run("unack", everything[0][:8], *WHO)
    assert t.ids() == sorted_like(everything, everything[:1] + everything[2:])
    assert [(r["action"], r["event_id"]) for r in t.listed("--log")] == [("ack", everything[0]), ("ack", everything[1]),
                                                                        ("unack", everything[0])]


def sorted_like(order, ids):
    return [i for i in order if i in ids]


def test_exit_code(t):
    t.replay(STATEFUL, want=1)
    ids = t.ids()
    t.run("ack", *ids[1:], "--until", "30d", *WHO)
    run = t.replay(STATEFUL, want=1)
    assert [e["event_id"] for e in jsonl(run.stdout)] == ids[:1], "the one that is left"
    assert b"acknowledged     3 of them" in run.stderr
    t.run("ack", ids[0], "--until", "30d", *WHO)
    for workers in (1, 2, 4):
        run = t.replay(STATEFUL, want=0, workers=workers)
        assert run.stdout == b"" and b"acknowledged     4 of them" in run.stderr
    t.replay(STATEFUL, OTHER, want=1)
    assert t.ids("--acknowledged") == ids, "written again, and still acknowledged"
    t.replay(STATEFUL, want=1, db=os.path.join(t.directory, "another.db"))
    t.run("unack", ids[2], *WHO)
    t.replay(STATEFUL, want=1)
    t.replay(STATEFUL, "--fail-on", "none", want=0)


def test_risen(t):
    """A policy that approves, with terms that are breached, makes it a violation with a finding: milder, but for the finding."""
    violated = os.path.join(t.directory, "policy.json")
    with open(violated, "w") as f:
        json.dump({"version": 1, "approved": [{"id": "all", "address": "10.77.0.0/24", "require": {"tls": True}}]}, f)
    t.replay(STATEFUL, "--policy", violated, want=1)
    ids = t.ids()
    t.run("ack", *ids, "--until", "30d", *WHO)
    t.replay(STATEFUL, "--policy", violated, want=0)
    t.replay(STATEFUL, want=1)
    assert t.ids() == ids and {r["state"] for r in t.listed()} == {"risen"}, "unauthorized is worse than a violation"
    t.run("ack", *ids, "--until", "30d", *WHO)
    t.replay(STATEFUL, want=0)
    t.replay(STATEFUL, "--policy", violated, want=1)
    assert t.ids() == ids, "policy.tls is a finding that the unauthorized ones did not have"


def test_packet_time(t):
    """The packets decide when events are written: not the day on which a capture is replayed."""
    t.replay(STATEFUL, want=1)
    ids = t.ids()
    t.run("ack", *ids, "--until", "30d", *WHO)
    with sqlite3.connect(t.db) as c:
        c.execute("UPDATE acknowledgements SET until = '2026-11-22T07:10:00.000000Z'")  # before the capture was made
    t.replay(STATEFUL, want=1)
    assert {r["state"] for r in t.listed()} == {"expired"}


def test_alerts(t):
    log = os.path.join(t.directory, "alerts.json")
    alert = ("--alert", "file://%s?format=json" % log, "--alert-window", "1s")
    t.replay(STATEFUL, want=1)
    t.run("ack", *t.ids(), "--until", "30d", *WHO)
    t.replay(STATEFUL, *alert, want=0)
    assert not os.path.exists(log) or os.path.getsize(log) == 0
    t.replay(OTHER, *alert, want=1)
    with open(log) as f:
        assert f.read().count("\n") >= 1, "others are alerted"


def test_force(t):
    t.replay(STATEFUL, want=1)
    ids, fresh = t.ids(), os.path.join(t.directory, "fresh.db")
    t.run("ack", *ids, "--until", "30d", *WHO, db=fresh, want=3)
    assert not os.path.exists(fresh), "makes no database"
    t.replay("pcaps/lsp_tcp_json.pcap", want=0, db=fresh)
    t.run("ack", *ids, "--until", "30d", *WHO, db=fresh, want=2)
    t.run("ack", *ids, "--until", "30d", *WHO, "--force", db=fresh)
    t.replay(STATEFUL, want=0, db=fresh)
    assert t.ids("--acknowledged", db=fresh) == ids


def test_usage(t):
    t.replay(STATEFUL, want=1)
    one = t.ids()[0]
    good = [one, "--until", "30d", *WHO]
    for args in ([], [one], good[1:], [one, "--until", "30d", "--by", "a"], [one, *WHO], [one, "--until", "30d", "--why", "b"],
                 [one, "--until", "yesterday", *WHO], [one, "--until", "2020-01-01", *WHO], [one, "--until", "30", *WHO],
                 [one, "--until", "999999999999w", *WHO], [one, "--until", "", *WHO], [*good, "--by", " \t"], [*good, "--by", ""],
                 [*good, "--why", "x" * 512], [*good, "--by", "x" * 128], [*good, "--why", b"\xff"], [*good, "--format", "json"],
                 ["--list", "--log"], ["--list", *good], ["--log", one], ["--list", "--format", "xml"], [*good, "--no-such"],
                 ["' OR 1=1 --", *good[1:]], [one[:3], *good[1:]], [one + "0", *good[1:]], [one, "0123", *good[1:]]):
        run = t.run("ack", *args, want=2)
        assert run.stderr and not run.stdout, args
    for args in ([one], [one, *WHO], [one, *WHO, "--until", "30d"], [one, *WHO, "--list"], WHO):
        t.run("unack", *args, want=2)
    assert t.listed() == [] and t.listed("--log") == []
    t.run("ack", *good, "--why", "x" * 511, "--by", "x" * 127)
    for command in ("ack", "unack"):
        t.run(command, one, *WHO, *(["--until", "30d"] if command == "ack" else []), db=os.path.join(t.directory, "none"), want=3)


def test_hostile_words(t):
    t.replay(NAMES, want=1)
    t.run("ack", *t.ids("--all", "--min-confidence", "possible"), "--until", "2030-01-01", "--by", HOSTILE, "--why", HOSTILE)
    outputs = [t.run("ack", what, "--format", form).stdout for what in ("--list", "--log") for form in ("text", "json", "jsonl", "csv")]
    outputs += [t.run("query", "--acknowledged", "--format", form).stdout for form in ("text", "json", "jsonl", "csv")]
    for data in outputs:
        text = data.decode()
        assert len(text) > 100 and not re.search("[\x00-\x09\x0b\x0c\x0e-\x1f\x7f-\x9f\u202e]", text), text
        assert not re.search(r'(^|,)"?=1', text, re.M), "a formula for a spreadsheet: " + text
    assert all(r["by"] == HOSTILE and r["why"] == HOSTILE for r in t.listed() + t.listed("--log")), "kept as written"
    assert t.found("--acknowledged")[0]["acknowledged"]["until"] == "2030-01-02T00:00:00.000000Z", "a date holds to its end"


def main():
    failed = 0
    for name, test in sorted(globals().items()):
        if name.startswith("test_"):
            with tempfile.TemporaryDirectory() as directory:
                try:
                    test(Scratch(directory))
                    print("ok      ", name)
                except (AssertionError, subprocess.SubprocessError, ValueError, LookupError, OSError, sqlite3.Error) as e:
                    failed += 1
                    line = e.__traceback__
                    while line.tb_next:
                        line = line.tb_next
                    print("FAILED  ", name, "line", line.tb_lineno, type(e).__name__, str(e)[:2000])
    sys.exit(1 if failed else 0)


main()
