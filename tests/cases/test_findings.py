#!/usr/bin/env python3
"""`shadowtap findings`, `query --finding` and `policy test --finding`: what they say, and what they refuse.

usage: test_findings.py SHADOWTAP SOURCE_TREE
"""
import json, os, pathlib, subprocess, sys, tempfile

binary, tree = sys.argv[1], pathlib.Path(sys.argv[2])
pages = {p.stem: p.read_text() for p in sorted((tree / "docs/findings").glob("*.md"))}


def run(*arguments, code=0):
    result = subprocess.run([binary, *arguments], capture_output=True, text=True)
    assert result.returncode == code, "%s: %d, %s" % (arguments, result.returncode, result.stderr)
    return result


def listing():
    lines = run("findings").stdout.split("\n")[1:-1]
    assert [line.split()[0] for line in lines] == list(pages), lines
    for name, page in pages.items():
        assert run("findings", name).stdout == page, name
    both = run("findings", "tls-old", "no-auth").stdout
    assert both == pages["tls-old"] + "\n" + pages["no-auth"]
    rows = json.loads(run("findings", "--format", "json", "no-auth").stdout)
    assert rows == [{"id": "no-auth", "severity": "medium", "title": "Server answered without authentication",
                     "page": pages["no-auth"]}], rows
    csv = run("findings", "--format", "csv").stdout.split("\n")
    assert csv[0] == "id,severity,title" and len(csv) == len(pages) + 2, csv
    assert "no finding" in run("findings", "no-auth", "nonsense\x1b[2J", code=2).stderr
    assert "\x1b" not in run("findings", "nonsense\x1b[2J", code=2).stderr
    run("findings", "--format", "xml", code=2)


def queries(folder):
    db = os.path.join(folder, "events.db")
    captures = [str(tree / "pcaps" / name) for name in ("http_querytoken.pcap", "origin_foreign.pcap", "tls11_vendor.pcap")]
    run("replay", "--quiet", "--signatures", str(tree / "signatures"), "--db", db, *captures, code=1)
    events = [json.loads(line) for line in run("query", "--db", db, "--all", "--format", "jsonl").stdout.splitlines()]
    for finding in pages:
        want = {e["event_id"] for e in events if finding in e["findings"]}
        got = run("query", "--db", db, "--all", "--finding", finding, "--format", "jsonl").stdout.splitlines()
        assert {json.loads(line)["event_id"] for line in got} == want, finding
    counts = json.loads(run("query", "--db", db, "--all", "--group-by", "findings", "--format", "json").stdout)
    assert {c["value"]: c["events"] for c in counts} == {
        f: sum(f in e["findings"] for e in events) for f in pages if any(f in e["findings"] for e in events)
    }
    assert {c["value"] for c in counts} == {"url-credential", "cleartext", "no-auth", "origin-foreign", "tls-old"}
    run("query", "--db", db, "--finding", "nonsense", code=2)
    assert "Nothing found" in run("query", "--db", db, "--finding", "policy.tls").stdout
    # no value of what was found, in any table
    raw = open(db, "rb").read()
    for secret in (b"s3cr3t-query-token", b"dashboard.evil.example"):
        assert secret not in raw, secret


def policies(folder):
    policy = os.path.join(folder, "policy.json")
    with open(policy, "w") as f:
        json.dump({"version": 1, "requirements": {"no_findings": ["no-auth", "tls-old"]},
                   "approved": [{"id": "a", "host": "a.example"},
                                {"id": "b", "host": "b.example", "require": {"no_findings": ["cleartext"]}}]}, f)

    def test(target, *arguments, code):
        out = run("policy", "test", "--policy", policy, "--format", "json", *arguments, target, code=code).stdout
        answer = json.loads(out)[0]
        return answer["verdict"], answer["breaches"], answer["unverified"]

    assert test("a.example/mcp", code=0) == ("approved", [], ["finding:no-auth", "finding:tls-old"])
    assert test("a.example/mcp", "--finding", "none", code=0) == ("approved", [], [])
    assert test("a.example/mcp", "--finding", "no-auth", code=1) == ("violation", ["policy.finding:no-auth"], ["finding:tls-old"])
    assert test("a.example/mcp", "--finding", "cleartext", "--finding", "none", code=0) == ("approved", [], [])
    assert test("b.example/mcp", "--finding", "no-auth", "--finding", "none", code=0) == ("approved", [], [])
    run("policy", "test", "--policy", policy, "--finding", "nonsense", "a.example", code=2)


listing()
with tempfile.TemporaryDirectory() as folder:
    queries(folder)
    policies(folder)
print("%d findings" % len(pages))
