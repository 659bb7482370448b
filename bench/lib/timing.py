"""Commands -> figures of whole processes: wall clock, CPU time, peak memory.

Called by bench/run. The programs of one work run in turn, round after round, so that a machine that slows down slows all of
them; ratios are taken within a round. Keeps no output of what it runs, other than that of one that failed.
"""
import os
import statistics
import subprocess
import time


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


def once(argv, codes=(0,), log=os.devnull):
    """Figures of one process: (wall, cpu, peak_kb). The kernel counts a process's peak from what its parent had at the fork, so no
    peak is below Python's own, some 15 MB."""
    with open(log, "wb") as out:
        start = time.perf_counter()
        p = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=out)
        _, status, usage = os.wait4(p.pid, 0)
        wall = time.perf_counter() - start
    p.returncode = os.waitstatus_to_exitcode(status)
    if p.returncode not in codes:
        said = "" if log == os.devnull else open(log, errors="replace").read()[-800:]
        raise Failed(f"{' '.join(argv)}: exit code {p.returncode}\n{said}")
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss


def in_turn(programs, rounds, log):
    """programs: {name: (prepare, argv, codes)}. Every other round runs backwards: nobody always follows the same one."""
    runs = {name: Run() for name in programs}
    for number in range(rounds):
        for name in sorted(programs, key=list(programs).index, reverse=number % 2 == 1):
            prepare, argv, codes = programs[name]
            prepare()
            wall, cpu, peak = once(argv, codes, log)
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
