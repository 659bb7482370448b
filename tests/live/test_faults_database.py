"""The database cannot be written: its directory is read-only at the start or becomes so, or another sensor has it. Refused clearly, or
waited for; nothing is lost."""
from faults import *

TICK = ("--stats-interval", "1s")


def read_only_from_the_start():
    own = workspace()
    db = os.path.join(own, "events.db")  # root's directory: others may look into it
    code, said = attempt("-i", "near", "--db", db, "--user", "nobody", "--sensor-user", "daemon")
    check(code == 3, "exit status %d: %s" % (code, said))
    check(re.search("events.db.*: .*(unable to open|permission|Permission)", said), "not clear: " + said)
    check(not os.path.exists(db), "a database was made")
    replay_into(db, shipped("http_sdk_json"))
    code, said = attempt("-i", "near", "--db", db, "--user", "nobody", "--sensor-user", "daemon")
    check(code == 3 and re.search("events.db.*permission", said, re.I), "exit status %d: %s" % (code, said))


def disk_with_errors():
    """A disk that can go read-only under whoever has files open on it: a file system in a file; None where that cannot be had."""
    own = workspace()
    image, disk = os.path.join(own, "image"), os.path.join(own, "disk")
    os.mkdir(disk)
    with open(image, "wb") as f:
        f.truncate(24 << 20)
    for words in (("mkfs.ext4", "-q", "-F", image), ("mount", "-o", "loop", image, disk)):
        if not shutil.which(words[0]) or subprocess.run(words, capture_output=True).returncode:
            print("no file system in a file: nothing becomes read-only while it runs", flush=True)
            return None, None
    return image, disk


def read_only_while_it_runs():
    """As a disk with errors does. What was said to be recorded is there, the rest waits in the spill file on another disk."""
    own = workspace()
    image, disk = disk_with_errors()
    if not disk:
        return
    sent, more, whole = (os.path.join(own, name) for name in ("sent.pcap", "more.pcap", "whole.pcap"))
    arguments, db = (*TICK, "--spill", os.path.join(own, "spill"), "--queue-size", "64K"), os.path.join(disk, "events.db")
    live = Live(*arguments, db=db)
    frames = copies("http_sdk_json", 20, sent)
    send(sent, pps=2000)
    live.wait_frames(frames)
    wait_until("the first ones to be written", lambda: not live.stats()["backlog"]["waiting"], every=0.3)
    command("sync", "-f", db)  # a commit outlives the process, not the disk's last moments: see store.c
    command("mount", "-o", "remount,abort", disk)
    frames += copies("http_sdk_json", 20, more, first=20)
    send(more, pps=2000)
    live.wait_frames(frames)
    live.wait_for("events cannot be written: .*; capture goes on, events wait")
    check_said_once(live, "events cannot be written")
    live.stop()
    check(not count(live, "(?i)^shadowtap: [^{]*lost"), live.said())
    command("umount", disk)
    subprocess.run(["e2fsck", "-p", image], capture_output=True)
    command("mount", "-o", "loop", image, disk)
    integrity(db)
    live = Live(*arguments, db=db)
    live.wait_for("[0-9]+ events that were spilled before are read in")
    nothing_waits(live)
    check(live.stop() == 0, "ends badly:\n" + live.said())
    integrity(db)
    copies("http_sdk_json", 40, whole)
    same_events(db, whole)
    command("umount", disk)


def two_writers():
    own = workspace()
    live = Live(*TICK, db=os.path.join(own, "events.db"))
    code, said = attempt("-i", "far", "--db", live.db, "--user", "root", "--sensor-user", "root")
    check(code == 3 and "another shadowtap is writing this database" in said, "live: %d %s" % (code, said))
    code, said = replay_into(live.db, shipped("http_sdk_json"))
    check(code == 3 and "another shadowtap is writing this database" in said, "replay: %d %s" % (code, said))
    # by another name of the same file
    os.symlink(live.db, os.path.join(own, "link.db"))
    code, said = replay_into(os.path.join(own, "link.db"), shipped("http_sdk_json"))
    check(code == 3 and "another shadowtap" in said, "replay by a link: %d %s" % (code, said))
    send(shipped("http_sdk_json"))
    wait_until("the first one still works", lambda: live.sql("SELECT 1 FROM events"))
    check(live.stop() == 0, "ends badly:\n" + live.said())
    code, said = replay_into(live.db, shipped("http_sdk_json"))
    check(code == 1, "after it has ended: %d %s" % (code, said))


own_network()
own_mounts()
veth()
run(read_only_from_the_start, read_only_while_it_runs, two_writers)
