"""What is measured against what: how each program is called on a capture, and where it is.

Called by bench/run. A program that is not installed is left out and named. Installs nothing (bench/install-comparisons
does).
"""

import os
import shutil
import subprocess

OURS, OURS2, BEFORE = "shadowtap", "shadowtap, 2 workers", "shadowtap before"
LOOP, NDPI, SURICATA, TSHARK = "libpcap loop", "ndpiReader", "Suricata", "tshark"
DEBIAN_SURICATA = "/etc/suricata/suricata.yaml"


class Programs:
    def __init__(self, root, binary, before, tools, work):
        """before: another build of the sensor to hold this one against, or None."""
        self.root, self.binary, self.before, self.tools, self.work = root, binary, before, tools, work
        self.db = os.path.join(work, "events.db")
        self.timed = os.path.join(tools, "timed")
        self.suricata_log = os.path.join(work, "suricata")
        self.versions = {
            OURS: first_line([binary, "--version"]),
            LOOP: "bench/tools/pcap_loop.c",
            NDPI: package_version("ndpiReader", "libndpi-bin"),
            TSHARK: package_version("tshark", "tshark"),
            SURICATA: package_version("suricata", "suricata") if os.path.exists(DEBIAN_SURICATA) else None,
        }
        self.versions[OURS2] = self.versions[OURS]
        if before:
            self.versions[BEFORE] = before

    def missing(self):
        return [name for name, version in self.versions.items() if version is None]

    def ours(self, capture, workers=1, mcp=False, binary=None):
        """mcp: the capture holds some. If not, finding some is a failure. Each run starts with no database."""
        return (
            self.forget_database,
            [
                binary or self.binary,
                "replay",
                "--quiet",
                "--db",
                self.db,
                "--signatures",
                f"{self.root}/signatures",
                "--workers",
                str(workers),
                capture,
            ],
            (1,) if mcp else (0,),
        )

    def call(self, name, capture, mcp=False):
        """(prepare, argv, exit codes that are well), or None if it is not installed."""
        if self.versions.get(name) is None:
            return None
        nothing = lambda: None
        if name == OURS:
            return self.ours(capture, 1, mcp)
        if name == OURS2:
            return self.ours(capture, 2, mcp)
        if name == BEFORE:
            return self.ours(capture, 1, mcp, self.before)
        if name == LOOP:
            return (nothing, [os.path.join(self.tools, "pcap_loop"), capture], (0,))
        if name == NDPI:
            return (nothing, ["ndpiReader", "-q", "-i", capture], (0,))
        if name == TSHARK:  # every message read: what it says of each is printed
            return (
                nothing,
                [
                    "tshark",
                    "-n",
                    "-r",
                    capture,
                    "-Y",
                    "http",
                    "-T",
                    "fields",
                    "-e",
                    "http.request.method",
                    "-e",
                    "http.request.uri",
                    "-e",
                    "http.response.code",
                    "-e",
                    "json.value.string",
                ],
                (0,),
            )
        # No rules, EVE as Debian ships it; checksums are not held against a capture.
        return (
            self.forget_suricata,
            ["suricata", "-c", DEBIAN_SURICATA, "-S", os.devnull, "-k", "none", "-l", self.suricata_log, "-r", capture],
            (0,),
        )

    def forget_database(self):
        for end in ("", "-wal", "-shm", "-lock"):
            if os.path.exists(self.db + end):
                os.remove(self.db + end)

    def forget_suricata(self):
        shutil.rmtree(self.suricata_log, ignore_errors=True)
        os.makedirs(self.suricata_log)


def first_line(argv):
    return subprocess.run(argv, capture_output=True, text=True).stdout.partition("\n")[0].strip() or "?"


def package_version(program, package):
    """None if the program is not there."""
    if not shutil.which(program):
        return None
    found = (
        subprocess.run(["dpkg-query", "-W", "-f", "${Version}", package], capture_output=True, text=True).stdout
        if shutil.which("dpkg-query")
        else ""
    )
    return found.strip() or "?"
