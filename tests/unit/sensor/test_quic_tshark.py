#!/usr/bin/env python3
"""QUIC: our hellos against those of tshark: who asked whom for which name, in which version, offering what.

usage: test_quic_tshark.py PRINT_QUIC SOURCE_TREE            the shipped captures; 77 (skipped) without a tshark that opens QUIC
       test_quic_tshark.py PRINT_QUIC CAPTURE...             those, and what differs
"""
import glob, os, shutil, subprocess, sys

FIELDS = ["ip.src", "ipv6.src", "udp.srcport", "ip.dst", "ipv6.dst", "udp.dstport", "quic.version", "tls.handshake.type",
          "tls.handshake.extensions_server_name", "tls.handshake.extensions_alpn_str"]


def theirs(path):
    cmd = ["tshark", "-r", path, "-Y", "quic && tls.handshake.type == 1", "-T", "fields", "-E", "separator=|", "-E", "occurrence=a"]
    for f in FIELDS:
        cmd += ["-e", f]
    out = subprocess.run(cmd, capture_output=True, text=True, env=dict(os.environ, TZ="UTC")).stdout
    hellos = set()
    for line in out.splitlines():
        v = line.split("|")
        last = [x.split(",")[-1] for x in v]  # of nested IP headers the innermost
        client = (last[0] if v[0] else last[1], last[2])
        server = (last[3] if v[3] else last[4], last[5])
        hellos.add((*client, *server, v[6].split(",")[0], v[8].split(",")[0], ",".join(v[9].split(",")[:8])))  # we keep 8 protocols
    return hellos


def ours(program, path):
    run = subprocess.run([program, path], capture_output=True, text=True)
    if run.returncode != 0:
        sys.exit("%s: print_quic failed: %s" % (path, run.stderr))
    rows = [line.split("|") for line in run.stdout.splitlines()]
    # a hello is told again with the server's, and then in the version that the server may have changed to
    asked = {tuple(r[:4] + r[5:7]) for r in rows if not r[8]}
    rows = [r for r in rows if not r[8] or tuple(r[:4] + r[5:7]) not in asked]
    return {tuple(r[:7]) for r in rows if r[7] != "partial"}, {tuple(r[:7]) for r in rows if r[7] == "partial"}


def main():
    if not shutil.which("tshark"):
        sys.exit(77)
    program, paths = sys.argv[1], sys.argv[2:]
    shipped = len(paths) == 1 and os.path.isdir(paths[0])
    if shipped:
        paths = sorted(glob.glob(os.path.join(paths[0], "pcaps", "*quic*.pcap*")))
    equal = wrong = 0
    for path in paths:
        a, (b, part) = theirs(path), ours(program, path)
        equal += len(a & b)
        wrong += len(a ^ b)
        for row in sorted(a - b):
            print("%s: tshark alone%s: %s" % (os.path.basename(path), " (part here)" if row in part else "", " ".join(row)))
        for row in sorted(b - a):
            print("%s: we alone: %s" % (os.path.basename(path), " ".join(row)))
    print("%d captures, %d hellos equal, %d differ" % (len(paths), equal, wrong))
    if shipped and equal == 0:
        sys.exit(77)  # a tshark without libgcrypt, or one older than QUIC
    sys.exit(1 if wrong else 0)


main()
