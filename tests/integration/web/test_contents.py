#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-only
"""What is on each page, and in what programs read of queues and running tests: nothing that was promised is missing."""
from __future__ import annotations

import contextlib
import html
import json
import re
import subprocess
import sys
import tempfile
import unittest
import urllib.parse
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "support")]
import counted  # noqa: E402  (the path comes first)
from broker import Broker  # noqa: E402
from samples import FOLDER, RUN, fill_database, fill_store, message, messages, run_of_day  # noqa: E402
from waiting import wait_for  # noqa: E402
from webserver import ROOT, WebServer, build_dir  # noqa: E402

KEYS = ("RABBIT_HOST", "RABBIT_PORT", "RABBIT_USER", "RABBIT_PASSWORD", "RABBIT_VHOST")
HTML = {"Accept": "text/html"}
VALUES = {"package": "gzip", "release": "noble", "arch": "amd64", "run": RUN, "name": "someone", "ppa": "tools", "container": "autopkgtest-noble",
          "object...": f"{FOLDER}/"}
# Pages that exist for somebody who is logged in, and for a request.
OTHERS = {"/logout", "/private-results", "/private-results/{container}/{object...}", "/requests/{uuid}"}
BODIES = {"ubuntu": ['gzip\n{"triggers": ["gzip/1.13-1", "aa/2"], "requester": "me"}', 'hidden\n{"swiftuser": "me"}', "gzip"], "huge": ['vim {"triggers": ["vim/9"]}'],
          "ppa": ['gzip\n{"ppas": ["me/tools"]}', 'gzip\n{"ppas": ["me:token@me/tools"]}'], "upstream": ['gzip\n{"env": ["A=b"]}']}


def setUpModule() -> None:
    targets = [str(build_dir() / "bin/autopkgtest-web"), str(build_dir() / "tests/bench/fill_results")]
    subprocess.run(["make", "--no-print-directory", "-s", "-C", str(ROOT), f"BUILD={build_dir()}", *targets], check=True)


