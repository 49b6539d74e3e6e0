#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-only
"""From a pull request's webhook to the status of its commit: real broker, web server and indexer, and something that answers like GitHub."""
from __future__ import annotations

import base64
import contextlib
import json
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.parse
import uuid
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "support")]
import counted  # noqa: E402  (the path comes first)
from broker import Broker  # noqa: E402
from github import GitHub, pull_request, signature  # noqa: E402
from samples import run_of_day  # noqa: E402
from waiting import wait_for  # noqa: E402
from webserver import ROOT, WebServer, build_dir  # noqa: E402

KEYS = ("RABBIT_HOST", "RABBIT_PORT", "RABBIT_USER", "RABBIT_PASSWORD", "RABBIT_VHOST")
PROGRAMS = ("autopkgtest-web", "autopkgtest-indexer", "autopkgtest-cloud")
SECRET, TOKEN = "the shared secret", "the-token"
QUEUE = "debci-upstream-noble-amd64"


def setUpModule() -> None:
    targets = [str(build_dir() / "bin" / name) for name in PROGRAMS]
    subprocess.run(["make", "--no-print-directory", "-s", "-C", str(ROOT), f"BUILD={build_dir()}", *targets], check=True)


def completion(params: dict[str, Any], exitcode: int, day: int) -> dict[str, Any]:
    """What a worker announces at the end of this request's test."""
    env = ([f"testname={params['testname']}"] if "testname" in params else []) + params["env"]
    return {"architecture": "amd64", "container": "autopkgtest-noble-upstream-ci-systemd", "duration": 10, "exitcode": exitcode, "env": ",".join(env),
            "package": "systemd-upstream", "testpkg_version": "systemd-upstream 1", "release": "noble", "requester": params["requester"],
            "swift_dir": f"noble/amd64/s/systemd-upstream/{run_of_day(day)}", "triggers": ""}


