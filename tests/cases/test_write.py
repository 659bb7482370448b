#!/usr/bin/env python3
"""Tests of `shadowtap replay --write`: what the evidence files hold, that they tell the same story when they are replayed, that
the number of workers does not matter, and that sizes are kept.

usage: test_write.py SHADOWTAP SOURCE_TREE
"""
import glob, json, os, re, stat, struct, subprocess, sys, tempfile

BINARY, TREE = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
# None of them in fragments (only the last frame of a datagram is kept), and no connection is in two of them: in one evidence file they
# would be one.
MANY = ["pcaps/%s" % n for n in (
    "d_qinq__http_everything_stateful.pcap", "tls13_vendor_node.pcap", "http_sdk_json.pcap", "sse_everything.pcap", "ipv6_http.pcap",
    "d_lost__http_many_calls.pcap",
    "elastic_bulk_mcp_logs.pcap", "http_mcp_host_plain_web.pcap", "proxy_connect_plain_http.pcap", "v2_modern_auto.pcap",
    "curl_expect_chunked.pcap.zst", "oauth_claude_discovery.pcap", "mcp_names_injection.pcap.zst")]
NAMES = "pcaps/mcp_names_injection.pcap.zst"
STATEFUL = "pcaps/http_everything_stateful.pcap"
NAME = re.compile(r"shadowtap-\d{8}T\d{6}Z-\d{3}\.pcapng")
# Of where a frame was found; and what nDPI says depends on what it saw before.
ELSEWHERE = ("event_id", "capture", "first_frame", "app_label")


def run(directory, *args, want):
    db = os.path.join(directory, "%d.db" % len(os.listdir(directory)))
    done = subprocess.run([BINARY, "replay", "--sensor", "test", "--signatures", TREE + "/signatures", "--db", db, "--format",
                           "jsonl", *args], cwd=TREE, capture_output=True)
    assert done.returncode == want, (args, done.returncode, done.stderr)
    return [json.loads(line) for line in done.stdout.decode().splitlines()], done.stderr.decode()


def story(events):
    """What events say, whichever capture they came from."""
    kept = []
    for e in events:
        e = {k: v for k, v in e.items() if k not in ELSEWHERE}
        e["reasons"] = [{k: v for k, v in r.items() if k != "frame"} for r in e["reasons"]]
        kept.append(json.dumps(e, sort_keys=True))
    return sorted(kept)


def files(directory):
    found = {}
    for name in sorted(os.listdir(directory)):
        assert NAME.fullmatch(name), name
        with open(os.path.join(directory, name), "rb") as f:
            found[name] = f.read()
    return found


def blocks(data):
    """Type and body of each block of a little-endian pcapng file; every block must be whole."""
    at = 0
    while at < len(data):
        kind, n = struct.unpack_from("<II", data, at)
        assert n >= 12 and at + n <= len(data) and struct.unpack_from("<I", data, at + n - 4)[0] == n
        yield kind, data[at + 8:at + n - 4]
        at += n


def comments(data):
    found = []
    for kind, body in blocks(data):
        if kind != 6:  # enhanced packet
            continue
        at = 20 + (struct.unpack_from("<I", body, 12)[0] + 3) // 4 * 4
        while at < len(body):
            option, n = struct.unpack_from("<HH", body, at)
            if option == 1:
                found.append(body[at + 4:at + 4 + n].decode())
            at += 4 + (n + 3) // 4 * 4
            if option == 0:
                break
    return found


def test_the_same_story_for_any_number_of_workers(d):
    original, _ = run(d, *MANY, want=1)
    assert len(original) > 40
    written = []
    for workers in ("1", "4"):
        to = os.path.join(d, "evidence" + workers)
        # every packet from the first on: the largest connection has megabytes before its event, each of 64 shards a share
        events, errors = run(d, "--write", to, "--write-buffer", "512M", "--workers", workers, *MANY, want=1)
        assert story(events) == story(original), "writing changes nothing"
        assert re.search(r"^evidence +\d+ packets of \d+ connections", errors, re.M), errors
        written.append(files(to))
        again, _ = run(d, os.path.join(to, next(iter(written[-1]))), want=1)
        assert story(again) == story(original)
    assert written[0] == written[1] and len(written[0]) == 1
    mode = os.stat(os.path.join(d, "evidence1", next(iter(written[0])))).st_mode
    assert stat.S_IMODE(mode) == 0o600 and stat.S_IMODE(os.stat(os.path.join(d, "evidence1")).st_mode) == 0o700


