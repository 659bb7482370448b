#!/usr/bin/env python3
"""What must hold of each format whoever reads it, with nothing from outside: one line, nothing hidden in it, the same
bytes again, the members that the readers know, and what was put in comes out again.

usage: test_formats.py PRINT_ALERTS SOURCE_TREE EVENTS
"""

import json, re, subprocess, sys

FORMATS = ["text", "json", "cef", "eve", "zeek", "ecs", "ocsf"]
# Characters that move the cursor, turn the reading direction or cannot be seen.
HIDDEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3"
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
# From the public schema of EVE: all that an alert of ours may have at the top, in alert, flow, tls, http and ether.
EVE = {
    "": "timestamp event_type host flow_id in_iface pcap_filename pcap_cnt src_ip src_port dest_ip dest_port proto "
    "ip_v vlan community_id "
    "ether app_proto alert tls http flow",
    "alert": "action gid signature_id rev signature category severity xff metadata context",
    "flow": "pkts_toserver pkts_toclient bytes_toserver bytes_toclient start end age alerted",
    "tls": "sni version ja4 server_alpns",
    "http": "hostname http_port url http_user_agent protocol version",
    "ether": "src_mac",
}


def alerts(program, form, events):
    run = subprocess.run([program, form], stdin=open(events), capture_output=True)
    assert run.returncode == 0, "%s: exit code %d: %s" % (form, run.returncode, run.stderr.decode())
    lines = run.stdout.decode("utf-8").split("\n")
    assert lines.pop() == "", form
    return lines


def cef_parse(line):
    """By the letter of ArcSight's CEF: header, then pairs, whose keys follow a space and whose = is not escaped."""
    fields = re.split(r"(?<!\\)(?:\\\\)*\|", line, maxsplit=7)
    assert len(fields) == 8 and fields[0] == "CEF:0", line[:200]
    unescape = lambda s: re.sub(r"\\(.)", lambda m: {"n": "\n", "r": "\r"}.get(m[1], m[1]), s)
    pairs, extension = {}, fields[7]
    starts = [m for m in re.finditer(r"(?:^| )([A-Za-z0-9]+)=", extension)]
    for i, m in enumerate(starts):
        end = starts[i + 1].start() if i + 1 < len(starts) else len(extension)
        assert m[1] not in pairs, "%s twice: %s" % (m[1], line)
        value = extension[m.end() : end]
        assert not re.search(r"(?<!\\)(?:\\\\)*=", value), "a bare = in %s" % value
        pairs[m[1]] = unescape(value)
    return [unescape(f) for f in fields[:7]], pairs


def spelt(text):
    """As the formats for eyes spell it: \\xNN, \\u{NNNN}, and a backslash twice."""
    text = text.replace("\\", "\\\\")
    return HIDDEN.sub(lambda m: ("\\x%02x" if ord(m[0]) < 256 else "\\u{%x}") % ord(m[0]), text)


def check_eve(alert):
    for path, members in EVE.items():
        there = alert if not path else alert.get(path, {})
        assert set(there) <= set(members.split()), "%s: %s" % (path, set(there) - set(members.split()))
    assert (
        re.match(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+0000$", alert["timestamp"])
        and alert["event_type"] == "alert"
    )
    for name, values in alert["alert"]["metadata"].items():
        assert values and all(isinstance(v, str) for v in values), name


def check_json(event, alert, fields):
    assert list(alert) == fields + ["alert_id", "alert_why", "alert_count", "alert_time"], list(alert)
    assert all(alert[f] == event.get(f) for f in fields)


def check_zeek(alert):
    for name, value in alert.items():
        assert isinstance(value, (str, int, float, bool)) or (
            isinstance(value, list)
            and value
            and all(type(v) is type(value[0]) and isinstance(v, (str, int)) for v in value)
        ), "%s: %r" % (name, value)
    assert isinstance(alert["ts"], float) and alert["note"].startswith("MCP::") and "id.orig_h" in alert


def check_cef(event, line):
    header, pairs = cef_parse(line)
    assert (
        header[1:4] == ["shadowtap", "shadowtap", "0.1.0"]
        and header[4].startswith("mcp-")
        and 0 <= int(header[6]) <= 10
    )
    assert all(pairs[k[:-5]] for k in pairs if k.endswith("Label")), "a label without a value"
    exact = lambda s: "".join(c if c in "\r\n" else spelt(c) for c in s)
    for key, field in (
        ("requestClientApplication", "user_agent"),
        ("shadowtapHost", "host"),
        ("deviceExternalId", "sensor"),
        ("shadowtapSni", "sni"),
        ("externalId", "event_id"),
    ):
        if event.get(field):
            assert pairs[key] == exact(event[field]), "%s: %r, not %r" % (key, pairs[key], exact(event[field]))
        else:
            assert key not in pairs, key
    if event.get("capture"):
        assert pairs.get("filePath", pairs.get("deviceInboundInterface")) == exact(event["capture"])
    assert pairs.get("src") == event["client_ip"] or pairs.get("c6a2") == event["client_ip"]


def main():
    program, tree, path = sys.argv[1:4]
    events = [json.loads(line) for line in open(path)]
    fields = subprocess.run([program, "--fields"], capture_output=True, text=True, check=True).stdout.split()
    for form in FORMATS:
        lines = alerts(program, form, path)
        assert len(lines) == len(events), "%s: %d lines of %d events" % (form, len(lines), len(events))
        assert lines == alerts(program, form, path), "%s: other bytes the second time" % form
        for event, line in zip(events, lines):
            assert not HIDDEN.search(line), "%s: hidden characters: %r" % (form, line)
            if form not in ("text", "cef"):
                assert line.isascii(), form
                alert = json.loads(
                    line, object_pairs_hook=lambda p: dict(p) if len(dict(p)) == len(p) else sys.exit("doubled member")
                )
            if form == "eve":
                check_eve(alert)
            elif form == "json":
                check_json(event, alert, fields)
            elif form == "zeek":
                check_zeek(alert)
            elif form == "cef":
                check_cef(event, line)
            elif form == "text":
                assert line.startswith("[%s] " % (event["severity"] or "info")) and event["client_ip"] in line
    print("%d events in %d formats" % (len(events), len(FORMATS)))


if __name__ == "__main__":
    main()
