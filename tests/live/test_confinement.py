"""A sensor process that has been taken over gets nowhere: whatever it tries ends it, the recorder says so and counts
it, has another one started and goes on recording. And the rights that the three processes of an honest run are left with.
"""
import os, pwd, re, socket, threading
import harness as h

SIGSYS = r"was ended by signal 31 \(Bad system call\): it made a system call that the sandbox forbids"
UNTRUSTED = r"broke the rules of the channel: it is ended"
SILENT = r"has given no sign of life for ten seconds: it is ended"
# What it does, and what the recorder says of it.
DEEDS = {"open": SIGSYS, "read": SIGSYS, "connect": SIGSYS, "execve": SIGSYS, "fork": SIGSYS, "ptrace": SIGSYS,
         "kill": SIGSYS, "crash": r"was ended by signal 11 \(Segmentation fault\)", "garbage": UNTRUSTED,
         "endless": UNTRUSTED, "down": UNTRUSTED, "lie": UNTRUSTED}
# Side by side, since each process that dies soon after its start makes the recorder wait longer before the next one.
ROWS = [["open", "connect", "garbage", "crash"], ["read", "execve", "endless", "lie"],
        ["fork", "ptrace", "kill", "down"]]


def pump(path, stop):
    """Packets, again and again: a new process does its deed once it sees some."""
    while not stop.is_set():
        h.send(path, pps=2000)
        stop.wait(0.5)


def start(deeds, directory, port, *arguments):
    s = h.Live("--stats-interval", "2s", *arguments, binary=h.MISBEHAVING, wait=False, env={
        "DEEDS": ",".join(deeds), "FORBIDDEN_FILE": os.path.join(directory, "forbidden"), "FORBIDDEN_PORT": str(port),
        "ASAN_OPTIONS": "handle_segv=0"})
    s.deeds = deeds
    return s


def lost_and_replaced(s, times):
    """It died so often, and then another one has begun to read. One that dies at once may not have said that it reads."""
    lost = [i for i, line in enumerate(s.err) if "SENSOR PROCESS LOST" in line]
    return len(lost) == times and any(re.search(r"reads \d+ interface", line) for line in s.err[lost[-1]:])


def check_row(s, directory):
    """All its deeds are done and said; another process is there, which does nothing but its work."""
    h.wait_until(lambda: "another process after %s:\n%s" % (s.deeds, s.said()),
                 lambda: lost_and_replaced(s, len(s.deeds)), 50, 0.1)
    for deed in s.deeds:
        h.check(len([line for line in s.err if re.search(DEEDS[deed], line)]) ==
                len([d for d in s.deeds if DEEDS[d] == DEEDS[deed]]), "%s: not said once:\n%s" % (deed, s.said()))
    h.check(s.stats()["sensor_restarts"] == len(s.deeds), "restarts are not counted: " + str(s.stats()))
    h.check(os.listdir(directory) == [], "there is a file: %s" % os.listdir(directory))


def listener():
    s = socket.create_server(("127.0.0.1", 0))
    s.setblocking(False)
    return s


def nobody_came(s):
    try:
        s.accept()
    except BlockingIOError:
        return True
    return False


def test_taken_over():
    h.veth()
    directory, port = h.workspace(), listener()
    sensors = [start(row, directory, port.getsockname()[1]) for row in ROWS]
    for s in sensors:
        s.wait_for(r"reads \d+ interface")
    stop = threading.Event()
    pumping = threading.Thread(target=pump, args=(h.shipped("http_sdk_json"), stop))
    pumping.start()
    try:
        for s in sensors:
            check_row(s, directory)
    finally:
        stop.set()
        pumping.join()
    h.check(nobody_came(port), "it connected")
    known = {e["host"] for e in h.replay(h.shipped("http_sdk_json"))}
    after = h.shipped("sse_everything")
    expected = len(h.replay(after))
    for s in sensors:
        h.check({e["host"] for e in s.events()} <= known, "events of nobody's connections: %s" % s.events())
    h.send(after)
    for s in sensors:
        later = "SELECT count(*) FROM events WHERE host NOT IN (%s)" % ",".join("?" * len(known))
        h.wait_until(lambda: "events after the deeds:\n" + s.said(), lambda: s.sql(later, *known)[0][0] >= expected, 20)
        h.wait_until(lambda: "health row: %s" % s.sql("SELECT * FROM health_latest"),
                     lambda: s.sql("SELECT sensor_restarts FROM health_latest") == [(len(s.deeds),)])
        h.check(s.stop() == 0, "ended badly:\n" + s.said())


