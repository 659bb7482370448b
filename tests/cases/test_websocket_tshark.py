#!/usr/bin/env python3
"""Our WebSocket messages and tshark's, message by message, on the same captures.

usage: test_websocket_tshark.py SHADOWTAP SOURCE_TREE

For each capture tshark says which JSON-RPC messages its dissector found in WebSocket frames: method or answer, sender, tool. The
event must count exactly these. Exits 77 (skipped), saying so, where tshark is not installed.
"""
import collections, json, os, shutil, subprocess, sys, tempfile

CAPTURES = ["ws_supergateway.pcap", "lsp_ws_typescript.pcap", "ws_subprotocol_mcp_other.pcap"]


def tshark_messages(path):
    """[(tcp stream, client's port, sender's port, message)] in order of the capture"""
    out = subprocess.run(["tshark", "-r", path, "-Y", "websocket", "-T", "json"], capture_output=True, text=True, timeout=120)
    found = []
    for packet in json.loads(out.stdout or "[]", object_pairs_hook=pairs_to_lists):
        layers = packet["_source"][0]["layers"][0]
        tcp = layers["tcp"][0]
        for frame in layers.get("websocket", []):
            masked = frame["websocket.mask"][0] in ("1", True, "True")
            texts = texts_of(frame) or sum((texts_of(d) for d in layers.get("data-text-lines", [])), [])
            source, destination = tcp["tcp.srcport"][0], tcp["tcp.dstport"][0]
            for text in texts:
                try:
                    m = json.loads(text)
                except ValueError:
                    continue
                if isinstance(m, dict):
                    found.append((tcp["tcp.stream"][0], source if masked else destination, masked, m))
    return found


def pairs_to_lists(pairs):
    """tshark repeats members: every member becomes a list"""
    out = collections.defaultdict(list)
    for name, value in pairs:
        out[name].append(value)
    return out


def texts_of(node):
    """every text in the node, once"""
    found = []
    if isinstance(node, str):
        return [node] if node.startswith("{") else []
    if isinstance(node, dict):
        for name, values in node.items():
            for value in values:
                found += texts_of(name) + texts_of(value)
    if isinstance(node, list):
        for value in node:
            found += texts_of(value)
    return list(dict.fromkeys(found))


def our_events(binary, tree, path):
    with tempfile.TemporaryDirectory() as tmp:
        db = os.path.join(tmp, "events.db")
        subprocess.run([binary, "replay", "--quiet", "--db", db, "--signatures", os.path.join(tree, "signatures"), path],
                       capture_output=True)
        out = subprocess.run([binary, "query", "--db", db, "--all", "--min-confidence", "likely", "--format", "jsonl"],
                             capture_output=True, text=True)
        return [json.loads(line) for line in out.stdout.splitlines()]


def main():
    binary, tree = sys.argv[1:3]
    if not shutil.which("tshark"):
        print("skipped: tshark is not installed")
        sys.exit(77)
    compared = 0
    for name in CAPTURES:
        path = os.path.join(tree, "pcaps", name)
        events = {str(e["client_port"]): e for e in our_events(binary, tree, path)}
        theirs = tshark_messages(path)
        if not theirs:
            sys.exit("%s: tshark found no message in it" % name)
        for port, event in events.items():
            said = [(client, m) for _, at, client, m in theirs if at == port and m.get("jsonrpc") == "2.0"]
            requests = [m for client, m in said if client and "method" in m]
            want = {"methods": dict(collections.Counter(m["method"] for m in requests)),
                    "server_methods": dict(collections.Counter(m["method"] for client, m in said if not client and "method" in m)),
                    "tools_called": dict(collections.Counter(m["params"]["name"] for m in requests if m["method"] == "tools/call")),
                    "requests": sum("id" in m for m in requests),
                    "errors": sum("error" in m for client, m in said if not client)}
            got = {field: event[field] for field in want}
            if want != got:
                sys.exit("%s, client port %s: tshark has %s, we have %s" % (name, port, want, got))
            compared += len(said)
        print("%s: %d messages by tshark, %d events of ours" % (name, len(theirs), len(events)))
    if compared < 15:
        sys.exit("only %d messages compared" % compared)
    print("%d messages, the same" % compared)


main()
