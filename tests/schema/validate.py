#!/usr/bin/env python3
"""Holds what is shipped against the schemas: signatures/*.json, docs/examples/policy*.json. And the schemas against what
they must refuse. Exit code 77 (skipped) without python3-jsonschema."""
import copy
import json
import pathlib
import sys

try:
    import jsonschema
except ImportError:
    print("skipped: python3-jsonschema is not installed")
    sys.exit(77)

ROOT = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parents[2]
bad = []


def validator(name):
    schema = json.loads((ROOT / "schema" / name).read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def check(schema, files):
    if not files:
        bad.append(f"no file to hold against {schema}")
    v = validator(schema)
    for file in files:
        for e in v.iter_errors(json.loads(file.read_text())):
            bad.append(f"{file.relative_to(ROOT)}: /{'/'.join(map(str, e.absolute_path))}: {e.message[:200]}")
    print(f"{schema}: {len(files)} files")


def refuse(schema, good, changes):
    """Each change makes a good document bad; the schema must notice."""
    v = validator(schema)
    for what, change in changes.items():
        document = copy.deepcopy(good)
        change(document)
        if v.is_valid(document):
            bad.append(f"{schema} accepts {what}")
    if not v.is_valid(good):
        bad.append(f"{schema} refuses its own good example: {next(v.iter_errors(good)).message}")


def first(document):
    return document["signatures"][0]


check("signatures.schema.json", sorted((ROOT / "signatures").glob("*.json")))
check("policy.schema.json", sorted((ROOT / "docs" / "examples").glob("policy*.json")))
refuse(
    "signatures.schema.json",
    {"version": "1", "set": "site", "signatures": [
        {"id": "host.mcp.acme.example", "kind": "host", "confidence": "likely", "tier": "dedicated",
         "pattern": "mcp.acme.example", "endpoints": [{"path": "/mcp", "transport": "streamable-http"}],
         "reason": "The server of Acme.", "source": "Acme"},
        {"id": "host.pattern.mcp", "disabled": True}]},
    {
        "an unknown member": lambda d: first(d).update(colour="red"),
        "an unknown member at the root": lambda d: d.update(colour="red"),
        "an unknown kind": lambda d: first(d).update(kind="port"),
        "a host that is confirmed": lambda d: first(d).update(confidence="confirmed"),
        "a shared host that is likely": lambda d: first(d).update(tier="shared"),
        "an ignored host that is evidence": lambda d: first(d).update(tier="ignored"),
        "a host with a scheme": lambda d: first(d).update(pattern="https://mcp.acme.example"),
        "a host in upper case": lambda d: first(d).update(pattern="MCP.acme.example"),
        "no reason": lambda d: first(d).pop("reason"),
        "no source": lambda d: first(d).pop("source"),
        "an id in upper case": lambda d: first(d).update(id="Host"),
        "an id of 64 characters": lambda d: first(d).update(id="a" * 64),
        "an endpoint without path": lambda d: first(d).update(endpoints=[{"transport": "websocket"}]),
        "an endpoint with a query": lambda d: first(d).update(endpoints=[{"path": "/mcp?x"}]),
        "a bare id that is not disabled": lambda d: d["signatures"].append({"id": "x"}),
        "a bare id with disabled: false": lambda d: d["signatures"].append({"id": "x", "disabled": False}),
        "no version": lambda d: d.pop("version"),
        "signatures that are no array": lambda d: d.update(signatures={}),
    })

for line in bad:
    print(line)
sys.exit(1 if bad else 0)
