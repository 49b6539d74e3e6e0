#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-only
"""Results that are kept in a real Swift with Keystone v3: the pages show them as those of the built-in store."""
from __future__ import annotations

import gzip
import http.client
import http.server
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "store"), str(HERE.parents[1] / "support")]
import bed  # noqa: E402  (the path comes first)
import counted  # noqa: E402
from openid_provider import OpenIdProvider  # noqa: E402
from samples import FOLDER, LOG, PASSED, RUN, archive, artifacts, fill_database, fill_store, result_tar  # noqa: E402
from test_login import Visitor  # noqa: E402
from waiting import wait_for  # noqa: E402
from webserver import ROOT, WebServer, build_dir  # noqa: E402

HTML = {"Accept": "text/html"}
RUN_PAGE = f"/packages/gzip/noble/amd64/{RUN}"
STORED = f"/results/autopkgtest-noble/{FOLDER}"
BEFORE = "libc6\t2.39-0ubuntu7\nbash\t5.2\nzlib1g\t1.3\nleaver\t2\n"
PRIVATE = "private-autopkgtest-noble-me-tools"
SECRET = b"what nobody else may see"
MEGABYTE = 1024 * 1024
LARGE = 80 * MEGABYTE


def fill(swift: bed.Swift) -> None:
    client = swift.client()
    for container, read in (("autopkgtest-noble", ".r:*,.rlistings"), (PRIVATE, "*:reader"), ("private-autopkgtest-noble-alone", "")):
        client.put_container(container, {"X-Container-Read": read})
    for name, body, headers in (
            ("log.gz", gzip.compress(LOG.encode()), {"Content-Type": "text/plain; charset=UTF-8", "Content-Encoding": "gzip"}),
            ("artifacts.tar.gz", artifacts(), {"Content-Type": "application/gzip"}),
            ("result.tar", result_tar(), {"Content-Type": "application/x-tar"})):
        client.put_object("autopkgtest-noble", f"{FOLDER}/{name}", body, headers=headers)
    client.put_object("autopkgtest-noble", f"noble/amd64/g/gzip/{PASSED}/result.tar", result_tar(0, BEFORE))
    for container in (PRIVATE, "private-autopkgtest-noble-alone"):
        client.put_object(container, f"{FOLDER}/readable-by", b"alice\nothers-team")
        client.put_object(container, f"{FOLDER}/artifacts.tar.gz", artifacts())
        client.put_object(container, f"{FOLDER}/log.gz", SECRET, headers={"Content-Type": "text/html"})


def setUpModule() -> None:
    targets = [str(build_dir() / "bin/autopkgtest-web"), str(build_dir() / "tests/bench/fill_results")]
    subprocess.run(["make", "--no-print-directory", "-s", "-C", str(ROOT), f"BUILD={build_dir()}", *targets], check=True)


class Between:
    """Passes requests on to a store and notes the objects that were asked for. Of the object `held` the second half comes when `go_on` is set, piece by piece
    until nobody wants it (`left`), or not at all when it was `cut`."""

    def __init__(self, store: str) -> None:
        asked = self.asked = list[str]()
        heads = self.heads = list[str]()
        self.held, self.go_on, self.left, self.cut = "", threading.Event(), threading.Event(), False
        self.failing = False
        between = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                name = urllib.parse.unquote(self.path.split("?")[0]).removeprefix("/")
                (heads if self.command == "HEAD" else asked).append(name)
                token = self.headers.get("X-Auth-Token")
                request = bed.urllib.request.Request(store + self.path, headers={"X-Auth-Token": token} if token else {}, method=self.command)
                if between.failing:
                    self.send_error(503)
                    return
                try:
                    answer = bed.DIRECT.open(request, timeout=10)
                except bed.urllib.error.HTTPError as error:
                    answer = error
                with answer:
                    body = answer.read()
                    self.send_response(answer.status)
                    for header in ("Content-Type", "Content-Encoding", "ETag"):
                        if header in answer.headers:
                            self.send_header(header, answer.headers[header])
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                half = len(body) // 2 if name == between.held else len(body)
                self.wfile.write(body[:half])
                if half < len(body):
                    between.go_on.wait(20)
                    self.close_connection = True
                    try:
                        for at in range(half, len(body) if not between.cut else 0, 16384):
                            self.wfile.write(body[at:at + 16384])
                            time.sleep(0.02)
                    except OSError:
                        between.left.set()

            do_HEAD = do_GET

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self) -> "Between":
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()


