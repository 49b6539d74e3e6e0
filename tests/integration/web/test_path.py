#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-only
"""A site whose public address has a path: every link of every page leads below it, and there is something behind each."""
from __future__ import annotations

import re
import subprocess
import sys
import unittest
from html import unescape
from pathlib import Path
from urllib.parse import quote, urljoin, urlsplit

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "support")]
import counted  # noqa: E402  (the path comes first)
from samples import RUN, fill_database, fill_store, message  # noqa: E402
from webserver import ROOT, WebServer, build_dir  # noqa: E402

BASE = "/model-tests"
SITE = "https://proxy.example" + BASE
HTML = {"Accept": "text/html"}
LINK = re.compile(r'\b(?:href|action|src)="([^"]*)"')
# What needs a broker, a login, or a POST says so.
ELSEWHERE = {503: ("/queues", "/request"), 404: ("/private-results",), 405: ("/request.cgi", "/logout"), 303: ("/login",)}


def setUpModule() -> None:
    targets = [str(build_dir() / "bin/autopkgtest-web"), str(build_dir() / "tests/bench/fill_results")]
    subprocess.run(["make", "--no-print-directory", "-s", "-C", str(ROOT), f"BUILD={build_dir()}", *targets], check=True)


class BelowAPath(unittest.TestCase):
    server: WebServer

    @classmethod
    def setUpClass(cls) -> None:
        cls.server = WebServer({"authorization": "launchpad", "login-url": "https://login.example/+openid", "public-url": SITE})
        cls.server.start()
        fill_database(cls.server, [message("gzip", "noble", "amd64", RUN, 4, requester="me")])
        fill_store(cls.server)

    @classmethod
    def tearDownClass(cls) -> None:
        cls.server.__exit__()

    def check(self, path: str, status: int) -> None:
        if status not in (200, 301):
            places = tuple(BASE + p for p in ELSEWHERE.get(status, ()))
            self.assertTrue(places and path.startswith(places), f"{path} answers {status}")

    def test_every_link_leads_below_the_path(self) -> None:
        ahead, seen = [BASE + "/"], set()
        while ahead:
            path = ahead.pop()
            if path in seen or "/many/file-" in path:
                continue
            seen.add(path)
            status, headers, body = self.server.request("GET", path, None, HTML)
            self.check(path, status)
            if location := headers.get("location"):
                self.assertTrue(location.startswith((BASE + "/", "https://login.example/")), (path, location))
            if not headers.get("content-type", "").startswith("text/html"):
                continue
            for link in map(unescape, LINK.findall(body.decode())):
                where = urlsplit(urljoin("https://proxy.example" + path, link))
                if where.scheme not in ("http", "https"):
                    continue
                self.assertEqual(where.netloc, "proxy.example", (path, link))
                self.assertTrue(where.path.startswith(BASE + "/"), (path, link))
                ahead.append(where.path + (f"?{where.query}" if where.query else ""))
        for page in ("/packages/gzip", f"/packages/gzip/noble/amd64/{quote(RUN)}/log", "/static/style.css", "/statistics", "/recent"):
            self.assertTrue(any(path.startswith(BASE + page) for path in seen), page)

    def test_a_proxy_that_takes_the_path_away_gets_the_same(self) -> None:
        for page in ("/", "/packages/gzip", "/statistics"):
            answers = [self.server.request("GET", prefix + page, None, HTML)[::2] for prefix in (BASE, "")]
            bodies = [(status, re.sub(rb"for [0-9hms ]+ now", b"for long now", body)) for status, body in answers]  # since when the broker is away
            self.assertEqual(bodies[0], bodies[1], page)
        self.assertEqual(self.server.request("GET", BASE, None, HTML)[0], 200)
        self.assertEqual(self.server.request("GET", BASE + "x", None, HTML)[0], 404)

    def test_logins_and_feeds_are_of_the_path(self) -> None:
        _, headers, _ = self.server.request("GET", f"{BASE}/login?next=/recent", None, HTML)
        self.assertIn(f"; Path={BASE}/;", headers["set-cookie"])
        self.assertIn("https%3A%2F%2Fproxy.example%2Fmodel-tests%2Flogin%2Freturn", headers["location"])
        feed = self.server.request("GET", f"{BASE}/packages/gzip/feed.atom")[2].decode()
        links = re.findall(r'href="([^"]*)"', feed)
        self.assertTrue(links)
        for link in links:
            self.assertTrue(link.startswith(SITE + "/"), link)

    def test_forms_are_posted_below_the_path(self) -> None:
        """As a browser does, through a proxy that keeps the path and through one that takes it away; not from another site."""
        own = HTML | {"Origin": "https://proxy.example", "Sec-Fetch-Site": "same-origin", "Host": "10.0.0.9:8080",
                      "Content-Type": "application/x-www-form-urlencoded"}
        strange = own | {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
        form = b"release=noble&arch=amd64&package=gzip&trigger=gzip%2F1"
        for prefix in (BASE, ""):
            with self.subTest(prefix=prefix):
                status, headers, _ = self.server.request("POST", prefix + "/logout", b"", own)
                self.assertEqual((status, headers["location"]), (303, BASE + "/"))
                self.assertRegex(headers["set-cookie"], rf"^session=; Path={BASE}/; Max-Age=0;")
                status, headers, _ = self.server.request("POST", prefix + "/logout", b"", strange)
                self.assertEqual((status, headers["location"], headers.get("set-cookie")), (303, BASE + "/", None))
                status, headers, body = self.server.request("POST", prefix + "/request.cgi", form, strange)
                self.assertEqual(status, 403)
                self.assertIn(b"another site", body)
                status, headers, body = self.server.request("POST", prefix + "/request.cgi", form, own)
                self.assertEqual(status, 401, body)  # who asks has to log in first
                self.assertIn(f'href="{BASE}/login'.encode(), body)


if __name__ == "__main__":
    counted.main()
