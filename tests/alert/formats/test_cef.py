#!/usr/bin/env python3
"""CEF held against a parser that is not ours (pycef of PyPI, in build/venv). Skipped (77) where it is not installed.

usage: test_cef.py PRINT_ALERTS SOURCE_TREE EVENTS
"""

import glob, json, os, sys

program, tree, path = sys.argv[1:4]
sys.path += glob.glob(os.path.join(tree, "build", "venv", "lib", "python3*", "site-packages"))
try:
    import pycef
except ImportError:
    print("skipped: pycef is not installed (tests/alert/formats/requirements.txt)")
    sys.exit(77)
from test_formats import alerts, spelt

checked = 0
for event, line in zip([json.loads(text) for text in open(path)], alerts(program, "cef", path)):
    got = pycef.parse(line)
    assert got, line
    assert (got["DeviceVendor"], got["DeviceProduct"], got["CEFVersion"]) == ("shadowtap", "shadowtap", "0"), got
    assert got["DeviceEventClassID"].startswith("mcp-") and 0 <= int(got["Severity"]) <= 10
    assert got["externalId"] == event["event_id"] and got["stage"] == event["stage"], got
    assert got.get("src", got.get("Source IPv6 Address")) == event["client_ip"], (
        "a name took the place of a key: %s" % got
    )
    assert got["alertId"] and got["cnt"] and got["rt"]
    # It leaves escapes in place, and drops what is only spaces.
    agent = event["user_agent"]
    if agent and agent.strip() == agent:
        want = "".join(
            "\\n" if c == "\n" else "\\r" if c == "\r" else spelt(c).replace("\\", "\\\\").replace("=", "\\=")
            for c in agent
        )
        assert got["requestClientApplication"] == want, (got["requestClientApplication"], want)
        checked += 1
assert checked > 20
print("%d user agents came out as they went in" % checked)
