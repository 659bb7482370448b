"""The log of calls that a live sensor makes, confined as it is, is that of the same packets in a file; without --audit there is none; and what is
still under way when the sensor ends says so.
"""
import json, os, subprocess, tempfile
import harness as h

CAPTURES = ("http_tool_errors", "http_progress_notifications", "ex_tasks", "sse_everything", "ws_supergateway")
# Packets are sent at another pace than they were captured at.
APART = ("event_id", "time", "frame", "duration_us")


def calls(db):
    out = subprocess.run([h.BINARY, "calls", "--db", db, "--format", "jsonl"], capture_output=True, text=True, check=True).stdout
    rows = [json.loads(line) for line in out.split("\n") if line]
    h.check(all(r["duration_us"] is None or r["duration_us"] >= 0 for r in rows), "durations run backwards")
    return sorted(json.dumps({k: v for k, v in r.items() if k not in APART}, sort_keys=True) for r in rows)


def expected():
    with tempfile.TemporaryDirectory() as tmp:
        db = os.path.join(tmp, "events.db")
        for name in CAPTURES:  # each for itself, as the sensor sees them: one after the other
            subprocess.run([h.BINARY, "replay", "--audit", "--quiet", "--db", db, h.shipped(name)], stdout=subprocess.DEVNULL, check=False)
        return calls(db)


def test_live_has_the_calls_of_the_file():
    h.veth()
    with_audit, without = h.Live("--audit", "--workers", "2"), h.Live()
    sent = sum(h.send(h.shipped(name), pps=2000) for name in CAPTURES)
    for s in (with_audit, without):
        s.wait_frames(sent)
        h.check(s.stop() == 0, "ended badly:\n%s" % s.said())
    want, got = expected(), calls(with_audit.db)
    h.check(len(want) > 30, "the captures have %d calls" % len(want))
    missing, more = [r for r in want if r not in got], [r for r in got if r not in want]
    h.check(want == got, "not live:\n%s\nnot in the file:\n%s" % ("\n".join(missing), "\n".join(more)))
    h.check(calls(without.db) == [], "a log of calls that nobody asked for")


if __name__ == "__main__":
    h.own_network()
    h.run(test_live_has_the_calls_of_the_file)