class Webhook(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.tmp = tempfile.TemporaryDirectory(prefix="web-github-")
        cls.github = GitHub().__enter__()
        cls.broker = Broker(Path(cls.tmp.name))
        cls.broker.start()
        cls.broker.declare_queue(QUEUE)
        secrets, credentials = Path(cls.tmp.name) / "secrets.json", Path(cls.tmp.name) / "credentials.json"
        secrets.write_text(json.dumps({"systemd-upstream": SECRET, "lib-x--": "another", "tied": f"systemd/stable,Systemd/systemd {SECRET}",
                                       "elsewhere": f"o/systemd {SECRET}"}))
        credentials.write_text(json.dumps({"ci-user": TOKEN}))
        cls.server = WebServer({"releases": "noble", "authorization": "launchpad", "github-secrets-file": str(secrets), "public-url": "https://tests.example",
                                "github-credentials-file": str(credentials), "github-api-url": cls.github.url},
                               {key: cls.broker.settings[key] for key in KEYS})
        cls.server.start()
        cls.start_indexer()
        wait_for("the broker", lambda: json.loads(cls.server.request("GET", "/healthz")[2])["checks"]["broker"] == "ok")
        wait_for("the indexer", lambda: cls.broker.is_bound("autopkgtest.events", "autopkgtest-github") and cls.broker.is_bound("testcomplete.fanout"))

    @classmethod
    def start_indexer(cls) -> None:
        cls.indexer = subprocess.Popen([build_dir() / "bin/autopkgtest-indexer"], stderr=subprocess.DEVNULL,
                                       env={"AUTOPKGTEST_CLOUD_CONFIG": str(cls.server.dir)})

    @classmethod
    def tearDownClass(cls) -> None:
        cls.indexer.kill()
        cls.indexer.wait()
        cls.server.__exit__()
        cls.broker.rig("destroy")
        cls.github.close()
        cls.tmp.cleanup()

    def all_is_told(self) -> None:
        """What GitHub has taken is acknowledged."""
        wait_for("an empty queue", lambda: self.broker.messages("autopkgtest-github") == 0)

    def searches_end(self) -> None:
        """Those of the server for older requests, which have some in hand."""
        assert self.server.process
        words = ["ps", "-o", "pid=", "--ppid", str(self.server.process.pid)]
        wait_for("the end of the searches", lambda: not any(subprocess.run(words, stdout=subprocess.PIPE, check=False).stdout for _ in range(2)))

    def setUp(self) -> None:
        self.searches_end()
        self.github.told.clear()
        self.github.answers.clear()
        self.commits: set[str] = set()
        self.broker.purge(QUEUE)

    def send(self, action: str = "opened", number: int = 12, event: str = "pull_request", secret: str = SECRET, sha: str = "",
             package: str = "systemd-upstream", algorithm: str = "sha256", statuses: str | None = None, delivery: str = "",
             **params: str) -> tuple[int, str]:
        sha = sha or uuid.uuid4().hex
        self.commits.add(sha)
        body = pull_request(statuses or f"{self.github.url}/repos/systemd/systemd/statuses/{sha}", action, number)
        query = urllib.parse.urlencode({"package": package, "release": "noble", "arch": "amd64", "ppa": "upstream-ci/systemd"} | params)
        status, _, text = self.server.request("POST", f"/request.cgi?{query}", body,
                                              {"X-GitHub-Event": event, "Content-Type": "application/json"} | signature(secret, body, algorithm)
                                              | ({"X-GitHub-Delivery": delivery} if delivery else {}))
        return status, text.decode()

    def take(self) -> list[dict[str, Any]]:
        return [json.loads(text.split("\n", 1)[1]) for text in self.broker.take(QUEUE)]

    def take_one(self) -> dict[str, Any]:
        """The one request: a search for older ones may just have it in hand."""
        found: list[dict[str, Any]] = []
        wait_for("the request", lambda: found or found.extend(self.take()) or found)
        self.assertEqual(len(found), 1)
        return found[0]

    def complete(self, params: dict[str, Any], exitcode: int, day: int = 0) -> None:
        self.broker.publish(json.dumps(completion(params, exitcode, day)), exchange="testcomplete.fanout")

    def told(self, count: int) -> list[dict[str, Any]]:
        """Of this test's commits: an indexer that was killed may tell those of the test before once more."""
        def mine() -> list[dict[str, Any]]:
            return [body for path, _, body in self.github.told if path.rsplit("/", 1)[1] in self.commits]
        wait_for(f"{count} statuses", lambda: len(mine()) >= count)
        return mine()

    # ---- what is accepted

    def test_from_pull_request_to_status(self) -> None:
        status, text = self.send(testname="smoke", env="CFLAGS=-O0", sha="abc")
        self.assertEqual(status, 202, text)
        params = self.take_one()
        self.assertEqual(params["env"], ["CFLAGS=-O0", "UPSTREAM_PULL_REQUEST=12", f"GITHUB_STATUSES_URL={self.github.url}/repos/systemd/systemd/statuses/abc"])
        self.assertEqual((params["build-git"], params["ppas"], params["requester"], params["testname"]),
                         ("https://github.com/systemd/systemd.git#refs/pull/12/head", ["upstream-ci/systemd"], "github:systemd/systemd", "smoke"))
        (pending,) = self.told(1)
        self.assertEqual((pending["state"], pending["context"]), ("pending", "noble/amd64 smoke"))
        self.assertEqual(pending["target_url"], f"https://tests.example/requests/{params['uuid']}")
        self.complete(params, 4)
        final = self.told(2)[1]
        self.assertEqual(final, {"state": "failure", "context": "noble/amd64 smoke", "description": "autopkgtest failed", "target_url":
                                 f"https://tests.example/results/autopkgtest-noble-upstream-ci-systemd/noble/amd64/s/systemd-upstream/{run_of_day(0)}/log.gz"})
        basic = "Basic " + base64.b64encode(f"ci-user:{TOKEN}".encode()).decode()
        self.assertEqual({(path, who) for path, who, _ in self.github.told if path.endswith("/abc")}, {("/repos/systemd/systemd/statuses/abc", basic)})
        self.assertNotIn(TOKEN, self.server.log())

    def test_ping_and_events_without_new_code(self) -> None:
        self.assertEqual(self.send(event="ping"), (200, "OK\n"))
        for action, event in (("closed", "pull_request"), ("opened", "issues")):
            status, text = self.send(action, event=event)
            self.assertEqual((status, text[:13]), (200, "nothing to do"))
        self.assertEqual((self.take(), self.told(0)), ([], []))

    def test_webhooks_are_not_limited_as_crawlers_are(self) -> None:
        body = pull_request("")
        headers = {"X-GitHub-Event": "ping", "User-Agent": "SomeBot/1.0", "X-Forwarded-For": "192.0.2.77"} | signature(SECRET, body)
        self.assertEqual({self.server.request("POST", "/request.cgi?package=systemd-upstream", body, headers)[0] for _ in range(30)}, {200})

    def test_the_older_signature_alone_will_do(self) -> None:
        self.assertEqual(self.send(algorithm="sha1")[0], 202)
        self.told(1)

    def test_a_secrets_name_has_dashes_for_dots_and_pluses(self) -> None:
        self.assertEqual(self.send(package="lib.x++", secret="another")[0], 202)
        self.told(1)

    def test_a_source_that_is_named_is_not_replaced(self) -> None:
        self.send(**{"build-git": "https://salsa.debian.org/x/systemd.git"})
        self.assertEqual(self.take_one()["build-git"], "https://salsa.debian.org/x/systemd.git")
        self.told(1)

    def test_what_is_delivered_twice_is_tested_once(self) -> None:
        first, again = (self.send(sha="same", delivery="72d3162e-cc78-11e3-81ab-4c9367dc0958") for _ in range(2))
        self.assertEqual((first[0], again), (202, first))
        status, text = self.send("reopened", sha="same", delivery="another")
        self.assertEqual((status, text[:44]), (200, "nothing to do: the same test is queued alrea"))
        params = self.take_one()
        self.assertEqual([request["uuid"] for request in json.loads(first[1])["requests"]], [params["uuid"]])
        self.told(1)
        self.complete(params, 0, 6)
        self.told(2)
        self.assertEqual(self.send(sha="same", delivery="72d3162e-cc78-11e3-81ab-4c9367dc0958"), first)
        time.sleep(1)
        self.assertEqual((self.take(), [body["state"] for body in self.told(2)]), ([], ["pending", "success"]))

    # ---- what is not

    def test_strangers_are_refused(self) -> None:
        for more in ({"secret": "wrong"}, {"package": "no-secret"}, {"package": ""}, {"secret": "wrong", "algorithm": "sha1"}):
            status, text = self.send(**more)
            self.assertEqual((status, json.loads(text)["error"]), (403, "the signature is not that of the package's secret"))
        self.assertEqual(self.server.request("POST", "/request.cgi?package=systemd-upstream", b"{}", {"X-GitHub-Event": "ping"})[0], 403)
        self.assertEqual(self.server.request("GET", "/request.cgi?package=systemd-upstream", None, {"X-GitHub-Event": "ping"})[0], 403)
        self.assertEqual((self.take(), self.told(0)), ([], []))

    def test_what_is_wrong_is_said(self) -> None:
        for more, expected in (({"statuses": "http://127.0.0.1:1/repos/o/r/statuses/a"}, "statuses_url: expected an address of"),
                               ({"release": "nonsense"}, "release: nonsense is not tested here"), ({"ppa": ""}, "ppa: missing")):
            status, text = self.send(**more)
            self.assertIn(status, (400, 404))
            self.assertIn(expected, json.loads(text)["error"])
        self.assertEqual(self.take(), [])

    def test_a_secret_may_be_for_some_repositories_only(self) -> None:
        """Whoever knows it signs nothing for another one, nor for one whose addresses are another's."""
        for event in ("pull_request", "ping", "push"):
            status, text = self.send(event=event, package="elsewhere")
            self.assertEqual((status, json.loads(text)["error"]), (403, 'the secret of elsewhere is not for the repository "systemd/systemd"'))
        self.assertEqual(self.send(event="ping", package="tied"), (200, "OK\n"))
        self.assertEqual(self.take(), [])
        self.assertEqual(self.send(package="tied")[0], 202)
        self.assertEqual(self.take_one()["requester"], "github:systemd/systemd")
        query = urllib.parse.urlencode({"package": "elsewhere", "release": "noble", "arch": "amd64"})
        for body, expected in ((b"{}", 200), (b'{"repository": {"full_name": "o/systemd"}}', 200), (b'{"repository": {"full_name": "O/Systemd"}}', 200),
                               (b'{"repository": {"full_name": "o/systemd2"}}', 403), (b'{"repository": {"full_name": 1}}', 200)):
            status = self.server.request("POST", f"/request.cgi?{query}", body, {"X-GitHub-Event": "ping"} | signature(SECRET, body, "sha256"))[0]
            self.assertEqual(status, expected, body)

    def test_a_pull_request_is_of_one_repository(self) -> None:
        status, text = self.send(statuses=f"{self.github.url}/repos/o/r/statuses/a")
        self.assertEqual(status, 400)
        self.assertIn("expected addresses of the repository systemd/systemd", json.loads(text)["error"])
        self.assertEqual(self.take(), [])

    # ---- newer code

    def test_a_newer_commit_supersedes_what_waits_of_the_same_pull_request(self) -> None:
        self.send(sha="one")
        self.send(sha="smoke", testname="smoke")
        self.send(number=123, sha="other")
        time.sleep(1.1)  # what was submitted in the same second is left alone
        self.assertEqual(self.send("synchronize", sha="two")[0], 202)

        def waiting() -> list[str]:
            return [text.split("/statuses/")[1].split('"')[0] for text in self.broker.peek(QUEUE)]
        self.told(5)  # before that nobody looks: what a look has in hand is not there for who searches the queue
        wait_for("the older one to go", lambda: waiting() == ["smoke", "other", "two"])
        self.assertEqual([(path.rsplit("/", 1)[1], body["state"], body["context"], body["description"]) for path, _, body in self.github.told
                          if body["state"] != "pending"], [("one", "error", "noble/amd64", "autopkgtest was removed from its queue")])

    def test_a_newer_commit_stays_when_an_older_one_is_slow_to_supersede(self) -> None:
        for name, when in (("older", "2001-01-01 00:00:00+00:00"), ("newer", "2099-01-01 00:00:00+00:00"), ("odd", "yesterday")):
            self.broker.publish("systemd-upstream\n" + json.dumps({
                "env": ["UPSTREAM_PULL_REQUEST=12", f"GITHUB_STATUSES_URL={self.github.url}/repos/systemd/systemd/statuses/{name}"],
                "ppas": ["upstream-ci/systemd"], "requester": "github:systemd/systemd", "submit-time": when, "uuid": str(uuid.uuid4())}), QUEUE)
        self.send(sha="this")
        self.commits.add("older")

        def waiting() -> list[str]:
            return [text.split("/statuses/")[1].split('"')[0] for text in self.broker.peek(QUEUE)]
        self.told(2)  # before that nobody looks, as above
        wait_for("the older one to go", lambda: waiting() == ["newer", "odd", "this"])

    # ---- GitHub in trouble

    def test_a_status_is_sent_until_it_is_taken(self) -> None:
        self.send()
        params = self.take_one()
        self.told(1)
        self.all_is_told()
        self.github.answers = [(500, {})]
        self.complete(params, 0, 1)
        self.told(2)
        self.indexer.kill()
        self.indexer.wait()
        self.start_indexer()
        self.assertEqual([body["state"] for body in self.told(3)], ["pending", "success", "success"])

    def test_a_queue_that_is_deleted_is_made_anew(self) -> None:
        self.broker.api("DELETE", "/queues/%2F/autopkgtest-github")
        wait_for("the queue", lambda: self.broker.is_bound("autopkgtest.events", "autopkgtest-github"))
        self.send()
        self.told(1)

    def test_a_pending_status_outlives_its_sender(self) -> None:
        self.github.answers = [(500, {})]
        self.send(sha="kept")
        self.told(1)
        self.indexer.kill()
        self.indexer.wait()
        self.start_indexer()
        self.assertEqual([body["state"] for body in self.told(2)], ["pending", "pending"])
        self.take_one()

    def test_a_test_that_has_ended_is_not_told_to_be_pending(self) -> None:
        self.github.answers = [(500, {})]
        self.send()
        params = self.take_one()
        self.told(1)
        self.complete(params, 0, 7)
        self.assertEqual([body["state"] for body in self.told(2)], ["pending", "success"])
        self.all_is_told()
        self.indexer.kill()
        self.indexer.wait()
        self.start_indexer()
        time.sleep(1)
        self.assertEqual(len(self.told(2)), 2)

    def test_a_status_that_is_refused_for_good_is_given_up(self) -> None:
        self.send()
        params = self.take_one()
        self.told(1)
        self.github.answers = [(422, {})]
        self.complete(params, 16, 2)
        self.told(2)
        self.complete(params, 2, 3)
        states = [body["state"] for body in self.told(3)]
        self.assertEqual(states, ["pending", "error", "success"])
        time.sleep(1)
        self.assertEqual(len(self.told(3)), 3)

    def test_nobody_else_speaks_for_a_commit(self) -> None:
        self.send()
        params = self.take_one()
        self.told(1)
        self.complete(params | {"requester": "alice"}, 0, 4)
        self.complete(params, 0, 5)
        self.assertTrue(self.told(2)[1]["target_url"].endswith(f"{run_of_day(5)}/log.gz"))


class Units(unittest.TestCase):
    """Two web units, each with a server and an indexer: GitHub is told once, whichever of them lives."""

    def setUp(self) -> None:
        self.stack = contextlib.ExitStack()
        self.addCleanup(self.stack.close)
        place = Path(self.stack.enter_context(tempfile.TemporaryDirectory(prefix="web-units-")))
        self.github = self.stack.enter_context(GitHub())
        self.broker = self.stack.enter_context(Broker(place))
        self.broker.declare_queue(QUEUE)
        (place / "secrets.json").write_text(json.dumps({"systemd-upstream": SECRET}))
        (place / "credentials.json").write_text(json.dumps({"ci-user": TOKEN}))
        account = {key: self.broker.settings[key] for key in KEYS}
        self.servers = [self.stack.enter_context(WebServer({
            "unit": f"autopkgtest-web/{number}", "github-secrets-file": str(place / "secrets.json"), "github-api-url": self.github.url,
            "github-credentials-file": str(place / "credentials.json")}, account)) for number in range(2)]
        self.indexers: list[subprocess.Popen[bytes]] = []
        for server in self.servers:
            self.indexers.append(subprocess.Popen([build_dir() / "bin/autopkgtest-indexer"], stderr=subprocess.DEVNULL,
                                                  env={"AUTOPKGTEST_CLOUD_CONFIG": str(server.dir)}))
            self.stack.callback(self.end, self.indexers[-1])
            queue = f"autopkgtest-indexer.autopkgtest-web-{len(self.indexers) - 1}"
            wait_for("the indexer", lambda: self.broker.is_bound("testcomplete.fanout", queue) and self.broker.is_bound("autopkgtest.events", "autopkgtest-github"))
            wait_for("the broker", lambda: json.loads(server.request("GET", "/healthz")[2])["checks"]["broker"] == "ok")

    @staticmethod
    def end(indexer: subprocess.Popen[bytes]) -> None:
        indexer.kill()
        indexer.wait()

    def pull(self, server: WebServer, sha: str, number: int) -> dict[str, Any]:
        """A webhook at this server; gives what was queued."""
        body = pull_request(f"{self.github.url}/repos/systemd/systemd/statuses/{sha}", number=number)
        query = urllib.parse.urlencode({"package": "systemd-upstream", "release": "noble", "arch": "amd64", "ppa": "upstream-ci/systemd"})
        status = server.request("POST", f"/request.cgi?{query}", body, {"X-GitHub-Event": "pull_request"} | signature(SECRET, body))[0]
        self.assertEqual(status, 202)
        found: list[str] = []
        wait_for("the request", lambda: found or found.extend(self.broker.take(QUEUE)) or found)
        return json.loads(found[0].split("\n", 1)[1])

    def complete(self, params: dict[str, Any], exitcode: int, day: int) -> None:
        self.broker.publish(json.dumps(completion(params, exitcode, day)), exchange="testcomplete.fanout")

    def told(self, count: int) -> list[tuple[str, str]]:
        wait_for(f"{count} statuses", lambda: len(self.github.told) >= count)
        time.sleep(0.5)  # nothing comes behind them
        return [(path.rsplit("/", 1)[1], body["state"]) for path, _, body in self.github.told]

    def test_each_status_is_told_once_and_a_unit_that_dies_takes_none_with_it(self) -> None:
        params = self.pull(self.servers[1], "one", 1)
        self.assertEqual(self.told(1), [("one", "pending")])
        self.complete(params, 0, 1)
        self.assertEqual(self.told(2), [("one", "pending"), ("one", "success")])
        # The first unit was the first to ask: it tells, and has just been answered with an error when it dies.
        self.github.answers = [(500, {})]
        self.github.told.clear()
        params = self.pull(self.servers[1], "two", 2)
        self.assertEqual(self.told(1), [("two", "pending")])
        self.end(self.indexers[0])
        self.servers[0].stop(signal.SIGKILL)
        self.assertEqual(self.told(2), [("two", "pending")] * 2)
        self.complete(params, 4, 2)
        self.assertEqual(self.told(3)[2:], [("two", "failure")])


if __name__ == "__main__":
    counted.main()
