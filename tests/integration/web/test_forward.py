#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-only
"""Two units of one application: the first keeps the results, the second shows them all the same."""
from __future__ import annotations

import gzip
import http.client
import json
import shutil
import signal
import subprocess
import sys
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "support")]
import counted  # noqa: E402  (the path comes first)
from open_files import unnamed_files  # noqa: E402
from samples import FOLDER, RUN, fill_database, fill_store  # noqa: E402
from webserver import ROOT, WebServer, build_dir  # noqa: E402

HTML = {"Accept": "text/html"}
RUN_PAGE = f"/packages/gzip/noble/amd64/{RUN}"
STORED = f"/results/autopkgtest-noble/{FOLDER}"


def setUpModule() -> None:
    targets = [str(build_dir() / "bin/autopkgtest-web"), str(build_dir() / "tests/bench/fill_results")]
    subprocess.run(["make", "--no-print-directory", "-s", "-C", str(ROOT), f"BUILD={build_dir()}", *targets], check=True)


class Forward(unittest.TestCase):
    def setUp(self) -> None:
        self.keeper = WebServer({"authorization": "login"})
        self.addCleanup(self.keeper.__exit__)
        fill_database(self.keeper)
        self.keeper.start()
        fill_store(self.keeper)
        self.other = WebServer({"authorization": "login", "store-dir": "", "store-credentials": "", "store-peer": self.keeper.url,
                                "store-url": f"{self.keeper.url}/swift/v1"})
        self.addCleanup(self.other.__exit__)
        shutil.copy(self.keeper.dir / "results.db", self.other.dir / "results.db")
        self.other.start()

    def same(self, path: str, status: int, **headers: str) -> bytes:
        """What both answer."""
        asked = HTML | {name.replace("_", "-"): value for name, value in headers.items()}
        one, two = (server.request("GET", path, None, asked) for server in (self.keeper, self.other))
        self.assertEqual((two[0], two[2]), (one[0], one[2]))
        self.assertEqual(two[0], status, two[2])
        for name in ("content-type", "content-encoding", "content-security-policy", "x-content-type-options", "etag", "last-modified", "location", "content-range",
                     "accept-ranges", "content-length", "x-timestamp"):
            self.assertEqual(two[1].get(name), one[1].get(name), name)
        return two[2]

    def test_pages_and_files_are_those_of_the_unit_that_keeps_them(self) -> None:
        self.assertIn(b"simple-gzip", self.same(f"{RUN_PAGE}/log", 200))
        self.assertIn(b"artifacts.tar.gz", self.same(RUN_PAGE, 200))
        self.assertEqual(json.loads(self.same(f"{RUN_PAGE}?format=json", 200))["has_files"], True)
        self.assertIn(b"artifacts.tar.gz", self.same(f"{STORED}/", 200))
        self.assertIn(b"simple-gzip", gzip.decompress(self.same(f"{STORED}/log.gz", 200)))
        self.same(f"{STORED}/nothing", 404)
        self.same("/results/no-such-container/", 404)
        listing = self.same("/swift/v1/autopkgtest-noble?prefix=noble/amd64/g/gzip/&delimiter=@", 200)
        self.assertIn(FOLDER, listing.decode().split())

    def test_a_copy_that_is_still_good_is_not_sent_again_and_head_sends_nothing(self) -> None:
        etag = self.other.request("GET", f"{STORED}/log.gz")[1]["etag"]
        self.assertEqual(self.same(f"{STORED}/log.gz", 304, If_None_Match=etag), b"")
        status, headers, body = self.other.request("HEAD", f"{STORED}/log.gz")
        self.assertEqual((status, body), (200, b""))
        self.assertEqual(headers["content-length"], self.keeper.request("HEAD", f"{STORED}/log.gz")[1]["content-length"])

    def test_ranges_and_conditions_are_those_of_the_unit_that_keeps_them(self) -> None:
        headers = self.other.request("GET", f"{STORED}/log.gz")[1]
        etag, date = headers["etag"], headers["last-modified"]
        for path in (f"{STORED}/log.gz", f"/swift/v1/autopkgtest-noble/{FOLDER}/log.gz"):
            self.assertEqual(len(self.same(path, 206, Range="bytes=3-10")), 8)
            self.assertEqual(len(self.same(path, 206, Range="bytes=-5", If_Range=etag)), 5)
            self.same(path, 200, Range="bytes=-5", If_Range='"other"')
            self.same(path, 416, Range="bytes=999999-")
            self.same(path, 412, If_Match='"other"')
            self.same(path, 412, If_Unmodified_Since="Thu, 01 Jan 1970 00:01:40 GMT")
            self.same(path, 304, If_Modified_Since=date)
        member = f"{STORED}/artifacts.tar.gz/reports/core"
        self.assertEqual(self.same(member, 206, Range="bytes=1-3"), b"ELF")
        self.same(member, 304, If_None_Match=self.other.request("GET", member)[1]["etag"])

    def test_private_results_are_for_those_who_are_logged_in_as_there(self) -> None:
        self.same(f"/private-results/private-autopkgtest-noble-me-tools/{FOLDER}/", 303)
        token = self.keeper.token()
        self.same("/swift/v1/private-autopkgtest-noble", 401)
        self.assertEqual(self.same("/swift/v1/private-autopkgtest-noble", 200, X_Auth_Token=token), b"secret\n")

    def test_uploads_are_not_for_it(self) -> None:
        self.assertEqual(self.other.request("PUT", "/swift/v1/autopkgtest-noble/x", b"x", {"X-Auth-Token": self.keeper.token()})[0], 404)

    def test_while_the_other_is_away_all_that_is_not_stored_there_is_shown(self) -> None:
        self.keeper.stop()
        status, _, text = self.other.request("GET", f"{RUN_PAGE}/log", None, HTML)
        self.assertEqual(status, 503)
        self.assertRegex(text, rb"the unit that keeps the results is out of reach, try again later \(it has been for [0-9hms ]+\)")
        status, _, text = self.other.request("GET", f"{RUN_PAGE}?format=json")
        self.assertEqual((status, json.loads(text)["has_files"]), (200, False))
        self.assertEqual(self.other.request("GET", "/packages/gzip/noble/amd64", None, HTML)[0], 200)
        self.keeper.start()
        self.assertEqual(self.other.request("GET", f"{RUN_PAGE}/log", None, HTML)[0], 200)

    def test_units_that_take_each_other_for_the_one_end_it(self) -> None:
        self.keeper.stop()
        self.keeper.settings = {"store-dir": "", "store-credentials": "", "store-peer": self.other.url}
        self.keeper.start()
        status, _, text = self.other.request("GET", f"{RUN_PAGE}/log", None, HTML)
        self.assertEqual(status, 503)
        self.assertIn(b"is changing", text)

    def test_a_large_file_needs_little_memory(self) -> None:
        size = 200 * 1024 * 1024
        path = f"/swift/v1/autopkgtest-noble/{FOLDER}/large"
        self.assertEqual(self.keeper.request("PUT", path, bytes(size), {"X-Auth-Token": self.keeper.token()})[0], 201)
        slow = self.ask(path)
        self.assertEqual(slow.read(1), b"\0")  # the rest waits for it at the keeper
        status, headers, body = self.other.request("GET", path)
        self.assertEqual((status, len(body)), (200, size))
        self.assertEqual(len(self.other.request("GET", path, None, {"Range": f"bytes={size - 3}-"})[2]), 3)
        assert self.other.process
        status_file = Path(f"/proc/{self.other.process.pid}/status")
        peak_kb = int(next(line.split()[1] for line in status_file.read_text().splitlines() if line.startswith("VmHWM")))
        self.assertLess(peak_kb, 60 * 1024)
        self.assertEqual([file for file in unnamed_files(self.other.process.pid) if file.st_size > 1_000_000], [])
        self.assertEqual(len(slow.read()), size - 1)

    def ask(self, path: str) -> http.client.HTTPResponse:
        connection = http.client.HTTPConnection("127.0.0.1", self.other.port, timeout=120)
        self.addCleanup(connection.close)
        connection.request("GET", path)
        return connection.getresponse()

    def test_an_answer_that_breaks_off_breaks_off_here_too(self) -> None:
        path = f"/swift/v1/autopkgtest-noble/{FOLDER}/large"
        self.assertEqual(self.keeper.request("PUT", path, bytes(20_000_000), {"X-Auth-Token": self.keeper.token()})[0], 201)
        answer = self.ask(path)
        self.assertEqual(answer.read(1), b"\0")
        self.keeper.stop(signal.SIGKILL)
        with self.assertRaises(http.client.IncompleteRead):
            answer.read()
        self.assertEqual(self.other.request("GET", "/")[0], 200)
        self.assertEqual(self.other.stop(), 0)


if __name__ == "__main__":
    counted.main()
