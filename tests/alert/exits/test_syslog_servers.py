"""Alerts through every transport and framing into a real rsyslog or syslog-ng that is restarted in mid-stream: all arrive, in order, none mangled,
none twice but for those that were not known to have been read when a connection broke. Called with:
SERVER SEND_ALERTS SHADOWTAP SOURCE_TREE FOLDER_WITH_SERVERS. EXIT_ALERTS=N sends more than the usual number."""
import os, shutil, signal, socket, sys, tempfile, time
from common import *
from servers import SERVERS

UNSETTLED = 2048  # LIMIT_ALERT_UNSETTLED: what may come twice after each break
ALERTS = int(os.environ.get("EXIT_ALERTS", "1500"))
RATE = int(os.environ.get("EXIT_RATE", "1500"))

# server's transport, spec, protocol and format, restart?
WAYS = {
    "rsyslog": [
        ("local", "syslog://{socket}", "", True),
        ("udp", "syslog+udp://127.0.0.1:{port}", "", True),
        ("tcp", "syslog+tcp://127.0.0.1:{port}", "format=json", True),
        ("tcp", "syslog+tcp://localhost:{port}", "framing=newline&protocol=3164&format=cef", True),
        ("tls", "syslog+tls://127.0.0.1:{port}", "name=localhost&ca={ca}&cert={cert}&key={key}", True),
    ],
    "syslog-ng": [
        ("local", "syslog://{socket}", "", True),
        ("local-stream", "syslog://{socket}", "", True),
        ("udp", "syslog+udp://127.0.0.1:{port}", "protocol=3164&max=4000", True),
        ("tcp", "syslog+tcp://127.0.0.1:{port}", "framing=newline&protocol=3164&format=cef", True),
        ("tcp-octet", "syslog+tcp://127.0.0.1:{port}", "format=json", True),
        ("tls", "syslog+tls://127.0.0.1:{port}", "name=localhost&ca={ca}&cert={cert}&key={key}", True),
    ],
}


