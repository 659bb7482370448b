#!/usr/bin/env python3
"""EVE, ECS and OCSF held against what their projects publish: Suricata's JSON schema, the list of ECS fields, OCSF's
definitions. The folder that holds them is named by SHADOWTAP_SCHEMAS: suricata-eve.schema.json (OISF/suricata
etc/schema.json), ecs-fields.csv (elastic/ecs generated/csv/fields.csv), ocsf-schema.tar.zst (ocsf/ocsf-schema).
Skipped (77) where it is not set.

usage: test_schemas.py PRINT_ALERTS SOURCE_TREE EVENTS
"""

import csv, datetime, ipaddress, json, os, subprocess, sys, tempfile

program, tree, path = sys.argv[1:4]
schemas = os.environ.get("SHADOWTAP_SCHEMAS")
if not schemas:
    print("skipped: SHADOWTAP_SCHEMAS names no folder of published schemas")
    sys.exit(77)
try:
    import jsonschema
except ImportError:
    print("skipped: python3-jsonschema is not installed")
    sys.exit(77)
from ocsf import Ocsf
from test_formats import alerts


def check_eve(lines):
    schema = json.load(open(os.path.join(schemas, "suricata-eve.schema.json")))
    validator = jsonschema.Draft202012Validator(schema)
    for line in lines:
        for error in validator.iter_errors(json.loads(line)):
            sys.exit("eve: /%s: %s" % ("/".join(map(str, error.absolute_path)), error.message[:300]))
    bad = json.loads(lines[0])
    for change in ({"mcp": {}}, {"timestamp": "2025-11-22T08:27:39Z"}, {"alert": {"mcp": 1}}):
        assert not validator.is_valid({**bad, **change}), "the schema accepts %s" % change


def is_date(value):
    try:
        return (
            isinstance(value, str)
            and value.endswith("Z")
            and bool(datetime.datetime.strptime(value, "%Y-%m-%dT%H:%M:%S.%fZ"))
        )
    except ValueError:
        return False


def is_ip(value):
    try:
        return isinstance(value, str) and bool(ipaddress.ip_address(value))
    except ValueError:
        return False


def is_text(value):
    return isinstance(value, str)


def is_whole(value):
    return isinstance(value, int) and not isinstance(value, bool) and -(2**63) <= value < 2**63


ECS_TYPES = {
    "keyword": is_text,
    "wildcard": is_text,
    "constant_keyword": is_text,
    "match_only_text": is_text,
    "text": is_text,
    "ip": is_ip,
    "long": is_whole,
    "integer": is_whole,
    "date": is_date,
    "boolean": lambda v: isinstance(v, bool),
    "float": lambda v: is_whole(v) or isinstance(v, float),
}
# Ours, and what OpenTelemetry calls it: no field set of ECS may have these names.
OWN = {"shadowtap": None, "mcp": {"mcp.protocol.version": is_text, "mcp.method.name": is_text}}
KINDS = {
    "event.kind": {"alert"},
    "event.category": {"network", "intrusion_detection"},
    "event.type": {"connection", "info"},
    "event.outcome": {"success", "failure", "unknown"},
    "network.direction": {"outbound", "inbound", "internal", "external"},
    "network.type": {"ipv4", "ipv6"},
}


def ecs_leaves(value, path=""):
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from ecs_leaves(inner, path + "." + name if path else name)
    else:
        yield path, value


def check_ecs_field(fields, name, value):
    root = name.split(".")[0]
    if root in OWN:
        known = OWN[root]
        if known is not None:
            assert name in known and all(map(known[name], value if isinstance(value, list) else [value])), (name, value)
        return
    assert name in fields, "%s is no field of ECS" % name
    kind, array = fields[name]
    assert isinstance(value, list) == array, "%s: an array where there is none, or none where there is" % name
    for item in value if array else [value]:
        assert ECS_TYPES[kind](item), "%s is no %s: %r" % (name, kind, item)
        assert item in KINDS.get(name, {item}), (name, item)


def check_ecs(lines):
    rows = list(csv.DictReader(open(os.path.join(schemas, "ecs-fields.csv"))))
    fields = {r["Field"]: (r["Type"], r["Normalization"] == "array") for r in rows}
    assert len(fields) > 1000 and not set(OWN) & {f.split(".")[0] for f in fields}, "our name is one of ECS now"
    for line in lines:
        alert = json.loads(line)
        for name, value in ecs_leaves(alert):
            check_ecs_field(fields, name, value)
        for needed in ("@timestamp", "ecs", "event", "source", "destination", "network", "observer", "rule", "message"):
            assert needed in alert, needed
    for name, value in (
        ("event.kinds", "alert"),
        ("source.port", "1"),
        ("source.ip", "x"),
        ("event.category", "network"),
        ("mcp.tool", "x"),
    ):
        try:
            check_ecs_field(fields, name, value)
        except AssertionError:
            continue
        sys.exit("the check of ECS accepts %s %r" % (name, value))


def check_ocsf(lines):
    with tempfile.TemporaryDirectory() as tmp:
        archive = os.path.join(schemas, "ocsf-schema.tar.zst")
        subprocess.run(["tar", "--zstd", "-xf", archive, "-C", tmp], check=True)
        schema = Ocsf(tmp)
        for line in lines:
            errors = schema.check("findings/detection_finding", json.loads(line))
            assert not errors, "ocsf: %s" % "; ".join(errors[:5])
        good = json.loads(lines[0])
        for what, change in (
            ("no metadata", lambda a: a.pop("metadata")),
            ("a member that is none", lambda a: a.update(mcp=1)),
            ("a wrong caption", lambda a: a.update(severity="Huge")),
            ("a wrong type", lambda a: a.update(type_uid=400106)),
            ("text for a number", lambda a: a.update(time="now")),
            ("an unknown grade", lambda a: a.update(severity_id=42)),
            ("a port that is none", lambda a: a["evidences"][0]["dst_endpoint"].update(port=70000)),
            ("TLS without a version", lambda a: a["evidences"][0].update(tls={"sni": "x"})),
            ("an undeclared profile", lambda a: a["metadata"].update(profiles=[])),
        ):
            bad = json.loads(json.dumps(good))
            change(bad)
            assert schema.check("findings/detection_finding", bad), "the check of OCSF accepts %s" % what


for form, check in (("eve", check_eve), ("ecs", check_ecs), ("ocsf", check_ocsf)):
    lines = alerts(program, form, path)
    check(lines)
    print("%s: %d alerts are valid" % (form, len(lines)))
