"""A network of the test's own, `shadowtap live` in it, captures sent past it, and what it then has in its database.

Used by the test_*.py of this folder, which are called with: SHADOWTAP SOURCE_TREE MISBEHAVING_SENSOR. The test's
process moves into a network namespace of its own: interface names clash with nobody's, tests run side by side, and all of
it goes when the process goes, however that comes about. Where that cannot be done the test is skipped (exit code 77).
"""
import atexit, ctypes, glob, gzip, json, os, re, shutil, signal, socket, sqlite3, struct, subprocess, sys, tempfile
import threading, time

SKIPPED = 77
CLONE_NEWNET = 0x40000000
PR_SET_PDEATHSIG = 1
SECONDS_IN_ALL = 110  # below CTest's own limit, so that everything is cleaned up
PATIENCE = 30         # for what takes a moment on an idle machine: it may be loaded, and the build has sanitizers

BINARY, TREE = (os.path.abspath(p) for p in sys.argv[1:3])
MISBEHAVING = os.path.abspath(sys.argv[3]) if len(sys.argv) > 3 else None
libc = ctypes.CDLL(None, use_errno=True)


def skip(why):
    print("skipped: " + why)
    sys.exit(SKIPPED)


def check(condition, text):
    if not condition:
        raise AssertionError(text)


def wait_until(what, predicate, seconds=PATIENCE, every=0.02):
    """The predicate's first true value."""
    end = time.monotonic() + seconds
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError("waited %g s in vain: %s" % (seconds, what() if callable(what) else what))
        time.sleep(every)


# ---- the test's own place ----

