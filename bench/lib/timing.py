"""Commands -> figures of whole processes: wall clock, CPU time, peak memory.

Called by bench/run. The programs of one work run in turn, round after round, so that a machine that slows down slows
all of them; ratios are taken within a round. Keeps no output of what it runs, other than that of one that failed.
"""

import os
import statistics
import subprocess


class Failed(Exception):
    pass


class Run:
    """One program's figures, a value for each round."""

    def __init__(self):
        self.wall, self.cpu, self.peak_kb = [], [], []

    def median(self, what):
        return statistics.median(getattr(self, what))

    def as_json(self):
        return {"wall_s": self.wall, "cpu_s": self.cpu, "peak_kb": self.peak_kb}


def once(timed, argv, codes=(0,), log=os.devnull):
    """Figures of one process, by the helper `timed`: (wall, cpu, peak_kb)."""
    said = subprocess.run([timed, log, *argv], check=True, capture_output=True, text=True).stdout.split()
    wall, cpu, peak, code = float(said[0]), float(said[1]), int(said[2]), int(said[3])
    if code not in codes:
        errors = "" if log == os.devnull else open(log, errors="replace").read()[-800:]
        raise Failed(f"{' '.join(argv)}: exit code {code}\n{errors}")
    return wall, cpu, peak


def in_turn(timed, programs, rounds, log):
    """programs: {name: (prepare, argv, codes)}. Every other round runs backwards: none always follows the same."""
    runs = {name: Run() for name in programs}
    for number in range(rounds):
        for name in sorted(programs, key=list(programs).index, reverse=number % 2 == 1):
            prepare, argv, codes = programs[name]
            prepare()
            wall, cpu, peak = once(timed, argv, codes, log)
            runs[name].wall.append(wall)
            runs[name].cpu.append(cpu)
            runs[name].peak_kb.append(peak)
    return runs


def ratio(runs, ours, other, what="wall"):
    """Round by round: (median, least, most)."""
    each = [a / b for a, b in zip(getattr(runs[ours], what), getattr(runs[other], what)) if b > 0]
    return (statistics.median(each), min(each), max(each)) if each else (float("nan"),) * 3


def warm(path):
    """The same file in the page cache for all."""
    with open(path, "rb") as f:
        while f.read(1 << 22):
            pass
