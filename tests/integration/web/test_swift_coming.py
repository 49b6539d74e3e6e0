#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-only
"""Logs and archives of a Swift that are read while they are on their way: once, however many read them."""
from __future__ import annotations

import gzip
import http.client
import json
import os
import signal
import sys
import tarfile
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "store"), str(HERE.parents[1] / "support")]
import at_swift  # noqa: E402  (the path comes first)
import counted  # noqa: E402
from at_swift import HTML, MEGABYTE, PRIVATE, Between  # noqa: E402
from samples import FOLDER, RUN, archive  # noqa: E402
from waiting import WAIT_S, wait_for  # noqa: E402
from webserver import WebServer, read_until  # noqa: E402

ONE, LARGE_MEMBER = os.urandom(50_000).hex().encode(), os.urandom(MEGABYTE)
setUpModule = at_swift.build_programs


class Coming(at_swift.AtSwift):
    # ---- logs that come

    def put_log(self, run: str, lines: int) -> tuple[str, str]:
        """A log that gzip makes little smaller: the object, and the page that shows it."""
        folder = FOLDER.replace("abcde", run)
        text = "".join(f"line {n} {os.urandom(50).hex()}\n" for n in range(lines))
        self.swift.client().put_object("autopkgtest-noble", f"{folder}/log.gz", gzip.compress(text.encode(), 1), headers={"Content-Type": "text/plain; charset=UTF-8", "Content-Encoding": "gzip"})
        return f"autopkgtest-noble/{folder}/log.gz", f"/packages/gzip/noble/amd64/{RUN.replace('abcde', run)}/log"

    @contextmanager
    def half_a_log(self, run: str, query: str = "", gzipped: zlib._Decompress | None = None) -> Iterator[tuple[Between, WebServer, http.client.HTTPResponse, bytes, str]]:
        """A page whose log has come by half: the response, and its text until then."""
        name, page = self.put_log(run, 20_000)
        with Between(self.swift.url) as between, self.new_server(between.url) as server:
            self.addCleanup(between.go_on.set)
            between.held = name
            self.connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=WAIT_S)
            self.addCleanup(self.connection.close)
            self.connection.request("GET", page + query, headers={"Accept-Encoding": "gzip"} if gzipped else {})
            response = self.connection.getresponse()
            yield between, server, response, read_until(response, b"line 9000 ", gzipped), page

    def test_a_log_is_shown_as_it_arrives_and_kept_then(self) -> None:
        with self.half_a_log("5a1f0") as (between, server, response, text, page):
            between.go_on.set()
            text += response.read()
            self.assertEqual([text.count(b"<span id="), text.count(b"</details>"), text.rstrip()[-7:]], [20_000, 1, b"</html>"])
            self.assertTrue(server.request("GET", page)[2] == text)
            self.assertEqual(between.asked.count(between.held), 1)

    def test_a_log_is_compressed_as_it_arrives(self) -> None:
        with self.half_a_log("5a1f3", "", gzipped := zlib.decompressobj(31)) as (between, _, response, text, _):
            between.go_on.set()
            text += gzipped.decompress(response.read())
            self.assertEqual([gzipped.eof, text.count(b"<span id="), text.rstrip()[-7:]], [True, 20_000, b"</html>"])

    def test_a_part_of_a_log_is_shown_when_that_part_has_come(self) -> None:
        with self.half_a_log("5a1f6", "?from=7500") as (between, server, response, text, page):
            between.endless = True
            text += response.read()
            self.assertEqual([text.count(b"<span id="), text.count(b'id="L7500"'), text.rstrip()[-7:]], [2000, 1, b"</html>"])
            between.go_on.set()
            self.assertTrue(between.left.wait(WAIT_S))  # what is behind it is not wanted
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
            between.endless = True
            response.close()
            self.connection.close()
            between.go_on.set()
            self.assertTrue(between.left.wait(WAIT_S))
            between.held = ""
            self.assertEqual(server.request("GET", page)[2].count(b"<span id="), 20_000)
            self.assertEqual(server.stop(), 0)

    # ---- one download for all who read

    def test_who_opens_a_log_that_comes_gets_what_has_come_and_the_rest(self) -> None:
        with self.half_a_log("5a1f8") as (between, server, response, _, page):
            other, text = self.another(server, page, b"line 9000 ")
            part = self.another(server, f"{page}?from=7500", b"</html>")[1]
            self.assertEqual(part.count(b"<span id="), 2000)
            response.close()  # the first leaves
            self.connection.close()
            between.go_on.set()
            text += other.read()
            self.assertEqual([text.count(b"<span id="), text.rstrip()[-7:]], [20_000, b"</html>"])
            self.assertTrue(server.request("GET", page)[2] == text)
            self.assertEqual(between.asked.count(between.held), 1)
            self.assertEqual(server.stop(), 0)

    def test_all_who_read_a_log_learn_that_it_breaks_off(self) -> None:
        with self.half_a_log("5a1f9") as (between, server, response, text, page):
            other, also = self.another(server, page, b"line 9000 ")
            between.cut = True
            between.go_on.set()
            text, also = text + response.read(), also + other.read()
            self.assertTrue(b"(the rest of the log cannot be read)" in text and text == also, text[-1000:])
            self.assertEqual(between.asked.count(between.held), 1)
            between.held = ""
            self.assertEqual(server.request("GET", page)[2].count(b"<span id="), 20_000)

    # ---- archives that come

    @contextmanager
    def half_an_archive(self, run: str) -> Iterator[tuple[Between, WebServer, str]]:
        """An archive of which only the first half comes until it may go on: the address of its folders. In the middle of it is the middle of `large`."""
        name = f"autopkgtest-noble/{FOLDER.replace('abcde', run)}/artifacts.tar.gz"
        client = self.swift.client()
        client.put_object(*name.split("/", 1), archive([("first/one", ONE), ("first/two", b"2" * 1000), ("large", LARGE_MEMBER), ("first/hard", b"", tarfile.LNKTYPE, "first/two"), ("last", b"the end")]))
        with Between(self.swift.url) as between, self.new_server(between.url) as server:
            self.addCleanup(between.go_on.set)
            between.held = name
            yield between, server, f"/results/{name}/"

    def test_a_file_is_sent_while_its_archive_comes_which_is_kept_then(self) -> None:
        with self.half_an_archive("5a1fa") as (between, server, path):
            status, headers, body = server.request("GET", f"{path}first/one")
            self.assertEqual((status, headers["content-length"], body == ONE), (200, str(len(ONE)), True))
            tag = headers["etag"]
            status, headers, body = server.request("GET", f"{path}first/one", None, {"Range": "bytes=50000-50009", "If-Range": tag})
            self.assertEqual((status, headers["content-range"], body), (206, f"bytes 50000-50009/{len(ONE)}", ONE[50000:50010]))
            self.assertEqual(server.request("GET", f"{path}first/one", None, {"If-None-Match": tag})[0], 304)
            status, headers, body = server.request("HEAD", f"{path}large")
            self.assertEqual((status, headers["content-length"], body), (200, str(len(LARGE_MEMBER)), b""))
            self.assertEqual(server.request("GET", f"{path}first")[1]["location"], path + "first/")
            response, large = self.another(server, f"{path}large", LARGE_MEMBER[:100_000])
            self.assertEqual((response.status, response.headers["Content-Length"]), (200, str(len(LARGE_MEMBER))))
            self.assertFalse(between.go_on.is_set())
            between.go_on.set()
            self.assertTrue(large + response.read() == LARGE_MEMBER)
            for name, content in (("last", b"the end"), ("first/hard", b"2" * 1000)):
                self.assertEqual(server.request("GET", path + name)[2], content)
            self.assertEqual(server.request("GET", f"{path}nothing")[0], 404)
            self.assertEqual((between.asked.count(between.held), between.heads.count(between.held)), (1, 0))
            self.assertFalse(between.left.is_set())

    def test_what_stands_behind_in_an_archive_that_comes_is_waited_for(self) -> None:
        with self.half_an_archive("5a1fb") as (between, server, path):
            answers: dict[str, tuple[int, dict[str, str], bytes]] = {}
            wanted: dict[str, dict[str, str]] = {"last": {"Range": "bytes=-3"}, "first/hard": {}, "nothing": {}}
            readers = [threading.Thread(target=lambda name=name, headers=headers: answers.update({name: server.request("GET", path + name, None, headers)})) for name, headers in wanted.items()]
            for reader in readers:
                reader.start()
            self.assertEqual(server.request("GET", f"{path}first/two")[2], b"2" * 1000)
            self.assertEqual(answers, {})
            between.go_on.set()
            for reader in readers:
                reader.join()
            self.assertEqual({name: (status, body) for name, (status, _, body) in answers.items() if status < 400}, {"last": (206, b"end"), "first/hard": (200, b"2" * 1000)})
            self.assertEqual(answers["nothing"][0], 404)
            self.assertEqual(between.asked.count(between.held), 1)

    def test_a_file_whose_archive_breaks_off_breaks_off_for_all(self) -> None:
        with self.half_an_archive("5a1fc") as (between, server, path):
            readers = [self.another(server, f"{path}large", LARGE_MEMBER[:100_000]) for _ in range(2)]
            late: list[int] = []
            waiting = threading.Thread(target=lambda: late.append(server.request("GET", f"{path}last")[0]))
            waiting.start()
            between.cut = True
            between.go_on.set()
            for response, _ in readers:
                with self.assertRaises(http.client.IncompleteRead):
                    response.read()
            waiting.join()
            self.assertEqual(late, [503])
            between.held = ""
            self.assertEqual(server.request("GET", f"{path}last")[2], b"the end")
            self.assertEqual(server.request("GET", f"{path}first/one")[2], ONE)

    def test_a_folder_is_listed_while_its_archive_comes_and_by_its_index_then(self) -> None:
        with self.half_an_archive("5a1fe") as (between, server, path):
            response, text = self.another(server, path, b">large<")
            self.assertEqual((response.status, response.headers["Content-Type"], response.headers["X-Accel-Buffering"]), (200, "text/html; charset=utf-8", "no"))
            self.assertIn(b'<a href="./first/">first/</a>', text)
            self.assertIn(b"The archive is on its way", text)
            self.assertNotIn(b">last<", text)
            found, hits = self.another(server, f"{path}first/?q=TWO", b'href="./two"')
            self.assertEqual(server.request("GET", f"{path}first/two")[2], b"2" * 1000)  # as it is clicked on
            late: dict[str, tuple[int, dict[str, str], bytes]] = {}
            waiting = [threading.Thread(target=lambda name=name: late.update({name: server.request("GET", path + name)})) for name in ("nowhere/", "?format=json")]
            for one in waiting:
                one.start()
            self.assertFalse(between.go_on.is_set())
            between.go_on.set()
            text += response.read()
            hits += found.read()
            for one in waiting:
                one.join()
            self.assertEqual([text.count(b">large<"), text.count(b'<td class="name">'), text.rstrip()[-7:]], [1, 3, b"</html>"])
            total = len(ONE) + 1000 + len(LARGE_MEMBER) + len(b"the end")
            self.assertIn(f"3 here; 5 in the whole archive, {total} bytes".encode(), text)
            self.assertIn("1 files with “TWO” in their names; 5 in the whole archive".encode(), hits)
            self.assertEqual((late["nowhere/"][0], [entry["name"] for entry in json.loads(late["?format=json"][2])["entries"]]), (404, ["first", "large", "last"]))
            assert server.process
            server.process.send_signal(signal.SIGHUP)  # what was read is forgotten, the index is not
            wait_for("the reload", lambda: "settings read again" in server.log())
            again = server.request("GET", path)[2]
            self.assertEqual([again.count(b'<td class="name">'), again.count(b"on its way")], [3, 0])
            self.assertEqual(between.asked.count(between.held), 1)
            self.assertEqual(server.stop(), 0)

    def test_many_files_of_an_archive_that_comes_lead_to_all_of_them_by_name(self) -> None:
        name = f"autopkgtest-noble/{FOLDER.replace('abcde', '5a1ff')}/artifacts.tar.gz"
        self.swift.client().put_object(*name.split("/", 1), archive([*((f"f{n:04}", b"") for n in range(700, 0, -1)), ("large", LARGE_MEMBER), ("last<", b"")]))
        with Between(self.swift.url) as between, self.new_server(between.url) as server:
            self.addCleanup(between.go_on.set)
            between.held = name
            response, text = self.another(server, f"/results/{name}/", b">f0201<")
            between.go_on.set()
            text += response.read()
            self.assertEqual([text.count(b'<td class="name">'), text.count(b">f0200<")], [500, 0])
            self.assertIn(b'<a href="./?page=1">all of them, by name</a>', text)
            self.assertIn(b"702 here", text)
            pages = b"".join(server.request("GET", f"/results/{name}/?page={n}")[2] for n in (1, 2))
            self.assertEqual([pages.count(b'<td class="name">'), pages.count(b">last&lt;<")], [702, 1])
            self.assertEqual(between.asked.count(name), 1)

    def test_an_archive_whose_readers_have_left_comes_to_its_end_for_the_next(self) -> None:
        with self.half_an_archive("5a204") as (between, server, path):
            response, _ = self.another(server, f"{path}large", LARGE_MEMBER[:100_000])
            response.close()
            self.readers[-1].close()
            between.go_on.set()
            wait_for("the whole", lambda: between.sent.is_set())
            self.assertEqual(server.request("GET", f"{path}last")[2], b"the end")
            self.assertEqual(server.request("GET", path)[2].count(b'<td class="name">'), 3)
            self.assertEqual((between.asked.count(between.held), between.left.is_set()), (1, False))
            self.assertEqual(server.stop(), 0)

    def test_a_listing_whose_archive_breaks_off_says_so(self) -> None:
        with self.half_an_archive("5a200") as (between, server, path):
            response, text = self.another(server, path, b">large<")
            found, hits = self.another(server, f"{path}?q=nothing", b"</thead>")
            between.cut = True
            between.go_on.set()
            text, hits = text + response.read(), hits + found.read()
            for page in (text, hits):
                self.assertIn(b"Here the archive has broken off on its way", page)
                self.assertNotIn(b"in the whole archive", page)
                self.assertEqual(page.rstrip()[-7:], b"</html>")
            between.held = ""
            self.assertEqual(server.request("GET", path)[2].count(b'<td class="name">'), 3)
            self.assertEqual(between.asked.count(path.removeprefix("/results/").rstrip("/")), 2)

    def test_an_archive_that_comes_and_is_damaged_or_none_says_so(self) -> None:
        whole = archive([("first", ONE), ("large", LARGE_MEMBER), ("last", b"")])
        for run, body, status in (("5a201", whole[:-500_000], 200), ("5a202", os.urandom(1_000_000), 422)):
            name = f"autopkgtest-noble/{FOLDER.replace('abcde', run)}/artifacts.tar.gz"
            self.swift.client().put_object(*name.split("/", 1), body)
            with Between(self.swift.url) as between, self.new_server(between.url) as server:
                self.addCleanup(between.go_on.set)
                between.held = name
                answers: list[tuple[int, dict[str, str], bytes]] = []
                reader = threading.Thread(target=lambda: answers.append(server.request("GET", f"/results/{name}/", None, HTML)))
                reader.start()
                wait_for("the download", lambda: between.asked.count(name) == 1)
                between.go_on.set()
                reader.join()
                self.assertEqual(answers[0][0], status)
                self.assertIn(b"The archive is damaged" if status == 200 else b"no archive that can be read", answers[0][2])

    def test_who_may_read_is_asked_for_each_who_reads_what_comes(self) -> None:
        folder = FOLDER.replace("abcde", "5a203")
        client = self.swift.client()
        client.put_object(PRIVATE, f"{folder}/artifacts.tar.gz", archive([("one", ONE), ("large", LARGE_MEMBER)]))
        client.put_object(PRIVATE, f"{folder}/readable-by", b"alice\nothers-team")
        with Between(self.swift.url) as between, self.new_server(between.url) as server:
            self.addCleanup(between.go_on.set)
            between.held = f"{PRIVATE}/{folder}/artifacts.tar.gz"
            alice, bob, carol = (self.visitor(name, server) for name in ("alice", "bob", "carol"))
            path = f"/private-results/{PRIVATE}/{folder}/artifacts.tar.gz/one"
            self.assertEqual([visitor.go(path)[0] for visitor in (alice, bob, carol)], [200, 404, 200])
            client.put_object(PRIVATE, f"{folder}/readable-by", b"bob")
            self.assertEqual([visitor.go(path)[0] for visitor in (alice, bob, carol)], [404, 200, 404])
            self.assertFalse(between.go_on.is_set())
            self.assertEqual(between.asked.count(between.held), 1)
            self.assertEqual(server.request("GET", path.replace("/private-results", "/results"))[0], 404)  # as anybody it is asked for anew
            self.assertEqual(between.asked.count(between.held), 2)

    def test_a_service_that_stops_does_not_wait_for_an_archive_that_nobody_reads(self) -> None:
        with self.half_an_archive("5a1fd") as (between, server, path):
            for times in (1, 2):
                self.assertEqual(server.request("GET", f"{path}first/two")[2], b"2" * 1000)
                self.assertEqual(between.asked.count(between.held), times)
                assert server.process
                server.process.send_signal(signal.SIGHUP)  # another Swift, maybe
                wait_for("the reload", lambda times=times: server.log().count("settings read again") == times)
            self.assertEqual(server.request("GET", f"{path}first/two")[2], b"2" * 1000)
            self.assertEqual(server.stop(), 0)


if __name__ == "__main__":
    counted.main()
