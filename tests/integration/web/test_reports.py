#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-only
"""Reports and queues: what is made of many results, and what waits."""
from __future__ import annotations

import http.client
import json
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from typing import Any

import amqp

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "support")]
import counted  # noqa: E402  (the path comes first)
from broker import Broker  # noqa: E402
from samples import fill_database, message, run_of_day  # noqa: E402
from waiting import WAIT_S, wait_for  # noqa: E402
from webserver import ROOT, WebServer, build_dir  # noqa: E402

KEYS = ("RABBIT_HOST", "RABBIT_PORT", "RABBIT_USER", "RABBIT_PASSWORD", "RABBIT_VHOST")
HTML = {"Accept": "text/html"}
BODIES = {"debci-noble-amd64": ['gzip\n{"triggers": ["a/1"], "requester": "me", "uuid": "u"}', "nonsense {", "bash"],
          "debci-ppa-noble-amd64": ['vim\n{"ppas": ["me/tools"]}', 'top\n{"swiftuser": "me", "readable-by": ["me"], "triggers": ["secret/1"]}']}


def setUpModule() -> None:
    targets = [str(build_dir() / "bin/autopkgtest-web"), str(build_dir() / "tests/bench/fill_results")]
    subprocess.run(["make", "--no-print-directory", "-s", "-C", str(ROOT), f"BUILD={build_dir()}", *targets], check=True)


def run(package: str, day: int, code: int, release: str = "noble", arch: str = "amd64", **more: str) -> dict[str, object]:
    return message(package, release, arch, f"202601{day:02}_000000_abcde@", code, **more)


