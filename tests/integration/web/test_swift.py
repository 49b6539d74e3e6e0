#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-only
"""Results that are kept in a real Swift with Keystone v3: the pages show them as those of the built-in store."""
from __future__ import annotations

import gzip
import http.client
import json
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "store"), str(HERE.parents[1] / "support")]
import at_swift  # noqa: E402  (the path comes first)
import bed  # noqa: E402
import counted  # noqa: E402
from at_swift import HTML, MEGABYTE, PRIVATE, RUN_PAGE, SECRET, STORED, Between, store_up  # noqa: E402
from gating import check_listings  # noqa: E402
from samples import FOLDER, LOG, RUN, archive, artifacts, fill_database, fill_store  # noqa: E402
from test_login import Visitor  # noqa: E402
from waiting import WAIT_S, wait_for  # noqa: E402
from webserver import WebServer  # noqa: E402

LARGE = 80 * MEGABYTE
setUpModule = at_swift.build_programs


class Pages(at_swift.AtSwift):
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

    def test_a_gating_program_lists_results(self) -> None:
        check_listings(self, self.server)
        self.assertEqual(self.server.request("GET", f"/results/{PRIVATE}?prefix=noble")[0], 401)

    def test_ranges_conditions_and_head_are_answered_as_swift_does(self) -> None:
        path, there = f"{STORED}/log.gz", f"{self.swift.url}/autopkgtest-noble/{FOLDER}/log.gz"
        whole = bed.fetch(there)
        for method, headers in (("HEAD", {}), ("GET", {"Range": "bytes=3-10"}), ("GET", {"Range": "bytes=-5"}), ("GET", {"Range": "bytes=99999999-"}),
                                ("GET", {"If-None-Match": whole.headers["ETag"]}), ("GET", {"If-Match": "x"}), ("HEAD", {"If-Match": "x"}),
                                ("GET", {"If-Modified-Since": whole.headers["Last-Modified"]})):
            connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=WAIT_S)
            self.addCleanup(connection.close)
            connection.request(method, path, headers=headers)
            ours = connection.getresponse()
            request = bed.urllib.request.Request(there, method=method, headers=headers)
            try:
                theirs = bed.DIRECT.open(request, timeout=WAIT_S)
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
            self.assertEqual((status, headers["cache-control"]), (200, "no-store, no-transform"))
            self.assertIn("log.gz", text)
            status, headers, text = reader.go(f"{path}log.gz")
            self.assertEqual((status, text, headers["cache-control"]), (200, SECRET.decode(), "no-store, no-transform"))
            self.assertIn("sandbox", headers["content-security-policy"])
        status, headers, text = alice.go(f"{path}log.gz", Range="bytes=5-10")
        self.assertEqual((status, text, headers["content-range"]), (206, SECRET[5:11].decode(), f"bytes 5-10/{len(SECRET)}"))
        self.assertEqual(alice.go(f"{path}nothing")[0], 404)
        status, headers, text = alice.go(f"{path}artifacts.tar.gz/reports/")
        self.assertEqual((status, headers["cache-control"]), (200, "no-store, no-transform"))
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
        client.put_object("autopkgtest-noble", f"{folder}/large.tar", gzip.decompress(archive([("large", bytes(LARGE)), ("last", b"the end")])))
        with self.new_server(self.swift.url) as server:
            with self.stalled(server, f"/results/autopkgtest-noble/{folder}/large") as stalled:
                status, headers, body = server.request("GET", f"/results/autopkgtest-noble/{folder}/large")
                self.assertEqual((status, len(body), headers["content-length"]), (200, LARGE, str(LARGE)))
                status, _, body = server.request("GET", f"/packages/gzip/noble/amd64/{run}/log")
                self.assertEqual((status, body.count(b"<span id=")), (200, lines))
                status, headers, body = server.request("GET", f"/results/autopkgtest-noble/{folder}/large.tar/large")
                self.assertEqual((status, len(body), headers["content-length"]), (200, LARGE, str(LARGE)))
                self.assertIn(b">last<", server.request("GET", f"/results/autopkgtest-noble/{folder}/large.tar/")[2])
                self.assertLess(bed.peak_kb(server.process.pid), 60 * 1024)
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
            self.assertRegex(text, rb"the object store does not answer, try again later \(it has not for [0-9hms ]+\)")
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
            self.assertEqual((set(between.asked), set(between.heads)), ({"autopkgtest-noble"}, {""}))
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
            silent.settimeout(WAIT_S)
            taken = [silent.accept()[0] for _ in range(7)]  # pages ask for what they need at once, and for what two need once
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
                with broken.accept()[0] as client:
                    client.recv(65536)
                    client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\nX-Auth-Token: inner-secret\r\n\r\nshort")
                    seen.wait(WAIT_S)
            seen = threading.Event()
            thread = threading.Thread(target=answer)
            thread.start()
            response, _ = self.another(server, f"{STORED}/log.gz", b"short")
            seen.set()
            self.assertRaises(http.client.IncompleteRead, response.read)
            thread.join()
            self.assertNotIn("x-auth-token", {name.lower() for name in response.headers})
            self.assertEqual(server.request("GET", "/")[0], 200)


if __name__ == "__main__":
    counted.main()

