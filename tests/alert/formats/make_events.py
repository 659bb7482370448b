#!/usr/bin/env python3
"""Writes the events that the other tests of this folder make alerts of: those of all captures, those of the golden
cases with a policy, and made-up ones that no capture gives.

usage: make_events.py SHADOWTAP SOURCE_TREE OUT.jsonl
"""

import copy, glob, json, os, shlex, subprocess, sys, tempfile

# Names that would break out of a line, a quoted text, a header, a list, a terminal or the reading direction.
HOSTILE = [
    "a\nCEF:0|fake|fake|1|x|y|9|src=1.1.1.1",
    "a\r\n<13>1 fake",
    "x|y",
    "k=v src=6.6.6.6",
    "cs1=\\",
    "back\\slash\\",
    "]",
    "[x]",
    '"quoted" \\"',
    "\u202egnp.exe",
    "\u200bhidden\u2060",
    "\u001b[2J\u001b]0;t\u0007",
    "\u009b31m",
    "\u007f",
    "\u2028\u2029\u0085",
    "\U000e0041tag",
    "\ufeff",
    "a\ufe0f\u3164",
    "%s%n",
    "${jndi:ldap://x}",
    "</script>",
    " lead",
    "trail ",
    " =",
    "=",
    "|",
    "",
    "\U0001f600",
    "{}",
    "\t",
]


def replay(binary, tree, captures, extra):
    with tempfile.TemporaryDirectory() as tmp:
        db = os.path.join(tmp, "events.db")
        subprocess.run(
            [
                binary,
                "replay",
                "--quiet",
                "--sensor",
                "test",
                "--db",
                db,
                "--signatures",
                os.path.join(tree, "signatures"),
            ]
            + extra
            + captures,
            capture_output=True,
            check=False,
        )
        out = subprocess.run(
            [binary, "query", "--db", db, "--all", "--min-confidence", "possible", "--format", "jsonl"],
            capture_output=True,
            text=True,
            check=True,
        )
    return [json.loads(line) for line in out.stdout.split("\n") if line]


def of_cases(binary, tree):
    events = replay(binary, tree, sorted(glob.glob(os.path.join(tree, "pcaps", "*.pcap*"))), [])
    for policy in sorted(glob.glob(os.path.join(tree, "tests", "cases", "*", "policy.json"))):
        case = os.path.dirname(policy)
        arguments = os.path.join(case, "arguments")
        if os.path.exists(arguments):
            words = [
                os.path.join(tree, w) if w.startswith("pcaps/") else w for w in shlex.split(open(arguments).read())
            ]
        else:
            words = sorted(glob.glob(os.path.join(tree, "pcaps", os.path.basename(case) + ".pcap*")))
        events += replay(binary, tree, words, ["--policy", policy])
    return events


def made_up(full):
    """What no capture gives: every field at once, none that may be null, every grade, hostile names everywhere."""
    yield full
    yield {
        k: (
            None
            if k
            not in (
                "first_seen",
                "last_seen",
                "client_ip",
                "server_ip",
                "client_port",
                "server_port",
                "l4",
                "event_id",
                "verdict",
                "confidence",
                "stage",
                "severity",
                "encrypted",
                "decrypted",
            )
            else v
        )
        for k, v in full.items()
    }
    yield {k: {} if isinstance(v, dict) and k != "proxy" else [] if isinstance(v, list) else v for k, v in full.items()}
    for verdict in ("unauthorized", "violation", "approved"):
        for kind in ("connection", "connector", "tool-change"):
            yield {**full, "verdict": verdict, "kind": kind}
    for severity, confidence, stage in (
        ("info", "possible", "attempted"),
        ("low", "likely", "unknown"),
        ("high", "confirmed", "established"),
    ):
        for direction in ("outbound", "inbound", "internal", "external"):
            yield {**full, "severity": severity, "confidence": confidence, "stage": stage, "direction": direction}
    yield {
        **full,
        "client_ip": "2001:db8::1",
        "server_ip": "2001:db8::2",
        "l4": "udp",
        "http_version": "3",
        "decrypted": False,
    }
    yield {
        **full,
        "encrypted": False,
        "decrypted": False,
        "http_version": "h2c",
        "tls_version": None,
        "sni": None,
        "ja4": None,
        "alpn": None,
    }
    yield {**full, "tls_version": None}
    yield {**full, "first_seen": "1969-12-31T23:59:59.999999Z", "last_seen": "1969-12-31T23:59:59.999999Z"}
    yield {**full, "host": "[2001:db8::5]:8080"}
    yield {**full, "host": "10.1.1.1"}
    yield {
        **full,
        "methods": {"m%d" % i: i for i in range(256)},
        "tools_called": {"tool %d" % i: i for i in range(256)},
    }
    for name in HOSTILE:
        e = copy.deepcopy(full)
        for field in (
            "sni",
            "alpn",
            "ja4",
            "host",
            "path",
            "user_agent",
            "client_name",
            "client_version",
            "server_name",
            "server_version",
            "protocol_version",
            "protocol_version_requested",
            "tls_version",
            "app_label",
            "capture",
            "sensor",
            "rule",
            "signature_set",
        ):
            e[field] = name
        for field in ("methods", "server_methods", "tools_called"):
            e[field] = {name: 3, "other": 1}
        e["reasons"][0]["detail"] = name
        e["findings"] = [name]
        yield e


