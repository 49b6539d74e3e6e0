#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-only
"""Answers as RFC 9110 and 9112 have them: codings, validators, HEAD, who may keep what; and what slow clients cost."""
from __future__ import annotations

import gzip
import hashlib
import os
import random
import re
import socket
import subprocess
import sys
import time
import unittest
import zlib
from contextlib import ExitStack
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "support")]
import counted  # noqa: E402  (the path comes first)
from samples import FOLDER, LOG, RUN, archive, fill_database, fill_store  # noqa: E402
from webserver import ROOT, WebServer, build_dir  # noqa: E402

RUN_PAGE = f"/packages/gzip/noble/amd64/{RUN}"
STORED = f"/results/autopkgtest-noble/{FOLDER}"
SWIFT = f"/swift/v1/autopkgtest-noble/{FOLDER}"
GZIP = {"Accept-Encoding": "gzip"}
SLOW = 300
MEGABYTE = 1024 * 1024
PAGE_KB = 400  # of a log's page: less than what is made in one piece
READABLE = ["/", "/recent", "/running", "/queues", "/regressions", "/flaky", "/statistics", "/user/someone", "/user/someone/ppa/tools",
            "/user/someone/feed.atom", "/packages/gzip/feed.atom", "/packages/gzip/noble/amd64/badge.svg", "/packages/gzip",
            "/packages/gzip/noble/amd64", RUN_PAGE, f"{RUN_PAGE}?format=json", f"{RUN_PAGE}/log", f"{RUN_PAGE}/log?q=test", f"{RUN_PAGE}/log?from=2",
            "/results/autopkgtest-noble/", f"{STORED}/log.gz", f"{STORED}/artifacts.tar.gz/", f"{STORED}/artifacts.tar.gz/reports/index.html",
            f"{STORED}/text.tar.gz/long.txt", "/request", "/static/style.css", "/static/icon.svg", "/static/autopkgtest.db", "/robots.txt",
            "/running.json", "/api/experimental/recent.json", "/api/v1/results", "/api/v1/changes", "/api/v1/tests/gzip/noble/amd64",
            "/api/v1/packages", "/api/v1/openapi.json", "/healthz", "/metrics", "/swift/info", f"{SWIFT}/log.gz"]
COMPRESSED = {"/", "/recent", "/statistics", RUN_PAGE, f"{RUN_PAGE}/log", f"{RUN_PAGE}/log?from=2", f"{STORED}/text.tar.gz/long.txt", "/static/style.css",
              "/api/experimental/recent.json", "/api/v1/results", "/api/v1/openapi.json", "/metrics"}
AS_IT_IS = {"/user/someone/feed.atom": "short", "/packages/gzip/noble/amd64/badge.svg": "short", "/robots.txt": "short",
            "/static/autopkgtest.db": "its bytes are those of its .sha256", f"{STORED}/log.gz": "compressed in the store", f"{SWIFT}/log.gz": "the same",
            f"{STORED}/artifacts.tar.gz/reports/index.html": "short"}
CHANGING = {"/healthz", "/metrics"}  # from one question to the next


def setUpModule() -> None:
    targets = [str(build_dir() / "bin/autopkgtest-web"), str(build_dir() / "tests/bench/fill_results")]
    subprocess.run(["make", "--no-print-directory", "-s", "-C", str(ROOT), f"BUILD={build_dir()}", *targets], check=True)


def timeless(text: bytes) -> bytes:
    """Without that for how long the broker has been away."""
    return re.sub(rb"for [0-9hms ]+ now", b"for long now", text)


