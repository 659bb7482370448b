#!/usr/bin/env python3
"""DNS: what our reader makes of answers against what follows from tshark's records: name, type, code, addresses and their TTLs.

usage: test_dns_tshark.py PRINT_DNS SOURCE_TREE            the shipped captures; 77 (skipped) without tshark
       test_dns_tshark.py PRINT_DNS CAPTURE...             those, and what differs
"""
import collections, glob, ipaddress, os, re, shutil, subprocess, sys
import xml.etree.ElementTree as ET

HOST = re.compile(r"^[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*$")


def is_address(text):
    try:
        ipaddress.ip_address(text)
        return True
    except ValueError:
        return False


def fields(element):
    for f in element.iter("field"):
        yield f.get("name"), f


def value(element, *names):
    for name, f in fields(element):
        if name in names:
            return f.get("show")
    return None


def read(dns):
    """One <proto name="dns"> -> a row as print_dns writes it, or None."""
    if value(dns, "dns.flags.response") not in ("1", "True") or value(dns, "dns.count.queries") != "1" or value(dns, "dns.flags.opcode") != "0":
        return None
    if value(dns, "dns.flags.truncated") in ("1", "True") or "_ws.malformed" in {n for n, _ in fields(dns)}:
        return None
    name, kind, code = (value(dns, "dns.qry.name") or "").lower(), int(value(dns, "dns.qry.type") or 0), int(value(dns, "dns.flags.rcode") or 0)
    if kind not in (1, 28, 64, 65, 255) or not HOST.match(name) or len(name) > 253 or is_address(name):
        return None
    if int(value(dns, "dns.qry.class") or "0", 0) != 1:
        return None
    answers = [f for f in dns.findall("field") if (f.get("show") or "").startswith("Answers")]
    if int(value(dns, "dns.count.answers") or 0) > 30:
        return None
    records = []
    for group in answers:
        for r in group.findall("field"):
            if int(value(r, "dns.resp.class") or "0", 0) != 1:
                continue
            owner, t = (value(r, "dns.resp.name") or "").lower(), int(value(r, "dns.resp.type") or 0)
            ttl = int(value(r, "dns.resp.ttl") or 0)
            records.append((owner, t, ttl if ttl < 2 ** 31 else 0, r))
    chain, found = [(name, 2 ** 31 - 1)], []

    def alias(target, ttl):
        if target not in [c[0] for c in chain]:
            chain.append((target, ttl))

    def address(text, ttl):
        for i, (a, old) in enumerate(found):
            if a == text:
                found[i] = (a, max(old, ttl))
                return
        found.append((text, ttl))

    for at, so_far in chain:
        for owner, t, ttl, r in records:
            if owner != at:
                continue
            ttl = min(ttl, so_far)
            if t == 5:
                alias(value(r, "dns.cname").lower(), ttl)
            elif t == 1 and kind in (1, 255):
                address(value(r, "dns.a"), ttl)
            elif t == 28 and kind in (28, 255):
                address(value(r, "dns.aaaa"), ttl)
            elif t in (64, 65) and kind in (t, 255):
                target = (value(r, "dns.svcb.svcpriority") and value(r, "dns.svcb.targetname") or "").lower()
                if target not in ("", "<root>"):
                    alias(target, ttl)
                for n, f in fields(r):
                    if n in ("dns.svcb.svcparam.ipv4hint.ip", "dns.svcb.svcparam.ipv6hint.ip"):
                        address(f.get("show"), ttl)
    if kind in (64, 65):
        name = re.sub(r"^(_[^.]*\.)+(?=.)", "", name)
    if code:
        found = []
    return "%s|%d|%d|%s" % (name, kind, code, ",".join("%s/%d" % (str(ipaddress.ip_address(a)), ttl) for a, ttl in found))


def theirs(path):
    out = subprocess.run(["tshark", "-r", path, "-2", "-Y", "dns && (udp.port == 53 || tcp.port == 53)", "-T", "pdml"], capture_output=True).stdout
    rows = collections.Counter()
    try:
        packets = ET.fromstring(out).iter("packet")
    except ET.ParseError:
        return None
    for packet in packets:
        protos = [p.get("name") for p in packet.iter("proto")]
        if "icmp" in protos or "icmpv6" in protos:  # quotes the packet that it is about
            continue
        for dns in packet.iter("proto"):
            row = read(dns) if dns.get("name") == "dns" else None
            if row:
                rows[row] += 1
    return rows


def main():
    if not shutil.which("tshark"):
        sys.exit(77)
    program, paths = sys.argv[1], sys.argv[2:]
    if len(paths) == 1 and os.path.isdir(paths[0]):
        paths = sorted(glob.glob(os.path.join(paths[0], "pcaps", "dns_*.pcap*")))
    equal = wrong = with_dns = 0
    for path in paths:
        a = theirs(path)
        if a is None:
            continue
        run = subprocess.run([program, path], capture_output=True, text=True)
        if run.returncode != 0:
            continue  # no capture file
        b = collections.Counter(run.stdout.splitlines())
        with_dns += bool(a or b)
        equal += sum((a & b).values())
        for row, n in sorted((a - b).items()):
            wrong += n
            print("%s: tshark alone, %d times: %s" % (os.path.basename(path), n, row))
        for row, n in sorted((b - a).items()):
            wrong += n
            print("%s: we alone, %d times: %s" % (os.path.basename(path), n, row))
    print("%d captures with answers, %d answers equal, %d differ" % (with_dns, equal, wrong))
    sys.exit(1 if wrong or not equal else 0)


main()
