#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-only
"""Looking inside what is stored: browsing in archives, finding text in logs, parts of long logs."""
from __future__ import annotations

import gzip
import http.client
import json
import re
import os
import signal
import subprocess
import sys
import tarfile
import unittest
import urllib.parse
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "support")]
import counted  # noqa: E402
from open_files import unnamed_files  # noqa: E402
from samples import FOLDER, RUN, archive, fill_database, fill_store  # noqa: E402
from waiting import wait_for  # noqa: E402
from webserver import ROOT, WebServer, build_dir  # noqa: E402

HTML = {"Accept": "text/html"}
ARCHIVE = f"/results/autopkgtest-noble/{FOLDER}/artifacts.tar.gz"
RUN_PAGE = f"/packages/gzip/noble/amd64/{RUN}"
READINGS_OF_CLIENT = 4  # services/web/reading.h


def setUpModule() -> None:
    subprocess.run(["make", "--no-print-directory", "-s", "-C", str(ROOT), f"BUILD={build_dir()}", str(build_dir() / "bin/autopkgtest-web"),
                    str(build_dir() / "tests/bench/fill_results")], check=True)


class InsideTest(unittest.TestCase):
    server: WebServer

    @classmethod
    def setUpClass(cls) -> None:
        cls.server = WebServer()
        cls.server.start()
        fill_database(cls.server)
        fill_store(cls.server)

    @classmethod
    def tearDownClass(cls) -> None:
        code = cls.server.stop()
        log = cls.server.log()
        cls.server.folder.cleanup()
        assert code == 0, log

    def put(self, name: str, body: bytes) -> str:
        path = f"autopkgtest-noble/{FOLDER}/{name}"
        self.assertEqual(self.server.request("PUT", f"/swift/v1/{path}", body, {"X-Auth-Token": self.server.token()})[0], 201)
        return f"/results/{path}"

    def page(self, path: str, expected: int = 200) -> str:
        status, headers, body = self.server.request("GET", path, None, HTML)
        self.assertEqual((status, headers["content-type"]), (expected, "text/html; charset=utf-8"), path)
        return body.decode()

    def data(self, path: str) -> dict[str, object]:
        status, _, body = self.server.request("GET", path + ("&" if "?" in path else "?") + "format=json")
        self.assertEqual(status, 200, body)
        value: dict[str, object] = json.loads(body)
        return value

    # ---- archives

    def test_folders_are_listed_and_lead_on(self) -> None:
        self.assertIn(f'href="/results/autopkgtest-noble/{FOLDER.replace("@", "%40")}/artifacts.tar.gz/"', self.page(RUN_PAGE))
        text = self.page(f"{ARCHIVE}/")
        self.assertIn('<a href="./reports/">reports/</a>', text)
        self.assertIn("b&amp;&lt;i&gt;", text)
        self.assertNotIn("<i>", text)
        for name in ("../../etc/cron.d/x", "/etc/passwd"):
            self.assertIn(name, text)
            self.assertNotIn(f'{name}"', text)
        self.assertIn("link to ../../etc/passwd", self.page(f"{ARCHIVE}/reports/"))
        status, headers, _ = self.server.request("GET", f"{ARCHIVE}/reports")
        self.assertEqual((status, headers["location"]), (301, f"{ARCHIVE}/reports/"))

    def test_many_files_are_paged_and_found_by_name(self) -> None:
        first, second = self.data(f"{ARCHIVE}/many/"), self.data(f"{ARCHIVE}/many/?page=2")
        self.assertEqual((first["total"], first["pages"]), (700, 2))
        names = [entry["name"] for page in (first, second) for entry in page["entries"]]  # type: ignore[attr-defined]
        self.assertEqual(names, [f"file-{n:04}.log" for n in range(700)])
        self.assertEqual([e["url"] for e in self.data(f"{ARCHIVE}/?q=FILE-069")["entries"]],  # type: ignore[attr-defined]
                         [f"many/file-069{n}.log" for n in range(10)])
        self.assertIn("No file has that", self.page(f"{ARCHIVE}/?q=nothing"))
        self.page(f"{ARCHIVE}/?q=" + "x" * 201, 400)
        self.page(f"{ARCHIVE}/?q=%ff", 400)

    def test_what_is_text_is_shown_and_nothing_is_executed(self) -> None:
        for name, kind, body in (("reports/index.html", "text/plain; charset=utf-8", b"<script>alert(1)</script>"), ("reports/hard", "text/plain; charset=utf-8", b"<script>alert(1)</script>"),
                                 ("reports/core", "application/octet-stream", b"\x7fELF\0\1\2"), ("empty", "text/plain; charset=utf-8", b""),
                                 (urllib.parse.quote("b&<i>ü %41.txt"), "text/plain; charset=utf-8", b"x")):
            status, headers, got = self.server.request("GET", f"{ARCHIVE}/{name}")
            self.assertEqual((status, headers["content-type"], got, headers["content-length"]), (200, kind, body, str(len(body))), name)
            self.assertEqual((headers["content-security-policy"], headers["x-content-type-options"]), ("sandbox; default-src 'none'", "nosniff"))
            self.assertEqual(headers.get("content-disposition"), "attachment; filename*=UTF-8''core" if name == "reports/core" else None)
        self.assertIn("attachment", self.server.request("GET", f"{ARCHIVE}/empty?download=1")[1]["content-disposition"])
        status, headers, body = self.server.request("HEAD", f"{ARCHIVE}/reports/core")
        self.assertEqual((status, headers["content-length"], body), (200, "7", b""))

    def test_parts_of_a_file_and_copies_of_it_are_those_of_http(self) -> None:
        body = bytes(range(256)) * 400
        path = self.put("parts.tar.gz", archive([("before", b"x"), ("file", body), ("none", b"")]))

        def ask(name: str = "file", method: str = "GET", **headers: str) -> tuple[int, dict[str, str], bytes]:
            return self.server.request(method, f"{path}/{name}", None, {k.replace("_", "-"): v for k, v in headers.items()})
        status, headers, whole = ask()
        tag = headers["etag"]
        self.assertEqual((status, whole, headers["accept-ranges"]), (200, body, "bytes"))
        self.assertRegex(tag, '^"[0-9a-f]{32}"$')
        self.assertNotIn(tag, (ask("before")[1]["etag"], ask("none")[1]["etag"]))
        for wanted, first, length in (("bytes=0-0", 0, 1), ("bytes=4000-70000", 4000, 66001), ("bytes=-7", len(body) - 7, 7), ("bytes=102300-", 102300, 100)):
            for more in ({}, {"If_Range": tag}):
                status, headers, part = ask(Range=wanted, **more)
                self.assertEqual((status, part, headers["content-range"]), (206, body[first:first + length], f"bytes {first}-{first + length - 1}/{len(body)}"))
                self.assertEqual((headers["content-length"], headers["etag"]), (str(length), tag))
        for name, wanted in (("file", f"bytes={len(body)}-"), ("none", "bytes=0-")):
            status, headers, part = ask(name, Range=wanted)
            self.assertEqual((status, part, headers["content-range"]), (416, b"", f"bytes */{len(body) if name == 'file' else 0}"))
        for more in ({"If_Range": '"other"'}, {"If_Range": f"W/{tag}"}, {"Range": "bytes=1-2,4-5"}, {"Range": "lines=1-2"}, {"If_None_Match": '"other"'},
                     {"If_Match": tag}, {"If_Match": "*"}, {"If_Modified_Since": "Fri, 01 Jan 2100 00:00:00 GMT"}):
            status, headers, got = ask(**({"Range": "bytes=1-2"} if "If_Range" in more else {}) | more)
            self.assertEqual((status, got), (200, body), more)
        for more in ({"If_None_Match": tag}, {"If_None_Match": f'"x", W/{tag}'}, {"If_None_Match": "*"}, {"If_None_Match": tag, "Range": "bytes=1-2"}):
            for method in ("GET", "HEAD"):
                status, headers, got = ask(method=method, **more)
                self.assertEqual((status, headers["etag"], got), (304, tag, b""), more)
        self.assertEqual(ask(If_Match='"other"')[0], 412)
        for more in ({"If_None_Match": "*"}, {"If_None_Match": tag}, {"If_Match": "*"}, {"Range": "bytes=0-0"}):
            self.assertEqual(ask("nope", **more)[0], 404, more)
        status, headers, got = ask(method="HEAD", Range="bytes=0-0")
        self.assertEqual((status, headers["content-length"], headers["etag"], got), (200, str(len(body)), tag, b""))
        self.put("parts.tar.gz", archive([("file", body), ("more", b"")]))
        status, headers, got = ask(If_None_Match=tag)
        self.assertEqual((status, got), (200, body))
        self.assertNotEqual(headers["etag"], tag)

    def test_what_is_no_file_of_it_is_not_found(self) -> None:
        for name in ("reports/latest", "null", "nope", "nope/", "..%2f..%2fetc/cron.d/x", "%2e%2e/log.gz", "/etc/passwd", "reports/index.html/x", "x" * 5000):
            self.page(f"{ARCHIVE}/{name}", 404)

    def test_damaged_archives_say_so(self) -> None:
        whole = archive([("one", b"1"), ("two", os.urandom(200_000))])
        cut = self.put("cut.tar.gz", whole[:100_000])
        self.assertIn("The archive is damaged", self.page(f"{cut}/"))
        self.assertEqual(self.server.request("GET", f"{cut}/one")[2], b"1")
        with self.assertRaises(http.client.IncompleteRead):
            self.server.request("GET", f"{cut}/two")
        none = self.put("none.tar.gz", b"this is neither gzip nor tar" * 100)
        self.assertIn("no archive that can be read", self.page(f"{none}/", 422))
        self.page(f"{none}/file", 422)
        self.page(f"{self.put('nothing.tar.gz', b'')}/", 422)
        self.page(f"/results/autopkgtest-noble/{FOLDER}/no-such.tar.gz/", 404)
        self.page(f"/results/private-autopkgtest-noble/{FOLDER}/artifacts.tar.gz/", 404)

    def test_a_large_archive_is_listed_by_an_index_until_it_changes(self) -> None:
        random = os.urandom(5_000_000)
        path = self.put("large.tar.gz", archive([("a/one", random), ("b/two", b"2"), ("c", b"", tarfile.LNKTYPE, "b/two")]))
        for _ in range(2):
            self.assertEqual([(e["name"], e.get("bytes"), e.get("note")) for e in self.data(f"{path}/")["entries"]],  # type: ignore[attr-defined]
                             [("a", None, None), ("b", None, None), ("c", None, "hard link to b/two")])
        assert self.server.process
        pid = self.server.process.pid
        wait_for("the one index", lambda: len([f for f in unnamed_files(pid) if 0 < f.st_size < 1000]) == 1)
        self.assertEqual([e["url"] for e in self.data(f"{path}/?q=TWO")["entries"]], ["b/two"])  # type: ignore[attr-defined]
        self.page(f"{path}/nope/", 404)
        self.put("large.tar.gz", archive([("other", random), ("cut", random)])[:9_000_000])
        for _ in range(2):
            changed = self.data(f"{path}/")
            self.assertEqual([e["name"] for e in changed["entries"]], ["cut", "other"])  # type: ignore[attr-defined]
            self.assertIn("runcated", str(changed["damaged"]))
        self.page(f"{self.put('large.tar.gz', random)}/", 422)

    def test_an_archive_with_too_many_members_for_an_index_is_listed_too(self) -> None:
        # 40 bytes of an index each, and names: more than 16 MiB.
        path = self.put("crowd.tar.gz", archive([("random", os.urandom(5_000_000)), *((f"{'x' * 3000}/{n:05}", b"") for n in range(6000))]))
        listing = self.data(f"{path}/?q=05999")
        self.assertEqual((listing["total"], listing["members"]), (1, 6001))

    def test_a_large_member_is_streamed_and_readers_are_few(self) -> None:
        size = 96 * 1024 * 1024
        path = f"{self.put('big.tar.gz', archive([('zeros', bytes(size)), ('last', b'the end')]))}/zeros"
        assert self.server.process
        status = Path(f"/proc/{self.server.process.pid}/status")

        def kb(key: str) -> int:
            return int(next(t for t in status.read_text().splitlines() if t.startswith(key)).split()[1])

        before = kb("VmRSS")
        slow = [http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=120) for _ in range(READINGS_OF_CLIENT)]
        for connection in slow:
            connection.request("GET", path)
        answers = [connection.getresponse() for connection in slow]
        reloads = self.server.log().count("settings read again")
        for _ in range(2):  # before and after the settings were read again
            code, headers, _ = self.server.request("GET", path)
            self.assertEqual((code, headers["retry-after"]), (429, "5"))
            self.server.process.send_signal(signal.SIGHUP)
            wait_for("the reload", lambda: self.server.log().count("settings read again") > reloads)
        self.page(RUN_PAGE)  # others are served meanwhile
        self.assertEqual(len(answers[0].read()), size)
        answers[1].close()
        for connection in slow:
            connection.close()
        self.assertLess(kb("VmRSS") - before, 8 * 1024)
        wait_for("a place", lambda: self.server.request("GET", path.replace("zeros", "last"))[2] == b"the end")

    # ---- logs

    def test_text_in_a_log_is_found_with_a_way_to_its_line(self) -> None:
        text = self.page(f"{RUN_PAGE}/log?q=%3Cb%3ENOT+bold")
        self.assertIn("compressing <mark>&lt;b&gt;not bold</mark>&lt;/b&gt;", text)
        self.assertIn(f'href="{RUN_PAGE.replace("@", "%40")}/log?section=5#L9"', text)
        self.assertIn("1 line of 21", text)
        self.assertIn('id="s5" open>', self.page(f"{RUN_PAGE}/log?section=5"))
        self.assertIn("0 lines of 21", self.page(f"{RUN_PAGE}/log?q=NOT+bold&exact=1"))
        self.assertIn('name="q"', self.page(f"{RUN_PAGE}/log"))
        self.page(f"{RUN_PAGE}/log?q=" + "x" * 201, 400)
        self.page(f"{RUN_PAGE.replace('abcde', 'fffff')}/log?q=x", 404)

    def test_hits_in_a_long_log_are_paged_and_lead_to_a_part_of_it(self) -> None:
        with WebServer() as server:
            fill_store(server, gzip.compress(b"".join(b"line %d%s\n" % (n, b" needle" if n % 1000 == 0 else b"") for n in range(1, 250_001)), 1))
            page = json.loads(server.request("GET", f"{RUN_PAGE}/log?q=needle&page=3&format=json")[2])
            self.assertEqual((page["total"], page["pages"], page["lines"], page["hits"][0]["line"]), (250, 3, 250_000, 201_000))
            address, _, anchor = page["hits"][0]["url"].partition("#")
            part = server.request("GET", address)[2].decode()
            self.assertIn(f'id="{anchor}"', part)
            self.assertIn("line 201000 needle", part)
            self.assertEqual(part.count("<span id="), 2000)
            self.assertTrue(part.rstrip().endswith("</html>"))
            self.assertNotIn("The log ends here", part)

    def test_a_part_leads_to_the_lines_around_it_that_there_are(self) -> None:
        with WebServer() as server:
            fill_store(server, gzip.compress(b"line\n" * 5000))
            for first, shown, earlier, later in ((1, "1 to 2000", None, 2001), (1001, "1001 to 3000", 1, 3001), (3001, "3001 to 5000", 1001, None),
                                                 (3000, "3000 to 4999", 1000, 5000), (4500, "4500 to 5000", 2500, None), (9999, None, 3001, None)):
                with self.subTest(first=first):
                    part = server.request("GET", f"{RUN_PAGE}/log?from={first}")[2].decode()
                    ways = {rel: [int(n) for n in re.findall(f'<a rel="{rel}[^"]*" href="[?]from=([0-9]+)">', part)] for rel in ("prev", "next")}
                    self.assertEqual(ways, {"prev": [earlier] * 2 if earlier else [], "next": [later] * 2 if later else []})
                    self.assertEqual(re.findall("Lines ([0-9]+ to [0-9]+)", part), [shown] if shown else [])
                    self.assertEqual("The log ends here" in part, not later)
                    self.assertTrue(part.rstrip().endswith("</html>"))

    def test_a_part_of_the_widest_lines_is_shown_in_little_memory(self) -> None:
        lines, width = 2000, 16 * 1024  # services/web/log_lines.h; what HTML needs six bytes for
        with WebServer() as server:
            fill_store(server, gzip.compress((b'"' * (width - 1) + b"\n") * lines + b"the last one\n", 1))
            connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)
            self.addCleanup(connection.close)
            connection.request("GET", f"{RUN_PAGE}/log?from=1")
            response = connection.getresponse()
            self.assertEqual(response.status, 200)
            marks, size = 0, 0
            while piece := response.read(1024 * 1024):
                marks, size = marks + piece.count(b"&"), size + len(piece)
            self.assertTrue(piece == b"" and size > 6 * lines * (width - 1))
            self.assertGreater(marks, lines * (width - 1) * 99 // 100)  # but for those between two pieces
            assert server.process
            peak = int(re.findall("VmHWM:\\s+([0-9]+)", Path(f"/proc/{server.process.pid}/status").read_text())[0])
            self.assertLess(peak, 60 * 1024)


if __name__ == "__main__":
    counted.main()
