"""What surrounds a running sensor misbehaves: nobody reads its output, its policy becomes a pipe, it is stopped for a while, told to
end before it has begun, or its sensor process is lost again and again. Nothing is lost, left behind or given to whom it is not for."""
import os, signal, time
import harness as h

CAPTURE = "http_sdk_json"


def full_pipe():
    """(reading end, writing end) of a pipe that has no room."""
    r, w = os.pipe()
    os.set_blocking(w, False)
    try:
        while True:
            os.write(w, b"\n" * 4096)
    except BlockingIOError:
        pass
    os.set_blocking(w, True)
    return r, w


def live_into(descriptor, *arguments):
    """`live` whose standard output is that descriptor."""
    directory = h.workspace()
    db = os.path.join(directory, "events.db")
    words = ["sh", "-c", 'exec "$@" >&%d' % descriptor, "sh", h.BINARY, "live", "--sensor", "test", "--signatures",
             h.SIGNATURES, "--db", db, "--buffer", "8M", "-i", "near", "--user", "root", "--sensor-user", "root",
             "--format", "jsonl", *arguments]
    s = h.Program(words, pass_fds=(descriptor,))
    s.db = db
    s.wait_for(r"reads 1 interface")
    return s


def rows(s):
    return len(h.events_in(s.db)) if os.path.exists(s.db) else 0


def ends_well(s):
    began = time.monotonic()
    s.signal(signal.SIGTERM)
    h.check(s.wait() == 0, s.said())
    h.check(time.monotonic() - began < 10, "it takes too long to end:\n" + s.said())


def test_output_is_not_read():
    """The database does not wait for whoever reads standard output, and neither does the end."""
    r, w = full_pipe()
    s = live_into(w)
    names = (CAPTURE, "sse_everything")
    expected = 0
    for name in names:
        h.send(h.shipped(name))
        expected += len(h.replay(h.shipped(name)))
        h.wait_until(lambda: "%d events of %d:\n%s" % (rows(s), expected, s.said()), lambda: rows(s) == expected)
    ends_well(s)
    h.check("the last events are not printed" in s.said() and "does not answer" not in s.said(), s.said())
    h.check(rows(s) == expected, "events are lost")
    os.close(r)
    os.close(w)


def test_output_is_closed():
    r, w = os.pipe()
    os.close(r)
    s = live_into(w)
    for name in (CAPTURE, "sse_everything"):
        h.send(h.shipped(name))
    s.wait_for("nobody reads standard output any more")
    expected = sum(len(h.replay(h.shipped(n))) for n in (CAPTURE, "sse_everything"))
    h.wait_until(lambda: "events:\n" + s.said(), lambda: rows(s) == expected)
    ends_well(s)
    h.check(s.said().count("standard output") == 1, "said more than once:\n" + s.said())
    os.close(w)


def opened(pid):
    """{descriptor: what it is} of a process."""
    found = {}
    for fd in os.listdir("/proc/%d/fd" % pid):
        try:
            found[int(fd)] = os.readlink("/proc/%d/fd/%s" % (pid, fd))
        except OSError:
            pass  # closed meanwhile
    return found


def test_descriptors_are_not_handed_on():
    """The processes that read packets have nothing of the recorder's but standard error."""
    directory = h.workspace()
    s = h.Live("--format", "jsonl", "--stats-file", os.path.join(directory, "stats"), "--stats-interval", "1s",
               "--write", os.path.join(directory, "evidence"))
    pids = s.pids()
    output = os.readlink("/proc/%d/fd/1" % s.pid)
    h.check(output.startswith("pipe:"), output)
    for name in ("launcher", "sensor"):
        theirs = opened(pids[name])
        h.check(theirs[0] == theirs[1] == "/dev/null", "%s: %s" % (name, theirs))
        h.check(output not in theirs.values() and not any(directory in x or "events.db" in x for x in theirs.values()),
                "%s has of the recorder's: %s" % (name, theirs))
    h.check(len(opened(pids["launcher"])) <= 5, "launcher: %s" % opened(pids["launcher"]))
    h.check(s.stop() == 0, s.said())


def test_policy_becomes_a_pipe():
    policy = os.path.join(h.workspace(), "policy.json")
    with open(policy, "w") as f:
        f.write('{"version": 1, "approved": []}')
    s = h.Live("--policy", policy)
    os.remove(policy)
    os.mkfifo(policy)
    s.signal(signal.SIGHUP)
    s.wait_for("policy of a live sensor must be a file")
    s.wait_for("old policy and signatures stay in force")
    n = h.send(h.shipped(CAPTURE))
    s.wait_frames(n)
    h.check(s.stop() == 0, s.said())
    again = h.Live("--policy", policy, wait=False)
    h.check(again.wait() == 2 and "must be a file" in again.said(), again.said())