def test_comments(d):
    to = os.path.join(d, "evidence")
    events, _ = run(d, "--write", to, STATEFUL, NAMES, want=1)
    said = [c for data in files(to).values() for c in comments(data)]
    by_id = {e["event_id"]: e for e in events}
    assert {c.split()[1] for c in said} == set(by_id), "each connection has one, and with an id that query knows"
    for c in said:
        assert c.isprintable(), c
        head = "shadowtap %s " % c.split()[1]
        e = by_id[c.split()[1]]
        assert c.startswith(head + "%s %s %s " % (e["verdict"], e["confidence"], e["host"] or e["sni"])), c
    assert any(c.endswith("lab-agent -> mcp-servers/everything") for c in said), said


def test_only_what_is_not_approved(d):
    policy = os.path.join(d, "policy.json")
    with open(policy, "w") as f:
        json.dump({"version": 1, "approved": [{"id": "all", "address": "10.77.0.0/24"}]}, f)
    to = os.path.join(d, "none")
    run(d, "--policy", policy, "--write", to, STATEFUL, want=0)
    assert files(to) == {}, "no file without a packet"
    everything = os.path.join(d, "all")
    run(d, "--policy", policy, "--write", everything, "--write-all", STATEFUL, want=0)
    again, _ = run(d, next(iter(glob.glob(everything + "/*"))), want=1)
    assert len(again) == 4
    certain = os.path.join(d, "certain")
    run(d, "--min-confidence", "confirmed", "--write", certain, "pcaps/tls13_vendor_node.pcap", want=0)
    assert files(certain) == {}


def test_files_are_rotated_and_capped(d):
    to = os.path.join(d, "evidence")
    run(d, "--write", to, "--write-file-size", "1M", NAMES, want=1)
    parts = files(to)
    assert len(parts) > 3 and all(len(data) <= 1 << 20 for data in parts.values())
    whole = os.path.join(d, "whole")
    run(d, "--write", whole, NAMES, want=1)
    packets = [sum(kind == 6 for data in files(w).values() for kind, _ in blocks(data)) for w in (to, whole)]
    assert packets[0] == packets[1], "nothing is lost between two files"
    little = os.path.join(d, "little")
    _, errors = run(d, "--write", little, "--write-file-size", "1M", "--write-total", "2M", NAMES, want=1)
    assert "older files deleted" in errors
    left = files(little)
    assert sum(map(len, left.values())) <= 2 << 20
    assert left.items() <= parts.items(), "the last ones are left"


def test_small_buffer(d):
    """A buffer too small for what lies between a connection's first packet and its event loses the beginning, and no more."""
    to = os.path.join(d, "evidence")
    events, _ = run(d, "--write", to, "--write-buffer", "1M", "--workers", "3", *MANY, want=1)
    (evidence,) = files(to).values()
    again, _ = run(d, os.path.join(to, next(iter(files(to)))), want=1)
    ports = [{e["client_port"] for e in found} for found in (events, again)]
    assert len(ports[0]) > 40 and len(ports[0] & ports[1]) > 40, (len(ports[0]), len(ports[1]))
    whole = os.path.join(d, "whole")
    run(d, "--write", whole, "--write-buffer", "512M", *MANY, want=1)
    assert len(evidence) < sum(map(len, files(whole).values()))


def test_failures(d):
    for args in (["--write-all"], ["--write", d, "--write-file-size", "1"], ["--write", d, "--write-buffer", "64MB"],
                 ["--write", d, "--write-total", "-1G"], ["--write", d, "--write-file-size", "2G"]):
        _, errors = run(d, *args, STATEFUL, want=2)
        assert "--write" in errors
    file = os.path.join(d, "file")
    open(file, "w").close()
    for where in (file, os.path.join(d, "no", "such")):
        _, errors = run(d, "--write", where, STATEFUL, want=3)
        assert where in errors, errors
    # a disk that is full half-way: the events are complete, the file is whole, and the exit code says that something is missing
    to = os.path.join(d, "full")
    limited = "ulimit -f 2048; trap '' XFSZ; exec \"$@\""
    done = subprocess.run(["bash", "-c", limited, "bash", BINARY, "replay", "--signatures", TREE + "/signatures", "--db",
                           os.path.join(d, "full.db"), "--format", "jsonl", "--write", to, NAMES], cwd=TREE, capture_output=True)
    assert done.returncode == 3 and b"evidence packets: " in done.stderr, done.stderr
    assert len(done.stdout.splitlines()) > 20, "events go on"
    (data,) = files(to).values()
    assert len(data) > 1 << 20 and len(list(blocks(data))) > 1000


def main():
    failed = 0
    for name, test in sorted(globals().items()):
        if name.startswith("test_"):
            with tempfile.TemporaryDirectory() as directory:
                try:
                    test(directory)
                    print("ok      ", name)
                except (AssertionError, subprocess.SubprocessError, ValueError, LookupError, OSError, struct.error) as e:
                    failed += 1
                    line = e.__traceback__
                    while line.tb_next:
                        line = line.tb_next
                    print("FAILED  ", name, "line", line.tb_lineno, type(e).__name__, str(e)[:2000])
    sys.exit(1 if failed else 0)


main()