class Reports(unittest.TestCase):
    server: WebServer

    @classmethod
    def setUpClass(cls) -> None:
        cls.server = WebServer({"releases": "noble jammy", "architectures": "amd64 arm64"})
        cls.server.start()
        cls.empty = {page: cls.server.request("GET", page, None, HTML)
                     for page in ("/regressions", "/flaky", "/statistics", "/user/me", "/user/me/ppa/tools", "/queues")}
        rows = [run("broken", 1, 0), run("broken", 2, 4), run("broken", 3, 16), run("broken", 4, 6),
                run("repaired", 1, 0), run("repaired", 2, 4), run("repaired", 3, 0),
                run("never", 1, 4), run("never", 2, 4),
                run("elsewhere", 1, 0, "jammy", "arm64"), run("elsewhere", 5, 12, "jammy", "arm64")]
        rows += [run("shaky", day, 4 if day % 2 else 0, requester="me") for day in range(1, 12)]
        cls.today = run_of_day(0)
        rows += [message("today", "noble", "arm64", cls.today, 0), message("today2", "noble", "arm64", cls.today, 4),
                 message("longago", "noble", "arm64", run_of_day(40), 4)]
        rows += [{**run("ppa-package", 6, 0), "container": f"{prefix}autopkgtest-noble-me-{name}"}
                 for prefix, name in (("", "tools"), ("", "other"), ("private-", "secret"))]
        fill_database(cls.server, rows)

    @classmethod
    def tearDownClass(cls) -> None:
        cls.server.__exit__()

    def data(self, path: str) -> Any:
        status, _, body = self.server.request("GET", path, None, {"Accept": "application/json"})
        self.assertEqual(status, 200, (path, body))
        self.assertEqual(self.server.request("GET", path, None, HTML)[0], 200)
        return json.loads(body)

    def test_without_results_each_says_so(self) -> None:
        for page, (status, _, body) in self.empty.items():
            self.assertEqual(status, 200, page)
            if page != "/queues":
                self.assertIn(b"No results so far", body, page)

    def test_regressions_are_tests_that_had_passed(self) -> None:
        rows = self.data("/regressions")["results"]
        self.assertEqual([(r["package"], r["run_id"][:8], r["passed"][:8], r["newest"][:8]) for r in rows],
                         [("shaky", "20260111", "20260110", "20260111"), ("elsewhere", "20260105", "20260101", "20260105"),
                          ("broken", "20260102", "20260101", "20260104")])
        self.assertEqual([r["package"] for r in self.data("/regressions?release=noble")["results"]], ["shaky", "broken"])
        self.assertEqual([r["package"] for r in self.data("/regressions?arch=arm64")["results"]], ["elsewhere"])
        self.assertEqual([r["package"] for r in self.data("/regressions?since=2026-01-05")["results"]], ["shaky", "elsewhere"])
        self.assertEqual([r["package"] for r in self.data("/regressions?before=20260111")["results"]], ["elsewhere", "broken"])
        for wrong in ("yesterday", "2026-13-01", "20260105"):
            status, _, body = self.server.request("GET", f"/regressions?since={wrong}", None, {})
            self.assertEqual((status, json.loads(body)["error"]), (400, f'since: expected a date YYYY-MM-DD, got "{wrong}"'))

    def test_flaky_tests_change_their_verdict_often(self) -> None:
        (row,) = self.data("/flaky")["results"]
        self.assertEqual((row["package"], row["flips"], row["score"], row["verdicts"][:2]), ("shaky", 10, 100, ["fail", "pass"]))
        self.assertEqual(self.data("/flaky?release=jammy")["results"], [])
        history = self.data("/packages/shaky/noble/amd64")
        self.assertEqual((history["flaky"], history["score"], history["failing_since"][:8]), (True, 100, "20260111"))
        self.assertIn(b"Flaky", self.server.request("GET", "/packages/shaky/noble/amd64", None, HTML)[2])
        self.assertIn(b"flaky", self.server.request("GET", "/packages/shaky", None, HTML)[2])
        self.assertNotIn(b"flaky<", self.server.request("GET", "/packages/broken", None, HTML)[2])

    def test_statistics_count_the_last_weeks(self) -> None:
        data = self.data("/statistics")
        (test,) = data["tests"]
        self.assertEqual((test["release"], test["arch"], test["runs"], test["pass"], test["fail"], test["percent"]),
                         ("noble", "arm64", 2, 1, 1, 50))
        (day,) = data["days"]
        self.assertEqual((day["date"].replace("-", ""), day["runs"]), (self.today[:8], 2))

    def test_nothing_is_counted_as_0(self) -> None:
        data = self.data("/statistics")
        for row in data["tests"] + data["days"]:
            self.assertLessEqual({"pass", "fail", "neutral", "denylisted", "tmpfail", "error", "otherfail", "runs"}, set(row))
        self.assertNotIn(b'<td class="number"></td><td class="number"></td>', self.server.request("GET", "/statistics", None, HTML)[2])

    def test_a_ppa_with_many_results_has_pages(self) -> None:
        row = {**message("p", "noble", "amd64", "", 0), "container": "autopkgtest-noble-busy-stable"}
        with WebServer() as server:
            fill_database(server, [{**row, "swift_dir": f"noble/amd64/p/p/20260101_000000_{number:05x}@"} for number in range(101)])
            first = json.loads(server.request("GET", "/user/busy/ppa/stable?format=json")[2])
            self.assertEqual(len(first["results"]), 100)
            [link] = re.findall(rb'rel="next" href="([^"]+)">Older results', server.request("GET", "/user/busy/ppa/stable", None, HTML)[2])
            rest = json.loads(server.request("GET", f"/user/busy/ppa/stable{link.decode()}&format=json")[2])
            self.assertEqual([r["run_id"] for r in rest["results"]], ["20260101_000000_00000@"])
            self.assertNotIn("older", rest)
            self.assertEqual(server.request("GET", "/user/busy/ppa/stable?before=x")[0], 400)

    def test_a_user_has_results_and_ppas(self) -> None:
        data = self.data("/user/me")
        self.assertEqual({r["package"] for r in data["results"]}, {"shaky"})
        self.assertEqual(data["ppas"], ["other", "tools"])
        (result,) = self.data("/user/me/ppa/tools")["results"]
        self.assertEqual(result["url"], "/results/autopkgtest-noble-me-tools/noble/amd64/p/ppa-package/20260106_000000_abcde%40/")
        for nothing in ("secret", "none"):  # private results are nowhere
            status, _, body = self.server.request("GET", f"/user/me/ppa/{nothing}")
            self.assertEqual((status, json.loads(body)["error"]), (404, f"there are no results of a PPA me/{nothing}"))
        self.assertEqual(self.data("/user/nobody")["results"], [])
        self.assertEqual(self.server.request("GET", "/user/" + "x" * 200, None, {})[0], 404)


