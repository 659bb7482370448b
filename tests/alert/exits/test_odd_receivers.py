"""Receivers that answer late or talk without end: what a server refuses late has not gone, and nobody keeps an exit longer than its timeout. Called with:
SEND_ALERTS SHADOWTAP SOURCE_TREE."""
import socket, ssl, sys, tempfile, threading, time
from common import *

LATE = 0.3  # seconds that the server takes over the client's certificate


def listen(serve):
    listener = socket.create_server(("127.0.0.1", 0))

    def accept():
        while True:
            peer, _ = listener.accept()
            threading.Thread(target=serve, args=(peer,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    return listener.getsockname()[1]


class LateTls:
    """Speaks TLS 1.3 and lets the client's last message of the handshake, with its certificate, wait."""

    def __init__(self, path, tickets):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_3
        self.context.num_tickets = tickets
        self.context.load_cert_chain(path("server.pem"), path("server.key"))
        self.context.load_verify_locations(path("ca.pem"))
        self.context.verify_mode = ssl.CERT_REQUIRED
        self.read = b""
        self.port = listen(self.serve)

    def serve(self, peer):
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = self.context.wrap_bio(incoming, outgoing, server_side=True)
        done = late = False
        try:
            while True:
                piece = peer.recv(1 << 16)
                if not piece:
                    return
                if late and not done:
                    time.sleep(LATE)
                late = True
                incoming.write(piece)
                try:
                    if not done:
                        tls.do_handshake()
                        done = True
                    while True:
                        self.read += tls.read(1 << 16)
                except ssl.SSLWantReadError:
                    pass
                finally:
                    peer.sendall(outgoing.read())
        except (ssl.SSLError, OSError):
            pass
        finally:
            peer.close()


def endless(peer):
    def talk():
        try:
            while True:
                peer.sendall(b"hello ")
                time.sleep(0.01)
        except OSError:
            pass

    threading.Thread(target=talk, daemon=True).start()
    while peer.recv(1 << 16):
        pass


def main():
    send, shadowtap, tree = sys.argv[1:4]
    with tempfile.TemporaryDirectory() as folder:
        path = make_certificates(folder)
        events, n = hostile_events(shadowtap, tree, folder)
        spec = "syslog+tls://localhost:%d?ca=" + path("ca.pem") + "&cert=%s&key=%s"
        for tickets in (2, 0):
            server = LateTls(path, tickets)
            sender = Sender(send, spec % (server.port, path("stranger.pem"), path("stranger.key")), events, 1, give_up=0.2)
            sender.wait()
            check(sender.code == 1 and sender.result["gone"] == 0 and not server.read, "refused late, and yet gone: %s" % sender.errors)
            began = time.monotonic()
            sender = Sender(send, spec % (server.port, path("client.pem"), path("client.key")), events, 1)
            sender.wait()
            check(sender.code == 0 and sender.result["failures"] == 0, sender.errors)
            print("late, %d tickets: %d alerts in %.1f s" % (tickets, n, time.monotonic() - began), flush=True)
        began = time.monotonic()
        sender = Sender(send, "syslog+tcp://127.0.0.1:%d?timeout=2" % listen(endless), events, 1)
        sender.wait(30)
        check(sender.code == 0, sender.errors)
        print("talks without end: %.1f s" % (time.monotonic() - began))


main()
