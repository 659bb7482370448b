#!/usr/bin/env python3
"""Holds our HTTP/2 messages against those of tshark, message by message: heads field by field, bodies byte by byte.

usage: test_http2_tshark.py PRINT_HTTP2 SOURCE_TREE [CAPTURE ...]

Without captures: those of pcaps/ that are HTTP/2 from the beginning. Plain pcap, Ethernet, IPv4, nothing lost or reordered.
Ours has content codings removed, so gzip is taken off theirs. Exits with 77 (skipped) where there is no tshark.
"""
import collections, os, shutil, struct, subprocess, sys, zlib
import xml.etree.ElementTree as ET

CAPTURES = ["h2c_node.pcap", "h2c_curl.pcap", "h2c_undici.pcap", "h2c_jsonrpc_homonyms.pcap", "etcd_grpc_watch.pcap"]
PREFACE = b"PRI * HTTP/2.0\r\n"


def segments(path):
    """connection -> [(1 if from the server, bytes)], connections that open with the preface only"""
    data = open(path, "rb").read()
    order = "<" if data[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else ">"
    at, found, clients = 24, collections.OrderedDict(), {}
    while at < len(data):
        caplen = struct.unpack(order + "4I", data[at:at + 16])[2]
        ip = data[at + 30:at + 16 + caplen]
        at += 16 + caplen
        tcp = ip[(ip[0] & 15) * 4:struct.unpack(">H", ip[2:4])[0]]
        payload = tcp[(tcp[12] >> 4) * 4:]
        ends = (ip[12:16] + tcp[0:2], ip[16:20] + tcp[2:4])
        if not payload:
            continue
        key = tuple(sorted(ends))
        if payload.startswith(PREFACE):
            clients[key] = ends[0]
        found.setdefault(key, []).append((ends[0], payload))
    return {key: [(int(who != clients[key]), p) for who, p in parts] for key, parts in found.items() if key in clients}


def ours(program, parts):
    feed = b"".join(bytes([side]) + struct.pack(">I", len(p)) + p for side, p in parts)
    run = subprocess.run([program], input=feed, capture_output=True, check=True)
    messages, heads = collections.defaultdict(bytes), collections.defaultdict(list)
    for line in run.stdout.decode().split("\n"):
        words = line.split(" ")
        if words[0] == "head":
            current = (words[1], int(words[2]))
            heads[current].append([])
        elif words[0] == "field":
            heads[current][-1].append((bytes.fromhex(words[1]), bytes.fromhex(words[2])))
        elif words[0] == "body":
            messages[(words[1], int(words[2]))] += bytes.fromhex(words[3])
        elif words[0] == "anomaly":
            sys.exit("anomaly in an honest capture: " + words[1])
    return heads, messages


def value(field, name):
    hit = next((f for f in field.iter("field") if f.get("name") == name), None)
    return None if hit is None else hit


def theirs(path):
    """connection -> heads, bodies as ours(); streams numbered in the order of their requests"""
    ports = sorted({struct.unpack(">H", end[4:])[0] for key in segments(path) for end in key})
    words = [w for p in ports for w in ("-d", "tcp.port==%d,http2" % p)]
    run = subprocess.run(["tshark", "-r", path, "-T", "pdml", "-Y", "http2"] + words, capture_output=True, check=True)
    result, numbers = {}, {}
    for packet in ET.fromstring(run.stdout).iter("packet"):
        def raw(name):
            return bytes.fromhex(next(f for f in packet.iter("field") if f.get("name") == name).get("value"))
        source = raw("ip.src") + raw("tcp.srcport")
        key = tuple(sorted((source, raw("ip.dst") + raw("tcp.dstport"))))
        heads, bodies, client = result.setdefault(key, (collections.defaultdict(list), collections.defaultdict(bytes), []))
        for frame in packet.iter("field"):
            if frame.get("name") != "http2.stream":
                continue
            if value(frame, "http2.magic") is not None:
                client.append(source)
            kind, stream = value(frame, "http2.type"), value(frame, "http2.streamid")
            if kind is None or kind.get("show") not in ("0", "1", "9"):
                continue
            side, stream = "C" if source in client else "S", (key, stream.get("show"))
            fields = [(bytes.fromhex(value(h, "http2.header.name").get("value") or ""),
                       bytes.fromhex(value(h, "http2.header.value").get("value") or ""))
                      for h in frame.iter("field") if h.get("name") == "http2.header"]
            if fields:
                if side == "C" and stream not in numbers:
                    numbers[stream] = 1 + sum(1 for k, _ in numbers if k == key)
                if fields[0][0].startswith(b":"):  # no trailers
                    heads[(side, numbers[stream])].append(fields)
            data, whole = value(frame, "http2.data.data"), value(frame, "http2.body.reassembled.data")
            if whole is not None:
                bodies[(side, numbers[stream])] = bytes.fromhex(whole.get("value"))
            elif data is not None and data.get("value"):
                bodies[(side, numbers[stream])] += bytes.fromhex(data.get("value"))
    return result


def same_fields(a, b):
    drop = {b":scheme"}
    trim = lambda fields: sorted((n, v.strip()) for n, v in fields if n not in drop and (v or not n.startswith(b":")))
    return trim(a) == trim(b)


def main():
    program, tree = sys.argv[1:3]
    if not shutil.which("tshark"):
        print("skipped: there is no tshark here to compare with")
        sys.exit(77)
    failures = compared = 0
    for path in sys.argv[3:] or [os.path.join(tree, "pcaps", name) for name in CAPTURES]:
        reference = theirs(path)
        for key, parts in segments(path).items():
            heads, bodies = ours(program, parts)
            want_heads, want_bodies, _ = reference[key]
            for message in sorted(set(heads) | set(want_heads)):
                compared += 1
                a, b = heads.get(message, []), want_heads.get(message, [])
                ok = len(a) == len(b) and all(same_fields(x, y) for x, y in zip(a, b))
                if b and (b"content-encoding", b"gzip") in b[-1]:
                    want_bodies[message] = zlib.decompress(want_bodies[message], 47)
                if not ok or bodies.get(message, b"") != want_bodies.get(message, b""):
                    failures += 1
                    print("%s %s: differs\n  ours   %s %d bytes\n  theirs %s %d bytes" % (
                        os.path.basename(path), message, a, len(bodies.get(message, b"")), b, len(want_bodies.get(message, b""))))
    print("%d messages compared, %d differ" % (compared, failures))
    sys.exit(1 if failures or not compared else 0)


if __name__ == "__main__":
    main()
