"""What the fault tests share: file systems of the test's own that can be full or read-only, captures of as many connections as
are wanted, and events held against what `replay` makes of the same frames. Used by test_faults_*.py only."""
import ctypes, json, os, sqlite3, struct, subprocess, tempfile
from harness import *
import harness

CLONE_NEWNS = 0x00020000


def own_mounts():
    """Mounts of this process and its children are nobody else's."""
    if libc.unshare(CLONE_NEWNS) != 0:
        skip("no right to make a mount namespace: " + os.strerror(ctypes.get_errno()))
    command("mount", "--make-rprivate", "/")


def tmpfs(path, size):
    os.makedirs(path, exist_ok=True)
    command("mount", "-t", "tmpfs", "-o", "size=%s,mode=777" % size, "none", path)
    return path


def remount(path, options):
    command("mount", "-o", "remount," + options, path)


def fill(path):
    """A file that takes all the room that there is."""
    name = os.path.join(path, "ballast")
    with open(name, "wb", buffering=0) as f:
        try:
            while True:
                f.write(b"\0" * 4096)
        except OSError:
            pass
    return name


def copies(name, n, to, first=0):
    """n copies of a shipped capture of IPv4 connections, each between other addresses, one after the other, a millisecond from
    frame to frame. The number of frames."""
    frames = list(frames_of(shipped(name)))
    with open(to, "wb") as f:
        f.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 262144, 1))
        for i in range(n * len(frames)):
            copy = first + i // len(frames)
            b = bytearray(frames[i % len(frames)][1])
            if b[12:14] == b"\x08\x00":
                for at in (26, 30):  # source and destination; checksums are not enforced
                    b[at + 1], b[at + 2] = 100 + (copy >> 8), copy & 255
            f.write(struct.pack("<IIII", 1700000000 + i // 1000, i % 1000 * 1000, len(b), len(b)) + b)
    return n * len(frames)


SAME = ("verdict", "confidence", "stage", "methods", "server_methods", "tools_called", "requests", "errors", "packets", "host", "path",
        "transport", "server_name", "client_name")


def states(events):
    """{connection: its last state}, without what depends on when and where it was captured."""
    made = {(e["client_ip"], e["client_port"], e["server_ip"], e["server_port"], e["host"]): {k: e[k] for k in SAME} for e in events}
    check(len(made) == len(events), "%d events of %d connections" % (len(events), len(made)))
    return made


def same_events(db, capture, arguments=()):
    """All events that replay finds in the capture, and no others, each in its last state."""
    want, have_now = states(replay(capture, *arguments)), states(events_in(db))
    check(want, "the capture has no events")
    missing, more = set(want) - set(have_now), set(have_now) - set(want)
    check(not missing and not more, "%d events are missing, %d too many, of %d: %s" %
          (len(missing), len(more), len(want), sorted(missing or more)[:3]))
    for key in want:
        check(want[key] == have_now[key], "%s is in the database as\n%s\nand not as\n%s" % (key, have_now[key], want[key]))
    return len(want)


def integrity(db):
    connection = sqlite3.connect(db, timeout=20)
    try:
        check(connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok", "%s is damaged" % db)
        return connection.execute("SELECT count(*) FROM events").fetchone()[0]
    finally:
        connection.close()


def gone(pid):
    """No such process, or what is left of one."""
    try:
        with open("/proc/%d/stat" % pid) as f:
            return f.read().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def count(live, pattern):
    return sum(1 for line in live.err if re.search(pattern, line))


def check_said_once(live, pattern):
    n = count(live, pattern)
    check(n == 1, "/%s/ was said %d times:\n%s" % (pattern, n, live.said()))


def attempt(*arguments, seconds=PATIENCE, before=None):
    """`shadowtap live` that is expected to refuse: (exit status, what it said)."""
    try:
        done = subprocess.run([BINARY, "live", "--sensor", "test", "--signatures", harness.SIGNATURES, *[str(a) for a in arguments]],
                              capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=seconds, preexec_fn=before)
    except subprocess.TimeoutExpired as e:
        raise AssertionError("hangs: %s\n%s" % (arguments, e.stderr))
    check("Sanitizer" not in done.stderr and done.returncode >= 0, "%s: %d\n%s" % (arguments, done.returncode, done.stderr))
    return done.returncode, done.stderr


shown = 0


def an_event_comes(live, far="far"):
    """Of a connection that was not there before."""
    global shown
    shown += 1
    with tempfile.TemporaryDirectory() as tmp:
        capture = os.path.join(tmp, "one.pcap")
        copies("http_sdk_json", 1, capture, first=shown)
        before = live.sql("SELECT count(*) FROM events")[0][0]
        send(capture, far)
        wait_until(lambda: "an event after\n" + live.said(), lambda: live.sql("SELECT count(*) FROM events")[0][0] > before)


def nothing_waits(live):
    wait_until(lambda: "everything to be written:\n" + live.said(),
               lambda: not any(live.stats()["backlog"][k] for k in ("waiting", "spilled")), every=0.3)


def replay_into(db, capture):
    """(exit status, what it said)"""
    done = subprocess.run([BINARY, "replay", "--quiet", "--sensor", "test", "--signatures", harness.SIGNATURES, "--db", db, capture],
                          capture_output=True, text=True)
    return done.returncode, done.stderr
