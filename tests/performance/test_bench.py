#!/usr/bin/env python3
"""Holds bench/run and its helpers against what they promise: inputs that are what they say, a result of known shape.
Run by ctest: test_bench.py SHADOWTAP SOURCE TOOLS"""

import json
import os
import pathlib
import re
import struct
import subprocess
import sys
import tempfile
import unittest

BINARY, SOURCE, TOOLS = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
WORKS = ["bulk", "mix", "tiny", "syn", "api", "mcp", "open", "start"]
LAYERS = ["decode", "flow", "reassembly", "http1", "jsonrpc", "tls", "signature"]


def run(*arguments, codes=(0,)):
    done = subprocess.run([str(a) for a in arguments], capture_output=True, text=True)
    if done.returncode not in codes:
        raise AssertionError(f"{arguments}: {done.returncode}\n{done.stdout[-2000:]}{done.stderr[-4000:]}")
    return done


def frames(path):
    data = pathlib.Path(path).read_bytes()
    at, before = 24, (0, 0)
    while at < len(data):
        seconds, micros, n, wire = struct.unpack_from("<IIII", data, at)
        assert (seconds, micros) >= before and micros < 1000000 and n <= wire
        before = (seconds, micros)
        yield data[at + 16 : at + 16 + n]
        at += 16 + n
    assert at == len(data)


def sums_right(frame):
    """The checksums of an IPv4 frame's headers and of its TCP or UDP."""

    def total(b):
        b += b"\0" * (len(b) & 1)
        s = sum(struct.unpack(f">{len(b) // 2}H", b))
        while s >> 16:
            s = (s & 0xFFFF) + (s >> 16)
        return s

    ip = frame[14 : 14 + struct.unpack_from(">H", frame, 16)[0]]
    header = (ip[0] & 15) * 4
    body = ip[header:]
    return total(ip[:header]) == 0xFFFF and total(ip[12:20] + struct.pack(">HH", ip[9], len(body)) + body) == 0xFFFF


def ends(frame):
    header = 14 + (frame[14] & 15) * 4
    a, b = (frame[26:30], frame[header : header + 2]), (frame[30:34], frame[header + 2 : header + 4])
    return frame[23], min(a, b), max(a, b)