FULL = {
    "schema_version": 1,
    "kind": "connection",
    "event_id": "9de109d98e6c8fbcc70bff751effab1f",
    "sensor": "tap1",
    "first_seen": "2025-11-22T08:26:40.123456Z",
    "last_seen": "2025-11-22T08:27:39.999999Z",
    "verdict": "violation",
    "confidence": "confirmed",
    "stage": "established",
    "severity": "medium",
    "rule": "files-team",
    "reasons": [
        {
            "signature": "mcp.jsonrpc.initialize",
            "detail": "POST carried an MCP initialize request",
            "time": "2025-11-22T08:26:40.123456Z",
            "frame": 12,
        },
        {
            "signature": "host.mcp.example",
            "detail": "the host is known",
            "time": "2025-11-22T08:26:41.000000Z",
            "frame": 15,
        },
    ],
    "findings": ["policy.auth", "policy.tls"],
    "unverified": ["path"],
    "tags": ["portal"],
    "client_ip": "10.20.30.40",
    "client_port": 51234,
    "server_ip": "203.0.113.9",
    "server_port": 8443,
    "l4": "tcp",
    "direction": "outbound",
    "community_id": "1:zbwxqgXZPnEWvUX1ifVhijY3Eqs=",
    "encapsulation": ["vlan:10", "vxlan:42", "vlan:4094"],
    "client_mac": "02:00:5e:ff:10:0a",
    "proxy": {"kind": "socks5", "address": "203.0.113.9:8443"},
    "claimed_client": [
        {"source": "x-forwarded-for", "address": "192.0.2.43"},
        {"source": "proxy-protocol", "address": "2001:db8::"},
    ],
    "transport": "streamable-http",
    "http_version": "1.1",
    "encrypted": True,
    "decrypted": True,
    "tls_version": "1.3",
    "sni": "mcp.example",
    "alpn": "http/1.1",
    "ja4": "t13d1516h2_8daaf6152771_b186095e22b6",
    "dns_name": "mcp.cdn.example",
    "host": "mcp.example:8443",
    "path": "/v1/mcp",
    "user_agent": "python-httpx/0.27",
    "protocol_version": "2025-06-18",
    "protocol_version_requested": "2025-11-25",
    "client_name": "Zo\u00eb's agent",
    "client_version": "1.2",
    "server_name": "files",
    "server_version": "0.9",
    "joined": ["client_name"],
    "session": "00112233445566778899aabbccddeeff",
    "auth": "bearer",
    "methods": {"initialize": 1, "tools/call": 7},
    "server_methods": {"sampling/createMessage": 2},
    "tools_called": {"read_file": 5, 'delete "all"\n': 2, "(other)": 4},
    "resources_read": {"file:///etc/motd": 3},
    "prompts_got": {"greet": 1, "(other)": 2},
    "requests": 8,
    "errors": 1,
    "packets": {"client": 100, "server": 90},
    "bytes": {"client": 10000, "server": 90000},
    "payload_bytes": {"client": 9000, "server": 80000},
    "app_label": "TLS.HTTP",
    "connector": {"vendor": "anthropic", "api": "api.anthropic.com", "name": "files", "id": None},
    "change": {
        "list": "tools",
        "name": "read_file",
        "parts": ["description", "input-schema"],
        "before": "0" * 64,
        "after": "1" * 64,
        "text_before": None,
        "text_after": None,
    },
    "capture": "a.pcap",
    "first_frame": 11,
    "signature_set": "2026.11.22",
}


def main():
    binary, tree, out = sys.argv[1:4]
    events = of_cases(binary, tree)
    assert len(events) > 80, "only %d events" % len(events)
    with open(out, "w") as f:
        for e in events + list(made_up(FULL)):
            f.write(json.dumps(e) + "\n")
    print("%d events of captures, and made-up ones" % len(events))


if __name__ == "__main__":
    main()