def test_descriptor_is_not_taken():
    """A descriptor that comes along is not received; what came with it is no observation and is counted."""
    directory, port = h.workspace(), listener()
    s = start(["descriptor"], directory, port.getsockname()[1])
    s.wait_for(r"reads \d+ interface")
    before = len(os.listdir("/proc/%d/fd" % s.pid))
    n = h.send(h.shipped("http_sdk_json"))
    s.wait_frames(n)
    stats = s.stats()
    h.check(stats["observations"]["invalid"] == 1 and stats["sensor_restarts"] == 0, str(stats))
    h.wait_until("files of the recorder: %d before" % before,
                 lambda: len(os.listdir("/proc/%d/fd" % s.pid)) <= before)
    h.check(s.stop() == 0, s.said())


def test_hangs():
    """A thread of it that does not come back, wherever that is."""
    directory, port = h.workspace(), listener()
    sensors = [start([deed], directory, port.getsockname()[1]) for deed in ("hang-packet", "hang-capture")]
    for s in sensors:
        s.wait_for(r"reads \d+ interface")
    h.send(h.shipped("http_sdk_json"))
    for s in sensors:
        s.wait_for(r"SENSOR PROCESS LOST: .* another one is started", 40)
        h.wait_until(lambda: "another process:\n" + s.said(), lambda: lost_and_replaced(s, 1))
    h.check(any(re.search(SILENT, line) for line in sensors[0].err), sensors[0].said())
    n = h.send(h.shipped("sse_everything"))
    for s in sensors:
        s.wait_frames(n)
        h.wait_until(lambda: "events:\n" + s.said(), lambda: len(s.sql("SELECT 1 FROM events")) >= 1)
        h.check(s.stats()["sensor_restarts"] == 1 and s.stop() == 0, s.said())


# ---- the rights of an honest run ----

CAPABILITY = {"net_admin": 12, "net_raw": 13, "setpcap": 8}


def status(pid):
    with open("/proc/%d/status" % pid) as f:
        return dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)


def check_rights(s, recorder_uid, sensor_uid):
    pids = s.pids()
    h.check(sorted(pids) == ["launcher", "recorder", "sensor"], "%s:\n%s" % (pids, s.said()))
    of = {name: status(pid) for name, pid in pids.items()}
    for name, st in of.items():
        kept = {f: int(st[f], 16) for f in ("CapInh", "CapPrm", "CapEff", "CapAmb")}
        may = sum(1 << CAPABILITY[c] for c in ("net_admin", "net_raw", "setpcap")) if name == "launcher" else 0
        h.check(kept["CapAmb"] == kept["CapInh"] == 0 and (kept["CapPrm"] | kept["CapEff"]) & ~may == 0,
                "%s: %s" % (name, kept))
        h.check(st["NoNewPrivs"] == "1", "%s may gain rights" % name)
        uid = recorder_uid if name == "recorder" else sensor_uid
        h.check(st["Uid"].split() == 4 * [str(uid)], "%s: uids %s" % (name, st["Uid"]))
        if recorder_uid:
            h.check("0" not in st["Groups"].split(), "%s: groups %s" % (name, st["Groups"]))
    h.check(int(of["launcher"]["CapEff"], 16) >> CAPABILITY["net_raw"] & 1, "the launcher cannot capture")
    h.check(of["sensor"]["Seccomp"] == "2", "the sensor process is not confined")
    h.check(int(of["sensor"]["CapBnd"], 16) == 0, "the sensor's bounding set: " + of["sensor"]["CapBnd"])
    h.check(not os.access("/proc/%d/mem" % pids["sensor"], os.F_OK) or
            os.stat("/proc/%d/mem" % pids["sensor"]).st_uid == 0, "the sensor process is dumpable")


def test_rights():
    s = h.Live()
    check_rights(s, 0, 0)
    h.check(s.stop() == 0, s.said())


def test_users():
    recorder, sensor = pwd.getpwnam("nobody"), pwd.getpwnam("daemon")
    directory = h.workspace()
    os.chown(directory, recorder.pw_uid, recorder.pw_gid)
    s = h.Live("--format", "jsonl", db=os.path.join(directory, "events.db"), user="nobody", sensor_user="daemon")
    check_rights(s, recorder.pw_uid, sensor.pw_uid)
    h.check("runs as root" not in s.said() and "no user of its own" not in s.said(), s.said())
    h.send(h.shipped("http_sdk_json"))
    h.wait_until(lambda: "events on standard output:\n" + s.said(), lambda: s.out)
    h.check(os.stat(s.db).st_uid == recorder.pw_uid, "the database is not the recorder's")
    h.check(s.stop() == 0, s.said())


def test_users_that_are_none():
    s = h.Live(user="nosuchuser", wait=False)
    h.check(s.wait() == 2 and "no such user: nosuchuser" in s.said(), s.said())


if __name__ == "__main__":
    h.own_network()
    h.run(test_taken_over, test_descriptor_is_not_taken, test_hangs, test_rights, test_users, test_users_that_are_none)
