"""A key log that a running sensor follows: secrets that are there, secrets that come when the connections have ended, lines that are none, and no
secret in anything that it writes.
"""
import os, time
import harness as h

NAME = "tls13_vendor_node"


def lines():
    with open(os.path.join(h.TREE, "pcaps", NAME + ".keys")) as f:
        return f.read()


def decrypted(sensor, n):
    def look():
        found = [e for e in sensor.events() if e["decrypted"]]
        return len(found) >= n and found
    return h.wait_until(lambda: "%d decrypted events, %s" % (n, sensor.said()), look)


def no_secret_in(directory, keys):
    secrets = [line.split()[2].encode() for line in lines().splitlines() if line and not line.startswith("#")]
    for root, _, names in os.walk(directory):
        for name in names:
            path = os.path.join(root, name)
            if path == keys or not os.path.isfile(path):
                continue
            with open(path, "rb") as f:
                data = f.read()
            h.check(not any(s in data or bytes.fromhex(s.decode()) in data for s in secrets), "a secret is in " + name)


def run_with(late):
    directory = h.workspace()
    keys, kept = os.path.join(directory, "keys.log"), os.path.join(directory, "evidence")
    os.mkdir(kept)
    if not late:
        with open(keys, "w") as f:
            f.write(lines())
    s = h.Live("--keylog", keys, "--write", kept)
    if late:
        s.wait_for("keys.log: No such file")
    else:
        time.sleep(1)  # it looks five times a second
    h.send(h.shipped(NAME))
    if late:
        h.wait_until("events without secrets", lambda: len(s.events()) >= 3)
        with open(keys, "w") as f:
            f.write("no line of a key log\n" + lines())
        s.wait_for("keys.log:1: no line of a key log")
    found = decrypted(s, 3)
    h.check(len(s.events()) == 3, s.events())
    h.check(all(e["confidence"] == "confirmed" and e["sni"] == "mcp.stripe.com" and e["path"] == "/mcp" for e in found), found)
    s.stop()
    h.check(len(s.events()) == 3, s.events())
    no_secret_in(directory, keys)


def test_secrets_first():
    run_with(False)


def test_secrets_last():
    run_with(True)


if __name__ == "__main__":
    h.own_network()
    h.veth()
    h.run(test_secrets_first, test_secrets_last)
