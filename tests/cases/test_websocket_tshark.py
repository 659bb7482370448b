#!/usr/bin/env python3
"""Our WebSocket messages and tshark's, message by message, on the same captures.

usage: test_websocket_tshark.py SHADOWTAP SOURCE_TREE

tshark reassembles TCP and names each text message that its own dissector found, unmasked and unfolded. The same TCP payloads go
through our readers (websocket_messages, beside the tests); both lists must be equal, per connection and direction, in order
and to the byte. Exits 77 (skipped), saying so, where tshark is not installed.
"""
import collections, json, os, shutil, subprocess, sys

CAPTURES = ["ws_supergateway.pcap", "lsp_ws_typescript.pcap", "lsp_pylsp_ws.pcap", "ws_subprotocol_mcp_other.pcap"]


def tshark(path, *words):
    run = subprocess.run(["tshark", "-r", path] + list(words), capture_output=True, text=True, timeout=120)
    return run.stdout


def pairs_to_lists(pairs):
    """tshark repeats members: every member becomes a list"""
    out = collections.defaultdict(list)
    for name, value in pairs:
        out[name].append(value)
    return out


def texts_of(node, name=""):
    """the payload texts of a frame, once each, in order"""
    found = []
    if isinstance(node, dict):
        for member, values in node.items():
            for value in values:
                found += texts_of(value, member)
    elif isinstance(node, str) and name == "websocket.payload.text":
        found = [node]
    return list(dict.fromkeys(found))


def their_messages(path):
    """{(tcp stream, 'C' or 'S'): [text]}"""
    found = collections.defaultdict(list)
    for packet in json.loads(tshark(path, "-Y", "websocket", "-T", "json") or "[]", object_pairs_hook=pairs_to_lists):
        layers = packet["_source"][0]["layers"][0]
        for frame in layers["websocket"]:
            client = frame["websocket.mask"][0] in ("1", True, "True")
            found[(layers["tcp"][0]["tcp.stream"][0], "C" if client else "S")] += texts_of(frame)
    return found


def our_messages(program, path):
    lines, clients = collections.defaultdict(list), {}
    for row in tshark(path, "-Y", "tcp.len>0 && !tcp.analysis.retransmission", "-T", "fields", "-e", "tcp.stream", "-e",
                      "tcp.srcport", "-e", "tcp.payload").splitlines():
        stream, source, payload = row.split("\t")
        client = clients.setdefault(stream, source)
        lines[stream].append("%s %s\n" % ("C" if source == client else "S", payload))
    found = collections.defaultdict(list)
    for stream, said in lines.items():
        out = subprocess.run([program], input="".join(said), capture_output=True, text=True, check=True).stdout
        for line in out.splitlines():
            side, whole, payload = (line.split(" ") + [""])[:3]
            if whole != "whole":
                sys.exit("%s: a message of ours is cut" % path)
            found[(stream, side)].append(bytes.fromhex(payload).decode())
    return found


def main():
    binary, tree = sys.argv[1:3]
    program = os.path.join(os.path.dirname(binary), "..", "..", "tests", "cases", "websocket_messages")
    if not shutil.which("tshark"):
        print("skipped: tshark is not installed")
        sys.exit(77)
    for name in CAPTURES:
        path = os.path.join(tree, "pcaps", name)
        theirs, ours = their_messages(path), our_messages(program, path)
        for key in sorted(set(theirs) | set(ours)):
            if theirs[key] != ours[key]:
                first = next((i for i, (a, b) in enumerate(zip(theirs[key], ours[key])) if a != b), min(len(theirs[key]), len(ours[key])))
                sys.exit("%s, connection %s: tshark has %d messages, we have %d; they differ at number %d:\n%s\n%s"
                         % (name, key, len(theirs[key]), len(ours[key]), first, theirs[key][first:first + 1], ours[key][first:first + 1]))
        count = sum(map(len, ours.values()))
        if count < 10:
            sys.exit("%s: only %d messages in it" % (name, count))
        print("%s: %d messages, the same" % (name, count))


main()