def test_database_is_deleted():
    """Said once; what was not written waits for the next start."""
    s = h.Live("--stats-interval", "1s")
    n = h.send(h.shipped(CAPTURE))
    h.wait_until(lambda: "events:\n" + s.said(), lambda: rows(s) == len(h.replay(h.shipped(CAPTURE))))
    for suffix in ("", "-wal", "-shm"):
        os.remove(s.db + suffix)
    n += h.send(h.shipped("sse_everything"))
    s.wait_frames(n)
    s.wait_for("the database file was deleted or replaced")
    time.sleep(2)
    h.check(s.said().count("deleted or replaced") == 1, s.said())
    s.signal(signal.SIGTERM)
    h.check(s.wait() == 3, s.said())
    again = h.Live(db=s.db)
    hosts = {e["host"] for e in h.replay(h.shipped("sse_everything"))}
    h.wait_until(lambda: "what was spilled:\n" + again.said(), lambda: hosts <= {e["host"] for e in again.events()})
    h.check(again.stop() == 0, again.said())


def test_metrics_are_somebody_elses_pipe():
    """In a directory that others may write to, as node_exporter's is."""
    metrics = os.path.join(h.workspace(), "shadowtap.prom")
    os.mkfifo(metrics + ".new")
    s = h.Live("--metrics", metrics, "--stats-interval", "1s")
    h.wait_until("metrics", lambda: os.path.isfile(metrics))
    h.check(s.stop() == 0, s.said())


def test_database_of_somebody_else():
    """Who starts it as root need not know that it becomes another user."""
    s = h.Live(user="nobody", sensor_user="nobody", wait=False)
    h.check(s.wait() == 3 and "runs as the user nobody" in s.said(), s.said())


def test_told_to_end_at_once():
    """At whatever moment of its start: no loss is said where there was none, nobody is left."""
    for delay in (0.02, 0.05, 0.1, 0.2, 0.4, 0.8):
        s = h.Live(wait=False)
        time.sleep(delay)
        pids = s.pids()
        s.signal(signal.SIGTERM)
        code = s.wait()
        h.check(code in (0, -signal.SIGTERM), "after %g s: %d\n%s" % (delay, code, s.said()))
        h.check("LOST" not in s.said(), s.said())
        h.wait_until("its processes to end: %s" % pids, lambda: not any(os.path.exists("/proc/%d" % p) for p in pids.values()))


def test_stopped_for_a_while():
    """The whole recorder stands still for longer than a sensor process may be silent: that was not the sensor's fault."""
    s = h.Live()
    first = s.pids()["sensor"]
    s.signal(signal.SIGSTOP)
    n = h.send(h.shipped(CAPTURE))
    time.sleep(11.5)
    s.signal(signal.SIGCONT)
    s.wait_frames(n)
    h.wait_until(lambda: "events:\n" + s.said(), lambda: rows(s) == len(h.replay(h.shipped(CAPTURE))))
    h.check(s.pids()["sensor"] == first and "LOST" not in s.said(), s.said())
    h.check(s.stop() == 0, s.said())


def zombies(parent):
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open("/proc/%s/stat" % name) as f:
                    tail = f.read().rpartition(")")[2].split()
                if tail[0] == "Z" and int(tail[1]) == parent:
                    found.append(name)
            except OSError:
                pass
    return found


def lose_sensor(s):
    before = s.pids()["sensor"]
    since = len(s.err)
    os.kill(before, signal.SIGKILL)
    s.wait_for(r"reads \d+ interface", since=since)


def test_nothing_is_left_by_lost_sensors(times=5):
    s = h.Live("--write", os.path.join(h.workspace(), "evidence"))
    lose_sensor(s)
    pids = s.pids()
    before = {name: len(opened(pids[name])) for name in ("recorder", "launcher")}
    for _ in range(times):
        h.send(h.shipped(CAPTURE))
        lose_sensor(s)
    now = {name: len(opened(pids[name])) for name in before}
    h.check(now["launcher"] == before["launcher"] and now["recorder"] <= before["recorder"] + 1, "%s, then %s: %s" %
            (before, now, opened(s.pid)))
    h.check(not zombies(pids["launcher"]) and not zombies(s.pid), "zombies")
    h.check(s.stop() == 0, s.said())


if __name__ == "__main__":
    h.own_network()
    h.veth()
    h.run(test_output_is_not_read, test_output_is_closed, test_descriptors_are_not_handed_on, test_policy_becomes_a_pipe,
          test_database_is_deleted, test_metrics_are_somebody_elses_pipe,
          test_database_of_somebody_else, test_told_to_end_at_once, test_stopped_for_a_while, test_nothing_is_left_by_lost_sensors)
