#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-only
"""/api/v1 against its OpenAPI document, with a real broker and the real indexer: every answer that is given here fits the document."""
from __future__ import annotations

import base64
import contextlib
import json
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path
from typing import Any

import jsonschema

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "support")]
import counted  # noqa: E402  (the path comes first)
from broker import Broker  # noqa: E402
from samples import fill_database, message, run_of_day  # noqa: E402
from waiting import WAIT_S, wait_for  # noqa: E402
from webserver import ROOT, WebServer, build_dir  # noqa: E402

KEYS = ("RABBIT_HOST", "RABBIT_PORT", "RABBIT_USER", "RABBIT_PASSWORD", "RABBIT_VHOST")
HTML = {"Accept": "text/html"}
ONE = {"package": "gzip", "release": "noble", "arch": "amd64", "trigger": "gzip/1"}
DOCUMENT = json.loads((ROOT / "static/openapi.json").read_text())


def setUpModule() -> None:
    targets = [str(build_dir() / name) for name in ("bin/autopkgtest-web", "bin/autopkgtest-indexer", "bin/autopkgtest-cloud", "tests/bench/fill_results")]
    subprocess.run(["make", "--no-print-directory", "-s", "-C", str(ROOT), f"BUILD={build_dir()}", *targets], check=True)


def documented(method: str, path: str) -> dict[str, Any]:
    """The operation of the document that this address belongs to."""
    for pattern, operations in DOCUMENT["paths"].items():
        if re.fullmatch(re.sub(r"\{[a-z]+\}", "[^/]+", pattern), path.split("?")[0]) and method.lower() in operations:
            return operations[method.lower()]
    raise AssertionError(f"{method} {path} is not in the document")