class Queues(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.tmp = tempfile.TemporaryDirectory(prefix="web-queues-")
        cls.broker = Broker(Path(cls.tmp.name))
        cls.broker.start()
        cls.server = WebServer({"releases": "noble jammy", "architectures": "amd64 arm64"}, {key: cls.broker.settings[key] for key in KEYS})
        cls.server.start()
        fill_database(cls.server, [{**message("gzip", "noble", "amd64", run_of_day(0), 0), "duration": 600}])
        for queue, bodies in BODIES.items():
            cls.broker.declare_queue(queue)
            for body in bodies:
                cls.broker.publish(body, queue)
        cls.server.wait_for_broker()

    @classmethod
    def tearDownClass(cls) -> None:
        cls.server.__exit__()
        cls.broker.rig("destroy")
        cls.tmp.cleanup()

    def data(self, path: str) -> Any:
        status, _, body = self.server.request("GET", path, None, {"Accept": "application/json"})
        self.assertEqual(status, 200, (path, body))
        self.assertEqual(self.server.request("GET", path, None, HTML)[0], 200)
        return json.loads(body)

    def wait_for_two(self) -> None:
        """Tests that run. Workers tell of theirs every few seconds: what is not heard of for a minute is forgotten."""
        status = {"release": "noble", "architecture": "amd64", "package": "gzip", "running": True, "duration": 5, "logtail": ""}

        def tell() -> bool:
            for number in range(2):
                self.broker.publish(json.dumps({**status, "params": {"uuid": str(number)}}), exchange="teststatus.fanout")
            return self.data("/running")["running_total"] == 2
        wait_for("running tests", tell)

    def test_queues_have_lengths_and_estimates(self) -> None:
        def lines() -> list[tuple[object, ...]]:
            self.wait_for_two()
            return [tuple(r.get(name) for name in ("context", "release", "arch", "queued", "running", "wait_s")) for r in self.data("/queues").get("queues", [])]
        # Two tests run, each of both queues has one of them: 600 s a test.
        wait_for("the queues", lambda: lines() == [("ubuntu", "noble", "amd64", 3, 2, 1800), ("ppa", "noble", "amd64", 2, 2, 1200)])

    def test_the_overview_leads_to_what_waits_and_runs_at_a_place(self) -> None:
        self.wait_for_two()
        wait_for("the queues", lambda: len(self.data("/queues").get("queues", [])) == 2)
        page = self.server.request("GET", "/", None, HTML)[2].decode()
        for name, number in (("running", 2), ("queues", 2)):
            self.assertIn(f'href="/{name}?release=noble&amp;arch=amd64"', page)
            everywhere, here, elsewhere = (self.data(f"/{name}{place}")[name] for place in ("", "?release=noble&arch=amd64", "?release=jammy&arch=amd64"))
            self.assertEqual((len(everywhere), here, elsewhere), (number, everywhere, []))
            self.assertEqual(len(self.data(f"/{name}?release=noble")[name]), number)
            self.assertEqual(self.data(f"/{name}?arch=arm64&release=noble")[name], [])
        page = self.server.request("GET", "/running?release=noble&arch=amd64", None, HTML)[2].decode()
        self.assertIn('Running now on noble amd64: <b data-running-total>2</b> <a href="/running">', page)
        self.assertNotIn("<h2>Running</h2>", page, "it says so already")
        self.assertIn(b"of noble", self.server.request("GET", "/queues?release=noble", None, HTML)[2])
        self.assertIn(b"Nothing waits here", self.server.request("GET", "/queues?arch=arm64", None, HTML)[2])
        self.assertEqual(self.server.request("GET", "/running?package=%ff")[0], 400)

    def test_more_running_tests_of_a_place_are_of_that_place(self) -> None:
        self.announce_many(True)
        self.announce("elsewhere-but-late", arch="amd64")
        wait_for("many running tests", lambda: self.data("/running?arch=arm64")["running_total"] == 51)
        page = self.server.request("GET", "/running?arch=arm64", None, HTML)[2].decode()
        self.assertIn('href="/running?arch=arm64&amp;from=50" rel="next"', page)
        self.assertEqual(len(self.data("/running?arch=arm64&from=50")["running"]), 1)
        self.announce_many(False)
        self.announce("elsewhere-but-late", running=False, arch="amd64")
        wait_for("their ends", lambda: self.data("/running?arch=arm64")["running_total"] == 0)

    def test_a_queue_shows_positions_and_nothing_private(self) -> None:
        rows = wait_for("the queue", lambda: self.data("/queues?context=ubuntu&release=noble&arch=amd64").get("requests"))
        self.assertEqual([(r["position"], r["package"], r.get("triggers")) for r in rows],
                         [(1, "gzip", "a/1"), (2, "unreadable request", None), (3, "bash", "")])
        status, _, body = self.server.request("GET", "/queues?context=ppa&release=noble&arch=amd64", None, HTML)
        self.assertEqual(status, 200)
        self.assertIn(b"me/tools", body)
        self.assertIn(b"private job", body)
        self.assertNotIn(b"secret", body)
        self.assertNotIn(b">top<", body)
        self.assertEqual(self.data("/queues?context=huge&release=jammy&arch=arm64")["has_requests"], False)
        for wrong in ("context=odd&release=noble&arch=amd64", "context=ubuntu&release=noble", "release=x", "arch=x", "context=ubuntu&release=x&arch=amd64"):
            self.assertEqual(self.server.request("GET", f"/queues?{wrong}")[0], 404)
        self.broker.wait_for_all("debci-noble-amd64", BODIES["debci-noble-amd64"])

    def stream(self, query: str = "") -> http.client.HTTPResponse:
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=WAIT_S)
        connection.request("GET", f"/running/events{query}")
        answer = connection.getresponse()
        self.assertEqual((answer.status, answer.getheader("Content-Type")), (200, "text/event-stream"))
        self.assertEqual((answer.readline(), answer.readline()), (b"retry: 3000\n", b"\n"))
        if "id=" not in query:
            self.assertEqual(answer.readline(), b"event: running\n")
            self.running = json.loads(answer.readline().removeprefix(b"data: "))["ids"]
        return answer

    def event(self, stream: http.client.HTTPResponse) -> Any:
        """The next, but for those of tests of other cases, which are forgotten at some time."""
        while True:
            line = stream.readline()
            if line in (b":\n", b"\n"):
                continue
            self.assertTrue(line.startswith(b"data: "), line)
            event = json.loads(line[6:])
            if event["package"] in ("another", "live", "mine"):
                return event

    def announce_many(self, running: bool) -> None:
        s = self.broker.settings
        with amqp.Connection(f"{s['RABBIT_HOST']}:{s['RABBIT_PORT']}", s["RABBIT_USER"], s["RABBIT_PASSWORD"]) as connection:
            for number in range(51):
                text = json.dumps({"release": "noble", "architecture": "arm64", "package": f"many{number}", "running": running, "params": {}, "duration": 61, "logtail": "x"})
                connection.channel(1).basic_publish(amqp.Message(text), exchange="teststatus.fanout")

    def announce(self, package: str, running: bool = True, logtail: str = "the log", arch: str = "arm64") -> None:
        self.broker.publish(json.dumps({"release": "noble", "architecture": arch, "package": package, "running": running, "params": {},
                                        "duration": 61, "logtail": logtail}), exchange="teststatus.fanout")

    def test_running_tests_are_told_at_once(self) -> None:
        everything, other, narrow = self.stream(), self.stream("?arch=amd64"), self.stream("?package=live")
        self.announce("another")
        self.announce("live")
        self.assertEqual(self.event(everything)["package"], "another")
        for stream in (everything, narrow):
            event = self.event(stream)
            self.assertEqual((event["package"], event["running"], event["duration_text"], event["url"]),
                             ("live", True, "1m 01s", "/packages/live/noble/arm64"))
            self.assertNotIn("logtail", event)
        mine = {"release": "noble", "architecture": "arm64", "package": "mine", "running": True, "duration": 1, "logtail": "", "params": {"requester": "somebody"}}
        self.broker.publish(json.dumps(mine), exchange="teststatus.fanout")
        self.assertEqual(self.event(everything)["package"], "mine")
        self.assertEqual([t["package"] for t in self.data("/user/somebody")["running"]], ["mine"])
        one = self.stream(f"?id={event['id']}")
        self.announce("another", logtail="line 1")
        self.announce("live", logtail="line 1\nline 2\n")
        self.assertEqual(self.event(one)["logtail"], "line 1\nline 2\n")
        page = self.data("/running?package=live")
        self.assertEqual(page["running"][0]["id"], event["id"])
        self.stream("?package=live").close()
        self.assertEqual(self.running, [event["id"]])
        self.announce("live", running=False)
        self.assertEqual(self.event(one)["running"], False)
        for stream in (everything, other, narrow, one):
            stream.close()
        self.announce("another", running=False)
        self.broker.publish(json.dumps({**mine, "running": False}), exchange="teststatus.fanout")

    def test_z_without_broker_it_says_so(self) -> None:
        self.broker.rig("kill")
        wait_for("the page to know", lambda: self.data("/queues").get("broker_away"))
        self.assertIn(b"broker is away", self.server.request("GET", "/queues", None, HTML)[2])


if __name__ == "__main__":
    counted.main()
