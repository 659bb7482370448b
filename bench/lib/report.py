"""Results -> the table that people read and the JSON that programs do. Called by bench/run; measures nothing."""

import json
import os
import platform
import subprocess
import time


def machine(root):
    def lines(path):
        try:
            with open(path) as f:
                return f.read().splitlines()
        except OSError:
            return []

    cpu = next(
        (line.partition(":")[2].strip() for line in lines("/proc/cpuinfo") if line.startswith("model name")), "?"
    )
    memory = next((int(line.split()[1]) >> 10 for line in lines("/proc/meminfo") if line.startswith("MemTotal")), 0)
    release = next(
        (line.partition("=")[2].strip('"') for line in lines("/etc/os-release") if line.startswith("PRETTY_NAME")), "?"
    )
    commit = subprocess.run(
        ["git", "-C", root, "rev-parse", "--short", "HEAD"], capture_output=True, text=True
    ).stdout.strip()
    return {
        "cpu": cpu,
        "cpus": len(os.sched_getaffinity(0)),
        "memory_mb": memory,
        "kernel": platform.release(),
        "system": release,
        "commit": commit,
        "load_before": os.getloadavg()[0],
    }


def number(value, unit):
    if unit == "/s":
        return f"{value:,.0f}{unit}"
    if unit:
        return f"{value:.0f}{unit}" if value >= 10 else f"{value:.1f}{unit}"
    return f"{value:.4f}" if value < 0.1 else f"{value:.3f}"


def print_work(work):
    given = work["input"]
    print(f"\n{work['name']}: {work['what']} ({given['bytes'] / 1e6:.1f} MB, {given['packets']:,} packets)", flush=True)
    for name, run in work["runs"].items():
        print(
            f"  {name:24} {run.median('wall'):9.3f} s  ({min(run.wall):.3f} .. {max(run.wall):.3f})"
            f"   CPU {run.median('cpu'):9.3f} s"
            f"   peak {run.median('peak_kb') / 1024:7.0f} MB"
        )
    for r in work["results"]:
        spread = (
            f"({number(r['least'], r['unit'])} .. {number(r['most'], r['unit'])})" if r["least"] is not None else ""
        )
        target = (
            ""
            if r["target"] is None
            else f"{'>=' if r['at_least'] else '<='} {r['target']:g}{r['unit']}  " + ("met" if r["met"] else "MISSED")
        )
        print(f"  {r['what']:32} {number(r['value'], r['unit']):>14}  {spread:22} {target}".rstrip(), flush=True)


def markdown(works):
    """The rows that bench/README.md keeps."""
    rows = ["| work | measured | figure | spread | target | |", "|---|---|---|---|---|---|"]
    for work in works:
        for r in work["results"]:
            spread = (
                f"{number(r['least'], r['unit'])} to {number(r['most'], r['unit'])}" if r["least"] is not None else ""
            )
            target = "" if r["target"] is None else f"{'>=' if r['at_least'] else '<='} {r['target']:g}{r['unit']}"
            met = {None: "", True: "met", False: "**missed**"}[r["met"]]
            rows.append(
                f"| {work['name']} | {r['what']} | {number(r['value'], r['unit'])} | {spread} | {target} | {met} |"
            )
    return "\n".join(rows) + "\n"


def as_json(path, about, works):
    out = dict(
        about,
        works=[
            dict(
                w,
                runs={n: r.as_json() for n, r in w["runs"].items()},
                input=dict(w["input"], path=os.path.basename(w["input"]["path"])),
            )
            for w in works
        ],
    )
    with open(path, "w") as f:
        json.dump(out, f, indent=1)
        f.write("\n")


def header(host, programs, repeat):
    print(
        f"{time.strftime('%Y-%m-%d %H:%M', time.gmtime())} UTC, {host['cpus']} x {host['cpu']}, "
        f"{host['memory_mb']} MB, {host['system']}, "
        f"Linux {host['kernel']}, commit {host['commit']}, load {host['load_before']:.1f}"
    )
    print(f"{repeat} rounds in turn, medians; ratios are taken round by round, (least .. most)")
    for name, version in programs.items():
        print(f"  {name:24} {version or 'not installed: left out'}")


def verdict(works):
    judged = [r for w in works for r in w["results"] if r["met"] is not None]
    return sum(r["met"] for r in judged), len(judged)
