"""Real MCP servers and clients over a wire that a live sensor watches: each connection has its event, with its verdict,
within a second of its first evidence, while it is still open. Skipped where the SDK is not there (scripts/test gets it).
"""
import calendar, json, os, socket, threading, time
import harness as h

VENV = os.environ.get("SHADOWTAP_TEST_VENV") or os.path.join(h.TREE, "build", "venv")
PYTHON = os.path.join(VENV, "bin", "python")
PEER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "mcp_peer.py")
SERVER, CLIENT = "10.99.0.1", "10.99.0.2"
APPROVED, VIOLATING, UNKNOWN = 8001, 8002, 8003
VERDICTS = {APPROVED: "approved", VIOLATING: "violation", UNKNOWN: "unauthorized"}
POLICY = {"version": 1, "approved": [
    {"id": "adder", "address": SERVER, "port": APPROVED, "path": "/mcp"},
    {"id": "safe-adder", "address": SERVER, "port": VIOLATING, "require": {"auth": True}}]}
CALLS = [("legacy", APPROVED, "/mcp"), ("auto", APPROVED, "/mcp"), ("sse", VIOLATING, "/sse"),
         ("legacy", UNKNOWN, "/mcp")]
WITHIN = 1.0


def accepts(port):
    try:
        socket.create_connection((SERVER, port), 1).close()
        return True
    except OSError:
        return False


def seconds(text):
    """Of RFC 3339 as in events: 2026-11-23T13:12:34.239348Z."""
    return calendar.timegm(time.strptime(text[:19], "%Y-%m-%dT%H:%M:%S")) + float(text[19:26])


def watch_rows(sensor, seen, stop):
    """event_id -> (when its row was first there, when it was first as sure as now)"""
    while not stop.is_set():
        for event_id, confidence in sensor.sql("SELECT event_id, confidence FROM events"):
            now = time.time()
            first, before, changed = seen.get(event_id, (now, None, now))
            seen[event_id] = (first, confidence, changed if before == confidence else now)
        time.sleep(0.02)


def test_real():
    h.veth("server0", "client0", arp=True, mtu=1500)
    inside = h.other_namespace("client0", CLIENT + "/24")
    h.command("ip", "addr", "add", SERVER + "/24", "dev", "server0")
    servers = [h.Program([PYTHON, PEER, "serve", transport, SERVER, port]) for transport, port in
               (("streamable-http", APPROVED), ("sse", VIOLATING), ("streamable-http", UNKNOWN))]
    for port in VERDICTS:
        h.wait_until(lambda: "a server on port %d: %s" % (port, [s.said() for s in servers]), lambda: accepts(port))
    directory = h.workspace()
    policy = os.path.join(directory, "policy.json")
    with open(policy, "w") as f:
        json.dump(POLICY, f)
    sensor = h.Live("--policy", policy, interfaces=["server0"], db=os.path.join(directory, "events.db"))
    seen, stop = {}, threading.Event()
    watcher = threading.Thread(target=watch_rows, args=(sensor, seen, stop))
    watcher.start()
    try:
        words = [w for mode, port, path in CALLS for w in (mode, "http://%s:%d%s" % (SERVER, port, path))]
        client = h.Program(inside + [PYTHON, PEER, "call"] + words)
        h.check(client.wait(60) == 0, client.said())
        open_events = {e["event_id"]: e for e in sensor.events()}
        time.sleep(0.5)
    finally:
        stop.set()
        watcher.join()
    began = [json.loads(line)["began"] for line in client.out]
    # what the sensor process counts is told once a second
    h.wait_until(lambda: "an event of each connection: %d opened, events of %d" %
                 (sensor.stats()["flow_table"]["opened"], len({e["client_port"] for e in sensor.events()})),
                 lambda: sensor.stats()["flow_table"]["opened"] == len({e["client_port"] for e in sensor.events()}), every=0.3)
    h.check(sensor.stop() == 0, sensor.said())
    check_events(sensor.events(), open_events, seen, began)


def check_events(events, open_events, seen, began):
    h.check(len(began) == len(CALLS), "%d calls of %d" % (len(began), len(CALLS)))
    connections = {e["client_port"] for e in events}
    h.check({e["server_port"] for e in events} == set(VERDICTS), "servers: %s" % events)
    worst = worst_of_call = 0
    for e in events:
        what = "%s:%s to %s%s" % (e["client_ip"], e["client_port"], e["host"], e["path"])
        h.check(e["verdict"] == VERDICTS[e["server_port"]], "%s is %s" % (what, e["verdict"]))
        h.check(e["confidence"] == "confirmed" and e["client_ip"] == CLIENT, "%s: %s" % (what, e))
        transport = "http+sse" if e["server_port"] == VIOLATING else "streamable-http"
        h.check(e["transport"] == transport, "%s: %s" % (what, e))
        h.check(e["event_id"] in open_events and e["event_id"] in seen, "%s: recorded only when it ended" % what)
        first_seen = seconds(e["first_seen"])
        worst = max(worst, seen[e["event_id"]][0] - first_seen)
        h.check(any(t <= first_seen for t in began), "%s: first seen before any call" % what)
    for (mode, port, path), t in zip(CALLS, began):
        rows = [s[0] for e, s in ((e, seen[e["event_id"]]) for e in events)
                if e["server_port"] == port and s[0] >= t]
        h.check(rows, "no event after %s to port %d began" % (mode, port))
        worst_of_call = max(worst_of_call, min(rows) - t)
    names = {e["server_name"] for e in events} | {t for e in events for t in e["tools_called"]}
    h.check({"adder", "add"} <= names, "names: %s" % names)
    print("%d connections; a row at most %.3f s after the first evidence, %.3f s after the client began to connect" %
          (len(connections), worst, worst_of_call))
    h.check(worst < WITHIN, "a row came %.3f s after the first evidence" % worst)


if __name__ == "__main__":
    if not os.path.exists(PYTHON):
        h.skip("no MCP SDK: %s is not there" % PYTHON)
    h.have("unshare", "nsenter")
    h.own_network()
    h.run(test_real)