def die_with_parent():
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def command(*words, **more):
    done = subprocess.run([str(w) for w in words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **more)
    check(done.returncode == 0, "%s: %s" % (" ".join(str(w) for w in words), done.stdout))
    return done.stdout


def have(*programs):
    for program in programs:
        if not shutil.which(program):
            skip("%s is not installed" % program)


def own_network():
    """Called once at the start of a test."""
    if os.geteuid() != 0:
        skip("not root")
    have("ip", "tcpreplay")
    if libc.unshare(CLONE_NEWNET) != 0:
        skip("no right to make a network namespace: " + os.strerror(ctypes.get_errno()))
    # The kernel's own neighbour discovery would be traffic that nobody sent.
    for which in ("default", "all"):
        with open("/proc/sys/net/ipv6/conf/%s/disable_ipv6" % which, "w") as f:
            f.write("1")
    command("ip", "link", "set", "lo", "up")
    probe = ["ip", "link", "add", "probe0", "type", "veth", "peer", "name", "probe1"]
    if subprocess.run(probe, capture_output=True).returncode:
        skip("this kernel has no veth interfaces")
    command("ip", "link", "del", "probe0")
    signal.signal(signal.SIGALRM, out_of_time)
    signal.alarm(SECONDS_IN_ALL)


def out_of_time(number, frame):
    raise TimeoutError("the test takes longer than %d seconds" % SECONDS_IN_ALL)


def no_offloads(interface):
    """What is captured is what was sent: nothing joined or left for a card to finish."""
    if shutil.which("ethtool"):
        subprocess.run(["ethtool", "-K", interface, "rx", "off", "tx", "off", "sg", "off", "tso", "off", "gso", "off",
                        "gro", "off", "rxvlan", "off", "txvlan", "off"], capture_output=True)


def veth(near="near", far="far", arp=False, mtu=65535):
    """What is sent into far arrives at near. With arp: for stations that speak for themselves."""
    command("ip", "link", "add", near, "type", "veth", "peer", "name", far)
    for name in (near, far):
        command("ip", "link", "set", name, "mtu", mtu, "arp", "on" if arp else "off", "up")
        no_offloads(name)
    return near, far


def other_namespace(interface, address):
    """Moves an interface into a further namespace, with an address. The words to put before a command to run there."""
    holder = Program(["unshare", "--net", "sleep", "1000"])
    inside = ["nsenter", "--target", str(holder.pid), "--net"]
    own = os.readlink("/proc/self/ns/net")
    wait_until("a further namespace", lambda: os.readlink("/proc/%d/ns/net" % holder.pid) != own)
    command("ip", "link", "set", interface, "netns", holder.pid)
    command(*inside, "ip", "addr", "add", address, "dev", interface)
    command(*inside, "ip", "link", "set", interface, "up")
    return inside


def workspace():
    """A directory that other users can look into, gone at the end."""
    path = tempfile.mkdtemp(prefix="shadowtap-live-")
    os.chmod(path, 0o755)
    atexit.register(shutil.rmtree, path, True)
    return path


def signatures_for_all():
    """The tree's signatures where other users can read them: a clone may lie in a directory of its owner's alone."""
    inside, path = os.path.join(TREE, "signatures"), os.path.join(TREE, "signatures")
    while os.stat(path).st_mode & 0o005 == 0o005:
        if path == "/":
            return inside
        path = os.path.dirname(path)
    copy = os.path.join(workspace(), "signatures")
    shutil.copytree(inside, copy)
    for directory, _, files in os.walk(copy):
        os.chmod(directory, 0o755)
        for name in files:
            os.chmod(os.path.join(directory, name), 0o644)
    return copy


SIGNATURES = signatures_for_all()


# ---- captures ----

def plain_capture(path, directory):
    """The capture itself, uncompressed in directory where it is compressed."""
    if not path.endswith((".gz", ".zst")):
        return path
    plain = os.path.join(directory, os.path.basename(path).rsplit(".", 1)[0])
    if path.endswith(".gz"):
        with gzip.open(path) as packed, open(plain, "wb") as f:
            shutil.copyfileobj(packed, f)
    else:
        have("zstd")
        command("zstd", "-dqf", path, "-o", plain)
    return plain


def shipped(name):
    found = [p for p in glob.glob(os.path.join(TREE, "pcaps", name + ".pcap*"))]
    check(len(found) == 1, "%s: no such capture" % name)
    return found[0]


def frames_of(path):
    """(time in ns, bytes) of each frame of a classic capture of Ethernet frames."""
    with open(path, "rb") as f:
        head = f.read(24)
        order = {b"\xd4\xc3\xb2\xa1": "<", b"\x4d\x3c\xb2\xa1": "<",
                 b"\xa1\xb2\xc3\xd4": ">", b"\xa1\xb2\x3c\x4d": ">"}.get(head[:4])
        check(order, "%s is no classic capture" % path)
        unit = 1 if b"\x3c" in head[:4] else 1000
        check(struct.unpack(order + "I", head[20:24])[0] & 0xffff == 1, "%s holds no Ethernet frames" % path)
        while True:
            record = f.read(16)
            if len(record) < 16:
                return
            seconds, fraction, captured, _ = struct.unpack(order + "IIII", record)
            yield seconds * 10**9 + fraction * unit, f.read(captured)


def send(capture, far="far", pps=2000, also=()):
    """Sends a capture into an interface with tcpreplay; pps 0: as fast as it goes, None: as fast as it was captured.
    The number of frames."""
    speed = ["--topspeed"] if pps == 0 else [] if pps is None else ["--pps", str(pps)]
    with tempfile.TemporaryDirectory() as tmp:
        # niced: on a loaded machine it must not pause where the capture does not, since packet time is a clock
        out = command("nice", "-n", "-15", "tcpreplay", "-i", far, *speed, *also, plain_capture(capture, tmp))
    sent = re.search(r"Successful packets:\s+(\d+)", out)
    failed = re.search(r"Failed packets:\s+(\d+)", out)
    check(sent and failed and failed.group(1) == "0", "tcpreplay: " + out)
    return int(sent.group(1))


class Sender:
    """Sends single frames into an interface."""

    def __init__(self, interface="far"):
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        self.socket.bind((interface, 0))

    def __call__(self, frame):
        self.socket.send(frame)


class Recorder:
    """What passes out of an interface, as a classic capture with the kernel's times: the file that a sensor at the other end would have written."""

    def __init__(self, path, interface="far"):
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))  # ETH_P_ALL
        self.socket.setsockopt(socket.SOL_SOCKET, 33, 256 << 20)  # SO_RCVBUFFORCE
        self.socket.setsockopt(socket.SOL_SOCKET, 35, 1)  # SO_TIMESTAMPNS
        self.socket.bind((interface, 3))
        self.socket.settimeout(0.2)
        self.file, self.frames, self.ended = open(path, "wb"), 0, False
        self.file.write(struct.pack("<IHHiIII", 0xa1b23c4d, 2, 4, 0, 0, 262144, 1))
        self.thread = threading.Thread(target=self._record, daemon=True)
        self.thread.start()

    def _record(self):
        while True:
            try:
                frame, notes, _, _ = self.socket.recvmsg(262144, 256)
            except socket.timeout:
                if self.ended:
                    return
                continue
            seconds, ns = struct.unpack("qq", notes[0][2][:16])
            self.file.write(struct.pack("<IIII", seconds, ns, len(frame), len(frame)) + frame)
            self.frames += 1

    def stop(self):
        """The number of frames."""
        self.ended = True
        self.thread.join()
        self.file.close()
        self.socket.close()
        return self.frames


# ---- events ----

def events_in(db, binary=None):
    """All events of a database, as `query` shows them."""
    done = subprocess.run([binary or BINARY, "query", "--db", db, "--all", "--min-confidence", "possible",
                           "--format", "jsonl"], capture_output=True, text=True)
    check(done.returncode == 0, "query: " + done.stderr)
    return [json.loads(line) for line in done.stdout.split("\n") if line]


def replay(*captures):
    """The events of captures read from their files."""
    with tempfile.TemporaryDirectory() as tmp:
        db = os.path.join(tmp, "events.db")
        done = subprocess.run([BINARY, "replay", "--quiet", "--sensor", "test", "--signatures", SIGNATURES, "--db", db,
                               *captures], capture_output=True, text=True)
        check(done.returncode in (0, 1), "replay: " + done.stderr)
        return events_in(db)


