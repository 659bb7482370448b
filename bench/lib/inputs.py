"""Small recorded captures -> the large ones that are measured, kept in a cache directory outside the tree.

Called by bench/run. An input is made once for each recipe: its name holds a digest of the generator and all that goes
into it. Records nothing (bench/record does).
"""

import hashlib
import json
import os
import subprocess

# What travels on an office's span port, by bytes.
BULK = {"tls": 60, "web": 25, "database": 13, "dns": 2}
# MCP in the clear, old and new transports; each has a label in pcaps/.
MCP = ["http_everything_stateful", "sse_everything", "http_404_session_expired"]


class Inputs:
    def __init__(self, root, tools, directory):
        self.root, self.tools, self.directory = root, tools, directory
        os.makedirs(directory, exist_ok=True)

    def plain(self, path):
        """An uncompressed copy in the cache, or the file itself."""
        if not path.endswith(".zst"):
            return path
        out = os.path.join(self.directory, "piece-" + digest_of([path]) + "-" + os.path.basename(path)[:-4])
        if not os.path.exists(out):
            subprocess.run(["zstd", "-dqf", path, "-o", out + ".new"], check=True)
            os.replace(out + ".new", out)
        return out

    def piece(self, name):
        return self.plain(os.path.join(self.root, "bench/pieces", name + ".pcap.zst"))

    def made(self, name, tool, before, after=(), sources=()):
        """Runs `tool before... OUTPUT after...` unless that was done already. Returns {path, bytes, packets}."""
        code = [os.path.join(self.root, "bench/tools", f) for f in (tool + ".c", "pcap_out.h")]
        tool = os.path.join(self.tools, tool)
        recipe = digest_of([*code, *sources], json.dumps([before, [os.path.basename(a) for a in after]]))
        path = os.path.join(self.directory, f"{name}-{recipe}.pcap")
        if not os.path.exists(path):
            for old in os.listdir(self.directory):  # of an older recipe
                if old.startswith(name + "-") and old.endswith((".pcap", ".packets")):
                    os.remove(os.path.join(self.directory, old))
            order = (
                [tool, *before, path + ".new", *after] if tool.endswith("multiply") else [tool, *before, path + ".new"]
            )
            subprocess.run(order, check=True, stdout=subprocess.DEVNULL)
            os.replace(path + ".new", path)
        return {"path": path, "bytes": os.path.getsize(path), "packets": packets_in(path)}

    def multiplied(self, name, pieces, size=None, copies=None):
        """pieces: {path: share}."""
        amount = ["-b", str(int(size))] if size else ["-c", str(copies)]
        return self.made(name, "multiply", amount, [f"{p}={s}" for p, s in pieces.items()], list(pieces))

    def flood(self, kind, number):
        return self.made(f"{kind}{number}", "floods", [kind, str(number)])

    def bulk(self, size):
        return self.multiplied("bulk", {self.piece(n): share for n, share in BULK.items()}, size)

    def api(self, size):
        return self.multiplied("api", {self.piece("api"): 1}, size)

    def mcp(self, copies):
        return self.multiplied(f"mcp{copies}", {f"{self.root}/pcaps/{n}.pcap": 1 for n in MCP}, copies=copies)

    def mix(self, size, path=None):
        """The operator's own, or the recorded pieces and the small captures of pcaps/: many short flows."""
        if path:
            return self.multiplied("mix", {self.plain(path): 1}, size)
        pieces = {}
        folder = os.path.join(self.root, "pcaps")
        for name in sorted(os.listdir(folder)):
            full = os.path.join(folder, name)
            if name.endswith(".pcap") and os.path.getsize(full) < 64 << 10 and link_type(full) == 1:
                pieces[full] = 1
        pieces.update({self.piece(n): 6 for n in BULK})
        return self.multiplied("mix", pieces, size)

    def empty(self):
        path = os.path.join(self.directory, "empty.pcap")
        with open(path, "wb") as f:
            f.write(b"\xd4\xc3\xb2\xa1\x02\0\x04\0" + bytes(8) + b"\0\0\x04\0\x01\0\0\0")
        return {"path": path, "bytes": 24, "packets": 0}


def digest_of(paths, text=""):
    h = hashlib.sha256(text.encode())
    for path in paths:
        with open(path, "rb") as f:
            h.update(hashlib.file_digest(f, "sha256").digest())
    return h.hexdigest()[:12]


def link_type(path):
    with open(path, "rb") as f:
        head = f.read(24)
    if head[:4] == b"\xd4\xc3\xb2\xa1":
        return int.from_bytes(head[20:24], "little")
    return -1


def packets_in(path):
    """Of a classic little-endian pcap, as the generators write it; remembered beside it."""
    beside = path + ".packets"
    if not os.path.exists(beside):
        n = 0
        with open(path, "rb", 1 << 20) as f:
            f.seek(24)
            while len(head := f.read(16)) == 16:
                f.seek(int.from_bytes(head[8:12], "little"), 1)
                n += 1
        with open(beside, "w") as f:
            f.write(str(n))
    with open(beside) as f:
        return int(f.read())
