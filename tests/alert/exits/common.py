"""What the tests of exits share: certificates of a test's own, events with hostile names, and the program that sends them."""
import json, os, socket, subprocess, sys, threading

SKIPPED = 77


def skip(why):
    print("skipped: " + why)
    sys.exit(SKIPPED)


def check(condition, text):
    if not condition:
        raise AssertionError(text)


def run(*words, **more):
    done = subprocess.run([str(w) for w in words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more)
    check(done.returncode == 0, "%s: %s%s" % (" ".join(str(w) for w in words), done.stdout, done.stderr))
    return done.stdout


def make_certificates(folder):
    """Two authorities; a server's certificate for localhost and a client's by the first, a client's by the second."""
    p = lambda name: os.path.join(folder, name)
    for ca in ("ca", "other-ca"):
        run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", 30, "-subj", "/CN=" + ca, "-keyout", p(ca + ".key"), "-out", p(ca + ".pem"))
    for name, ca, extension in (("server", "ca", "subjectAltName=DNS:localhost"), ("client", "ca", "extendedKeyUsage=clientAuth"),
                                ("stranger", "other-ca", "extendedKeyUsage=clientAuth")):
        run("openssl", "req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=" + name, "-keyout", p(name + ".key"), "-out", p(name + ".csr"))
        with open(p(name + ".ext"), "w") as f:
            f.write(extension + "\n")
        run("openssl", "x509", "-req", "-in", p(name + ".csr"), "-CA", p(ca + ".pem"), "-CAkey", p(ca + ".key"), "-CAcreateserial", "-days", 30,
            "-extfile", p(name + ".ext"), "-out", p(name + ".pem"))
    return p


def hostile_events(shadowtap, tree, folder):
    """Event JSON lines of the capture whose clients, servers and tools have names that attack whoever reads them."""
    packed = os.path.join(tree, "pcaps/mcp_names_injection.pcap.zst")
    text = subprocess.run([shadowtap, "replay", "--signatures", os.path.join(tree, "signatures"), "--db", os.path.join(folder, "events.db"),
                           "--format", "jsonl", packed], stdout=subprocess.PIPE, stderr=subprocess.PIPE).stdout
    lines = [line for line in text.splitlines() if line.startswith(b"{")]
    check(len(lines) > 1, "no events from " + packed)
    path = os.path.join(folder, "events.jsonl")
    with open(path, "wb") as f:
        f.write(b"\n".join(lines) + b"\n")
    return path, len(lines)


class Sender:
    """send_alerts under way."""

    def __init__(self, program, spec, events, repeat, **options):
        words = [program, spec, "--repeat", str(repeat)]
        for name, value in options.items():
            words += ["--" + name.replace("_", "-"), str(value)]
        self.process = subprocess.Popen(words, stdin=open(events, "rb"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def wait(self, seconds=100):
        out, self.errors = self.process.communicate(timeout=seconds)
        self.code = self.process.returncode
        self.result = json.loads(out) if out.startswith("{") else {}
        return self.result


def expected_messages(program, query, events, repeat):
    """What goes out, one message after the other, as a listener that is not a syslog server gets it."""
    listener = socket.create_server(("127.0.0.1", 0))
    got = []

    def listen():
        connection, _ = listener.accept()
        while True:
            piece = connection.recv(1 << 20)
            if not piece:
                return
            got.append(piece)

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    sender = Sender(program, "syslog+tcp://127.0.0.1:%d?framing=newline%s" % (listener.getsockname()[1], "&" + query if query else ""), events, repeat)
    sender.wait()
    check(sender.code == 0, sender.errors)
    thread.join()
    messages = b"".join(got).split(b"\n")
    check(messages.pop() == b"", "the last message has no newline")
    return messages


def free_port(kind=socket.SOCK_STREAM):
    with socket.socket(socket.AF_INET, kind) as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]
