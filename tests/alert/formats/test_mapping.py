#!/usr/bin/env python3
"""The table of docs/alerts.md held against what the formats do: each field of the contract is changed alone, and the
members whose value then differs must be those that the table names, no more and no fewer.

usage: test_mapping.py PRINT_ALERTS SOURCE_TREE [EVENTS] [--refresh]
--refresh writes the table anew: only by name, never by a test run.
"""

import json, os, re, subprocess, sys

from make_events import FULL
from test_formats import cef_parse

FORMATS = ["text", "json", "cef", "eve", "zeek", "ecs", "ocsf"]
SHORT = (("alert.context.shadowtap.", "context."), ("unmapped.shadowtap.", "unmapped."), ("evidences.", "evidence."))
SUMMARIES = {"message", "msg"}  # sentences made of several fields
# Another value for each field, as different as it can be.
OTHER = {
    "schema_version": 2,
    "kind": "connector",
    "event_id": "0" * 31 + "1",
    "sensor": "tap2",
    "first_seen": "2025-11-22T08:26:41.223457Z",
    "last_seen": "2025-11-22T08:27:38.888888Z",
    "verdict": "unauthorized",
    "confidence": "likely",
    "stage": "attempted",
    "severity": "high",
    "rule": "other",
    "reasons": [{"signature": "a.b", "detail": "Another", "time": "2025-11-22T08:26:42.000000Z", "frame": 1}],
    "findings": ["policy.path"],
    "unverified": ["auth"],
    "tags": ["code-mode"],
    "client_ip": "10.0.0.1",
    "client_port": 1,
    "server_ip": "192.0.2.1",
    "server_port": 2,
    "l4": "udp",
    "direction": "inbound",
    "community_id": "1:AAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    "encapsulation": ["vlan:1", "gre:2", "vlan:3"],
    "client_mac": "02:00:00:00:00:01",
    "proxy": {"kind": "http-connect", "address": "192.0.2.1:1"},
    "claimed_client": [{"source": "x-forwarded-for", "address": "192.0.2.9"}],
    "transport": "websocket",
    "http_version": "1.0",
    "encrypted": False,
    "decrypted": False,
    "tls_version": "1.2",
    "sni": "other.example",
    "alpn": "h2",
    "ja4": "t12d1111h1_aaaaaaaaaaaa_bbbbbbbbbbbb",
    "dns_name": "other.cdn.example",
    "host": "other.example:1",
    "path": "/other",
    "user_agent": "other",
    "protocol_version": "2024-11-05",
    "protocol_version_requested": "2024-11-05",
    "client_name": "other",
    "client_version": "9",
    "server_name": "other",
    "server_version": "9",
    "joined": ["server_name"],
    "session": "f" * 32,
    "auth": "none",
    "methods": {"ping": 9},
    "server_methods": {"ping": 9},
    "tools_called": {"x": 9},
    "resources_read": {"file:///x": 9},
    "prompts_got": {"x": 9},
    "requests": 99,
    "errors": 99,
    "packets": {"client": 1, "server": 2},
    "bytes": {"client": 1, "server": 2},
    "payload_bytes": {"client": 1, "server": 2},
    "app_label": "Other",
    "connector": {"vendor": "openai", "api": "api.openai.com", "name": "other", "id": None},
    "change": {
        "list": "prompts",
        "name": "other",
        "parts": ["annotations"],
        "before": "2" * 64,
        "after": "3" * 64,
        "text_before": None,
        "text_after": None,
    },
    "capture": "b.pcap",
    "first_frame": 99,
    "signature_set": "other",
}
# Where the full event would hide it: the SNI stands for a host that was not sent.
INSTEAD = {"sni": {"host": None}}


def leaves(value, path, out):
    if isinstance(value, dict):
        for name, inner in value.items():
            leaves(inner, path + "." + name if path else name, out)
    elif (
        isinstance(value, list)
        and value
        and isinstance(value[0], dict)
        and set(value[0]) - {"name", "count", "signature", "source"}
    ):
        for item in value:
            leaves(item, path, out)
    else:
        out.setdefault(path, []).append(value)


def members(form, line):
    if form == "text":
        return {"yes": line}
    if form == "cef":
        header, pairs = cef_parse(line)
        return {**pairs, "signature id": header[4], "name": header[5], "severity": header[6]}
    alert, out = json.loads(line), {}
    if form in ("zeek", "json"):
        return alert
    leaves(alert, "", out)
    return out


def alert_members(program, events):
    """For each format, the members of the alert of each event."""
    text = "".join(json.dumps(e) + "\n" for e in events)
    run = lambda form: subprocess.run(
        [program, form], input=text, capture_output=True, encoding="utf-8", check=True
    ).stdout
    return {form: [members(form, line) for line in run(form).split("\n")[:-1]] for form in FORMATS}


def mapping(program, fields):
    """{field: {format: names}}"""
    bases = [{**FULL, **INSTEAD.get(f, {})} for f in fields]
    before, after = alert_members(program, bases), alert_members(
        program, [{**b, f: OTHER[f]} for f, b in zip(fields, bases)]
    )
    table = {}
    for i, field in enumerate(fields):
        table[field] = {}
        for form in FORMATS:
            old, new = before[form][i], after[form][i]
            changed = {n for n in old if n in new and new[n] != old[n] and n not in SUMMARIES}
            for long, short in SHORT:
                changed = {n.replace(long, short) for n in changed}
            table[field][form] = changed
    return table


def cell(form, names):
    if not names:
        return "-"
    if form == "text":
        return "yes"
    return ", ".join("`%s`" % n for n in sorted(names))


def main():
    arguments = [a for a in sys.argv[1:] if a != "--refresh"]
    program, tree = arguments[:2]
    document = os.path.join(tree, "docs", "alerts.md")
    fields = subprocess.run([program, "--fields"], capture_output=True, text=True, check=True).stdout.split()
    assert set(fields) == set(FULL) == set(OTHER), "fields that this test does not know: %s" % (
        set(fields) ^ set(OTHER)
    )
    table = mapping(program, fields)
    rows = ["| field | " + " | ".join(FORMATS) + " |", "|" + "---|" * (len(FORMATS) + 1)]
    rows += ["| `%s` | " % f + " | ".join(cell(form, table[f][form]) for form in FORMATS) + " |" for f in fields]
    text = open(document, encoding="utf-8").read()
    found = re.search(r"^\| field \| text .*\n(?:\|.*\n)+", text, re.M)
    assert found, "no table in docs/alerts.md"
    if "--refresh" in sys.argv:
        open(document, "w", encoding="utf-8").write(
            text[: found.start()] + "\n".join(rows) + "\n" + text[found.end() :]
        )
        return
    there = found[0].rstrip("\n").split("\n")
    for want, got in zip(rows, there):
        assert want == got, "docs/alerts.md says\n%s\nbut it is\n%s" % (got, want)
    assert len(there) == len(rows), "docs/alerts.md has %d rows, not %d" % (len(there), len(rows))
    for field in fields:
        assert table[field]["json"] == {field}, field
        assert any(table[field][f] for f in FORMATS if f not in ("json", "text")), (
            "%s goes nowhere but into our own JSON" % field
        )
    print("%d fields in %d formats as documented" % (len(fields), len(FORMATS)))


if __name__ == "__main__":
    main()
