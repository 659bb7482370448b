"""Hangups by the hundred, policies that are broken, few descriptors: it goes on, or says why it cannot; nothing grows."""
from faults import *
import resource


def resident(pid):
    with open("/proc/%d/status" % pid) as f:
        return int(re.search(r"VmRSS:\s+(\d+)", f.read()).group(1))


def hangup_storm():
    """The build that is tested keeps freed memory back for a while (up to what ASAN_OPTIONS allows), so that is kept small."""
    policy = os.path.join(workspace(), "policy.json")
    with open(policy, "w") as f:
        f.write('{"version": 1, "approved": [{"id": "none", "host": "nobody.example"}]}')
    sent = os.path.join(workspace(), "sent.pcap")
    live = Live("--policy", policy, "--stats-interval", "1s", env={"ASAN_OPTIONS": "quarantine_size_mb=1"})
    pids = live.pids()
    frames = copies("http_sdk_json", 60, sent)

    def storm(n):
        for _ in range(n):
            live.signal(signal.SIGHUP)
            time.sleep(0.002)
        since = len(live.err)
        live.stats()  # signals of one kind are merged while they wait: it is through when it answers this one
        return since

    storm(100)
    before = {role: resident(pid) for role, pid in pids.items()}
    sender = subprocess.Popen(["tcpreplay", "-q", "-i", "far", "--pps=3000", sent], preexec_fn=die_with_parent,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    storm(500)
    check(sender.wait(PATIENCE) == 0, "tcpreplay failed")
    live.wait_frames(frames)
    check(live.pids() == pids, "other processes than before")
    check(count(live, "policy and signatures are read again") > 3, "it did not reload")  # signals that wait are merged
    for role, pid in pids.items():
        now = resident(pid)
        check(now < before[role] * 1.25 + 20000, "the %s grew from %d to %d KiB" % (role, before[role], now))
    with open("/proc/%d/task/%d/children" % (live.pid, live.pid)) as f:
        check(len(f.read().split()) == 1, "children were left behind")
    s = live.stats()
    check(s["kernel_drops"] == 0 and s["sensor_restarts"] == 0, str(s))
    check(live.stop() == 0, "ends badly:\n" + live.said())
    same_events(live.db, sent, ("--policy", policy))


def broken_policy():
    policy = os.path.join(workspace(), "policy.json")
    good = '{"version": 1, "approved": [{"id": "all", "host": "*.example"}, {"id": "ip", "address": "10.0.0.0/8"}]}'
    with open(policy, "w") as f:
        f.write(good)
    live = Live("--policy", policy, "--stats-interval", "1s")
    an_event_comes(live)
    verdict = live.sql("SELECT verdict, rule FROM events")
    for text in ("{", good.replace("host", "hots"), '{"version": 99}', None):
        since = len(live.err)
        if text is None:
            os.unlink(policy)
        else:
            with open(policy, "w") as f:
                f.write(text)
        live.signal(signal.SIGHUP)
        live.wait_for("policy.json", since=since)
        live.wait_for("the old policy and signatures stay in force", since=since)
        an_event_comes(live)
    now = live.sql("SELECT verdict, rule FROM events")
    check(set(now) == set(verdict) and len(now) > len(verdict), "another policy is in force: %s" % now)
    with open(policy, "w") as f:
        f.write(good)
    since = len(live.err)
    live.signal(signal.SIGHUP)
    live.wait_for("policy and signatures are read again", since=since)
    check(live.stop() == 0, "ends badly:\n" + live.said())


def few_descriptors():
    """Whatever the limit: it works, or says why not and ends."""
    worked = refused = 0
    for limit in (4, 8, 16, 24, 32, 64):
        def few():
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
        words = [BINARY, "live", "-i", "near", "--sensor", "test", "--signatures", SIGNATURES, "--user", "root",
                 "--sensor-user", "root", "--db", os.path.join(workspace(), "events.db")]
        err = tempfile.TemporaryFile("w+")
        process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=err, preexec_fn=few)

        def said():
            err.seek(0)
            return err.read()
        try:
            wait_until(lambda: "limit %d: it says or ends:\n%s" % (limit, said()),
                       lambda: process.poll() is not None or "reads 1 interface" in said())
            if process.poll() is None:
                worked += 1
                process.terminate()
                code = process.wait(PATIENCE)
                check(code == 0, "limit %d: ends with %d\n%s" % (limit, code, said()))
            else:
                refused += 1
                check(process.returncode in (1, 2, 3, 127), "limit %d: exit status %d\n%s" % (limit, process.returncode, said()))
                check(said().strip(), "limit %d: not a word" % limit)
            check("Sanitizer" not in said(), said())
        finally:
            process.kill()
            process.wait()
    check(worked and refused, "%d worked, %d were refused" % (worked, refused))


own_network()
veth()
run(hangup_storm, broken_policy, few_descriptors)