def store_up(server: WebServer) -> dict[str, int]:
    """The metric of the store, by reader."""
    lines = server.request("GET", "/metrics")[2].decode().splitlines()
    return {line.split('"')[1]: int(line.split()[1]) for line in lines if line.startswith("autopkgtest_store_up{")}


def peak_kb(server: WebServer) -> int:
    assert server.process
    return bed.peak_kb(server.process.pid)


class AtSwift(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.tmp = tempfile.TemporaryDirectory(prefix="web-swift-")
        cls.addClassCleanup(cls.tmp.cleanup)
        cls.swift = bed.Swift(Path(cls.tmp.name) / "swift")
        cls.addClassCleanup(cls.swift.destroy)
        cls.swift.start()
        fill(cls.swift)
        cls.provider = OpenIdProvider({"alice": [], "bob": [], "carol": ["others-team"]}).__enter__()
        cls.addClassCleanup(cls.provider.__exit__)
        cls.server = cls.new_server(cls.swift.url)
        cls.addClassCleanup(cls.server.__exit__)
        cls.server.start()

    @classmethod
    def new_server(cls, url: str, **account: str) -> WebServer:
        """With what the charm writes for a Swift: its address, and a file with the account."""
        server = WebServer({"authorization": "login", "login-url": cls.provider.url, "allowed-requestors": "others-team", "store-dir": "", "store-credentials": "", "store-url": url})
        server.settings["store-reader"] = f"{server.dir}/swift.cred"
        cls.swift.write_settings(server.dir, **account)
        fill_database(server)
        return server

    def visitor(self, user: str, server: WebServer | None = None) -> Visitor:
        visitor = Visitor(server or self.server)
        visitor.log_in(self.provider, user)
        return visitor

    # ---- what is public

    def test_the_pages_of_a_run_are_those_of_the_built_in_store(self) -> None:
        with WebServer({"authorization": "login"}) as own:
            fill_database(own)
            fill_store(own)
            inside = f"{STORED}/artifacts.tar.gz"
            for path in (f"{inside}/", f"{inside}/many/?page=2", f"{inside}/reports/index.html", f"{RUN_PAGE}/log?q=gzip", f"{RUN_PAGE}/log?from=8",
                         RUN_PAGE, f"{RUN_PAGE}/log", f"{RUN_PAGE}?format=json", f"{RUN_PAGE}/log?format=json"):
                one, two = (server.request("GET", path, None, HTML) for server in (own, self.server))
                self.assertEqual((two[0], two[2]), (200, one[2]), path)
        page = json.loads(two[2])
        self.assertEqual([test["verdict"] for test in page["tests"]], ["PASS", "FAIL"])
        self.assertEqual([file["name"] for file in page["files"]], ["artifacts.tar.gz", "log.gz", "result.tar"])
        page = json.loads(self.server.request("GET", f"{RUN_PAGE}?format=json")[2])
        self.assertEqual([change["package"] for change in page["changes"]], ["leaver", "libc6", "newcomer", "zlib1g"])

    def test_folders_are_listed_and_files_are_sent_guarded(self) -> None:
        status, _, text = self.server.request("GET", f"{STORED}/?format=json")
        self.assertEqual((status, [entry["name"] for entry in json.loads(text)["entries"]]), (200, ["artifacts.tar.gz", "log.gz", "result.tar"]))
        self.assertEqual(self.server.request("GET", STORED)[1]["location"], f"{STORED}/")
        status, headers, body = self.server.request("GET", f"{STORED}/log.gz")
        self.assertEqual((status, gzip.decompress(body).decode()), (200, LOG))
        self.assertEqual((headers["content-type"], headers["content-encoding"]), ("text/plain; charset=UTF-8", "gzip"))
        self.assertIn("sandbox", headers["content-security-policy"])
        self.assertEqual(headers["x-content-type-options"], "nosniff")
        for path in (f"{STORED}/nothing", f"{STORED}/nothing/", "/results/no-such-container/", "/results/no-such-container/x",
                     f"{RUN_PAGE.replace('abcde', 'abcdf')}/log"):
            self.assertEqual(self.server.request("GET", path, None, HTML)[0], 404, path)

    def test_ranges_conditions_and_head_are_answered_as_swift_does(self) -> None:
        path, there = f"{STORED}/log.gz", f"{self.swift.url}/autopkgtest-noble/{FOLDER}/log.gz"
        whole = bed.fetch(there)
        for method, headers in (("HEAD", {}), ("GET", {"Range": "bytes=3-10"}), ("GET", {"Range": "bytes=-5"}), ("GET", {"Range": "bytes=99999999-"}),
                                ("GET", {"If-None-Match": whole.headers["ETag"]}), ("GET", {"If-Match": "x"}), ("HEAD", {"If-Match": "x"}),
                                ("GET", {"If-Modified-Since": whole.headers["Last-Modified"]})):
            connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=10)
            self.addCleanup(connection.close)
            connection.request(method, path, headers=headers)
            ours = connection.getresponse()
            request = bed.urllib.request.Request(there, method=method, headers=headers)
            try:
                theirs = bed.DIRECT.open(request, timeout=10)
            except bed.urllib.error.HTTPError as error:
                theirs = error
            with theirs:
                self.assertEqual(ours.status, theirs.status, headers)
                for name in ("Content-Range", "ETag"):
                    self.assertEqual(ours.headers.get(name), theirs.headers.get(name), (headers, name))
                body = ours.read()
                if ours.status < 400:
                    self.assertEqual(body, theirs.read(), headers)
            if method == "HEAD" and ours.status == 200:
                self.assertEqual(ours.headers["Content-Length"], str(len(whole.body)))
            connection.request("GET", "/robots.txt")  # the connection goes on
            self.assertEqual(connection.getresponse().status, 200, headers)

    # ---- what is private

    def test_private_results_are_for_those_who_are_named(self) -> None:
        path = f"/private-results/{PRIVATE}/{FOLDER}/"
        self.assertEqual(Visitor(self.server).go(path)[0], 303)
        alice, bob, carol = (self.visitor(name) for name in ("alice", "bob", "carol"))
        for name in ("", "log.gz", "nothing"):
            status, _, text = bob.go(path + name)
            self.assertEqual(status, 404)
            self.assertIn("there is no such result, or it is not for bob", text)
        for reader in (alice, carol):
            status, headers, text = reader.go(path)
            self.assertEqual((status, headers["cache-control"]), (200, "no-store"))
            self.assertIn("log.gz", text)
            status, headers, text = reader.go(f"{path}log.gz")
            self.assertEqual((status, text, headers["cache-control"]), (200, SECRET.decode(), "no-store"))
            self.assertIn("sandbox", headers["content-security-policy"])
        status, headers, text = alice.go(f"{path}log.gz", Range="bytes=5-10")
        self.assertEqual((status, text, headers["content-range"]), (206, SECRET[5:11].decode(), f"bytes 5-10/{len(SECRET)}"))
        self.assertEqual(alice.go(f"{path}nothing")[0], 404)
        status, headers, text = alice.go(f"{path}artifacts.tar.gz/reports/")
        self.assertEqual((status, headers["cache-control"]), (200, "no-store"))
        self.assertIn("index.html", text)
        self.assertEqual(bob.go(f"{path}artifacts.tar.gz/reports/index.html")[0], 404)
        for above in (f"/private-results/{PRIVATE}/", f"/private-results/{PRIVATE}/noble/", f"/private-results/autopkgtest-noble/{FOLDER}/"):
            self.assertEqual(alice.go(above)[0], 404, above)
        for public in (f"/results/{PRIVATE}/", f"/results/{PRIVATE}/{FOLDER}/", f"/results/{PRIVATE}/{FOLDER}/log.gz"):
            self.assertEqual(alice.go(public)[0], 404, public)

    def test_an_account_that_only_reads_shows_what_it_may_read(self) -> None:
        account = self.swift.lines("env", "reader")
        with self.new_server(self.swift.url, username="reader", password=account["SWIFT_PASSWORD"]) as server:
            alice = self.visitor("alice", server)
            self.assertEqual(alice.go(f"/private-results/{PRIVATE}/{FOLDER}/log.gz")[2], SECRET.decode())
            self.assertEqual(alice.go(f"/private-results/private-autopkgtest-noble-alone/{FOLDER}/log.gz")[0], 503)
            self.assertIn("access is refused", server.log())

    def test_a_token_that_is_refused_is_renewed(self) -> None:
        alice = self.visitor("alice")
        path = f"/private-results/{PRIVATE}/{FOLDER}/log.gz"
        self.assertEqual(alice.go(path)[2], SECRET.decode())
        self.swift.rig("expire")
        answers: list[str] = []
        readers = [threading.Thread(target=lambda: answers.append(self.visitor("alice").go(path)[2])) for _ in range(4)]
        for reader in readers:
            reader.start()
        for reader in readers:
            reader.join()
        self.assertEqual(answers, [SECRET.decode()] * 4)

    def test_changed_credentials_count_from_the_reload_on_and_nobody_sees_them(self) -> None:
        with self.new_server(self.swift.url, password="wrong-secret") as server:
            alice = self.visitor("alice", server)
            path = f"/private-results/{PRIVATE}/{FOLDER}/log.gz"
            status, _, text = alice.go(path)
            self.assertEqual(status, 503)
            self.assertIn("the object store does not answer, try again later", text)
            self.assertEqual(server.request("GET", f"{STORED}/log.gz")[0], 200)  # what is public needs no account
            self.assertEqual(store_up(server), {"anybody": 1, "account": 0})
            self.swift.write_settings(server.dir)
            assert server.process
            server.process.send_signal(signal.SIGHUP)
            wait_for("the new password", lambda: alice.go(path)[0] == 200)
            wait_for("the metric", lambda: store_up(server) == {"anybody": 1, "account": 1})
            self.assertNotIn("wrong-secret", server.log() + text)
            self.assertIn("is refused", server.log())

    def test_without_an_account_nothing_private_is_shown(self) -> None:
        with self.new_server(self.swift.url) as server:
            server.stop()
            server.settings["store-reader"] = ""
            server.start()
            self.assertEqual(self.visitor("alice", server).go(f"/private-results/{PRIVATE}/{FOLDER}/log.gz")[0], 404)
            self.assertEqual(server.request("GET", f"{STORED}/log.gz")[0], 200)

    # ---- what is kept

    def test_objects_are_asked_for_once_a_minute_and_who_may_read_them_each_time(self) -> None:
        with Between(self.swift.url) as between, self.new_server(between.url) as server:
            alice = self.visitor("alice", server)
            for _ in range(3):
                self.assertEqual(alice.go(RUN_PAGE)[0], 200)
                self.assertEqual(alice.go(f"{RUN_PAGE}/log")[0], 200)
                self.assertEqual(alice.go(f"{STORED}/artifacts.tar.gz/")[0], 200)
                self.assertIn("index.html", alice.go(f"/private-results/{PRIVATE}/{FOLDER}/artifacts.tar.gz/reports/")[2])
            times = {name: between.asked.count(f"{container}/{FOLDER}/{name}") for container, name in (
                ("autopkgtest-noble", "result.tar"), ("autopkgtest-noble", "log.gz"), ("autopkgtest-noble", "artifacts.tar.gz"), (PRIVATE, "readable-by"))}
            self.assertEqual(times, {"result.tar": 1, "log.gz": 1, "artifacts.tar.gz": 1, "readable-by": 3})
            self.assertEqual(between.asked.count(f"{PRIVATE}/{FOLDER}/artifacts.tar.gz"), 1)
            assert server.process
            server.process.send_signal(signal.SIGHUP)
            wait_for("another one", lambda: alice.go(RUN_PAGE)[0] == 200 and between.asked.count(f"autopkgtest-noble/{FOLDER}/result.tar") == 2)

    def test_what_is_kept_of_a_private_run_is_for_those_who_are_named_now(self) -> None:
        folder = FOLDER.replace("abcde", "5a1f3")
        path = f"/private-results/{PRIVATE}/{folder}/artifacts.tar.gz/reports/"
        client = self.swift.client()
        client.put_object(PRIVATE, f"{folder}/artifacts.tar.gz", artifacts())
        client.put_object(PRIVATE, f"{folder}/readable-by", b"alice")
        with Between(self.swift.url) as between, self.new_server(between.url) as server:
            alice, bob = (self.visitor(name, server) for name in ("alice", "bob"))
            for name in ("", "index.html"):
                self.assertEqual([alice.go(path + name)[0], bob.go(path + name)[0]], [200, 404])
            client.put_object(PRIVATE, f"{folder}/readable-by", b"bob")
            for name in ("", "index.html"):
                self.assertEqual([alice.go(path + name)[0], bob.go(path + name)[0]], [404, 200])
            self.assertEqual(between.asked.count(f"{PRIVATE}/{folder}/artifacts.tar.gz"), 1)
            client.delete_object(PRIVATE, f"{folder}/readable-by")
            self.assertEqual([alice.go(path)[0], bob.go(path)[0]], [404, 404])
            for name in ("", "index.html"):
                self.assertEqual(server.request("GET", path.replace("/private-results", "/results") + name)[0], 404)

    def test_an_archive_is_listed_from_its_index_until_it_changes(self) -> None:
        name = f"autopkgtest-noble/{FOLDER.replace('abcde', '5a1f4')}/artifacts.tar.gz"
        client = self.swift.client()
        client.put_object(*name.split("/", 1), artifacts())
        with Between(self.swift.url) as between, self.new_server(between.url) as server:
            def folders() -> list[str]:
                assert server.process
                reloads.append(None)
                server.process.send_signal(signal.SIGHUP)  # what was read is forgotten, the index is not
                wait_for("the reload", lambda: server.log().count("settings read again") == len(reloads))
                status, _, body = server.request("GET", f"/results/{name}/?format=json")
                self.assertEqual(status, 200)
                return [entry["name"] for entry in json.loads(body)["entries"] if entry["folder"]]
            reloads: list[None] = []
            first = folders()
            self.assertEqual([folders(), folders()], [first, first])
            self.assertEqual([between.asked.count(name), between.heads.count(name)], [1, 3])
            client.put_object(*name.split("/", 1), archive([("other/file", b"1")]))
            self.assertEqual(folders(), ["other"])
            self.assertEqual([between.asked.count(name), between.heads.count(name)], [2, 4])

    def test_a_file_of_an_archive_that_the_client_has_costs_no_download(self) -> None:
        name = f"autopkgtest-noble/{FOLDER.replace('abcde', '5a1f5')}/artifacts.tar.gz"
        self.swift.client().put_object(*name.split("/", 1), artifacts())
        with Between(self.swift.url) as between, self.new_server(between.url) as server:
            path = f"/results/{name}/reports/core"
            status, headers, body = server.request("GET", path, None, {"Range": "bytes=1-3"})
            self.assertEqual((status, body, headers["content-range"]), (206, b"ELF", "bytes 1-3/7"))
            server.stop()
            server.start()  # with nothing kept
            self.assertEqual(server.request("GET", path, None, {"If-None-Match": headers["etag"]})[0], 304)
            self.assertEqual([between.asked.count(name), between.heads.count(name)], [1, 1])

    # ---- what has not all come

    def put_log(self, run: str, lines: int) -> tuple[str, str]:
        """A log that gzip makes little smaller: the object, and the page that shows it."""
        folder = FOLDER.replace("abcde", run)
        text = "".join(f"line {n} {os.urandom(50).hex()}\n" for n in range(lines))
        self.swift.client().put_object("autopkgtest-noble", f"{folder}/log.gz", gzip.compress(text.encode(), 1), headers={"Content-Type": "text/plain; charset=UTF-8", "Content-Encoding": "gzip"})
        return f"autopkgtest-noble/{folder}/log.gz", f"/packages/gzip/noble/amd64/{RUN.replace('abcde', run)}/log"

    @contextmanager
    def half_a_log(self, run: str, query: str = "") -> Iterator[tuple[Between, WebServer, http.client.HTTPResponse, bytes, str]]:
        """A page whose log has come by half: the response, and its text until then."""
        name, page = self.put_log(run, 20_000)
        with Between(self.swift.url) as between, self.new_server(between.url) as server:
            self.addCleanup(between.go_on.set)
            between.held = name
            self.connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
            self.addCleanup(self.connection.close)
            self.connection.request("GET", page + query)
            response = self.connection.getresponse()
            text = b""
            while b"line 9000 " not in text:
                piece = response.read1()
                self.assertTrue(piece, text[:200])
                text += piece
            yield between, server, response, text, page

    def test_a_log_is_shown_as_it_arrives_and_kept_then(self) -> None:
        with self.half_a_log("5a1f0") as (between, server, response, text, page):
            between.go_on.set()
            text += response.read()
            self.assertEqual([text.count(b"<span id="), text.count(b"</details>"), text.rstrip()[-7:]], [20_000, 1, b"</html>"])
            self.assertTrue(server.request("GET", page)[2] == text)
            self.assertEqual(between.asked.count(between.held), 1)

    def test_a_part_of_a_log_is_shown_when_that_part_has_come(self) -> None:
        with self.half_a_log("5a1f6", "?from=7500") as (between, server, response, text, page):
            text += response.read()
            self.assertEqual([text.count(b"<span id="), text.count(b'id="L7500"'), text.rstrip()[-7:]], [2000, 1, b"</html>"])
            between.go_on.set()
            self.assertTrue(between.left.wait(20))  # what is behind it is not wanted
            self.assertEqual(server.stop(), 0)

    def test_text_is_looked_for_while_a_log_comes(self) -> None:
        name, page = self.put_log("5a1f7", 20_000)
        with Between(self.swift.url) as between, self.new_server(between.url) as server:
            for cut, status in ((True, 503), (False, 200), (False, 200)):
                between.held, between.cut = name, cut
                answers: list[tuple[int, dict[str, str], bytes]] = []
                reader = threading.Thread(target=lambda: answers.append(server.request("GET", f"{page}?q=line+1999&format=json")))
                between.go_on.clear()
                reader.start()
                between.go_on.set()
                reader.join()
                self.assertEqual(answers[0][0], status, answers[0][2])
            found = json.loads(answers[0][2])
            self.assertEqual((found["total"], found["lines"], found["hits"][1]["line"]), (11, 20_000, 19991))
            self.assertEqual(between.asked.count(name), 2)  # the one that broke off, and the one that is kept

    def test_a_log_that_breaks_off_says_so_and_is_not_kept(self) -> None:
        with self.half_a_log("5a1f1") as (between, server, response, text, page):
            between.cut = True
            between.go_on.set()
            text += response.read()
            self.assertTrue(b"(the rest of the log cannot be read)" in text, text[-1000:])
            self.assertTrue(text.rstrip().endswith(b"</html>"))
            between.held = ""
            self.assertEqual(server.request("GET", page)[2].count(b"<span id="), 20_000)

    def test_a_log_whose_reader_has_left_is_not_kept(self) -> None:
        with self.half_a_log("5a1f2") as (between, server, response, _, page):
            response.close()
            self.connection.close()
            between.go_on.set()
            self.assertTrue(between.left.wait(20))
            between.held = ""
            self.assertEqual(server.request("GET", page)[2].count(b"<span id="), 20_000)
            self.assertEqual(server.stop(), 0)

    # ---- large ones

    def test_large_files_and_logs_need_little_memory(self) -> None:
        line = b"autopkgtest [10:15:00]: nothing of note happens in this line, nor in the next one\n"
        lines = 100 * MEGABYTE // len(line)
        packed = gzip.compress(line * lines, 1)
        client = self.swift.client()
        run = RUN.replace("abcde", "1a26e")
        folder = FOLDER.replace("abcde", "1a26e")
        client.put_object("autopkgtest-noble", f"{folder}/log.gz", packed)
        client.put_object("autopkgtest-noble", f"{folder}/large", bytes(LARGE))
        with self.new_server(self.swift.url) as server:
            with self.stalled(server, f"/results/autopkgtest-noble/{folder}/large") as stalled:
                status, headers, body = server.request("GET", f"/results/autopkgtest-noble/{folder}/large")
                self.assertEqual((status, len(body), headers["content-length"]), (200, LARGE, str(LARGE)))
                status, _, body = server.request("GET", f"/packages/gzip/noble/amd64/{run}/log")
                self.assertEqual((status, body.count(b"<span id=")), (200, lines))
                self.assertLess(peak_kb(server), 60 * 1024)
                rest = 0  # who reads late gets all the same
                while piece := stalled.recv(MEGABYTE):
                    rest += len(piece)
                self.assertGreater(rest, LARGE)
            for _ in range(5):  # who goes away is forgotten
                with self.stalled(server, f"/results/autopkgtest-noble/{folder}/large"):
                    pass
            self.assertEqual(server.request("GET", RUN_PAGE)[0], 200)
            self.assertEqual(server.stop(), 0)

    @contextmanager
    def stalled(self, server: WebServer, path: str) -> Iterator[socket.socket]:
        """A client that has asked and does not read."""
        with socket.create_connection(("127.0.0.1", server.port)) as client:
            client.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
            client.recv(1, socket.MSG_PEEK)
            yield client

    # ---- a store in trouble

    def test_a_store_that_is_down_is_told_and_all_else_is_shown(self) -> None:
        self.addCleanup(self.swift.start)
        alice = self.visitor("alice")
        self.swift.kill()
        for path in (f"{RUN_PAGE}/log", f"{STORED}/", f"{STORED}/log.gz"):
            status, _, text = self.server.request("GET", path, None, HTML)
            self.assertEqual(status, 503, path)
            self.assertIn(b"the object store does not answer, try again later", text)
            self.assertLess(len(text), 8192)
        self.assertEqual(alice.go(f"/private-results/{PRIVATE}/{FOLDER}/log.gz")[0], 503)
        status, _, text = self.server.request("GET", RUN_PAGE, None, HTML)
        self.assertEqual(status, 200)
        self.assertIn(b"Log and files: the object store does not answer", text)
        page = json.loads(self.server.request("GET", f"{RUN_PAGE}?format=json")[2])
        self.assertEqual((page["has_files"], page["tests"], page["result"]["verdict"]), (False, [], "fail"))
        status, _, text = self.server.request("GET", "/healthz")
        self.assertEqual((status, json.loads(text)["checks"]["store"]), (200, "the object store does not answer"))
        self.assertEqual(store_up(self.server), {"anybody": 0, "account": 0})
        self.swift.start()
        wait_for("the store", lambda: self.server.request("GET", f"{RUN_PAGE}/log", None, HTML)[0] == 200)
        self.assertEqual(json.loads(self.server.request("GET", "/healthz")[2])["checks"]["store"], "the object store does not answer")  # by the account
        self.assertEqual(self.server.log().count("the object store is out of reach"), 2)  # for all, and by the account
        wait_for("the store by the account", lambda: alice.go(f"/private-results/{PRIVATE}/{FOLDER}/log.gz")[0] == 200)
        self.assertEqual(json.loads(self.server.request("GET", "/healthz")[2])["checks"]["store"], "ok")
        self.assertEqual(store_up(self.server), {"anybody": 1, "account": 1})

    def test_who_scrapes_the_metrics_learns_of_a_store_that_nobody_else_asks(self) -> None:
        with Between(self.swift.url) as between, self.new_server(between.url) as server:
            self.assertEqual(store_up(server), {})
            wait_for("the first answers", lambda: store_up(server) == {"anybody": 1, "account": 1})
            self.assertEqual((between.asked, between.heads), (["autopkgtest-noble"], [""]))
            between.failing = True
            wait_for("answers that are none", lambda: store_up(server) == {"anybody": 0, "account": 0})
            self.assertEqual(json.loads(server.request("GET", "/healthz")[2])["checks"]["store"], "the object store refuses to answer")
            self.assertEqual(server.log().count("the object store refuses with status 503"), 2)
            between.failing = False
            wait_for("answers again", lambda: store_up(server) == {"anybody": 1, "account": 1})
            self.assertEqual(server.stop(), 0)

    def test_a_store_that_is_silent_keeps_nobody_else_waiting(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent, self.new_server(f"http://127.0.0.1:{silent.getsockname()[1]}/v1/AUTH_x") as server:
            answers: list[int] = []
            waiting = [threading.Thread(target=lambda path=path: answers.append(server.request("GET", path, None, HTML)[0]))
                       for path in (RUN_PAGE, f"{RUN_PAGE}/log", f"{STORED}/log.gz", f"{STORED}/")]
            for one in waiting:
                one.start()
            taken = [silent.accept()[0] for _ in range(8)]  # pages ask for what they need at once
            for path in ("/", "/packages/gzip", "/packages/gzip/noble/amd64", "/recent"):
                self.assertEqual(server.request("GET", path, None, HTML)[0], 200)
            self.assertEqual(answers, [])
            for one in taken:
                one.close()
            for one in waiting:
                one.join()
            self.assertEqual(sorted(answers), [200, 503, 503, 503])
            self.assertEqual(server.stop(), 0)

    def test_an_answer_that_breaks_off_breaks_off_here_too(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as broken, self.new_server(f"http://127.0.0.1:{broken.getsockname()[1]}/v1/AUTH_x") as server:
            def answer() -> None:
                client = broken.accept()[0]
                client.recv(65536)
                client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\nX-Auth-Token: inner-secret\r\n\r\nshort")
                client.close()
            thread = threading.Thread(target=answer)
            thread.start()
            with self.assertRaises(http.client.IncompleteRead) as caught:
                server.request("GET", f"{STORED}/log.gz")
            thread.join()
            self.assertEqual(caught.exception.partial, b"short")
            self.assertEqual(server.request("GET", "/")[0], 200)


if __name__ == "__main__":
    counted.main()