class Test:
    def __init__(self, server, send, shadowtap, tree, root, folder):
        self.server, self.send, self.root, self.folder = SERVERS[server], send, root, folder
        self.path = make_certificates(folder)
        self.events, n = hostile_events(shadowtap, tree, folder)
        self.repeat = (ALERTS + n - 1) // n
        self.alerts = self.repeat * n
        self.expected = {}
        self.servers = []

    def started(self, transport):
        tls = {"ca": self.path("ca.pem"), "cert": self.path("server.pem"), "key": self.path("server.key")}
        port = free_port(socket.SOCK_DGRAM if transport == "udp" else socket.SOCK_STREAM)
        server = self.server(self.root, os.path.join(self.folder, str(len(self.servers))), transport, port, tls)
        self.servers.append(server)
        server.start()
        return server

    def spec(self, server, address, parameters):
        text = address + ("?" + parameters if parameters else "")
        return text.format(socket=server.socket, port=server.port, ca=self.path("ca.pem"), cert=self.path("client.pem"), key=self.path("client.key"))

    def messages(self, server, parameters):
        """What must arrive: the header differs by protocol and host name, the rest by format; the way does not matter."""
        keep = [p for p in parameters.split("&") if p.split("=")[0] in ("format", "protocol", "max")]
        if server.transport.startswith("local"):
            keep += ["protocol=3164"]
        if server.transport == "udp" and "max=" not in parameters:
            keep += ["max=2048"]
        query = "&".join(keep)
        if query not in self.expected:
            messages = expected_messages(self.send, query, self.events, self.repeat)
            self.expected[query] = [m.replace(b" sensor.example ", b" ", 1) if server.transport.startswith("local") else m for m in messages]
        return self.expected[query]

    def one_way(self, transport, address, parameters, restart):
        server = self.started(transport)
        began = time.monotonic()
        sender = Sender(self.send, self.spec(server, address, parameters), self.events, self.repeat, rate=RATE)
        if restart:
            time.sleep(self.alerts / RATE / 3)
            server.stop()
            time.sleep(0.2)
            server.start()
            time.sleep(self.alerts / RATE / 6)
            sender.process.send_signal(signal.SIGHUP)
        sender.wait(600)
        messages = self.messages(server, parameters)
        end = time.monotonic() + 10
        while len({r[0] for r in server.rows()}) < len(set(messages)) and time.monotonic() < end:
            time.sleep(0.1)
        server.stop()
        rows = server.rows()
        what = "%s, %s%s" % (server.name, transport, " (" + parameters.split("&ca=")[0] + ")" if parameters else "")
        check(sender.code == 0, "%s: %s" % (what, sender.errors))
        self.compare(what, messages, rows, restart)
        print("%s: %d alerts, %d twice, %d failures of the sender, %.1f s" % (what, len(messages), len(rows) - len(messages),
              sender.result["failures"], time.monotonic() - began), flush=True)

    def compare(self, what, messages, rows, restart):
        place = {m: i for i, m in enumerate(messages)}
        check(len(place) == len(messages), what + ": the messages of the test are not distinct")
        first, runs, last = [], 0, -1
        for row in rows:
            check(row[0] in place, "%s: mangled: %r" % (what, row[0][:300]))
            i = place[row[0]]
            if i == len(first):
                first.append(i)
            else:
                check(i < len(first), "%s: %d came before %d" % (what, i, len(first)))
            runs += i != last + 1
            last = i
            if b"3164" not in what.encode() and not what.split(",")[1].strip().startswith("local"):
                check(row[1:] == [b"sensor.example", b"shadowtap", b"4711", b"unauthorized"], "%s: read as %r" % (what, row[1:]))
            else:
                check(row[2:4] == [b"shadowtap", b"4711"], "%s: read as %r" % (what, row[1:]))
        check(len(first) == len(messages), "%s: %d of %d arrived" % (what, len(first), len(messages)))
        check(runs <= (2 if restart else 0), "%s: %d times back" % (what, runs))
        check(len(rows) - len(messages) <= (UNSETTLED if restart else 0), "%s: %d twice" % (what, len(rows) - len(messages)))

    def refusals(self):
        """Nothing goes to a server that is not the one, and a server that does not want us is not taken for a success."""
        server = self.started("tls")
        good = {"name": "localhost", "ca": self.path("ca.pem"), "cert": self.path("client.pem"), "key": self.path("client.key")}
        stranger = {"cert": self.path("stranger.pem"), "key": self.path("stranger.key")}
        for change, reason in (({"name": "elsewhere.example"}, "certificate is not accepted"), ({"ca": self.path("other-ca.pem")}, "certificate is not accepted"),
                               ({"cert": None, "key": None}, ""), (stranger, "")):
            given = {k: v for k, v in dict(good, **change).items() if v}
            sender = Sender(self.send, "syslog+tls://127.0.0.1:%d?%s" % (server.port, "&".join("%s=%s" % i for i in given.items())), self.events, 1,
                            give_up=0.2)
            sender.wait()
            check(sender.code == 1 and sender.result["gone"] == 0, "%r: sent all the same: %s" % (change, sender.errors))
            check(reason in sender.errors, "%r: %s" % (change, sender.errors))
        check(not server.rows(), "refused, and yet received")
        # A certificate that is renewed under the same name counts from SIGHUP on.
        shutil.copy(self.path("stranger.pem"), self.path("renewed.pem"))
        shutil.copy(self.path("stranger.key"), self.path("renewed.key"))
        given = dict(good, cert=self.path("renewed.pem"), key=self.path("renewed.key"))
        sender = Sender(self.send, "syslog+tls://127.0.0.1:%d?%s" % (server.port, "&".join("%s=%s" % i for i in given.items())), self.events, 1)
        time.sleep(1)
        check(sender.process.poll() is None, "a certificate of another authority is taken")
        shutil.copy(self.path("client.pem"), self.path("renewed.pem"))
        shutil.copy(self.path("client.key"), self.path("renewed.key"))
        sender.process.send_signal(signal.SIGHUP)
        sender.wait()
        check(sender.code == 0, sender.errors)
        server.stop()
        check(len({r[0] for r in server.rows()}) == sender.result["alerts"], "%d arrived" % len(server.rows()))
        print("%s: refusals" % server.name)


def main():
    name, send, shadowtap, tree, root = sys.argv[1:6]
    program = SERVERS[name].program(root)
    if not os.access(program, os.X_OK):
        skip("no %s in %s (scripts/fetch-syslog-servers)" % (name, root))
    with tempfile.TemporaryDirectory() as folder:
        test = Test(name, send, shadowtap, tree, root, folder)
        try:
            for way in WAYS[name]:
                if len(sys.argv) < 7 or way[0] == sys.argv[6]:
                    test.one_way(*way)
            if len(sys.argv) < 7:
                test.refusals()
        finally:
            for server in test.servers:
                server.stop(signal.SIGKILL)


main()
