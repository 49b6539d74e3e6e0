#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-only
"""What programs read of results: recent.json, feeds, badges, metrics; and that pages are kept for a second only."""
from __future__ import annotations

import gzip
import http.client
import itertools
import json
import re
import subprocess
import sys
import time
import unittest
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "support")]
import counted  # noqa: E402  (the path comes first)
from samples import fill_database, message, run_of_day  # noqa: E402
from waiting import WAIT_S, wait_for  # noqa: E402
from webserver import ROOT, WebServer, build_dir  # noqa: E402

ATOM = {"a": "http://www.w3.org/2005/Atom"}
# Names and types that programs rely on.
RECENT = {"version": str, "triggers": str, "additional_params": str, "human_date": str, "human_sec": str, "requester": str, "code": str,
          "url": str, "show_retry": bool, "all_proposed": bool, "run_id": str, "package": str, "release": str, "arch": str}


def setUpModule() -> None:
    targets = [str(build_dir() / "bin/autopkgtest-web"), str(build_dir() / "tests/bench/fill_results")]
    subprocess.run(["make", "--no-print-directory", "-s", "-C", str(ROOT), f"BUILD={build_dir()}", *targets], check=True)


class Programs(unittest.TestCase):
    server: WebServer

    @classmethod
    def setUpClass(cls) -> None:
        cls.server = WebServer({"releases": "noble", "architectures": "amd64 arm64"})
        cls.server.start()
        cls.empty = {path: cls.server.request("GET", path, None, {"Cookie": "a=b"})[0]  # of whom no page is kept
                     for path in ("/api/experimental/recent.json", "/packages/gzip/feed.atom", "/user/me/feed.atom", "/metrics",
                                  "/packages/gzip/noble/amd64/badge.svg")}
        rows = [message("gzip", "noble", "amd64", run_of_day(day), code, requester="me" if day == 1 else "",
                        env="all-proposed=1,A=b" if day == 2 else "") for day, code in ((4, 0), (3, 16), (2, 4), (1, 4), (0, 0))]
        rows += [message("other", "noble", "arm64", run_of_day(5), code) for code in (99,)]
        fill_database(cls.server, rows)

    @classmethod
    def tearDownClass(cls) -> None:
        cls.server.__exit__()

    def get(self, path: str) -> bytes:
        status, _, body = self.server.request("GET", path)
        self.assertEqual(status, 200, (path, body))
        return body

    def recent(self, query: str = "") -> list[dict[str, Any]]:
        return json.loads(self.get(f"/api/experimental/recent.json{query}"))

    def test_without_a_database_they_say_so(self) -> None:
        self.assertEqual(self.empty, {"/api/experimental/recent.json": 503, "/packages/gzip/feed.atom": 503, "/user/me/feed.atom": 503,
                                      "/metrics": 200, "/packages/gzip/noble/amd64/badge.svg": 200})

    def test_recent_has_the_names_and_types_that_programs_expect(self) -> None:
        rows = self.recent()
        for row in rows:
            self.assertEqual({key: type(value) for key, value in row.items()}, RECENT)
        self.assertEqual([row["code"] for row in rows], ["pass", "fail", "fail", "tmpfail", "pass", "denylisted"])
        first, second = rows[:2]
        day = first["run_id"]
        self.assertEqual(first["human_date"], f"{day[:4]}-{day[4:6]}-{day[6:8]} 00:00:00 UTC")
        self.assertEqual(first["human_sec"], "0h 01m 08s")
        self.assertEqual((first["requester"], second["requester"]), ("-", "me"))
        self.assertEqual(first["url"], f"{self.server.url}/results/autopkgtest-noble/noble/amd64/g/gzip/{day}")
        self.assertEqual([row["all_proposed"] for row in rows], [False, False, True, False, False, False])
        # Of the two failures of the same version and triggers the newer offers a retry.
        self.assertEqual([row["show_retry"] for row in rows], [False, True, False, True, False, True])

    def test_recent_is_filtered_and_paged(self) -> None:
        self.assertEqual(len(self.recent("?limit=2")), 2)
        self.assertEqual([row["code"] for row in self.recent("?limit=2&offset=3")], ["tmpfail", "pass"])
        self.assertEqual([row["package"] for row in self.recent("?arch=arm64")], ["other"])
        self.assertEqual([row["requester"] for row in self.recent("?user=me")], ["me"])
        self.assertEqual([row["code"] for row in self.recent("?result=fail&release=noble")], ["fail", "fail"])
        for wrong in ("limit=0", "limit=10001", "limit=x", "offset=-1", "offset=1000001"):
            status, _, body = self.server.request("GET", f"/api/experimental/recent.json?{wrong}")
            self.assertEqual(status, 400)
            self.assertTrue(json.loads(body)["error"].startswith(wrong.split("=")[0]), body)

    def test_recent_gives_a_hundred_unless_more_are_asked_for(self) -> None:
        with WebServer() as server:
            fill_database(server, [message("p", "noble", "amd64", f"20260101_000000_{number:05x}@", 0) for number in range(101)])
            for query, number in (("", 100), ("?limit=101", 101), ("?limit=10000", 101), ("?offset=1", 100), ("?offset=100", 1), ("?offset=1000000", 0)):
                self.assertEqual(len(json.loads(server.request("GET", f"/api/experimental/recent.json{query}")[2])), number, query)

    def test_recent_gives_thousands_in_steps_and_loses_none(self) -> None:
        with WebServer() as server:
            subprocess.run([build_dir() / "tests/bench/fill_results", f"{server.dir}/results.db", "12000"], check=True)

            def ask(query: str, headers: dict[str, str] | None = None) -> bytes:
                status, answer, body = server.request("GET", f"/api/experimental/recent.json?{query}", headers=headers or {})
                self.assertEqual(status, 200, body[:200])
                self.assertEqual(answer.get("content-encoding"), "gzip" if headers else None)
                return gzip.decompress(body) if headers else body

            whole = ask("limit=10000")
            self.assertEqual(whole, ask("limit=10000", {"Accept-Encoding": "gzip"}))
            rows = json.loads(whole)
            parts = [row for offset in range(0, 10000, 50) for row in json.loads(ask(f"limit=50&offset={offset}"))]
            self.assertEqual([(row["package"], row["run_id"]) for row in rows], [(row["package"], row["run_id"]) for row in parts])
            # Whether something newer is of the same test is told by all of the answer, not by one step of it.
            seen = set()
            for row in rows:
                key = tuple(row[name] for name in ("package", "release", "arch", "version", "triggers"))
                self.assertEqual(row["show_retry"], row["code"] != "pass" and key not in seen, row)
                if row["code"] != "pass":
                    seen.add(key)

    def test_recent_finds_what_is_rare_however_far_back_it_is(self) -> None:
        long = "/api/experimental/recent.json?result=fail&release=noble&offset=900000"  # holds all of the months against it that have one

        def ask(server: WebServer) -> http.client.HTTPConnection:
            connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=WAIT_S)
            self.addCleanup(connection.close)
            connection.request("GET", long)
            return connection

        with WebServer() as server:
            subprocess.run([build_dir() / "tests/bench/fill_results", f"{server.dir}/results.db", "60000"], check=True)
            fill_database(server, [message(name, "noble", "riscv64", run, 99, requester="me") for name, run in (("older", "20200101_000000_00001@"), ("newer", "20210101_000000_00001@"))])
            for query in ("result=denylisted", "release=noble&result=denylisted", "arch=riscv64&user=me"):
                rows = json.loads(server.request("GET", f"/api/experimental/recent.json?{query}")[2])
                self.assertEqual([row["package"] for row in rows], ["newer", "older"], query)
            self.assertEqual(len(json.loads(server.request("GET", "/api/experimental/recent.json?result=tmpfail&offset=3000&limit=500")[2])), 500)
            asked = [ask(server) for _ in range(8)]
            for connection in asked[::2]:
                connection.close()
            self.assertEqual([json.loads(connection.getresponse().read()) for connection in asked[1::2]], [[]] * 4)
            for _ in range(4):
                ask(server)
            self.assertEqual(server.stop(), 0)

    def entries(self, path: str) -> list[str]:
        feed = ET.fromstring(self.get(path))
        self.assertEqual(feed.find("a:id", ATOM).text, self.server.url + path)
        for entry in feed.findall("a:entry", ATOM):
            self.assertRegex(entry.find("a:updated", ATOM).text, r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
            self.assertTrue(entry.find("a:link", ATOM).get("href").startswith(self.server.url + "/packages/gzip/noble/amd64/"))
        return [entry.find("a:title", ATOM).text for entry in feed.findall("a:entry", ATOM)]

    def test_a_package_has_a_feed_of_changed_verdicts(self) -> None:
        self.assertEqual(self.entries("/packages/gzip/feed.atom"),
                         ["gzip 1.12-1ubuntu1 on noble amd64: pass (before: fail)", "gzip 1.12-1ubuntu5 on noble amd64: fail (before: pass)"])
        self.assertEqual(self.entries("/packages/nothing/feed.atom"), [])

    def test_a_user_has_a_feed_of_results(self) -> None:
        self.assertEqual(self.entries("/user/me/feed.atom"), ["gzip 1.12-1ubuntu5 on noble amd64: fail"])

    def test_badges(self) -> None:
        for path, text in (("gzip/noble/amd64", "pass"), ("other/noble/arm64", "denylisted"), ("nothing/noble/amd64", "unknown")):
            root = ET.fromstring(self.get(f"/packages/{path}/badge.svg"))
            self.assertEqual(root.get("aria-label"), f"{' '.join(path.split('/')[1:])}: {text}")
        self.assertEqual(self.server.request("GET", "/packages/gzip/Noble!/amd64/badge.svg")[0], 404)

    def test_metrics_are_in_prometheus_format(self) -> None:
        kinds, values = {}, {}
        for line in self.get("/metrics").decode().splitlines():
            if line.startswith("# TYPE "):
                _, _, name, kind = line.split(" ")
                kinds[name] = kind
            elif not line.startswith("#"):
                name, _, value = line.rpartition(" ")
                self.assertRegex(name, r'^[a-z_]+(\{([a-z]+="[^"\\]*",?)+\})?$')
                self.assertIn(re.sub(r"\{.*", "", name), kinds)
                values[name] = float(value)
        self.assertEqual(values["autopkgtest_broker_up"], 0)
        self.assertEqual(values["autopkgtest_database_up"], 1)
        self.assertEqual(values['autopkgtest_results{release="noble",arch="amd64",verdict="fail"}'], 2)
        self.assertEqual(values['autopkgtest_running_tests{release="noble",arch="amd64"}'], 0)

    def test_z_pages_are_kept_for_a_second_and_no_longer(self) -> None:
        numbers = itertools.count()

        def is_kept() -> bool:
            """False: a busy machine has taken longer than the second."""
            package = f"fresh{next(numbers)}"
            path = f"/packages/{package}/noble/amd64?format=json"
            begin, before = time.monotonic(), self.get(path)
            made = time.monotonic()
            fill_database(self.server, [message(package, "noble", "amd64", run_of_day(0), 4)])
            again, end = self.get(path), time.monotonic()
            known = self.server.request("GET", path, None, {"Cookie": "a=b"})[2]
            self.assertEqual(len(json.loads(known)["results"]), 1, "who is known gets a page of his own")
            while True:
                asked = time.monotonic()
                if json.loads(self.get(path))["has_results"]:
                    break
                self.assertLess(asked, made + 1, "it is kept for longer")
                time.sleep(0.02)
            if again != before:
                self.assertGreater(end, begin + 1, "no page was kept")
            return again == before
        wait_for("a page that was kept", is_kept)


if __name__ == "__main__":
    counted.main()
