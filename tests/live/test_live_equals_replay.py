"""Captures sent past a live sensor, one after the other, give the events that a capture of all that was sent gives: whatever
the number of workers and of capture threads, and where the two directions arrive on two interfaces. One capture of all, because
sessions and DNS names reach from one to the next.
"""
import json, os, tempfile, time
import harness as h

SETTINGS = {"one worker": ["--workers", "1"], "two workers": ["--workers", "2"], "four workers": ["--workers", "4"],
            "two capture threads": ["--capture-threads", "2", "--workers", "2"]}
# Of several connections each, with answers that stream, with lost segments, over IPv6.
SPLIT = ("http_everything_stateful", "sse_everything", "d_lost__http_many_calls", "ipv6_http",
         "proxy_connect_plain_http")
# Of those that were derived from others, the ones whose making is the wire's and not the file's: tags, which the kernel takes
# off and capture puts back, fragments, doubled, cut and lost packets. A run each, since the connections are the same.
DERIVED = ("d_qinq__", "d_ipfrag__", "d_dup__http_everything", "d_snap256__", "d_lost__")
# What a sensor that starts in the middle of things cannot have in common with a file, and nDPI's label, a hint.
APART = ("first_seen", "last_seen", "first_frame", "capture", "event_id", "app_label")


def comparable(events):
    for e in events:
        for field in APART:
            e.pop(field)
        e["session"] = e["session"] is not None  # an event_id
        e["reasons"] = [{k: r[k] for k in r if k not in ("time", "frame")} for r in e["reasons"]]
    return sorted(json.dumps(e, sort_keys=True) for e in events)


def ends(event):
    return tuple(event[f] for f in ("client_ip", "client_port", "server_ip", "server_port"))


def batches(captures):
    """Captures that one sensor may see one after the other: of those that were derived from the same one, each in another
    batch, since they have the same connections."""
    found = []
    for path in sorted(captures, key=lambda p: os.path.basename(p).startswith("d_")):
        origin = os.path.basename(path).split(".")[0].split("__")[-1]
        b = next((b for b in found if origin not in b), None)
        if b is None:
            b = {}
            found.append(b)
        b[origin] = path
    return [list(b.values()) for b in found]


def compare(expected, got, what):
    """The differences, as lines."""
    missing, more = list(expected), []
    for line in got:
        if line in missing:
            missing.remove(line)
        else:
            more.append(line)
    lines = []
    for line in missing:
        e = json.loads(line)
        near = next((m for m in more if ends(json.loads(m)) == ends(e) and json.loads(m)["host"] == e["host"]), None)
        if near is None:
            lines.append("%s: not there: %s" % (what, line))
            continue
        more.remove(near)
        other = json.loads(near)
        lines.append("%s: %s: " % (what, ends(e)) + "; ".join(
            "%s: %s in the file, %s live" % (k, json.dumps(e[k]), json.dumps(other[k])) for k in e if e[k] != other[k]))
    return lines + ["%s: not in the file: %s" % (what, line) for line in more]


def watch(captures, settings, pps):
    """Sends captures past one sensor for each of the settings. ({setting: events}, events of the replay)"""
    sensors = {name: h.Live(*arguments, wait=False) for name, arguments in settings.items()}
    for s in sensors.values():
        s.wait_for(r"reads \d+ interface")
    recorded = os.path.join(h.workspace(), "sent.pcap")
    recorder = h.Recorder(recorded)
    sent = sum(h.send(path, pps=pps) for path in captures)
    written = recorder.stop()
    h.check(written == sent, "%d frames were sent, %d recorded" % (sent, written))
    events = {}
    for name, s in sensors.items():
        s.wait_frames(sent)
        stats = s.stats()
        h.check(stats["packets"] == sent and stats["kernel_drops"] == 0,
                "%s: %d frames of %d, %d dropped by the kernel" % (name, stats["packets"], sent, stats["kernel_drops"]))
        h.check(s.stop() == 0, "%s: ended badly:\n%s" % (name, s.said()))
        events[name] = s.events()
    return events, h.replay(recorded)


def shipped_captures():
    directory = os.path.join(h.TREE, "pcaps")
    return [os.path.join(directory, n) for n in sorted(os.listdir(directory))
            if n.split(".", 1)[1].startswith("pcap") and (not n.startswith("d_") or n.startswith(DERIVED))]


def test_all_settings():
    """Those that are no other's derivative with all settings; the others with one setting each, in turn."""
    h.veth()
    differences, n = [], 0
    for i, captures in enumerate(batches(shipped_captures())):
        turn = list(SETTINGS)[i % len(SETTINGS)]
        live, replayed = watch(captures, SETTINGS if i == 0 else {turn: SETTINGS[turn]}, 5000)
        expected = comparable(replayed)
        n += len(expected)
        for name, events in live.items():
            differences += compare(expected, comparable(events), name)
    h.check(not differences, "\n".join(differences))
    print("%d events, the same with %s" % (n, ", ".join(SETTINGS)))


def test_two_ports():
    """A tap has a port for each direction; the packets of one must be read between those of the other."""
    h.veth("port0", "far0")
    h.veth("port1", "far1")
    ports = [h.Sender("far0"), h.Sender("far1")]
    with tempfile.TemporaryDirectory() as tmp:
        captures = [h.plain_capture(h.shipped(name), tmp) for name in SPLIT]
        s = h.Live("--workers", "2", interfaces=["port0", "port1"])
        sent = [0, 0]
        for path in captures:
            for _, frame in h.frames_of(path):
                port = frame[:6] < frame[6:12]  # of two stations, each sends into its own
                ports[port](frame)
                sent[port] += 1
                time.sleep(0.0002)
        h.check(min(sent) > 100, "the captures have %d and %d frames by direction" % tuple(sent))
        s.wait_frames(sum(sent))
        h.check(s.stop() == 0, s.said())
        differences = compare(comparable(h.replay(*captures)), comparable(s.events()), "two ports")
    h.check(not differences, "\n".join(differences))
    h.check({e["capture"] for e in s.events()} <= {"port0", "port1"}, "captures are not named after the interfaces")


if __name__ == "__main__":
    h.have("zstd")
    h.own_network()
    h.run(test_all_settings, test_two_ports)
