"""Alerts into an https receiver whose authority is the test's own: what a request holds, what each answer means, that nothing goes to a server that
is not the one. Called with: SEND_ALERTS SHADOWTAP SOURCE_TREE."""
import http.server, os, ssl, sys, tempfile, threading, time
from common import *


class Receiver:
    """Answers what `answer(number of the request)` says: a status, and headers."""

    def __init__(self, path, answer, tls=True):
        self.requests, outer = [], self
        self.times = []

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = 1 << 16  # one packet for each answer

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.requests.append((self.path, dict(self.headers), body))
                outer.times.append(time.monotonic())
                status, headers, *rest = answer(len(outer.requests))
                out = rest[0] if rest else b"x" * 10
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(out)))
                self.end_headers()
                self.wfile.write(out)

            do_GET = do_POST

            def log_message(self, *words):
                pass

        class Quiet(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request, address):
                pass  # clients that do not believe the certificate, or have read enough

        self.server = Quiet(("127.0.0.1", 0), Handler)
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(path("server.pem"), path("server.key"))
            context.load_verify_locations(path("ca.pem"))
            context.verify_mode = ssl.CERT_OPTIONAL
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def bodies(self):
        return [json.loads(body) for _, _, body in self.requests]


class Test:
    def __init__(self, send, shadowtap, tree, folder):
        self.send, self.path = send, make_certificates(folder)
        self.events, self.n = hostile_events(shadowtap, tree, folder)
        self.token = self.path("token")
        with open(self.token, "w") as f:
            f.write("s3cret-token\n")

    def send_to(self, spec, repeat=1, **options):
        sender = Sender(self.send, spec, self.events, repeat, **options)
        sender.wait()
        return sender

    def delivered(self):
        r = Receiver(self.path, lambda n: (202, {}))
        sender = self.send_to("https://localhost:%d/in/here%%20there?ca=%s&bearer-file=%s&query=a%%3D1%%26b%%3D2" % (r.port, self.path("ca.pem"), self.token), 3)
        check(sender.code == 0, sender.errors)
        check(len(r.requests) == 3 * self.n, "%d requests" % len(r.requests))
        with open(self.events) as f:
            events = [json.loads(line) for line in f]
        for i, (path, headers, _) in enumerate(r.requests):
            check(path == "/in/here%20there?a=1&b=2", path)
            check(headers["X-Shadowtap-Alert"] == str(i + 1), headers)
            check(headers["Content-Type"] == "application/json", headers)
            check(headers["Authorization"] == "Bearer s3cret-token", headers)
            check("Expect" not in headers, headers)
        for i, body in enumerate(r.bodies()):
            event = events[i % len(events)]
            event.pop("acknowledged", None)  # no alert is sent for one that is
            for name, value in event.items():
                check(body[name] == value, "%s: %r, not %r" % (name, body[name], value))
        check("s3cret" not in sender.errors, "the token is shown")

    def formats(self):
        for name, kind in (("text", "text/plain"), ("cef", "text/plain"), ("ecs", "application/json"), ("ocsf", "application/json")):
            r = Receiver(self.path, lambda n: (200, {}), tls=False)
            sender = self.send_to("http://127.0.0.1:%d/?format=%s" % (r.port, name))
            check(sender.code == 0, sender.errors)
            check(all(h["Content-Type"].startswith(kind) for _, h, _ in r.requests), name)
            check(all(b"\n" not in body for _, _, body in r.requests), name)

    def tried_again(self):
        for status in (408, 429, 500, 503, 401, 404, 302):
            headers = {"Location": "/elsewhere"} if status == 302 else {}
            r = Receiver(self.path, lambda n: (status, headers) if n <= 2 else (200, {}), tls=False)
            sender = self.send_to("http://localhost:%d/" % r.port)
            check(sender.code == 0 and str(status) in sender.errors, "%d: %s" % (status, sender.errors))
            ids = [h["X-Shadowtap-Alert"] for _, h, _ in r.requests]
            check(ids == ["1", "1", "1"] + [str(i) for i in range(2, self.n + 1)], "%d: %r" % (status, ids))
            check(all(path == "/" for path, _, _ in r.requests), "%d: a redirect was followed" % status)

    def told_to_wait(self):
        r = Receiver(self.path, lambda n: (429, {"Retry-After": "2"}) if n == 1 else (200, {}), tls=False)
        sender = self.send_to("http://localhost:%d/" % r.port)
        check(sender.code == 0 and sender.result["failures"] > 5, sender.errors)  # it tries 10 times a second, and is held back
        check(r.times[1] - r.times[0] >= 1.9, "asked again after %.1f s" % (r.times[1] - r.times[0]))

    def refused_for_good(self):
        r = Receiver(self.path, lambda n: (400 if n == 2 else 200, {}), tls=False)
        sender = self.send_to("http://localhost:%d/" % r.port)
        check(sender.code == 0 and sender.result["refused"] == 1 and len(r.requests) == self.n, sender.errors)

    def endless_answer(self):
        r = Receiver(self.path, lambda n: (200, {}, b"x" * (8 << 20)), tls=False)
        sender = self.send_to("http://localhost:%d/" % r.port)
        check(sender.code == 0 and len(r.requests) == self.n, sender.errors)

    def not_the_one(self):
        r = Receiver(self.path, lambda n: (200, {}))
        for host, ca in (("127.0.0.1", "ca.pem"), ("localhost", "other-ca.pem")):
            sender = self.send_to("https://%s:%d/?ca=%s&bearer-file=%s" % (host, r.port, self.path(ca), self.token), give_up=0.2)
            check(sender.code == 1 and sender.result["gone"] == 0, sender.errors)
            check("SSL" in sender.errors or "certificate" in sender.errors, sender.errors)
        check(not r.requests, "something was sent")
        with open(self.token, "w") as f:
            f.write("one\nX-Injected: two\n")
        sender = self.send_to("https://localhost:%d/?ca=%s&bearer-file=%s" % (r.port, self.path("ca.pem"), self.token), give_up=0.2)
        check(sender.code == 1 and "one token" in sender.errors and not r.requests, sender.errors)

    def client_certificate(self):
        r = Receiver(self.path, lambda n: (200, {}))
        spec = "https://localhost:%d/?ca=%s&cert=%s&key=%s" % (r.port, self.path("ca.pem"), self.path("client.pem"), self.path("client.key"))
        sender = self.send_to(spec)
        check(sender.code == 0 and len(r.requests) == self.n, sender.errors)


def main():
    with tempfile.TemporaryDirectory() as folder:
        test = Test(*sys.argv[1:4], folder)
        for one in (test.delivered, test.formats, test.tried_again, test.told_to_wait, test.refused_for_good, test.endless_answer,
                    test.client_certificate, test.not_the_one):
            one()
            print(one.__name__, flush=True)


main()