class Inputs(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.at = pathlib.Path(self.directory.name)

    def tearDown(self):
        self.directory.cleanup()

    def piece(self, name):
        out = self.at / f"{name}.pcap"
        run("zstd", "-dqf", SOURCE / f"bench/pieces/{name}.pcap.zst", "-o", out)
        return out

    def test_copies_have_flows_of_their_own(self):
        for name in ("tls", "dns"):
            piece, out = self.piece(name), self.at / "out.pcap"
            run(TOOLS / "multiply", "-c", 40, "-l", 7, out, piece)
            one, many = list(frames(piece)), list(frames(out))
            self.assertEqual(len(many), 40 * len(one))
            self.assertEqual(len({ends(f) for f in many}), 40 * len({ends(f) for f in one}))
            # What a copy carries is what the piece carries.
            self.assertEqual(
                sorted(f[54:] for f in many if f[23] == 6)[::40], sorted(f[54:] for f in one if f[23] == 6)
            )

    def test_checksums_are_repaired(self):
        out = self.at / "out.pcap"
        run(TOOLS / "multiply", "-c", 3, out, self.piece("dns"), self.piece("tls"))
        self.assertEqual([i for i, f in enumerate(frames(out)) if not sums_right(f)], [])

    def test_the_same_arguments_give_the_same_bytes(self):
        piece, one, two = self.piece("api"), self.at / "one.pcap", self.at / "two.pcap"
        for out in (one, two):
            run(TOOLS / "multiply", "-b", 1 << 20, out, f"{piece}=2", self.piece("dns"))
        self.assertEqual(one.read_bytes(), two.read_bytes())
        self.assertGreaterEqual(one.stat().st_size, 1 << 20)

    def test_events_multiply_too(self):
        def events(capture):
            out = run(
                BINARY,
                "replay",
                "--quiet",
                "--format",
                "jsonl",
                "--db",
                self.at / "e.db",
                "--signatures",
                SOURCE / "signatures",
                capture,
                codes=(0, 1),
            ).stdout
            (self.at / "e.db").unlink()
            return [json.loads(line) for line in out.splitlines()]

        piece, out = SOURCE / "pcaps/http_everything_stateful.pcap", self.at / "out.pcap"
        run(TOOLS / "multiply", "-c", 9, out, piece)
        one, many = events(piece), events(out)
        self.assertGreater(len(one), 0)
        self.assertEqual(len(many), 9 * len(one))
        self.assertEqual(sum(e["requests"] for e in many), 9 * sum(e["requests"] for e in one))

    def test_wrong_use(self):
        run(TOOLS / "multiply", self.at / "out.pcap", codes=(2,))
        run(TOOLS / "multiply", "-c", 1, self.at / "out.pcap", self.at / "none.pcap", codes=(2,))
        run(TOOLS / "floods", "tiny", 0, self.at / "out.pcap", codes=(2,))
        run(TOOLS / "pcap_loop", self.at / "none.pcap", codes=(2,))

    def test_floods(self):
        for kind, packets, flows in (("tiny", 400, 100), ("open", 400, 100), ("syn", 100, 100)):
            out = self.at / "flood.pcap"
            run(TOOLS / "floods", kind, 100, out)
            seen = list(frames(out))
            self.assertEqual((len(seen), len({ends(f) for f in seen})), (packets, flows), kind)
            self.assertTrue(all(map(sums_right, seen)), kind)
            self.assertIn(f"{packets} packets", run(TOOLS / "pcap_loop", out).stdout)
            said = run(BINARY, "replay", "--db", self.at / "f.db", "--signatures", SOURCE / "signatures", out).stderr
            self.assertRegex(said, r"MCP connections +0\n")

    def test_timed(self):
        wall, cpu, peak, code = run(
            TOOLS / "timed", self.at / "err", "sh", "-c", "echo oops >&2; sleep 0.2; exit 3"
        ).stdout.split()
        self.assertEqual((code, (self.at / "err").read_text()), ("3", "oops\n"))
        self.assertGreaterEqual(float(wall), 0.2)
        self.assertLess(float(cpu), 0.2)
        self.assertLess(int(peak), 64 << 10)


class Run(unittest.TestCase):
    def test_quick(self):
        with tempfile.TemporaryDirectory() as work:
            out = os.path.join(work, "result.json")
            said = run(
                SOURCE / "bench/run",
                "--quick",
                "--work-dir",
                work,
                "--bin",
                BINARY,
                "--tools",
                TOOLS,
                "--json",
                out,
                "--markdown",
                os.path.join(work, "table.md"),
                "--without",
                "Suricata",
                "--before",
                BINARY,
            ).stdout
            result = json.loads(pathlib.Path(out).read_text())
            table = pathlib.Path(work, "table.md").read_text()
        self.assertRegex(said, r"Suricata +not installed: left out")
        self.assertEqual((result["format"], result["quick"], result["rounds"]), (1, True, 2))
        self.assertTrue({"cpu", "cpus", "memory_mb", "kernel", "commit"} <= set(result["machine"]))
        self.assertIsNone(result["programs"]["Suricata"])
        self.assertEqual([w["name"] for w in result["works"]], WORKS)
        judged = 0
        for work in result["works"]:
            self.assertTrue({"name", "what", "input", "runs", "results"} <= set(work))
            self.assertGreaterEqual(work["input"]["bytes"], 24)
            self.assertIn("shadowtap", " ".join(work["runs"]))
            for name, figures in work["runs"].items():
                rounds = 4 if work["name"] == "start" else 2
                self.assertEqual(
                    {len(figures[k]) for k in ("wall_s", "cpu_s", "peak_kb")}, {rounds}, (work["name"], name)
                )
                self.assertTrue(all(w > 0 for w in figures["wall_s"]) and all(k > 0 for k in figures["peak_kb"]))
            for r in work["results"]:
                self.assertEqual(set(r), {"what", "value", "least", "most", "unit", "target", "at_least", "met"})
                self.assertIsInstance(r["value"], (int, float))
                if r["target"] is not None:
                    judged += 1
                    self.assertEqual(
                        r["met"], r["value"] >= r["target"] if r["at_least"] else r["value"] <= r["target"]
                    )
                self.assertIn(f"| {work['name']} | {r['what']} |", table)
        bulk = {r["what"]: r for r in result["works"][0]["results"]}
        self.assertEqual(bulk["time / libpcap loop's"]["target"], 1.0)
        self.assertNotIn("time / Suricata's", bulk)
        self.assertGreater(bulk["time / shadowtap before's"]["value"], 0)
        self.assertIsNone(bulk["time / shadowtap before's"]["target"])
        self.assertGreaterEqual(judged, 7)
        mix = {r["what"]: r["target"] for r in result["works"][1]["results"]}
        self.assertEqual(mix["peak memory, the mix once"], 64)
        self.assertRegex(
            said, rf"{sum(bool(r['met']) for w in result['works'] for r in w['results'])} of {judged} targets met"
        )

    def test_a_ratio_is_taken_round_by_round(self):
        sys.path.insert(0, str(SOURCE / "bench/lib"))
        sys.dont_write_bytecode = True
        import timing

        runs = {"a": timing.Run(), "b": timing.Run()}
        runs["a"].wall, runs["b"].wall = [1, 20, 3], [2, 10, 12]
        self.assertEqual(timing.ratio(runs, "a", "b"), (0.5, 0.25, 2))

    def test_wrong_use(self):
        with tempfile.TemporaryDirectory() as work:
            done = run(
                SOURCE / "bench/run",
                "--quick",
                "--only",
                "bulk,nothing",
                "--work-dir",
                work,
                "--bin",
                BINARY,
                "--tools",
                TOOLS,
                codes=(2,),
            )
            self.assertIn("no such work: nothing", done.stderr)
            # What fails to run is no measurement.
            done = run(
                SOURCE / "bench/run",
                "--quick",
                "--only",
                "start",
                "--work-dir",
                work,
                "--bin",
                "/bin/false",
                "--tools",
                TOOLS,
                codes=(2,),
            )
            self.assertIn("exit code", done.stderr)

    def test_micro(self):
        seen = [json.loads(line) for line in run(TOOLS / "micro", "--json", "--seconds", "0.001").stdout.splitlines()]
        for layer in LAYERS:
            self.assertTrue(any(s["name"].startswith(layer) and s["ns"] > 0 for s in seen), layer)
        self.assertEqual(run(TOOLS / "micro", "--only", "nothing", codes=(2,)).stdout, "")


class Guard(unittest.TestCase):
    def test_figures_are_recorded(self):
        figures = json.loads((SOURCE / "bench/guard/instructions.json").read_text())
        self.assertEqual(figures["tolerance"], 0.05)
        for where, counted in figures["instructions_per_packet"].items():
            self.assertTrue(re.fullmatch(r"\S+, (gcc|clang) \d+, glibc [\d.]+, nDPI [\d.]+", where), where)
            self.assertEqual(sorted(counted), ["api", "bulk", "mcp", "syn", "tiny"])


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0]])
