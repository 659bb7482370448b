"""The works: on which input whom is the sensor held against, and what the house asks of it.

Called by bench/run, which runs each and hands the results to report. A work returns {name, what, input, runs, results};
a result is {what, value, least, most, target, met, unit}: value is a ratio or a figure, target None where it is only
reported.
"""

import sqlite3
import statistics

import timing
from programs import BEFORE, LOOP, NDPI, OURS, OURS2, SURICATA, TSHARK

MB = 1 << 20


class Sizes:
    """What a full run reads, and what --quick does: enough to see that everything works, far too little to measure."""

    def __init__(self, quick, megabytes):
        self.bulk = 2 * MB if quick else megabytes * MB
        self.mix = 3 * MB if quick else megabytes * MB * 3 // 4
        self.api = 1 * MB if quick else megabytes * MB // 10
        self.flows = 2000 if quick else 1_000_000
        self.syns = 4000 if quick else 2_000_000
        self.mcp = 4 if quick else 250


class Bench:
    def __init__(self, inputs, programs, sizes, repeat, mix):
        self.inputs, self.programs, self.sizes, self.repeat, self.mix = inputs, programs, sizes, repeat, mix
        self.log = programs.work + "/last-stderr.txt"

    def in_turn(self, calls, rounds):
        return timing.in_turn(self.programs.timed, calls, rounds, self.log)

    def timed(self, given, names, mcp):
        timing.warm(given["path"])
        calls = {n: self.programs.call(n, given["path"], mcp) for n in names}
        return self.in_turn({n: c for n, c in calls.items() if c}, self.repeat)

    def versus(self, name, what, given, targets, extra=None, mcp=False):
        """targets: {program: the most that its wall clock time may be multiplied by, or None}."""
        targets = dict(targets, **{BEFORE: None})
        runs = self.timed(given, [OURS, *targets], mcp)
        results = [against(runs, OURS, other, target) for other, target in targets.items() if other in runs]
        results += [cpu_against(runs, OURS, other) for other in targets if other in runs]
        results += extra(runs) if extra else []
        results.append(figure("packets a second", given["packets"] / runs[OURS].median("wall"), unit="/s"))
        return {"name": name, "what": what, "input": given, "runs": runs, "results": results}

    def bulk(self):
        return self.versus(
            "bulk",
            "web, TLS, database and DNS traffic",
            self.inputs.bulk(self.sizes.bulk),
            {LOOP: 1.0, NDPI: 0.3, SURICATA: 0.03},
        )

    def mixed(self):
        what = "the operator's mix" if self.mix else "many short flows of many protocols"
        return self.versus(
            "mix",
            what,
            self.inputs.mix(self.sizes.mix, self.mix),
            {LOOP: None, NDPI: 0.25, SURICATA: None},
            lambda runs: [self.mix_memory()],
            mcp=not self.mix,
        )

    def mix_memory(self):
        """Of the operator's file as it is, before it was multiplied; of ours, of all."""
        path = self.inputs.plain(self.mix) if self.mix else self.inputs.mix(self.sizes.mix)["path"]
        prepare, argv, codes = self.programs.ours(path, mcp=not self.mix)
        prepare()
        kb = timing.once(self.programs.timed, argv, codes, self.log)[2]
        return bounded("peak memory, the mix once", kb / 1024, target=64, unit=" MB")

    def tiny(self):
        def memory(runs):
            if NDPI not in runs:
                return []
            return [bounded("memory / ndpiReader's", *timing.ratio(runs, OURS, NDPI, "peak_kb"), 0.1)]

        return self.versus(
            "tiny",
            "a million tiny flows",
            self.inputs.flood("tiny", self.sizes.flows),
            {LOOP: None, NDPI: 0.07},
            memory,
        )

    def syn(self):
        return self.versus(
            "syn",
            "a SYN flood",
            self.inputs.flood("syn", self.sizes.syns),
            {LOOP: None},
            lambda runs: [peak(runs, None)],
        )

    def api(self):
        given = self.inputs.api(self.sizes.api)

        def workers(runs):
            faster = [one / two for one, two in zip(runs[OURS].wall, runs[OURS2].wall)]
            spread = statistics.median(faster), min(faster), max(faster)
            return [bounded("one worker / two workers", *spread, target=1.6, at_least=True)]

        work = self.versus("api", "HTTP/1.1 JSON APIs, every message read", given, {TSHARK: 0.02, OURS2: None}, workers)
        work["results"] = [r for r in work["results"] if OURS2 not in r["what"]]
        return work

    def mcp(self):
        """Twice and four times the traffic should take twice and four times as long, start-up aside."""
        sets = [(n, self.inputs.mcp(n * self.sizes.mcp)) for n in (1, 2, 4)]
        programs = {f"{OURS}, {n}x": self.programs.ours(g["path"], mcp=True) for n, g in sets}
        programs[f"{OURS}, nothing"] = self.programs.ours(self.inputs.empty()["path"])
        for _, given in sets:
            timing.warm(given["path"])
        runs = self.in_turn(programs, self.repeat)
        self.programs.forget_database()
        timing.once(self.programs.timed, self.programs.ours(given["path"])[1], (1,), self.log)
        with sqlite3.connect(f"file:{self.programs.db}?mode=ro", uri=True) as db:
            events, calls = db.execute("SELECT count(*), coalesce(sum(requests), 0) FROM events").fetchone()
        start = runs[f"{OURS}, nothing"]
        wall, cpu = ([runs[f"{OURS}, {n}x"].median(k) - start.median(k) for n in (1, 2, 4)] for k in ("wall", "cpu"))
        # Of times this short a tenth is noise.
        results = [
            figure("events a second", events / wall[2], unit="/s"),
            figure("calls a second", calls / wall[2], unit="/s"),
            figure("packets a second", given["packets"] / wall[2], unit="/s"),
            bounded("time for twice as much / 2", wall[1] / wall[0] / 2, target=1.1),
            bounded("time for four times as much / 4", wall[2] / wall[0] / 4, target=1.1),
            figure("CPU time for four times as much / 4", cpu[2] / cpu[0] / 4),
        ]
        return {
            "name": "mcp",
            "what": f"MCP: {events} events, {calls} calls at 4x",
            "input": given,
            "runs": runs,
            "results": results,
        }

    def open(self):
        """Connections that are all open at once; what one costs is the slope between a tenth of them and all."""
        few, many = self.sizes.flows // 10, self.sizes.flows
        given, less = self.inputs.flood("open", many), self.inputs.flood("open", few)
        for g in (given, less):
            timing.warm(g["path"])
        runs = self.in_turn(
            {OURS: self.programs.ours(given["path"]), f"{OURS}, a tenth": self.programs.ours(less["path"])},
            min(self.repeat, 3),
        )
        each = (runs[OURS].median("peak_kb") - runs[f"{OURS}, a tenth"].median("peak_kb")) * 1024 / (many - few)
        results = [
            peak(runs, 300),
            bounded("bytes of a decided flow", each, target=160, unit=" B"),
            figure("packets a second", given["packets"] / runs[OURS].median("wall"), unit="/s"),
        ]
        return {"name": "open", "what": "a million concurrent flows", "input": given, "runs": runs, "results": results}

    def start(self):
        given = self.inputs.empty()
        runs = self.in_turn({OURS: self.programs.ours(given["path"])}, self.repeat * 2)
        ms = [w * 1000 for w in runs[OURS].wall]
        results = [bounded("start to end of an empty capture", statistics.median(ms), min(ms), max(ms), 100, " ms")]
        return {"name": "start", "what": "start-up", "input": given, "runs": runs, "results": results}

    def all(self):
        return {
            "bulk": self.bulk,
            "mix": self.mixed,
            "tiny": self.tiny,
            "syn": self.syn,
            "api": self.api,
            "mcp": self.mcp,
            "open": self.open,
            "start": self.start,
        }


def bounded(what, value, least=None, most=None, target=None, unit="", at_least=False):
    met = None if target is None else bool(value >= target if at_least else value <= target)
    return {
        "what": what,
        "value": value,
        "least": least,
        "most": most,
        "unit": unit,
        "target": target,
        "at_least": at_least,
        "met": met,
    }


def figure(what, value, unit=""):
    return bounded(what, value, unit=unit)


def against(runs, ours, other, target):
    return bounded(f"time / {other}'s", *timing.ratio(runs, ours, other), target)


def cpu_against(runs, ours, other):
    return bounded(f"CPU time / {other}'s", *timing.ratio(runs, ours, other, "cpu"))


def peak(runs, target):
    return bounded("peak memory", runs[OURS].median("peak_kb") / 1024, target=target, unit=" MB")
