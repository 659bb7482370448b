"""Real syslog servers as the test of exits runs them: unpacked beside the system, unprivileged, one transport at a time, writing what they
received as it came, with the header as they understood it."""
import glob, os, signal, subprocess, time

READY = 20


def libraries(root):
    return ":".join(d for pattern in ("usr/lib/*-linux-gnu", "lib/*-linux-gnu", "usr/lib/syslog-ng") for d in glob.glob(os.path.join(root, pattern)))


class Server:
    """start(), stop(), and the file of its rows: raw message, host, program, process id, message id."""

    def __init__(self, root, folder, transport, port, tls=None):
        self.root, self.folder, self.transport, self.port, self.tls = root, folder, transport, port, tls
        self.socket = os.path.join(folder, "log.sock")
        self.output = os.path.join(folder, "received")
        self.config = os.path.join(folder, "server.conf")
        self.process = None
        os.makedirs(folder, exist_ok=True)
        with open(self.config, "w") as f:
            f.write(self.configuration())

    def start(self):
        if os.path.exists(self.socket):
            os.unlink(self.socket)
        log = open(os.path.join(self.folder, "log"), "a")
        environment = dict(os.environ, LD_LIBRARY_PATH=libraries(self.root))
        environment.pop("LD_PRELOAD", None)
        self.process = subprocess.Popen(self.command(), stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=environment)
        log.close()
        end = time.monotonic() + READY
        while not self.listens():
            if self.process.poll() is not None or time.monotonic() > end:
                raise AssertionError("%s does not start: %s" % (self.name, open(os.path.join(self.folder, "log")).read()[-2000:]))
            time.sleep(0.02)

    def listens(self):
        if self.transport.startswith("local"):
            return os.path.exists(self.socket)
        table = "/proc/net/udp" if self.transport == "udp" else "/proc/net/tcp"
        wanted = ":%04X" % self.port
        state = "07" if self.transport == "udp" else "0A"
        return any(line.split()[1].endswith(wanted) and line.split()[3] == state for line in open(table).readlines()[1:])

    def stop(self, how=signal.SIGTERM):
        if self.process:
            self.process.send_signal(how)
            self.process.wait(30)
            self.process = None

    def rows(self):
        try:
            with open(self.output, "rb") as f:
                return [line.split(b"\t") for line in f.read().split(b"\n") if line]
        except FileNotFoundError:
            return []


class Rsyslog(Server):
    name = "rsyslog"
    transports = ("local", "udp", "tcp", "tls")

    @staticmethod
    def program(root):
        return os.path.join(root, "usr/sbin/rsyslogd")

    def command(self):
        modules = glob.glob(os.path.join(self.root, "usr/lib/*-linux-gnu/rsyslog"))[0]
        return [self.program(self.root), "-n", "-f", self.config, "-i", os.path.join(self.folder, "pid"), "-M", modules]

    def configuration(self):
        text = 'global(workDirectory="%s" parser.permitSlashInProgramName="on")\n' % self.folder
        # What was read from a socket is to outlive a restart: the test is about what we send.
        text += 'main_queue(queue.type="FixedArray" queue.size="50000" queue.timeoutshutdown="20000" queue.timeoutenqueue="20000")\n'
        if self.transport == "local":
            text += 'module(load="imuxsock" SysSock.Use="off")\ninput(type="imuxsock" Socket="%s" RateLimit.Interval="0")\n' % self.socket
        elif self.transport == "udp":
            text += 'module(load="imudp")\ninput(type="imudp" address="127.0.0.1" port="%d" rcvbufSize="8m")\n' % self.port
        elif self.transport == "tcp":
            text += 'module(load="imtcp")\ninput(type="imtcp" address="127.0.0.1" port="%d")\n' % self.port
        else:
            text += ('global(DefaultNetstreamDriver="gtls" DefaultNetstreamDriverCAFile="%(ca)s" DefaultNetstreamDriverCertFile="%(cert)s" '
                     'DefaultNetstreamDriverKeyFile="%(key)s")\n'
                     'module(load="imtcp" StreamDriver.Name="gtls" StreamDriver.Mode="1" StreamDriver.AuthMode="x509/certvalid")\n' % self.tls)
            text += 'input(type="imtcp" address="127.0.0.1" port="%d")\n' % self.port
        text += 'template(name="row" type="string" string="%rawmsg%\\t%hostname%\\t%programname%\\t%procid%\\t%msgid%\\n")\n'
        text += 'action(type="omfile" file="%s" template="row" asyncWriting="off" flushOnTXEnd="on")\n' % self.output
        return text


class SyslogNg(Server):
    name = "syslog-ng"
    transports = ("local", "local-stream", "udp", "tcp", "tls")

    @staticmethod
    def program(root):
        return os.path.join(root, "usr/sbin/syslog-ng")

    def command(self):
        modules = glob.glob(os.path.join(self.root, "usr/lib/syslog-ng/3*"))[0]
        paths = {"-f": self.config, "-R": "persist", "-c": "control", "-p": "pid"}
        words = [self.program(self.root), "-F", "--no-caps", "--module-path", modules]
        for option, path in paths.items():
            words += [option, os.path.join(self.folder, path)]
        return words

    def configuration(self):
        flags = "flags(store-raw-message%s)"
        where = "ip(127.0.0.1) port(%d)" % self.port
        if self.transport == "local":
            source = 'unix-dgram("%s" %s)' % (self.socket, flags % "")
        elif self.transport == "local-stream":
            source = 'unix-stream("%s" %s)' % (self.socket, flags % "")
        elif self.transport == "udp":
            source = "network(%s transport(udp) so-rcvbuf(8388608) %s)" % (where, flags % "")
        elif self.transport == "tcp":
            source = "network(%s transport(tcp) %s)" % (where, flags % "")
        elif self.transport == "tcp-octet":
            source = "syslog(%s transport(tcp) %s)" % (where, flags % "")
        else:
            source = ('syslog(%s transport(tls) tls(key-file("%s") cert-file("%s") ca-file("%s") peer-verify(required-trusted)) %s)'
                      % (where, self.tls["key"], self.tls["cert"], self.tls["ca"], flags % ""))
        return """@version: 3.38
options { keep-hostname(yes); chain-hostnames(no); stats-freq(0); flush-lines(1); use-dns(no); };
source s { %s; };
destination d { file("%s" template("${RAWMSG}\\t${HOST}\\t${PROGRAM}\\t${PID}\\t${MSGID}\\n") template-escape(no)); };
log { source(s); destination(d); flags(flow-control); };
""" % (source, self.output)


SERVERS = {s.name: s for s in (Rsyslog, SyslogNg)}
