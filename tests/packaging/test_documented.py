#!/usr/bin/env python3
"""Holds man pages, completions and the example configuration against `shadowtap COMMAND --help` and the schemas, both
ways. Run by ctest: test_documented.py SHADOWTAP SOURCE"""
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

BINARY, SOURCE = sys.argv[1], pathlib.Path(sys.argv[2])
PACKAGING = SOURCE / "packaging"
os.environ["SHADOWTAP_SIGNATURES"] = str(SOURCE / "signatures")  # a packaged binary is tested with those of its sources
DOCUMENTED = ["live", "replay", "query", "calls", "ack", "unack", "alerts", "offers", "findings", "policy", "signatures", "interfaces", "config"]
VERBS = {"policy": ["check", "test"], "signatures": ["check", "list", "test"], "config": ["check", "show"]}
LONG = r"--([a-z][a-z0-9-]*)"


def run(*arguments, **keywords):
    return subprocess.run(arguments, capture_output=True, text=True, check=False, **keywords)


def commands():
    """The commands that this binary lists."""
    return [name for name in re.findall(r"^  ([a-z]+) ", run(BINARY, "--help").stdout, re.M) if name != "shadowtap"]


def help_options(command):
    """The long options at the start of a line of the help: in examples a line starts with a program's name."""
    found = set()
    for line in run(BINARY, command, "--help").stdout.splitlines():
        if re.match(r"\s+-", line):
            found |= set(re.findall(LONG, re.split(r"\s{2,}(?=[^-\s])", line.strip())[0]))
    return found - {"help"}


def man_options(command):
    found = set()
    for line in (PACKAGING / "man" / f"shadowtap-{command}.1").read_text().splitlines():
        if line.startswith(".It Fl "):
            found |= set(re.findall(r"Fl -([a-z][a-z0-9-]*)", line))
    return found - {"help"}


def bash_reply(*words):
    """What bash would offer for the last word."""
    script = f'source "{PACKAGING}/completion/shadowtap.bash"; ' \
        'COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _shadowtap; ' \
        'printf "%s\\n" "${COMPREPLY[@]}"'
    result = run("bash", "-c", script, "bash", *words)
    assert result.returncode == 0 and not result.stderr, result.stderr
    return set(result.stdout.split())


def bash_options(command):
    found = set()
    for verb in VERBS.get(command, [None]):
        found |= bash_reply("shadowtap", command, *([verb] if verb else []), "--")
    return {word[2:] for word in found if word.startswith("--")} - {"help"}


def zsh_options(command):
    text = (PACKAGING / "completion/_shadowtap").read_text()
    name = {"interfaces": "interfaces_command"}.get(command, command)
    body = re.search(rf"^_shadowtap_{name}\(\) \{{\n(.*?)^\}}", text, re.M | re.S).group(1)
    specs = re.findall(r"^\s+'(?:\([^)]*\))?\*?" + LONG + r"\[|\{-[a-z]," + LONG + r"\}", body, re.M)
    return {a or b for a, b in specs} - {"help"}


def config_names():
    """Every setting of the example configuration, commented out or not."""
    return set(re.findall(r"^#?([a-z][a-z-]*) = ", (PACKAGING / "etc/shadowtap.conf").read_text(), re.M))


def members_of(schema):
    """The names of all members that a JSON Schema describes."""
    if isinstance(schema, list):
        return set().union(*map(members_of, schema)) if schema else set()
    if not isinstance(schema, dict):
        return set()
    found = set(schema.get("properties", {}))
    return found.union(*(members_of(value) for value in schema.values()))