def resolved(node: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in node:
        target: Any = DOCUMENT
        for part in node["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        node = target
    return node


def check(schema: dict[str, Any], value: Any) -> None:
    jsonschema.Draft202012Validator({**schema, "components": DOCUMENT["components"]}).validate(value)


class Api(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.tmp = tempfile.TemporaryDirectory(prefix="web-api-")
        cls.broker = Broker(Path(cls.tmp.name))
        cls.broker.start()
        for queue in ("debci-noble-arm64", "debci-huge-noble-arm64"):
            cls.broker.declare_queue(queue)
        keys = Path(cls.tmp.name) / "keys.json"
        keys.write_text(json.dumps({"gater": "the-key", "other": "another"}))
        cls.server = WebServer({"api-keys-file": str(keys), "architectures": "amd64 arm64", "releases": "noble jammy",
                                "authorization": "api-key"}, {key: cls.broker.settings[key] for key in KEYS})
        cls.server.start()
        cls.indexer = subprocess.Popen([build_dir() / "bin/autopkgtest-indexer"], stderr=subprocess.DEVNULL,
                                       env={"AUTOPKGTEST_CLOUD_CONFIG": str(cls.server.dir)})
        cls.server.wait_for_broker()
        wait_for("the indexer", lambda: cls.broker.is_bound("autopkgtest.events"))

    @classmethod
    def tearDownClass(cls) -> None:
        cls.indexer.kill()
        cls.indexer.wait()
        cls.server.__exit__()
        cls.broker.rig("destroy")
        cls.tmp.cleanup()

    def call(self, method: str, path: str, body: Any = None, status: int = 200, **headers: str) -> Any:
        """Checks the answer, and what was sent where it is accepted, against the document."""
        operation = documented(method, path)
        sent = None if body is None else body.encode() if isinstance(body, str) else json.dumps(body).encode()
        fields = {"X-Api-Key": "gater:the-key"} | {name.replace("_", "-"): value for name, value in headers.items()}
        fields = {name: value for name, value in fields.items() if value}
        got, self.headers, text = self.server.request(method, path, sent, fields)
        self.assertEqual(got, status, text)
        response = resolved(operation["responses"][str(status)])
        if "content" not in response:
            self.assertEqual(text, b"")
            return None
        value = json.loads(text)
        check(response["content"]["application/json"]["schema"], value)
        if sent and status < 400:
            check(operation["requestBody"]["content"]["application/json"]["schema"], body)
        return value

    def take(self, queue: str, count: int = 0) -> list[dict[str, Any]]:
        """So many, or what there is."""
        return [json.loads(text.split("\n", 1)[1]) for text in (self.broker.take_all(queue, count) if count else self.broker.take(queue))]

    def test_a_request_is_taken_back_by_whom_it_is_of(self) -> None:
        order = ONE | {"package": "cancelme"}
        (one,) = self.call("POST", "/api/v1/requests", order, 202)["requests"]
        path = f"/api/v1/requests/{one['uuid']}"
        self.state_of(one["uuid"], "queued")
        self.call("DELETE", path, status=401, X_Api_Key="")
        refused = self.call("DELETE", path, status=409, X_Api_Key="other:another")
        self.assertIn("neither waits nor runs, or is not a request of this requester", refused["error"])
        self.assertEqual(self.call("DELETE", path), {"uuid": one["uuid"], "state": "cancelled"})
        self.assertEqual(self.take("debci-noble-amd64"), [])
        history = self.state_of(one["uuid"], "cancelled")["history"]
        self.assertEqual(history[-1]["reason"], "gater cancelled it")
        self.assertIn("it is too late", self.call("DELETE", path, status=409)["error"])
        self.call("DELETE", "/api/v1/requests/nonsense", status=404)
        (again,) = self.call("POST", "/api/v1/requests", order, 202)["requests"]
        self.assertNotEqual(again["uuid"], one["uuid"])
        self.take("debci-noble-amd64")

    def test_a_request_is_taken_back_while_the_programs_are_replaced(self) -> None:
        """By a service that runs on, as it was."""
        with WebServer(self.server.settings, {key: self.broker.settings[key] for key in KEYS}) as server:
            server.stop()
            for name in ("autopkgtest-web", "autopkgtest-cloud"):
                shutil.copy(build_dir() / "bin" / name, server.dir / name)
            server.program = server.dir / "autopkgtest-web"
            server.start()
            server.program.unlink()
            server.wait_for_broker()
            headers = {"X-Api-Key": "gater:the-key"}
            status, _, body = server.request("POST", "/api/v1/requests", json.dumps(ONE | {"package": "replaced"}).encode(), headers)
            self.assertEqual(status, 202, body)
            path = f"/api/v1/requests/{json.loads(body)['requests'][0]['uuid']}"
            self.assertEqual(server.request("DELETE", path, None, headers)[0], 200)
        self.assertEqual(self.take("debci-noble-amd64"), [])

    def test_the_document_is_served_and_names_every_address(self) -> None:
        self.assertEqual(json.loads(self.server.request("GET", "/api/v1/openapi.json")[2]), DOCUMENT)
        routes = set(re.findall(r'"(/api/v1/[^"]+)"', (ROOT / "services/web/routes.c").read_text())) - {"/api/v1/openapi.json"}
        self.assertEqual(routes, set(DOCUMENT["paths"]))

    def test_a_request_is_followed_from_queue_to_result(self) -> None:
        (one,) = self.call("POST", "/api/v1/requests", ONE, 202)["requests"]
        uuid = one["uuid"]
        self.assertEqual([(r["uuid"], r["requester"]) for r in self.take("debci-noble-amd64")], [(uuid, "gater")])
        self.state_of(uuid, "queued")
        event = {"uuid": uuid, "worker": "autopkgtest-cloud/0/local-amd64-1", "package": "gzip", "release": "noble", "architecture": "amd64"}
        run = run_of_day(0)
        for state, more in (("taken", {}), ("returned", {"reason": "the worker was stopped"}), ("taken", {}), ("running", {}),
                            ("waiting", {"reason": "the testbed failed"}), ("running", {"reason": "the next attempt"}),
                            ("storing", {}), ("done", {"container": "autopkgtest-noble", "run-id": run})):
            self.broker.publish(json.dumps(event | more | {"state": state, "time": int(time.time() * 1e6)}), exchange="autopkgtest.events")
            request = self.state_of(uuid, state)
        self.assertEqual([e["state"] for e in request["history"]],
                         ["queued", "taken", "returned", "taken", "running", "waiting", "running", "storing", "done"])
        self.assertEqual([request["history"][n]["reason"] for n in (2, 5)], ["the worker was stopped", "the testbed failed"])
        self.assertEqual(request["url"], f"/packages/gzip/noble/amd64/{run.replace('@', '%40')}")
        status, headers, _ = self.server.request("GET", f"/run/{uuid}")
        self.assertEqual((status, headers["location"]), (302, request["url"]))
        page = self.server.request("GET", f"/requests/{uuid}", None, HTML)
        self.assertEqual(page[0], 200)
        self.assertIn(b"the testbed failed", page[2])
        for event in request["history"]:
            self.assertIn(f'<time datetime="{event["time"]}">{event["time"].replace("T", " ").rstrip("Z")}</time>'.encode(), page[2])

    def state_of(self, uuid: str, state: str) -> Any:
        """Once the indexer has written that, who knows the package, too."""
        def there() -> Any:
            status, _, text = self.server.request("GET", f"/api/v1/requests/{uuid}")
            return status == 200 and json.loads(text)["state"] == state and json.loads(text).get("package")
        wait_for(f"the state {state}", there)
        return self.call("GET", f"/api/v1/requests/{uuid}")

    def test_a_request_is_known_before_the_indexer_has_heard_of_it(self) -> None:
        self.indexer.send_signal(signal.SIGSTOP)
        try:
            (one,) = self.call("POST", "/api/v1/requests", ONE | {"package": "unheard"}, 202)["requests"]
            request = self.call("GET", f"/api/v1/requests/{one['uuid']}")
            self.assertEqual((request["state"], [event["state"] for event in request["history"]]), ("queued", ["queued"]))
            self.assertEqual(self.server.request("GET", f"/requests/{one['uuid']}", None, HTML)[0], 200)
        finally:
            self.indexer.send_signal(signal.SIGCONT)
        wait_for("the indexer's word", lambda: self.call("GET", f"/api/v1/requests/{one['uuid']}").get("package") == "unheard")
        self.take("debci-noble-amd64")

    def test_unknown_requests_are_404(self) -> None:
        for uuid in ("00000000-0000-0000-0000-000000000000", "no-uuid"):
            self.call("GET", f"/api/v1/requests/{uuid}", status=404)
            self.assertEqual(self.server.request("GET", f"/requests/{uuid}", None, HTML)[0], 404)
            self.assertEqual(self.server.request("GET", f"/run/{uuid}")[0], 404)

    def test_a_batch_is_queued_whole_or_not_at_all(self) -> None:
        batch = [ONE | {"arch": ["amd64", "arm64"], "release": "jammy"}, ONE | {"package": "vim", "ppa": ["me/tools"], "release": "jammy"}]
        accepted = self.call("POST", "/api/v1/requests", batch, 202)["requests"]
        self.assertEqual([(r["package"], r["arch"]) for r in accepted], [("gzip", "amd64"), ("gzip", "arm64"), ("vim", "amd64")])
        self.assertEqual(len(self.take("debci-jammy-amd64") + self.take("debci-jammy-arm64") + self.take("debci-ppa-jammy-amd64")), 3)
        error = self.call("POST", "/api/v1/requests", [ONE | {"release": "jammy"}, ONE | {"trigger": "gzip"}], 400)["error"]
        self.assertTrue(error.startswith("request 2: trigger: "), error)
        self.assertEqual(self.take("debci-jammy-amd64"), [], "the first was queued all the same")

    def test_bad_requests_say_what_is_wrong(self) -> None:
        for body, status, text in (("", 400, "body"), ("{", 400, "body"), ([], 400, "expected 1 to 100 requests, got 0"),
                                   ([ONE] * 101, 400, "expected 1 to 100 requests, got 101"), ([1], 400, "expected an object, got a number"),
                                   (ONE | {"arch": 1}, 400, "arch: expected a string, got a number"), (ONE | {"testname": True}, 400, "testname: expected a string, got "),
                                   (ONE | {"release": ["noble"]}, 400, "release: expected a string, got "), (ONE | {"readable-by": False}, 400, "readable-by: expected a string, got "),
                                   (ONE | {"readable-by": ""}, 400, "readable-by: is empty"), (ONE | {"readable-by": []}, 400, "readable-by: is empty"),
                                   (ONE | {"readable-by": ","}, 400, "readable-by: expected a user or team"), (ONE | {"env": ";"}, 400, "env: expected VARIABLE=value"),
                                   (ONE | {"trigger": ["gzip/1"] * 600}, 413, "trigger: more than 512 values in all"),
                                   (ONE | {"token": "x"}, 400, "token: there is no such member"), (ONE | {"all-proposed": "yes"}, 400, "all-proposed: expected 1"),
                                   (ONE | {"arch": [None]}, 400, "arch: item 1: expected a string, got null"),
                                   (ONE | {"release": "odd"}, 404, "release"), (ONE | {"odd": "x"}, 400, "odd"),
                                   ({"package": "gzip"}, 400, "release")):
            error = self.call("POST", "/api/v1/requests", body, status)["error"]
            self.assertTrue(error.startswith(text), (body, error))
        self.call("POST", "/api/v1/requests", ONE, 401, X_Api_Key="")
        self.call("POST", "/api/v1/requests", ONE, 403, X_Api_Key="gater:wrong")
        self.call("POST", "/api/v1/requests", ONE, 403, Origin="https://evil.example")
        self.call("POST", "/api/v1/requests", ONE, 400, Idempotency_Key="x" * 201)
        self.assertEqual(self.take("debci-noble-amd64"), [])

    def test_a_key_makes_a_submission_once(self) -> None:
        batch = [ONE | {"package": "one"}, ONE | {"package": "two"}]
        first = self.call("POST", "/api/v1/requests", batch, 202, Idempotency_Key="run 17")
        self.assertEqual(self.call("POST", "/api/v1/requests", batch, 202, Idempotency_Key="run 17"), first)
        self.assertEqual([r["uuid"] for r in self.take("debci-noble-amd64")], [r["uuid"] for r in first["requests"]])
        self.state_of(first["requests"][0]["uuid"], "queued")
        self.server.stop()
        self.server.start()  # another process knows it by the database
        wait_for("the broker", lambda: json.loads(self.server.request("GET", "/healthz")[2])["checks"]["broker"] == "ok")
        self.assertEqual(self.call("POST", "/api/v1/requests", batch, 202, Idempotency_Key="run 17"), first)
        self.assertEqual(self.take("debci-noble-amd64"), [])
        other = self.call("POST", "/api/v1/requests", [ONE | {"package": "three"}, ONE | {"package": "four"}], 202,
                          Idempotency_Key="run 17", X_Api_Key="other:another")
        self.assertNotEqual(other, first, "another user's key is another key")
        self.assertEqual(len(self.take("debci-noble-amd64")), 2)

    def test_a_key_that_cannot_be_looked_up_is_not_taken(self) -> None:
        """While the database is locked nobody knows whether it was used: the same would be queued twice."""
        request = {**ONE, "package": "keyed-while-locked"}
        with WebServer(self.server.settings, {key: self.broker.settings[key] for key in KEYS}) as server:
            wait_for("the broker", lambda: json.loads(server.request("GET", "/healthz")[2])["checks"]["broker"] == "ok")
            fill_database(server, [])
            headers = {"X-Api-Key": "gater:the-key", "Content-Type": "application/json", "Idempotency-Key": "locked"}
            with contextlib.closing(sqlite3.connect(server.dir / "results.db", WAIT_S, isolation_level=None)) as db:
                db.execute("PRAGMA locking_mode = EXCLUSIVE")
                db.execute("BEGIN EXCLUSIVE")
                status, _, body = server.request("POST", "/api/v1/requests", json.dumps(request).encode(), headers)
                self.assertEqual((status, "cannot be read right now" in json.loads(body)["error"]), (503, True), body)
            wait_for("the database", lambda: server.request("POST", "/api/v1/requests", json.dumps(request).encode(), headers)[0] == 202)
            self.assertEqual(len(self.take("debci-noble-amd64", 1)), 1)

    def test_a_test_that_is_on_its_way_is_refused_until_it_is_done(self) -> None:
        order = ONE | {"package": "again", "arch": "arm64"}
        uuid = self.call("POST", "/api/v1/requests", order, 202)["requests"][0]["uuid"]
        self.state_of(uuid, "queued")
        self.server.stop()
        self.server.start()  # what it remembers itself is gone
        wait_for("the broker", lambda: json.loads(self.server.request("GET", "/healthz")[2])["checks"]["broker"] == "ok")
        error = self.call("POST", "/api/v1/requests", order, 403)["error"]
        self.assertEqual(error, f"the same test of again on noble arm64 is queued already: see /requests/{uuid}")
        for state in ("running", "done"):
            self.broker.publish(json.dumps({"uuid": uuid, "state": state, "time": int(time.time() * 1e6)}), exchange="autopkgtest.events")
            self.state_of(uuid, state)
            if state == "running":
                self.assertIn("is running already", self.call("POST", "/api/v1/requests", order, 403)["error"])
        again = self.call("POST", "/api/v1/requests", order, 202)["requests"][0]["uuid"]
        self.assertNotEqual(again, uuid)
        self.assertEqual(len(self.take("debci-noble-arm64")), 2)

    def test_what_somebody_else_has_put_into_a_queue_is_found_there(self) -> None:
        """As gating programs do, that speak to the broker; huge is for when there is nothing else to do."""
        request = json.dumps({"triggers": ["direct/1"], "submit-time": "2026-01-15 10:15:00+0000"})
        self.broker.publish(f"direct\n{request}", "debci-noble-arm64")
        self.broker.publish("direct\n" + request.replace("direct/1", "direct/2"), "debci-huge-noble-arm64")
        wait_for("the queue is seen", lambda: self.server.request("GET", "/queues.json")[2].count(b"direct") == 4)
        order = {"package": "direct", "release": "noble", "arch": "arm64", "trigger": "direct/1"}
        self.assertEqual(self.call("POST", "/api/v1/requests", order, 403)["error"], "the same test of direct on noble arm64 is queued already")
        for other in ({"trigger": "direct/2"}, {"trigger": "direct/3"}, {"env": "A_B=1"}, {"arch": "amd64"}):
            self.call("POST", "/api/v1/requests", order | other, 202)
        self.take("debci-noble-amd64", 1), self.take("debci-noble-arm64", 4), self.take("debci-huge-noble-arm64", 1)
        wait_for("the queue is seen to be empty", lambda: b"direct/1" not in self.server.request("GET", "/queues.json")[2])
        first = self.call("POST", "/api/v1/requests", order, 202)["requests"][0]["uuid"]
        self.state_of(first, "queued")
        self.broker.publish(json.dumps({"uuid": first, "state": "done", "time": int(time.time() * 1e6)}), exchange="autopkgtest.events")
        self.state_of(first, "done")
        wait_for("it is looked at", lambda: first.encode() in self.server.request("GET", "/queues.json")[2])
        second = self.call("POST", "/api/v1/requests", order, 202)["requests"][0]["uuid"]  # the queue is behind what is known
        self.assertIn("is queued already", self.call("POST", "/api/v1/requests", order, 403)["error"])  # though an older one is done
        self.assertEqual({request["uuid"] for request in self.take("debci-noble-arm64", 2)}, {first, second})

    def test_a_package_that_is_nowhere_is_404(self) -> None:
        """Where the archive's indices are read."""
        with WebServer(self.server.settings, {key: self.broker.settings[key] for key in KEYS}) as server:
            wait_for("the broker", lambda: json.loads(server.request("GET", "/healthz")[2])["checks"]["broker"] == "ok")
            fill_database(server, [message("tested", "jammy", "arm64", run_of_day(9), 0)])

            def ask(package: str, **more: Any) -> int:
                order = {"package": package, "release": "noble", "arch": "amd64", "trigger": "glibc/2.39"} | more
                status, _, body = server.request("POST", "/api/v1/requests", json.dumps(order).encode(), {"X-Api-Key": "gater:the-key"})
                if status == 404:
                    self.assertEqual(json.loads(body)["error"], f"package: {package} is not in noble, and has no results")
                return status

            self.assertEqual(ask("anything"), 202, "no index was read")
            with contextlib.closing(sqlite3.connect(server.dir / "results.db")) as db, db:
                db.execute("INSERT INTO current_version VALUES('noble', '', 'main', 'in-the-archive', '1')")
            self.assertEqual([ask(name) for name in ("typo", "in-the-archive", "tested")], [404, 202, 202])
            self.assertEqual(ask("typo", release="jammy"), 202, "no index was read of that one")
            self.assertEqual([ask("newcomer", **more) for more in ({"trigger": "newcomer/1"}, {"all-proposed": True}, {"ppa": "me/tools"}, {"trigger": "newcomer2/1"})],
                             [202, 202, 202, 404])
        for queue in ("debci-noble-amd64", "debci-jammy-amd64", "debci-ppa-noble-amd64"):
            self.take(queue)

    def test_names_of_packages_are_completed(self) -> None:
        for name in ("compl-a", "compl-b", "complete"):
            for arch in ("amd64", "arm64"):
                self.broker.publish(json.dumps(message(name, "noble", arch, run_of_day(5), 0)), exchange="testcomplete.fanout")
        # The last one, or it is a change of the next test.
        wait_for("the results", lambda: self.call("GET", "/api/v1/results?package=complete&release=noble&arch=arm64")["results"])
        self.assertEqual(self.call("GET", "/api/v1/packages?prefix=compl")["packages"], ["compl-a", "compl-b", "complete"])
        self.assertEqual(self.call("GET", "/api/v1/packages?prefix=complx")["packages"], [])

    def test_results_and_changes_go_on_behind_a_cursor(self) -> None:
        start = self.call("GET", "/api/v1/changes")
        self.assertEqual(start["results"], [])
        for day in (3, 2, 1):
            self.broker.publish(json.dumps(message("paged", "noble", "amd64", run_of_day(day), 4 if day == 2 else 0)), exchange="testcomplete.fanout")
        wait_for("the results", lambda: len(json.loads(self.server.request("GET", f"/api/v1/changes?cursor={start['cursor']}")[2])["results"]) == 3)
        changes = self.call("GET", f"/api/v1/changes?cursor={start['cursor']}&limit=2")
        self.assertEqual([r["run_id"] for r in changes["results"]], [run_of_day(3), run_of_day(2)])
        rest = self.call("GET", f"/api/v1/changes?cursor={changes['cursor']}")
        self.assertEqual([r["run_id"] for r in rest["results"]], [run_of_day(1)])
        self.assertNotIn("time_s", rest["results"][0])
        end = self.call("GET", f"/api/v1/changes?cursor={rest['cursor']}")
        self.assertEqual((end["results"], end["cursor"]), ([], rest["cursor"]))
        etag = self.headers["etag"]
        self.call("GET", f"/api/v1/changes?cursor={rest['cursor']}", status=304, If_None_Match=etag)
        path = "/api/v1/results?package=paged&release=noble&arch=amd64"
        page = self.call("GET", f"{path}&limit=2")
        self.assertEqual([r["verdict"] for r in page["results"]], ["pass", "fail"])
        last = self.call("GET", f"{path}&limit=2&cursor={page['cursor']}")
        self.assertEqual([r["verdict"] for r in last["results"]], ["pass"])
        self.assertNotIn("cursor", last)
        self.assertEqual([r["run_id"] for r in self.call("GET", f"{path}&verdict=fail")["results"]], [run_of_day(2)])
        self.assertEqual(self.call("GET", f"{path}&requester=nobody-else")["results"], [])
        self.call("GET", path, status=304, If_None_Match="*")
        newest = self.call("GET", "/api/v1/results?limit=1")
        self.assertEqual(self.call("GET", f"/api/v1/results?limit=1&cursor={newest['cursor']}")["results"][0]["run_id"], run_of_day(2))
        self.assertEqual(len(self.call("GET", "/api/v1/results?verdict=fail")["results"]), 1)
        test = self.call("GET", "/api/v1/tests/paged/noble/amd64")
        self.assertEqual((test["verdicts"], test["flips"], test["flaky"]), (["pass", "fail", "pass"], 2, False))
        self.call("GET", "/api/v1/tests/nothing/noble/amd64", status=404)
        for wrong in ("results?limit=0", "results?limit=1001", "results?package=gzip", "results?cursor=x", "changes?cursor=-1", "changes?cursor=", "results?verdict=odd",
                      "results?verdict=", "results?limit=", "results?cursor=", "results?package=paged&release=noble&arch=amd64&cursor=3"):
            self.call("GET", f"/api/v1/{wrong}", status=400)

    def test_z_without_a_broker_requests_are_503(self) -> None:
        self.broker.rig("kill")
        wait_for("the server to know", lambda: json.loads(self.server.request("GET", "/healthz")[2])["checks"]["broker"] != "ok")
        error = self.call("POST", "/api/v1/requests", ONE, 503)["error"]
        self.assertRegex(error, "^the broker is away, try again soon: it has not answered for [0-9]+")


class Units(unittest.TestCase):
    """Two units with the same results, which came in another order, and a client that a proxy sends to either."""

    def test_a_cursor_is_good_at_each_and_gives_each_change_once(self) -> None:
        now = int(time.time())
        rows = [message("followed", "noble", "amd64", time.strftime(f"%Y%m%d_%H%M%S_{n:05x}@", time.gmtime(now - 1200 + 10 * n)), 0) for n in range(60)]
        runs = [str(row["swift_dir"]).rsplit("/", 1)[1] for row in rows]
        given: list[str] = []
        with WebServer() as one, WebServer() as other:
            for server in (one, other):
                fill_database(server, rows[:10])
            cursor = json.loads(one.request("GET", "/api/v1/changes")[2])["cursor"]

            def ask(server: WebServer) -> int:
                nonlocal cursor
                answer = json.loads(server.request("GET", f"/api/v1/changes?limit=4&cursor={cursor}")[2])
                check(DOCUMENT["components"]["schemas"]["Results"], answer)
                self.assertLessEqual(len(answer["cursor"]), 2600)
                cursor = answer["cursor"]
                given.extend(result["run_id"] for result in answer["results"])
                return len(answer["results"])
            for start in range(10, 60, 10):
                fill_database(one, rows[start + 5:start + 10] + rows[start:start + 5])
                ask(one)
                ask(other)  # has nothing of these yet
                fill_database(other, rows[start:start + 10][::-1])
                for server in (other, one, other):
                    ask(server)
            self.assertEqual(ask(one) + ask(other), 0)
        self.assertEqual(sorted(given), runs[10:])
        self.assertEqual(len(set(given)), len(given))

    def test_results_that_come_meanwhile_move_no_page(self) -> None:
        rows = [message(f"p{n % 3}", "noble", "amd64", f"20260101_0000{n:02}_{n:05x}@", 0) for n in range(60)]
        with WebServer() as server:
            fill_database(server, rows[:40])
            seen, cursor = list[str](), ""
            for page in range(6):
                answer = json.loads(server.request("GET", f"/api/v1/results?limit=8{cursor}")[2])
                seen += [result["run_id"] for result in answer["results"]]
                fill_database(server, rows[40 + 4 * page:44 + 4 * page])
                if "cursor" not in answer:
                    break
                cursor = f"&cursor={answer['cursor']}"
            self.assertEqual((page, seen), (5, [str(row["swift_dir"]).rsplit("/", 1)[1] for row in rows[39::-1]]))

    def test_a_filter_leads_on_behind_what_it_has_looked_through(self) -> None:
        rows = [message("gzip", "noble", "amd64", f"2026{n // 1000 + 101:04}_{n % 1000 // 60:02}{n % 60:02}00_{n:05x}@", 4 if n in (3, 20_100) else 0) for n in range(20_101)]
        with WebServer() as server:
            fill_database(server, rows)
            pages, cursor = list[list[str]](), ""
            while not pages or cursor:
                answer = json.loads(server.request("GET", f"/api/v1/results?verdict=fail&limit=100{cursor}")[2])
                pages.append([result["run_id"][-6:] for result in answer["results"]])
                cursor = f"&cursor={answer['cursor']}" if "cursor" in answer else ""
            self.assertEqual(pages, [["04e84@"], ["00003@"]])

    def test_a_cursor_that_is_too_old_is_gone(self) -> None:
        with WebServer() as server:
            fill_database(server, [])
            old = base64.urlsafe_b64encode(b"\1" + (int(time.time()) - 31 * 86400).to_bytes(5, "big") + bytes(6)).decode()
            status, _, text = server.request("GET", f"/api/v1/changes?cursor={old}")
            self.assertEqual((status, json.loads(text)["error"]), (410, "cursor: changes are kept for 30 days: begin without one"))


if __name__ == "__main__":
    counted.main()