class Contents(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.tmp = tempfile.TemporaryDirectory(prefix="web-contents-")
        cls.broker = Broker(Path(cls.tmp.name))
        cls.broker.start()
        for context, bodies in BODIES.items():
            queue = "debci-noble-amd64" if context == "ubuntu" else f"debci-{context}-noble-amd64"
            cls.broker.declare_queue(queue)
            for body in bodies:
                cls.broker.publish(body, queue)
        cls.server = WebServer({"releases": "noble jammy", "architectures": "amd64 arm64"}, {key: cls.broker.settings[key] for key in KEYS})
        cls.server.start()
        cls.server.wait_for_broker()
        fill_database(cls.server, messages() + [message("gzip", "jammy", "arm64", run_of_day(2), 0)])
        fill_store(cls.server)

    @classmethod
    def tearDownClass(cls) -> None:
        cls.server.__exit__()
        cls.broker.rig("destroy")
        cls.tmp.cleanup()

    @classmethod
    def data(cls, path: str) -> Any:
        return json.loads(cls.server.request("GET", path, None, {"Accept": "application/json"})[2])

    def announce_running(self) -> None:
        """As workers do every few seconds: what is not heard of for a minute is forgotten."""
        for package, params in (("bash", {"triggers": ["a/1"], "env": ["B=c"], "all-proposed": 1}), ("bash", {}), ("private-test", {})):
            self.broker.publish(json.dumps({"release": "jammy", "architecture": "arm64", "package": package, "running": True, "params": params,
                                            "duration": 61, "logtail": "" if package == "private-test" else "the end"}), exchange="teststatus.fanout")

    def wait_for_data(self, path: str, wanted: Any, part: Callable[[Any], Any] = lambda data: data) -> None:
        """Queues are shown as they were some seconds ago."""
        seen: list[Any] = []

        def look() -> bool:
            self.announce_running()
            seen.append(part(self.data(path)))
            return seen[-1] == wanted
        with contextlib.suppress(AssertionError):
            wait_for(path, look)
        self.assertEqual(seen[-1], wanted)

    def page(self, path: str) -> str:
        status, _, body = self.server.request("GET", path, None, HTML)
        self.assertEqual(status, 200, path)
        return body.decode()

    # ---- pages

    def test_every_page_of_the_table_has_its_data_as_json(self) -> None:
        text = (ROOT / "services/web/routes.c").read_text()
        patterns = set(re.findall(r'\b(?:OWN_|STORED_)?PAGE\("([^"]+)", "', text) + re.findall(r'\.pattern = "([^"]+)",\s*\.kind = ROUTE_PAGE,\s*\.template = "(?!requested)', text))
        self.assertGreater(len(patterns), 18)
        for pattern in sorted(patterns - OTHERS):
            path = re.sub(r"\{([^}]+)\}", lambda found: VALUES[found[1]], pattern)
            self.assertIn("<h1", self.page(path), path)
            for address, headers in ((path + "?format=json", HTML), (path, {"Accept": "application/json"})):
                status, answer, body = self.server.request("GET", address, None, headers)
                self.assertEqual((status, answer["content-type"]), (200, "application/json"), address)
                self.assertEqual(type(json.loads(body)["title"]), str, address)

    def test_the_overview_has_queues_running_tests_and_recent_results(self) -> None:
        self.wait_for_data("/", [("noble", "amd64", 7, 0), ("noble", "arm64", 0, 0), ("jammy", "amd64", 0, 0), ("jammy", "arm64", 0, 3)],
                           lambda data: [(a["release"], a["arch"], a["queued"], a["running"]) for a in data["activity"]])
        data = self.data("/")
        recent = self.data("/recent")["results"]
        self.assertEqual(data["results"], recent[:len(data["results"])])
        self.assertGreater(len(data["results"]), 5)
        page = self.page("/")
        self.assertIn('<a href="/queues?release=noble&amp;arch=amd64"><b>7</b> queued</a>', page)
        self.assertIn('<a href="/running?release=jammy&amp;arch=arm64"><b>3</b> running</a>', page)
        self.assertIn(f'href="{data["results"][0]["url"]}"', html.unescape(page))

    def test_a_package_has_a_matrix_of_releases_and_architectures(self) -> None:
        data = self.data("/packages/gzip")
        newest = {(row["release"], row["arch"]): row for row in self.data("/recent?limit=10000")["results"][::-1] if row["package"] == "gzip"}
        shown = {(cell["release"], line["arch"]): cell.get("result", {}).get("run_id") for line in data["matrix"] for cell in line["cells"]}
        self.assertEqual(shown, {(release, arch): newest[release, arch]["run_id"] if (release, arch) in newest else None
                                 for release in ("noble", "jammy") for arch in ("amd64", "arm64")})
        self.assertEqual(sum(run is not None for run in shown.values()), 2)
        page = self.page("/packages/gzip")
        for (release, arch), row in newest.items():
            self.assertRegex(page, rf'<td><a href="/packages/gzip/{release}/{arch}">[^–]*{re.escape(row["version"])}')

    def test_a_history_has_all_of_each_run_and_a_chart(self) -> None:
        path = "/packages/gzip/noble/amd64"
        data, page = self.data(path), html.unescape(self.page(path))
        [row] = [row for row in data["results"] if row["run_id"] == RUN]
        self.assertEqual([row[name] for name in ("version", "triggers", "verdict", "duration", "requester")],
                         ["1.12-1ubuntu5", ["gzip/1.12-1ubuntu5"], "fail", 96, "someone"])
        [line] = re.findall(rf'<tr>\n<td class="lead"><a href="{re.escape(row["url"])}">.*?</tr>', page, re.S)
        self.assertEqual(re.findall(r'href="([^"]+)"[^>]*>(log|artifacts|retry)<', line),
                         [(row["log_url"], "log"), (f"/results/autopkgtest-noble/{FOLDER}/artifacts.tar.gz/", "artifacts"), (row["retry_url"], "retry")])
        for text in ("1.12-1ubuntu5", "gzip/1.12-1ubuntu5", "1m 36s", "someone", "fail"):
            self.assertIn(f">{text}<", line.replace("</span>", "<"), text)
        bars = re.findall(r'<a href="([^"]+)"><rect class="(\w+)" [^>]*height="(\d+)"[^>]*><title>([^<]+)</title>', page)
        self.assertEqual([(url, verdict) for url, verdict, _, _ in bars], [(r["url"], r["verdict"]) for r in data["results"][::-1]])
        rows = {row["url"]: row for row in data["results"]}
        self.assertEqual([title for _, _, _, title in bars], [f"{rows[url]['date']}: {verdict}, {rows[url]['duration_text']}" for url, verdict, _, _ in bars])
        heights = [int(height) for _, height in sorted((rows[url]["duration"], int(height)) for url, _, height, _ in bars)]
        self.assertEqual(heights, sorted(heights))
        self.assertLess(heights[0], heights[-1])

    def test_statistics_have_a_chart(self) -> None:
        data, page = self.data("/statistics"), self.page("/statistics")
        bars = re.findall(r'<rect class="(\w+)" [^>]*><title>(\d{4}-\d\d-\d\d): (\d+) \w+</title>', page)
        self.assertEqual({day for _, day, _ in bars}, {day["date"] for day in data["days"] if day["runs"]})
        for verdict in ("pass", "fail"):
            self.assertEqual(sum(int(runs) for name, _, runs in bars if name == verdict), sum(day[verdict] for day in data["days"]))

    def test_results_are_filtered_by_all_that_is_promised(self) -> None:
        every = self.data("/recent?limit=10000")["results"]
        for name, value in (("release", "jammy"), ("arch", "arm64"), ("verdict", "fail"), ("requester", "someone")):
            some = [row for row in every if row[name] == value]
            self.assertTrue(some and len(some) < len(every))
            self.assertEqual(self.data(f"/recent?limit=10000&{name}={value}")["results"], some)

    def test_addresses_that_are_shortened_or_end_with_a_slash_lead_on(self) -> None:
        for path in ("/user/someone/", "/user/someone/ppa/tools/", "/packages/gzip/", "/packages/gzip/noble/amd64/", "/running/", f"/packages/gzip/noble/amd64/{RUN}/log/"):
            self.page(path)
        for path in ("/user/someone/ppa", "/user/someone/ppa/"):
            status, headers, _ = self.server.request("GET", path, None, HTML)
            self.assertEqual((status, headers["location"]), (301, "/user/someone"))

    def test_crawlers_are_told_what_is_not_for_them(self) -> None:
        lines = self.server.request("GET", "/robots.txt")[2].decode().splitlines()
        self.assertEqual(lines[0], "User-agent: *")
        self.assertLessEqual({f"Disallow: {path}" for path in ("/request", "/results/", "/private-results", "/login")}, set(lines))

    # ---- for programs

    def test_queues_json_has_every_context_and_nothing_private(self) -> None:
        shown = [["private job" if "swiftuser" in body or "token" in body else body for body in bodies] for bodies in BODIES.values()]
        self.wait_for_data("/queues.json", {
            context: {release: {arch: bodies if (release, arch) == ("noble", "amd64") else [] for arch in ("amd64", "arm64")} for release in ("noble", "jammy")}
            for context, bodies in zip(BODIES, shown)})

    def test_running_json_names_a_run_by_its_parameters(self) -> None:
        self.wait_for_data("/running.json", {
            "bash": {"": {"jammy": {"arm64": [{}, 61, "the end"]}},
                     "all-proposed_1;env_['B=c'];triggers_['a/1'];": {"jammy": {"arm64": [{"triggers": ["a/1"], "env": ["B=c"], "all-proposed": 1}, 61, "the end"]}}},
            "private-test": {"": {"jammy": {"arm64": [{}, 61, ""]}}}})

    def test_a_request_is_taken_by_get_and_by_post(self) -> None:
        fields = [("package", "hello"), ("release", "jammy"), ("arch", "amd64"), ("arch", "arm64"), ("trigger", "aa/1"), ("trigger", "bb/2:3~x"), ("ppa", "me/one"), ("ppa", "me/two"),
                  ("env", "AA=b"), ("env", "CC=d;EE=f g"), ("testname", "smoke"), ("readable-by", "me,us")]
        for method in ("GET", "POST"):
            query = urllib.parse.urlencode(fields + [("trigger", f"{method.lower()}/1")])
            path, body = ("/request.cgi", query.encode()) if method == "POST" else (f"/request.cgi?{query}", None)
            status, _, text = self.server.request(method, path, body, {"Content-Type": "application/x-www-form-urlencoded"} if body else {})
            self.assertEqual(status, 200, text)
            for arch in ("amd64", "arm64"):
                [taken] = self.broker.take_all(f"debci-ppa-jammy-{arch}", 1)
                package, params = taken.split("\n", 1)
                params = json.loads(params)
                self.assertEqual((package, [params[name] for name in ("triggers", "ppas", "env", "testname", "readable-by")]),
                                 ("hello", [["aa/1", "bb/2:3~x", f"{method.lower()}/1"], ["me/one", "me/two"], ["AA=b", "CC=d", "EE=f g"], "smoke", ["me", "us"]]))

    def test_the_form_is_told_whether_a_test_is_queued_running_or_was_there(self) -> None:
        def check(package: str, release: str, arch: str, *triggers: str) -> Any:
            query = urllib.parse.urlencode([("package", package), ("release", release), ("arch", arch), *(("trigger", trigger) for trigger in triggers)])
            [one] = self.data(f"/request/check?{query}")["checks"]
            return one
        queued = wait_for("the queue", lambda: (c := check("gzip", "noble", "amd64", "aa/2", "gzip/1.13-1"))["state"] == "queued" and c)
        self.assertEqual(queued["url"], "/queues")
        status = {"release": "noble", "architecture": "arm64", "package": "dash", "running": True, "params": {"triggers": ["dash/1"]}, "duration": 1, "logtail": ""}
        self.broker.publish(json.dumps(status), exchange="teststatus.fanout")
        wait_for("the running test", lambda: check("dash", "noble", "arm64", "dash/1")["state"] == "running")
        refused = self.server.request("GET", "/request.cgi?package=dash&release=noble&arch=arm64&trigger=dash/1")
        self.assertEqual((refused[0], json.loads(refused[2])["error"]), (403, "the same test of dash on noble arm64 is running already"))
        self.broker.publish(json.dumps(status | {"running": False}), exchange="teststatus.fanout")
        wait_for("its end", lambda: check("dash", "noble", "arm64", "dash/1")["state"] == "new")
        newest = self.data("/packages/gzip/noble/amd64")["results"][0]
        was = check("gzip", "noble", "amd64", "other/1")
        self.assertEqual([was[name] for name in ("state", "verdict", "date", "url")], ["tested", *(newest[name] for name in ("verdict", "date", "url"))])
        self.assertEqual(check("never-tested", "noble", "amd64", "other/1")["state"], "new")


if __name__ == "__main__":
    counted.main()