def long_log(kilobytes: int) -> bytes:
    """Lines that no two are alike, so that compressed pages are not tiny."""
    dice = random.Random(1)
    lines = [f"Get:{n} http://archive.example/ubuntu noble/main {dice.randbytes(16).hex()}\n" for n in range(kilobytes * 1024 // 130)]
    head, mark, rest = LOG.partition("compressing ")
    return gzip.compress((head + "".join(lines) + mark + rest).encode(), 1)


class Answers(unittest.TestCase):
    server: WebServer

    @classmethod
    def setUpClass(cls) -> None:
        cls.server = WebServer()
        public = cls.server.dir / "public.db"
        public.write_bytes(b"SQLite format 3\0" + b"text " * 5000)
        cls.server.settings["public-database"] = str(public)
        cls.server.start()
        fill_database(cls.server)
        fill_store(cls.server)
        text = archive([("long.txt", b"a line of text\n" * 500), ("long.bin", b"\x7fELF\0" * 500)])
        cls.server.request("PUT", f"{SWIFT}/text.tar.gz", text, {"X-Auth-Token": cls.server.token()})

    @classmethod
    def tearDownClass(cls) -> None:
        cls.server.__exit__()

    def get(self, path: str, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], bytes]:
        return self.server.request(method, path, None, {"Accept": "text/html"} | {name.replace("_", "-"): value for name, value in headers.items()})

    def test_text_is_compressed_for_those_who_ask_for_it(self) -> None:
        for path in READABLE:
            status, plain, text = self.get(path)
            coded_status, coded, short = self.get(path, Accept_Encoding="gzip")
            with self.subTest(path):
                self.assertEqual((status, coded_status), (200, 200))
                if path in AS_IT_IS:
                    self.assertEqual((coded.get("content-encoding"), short), (plain.get("content-encoding"), text))
                    continue
                self.assertIn("Accept-Encoding", plain["vary"])
                self.assertEqual(coded["vary"], plain["vary"])
                self.assertNotIn("content-encoding", plain)
                if coded.get("content-encoding"):
                    self.assertGreaterEqual(len(text), 1024)
                    self.assertLess(len(short), len(text))
                    if path not in CHANGING:
                        self.assertEqual(timeless(gzip.decompress(short)), timeless(text))
                self.assertEqual(coded.get("content-encoding") == "gzip", len(text) >= 1024, len(text))
        self.assertLessEqual(COMPRESSED, set(READABLE))

    def test_what_is_listed_as_compressed_is(self) -> None:
        for path in COMPRESSED:
            self.assertEqual(self.get(path, Accept_Encoding="deflate, gzip;q=0.5")[1].get("content-encoding"), "gzip", path)
            for refused in ("gzip;q=0", "identity", "gzip;q=0.5, identity", "br", ""):
                self.assertNotIn("content-encoding", self.get(path, Accept_Encoding=refused)[1], (path, refused))

    def test_each_coding_has_a_validator_of_its_own(self) -> None:
        tagged = [path for path in READABLE if "etag" in self.get(path)[1] and path not in AS_IT_IS]
        self.assertLessEqual({f"{RUN_PAGE}/log", "/api/v1/results", "/static/style.css", f"{STORED}/text.tar.gz/long.txt"}, set(tagged))
        for path in tagged:
            plain, coded = (self.get(path, **more) for more in ({}, {"Accept_Encoding": "gzip"}))
            with self.subTest(path):
                self.assertEqual(plain[1]["etag"] != coded[1]["etag"], "content-encoding" in coded[1])
                for tag, accepted, expected in ((plain[1]["etag"], "", 304), (coded[1]["etag"], "gzip", 304), (plain[1]["etag"], "gzip", 304),
                                                (coded[1]["etag"], "", 200 if coded[1]["etag"] != plain[1]["etag"] else 304), ('"other"', "gzip", 200)):
                    status, headers, body = self.get(path, If_None_Match=tag, Accept_Encoding=accepted)
                    self.assertEqual(status, expected, (tag, accepted))
                    if status == 304:
                        self.assertEqual((headers["etag"], body), (tag, b""))
                        self.assertNotIn("content-encoding", headers)
                        for name in ("vary", "cache-control"):
                            self.assertEqual(headers.get(name), plain[1].get(name), name)

    def test_head_is_get_without_a_body(self) -> None:
        for path in READABLE:
            text = self.get(path)[2]
            changes = path in CHANGING or text != timeless(text)
            for more in ({}, {"Accept_Encoding": "gzip"}):
                got, head = self.get(path, **more), self.get(path, "HEAD", **more)
                with self.subTest(path, **more):
                    self.assertEqual((head[0], head[2]), (got[0], b""))
                    self.assertIn("date", got[1])
                    for name in set(got[1]) | set(head[1]) - {"date"}:
                        if name != "date" and not (name == "content-length" and changes):
                            self.assertEqual(head[1].get(name), got[1].get(name), name)

    def test_parts_are_of_what_has_no_coding(self) -> None:
        style = (ROOT / "static/style.css").read_bytes()
        status, headers, body = self.get("/static/style.css", Range="bytes=100-199", Accept_Encoding="gzip")
        self.assertEqual((status, headers.get("content-encoding"), body), (206, None, style[100:200]))
        coded = self.get("/static/style.css", Accept_Encoding="gzip")[1]["etag"]
        self.assertEqual(self.get("/static/style.css", Range="bytes=100-199", If_Range=coded)[2], style)
        member = f"{STORED}/text.tar.gz/long.txt"
        status, headers, body = self.get(member, Range="bytes=2-5", Accept_Encoding="gzip")
        self.assertEqual((status, headers.get("content-encoding"), body), (206, None, b"line"))
        self.assertEqual(headers["etag"], self.get(member)[1]["etag"])

    def test_binary_members_and_the_database_stay_as_they_are(self) -> None:
        status, headers, body = self.get(f"{STORED}/text.tar.gz/long.bin", Accept_Encoding="gzip")
        self.assertEqual((status, headers.get("content-encoding"), len(body)), (200, None, 2500))
        body = self.get("/static/autopkgtest.db", Accept_Encoding="gzip")[2]
        self.assertEqual(hashlib.sha256(body).digest(), hashlib.sha256((self.server.dir / "public.db").read_bytes()).digest())
        (self.server.dir / "public.db.sha256").write_text(hashlib.sha256(body).hexdigest())
        status, headers, text = self.get("/static/autopkgtest.db.sha256")
        self.assertEqual((status, text.decode()), (200, hashlib.sha256(body).hexdigest()))
        self.assertIn("no-cache", headers["cache-control"])

    def test_a_listing_is_shorter_for_programs_that_ask(self) -> None:
        signed = {"X-Auth-Token": self.server.token()}
        self.server.request("PUT", "/swift/v1/listed", None, signed | {"X-Container-Read": ".r:*,.rlistings"})
        self.server.request("PUT", "/swift/v1/hidden", None, signed)
        for n in range(60):
            for container in ("listed", "hidden"):
                self.server.request("PUT", f"/swift/v1/{container}/noble/amd64/g/gzip/object-{n}", b"", signed)
        text = self.server.request("GET", "/swift/v1/listed")[2]
        status, headers, short = self.server.request("GET", "/swift/v1/listed", None, GZIP)
        self.assertEqual((status, headers["content-encoding"], gzip.decompress(short)), (200, "gzip", text))
        self.assertEqual(headers["vary"], "Accept, Accept-Encoding")
        headers = self.server.request("GET", "/swift/v1/hidden", None, GZIP | signed)[1]  # what only an account may see
        self.assertEqual((headers.get("content-encoding"), headers["cache-control"]), (None, "no-store, no-transform"))
        self.assertEqual(self.server.request("GET", "/swift/v1/hidden/noble/amd64/g/gzip/object-1", None, signed)[1]["cache-control"], "no-store, no-transform")

    def test_events_are_not_compressed(self) -> None:
        with socket.create_connection(("127.0.0.1", self.server.port), 60) as s:
            s.sendall(b"GET /running/events HTTP/1.1\r\nHost: h\r\nAccept-Encoding: gzip\r\n\r\n")
            text = b""
            while b"event: running" not in text:
                piece = s.recv(4096)
                self.assertTrue(piece, text)
                text += piece
        self.assertNotIn(b"Content-Encoding", text)

    def test_a_changed_static_file_is_sent_as_it_is_now(self) -> None:
        folder = self.server.dir / "static"
        folder.mkdir()
        (folder / "a.css").write_text("/* old */" * 200)
        with WebServer({"static-dir": str(folder)}) as server:
            for text in ("/* old */" * 200, "/* new */" * 300):
                (folder / "a.css").write_text(text)
                headers, body = server.request("GET", "/static/a.css", None, GZIP)[1:]
                if headers.get("content-encoding") == "gzip":
                    body = gzip.decompress(body)
                self.assertEqual(body.decode(), text)

    def test_who_may_keep_an_answer(self) -> None:
        for path in READABLE:
            control = self.get(path)[1].get("cache-control")
            self.assertTrue(control or path.startswith("/swift"), path)
        for path in ("/", "/nothing", f"{RUN_PAGE}x", "/requests/none"):
            self.assertEqual(self.get(path)[1]["cache-control"], "no-cache", path)
        # HTML or JSON by Accept, also when it is an error
        self.assertEqual(self.server.request("GET", "/nothing")[1]["vary"], "Accept, Accept-Encoding, Cookie")

    def test_browsers_are_told_to_take_each_answer_for_what_it_is(self) -> None:
        for path in [*READABLE, "/nothing", "/nothing?format=json", "/swift/v1/none", "/login"]:
            for tls in (False, True):
                _, headers, _ = self.get(path, X_Forwarded_Proto="https" if tls else "http")
                self.assertEqual(headers["x-content-type-options"], "nosniff", path)
                self.assertEqual("strict-transport-security" in headers, tls, path)
                if headers["content-type"].startswith("text/html"):
                    self.assertEqual(headers["content-security-policy"], "default-src 'none'; style-src 'self'; img-src 'self' data:; script-src 'self'; "
                                     "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'", path)

    def test_methods_hosts_and_lengths(self) -> None:
        for path in READABLE:
            for method, expected in (("PUT", 405), ("PATCH", 405), ("OPTIONS", 405), ("BREW", 501), ("get", 501)):
                if method == "PUT" and path.startswith("/swift/v1"):
                    continue
                status, headers, body = self.get(path, method)
                self.assertEqual(status, expected, (method, path))
                if status == 405:
                    self.assertEqual(set(headers["allow"].split(", ")) & {"GET", "HEAD"}, {"GET", "HEAD"}, path)
                self.assertIn(method, body.decode())
        for head, expected in ((b"GET / HTTP/1.1\r\n", b"400"), (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n", b"400"), (b"GET / HTTP/1.0\r\n", b"200"),
                               (b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n", b"200")):
            with socket.create_connection(("127.0.0.1", self.server.port), 60) as s:
                s.sendall(head + b"\r\n")
                self.assertEqual(s.recv(4096).split()[1], expected, head)

    def test_the_form_that_is_preferred(self) -> None:
        for accept, page, error in (("text/html, application/json;q=0.9", "html", "html"), ("text/html;q=0.2, application/json;q=0.8", "json", "json"),
                                    ("application/json, text/plain, */*", "json", "json"), ("application/json;q=0.1, */*", "html", "html"), ("*/*", "html", "json")):
            for path, form in (("/recent", page), ("/nothing", error)):
                _, headers, _ = self.get(path, Accept=accept)
                self.assertIn(form, headers["content-type"], (accept, path))
        self.assertIn("json", self.get("/recent?format=json", Accept="text/html")[1]["content-type"])

    def test_one_who_needs_a_key_is_told_of_it(self) -> None:
        with WebServer({"authorization": "apikey", "api-keys-dir": str(self.server.dir / "keys")}) as server:
            status, headers, _ = server.request("POST", "/api/v1/requests", b"{}", {"Content-Type": "application/json"})
            self.assertEqual(status, 401)
            self.assertIn("www-authenticate", headers)


class Slow(unittest.TestCase):
    """Clients that ask for the page of a log and do not read on."""

    def setUp(self) -> None:
        self.server = WebServer()
        self.addCleanup(self.server.__exit__)
        self.server.start()
        fill_database(self.server)
        self.server.request("GET", "/")
        self.before = self.pss_kb()

    def pss_kb(self) -> int:
        assert self.server.process
        lines = Path(f"/proc/{self.server.process.pid}/smaps_rollup").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))

    def open(self, stack: ExitStack, query: str, more: str = "") -> socket.socket:
        """One that has got the page's head, of as little as the kernel takes in for it."""
        s = stack.enter_context(socket.socket())
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 536)  # of 64 KB the kernel would take in all of the page
        s.settimeout(120)
        s.connect(("127.0.0.1", self.server.port))
        s.sendall(f"GET {RUN_PAGE}/log{query} HTTP/1.1\r\nHost: h\r\nAccept: text/html\r\nConnection: close\r\n{more}\r\n".encode())
        self.assertTrue(s.recv(64).startswith(b"HTTP/1.1 200"))
        return s

    def held(self) -> int:
        """Bytes of answers in the server's memory."""
        text = self.server.request("GET", "/metrics")[2].decode()
        return int(re.search(r"^autopkgtest_web_held_bytes (\d+)$", text, re.M)[1])  # type: ignore[index]

    @staticmethod
    def rest(s: socket.socket) -> bytes:
        return b"".join(iter(lambda: s.recv(65536), b""))

    def test_they_share_the_page(self) -> None:
        fill_store(self.server, long_log(PAGE_KB))
        size = len(self.server.request("GET", f"{RUN_PAGE}/log", None, {"Accept": "text/html"})[2])
        self.assertGreater(size, PAGE_KB * 1024 * 3 // 4)
        self.assertLess(size, 512 * 1024)
        with ExitStack() as stack:
            for _ in range(4):
                plain = [self.open(stack, "") for _ in range(SLOW // 8)]
                coded = [self.open(stack, "", "Accept-Encoding: gzip\r\n") for _ in range(SLOW // 8)]
                time.sleep(1.1)  # the page's second is over
            self.server.request("GET", f"{RUN_PAGE}/log?section=1", None, {"Accept": "text/html"})  # another page
            self.assertLess(self.held(), 3.5 * size)
            self.assertTrue(self.rest(plain[-1]).rstrip().endswith(b"</html>"))  # who reads late gets all of it
            whole = self.rest(coded[-1])
            self.assertIn(b"</html>", zlib.decompress(whole[whole.index(b"\x1f\x8b"):], 31))

    def test_pages_that_cannot_be_shared_stay_within_bounds(self) -> None:
        fill_store(self.server, long_log(PAGE_KB))
        with ExitStack() as stack:
            sockets = [self.open(stack, "", "Cookie: of=somebody\r\n") for _ in range(SLOW)]
            self.assertLess(self.held(), 25 * MEGABYTE)
            self.assertLess(self.pss_kb() - self.before, SLOW * PAGE_KB * 3 // 4)
            for s in (sockets[0], sockets[-1]):  # in one piece, and piece by piece
                self.assertIn(b"</html>", self.rest(s)[-50:])

    def test_a_long_log_is_compressed_while_it_is_read(self) -> None:
        fill_store(self.server, long_log(20 * 1024))
        text = self.server.request("GET", f"{RUN_PAGE}/log", None, {"Accept": "text/html"})[2]
        status, headers, short = self.server.request("GET", f"{RUN_PAGE}/log", None, {"Accept": "text/html"} | GZIP)
        self.assertEqual((status, headers["content-encoding"], headers.get("transfer-encoding")), (200, "gzip", "chunked"))
        self.assertEqual(gzip.decompress(short), text)
        self.assertGreater(len(text), 20 * 1024 * 1024)
        with ExitStack() as stack:
            for _ in range(50):
                self.open(stack, "", "Accept-Encoding: gzip\r\n")
            self.assertLess(self.pss_kb() - self.before, 50 * 400)


if __name__ == "__main__":
    os.environ.setdefault("LANG", "C.UTF-8")
    counted.main()
