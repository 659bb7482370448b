#!/usr/bin/env python3
"""Events as replay and query print them, held against schema/event.schema.json.

usage: test_event_schema.py SHADOWTAP SOURCE_TREE
"""
import glob, json, os, subprocess, sys, tempfile

try:
    import jsonschema
except ImportError:
    sys.exit("python3-jsonschema is needed (scripts/install-packages tests)")


def main():
    binary, tree = sys.argv[1:3]
    validator = jsonschema.Draft202012Validator(json.load(open(os.path.join(tree, "schema", "event.schema.json"))))
    captures = sorted(glob.glob(os.path.join(tree, "pcaps", "*.pcap*")))
    with tempfile.TemporaryDirectory() as tmp:
        db = os.path.join(tmp, "events.db")
        run = subprocess.run([binary, "replay", "--quiet", "--db", db, "--sensor", "test", "--format", "jsonl", "--min-confidence",
                              "possible", "--signatures", os.path.join(tree, "signatures")] + captures,
                             capture_output=True, text=True)
        out = subprocess.run([binary, "query", "--db", db, "--all", "--min-confidence", "possible", "--format", "jsonl"],
                             capture_output=True, text=True, check=True)
    printed = [json.loads(line) for line in run.stdout.split("\n") if line]
    stored = [json.loads(line) for line in out.stdout.split("\n") if line]
    assert len(stored) > 80, "only %d events from %d captures: %s" % (len(stored), len(captures), run.stderr)
    for event in printed + stored:
        for error in validator.iter_errors(event):
            sys.exit("%s: /%s: %s" % (event.get("event_id"), "/".join(map(str, error.absolute_path)), error.message[:200]))
    by_id = lambda events: {e["event_id"]: e for e in events}
    assert by_id(printed) == by_id(stored), "replay prints other events than the database holds"
    assert not validator.is_valid({**stored[0], "confidence": "certain"}), "the schema accepts a confidence that is none"
    print("%d events are valid" % len(stored))


main()