class Documented(unittest.TestCase):
    def test_commands(self):
        self.assertEqual(set(commands()), set(DOCUMENTED), "man pages and completions are those of the commands")
        page = (PACKAGING / "man/shadowtap.1").read_text()
        for command in DOCUMENTED:
            self.assertIn(f".It Cm {command}\n", page)
            self.assertIn(f".Xr shadowtap-{command} 1", page)
        self.assertEqual(bash_reply("shadowtap", ""), set(DOCUMENTED) | {"--help", "--version"})
        zsh = (PACKAGING / "completion/_shadowtap").read_text()
        self.assertEqual(set(re.findall(r"^\t\t'([a-z]+):", zsh, re.M)), set(DOCUMENTED))

    def test_options(self):
        for command in DOCUMENTED:
            wanted = help_options(command)
            with self.subTest(command=command):
                if command != "config":
                    self.assertTrue(wanted, "no options found in the help")
                self.assertEqual(man_options(command), wanted, f"packaging/man/shadowtap-{command}.1")
                self.assertEqual(bash_options(command), wanted, "packaging/completion/shadowtap.bash")
                self.assertEqual(zsh_options(command), wanted, "packaging/completion/_shadowtap")

    def test_values(self):
        self.assertEqual(bash_reply("shadowtap", "replay", "--min-confidence", ""), {"possible", "likely", "confirmed"})
        self.assertEqual(bash_reply("shadowtap", "replay", "--format", "=", "j"), {"json", "jsonl"})
        self.assertEqual(bash_reply("shadowtap", "live", "--format", "n"), {"none"})
        self.assertIn("any", bash_reply("shadowtap", "live", "-i", ""))
        with tempfile.TemporaryDirectory() as folder:
            (pathlib.Path(folder) / "a.pcap").touch()
            self.assertEqual(bash_reply("shadowtap", "replay", f"{folder}/"), {f"{folder}/a.pcap"})
            self.assertEqual(bash_reply("shadowtap", "replay", "--quiet", f"{folder}/"), {f"{folder}/a.pcap"})
            self.assertEqual(bash_reply("shadowtap", "live", "--write", f"{folder}/"), set())

    def test_configuration(self):
        self.assertEqual(config_names(), man_options("live") - {"config"})
        active = re.findall(r"^[^#\n].*", (PACKAGING / "etc/shadowtap.conf").read_text(), re.M)
        for line in active:
            self.assertRegex(line, r"^[a-z-]+ = \S")
        self.assertNotIn("interface", {line.split(" ")[0] for line in active}, "nobody's interface can be guessed")

    def test_configuration_loads(self):
        text = (PACKAGING / "etc/shadowtap.conf").read_text()
        text = text.replace("/etc/shadowtap/policy.json", str(PACKAGING / "etc/policy.json"))
        with tempfile.NamedTemporaryFile("w", suffix=".conf") as file:
            file.write(text + "\ninterface = lo\n")
            file.flush()
            result = run(BINARY, "config", "check", file.name)
            self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
            file.write("no-such-setting = 1\n")
            file.flush()
            self.assertEqual(run(BINARY, "config", "check", file.name).returncode, 2)

    def test_policy_loads(self):
        result = run(BINARY, "policy", "check", str(PACKAGING / "etc/policy.json"))
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        self.assertIn("0 approved, 0 denied", result.stdout)

    def test_findings(self):
        """docs/findings.md lists those that the program knows."""
        found = json.loads(run(BINARY, "findings", "--format", "json").stdout)
        rows = [f"| [`{f['id']}`](findings/{f['id']}.md) | {f['severity']} | {f['title']} |" for f in found]
        text = (SOURCE / "docs/findings.md").read_text()
        self.assertEqual(re.findall(r"^\| \[`.*", text, re.M), rows)

    def test_members(self):
        """Every member of the schemas is in its page of section 5, and the other way round."""
        for page in ("events", "policy", "signatures"):
            schema = json.loads((SOURCE / f"schema/{page.replace('events', 'event')}.schema.json").read_text())
            text = (PACKAGING / f"man/shadowtap-{page}.5").read_text()
            text = re.sub(r"(?s)^\.Sh THE DATABASE.*", "", text, flags=re.M)
            listed = {word for line in re.findall(r"^\.It Sy (.*)", text, re.M) for word in re.findall(r"[\w$]+", line)}
            listed -= {"approved", "violation", "unauthorized"} if page == "policy" else set()
            # An event's inner objects are spelt out in their line; the others' members have lines of their own.
            wanted = set(schema["properties"]) if page == "events" else members_of(schema)
            wanted -= {"approved"} if page == "policy" else {"path"} if page == "signatures" else set()
            with self.subTest(page=page):
                self.assertEqual(listed, wanted, f"packaging/man/shadowtap-{page}.5")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
