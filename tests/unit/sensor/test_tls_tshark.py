#!/usr/bin/env python3
"""Holds what we decrypt against what tshark decrypts, byte for byte, for each TLS connection of each capture with a key log.

usage: test_tls_tshark.py PRINT_TLS SOURCE_TREE [CAPTURE ...]

Without captures: some of pcaps/, whose key logs (NAME.keys) lie beside them. Exits with 77 (skipped) where there is no tshark.
"""
import collections, os, shutil, struct, subprocess, sys

CAPTURES = ["tls13_vendor_node.pcap", "tls12_websocket.pcap", "h2_tls12_codex.pcap", "h2_tls_claude.pcap", "proxy_connect_https.pcap"]


def tshark(capture, keys, *words):
    run = subprocess.run(["tshark", "-r", capture, "-o", "tls.keylog_file:" + keys, *words], capture_output=True, text=True, check=True)
    return run.stdout


def connections(capture, keys):
    """tcp.stream -> (server port, [(0 client or 1 server, bytes)]) in the order of packets, each direction in that of its numbers."""
    found = collections.OrderedDict()
    fields = [w for f in ("tcp.stream", "tcp.srcport", "tcp.flags.syn", "tcp.flags.ack", "tcp.seq_raw", "tcp.payload") for w in ("-e", f)]
    for line in tshark(capture, keys, "-Y", "tcp", "-o", "tcp.desegment_tcp_streams:FALSE", "-T", "fields", *fields).splitlines():
        stream, port, syn, ack, seq, payload = (line.split("\t") + [""] * 6)[:6]
        port, seq = int(port.split(",")[0]), int(seq.split(",")[0])
        c = found.setdefault(int(stream), {"client": None, "next": {}, "held": {}, "parts": []})
        if syn in ("1", "True"):
            c["next"][port] = seq + 1 & 0xffffffff
            if ack in ("0", "False"):
                c["client"] = port
            else:
                c["server"] = port
            continue
        data = bytes.fromhex(payload.split(",")[0].replace(":", ""))
        if not data or c["client"] is None:
            continue
        held = c["held"].setdefault(port, {})
        held[seq] = max(data, held.get(seq, b""), key=len)
        while True:
            at = c["next"][port]
            hit = next((s for s in held if (at - s) & 0xffffffff < len(held[s])), None)
            if hit is None:
                break
            part = held.pop(hit)[(at - hit) & 0xffffffff:]
            c["parts"].append((int(port != c["client"]), part))
            c["next"][port] = at + len(part) & 0xffffffff
    return found


def from_hello(parts):
    """Without what came before the ClientHello: a request to a proxy, and its answer."""
    started, kept = set(), []
    for side, part in parts:
        if side not in started and part[:2] == b"\x16\x03":
            started.add(side)
        if side in started:
            kept.append((side, part))
    return kept


def ours(program, keys, parts):
    feed = b"".join(bytes([side]) + struct.pack(">I", len(p)) + p for side, p in parts)
    out = subprocess.run([program, keys], input=feed, capture_output=True, check=True).stdout.decode().split("\n")
    extra = [line for line in out[2:] if line]
    return [bytes.fromhex(out[0]), bytes.fromhex(out[1])], extra


def theirs(capture, keys, stream, server):
    said, first_is_server = [b"", b""], None
    for line in tshark(capture, keys, "-q", "-z", "follow,tls,raw,%d" % stream).splitlines():
        if line.startswith("Node 0: "):
            first_is_server = line.rsplit(":", 1)[1] == str(server)
        elif line.startswith("\t") or (line and all(c in "0123456789abcdef" for c in line)):
            from_first = not line.startswith("\t")
            said[int(from_first == first_is_server)] += bytes.fromhex(line.strip())
    return said


def main():
    program, tree = sys.argv[1:3]
    if not shutil.which("tshark"):
        print("skipped: there is no tshark here to compare with")
        sys.exit(77)
    compared = failures = total = 0
    captures = sys.argv[3:] or [os.path.join(tree, "pcaps", name) for name in CAPTURES]
    for capture in captures:
        keys = os.path.splitext(capture)[0] + ".keys"
        for stream, c in connections(capture, keys).items():
            parts = from_hello(c["parts"])
            if len({side for side, _ in parts}) < 2:
                continue
            mine, extra = ours(program, keys, parts)
            want = theirs(capture, keys, stream, c.get("server"))
            compared += 1
            total += len(mine[0]) + len(mine[1])
            if mine != want or extra:
                failures += 1
                print("%s stream %d: ours %s bytes, theirs %s %s" % (os.path.basename(capture), stream, [len(m) for m in mine],
                                                                     [len(w) for w in want], extra))
    print("%d connections compared, %d bytes, %d differ" % (compared, total, failures))
    sys.exit(1 if failures or not compared else 0)


if __name__ == "__main__":
    main()
