#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-only
"""Pages, machine interfaces and requests for tests, against a real RabbitMQ."""
from __future__ import annotations

import gzip
import json
import socket
import subprocess
import sys
import time
import tempfile
import unittest
from pathlib import Path
from typing import Any, Callable

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "support")]
import counted  # noqa: E402  (the path comes first)
from broker import Broker  # noqa: E402
from samples import FOLDER, PASSED, RUN, fill_database, fill_store  # noqa: E402
from webserver import ROOT, WebServer, build_dir  # noqa: E402

HTML = {"Accept": "text/html"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
KEYS = ("RABBIT_HOST", "RABBIT_PORT", "RABBIT_USER", "RABBIT_PASSWORD", "RABBIT_VHOST")
LOG_PAGE = f"/packages/gzip/noble/amd64/{RUN}/log"


def setUpModule() -> None:
    targets = [str(build_dir() / "bin/autopkgtest-web"), str(build_dir() / "tests/bench/fill_results")]
    subprocess.run(["make", "--no-print-directory", "-s", "-C", str(ROOT), f"BUILD={build_dir()}", *targets], check=True)


def wait_for(ready: Callable[[], Any], seconds: float = 15) -> Any:
    end = time.monotonic() + seconds
    while not (value := ready()):
        if time.monotonic() > end:
            raise AssertionError("waited too long")
        time.sleep(0.05)
    return value


class PagesTest(unittest.TestCase):
    server: WebServer

    @classmethod
    def setUpClass(cls) -> None:
        cls.server = WebServer({"releases": "noble jammy", "architectures": "amd64 arm64"})
        cls.server.start()
        cls.empty = {p: cls.server.request("GET", p, None, HTML)
                     for p in ("/", "/recent", "/packages/gzip", "/packages/gzip/noble/amd64")}
        cls.empty_health = cls.server.request("GET", "/healthz")
        fill_database(cls.server)
        fill_store(cls.server)

    @classmethod
    def tearDownClass(cls) -> None:
        cls.server.__exit__()

    def page(self, path: str, status: int = 200, **headers: str) -> str:
        fields = HTML | {name.replace("_", "-"): value for name, value in headers.items()}
        got, _, body = self.server.request("GET", path, None, fields)
        self.assertEqual(got, status, path)
        return body.decode()

    def test_without_database_pages_say_so(self) -> None:
        for path, (status, _, body) in self.empty.items():
            self.assertEqual(status, 200, path)
            self.assertIn(b"No results so far", body, path)
        status, _, body = self.empty_health
        self.assertEqual(status, 503)
        self.assertIn("database", json.loads(body)["reason"])

    def test_damaged_database_is_no_500(self) -> None:
        with WebServer() as server:
            (server.dir / "results.db").write_bytes(b"this is no database" * 500)
            self.assertEqual(server.request("GET", "/", None, HTML)[0], 200)
            self.assertEqual(server.request("GET", "/healthz")[0], 503)

    def test_every_page_is_html_and_json(self) -> None:
        for path in ("/", "/recent", "/packages/gzip", "/packages/gzip/noble/amd64", "/request",
                     f"/packages/gzip/noble/amd64/{RUN}", LOG_PAGE, f"/results/autopkgtest-noble/{FOLDER}/"):
            text = self.page(path)
            self.assertTrue(text.startswith("<!DOCTYPE html>"), path)
            self.assertNotIn("{{", text)
            self.assertIn("title", json.loads(self.page(f"{path}?format=json")))
            _, headers, body = self.server.request("GET", path, None, {"Accept": "application/json"})
            self.assertEqual(headers["content-type"], "application/json")
            json.loads(body)

    def test_policy_is_strict(self) -> None:
        _, headers, body = self.server.request("GET", "/", None, HTML)
        self.assertIn("default-src 'none'", headers["content-security-policy"])
        self.assertNotIn("unsafe", headers["content-security-policy"])
        self.assertNotIn(b"style=", body)

    def test_behind_tls_browsers_are_told_to_stay_there(self) -> None:
        for _ in range(2):  # also of a page that was kept
            _, plain, _ = self.server.request("GET", "/recent", None, HTML)
            _, secure, _ = self.server.request("GET", "/recent", None, HTML | {"X-Forwarded-Proto": "https"})
            self.assertNotIn("strict-transport-security", plain)
            self.assertEqual(secure["strict-transport-security"], "max-age=31536000")

    def test_history_goes_on_behind_its_first_page(self) -> None:
        first = json.loads(self.page("/packages/gzip/noble/amd64?format=json"))
        self.assertEqual(len(first["results"]), 50)
        older = json.loads(self.page(f"/packages/gzip/noble/amd64?format=json&before={first['older']}"))
        self.assertEqual(len(older["results"]), 11)
        runs = [r["run_id"] for r in first["results"] + older["results"]]
        self.assertEqual(runs, sorted(runs, reverse=True))
        self.assertEqual(len(set(runs)), 61)

    def test_recent_is_filtered(self) -> None:
        rows = json.loads(self.page("/recent?format=json&release=jammy&verdict=fail"))["results"]
        self.assertTrue(rows)
        self.assertEqual({(r["release"], r["verdict"]) for r in rows}, {("jammy", "fail")})
        rows = json.loads(self.page("/recent?format=json&requester=someone"))["results"]
        self.assertEqual([r["package"] for r in rows], ["gzip"])
        self.page("/recent?limit=none", 400)

    def test_older_addresses_lead_to_the_new(self) -> None:
        for old, new in (("/packages/g/gzip", "/packages/gzip"),
                         ("/packages/libf/libfoo-perl", "/packages/libfoo-perl"),
                         ("/packages/g/gzip/noble/amd64", "/packages/gzip/noble/amd64")):
            status, headers, _ = self.server.request("GET", old)
            self.assertEqual((status, headers["location"]), (301, new))

    def test_an_alert_is_on_every_page(self) -> None:
        alert = self.server.dir / "alert.json"
        alert.write_text(json.dumps({"level": "warning", "message": "The store moves on <Friday>"}))
        for page in ("/?1", "/recent?1", "/no-such-page", LOG_PAGE):
            self.assertIn(b'<p class="alert warning" role="alert">The store moves on &lt;Friday&gt;</p>', self.server.request("GET", page, None, HTML)[2], page)
        for content in ("", "{", "[]", '{"level": "info"}'):
            alert.write_text(content)
            status, _, body = self.server.request("GET", "/recent?" + content.encode().hex(), None, HTML)
            self.assertEqual((status, b"role=\"alert\"" in body), (200, False))
        alert.unlink()

    def test_unknown_things_are_404(self) -> None:
        for path in ("/none", "/packages/unknown", "/packages/%3Cb%3E", "/packages/gzip/none/amd64", "/packages/x/gzip",
                     "/packages/gzip/noble/amd64/20200101_000000_00000@", "/results/none/x", "/static/none.css",
                     "/static/../web.conf", "/static/%2e%2e/web.conf", "/static//etc/passwd", "/static/"):
            self.assertEqual(self.server.request("GET", path, None, HTML)[0], 404, path)
        self.assertNotIn("<b>", self.page("/packages/%3Cb%3E", 404))

    def test_errors_are_pages_or_json(self) -> None:
        self.assertIn("<h1>", self.page("/none", 404))
        _, _, body = self.server.request("GET", "/none")
        self.assertEqual(list(json.loads(body)), ["error"])
        status, headers, _ = self.server.request("DELETE", "/")
        self.assertEqual((status, headers["allow"]), (405, "GET, HEAD"))

    def test_log_has_sections_and_anchors(self) -> None:
        text = self.page(LOG_PAGE)
        self.assertIn("&lt;b&gt;not bold&lt;/b&gt; &amp;", text)
        self.assertNotIn("\x1b", text)
        self.assertIn('<span id="L15"><a href="#L15"', text)
        self.assertIn('open><summary>test upstream: output', text)
        self.assertNotIn('open><summary>test simple-gzip', text)

    def test_large_log_is_streamed_in_bounded_memory(self) -> None:
        line = b"autopkgtest: a line of a log that goes on and on\n"
        with WebServer() as server:
            fill_store(server, gzip.compress(line * 2_000_000, 1))
            assert server.process
            status = Path(f"/proc/{server.process.pid}/status")

            def peak_kb() -> int:
                return int(next(t for t in status.read_text().splitlines() if t.startswith("VmHWM")).split()[1])

            before = peak_kb()
            _, _, body = server.request("GET", LOG_PAGE)
            self.assertIn(b'id="L2000000"', body)
            self.assertLess(peak_kb() - before, 12 * 1024)

    def test_log_of_usual_length_is_made_at_once_and_kept_for_a_second(self) -> None:
        lines = 4000
        with WebServer() as server:
            fill_store(server, gzip.compress(b"old\n" * lines))
            _, headers, old = server.request("GET", LOG_PAGE)
            self.assertEqual((int(headers["content-length"]), old.count(b"</a>old\n")), (len(old), lines))

            def kept(attempt: int) -> bool:
                time.sleep(1.1)  # whatever was kept before is forgotten
                before, after = (b"%d\n" % (2 * attempt + n) for n in range(2))
                fill_store(server, gzip.compress(before * lines))
                asked = time.monotonic()
                _, _, page = server.request("GET", LOG_PAGE)
                fill_store(server, gzip.compress(after * lines))
                known = server.request("GET", LOG_PAGE, None, {"Cookie": "somebody=1"})[2]
                self.assertEqual((page.count(b"</a>" + before), known.count(b"</a>" + after)), (lines, lines))
                return server.request("GET", LOG_PAGE)[2] == page and time.monotonic() - asked < 1

            self.assertTrue(any(map(kept, range(10, 20))), "no page was kept")

    def test_log_that_a_client_has_is_not_sent_again(self) -> None:
        with WebServer() as server:
            for lines in (10, 20_000):  # in one piece, and streamed
                fill_store(server, gzip.compress(b"line\n" * lines))
                own = {"Cookie": "somebody=1"}  # nothing is kept for this one
                _, headers, page = server.request("GET", LOG_PAGE, None, own)
                self.assertEqual((page.count(b"</a>line\n"), headers["cache-control"]), (lines, "no-cache"))
                status, again, nothing = server.request("GET", LOG_PAGE, None, own | {"If-None-Match": headers["etag"]})
                self.assertEqual((status, nothing, again["etag"]), (304, b"", headers["etag"]))
                for path, more in ((LOG_PAGE, {"If-None-Match": '"0000000000000000"'}), (f"{LOG_PAGE}?section=1", {"If-None-Match": headers["etag"]})):
                    self.assertEqual(server.request("GET", path, None, own | more)[0], 200)
                fill_store(server, gzip.compress(b"other\n" * lines))
                status, _, page = server.request("GET", LOG_PAGE, None, own | {"If-None-Match": headers["etag"]})
                self.assertEqual((status, page.count(b"</a>other\n")), (200, lines))

    def test_damaged_log_says_so(self) -> None:
        with WebServer() as server:
            fill_store(server, gzip.compress(b"line\n" * 10000)[:-20])
            self.assertIn(b"(the log is cut off here)", server.request("GET", LOG_PAGE)[2])
            time.sleep(1.1)  # that page is kept no longer
            fill_store(server, b"\x1f\x8b garbage")
            self.assertIn(b"(the rest of the log is damaged)", server.request("GET", LOG_PAGE)[2])

    def test_run_that_failed_tells_what_changed_since_the_last_pass(self) -> None:
        page = json.loads(self.server.request("GET", f"/packages/gzip/noble/amd64/{RUN}?format=json")[2])
        self.assertEqual((page["passed"], page["changed"]), (PASSED, 4))
        self.assertEqual(page["changes"], [
            {"package": "leaver", "before": "2", "removed": True},
            {"package": "libc6", "before": "2.39-0ubuntu7", "after": "2.39-0ubuntu8"},
            {"package": "newcomer", "after": "1", "added": True},
            {"package": "zlib1g", "before": "1.3", "after": "1.3.1"}])
        html = self.server.request("GET", f"/packages/gzip/noble/amd64/{RUN}", None, HTML)[2]
        self.assertIn(b"What changed since the last pass", html)
        passed = json.loads(self.server.request("GET", f"/packages/gzip/noble/amd64/{PASSED}?format=json")[2])
        self.assertNotIn("changes", passed, "its predecessor's files are not stored")

    def test_run_whose_files_are_gone_is_still_shown(self) -> None:
        rows = json.loads(self.page("/recent?format=json&release=jammy"))["results"]
        text = self.page(rows[0]["url"])
        self.assertIn(rows[0]["version"], text)
        self.page(rows[0]["log_url"], 404)

    def test_private_containers_are_not_shown(self) -> None:
        for path in ("", "/", "/secret"):
            self.page(f"/results/private-autopkgtest-noble{path}", 404)

    def test_results_are_the_stored_bytes(self) -> None:
        status, headers, _ = self.server.request("GET", f"/results/autopkgtest-noble/{FOLDER}/log.gz")
        self.assertEqual((status, headers["content-encoding"]), (200, "gzip"))
        self.assertIn("sandbox", headers["content-security-policy"])
        status, headers, _ = self.server.request("GET", "/results/autopkgtest-noble/noble")
        self.assertEqual((status, headers["location"]), (301, "/results/autopkgtest-noble/noble/"))

    def test_static_files_are_cached(self) -> None:
        status, headers, _ = self.server.request("GET", "/static/style.css?v=1")
        self.assertEqual((status, headers["content-type"]), (200, "text/css; charset=utf-8"))
        self.assertIn("immutable", headers["cache-control"])
        status, _, _ = self.server.request("GET", "/static/style.css", None, {"If-None-Match": headers["etag"]})
        self.assertEqual(status, 304)

    def test_health(self) -> None:
        status, _, body = self.server.request("GET", "/healthz")
        self.assertEqual((status, json.loads(body)["status"]), (200, "ok"))


class DeafBrokerTest(unittest.TestCase):
    """Pages come at once whatever the broker does or does not."""

    def slowest_answer(self, port: int, seconds: float) -> float:
        values = dict(zip(KEYS, ("127.0.0.1", str(port), "user", "password", "/")))
        slowest = 0.0
        with WebServer(broker=values) as server:
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                start = time.monotonic()
                self.assertEqual(server.request("GET", "/", None, HTML)[0], 200)
                slowest = max(slowest, time.monotonic() - start)
                time.sleep(0.01)
            wait_for(lambda: "it does not answer" in server.log())
        return slowest

    def test_broker_that_accepts_and_says_nothing(self) -> None:
        with socket.create_server(("127.0.0.1", 0), backlog=50) as deaf:
            self.assertLess(self.slowest_answer(deaf.getsockname()[1], 3), 1)

    def test_packets_that_vanish(self) -> None:
        with socket.create_server(("127.0.0.1", 0), backlog=0) as full, socket.socket() as first, socket.socket() as second:
            for caller in (first, second):  # one fills the backlog, what comes then is dropped
                caller.setblocking(False)
                caller.connect_ex(full.getsockname())
            self.assertLess(self.slowest_answer(full.getsockname()[1], 3), 1)


class RequestTest(unittest.TestCase):
    broker: Broker
    server: WebServer

    @classmethod
    def setUpClass(cls) -> None:
        cls.tmp = tempfile.TemporaryDirectory(prefix="web-broker-")
        cls.broker = Broker(Path(cls.tmp.name))
        cls.broker.start()
        credentials = {key: cls.broker.settings[key] for key in KEYS}
        keys = Path(cls.tmp.name) / "keys.json"
        keys.write_text(json.dumps({"gater": "the-key", "other": "x"}))
        cls.server = WebServer({"api-keys-file": str(keys), "architectures": "amd64 arm64"}, credentials)
        cls.server.start()
        cls.closed = WebServer({"api-keys-file": str(keys), "authorization": "api-key"}, credentials)
        cls.closed.start()
        for server in (cls.server, cls.closed):
            wait_for(lambda s=server: json.loads(s.request("GET", "/healthz")[2])["checks"]["broker"] == "ok")

    @classmethod
    def tearDownClass(cls) -> None:
        cls.server.__exit__()
        cls.closed.__exit__()
        cls.broker.rig("destroy")
        cls.tmp.cleanup()

    def take(self, queue: str) -> list[tuple[str, dict[str, Any]]]:
        got = self.broker.api("POST", f"/queues/%2F/{queue}/get",
                              {"count": 100, "ackmode": "ack_requeue_false", "encoding": "auto"})
        self.assertTrue(all(m["properties"].get("delivery_mode") == 2 for m in got))
        parts = [m["payload"].split("\n", 1) for m in got]
        return [(name, json.loads(params)) for name, params in parts]

    def ask(self, query: str, server: WebServer | None = None, **headers: str) -> tuple[int, Any]:
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        status, _, body = (server or self.server).request("GET", f"/request.cgi?{query}", None, fields)
        return status, json.loads(body)

    def test_request_is_queued_and_confirmed(self) -> None:
        status, answer = self.ask("release=noble&arch=amd64&package=gzip&trigger=gzip/1.12-1&trigger=glibc/2.39%2Bx")
        self.assertEqual(status, 200)
        self.assertTrue(answer["url"].endswith("/packages/gzip/noble/amd64"))
        [(name, params)] = self.take("debci-noble-amd64")
        self.assertEqual((name, params["triggers"]), ("gzip", ["gzip/1.12-1", "glibc/2.39+x"]))
        self.assertEqual(params["uuid"], answer["uuid"])
        self.assertIn("submit-time", params)
        queue = self.broker.api("GET", "/queues/%2F/debci-noble-amd64")
        self.assertEqual((queue["durable"], queue["auto_delete"], queue["arguments"]), (True, False, {}))

    def test_several_architectures_and_a_ppa(self) -> None:
        status, answer = self.ask("release=noble&arch=amd64&arch=arm64&package=gzip&ppa=me/ppa&env=A1=b;C2=d")
        self.assertEqual(status, 200)
        uuids = [r["uuid"] for r in answer["requests"]]
        self.assertEqual(len(set(uuids)), 2)
        found = [self.take(f"debci-ppa-noble-{arch}") for arch in ("amd64", "arm64")]
        self.assertEqual([f[0][1]["uuid"] for f in found], uuids)
        self.assertEqual((found[0][0][1]["ppas"], found[0][0][1]["env"]), (["me/ppa"], ["A1=b", "C2=d"]))

    def test_form_of_a_browser(self) -> None:
        body = b"package=gzip&release=noble&arch=amd64&trigger=gzip%2F2&ppa=&env=&testname="
        own = {"Origin": self.server.url, "Sec-Fetch-Site": "same-origin"} | FORM | HTML
        status, _, page = self.server.request("POST", "/request.cgi", body, own)
        self.assertEqual(status, 200)
        self.assertIn(b"<h1>Requested</h1>", page)
        self.assertEqual(len(self.take("debci-noble-amd64")), 1)
        for bad in ({"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}):
            status, _, _ = self.server.request("POST", "/request.cgi", body, own | bad)
            self.assertEqual(status, 403, bad)
        status, headers, _ = self.server.request("GET", "/request.cgi?package=gzip", None,
                                                 HTML | {"Sec-Fetch-Site": "cross-site"})
        self.assertEqual((status, headers["location"]), (303, "/request?package=gzip"))
        self.assertEqual(self.take("debci-noble-amd64"), [])

    def test_bad_requests_say_what_is_wrong(self) -> None:
        good = "release=noble&arch=amd64&package=gzip"
        for query, status, word in ((good, 400, "trigger"), (f"{good}&trigger=x", 400, "trigger"),
                                    ("release=noble&package=gzip&trigger=a/1", 400, "trigger"),
                                    ("release=noble&package=gzip&trigger=aa/1", 400, "arch"),
                                    ("release=none&arch=amd64&package=gzip&trigger=aa/1", 404, "release"),
                                    ("release=noble&arch=vax&package=gzip&trigger=aa/1", 404, "arch"),
                                    (f"{good}&trigger=aa/1&nonsense=1", 400, "nonsense"),
                                    (f"{good}&trigger=migration-reference/0&all-proposed=1", 400, "migration-reference"),
                                    (f"{good}&trigger=aa/1&all-proposed=yes", 400, "all-proposed"),
                                    (f"{good}&trigger=aa/%zz", 400, "parameters")):
            got, answer = self.ask(query)
            self.assertEqual(got, status, query)
            self.assertIn(word, answer["error"])

    def test_api_keys(self) -> None:
        query = "release=noble&arch=amd64&package=gzip&trigger=gzip/3."
        for number, (headers, status) in enumerate((({}, 401), ({"X-Api-Key": "gater:wrong"}, 403), ({"X-Api-Key": "gater:x"}, 403),
                                ({"X-Api-Key": "gater:"}, 403), ({"X-Api-Key": "gater:the-key"}, 200),
                                ({"Cookie": "X-Api-Key=gater:the-key"}, 200))):
            self.assertEqual(self.ask(f"{query}{number}", self.closed, **headers)[0], status, headers)
        self.assertEqual([p["requester"] for _, p in self.take("debci-noble-amd64")], ["gater"] * 2)

    def test_the_same_test_is_queued_once(self) -> None:
        query = "release=noble&arch=amd64&package=gzip&trigger=aa/1&trigger=bb/2"
        check = json.loads(self.server.request("GET", f"/request/check?{query}")[2])
        self.assertEqual([c["state"] for c in check["checks"]], ["new"])
        self.assertEqual(self.ask(query)[0], 200)
        check = json.loads(self.server.request("GET", f"/request/check?{query}")[2])
        self.assertEqual([c["state"] for c in check["checks"]], ["queued"])
        for same in (query, "release=noble&arch=amd64&package=gzip&trigger=bb/2&trigger=aa/1"):
            self.assertEqual(self.ask(same), (403, {"error": "the same test of gzip on noble amd64 is queued already"}))
        for other in (f"{query}&trigger=cc/3", f"{query}&env=AA=b", f"{query}&all-proposed=1", query.replace("gzip", "bash")):
            self.assertEqual(self.ask(other)[0], 200, other)
        self.assertEqual(len(self.take("debci-noble-amd64")), 5)
        status, _, page = self.server.request("POST", "/request.cgi", query.encode(), {"Origin": self.server.url} | FORM | HTML)
        self.assertEqual(status, 403)
        self.assertIn(b"is queued already", page)

    def test_queues_and_running(self) -> None:
        for number in range(3):
            self.ask(f"release=noble&arch=arm64&package=pkg{number}&trigger=gzip/1")
        queues = wait_for(lambda: (q := json.loads(self.server.request("GET", "/queues.json")[2]))
                          and q["ubuntu"]["noble"]["arm64"] and q)
        self.assertEqual([q.split("\n")[0] for q in queues["ubuntu"]["noble"]["arm64"]], ["pkg0", "pkg1", "pkg2"])
        self.assertEqual([n for n, _ in self.take("debci-noble-arm64")], ["pkg0", "pkg1", "pkg2"])
        status = {"release": "noble", "architecture": "amd64", "package": "gzip", "running": True,
                  "params": {"triggers": ["gzip/1", "b/2"], "all-proposed": "1"}, "duration": 5, "logtail": "tail"}
        self.announce(status)
        running = wait_for(lambda: json.loads(self.server.request("GET", "/running.json")[2]))
        [(key, where)] = running["gzip"].items()
        self.assertEqual(key, "all-proposed_1;triggers_['gzip/1', 'b/2'];")
        self.assertEqual(where["noble"]["amd64"], [status["params"], 5, "tail"])
        self.assertIn("gzip", json.dumps(json.loads(self.server.request("GET", "/?format=json")[2])["running"]))
        page = json.loads(self.server.request("GET", "/running?arch=amd64&format=json")[2])
        self.assertEqual(([t["package"] for t in page["running"]], page["running_total"]), (["gzip"], 1))
        self.assertEqual(json.loads(self.server.request("GET", "/running?from=1&format=json")[2])["running"], [])
        self.assertEqual(self.server.request("GET", "/running?from=x")[0], 400)
        self.announce(status | {"running": False})
        wait_for(lambda: json.loads(self.server.request("GET", "/running.json")[2]) == {})

    def test_running_is_kept_for_a_second_for_those_nobody_knows(self) -> None:
        status = {"release": "noble", "architecture": "amd64", "package": "kept", "running": True, "params": {},
                  "duration": 5, "logtail": ""}

        def is_running(headers: dict[str, str] | None = None) -> bool:
            return "kept" in json.loads(self.server.request("GET", "/running.json", None, headers)[2])

        def kept(_: int) -> bool:
            time.sleep(1.1)  # whatever was kept before is forgotten
            asked = time.monotonic()
            self.assertFalse(is_running())
            self.announce(status)
            wait_for(lambda: is_running({"Cookie": "somebody=1"}))
            old = not is_running()
            in_time = time.monotonic() - asked < 1
            wait_for(is_running)
            self.announce(status | {"running": False})
            wait_for(lambda: not is_running())
            return old and in_time

        self.assertTrue(any(map(kept, range(10))), "no answer was kept")

    def announce(self, status: dict[str, Any]) -> None:
        self.broker.api("POST", "/exchanges/%2F/teststatus.fanout/publish",
                        {"properties": {}, "routing_key": "", "payload": json.dumps(status), "payload_encoding": "string"})

    def test_z_broker_away_and_back(self) -> None:
        query = "release=noble&arch=amd64&package=gzip&trigger=gzip/1"
        self.broker.rig("kill")
        status, answer = wait_for(lambda: (a := self.ask(query))[0] == 503 and a)
        self.assertIn("broker", answer["error"])
        self.assertEqual(self.server.request("GET", "/", None, HTML)[0], 200)
        self.broker.start()
        wait_for(lambda: self.ask(query)[0] == 200, 60)


if __name__ == "__main__":
    counted.main()
