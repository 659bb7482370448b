#!/usr/bin/env python3
"""What servers offer, in the database: whole and broken lists, versions, texts; the same rows for any number of workers and when a
capture is read again, in any order. Run by ctest: test_offers.py SHADOWTAP SOURCE"""
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import unittest

BINARY, SOURCE = sys.argv[1], sys.argv[2]


def replay(db, *names, arguments=()):
    files = [os.path.join(SOURCE, "pcaps", name + ".pcap") for name in names]
    subprocess.run([BINARY, "replay", "--quiet", "--fail-on", "none", "--sensor", "test", "--db", db, "--signatures",
                    os.path.join(SOURCE, "signatures"), *arguments, *files], check=True, capture_output=True)


def offers(db, *arguments):
    run = subprocess.run([BINARY, "offers", "--db", db, "--format", "jsonl", *arguments], check=True, capture_output=True, text=True)
    return [json.loads(line) for line in run.stdout.splitlines()]


def dump(db, but=()):
    connection = sqlite3.connect(db)
    rows = {}
    for table in ("events", "definitions", "definition_lists"):
        columns = [c[1] for c in connection.execute(f"PRAGMA table_info({table})") if c[1] not in but]
        names = ", ".join(f'"{c}"' for c in columns)
        rows[table] = sorted(map(repr, connection.execute(f"SELECT {names} FROM {table}")))
    connection.close()
    return rows


class Offers(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.db = os.path.join(self.folder.name, "a.db")
        self.other = os.path.join(self.folder.name, "b.db")

    def test_pages_are_joined(self):
        replay(self.db, "offers_paged")
        rows = offers(self.db)
        self.assertEqual([r["name"] for r in rows], [f"tool_{i:02}" for i in range(12)])
        self.assertTrue(all(not r["gone"] and not r["incomplete"] and r["versions"] == 1 for r in rows))

    def test_lost_page_is_said(self):
        replay(self.db, "d_lostpage__offers_paged")
        rows = offers(self.db)
        self.assertEqual(len(rows), 7)
        self.assertTrue(all(r["incomplete"] for r in rows))

    def test_gone(self):
        replay(self.db, "offers_search_execute", "offers_code_mode")
        gone = {r["name"] for r in offers(self.db) if r["gone"]}
        self.assertEqual(gone, {"fetch", "upload", "remove"})

    def test_versions_and_texts(self):
        replay(self.db, "offers_rug_pull")
        self.assertEqual({r["name"]: r["versions"] for r in offers(self.db)}, {"add_note": 1, "find_notes": 2, "share_note": 2})
        self.assertEqual({r["name"] for r in offers(self.db, "--changed")}, {"find_notes", "share_note"})
        history = offers(self.db, "--history", "--name", "find_*")
        self.assertEqual(history[1]["before"], history[0]["hash"])
        self.assertTrue(all(r["text"] is None for r in history))
        replay(self.other, "offers_rug_pull", arguments=["--store-definitions"])
        history = offers(self.other, "--history", "--name", "find_*")
        self.assertNotIn("add_note", json.loads(history[0]["text"])["description"])
        self.assertIn("add_note", json.loads(history[1]["text"])["description"])
        event = next(e for e in sqlite3.connect(self.other).execute("SELECT change FROM events WHERE kind = 'tool-change' ORDER BY first_seen"))
        self.assertIn("add_note", json.loads(event[0])["text_after"])

    def test_filters(self):
        replay(self.db, "offers_poisoned")
        self.assertEqual([r["name"] for r in offers(self.db, "--finding", "offer.bidi")], ["divide"])
        self.assertEqual(offers(self.db, "--server", "mcp.example"), [])
        self.assertEqual(len(offers(self.db, "--server", "10.77.0.20", "--list", "tools", "--limit", "2")), 2)
        for wrong in (["--list", "x"], ["--finding", "no-auth"], ["--limit", "0"], ["--format", "x"], ["x"]):
            self.assertEqual(subprocess.run([BINARY, "offers", "--db", self.db, *wrong], capture_output=True).returncode, 2)

    def test_workers(self):
        names = ["offers_rug_pull", "offers_portal", "offers_poisoned", "http_everything_stateful", "sse_everything", "ws_supergateway"]
        replay(self.db, *names)
        for workers in ("2", "4"):
            db = os.path.join(self.folder.name, workers)
            replay(db, *names, arguments=["--workers", workers])
            self.assertEqual(dump(db, ["app_label"]), dump(self.db, ["app_label"]))

    def test_again(self):
        names = ["offers_rug_pull", "offers_portal", "offers_product", "offers_code_mode", "offers_paged"]
        replay(self.db, *names)
        once = dump(self.db)
        replay(self.db, *names)
        self.assertEqual(dump(self.db), once)

    def test_any_order_gives_the_same_definitions(self):
        names = ["offers_rug_pull", "offers_same_again", "offers_paged"]
        for name in names:
            replay(self.db, name)
        for name in reversed(names):
            replay(self.other, name)
        for name in reversed(names):  # what the older ones tell of the newer ones
            replay(self.other, name)
        self.assertEqual(dump(self.other, ["before"])["definitions"], dump(self.db, ["before"])["definitions"])


unittest.main(argv=sys.argv[:1])