# ---- the program ----

running = []


@atexit.register
def end_all():
    for program in list(running):
        program.kill()


class Program:
    """A child whose words are collected, line by line."""

    def __init__(self, words, **more):
        self.words = [str(w) for w in words]
        self.out, self.err = [], []
        self.process = subprocess.Popen(self.words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True, errors="backslashreplace",
                                        preexec_fn=die_with_parent, **more)
        self.threads = [threading.Thread(target=self._collect, args=pair, daemon=True)
                        for pair in ((self.process.stdout, self.out), (self.process.stderr, self.err))]
        for t in self.threads:
            t.start()
        running.append(self)

    @staticmethod
    def _collect(stream, lines):
        for line in stream:
            lines.append(line.rstrip("\n"))

    @property
    def pid(self):
        return self.process.pid

    def said(self):
        return "\n".join(self.err)

    def wait_for(self, pattern, seconds=PATIENCE, since=0):
        """The match of the first line on standard error, from line number `since` on, that has the pattern."""
        def look():
            for line in self.err[since:]:
                m = re.search(pattern, line)
                if m:
                    return m
            if self.process.poll() is not None:
                for t in self.threads:
                    t.join(1)
                if not any(re.search(pattern, line) for line in self.err[since:]):
                    raise AssertionError("ended with %d without saying /%s/:\n%s" %
                                         (self.process.returncode, pattern, self.said()))
            return None
        return wait_until(lambda: "/%s/ in:\n%s" % (pattern, self.said()), look, seconds)

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self, seconds=PATIENCE):
        """Its exit status, once it has ended and all it said is here."""
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError("does not end within %g s:\n%s" % (seconds, self.said()))
        for t in self.threads:
            t.join(5)
        return code

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if self in running:
            running.remove(self)


class Live(Program):
    """`shadowtap live`. arguments: besides interface, database, sensor name and signatures."""

    def __init__(self, *arguments, interfaces=("near",), db=None, binary=None, user="root", sensor_user="root",
                 wait=True, env=None, **more):
        self.db = db or os.path.join(workspace(), "events.db")
        words = [binary or BINARY, "live", "--sensor", "test", "--signatures", SIGNATURES, "--db", self.db,
                 "--buffer", "8M"]
        for i in interfaces:
            words += ["-i", i]
        if user:
            words += ["--user", user]
        if sensor_user:
            words += ["--sensor-user", sensor_user]
        super().__init__(words + list(arguments), env=dict(os.environ, **(env or {})), **more)
        if wait:
            self.wait_for(r"reads \d+ interface")

    def pids(self):
        """{"recorder", "launcher", "sensor"}: process ids; without those that are not there."""
        parents = {}
        for path in glob.glob("/proc/[0-9]*/stat"):
            try:
                with open(path) as f:
                    head, _, tail = f.read().rpartition(")")
            except OSError:
                continue  # it has just ended
            pid = int(head.split(" ", 1)[0])
            if tail.split()[0] != "Z":
                parents.setdefault(int(tail.split()[1]), []).append(pid)
        found = {"recorder": self.pid}
        for launcher in parents.get(self.pid, []):
            found["launcher"] = launcher
            for sensor in parents.get(launcher, []):
                found["sensor"] = sensor
        return found

    def stats(self):
        """What SIGUSR1 makes it print."""
        since = len(self.err)
        self.signal(signal.SIGUSR1)
        return json.loads(self.wait_for(r"^shadowtap: (\{.*\})$", since=since).group(1))

    def wait_frames(self, n, seconds=PATIENCE):
        """Until it has read so many frames since it started."""
        wait_until(lambda: "%d frames to be read:\n%s" % (n, self.said()), lambda: self.stats()["packets"] >= n,
                   seconds, 0.3)

    def sql(self, query, *values):
        """Rows of the database while it is being written."""
        if not os.path.exists(self.db):
            return []
        connection = sqlite3.connect("file:%s?mode=ro" % self.db, uri=True, timeout=10)
        try:
            return connection.execute(query, values).fetchall()
        except sqlite3.OperationalError as e:
            if "no such table" in str(e):
                return []
            raise
        finally:
            connection.close()

    def events(self):
        return events_in(self.db)

    def stop(self, seconds=PATIENCE):
        """Tells it to end. Its exit status."""
        self.signal(signal.SIGTERM)
        code = self.wait(seconds)
        if self in running:
            running.remove(self)
        return code


# ---- the test's main ----

def run(*tests):
    """Runs them one after the other; exits 1 if any of them fails."""
    failed = 0
    for test in tests:
        began = time.monotonic()
        try:
            test()
            verdict = "ok"
        except (AssertionError, TimeoutError) as e:
            verdict = "FAILED: %s" % e
            failed += 1
        print("%s (%.1f s): %s" % (test.__name__, time.monotonic() - began, verdict), flush=True)
        end_all()
    sys.exit(1 if failed else 0)
