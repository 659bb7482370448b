#!/usr/bin/env python3
"""Runs one golden case: replays its capture and holds the database against expect.jsonl.

usage: run_case.py SHADOWTAP SOURCE_TREE CASE_DIRECTORY [--refresh COLUMN,... | --refresh-calls COLUMN,...]

`arguments` (one line, optional) goes to replay; words that begin with "pcaps/" are files of the source tree. Without it the case
replays pcaps/CASE.*. expect.jsonl is complete in rows and selective in columns: each event must be matched by one line, and
each line names the columns that the case is about. calls.jsonl, where there is one, says the same of the audit log, in its order; elsewhere
there must be none, unless `--audit` was among the arguments. `# exit N` as a first line states the exit code (1 if there are rows,
else 0). Every case is replayed with one and with three workers: the events must be the same.
--refresh writes expect.jsonl anew with those columns, --refresh-calls calls.jsonl: only by name, never by a test run.
"""
import glob, json, os, shlex, subprocess, sys, tempfile


def replay(binary, tree, case, workers):
    name = os.path.basename(case.rstrip("/"))
    argfile = os.path.join(case, "arguments")
    if os.path.exists(argfile):
        words = [os.path.join(tree, w) if w.startswith("pcaps/") else w for w in shlex.split(open(argfile).read())]
    else:
        words = sorted(glob.glob(os.path.join(tree, "pcaps", name + ".pcap*")))
    policy = os.path.join(case, "policy.json")
    with tempfile.TemporaryDirectory() as tmp:
        db = os.path.join(tmp, "events.db")
        cmd = [binary, "replay", "--quiet", "--sensor", "test", "--workers", str(workers), "--db", db,
               "--signatures", os.path.join(tree, "signatures")]
        cmd += ["--policy", policy] if os.path.exists(policy) else []
        run = subprocess.run(cmd + words, capture_output=True, text=True)
        out = subprocess.run([binary, "query", "--db", db, "--all", "--min-confidence", "possible", "--format", "jsonl"],
                             capture_output=True, text=True)
        if out.returncode != 0:
            sys.exit("query failed: %s\nreplay said: %s" % (out.stderr, run.stderr))
        events = [json.loads(line) for line in out.stdout.split("\n") if line]
        out = subprocess.run([binary, "calls", "--db", db, "--format", "jsonl"], capture_output=True, text=True, check=True)
        calls = [json.loads(line) for line in out.stdout.split("\n") if line]
    for e in events:
        e.pop("app_label", None)
        e["capture"] = os.path.basename(e["capture"] or "")
    return run.returncode, run.stderr, events, calls, "--audit" in words


def compare_calls(case, calls, asked):
    path = os.path.join(case, "calls.jsonl")
    if not os.path.exists(path):
        return [] if asked or not calls else ["a log of calls that nobody asked for"]
    want = [json.loads(line) for line in open(path).read().split("\n") if line.strip()]
    failures = ["call %d: expected %s, got %s" % (i, json.dumps(w), json.dumps({k: c.get(k) for k in w}))
                for i, (w, c) in enumerate(zip(want, calls)) if any(c.get(k) != v for k, v in w.items())]
    return failures if len(want) == len(calls) else failures + ["%d calls, expected %d" % (len(calls), len(want))]


def main():
    binary, tree, case = sys.argv[1:4]
    code, stderr, events, calls, asked = replay(binary, tree, case, 1)
    path = os.path.join(case, "expect.jsonl")
    if len(sys.argv) > 5 and sys.argv[4] == "--refresh":
        columns = sys.argv[5].split(",")
        with open(path, "w") as f:
            f.write("# exit %d\n" % code)
            for e in events:
                f.write(json.dumps({c: e[c] for c in columns}) + "\n")
        return
    if len(sys.argv) > 5 and sys.argv[4] == "--refresh-calls":
        with open(os.path.join(case, "calls.jsonl"), "w") as f:
            for c in calls:
                f.write(json.dumps({k: c[k] for k in sys.argv[5].split(",")}) + "\n")
        return
    lines = open(path).read().split("\n")
    want_code = None
    if lines and lines[0].startswith("# exit "):
        want_code = int(lines.pop(0).split()[2])
    want = [json.loads(line) for line in lines if line.strip()]
    failures = []
    left = list(events)
    for w in want:
        hit = next((e for e in left if all(e.get(k) == v for k, v in w.items())), None)
        if hit is None:
            failures.append("expected, but not there: %s" % json.dumps(w))
        else:
            left.remove(hit)
    failures += ["there, but not expected: %s" % json.dumps(e) for e in left]
    if want_code is not None and code != want_code:
        failures.append("exit code %d, expected %d: %s" % (code, want_code, stderr))
    failures += compare_calls(case, calls, asked)
    _, _, again, calls_again, _ = replay(binary, tree, case, 3)
    if again != events:
        failures.append("three workers gave other events than one")
    if calls_again != calls:
        failures.append("three workers gave another log of calls than one")
    if failures:
        sys.exit("\n".join(failures))
    print("%d events as expected" % len(events))


main()
