#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-only
"""Pages, machine interfaces and requests for tests, against a real RabbitMQ."""
from __future__ import annotations

import contextlib
import gzip
import html
import json
import re
import socket
import sqlite3
import subprocess
import sys
import time
import tempfile
import unittest
import urllib.parse
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "support")]
import counted  # noqa: E402  (the path comes first)
from broker import Broker  # noqa: E402
from gating import check_listings  # noqa: E402
from samples import FOLDER, PASSED, RUN, fill_database, fill_log, fill_store, message  # noqa: E402
from waiting import wait_for  # noqa: E402
from webserver import ROOT, WebServer, build_dir  # noqa: E402

ATTEMPTS = 60  # at what must happen within a second, which a busy machine may not allow at once
HTML = {"Accept": "text/html"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
KEYS = ("RABBIT_HOST", "RABBIT_PORT", "RABBIT_USER", "RABBIT_PASSWORD", "RABBIT_VHOST")
LOG_PAGE = f"/packages/gzip/noble/amd64/{RUN}/log"


def setUpModule() -> None:
    targets = [str(build_dir() / "bin/autopkgtest-web"), str(build_dir() / "tests/bench/fill_results")]
    subprocess.run(["make", "--no-print-directory", "-s", "-C", str(ROOT), f"BUILD={build_dir()}", *targets], check=True)


def form_fields(page: str) -> list[tuple[str, str]]:
    """What a browser sends of the form for requests as it is, but for empty fields."""
    inputs = re.findall(r'<input name="([^"]+)"(?:[^>]* value="([^"]*)")?', page)
    boxes = re.findall(r'<input type="checkbox" name="([^"]+)" value="([^"]*)" checked', page)
    menus = re.findall(r'<select name="([^"]+)"[^>]*>.*?<option selected>([^<]+)<', page)
    return [(name, html.unescape(value)) for name, value in inputs + boxes + menus if value]


class PagesTest(unittest.TestCase):
    server: WebServer

    @classmethod
    def setUpClass(cls) -> None:
        cls.server = WebServer({"releases": "noble jammy", "architectures": "amd64 arm64"})
        cls.server.start()
        cls.empty = {p: cls.server.request("GET", p, None, HTML | {"Cookie": "a=b"})  # of whom no page is kept
                     for p in ("/", "/recent", "/packages", "/packages/gzip", "/packages/gzip/noble/amd64")}
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

    def test_store_that_is_gone_is_not_one_without_results(self) -> None:
        pages = {LOG_PAGE: "the store of results is out of reach", f"/results/autopkgtest-noble/{FOLDER}/": "out of reach",
                 "/swift/v1/autopkgtest-noble": "out of reach", f"/swift/v1/autopkgtest-noble/{FOLDER}/log.gz": "out of reach"}
        with WebServer() as server:
            fill_database(server)
            fill_store(server)
            store = server.dir / "store"
            store.rename(server.dir / "elsewhere")
            for state in ("gone", "file"):
                if state == "file":
                    store.write_text("no folder")
                for path, words in pages.items():
                    status, _, body = server.request("GET", path, None, HTML)
                    self.assertEqual((status, words in body.decode()), (503, True), path)
                    self.assertRegex(body.decode(), r"try again later \(it has been for [0-9hms ]+\)", path)
                status, _, body = server.request("GET", f"/packages/gzip/noble/amd64/{RUN}?{state}", None, HTML)
                self.assertEqual((status, b"Log and files: the store of results is out of reach" in body), (200, True))
            status, _, body = server.request("PUT", "/swift/v1/autopkgtest-noble/x", b"x", {"X-Auth-Token": server.token()})
            self.assertEqual(status, 503)
            store.unlink()
            (server.dir / "elsewhere").rename(store)
            self.assertEqual(server.request("GET", LOG_PAGE + "?back", None, HTML)[0], 200)
            self.assertEqual(server.request("GET", "/results/autopkgtest-none/", None, HTML)[0], 404)

    def test_without_broker_pages_say_so(self) -> None:
        for path in ("/", "/running", "/queues", "/packages/gzip", "/packages/gzip/noble/amd64", "/user/someone"):
            self.assertRegex(self.page(path), r"broker is away, for [0-9hms ]+ now", path)
        status, _, body = self.server.request("GET", "/queues.json")
        self.assertEqual(status, 503)
        self.assertRegex(json.loads(body)["error"], "^the broker is away: it has not answered for [0-9hms ]+$", "nothing that is ours to know")

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

    def test_database_that_is_damaged_within_is_no_500(self) -> None:
        pages = ("/packages", "/recent", "/packages/gzip", "/packages/gzip/noble/amd64", f"/packages/gzip/noble/amd64/{RUN}", LOG_PAGE, "/regressions",
                 "/flaky", "/statistics", "/user/someone", "/user/someone/ppa/tools", "/")
        data = ("/api/experimental/recent.json", "/api/v1/results", "/api/v1/changes", "/api/v1/packages?prefix=g", "/api/v1/tests/gzip/noble/amd64",
                "/packages/gzip/feed.atom", "/requests/00000000-0000-4000-8000-000000000000")
        with WebServer() as server:
            fill_database(server)
            fill_store(server)
            database = server.dir / "results.db"
            server.stop()
            with contextlib.closing(sqlite3.connect(database)) as db:
                db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            whole = database.read_bytes()
            for number, path in enumerate(pages + data):
                database.write_bytes(whole[:3 * 4096] + bytes(255 - b for b in whole[3 * 4096:]))
                if number % 5 == 0:  # to some it is new
                    server.stop()
                    server.start()
                status, _, body = server.request("GET", path, None, HTML)
                self.assertEqual(status, 200 if path in pages else 503, (path, body))
                if path in pages and path != LOG_PAGE:
                    self.assertIn(b"cannot be read right now", body, path)
            self.assertIn(b"unknown", server.request("GET", "/packages/gzip/noble/amd64/badge.svg")[2])
            status, _, body = server.request("GET", "/healthz")
            self.assertEqual((status, "malformed" in json.loads(body)["reason"]), (503, True), body)
            self.assertIn("the database of results cannot be read", server.log())
            (server.dir / "restored").write_bytes(whole)
            (server.dir / "restored").rename(database)
            self.assertIn(b"1.12-1ubuntu5", server.request("GET", "/packages/gzip/noble/amd64?restored", None, HTML)[2])

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

    def test_data_of_a_page_is_one_click_away(self) -> None:
        def data_of(path: str) -> str:
            return html.unescape(re.findall(r'Every page is also <a href="([^"]+)"', self.page(path))[0])

        self.assertEqual(data_of("/recent"), "?format=json")
        path = data_of("/recent?release=jammy&verdict=fail&requester=%22%26&format=html")
        self.assertEqual(path, "?format=json&release=jammy&verdict=fail&requester=%22%26&format=html")
        self.assertEqual(json.loads(self.page("/recent" + path))["requester"], '"&')

    def test_older_results_are_one_click_away(self) -> None:
        def runs_page_by_page(path: str) -> list[tuple[str, ...]]:
            runs: list[tuple[str, ...]] = []
            address: str | None = path
            while address:
                page = self.page(address)
                data = json.loads(self.page(address + ("&" if "?" in address else "?") + "format=json"))
                runs += [(r["run_id"], r["package"], r["release"], r["verdict"]) for r in data["results"]]
                links = re.findall(r'rel="next" href="([^"]+)"', page)
                self.assertEqual(bool(links), "older" in data)
                address = path.split("?")[0] + html.unescape(links[0]) if links else None
            return runs

        every = runs_page_by_page("/recent?limit=1000")
        self.assertGreater(len(every), 80)
        self.assertEqual(runs_page_by_page("/recent?limit=30"), every)
        self.assertEqual(runs_page_by_page("/recent?limit=3&release=noble&verdict=fail"), [r for r in every if r[2:] == ("noble", "fail")])
        self.assertEqual(len(runs_page_by_page("/user/someone")), 1)
        self.page("/recent?before=yesterday", 400)

    def test_a_user_with_many_results_has_pages(self) -> None:
        rows = [message(f"p{number:03}", "noble", "amd64", f"20260101_000000_{number:05x}@", 0, requester="busy") for number in range(101)]
        with WebServer() as server:
            fill_database(server, rows)
            first = json.loads(server.request("GET", "/user/busy?format=json")[2])
            self.assertEqual((len(first["results"]), first["results"][0]["package"]), (100, "p100"))
            [link] = re.findall(rb'rel="next" href="([^"]+)">Older results', server.request("GET", "/user/busy", None, HTML)[2])
            rest = json.loads(server.request("GET", f"/user/busy{link.decode()}&format=json")[2])
            self.assertEqual([r["package"] for r in rest["results"]], ["p000"])

    def test_packages_are_found_by_how_they_begin(self) -> None:
        def names(query: str) -> list[str]:
            return [p["name"] for p in json.loads(self.page(f"/packages?format=json&{query}"))["packages"]]

        every = ["a-package-with-a-name-that-is-rather-long", "bash", "glibc", "gzip", "libfoo-perl", "r-cran-data.table", "systemd"]
        self.assertEqual(names(""), every)
        self.assertEqual(names("q=g"), ["glibc", "gzip"])
        self.assertEqual(names("q=%20GL%20"), ["glibc"])
        self.assertEqual(names("q=g&after=glibc"), ["gzip"])
        self.assertEqual(names("after=gzip"), every[4:])
        self.assertEqual(names("q=g&after=a"), ["glibc", "gzip"])
        self.assertEqual(json.loads(self.page("/packages?format=json"))["initials"], list("abglrs"))
        for whole in ("gzip", "+Gzip"):
            status, headers, _ = self.server.request("GET", f"/packages?q={whole}", None, HTML)
            self.assertEqual((status, headers["location"]), (303, "/packages/gzip"))
        self.assertIn("begins with “g&lt;”", self.page("/packages?q=g%3C"))
        self.page(f"/packages?q={'x' * 300}", 400)
        for path in ("/", "/no-such-page"):
            self.assertIn('action="/packages"', self.page(path, 404 if "such" in path else 200))

    def test_many_packages_are_paged(self) -> None:
        with WebServer() as server:
            fill_database(server, [message(f"p{number:03}", "noble", "amd64", RUN, 0) for number in range(301)])
            first = json.loads(server.request("GET", "/packages?format=json")[2])
            self.assertEqual((len(first["packages"]), first["after"]), (300, "p299"))
            self.assertIn(b'href="?q=p&amp;after=p299"', server.request("GET", "/packages?q=p", None, HTML)[2])
            rest = json.loads(server.request("GET", "/packages?format=json&after=p299")[2])
            self.assertEqual([p["name"] for p in rest["packages"]], ["p300"])
            self.assertNotIn("after", rest)

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
                fill_log(server, gzip.compress(before * lines))
                asked = time.monotonic()
                _, _, page = server.request("GET", LOG_PAGE)
                fill_log(server, gzip.compress(after * lines))
                known = server.request("GET", LOG_PAGE, None, {"Cookie": "somebody=1"})[2]
                self.assertEqual((page.count(b"</a>" + before), known.count(b"</a>" + after)), (lines, lines))
                return server.request("GET", LOG_PAGE)[2] == page and time.monotonic() - asked < 1

            self.assertTrue(any(map(kept, range(ATTEMPTS, 2 * ATTEMPTS))), "no page was kept")

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

    def test_log_without_artifacts_offers_none(self) -> None:
        with WebServer() as server:
            signed = {"X-Auth-Token": server.token()}
            server.request("PUT", "/swift/v1/autopkgtest-noble", None, signed | {"X-Container-Read": ".r:*,.rlistings"})
            for name, offered in (("log.gz", False), ("artifacts.tar.gz", True)):
                server.request("PUT", f"/swift/v1/autopkgtest-noble/{FOLDER}/{name}", gzip.compress(b"line\n"), signed)
                page = server.request("GET", f"{LOG_PAGE}?{name}", None, HTML)[2]
                self.assertEqual((b"Plain text</a>" in page, b">Artifacts</a>" in page), (True, offered))

    def test_denylisted_is_not_offered_once_more(self) -> None:
        for verdict, offered in (("denylisted", False), ("fail", True)):
            row = next(r for r in json.loads(self.page("/packages/gzip/noble/amd64?format=json"))["results"] if r["verdict"] == verdict)
            self.assertEqual(("retry_url" in row, "Test it again" in self.page(row["url"])), (offered, offered), verdict)

    def test_run_whose_files_are_gone_is_still_shown(self) -> None:
        rows = json.loads(self.page("/recent?format=json&release=jammy"))["results"]
        text = self.page(rows[0]["url"])
        self.assertIn(rows[0]["version"], text)
        self.page(rows[0]["log_url"], 404)

    def test_a_gating_program_lists_results(self) -> None:
        check_listings(self, self.server)
        self.assertEqual(self.server.request("GET", "/results/private-autopkgtest-noble?prefix=s")[0], 401)

    def test_private_containers_are_not_shown(self) -> None:
        for path in ("/", "/secret"):
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

    @staticmethod
    def callers(server: WebServer, port: int) -> set[str]:
        """The server's connections there, which may not be complete."""
        assert server.process
        found = subprocess.run(["ss", "-Htnp", f"dport = :{port}"], check=True, capture_output=True, text=True).stdout.splitlines()
        return {line.split()[3] for line in found if f",pid={server.process.pid}," in line}

    def pages_come_while_it_waits(self, port: int) -> None:
        values = dict(zip(KEYS, ("127.0.0.1", str(port), "user", "password", "/")))
        with WebServer(broker=values) as server:
            def comes() -> bool:
                before = self.callers(server, port)
                self.assertEqual(server.request("GET", "/", None, HTML)[0], 200)
                return bool(before & self.callers(server, port))

            for _ in range(20):
                wait_for("a page while the broker is waited for", comes)
            wait_for("the end of its patience", lambda: "it does not answer" in server.log())

    def test_broker_that_accepts_and_says_nothing(self) -> None:
        with socket.create_server(("127.0.0.1", 0), backlog=50) as deaf:
            self.pages_come_while_it_waits(deaf.getsockname()[1])

    def test_packets_that_vanish(self) -> None:
        with socket.create_server(("127.0.0.1", 0), backlog=0) as full, socket.socket() as first, socket.socket() as second:
            for caller in (first, second):  # one fills the backlog, what comes then is dropped
                caller.setblocking(False)
                caller.connect_ex(full.getsockname())
            self.pages_come_while_it_waits(full.getsockname()[1])


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
        cls.server = WebServer({"api-keys-file": str(keys), "architectures": "amd64 arm64 s390x"}, credentials)
        cls.server.start()
        cls.closed = WebServer({"api-keys-file": str(keys), "authorization": "api-key"}, credentials)
        cls.closed.start()
        for server in (cls.server, cls.closed):
            wait_for("the broker", lambda s=server: json.loads(s.request("GET", "/healthz")[2])["checks"]["broker"] == "ok")

    @classmethod
    def tearDownClass(cls) -> None:
        cls.server.__exit__()
        cls.closed.__exit__()
        cls.broker.rig("destroy")
        cls.tmp.cleanup()

    def take(self, queue: str, count: int = 0) -> list[tuple[str, dict[str, Any]]]:
        """So many, or what there is: who looks into the queue may just have some in hand, which come back."""
        got: list[dict[str, Any]] = []
        wait_for(f"{count} in {queue}", lambda: got.extend(self.broker.api("POST", f"/queues/%2F/{queue}/get", {
            "count": 100, "ackmode": "ack_requeue_false", "encoding": "auto"})) or len(got) >= count)
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
        [(name, params)] = self.take("debci-noble-amd64", 1)
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
        found = [self.take(f"debci-ppa-noble-{arch}", 1) for arch in ("amd64", "arm64")]
        self.assertEqual([f[0][1]["uuid"] for f in found], uuids)
        self.assertEqual((found[0][0][1]["ppas"], found[0][0][1]["env"]), (["me/ppa"], ["A1=b", "C2=d"]))

    def test_a_result_leads_to_its_request_once_more(self) -> None:
        run, triggers = "20260102_030405_00001@", ["bb/1.2+really1:3~x", "cc/4"]
        special = message("retried", "noble", "amd64", run, 4, triggers=" ".join(triggers), env="all-proposed=1,testname=smoke,AA=b c,DD=http://e/")
        passed = message("retried", "noble", "amd64", "20260101_030405_00001@", 0)
        for server in (self.server, self.closed):
            fill_database(server, [special, passed])
        history = self.server.request("GET", "/packages/retried/noble/amd64", None, HTML)[2].decode()
        [link] = re.findall(r'href="([^"]+)"[^>]*>retry</a>', history)
        self.assertIn(f'href="/results/autopkgtest-noble/noble/amd64/r/retried/{run}/artifacts.tar.gz/"', history)
        page = self.server.request("GET", f"/packages/retried/noble/amd64/{run}", None, HTML)[2].decode()
        self.assertIn(f'href="{link}"', page)
        self.assertNotIn("retry</a>", self.closed.request("GET", "/packages/retried/noble/amd64", None, HTML)[2].decode(), "for keys only")
        fields = form_fields(self.server.request("GET", html.unescape(link), None, HTML)[2].decode())
        body = urllib.parse.urlencode(fields).encode()
        self.assertEqual(self.server.request("POST", "/request.cgi", body, {"Origin": self.server.url} | FORM)[0], 200)
        [(name, params)] = self.take("debci-noble-amd64", 1)
        self.assertEqual((name, params["triggers"], params["env"], params["testname"]), ("retried", triggers, ["AA=b c", "DD=http://e/"], "smoke"))
        self.assertTrue(params["all-proposed"])

    def test_form_leaves_out_nothing_that_a_link_asks_for(self) -> None:
        query = [("package", "gzip"), ("release", "noble"), ("arch", "arm64"), ("trigger", "aa/1"), ("trigger", "bb/2"), ("ppa", "me/one"), ("ppa", "me/two"),
                 ("env", "AA=b"), ("testname", "x"), ("readable-by", "me, us"), ("build-git", "https://host/tree#main"), ("test-git", "https://host/other"),
                 ("all-proposed", "1")]
        page = self.server.request("GET", f"/request?{urllib.parse.urlencode(query)}", None, HTML)[2].decode()
        self.assertEqual(sorted(form_fields(page)), sorted(query))
        self.assertIn("<details open>", page)
        self.assertIn("<details>", self.server.request("GET", "/request?package=gzip&trigger=aa/1", None, HTML)[2].decode())

    def test_form_of_a_browser(self) -> None:
        body = b"package=gzip&release=noble&arch=amd64&trigger=gzip%2F2&ppa=&env=&testname="
        own = {"Origin": self.server.url, "Sec-Fetch-Site": "same-origin"} | FORM | HTML
        status, _, page = self.server.request("POST", "/request.cgi", body, own)
        self.assertEqual(status, 200)
        self.assertIn(b"<h1>Requested</h1>", page)
        self.assertEqual(len(self.take("debci-noble-amd64", 1)), 1)
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
        self.assertEqual([p["requester"] for _, p in self.take("debci-noble-amd64", 2)], ["gater"] * 2)

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
        self.assertEqual(len(self.take("debci-noble-amd64", 5)), 5)
        status, _, page = self.server.request("POST", "/request.cgi", query.encode(), {"Origin": self.server.url} | FORM | HTML)
        self.assertEqual(status, 403)
        self.assertIn(b"is queued already", page)

    def test_queues_and_running(self) -> None:
        for number in range(3):
            self.ask(f"release=noble&arch=arm64&package=pkg{number}&trigger=gzip/1")
        wait_for("the queues", lambda: (q := json.loads(self.server.request("GET", "/queues.json")[2]).get("ubuntu"))
                 and [text.split("\n")[0] for text in q["noble"]["arm64"]] == ["pkg0", "pkg1", "pkg2"])
        self.assertEqual({n for n, _ in self.take("debci-noble-arm64", 3)}, {"pkg0", "pkg1", "pkg2"})
        status = {"release": "noble", "architecture": "amd64", "package": "gzip", "running": True,
                  "params": {"triggers": ["gzip/1", "b/2"], "all-proposed": "1"}, "duration": 5, "logtail": "tail"}
        self.announce(status)
        running = wait_for("a running test", lambda: json.loads(self.server.request("GET", "/running.json")[2]))
        [(key, where)] = running["gzip"].items()
        self.assertEqual(key, "all-proposed_1;triggers_['gzip/1', 'b/2'];")
        self.assertEqual(where["noble"]["amd64"], [status["params"], 5, "tail"])
        self.assertIn("gzip", json.dumps(json.loads(self.server.request("GET", "/?format=json")[2])["running"]))
        page = json.loads(self.server.request("GET", "/running?arch=amd64&format=json")[2])
        self.assertEqual(([t["package"] for t in page["running"]], page["running_total"]), (["gzip"], 1))
        self.assertEqual(json.loads(self.server.request("GET", "/running?from=1&format=json")[2])["running"], [])
        self.assertEqual(self.server.request("GET", "/running?from=x")[0], 400)
        self.announce(status | {"running": False})
        wait_for("its end", lambda: json.loads(self.server.request("GET", "/running.json")[2]) == {})

    def test_a_package_shows_what_waits_for_it(self) -> None:
        for package, query in (("waiting-other", "trigger=aa/1"), ("waiting", "trigger=aa/1&trigger=bb/2"), ("waiting", "ppa=me/tools"),
                               ("waiting", "ppa=me:token@me/secrets")):
            self.assertEqual(self.ask(f"release=noble&arch=s390x&package={package}&{query}", X_Api_Key="gater:the-key")[0], 200)

        def shown(path: str) -> list[tuple[object, ...]]:
            data = json.loads(self.server.request("GET", f"{path}?format=json")[2])
            return [(q["context"], q["release"], q["arch"], q["position"], q["triggers"], q["ppas"]) for q in data.get("queued", [])]

        wanted = [("ubuntu", "noble", "s390x", 2, "aa/1 bb/2", ""), ("ppa", "noble", "s390x", 1, "", "me/tools")]
        wait_for("what waits", lambda: shown("/packages/waiting") == wanted)
        self.assertEqual(shown("/packages/waiting/noble/s390x"), wanted)
        self.assertEqual(shown("/packages/waiting/noble/amd64"), [])
        page = self.server.request("GET", "/packages/waiting", None, HTML)[2].decode()
        self.assertIn("<h2>Queued</h2>", page)
        self.assertNotIn("secrets", page)
        taken: list[tuple[str, dict[str, Any]]] = []  # (the server may just have some in hand)
        wait_for("all of them", lambda: taken.extend(self.take("debci-noble-s390x") + self.take("debci-ppa-noble-s390x")) or len(taken) == 4)

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
            wait_for("the test", lambda: is_running({"Cookie": "somebody=1"}))
            old = not is_running()
            in_time = time.monotonic() - asked < 1
            wait_for("it for everybody", is_running)
            self.announce(status | {"running": False})
            wait_for("its end", lambda: not is_running())
            return old and in_time

        self.assertTrue(any(map(kept, range(ATTEMPTS))), "no answer was kept")

    def announce(self, status: dict[str, Any]) -> None:
        self.broker.api("POST", "/exchanges/%2F/teststatus.fanout/publish",
                        {"properties": {}, "routing_key": "", "payload": json.dumps(status), "payload_encoding": "string"})

    def test_z_broker_away_and_back(self) -> None:
        query = "release=noble&arch=amd64&package=gzip&trigger=gzip/1"
        self.broker.rig("kill")
        status, answer = wait_for("the broker's absence", lambda: (a := self.ask(query))[0] == 503 and a)
        self.assertIn("broker", answer["error"])
        self.assertEqual(self.server.request("GET", "/", None, HTML)[0], 200)
        self.broker.start()
        wait_for("the broker", lambda: self.ask(query)[0] == 200)


if __name__ == "__main__":
    counted.main()
