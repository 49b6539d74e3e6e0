#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-only
"""Logging in with a real OpenID provider, and what those may who are logged in."""
from __future__ import annotations

import gzip
import html
import http.client
import json
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.parse
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "support")]
import counted  # noqa: E402  (the path comes first)
from broker import Broker  # noqa: E402
from launchpad import Launchpad  # noqa: E402
from openid_provider import OpenIdProvider  # noqa: E402
from samples import archive, fill_database  # noqa: E402
from waiting import WAIT_S, wait_for  # noqa: E402
from webserver import ROOT, WebServer, build_dir  # noqa: E402

KEYS = ("RABBIT_HOST", "RABBIT_PORT", "RABBIT_USER", "RABBIT_PASSWORD", "RABBIT_VHOST")
HTML = {"Accept": "text/html"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
ORDER = {"package": "gzip", "release": "noble", "arch": "amd64"}


def setUpModule() -> None:
    subprocess.run(["make", "--no-print-directory", "-s", "-C", str(ROOT), f"BUILD={build_dir()}", str(build_dir() / "bin/autopkgtest-web"),
                    str(build_dir() / "bin/autopkgtest-cloud"), str(build_dir() / "tests/bench/fill_results")], check=True)


class Visitor:
    """A browser's cookies, and one page after the other."""

    def __init__(self, server: WebServer, **headers: str) -> None:
        self.server, self.jar, self.headers = server, dict[str, str](), headers

    def go(self, path: str, form: dict[str, str] | None = None, **more: str) -> tuple[int, dict[str, str], str]:
        headers = HTML | self.headers | {name.replace("_", "-"): value for name, value in more.items()}
        if self.jar:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.jar.items())
        body = None if form is None else urllib.parse.urlencode(form).encode()
        connection_headers = headers | (FORM if form is not None else {})
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=WAIT_S)
        connection.request("GET" if form is None else "POST", path, body, connection_headers)
        answer = connection.getresponse()
        text = answer.read().decode()
        self.set_cookies = answer.headers.get_all("Set-Cookie") or []
        for cookie in self.set_cookies:
            name, value = cookie.split(";")[0].split("=", 1)
            if "Max-Age=0" in cookie:
                self.jar.pop(name, None)
            else:
                self.jar[name] = value
        connection.close()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, text

    def log_in(self, provider: OpenIdProvider, user: str, path: str = "/login") -> tuple[int, dict[str, str], str]:
        status, headers, text = self.go(path)
        assert status == 303, text
        return self.go(self.back(provider.log_in(headers["location"], user)))

    def log_out(self, **more: str) -> tuple[int, dict[str, str], str]:
        """By the button that every page has."""
        form = re.search(r'<form class="login" action="[^"]*/logout" method="post"><input type="hidden" name="logout-token" value="([^"]*)">', self.go("/")[2])
        return self.go("/logout", {"logout-token": form[1] if form else ""}, **more)

    @staticmethod
    def back(address: str) -> str:
        parts = urllib.parse.urlsplit(address)
        return f"{parts.path}?{parts.query}"


class Login(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.tmp = tempfile.TemporaryDirectory(prefix="web-login-")
        cls.provider = OpenIdProvider({"alice": ["testers", "others"], "bob": [], "carol": []})
        cls.provider.__enter__()
        cls.broker = Broker(Path(cls.tmp.name))
        cls.broker.start()
        cls.broker.declare_queue("debci-noble-amd64")
        keys = Path(cls.tmp.name) / "keys.json"
        keys.write_text(json.dumps({"gater": "the-key", "other": "another"}))
        cls.settings = {"api-keys-file": str(keys), "releases": "noble jammy", "authorization": "login", "login-url": cls.provider.url,
                        "allowed-requestors": "testers admins"}
        cls.server = WebServer(cls.settings, {key: cls.broker.settings[key] for key in KEYS})
        cls.server.start()
        wait_for("the broker", lambda: json.loads(cls.server.request("GET", "/healthz")[2])["checks"]["broker"] == "ok")

    @classmethod
    def tearDownClass(cls) -> None:
        cls.server.__exit__()
        cls.broker.rig("destroy")
        cls.provider.__exit__()
        cls.tmp.cleanup()

    def setUp(self) -> None:
        self.provider.broken = self.provider.refuses = False
        self.alice = Visitor(self.server)

    def answer_of(self, visitor: Visitor, user: str = "alice") -> dict[str, str]:
        """The parameters that the provider sends the browser back with."""
        status, headers, text = visitor.go("/login")
        self.assertEqual(status, 303, text)
        return dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(self.provider.log_in(headers["location"], user)).query))

    def come_back(self, visitor: Visitor, query: dict[str, str] | str) -> tuple[int, str]:
        text = query if isinstance(query, str) else urllib.parse.urlencode(query)
        status, _, page = visitor.go(f"/login/return?{text}")
        return status, page

    # ---- in and out

    def test_a_login_leads_back_to_where_it_began(self) -> None:
        status, headers, _ = self.alice.log_in(self.provider, "alice", "/login?next=/recent%3Frelease%3Dnoble")
        self.assertEqual((status, headers["location"]), (303, "/recent?release=noble"))
        session = next(c for c in self.alice.set_cookies if c.startswith("session="))
        self.assertRegex(session, r"; Path=/; Max-Age=43200; HttpOnly; SameSite=Lax$")
        page = self.alice.go("/recent")[2]
        self.assertIn('<a href="/user/alice/">alice</a>', page)
        self.assertNotIn("Log in", page)
        self.assertNotIn("login", self.alice.jar)

    def test_who_is_not_logged_in_is_shown_the_way(self) -> None:
        self.assertIn('<a class="login" href="/login?next=/recent%3Flimit%3D5">Log in</a>', self.alice.go("/recent?limit=5")[2].replace("&#x3D;", "="))
        self.assertIn("to request tests here", self.alice.go("/request")[2])

    def test_nobody_is_led_back_to_a_login(self) -> None:
        """A page about a login that failed must not lead to itself, link behind link."""
        status, page = self.come_back(self.alice, "state=nonsense")
        self.assertGreaterEqual(status, 400)
        self.assertIn('href="/login?next=/">Log in</a>', page.replace("&#x3D;", "="))
        for place in ("/login", "/login?next=/recent", "/login/return?state=x", "/logout"):
            _, headers, _ = Visitor(self.server).log_in(self.provider, "alice", "/login?next=" + urllib.parse.quote(place))
            self.assertEqual(headers["location"], "/", place)
        _, headers, _ = Visitor(self.server).log_in(self.provider, "alice", "/login?next=/loginless")
        self.assertEqual(headers["location"], "/loginless")

    def test_behind_tls_the_cookie_stays_there(self) -> None:
        visitor = Visitor(self.server, X_Forwarded_Proto="https")
        visitor.headers = {"X-Forwarded-Proto": "https", "Host": "tests.example.com"}
        status, headers, _ = visitor.go("/login")
        query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(headers["location"]).query))
        self.assertRegex(query["openid.return_to"], "^https://tests.example.com/login/return\\?state=[0-9a-f]{32}$")
        self.assertEqual(query["openid.realm"], "https://tests.example.com/")
        self.assertEqual(query["openid.lp.query_membership"], "testers,admins")
        self.assertTrue(all(c.endswith("; Secure") for c in visitor.set_cookies), visitor.set_cookies)

    def test_behind_an_ingress_the_public_address_counts(self) -> None:
        """Also when the proxy names the unit otherwise, and says nothing about TLS."""
        with WebServer(self.settings | {"public-url": "https://tests.example.com"}) as server:
            visitor = Visitor(server)
            status, headers, _ = visitor.log_in(self.provider, "alice", "/login?next=/recent")
            self.assertEqual((status, headers["location"]), (303, "/recent"))
            self.assertTrue(all(c.endswith("; Secure") for c in visitor.set_cookies), visitor.set_cookies)
            for path in ("/", "/static/style.css", "/queues.json", "/none", "/none?format=json"):
                self.assertEqual(visitor.go(path)[1]["strict-transport-security"], "max-age=31536000", path)
            own, other = {"Origin": "https://tests.example.com"}, {"Origin": "https://evil.example"}
            visitor.log_out(**other)
            self.assertIn("session", visitor.jar)
            self.assertEqual(visitor.log_out(**own)[0], 303)
            self.assertNotIn("session", visitor.jar)
            address = urllib.parse.urlsplit(Visitor(server).go("/login")[1]["location"])
            self.assertTrue(dict(urllib.parse.parse_qsl(address.query))["openid.return_to"].startswith("https://tests.example.com/login/return?"))

    def test_logging_out_ends_it_but_no_other_site_may(self) -> None:
        self.alice.log_in(self.provider, "alice")
        self.assertEqual(self.alice.log_out(Sec_Fetch_Site="cross-site")[0], 303)
        self.assertIn("session", self.alice.jar)
        cookies = dict(self.alice.jar)
        self.assertIn("Log out", self.alice.go("/")[2])
        other = Visitor(self.server)
        other.log_in(self.provider, "alice")
        self.assertEqual(self.alice.log_out()[0], 303)
        self.assertNotIn("session", self.alice.jar)
        self.assertIn("Log in", self.alice.go("/")[2])
        self.alice.jar = cookies  # a copy is worth nothing, also after the settings were read again
        self.server.reload()
        self.assertIn("Log in", self.alice.go("/")[2])
        self.assertIn("Log out", other.go("/")[2])

    def test_only_a_form_of_ones_own_session_logs_out(self) -> None:
        """Whatever a browser says, or does not say, of where it has the form from."""
        self.alice.log_in(self.provider, "alice")
        other = Visitor(self.server)
        other.log_in(self.provider, "alice")
        theirs = re.search(r'name="logout-token" value="([^"]*)"', other.go("/")[2])
        requests = self.token(self.alice)
        for token in (None, "", "x", requests, theirs[1] if theirs else "y"):
            with self.subTest(token):
                status, _, page = self.alice.go("/logout", {} if token is None else {"logout-token": token})
                self.assertEqual(status, 403)
                self.assertIn("the form is not of this login", page)
                self.assertIn("session", self.alice.jar)
        page = self.alice.go("/recent")[2]
        own = re.search(r'name="logout-token" value="([^"]*)"', page)
        self.assertNotIn(requests, page, "a page without forms for requests has their token")
        self.assertEqual(self.request_form(self.alice, "tar", token=own[1])[0], 403)
        self.assertEqual(self.alice.go("/logout", {"logout-token": own[1]})[0], 303)
        self.assertNotIn("session", self.alice.jar)

    def test_a_link_to_log_out_asks_first(self) -> None:
        self.assertEqual(self.alice.go("/logout")[0], 303, "nobody is logged in")
        self.alice.log_in(self.provider, "alice")
        status, headers, page = self.alice.go("/logout")
        self.assertEqual((status, headers["cache-control"]), (200, "no-store"))
        self.assertIn("session", self.alice.jar)
        self.assertIn("Log out", self.alice.go("/")[2])
        token = re.search(r'<form class="request" action="/logout" method="post">\s*<input type="hidden" name="logout-token" value="([^"]*)">', page)
        self.assertEqual(self.alice.go("/logout", {"logout-token": token[1]})[0], 303)
        self.assertNotIn("session", self.alice.jar)

    def test_pages_of_one_are_not_kept_for_another(self) -> None:
        self.alice.log_in(self.provider, "alice")
        for _ in range(2):
            self.assertIn("alice", self.alice.go("/recent")[2])
            status, headers, page = Visitor(self.server).go("/recent")
            self.assertNotIn("alice", page)
            self.assertIn("Cookie", headers["vary"])

    def test_only_places_of_ours_are_led_back_to(self) -> None:
        for place in ("//evil.example", "https://evil.example", "/\\evil.example", "x", "/a%0d%0aSet-Cookie:x=1", "/" + "a" * 2000):
            with self.subTest(place):
                self.assertEqual(Visitor(self.server).log_in(self.provider, "alice", f"/login?next={place}")[1]["location"], "/")

    def test_a_second_login_is_none(self) -> None:
        self.alice.log_in(self.provider, "alice")
        self.assertEqual(self.alice.go("/login?next=/queues")[1]["location"], "/queues")

    # ---- what is no login

    def test_a_cancelled_login_says_so(self) -> None:
        status, page = self.come_back(self.alice, self.answer_of(self.alice, "nobody"))
        self.assertEqual(status, 403)
        self.assertIn("the login was cancelled", page)

    def test_a_changed_answer_is_refused(self) -> None:
        changes = {
            "openid.sreg.nickname": "root", "openid.return_to": "http://other/", "openid.op_endpoint": "http://other/",
            "openid.response_nonce": "2001-01-01T00:00:00Zx", "openid.sig": "AAAA", "openid.signed": "return_to", "openid.ns": "http://openid.net/signon/1.1",
            "openid.mode": "id_req", "openid.identity": "http://other/", "openid.lp.is_member": "admins", "openid.ns.sreg": "http://other",
        }
        for name, value in changes.items():
            with self.subTest(name):
                visitor = Visitor(self.server)
                status, page = self.come_back(visitor, self.answer_of(visitor) | {name: value})
                self.assertEqual(status, 403, page)
                self.assertNotIn("session", visitor.jar)

    def test_a_field_that_is_not_signed_does_not_count(self) -> None:
        for field in ("sreg.nickname", "ns.sreg", "response_nonce", "return_to", "op_endpoint", "claimed_id"):
            with self.subTest(field):
                visitor = Visitor(self.server)
                query = self.answer_of(visitor)
                query["openid.signed"] = ",".join(name for name in query["openid.signed"].split(",") if name != field)
                self.assertEqual(self.come_back(visitor, query)[0], 403)
        query = self.answer_of(self.alice)
        doubled = urllib.parse.urlencode(query) + "&openid.sreg.nickname=root"
        self.assertIn("a field is there twice", self.come_back(self.alice, doubled)[1])

    def test_an_answer_serves_once_and_only_where_it_was_asked_for(self) -> None:
        query = self.answer_of(self.alice)
        stranger = Visitor(self.server)
        self.assertEqual(self.come_back(stranger, query)[0], 400)
        stranger.go("/login")
        self.assertEqual(self.come_back(stranger, query)[0], 400)
        cookies = dict(self.alice.jar)
        self.assertEqual(self.come_back(self.alice, query)[0], 303)
        self.alice.jar = cookies
        self.assertEqual(self.come_back(self.alice, query)[0], 403)

    def test_a_provider_that_is_away_or_denies_lets_nobody_in(self) -> None:
        self.provider.refuses = True
        status, page = self.come_back(self.alice, self.answer_of(self.alice))
        self.assertEqual(status, 403)
        self.assertIn("does not confirm this login", page)
        self.provider.refuses, self.provider.broken = False, True
        status, page = self.come_back(self.alice, self.answer_of(self.alice))
        self.assertEqual(status, 503)
        self.assertIn("status 500", page)
        self.assertNotIn("session", self.alice.jar)

    def test_made_up_sessions_count_for_nothing(self) -> None:
        self.alice.log_in(self.provider, "alice")
        good = self.alice.jar["session"]
        flipped = good[:-1] + ("0" if good[-1] != "0" else "1")
        for value in ("", "x", flipped, good.replace("alice", "root"), ":".join(good.split(":")[:-1]), good + "0"):
            with self.subTest(value):
                self.alice.jar["session"] = value
                self.assertNotIn("Log out", self.alice.go("/queues")[2])

    def test_all_units_with_the_same_account_of_the_broker_know_a_login(self) -> None:
        account = {key: self.broker.settings[key] for key in KEYS}
        with WebServer(self.settings, account) as other, WebServer(self.settings) as alone:
            self.alice.log_in(self.provider, "alice")
            self.alice.server = alone
            self.assertNotIn("Log out", self.alice.go("/")[2])
            self.alice.server = other
            self.assertIn("Log out", self.alice.go("/")[2])
            other.reload()
            self.assertIn("Log out", self.alice.go("/")[2])
            other.broker = account | {"RABBIT_PASSWORD": "rotated"}
            other.configure()
            other.process.send_signal(signal.SIGHUP)
            wait_for("another key", lambda: "Log out" not in self.alice.go("/")[2])

    def test_the_key_that_units_share_outlives_another_account_of_the_broker(self) -> None:
        key = Path(self.tmp.name) / "session-key.json"
        key.write_text('{"key":"of all units"}')
        settings = self.settings | {"session-key-file": str(key)}
        with WebServer(settings) as one, WebServer(settings, {key: self.broker.settings[key] for key in KEYS}) as other:
            visitor = Visitor(one)
            visitor.log_in(self.provider, "alice")
            visitor.server = other
            self.assertIn("Log out", visitor.go("/")[2])
            visitor.server = self.server
            self.assertNotIn("Log out", visitor.go("/")[2])
            visitor.server = one
            key.write_text("damaged")
            one.process.send_signal(signal.SIGHUP)
            wait_for("the complaint", lambda: "session-key.json" in one.log())
            self.assertIn("Log out", visitor.go("/")[2])  # as it was
            self.assertNotIn("of all units", one.log())

    def test_without_logins_there_is_no_such_page(self) -> None:
        with WebServer({"authorization": "open"}) as other:
            visitor = Visitor(other)
            self.assertEqual(visitor.go("/login")[0], 404)
            self.assertEqual(visitor.go("/login/return")[0], 404)
            self.assertNotIn("Log in", visitor.go("/")[2])

    # ---- requests

    def token(self, visitor: Visitor) -> str:
        return re.search(r'name="token" value="([0-9a-f]{64})"', visitor.go("/request")[2])[1]

    def request_form(self, visitor: Visitor, package: str, **more: str) -> tuple[int, dict[str, str], str]:
        return visitor.go("/request.cgi", ORDER | {"package": package, "trigger": f"{package}/1"} | more)

    def test_a_request_is_sent_in_the_name_of_who_is_logged_in(self) -> None:
        self.alice.log_in(self.provider, "alice")
        status, _, page = self.request_form(self.alice, "gzip", token=self.token(self.alice))
        self.assertEqual(status, 200, page)
        self.assertIn('"requester":"alice"', self.broker.take("debci-noble-amd64")[0])

    def test_an_answer_with_a_token_is_not_compressed_nor_kept(self) -> None:
        with WebServer(self.settings, {key: self.broker.settings[key] for key in KEYS}) as server:
            fill_database(server)
            wait_for("the broker", lambda: json.loads(server.request("GET", "/healthz")[2])["checks"]["broker"] == "ok")
            self.addCleanup(self.broker.take, "debci-noble-amd64")
            alice = Visitor(server)
            alice.log_in(self.provider, "alice")
            token = self.token(alice)
            status, _, page = self.request_form(alice, "zstd", token=token)
            self.assertEqual(status, 200, page)
            address = re.search(r'"(/requests/[0-9a-f-]{36})"', page)[1]
            asked = HTML | {"Cookie": f"session={alice.jar['session']}", "Accept-Encoding": "gzip"}
            for path, has_token in (("/request?package=reflected", True), (address, True), ("/", False), ("/nothing?package=reflected", False)):
                status, headers, body = server.request("GET", path, None, asked)
                self.assertEqual(status, 404 if "nothing" in path else 200, path)
                self.assertEqual(headers.get("content-encoding"), None if has_token else "gzip", path)
                self.assertEqual(token.encode() in (body if has_token else gzip.decompress(body)), has_token, path)
                self.assertEqual(headers["cache-control"], "no-store, no-transform" if has_token else "private, no-cache", path)
                self.assertIn("Cookie", headers["vary"])

    def test_a_form_of_another_login_is_refused(self) -> None:
        bob = Visitor(self.server)
        bob.log_in(self.provider, "bob")
        self.alice.log_in(self.provider, "alice")
        for token in (self.token(bob), "", "x"):
            status, _, page = self.request_form(self.alice, "bzip2", token=token)
            self.assertEqual(status, 403, page)
            self.assertIn("not of this login", page)
        self.assertEqual(self.broker.take("debci-noble-amd64"), [])

    def test_a_link_leads_to_the_form_and_before_that_to_the_login(self) -> None:
        link = "/request.cgi?" + urllib.parse.urlencode(ORDER | {"trigger": "gzip/1"})
        status, headers, _ = self.alice.go(link)
        self.assertEqual(status, 303)
        self.assertTrue(headers["location"].startswith("/login?next=/request%3Fpackage%3Dgzip"), headers["location"])
        status, headers, _ = self.alice.log_in(self.provider, "alice", headers["location"])
        self.assertEqual(headers["location"], link.replace("request.cgi", "request"))
        self.assertEqual(self.alice.go(link)[1]["location"], link.replace("request.cgi", "request"))
        self.assertIn('value="gzip/1"', self.alice.go(headers["location"])[2])

    def test_ones_own_request_is_taken_back_on_its_page(self) -> None:
        self.alice.log_in(self.provider, "alice")
        status, _, page = self.request_form(self.alice, "tar", token=self.token(self.alice))
        uuid = re.search(r"[0-9a-f]{8}-[0-9a-f-]{27}", page)[0]
        cancel = f"/requests/{uuid}/cancel"
        self.assertEqual(self.alice.go(cancel, {"token": "x"})[0], 403)
        bob = Visitor(self.server)
        bob.log_in(self.provider, "bob")
        self.assertEqual(bob.go(cancel, {"token": self.token(bob)})[0], 409)
        status, headers, page = self.alice.go(cancel, {"token": self.token(self.alice)})
        self.assertEqual((status, headers.get("location")), (303, f"/requests/{uuid}"), page)
        self.assertEqual(self.broker.take("debci-noble-amd64"), [])

    def test_programs_use_keys_and_are_told_so(self) -> None:
        query = "/request.cgi?" + urllib.parse.urlencode(ORDER | {"package": "xz-utils", "trigger": "xz-utils/1"})
        status, _, text = self.server.request("GET", query)
        self.assertEqual(status, 401)
        self.assertIn("X-Api-Key", json.loads(text)["error"])
        self.assertEqual(self.server.request("GET", query, headers={"X-Api-Key": "gater:the-key"})[0], 200)
        self.assertIn('"requester":"gater"', self.broker.take("debci-noble-amd64")[0])

    def with_key(self, key: str, address: str) -> int:
        """The status: a key that is right gets to the release, which is none."""
        query = "/request.cgi?" + urllib.parse.urlencode(ORDER | {"release": "unknown", "trigger": "gzip/1"})
        headers = {"X-Api-Key": key} | ({"X-Forwarded-For": address} if address else {})
        status, self.headers, self.text = self.server.request("GET", query, headers=headers)
        return status

    def guess(self, address: str) -> None:
        """Until no more is taken."""
        wait_for("the limit of wrong keys", lambda: self.with_key("gater:guess", address) == 429)

    def test_wrong_keys_are_not_tried_for_ever(self) -> None:
        self.assertEqual([self.with_key(f"gater:guess-{n}", "192.0.2.50") for n in range(10)], [403] * 10)
        self.guess("192.0.2.50")
        self.assertRegex(json.loads(self.text)["error"], "^too many wrong API keys for one user from one address: try again in [1-6] s$")
        self.assertRegex(self.headers["retry-after"], "^[1-6]$")
        self.assertNotIn("guess", self.server.log())
        for n in range(51, 60):  # or else one would go on guessing; once more where a moment has let it in
            self.guess(f"192.0.2.{n}")
            if self.with_key("gater:the-key", f"192.0.2.{n}") == 429:
                return
        self.fail("a right key is told from a wrong one")

    def test_who_has_a_right_key_is_not_kept_from_using_it(self) -> None:
        """Neither where it was used before, nor by another name there, nor at another address; nor on the unit itself."""
        shared = "192.0.2.80"
        self.assertEqual(self.with_key("gater:the-key", shared), 404)
        self.guess(shared)
        self.assertEqual({self.with_key("gater:the-key", shared) for _ in range(30)}, {404})
        self.assertEqual({self.with_key("other:another", shared) for _ in range(30)}, {404})
        self.assertEqual(self.with_key("gater:the-key", "192.0.2.81"), 404)
        self.assertEqual({self.with_key("gater:guess", "") for _ in range(12)}, {403})
        self.assertEqual(self.with_key("gater:the-key", ""), 404)

    # ---- too much at once

    def statuses(self, path: str, n: int, **headers: str) -> list[int]:
        """Of several requests, none of which is answered with a page that was just made."""
        return [self.server.request("GET", f"{path}{'&' if '?' in path else '?'}n={time.monotonic_ns()}", headers={name.replace("_", "-"): value for name, value in headers.items()})[0] for _ in range(n)]

    def at_once(self, path: str, n: int, name: Callable[[int], str], more: str = "") -> list[tuple[int, bytes]]:
        """The statuses and the whole answers to so many requests of who is called name(0), name(1), …, all of which the server has before it answers the
        first: a busy machine gives it no time between them, in which more would be allowed."""
        requests = "".join(f"GET {path}{'&' if '?' in path else '?'}n={time.monotonic_ns()}-{i} HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: {name(i)}\r\n{more}"
                           f"Connection: {'close' if i == n - 1 else 'keep-alive'}\r\n\r\n" for i in range(n))
        with socket.create_connection(("127.0.0.1", self.server.port), WAIT_S) as s:
            s.sendall(requests.encode())
            text = b"".join(iter(lambda: s.recv(65536), b""))
        answers = re.split(rb"(?=HTTP/1\.1 \d{3} )", text)[1:]
        self.assertEqual(len(answers), n)
        return [(int(answer[9:12]), answer) for answer in answers]

    def limited(self, path: str, name: Callable[[int], str] | None = None, more: str = "", **headers: str) -> list[tuple[int, bytes]]:
        """Such answers, the last of which refuses another one."""
        more += "".join(f"{header.replace('_', '-')}: {value}\r\n" for header, value in headers.items() if header != "X_Forwarded_For")
        who = name or (lambda _: headers["X_Forwarded_For"])
        answers: list[tuple[int, bytes]] = []
        wait_for("a limit", lambda: answers.extend(self.at_once(path, 30, who, more)) or 429 in [status for status, _ in answers])
        return answers[:[status for status, _ in answers].index(429) + 1]

    def test_crawlers_are_slowed_down_on_pages_only(self) -> None:
        crawler = {"User_Agent": "SomeBot/1.0", "X_Forwarded_For": "192.0.2.1"}
        *got, _ = self.limited("/queues", **crawler)
        self.assertEqual([status for status, _ in got][:10], [200] * 10)
        for path in ("/queues.json", "/running.json", "/static/style.css", "/api/v1/openapi.json"):
            self.assertEqual(set(self.statuses(path, 3, **crawler)), {200}, path)
        self.assertEqual(set(self.statuses("/queues", 12, User_Agent="SomeBot/1.0", X_Forwarded_For="192.0.2.2")[:10]), {200})
        self.assertEqual(set(self.statuses("/queues", 20, User_Agent="Firefox", X_Forwarded_For="192.0.2.1")), {200})

    def test_a_client_is_told_when_to_come_back(self) -> None:
        def last_ones() -> list[bytes]:
            """Those which are refused of the last, after as many as one may have who says something else before its address."""
            answers = self.at_once("/queues?format=json", 260, lambda n: "203.0.113.7, 198.51.100.1" if n < 250 else "198.51.100.1")
            self.assertEqual({status for status, _ in answers}, {200, 429})
            return [answer for status, answer in answers[250:] if status == 429]
        refused = wait_for("too many of one address", last_ones)[0]
        self.assertRegex(refused, b"(?i)\r\nretry-after: 1\r\n")
        self.assertIn(b'"too many pages from one address: try again in 1 s"', refused)
        self.assertEqual(set(self.statuses("/queues", 300)), {200})  # the machine itself

    def test_a_proxys_own_header_counts_not_one_that_the_client_has_sent(self) -> None:
        # A crawler that calls itself by another name each time.
        *got, _ = self.limited("/queues", lambda n: f"203.0.113.{n}", "X-Forwarded-For: 198.51.100.44\r\n", User_Agent="SomeBot/1.0")
        self.assertEqual([status for status, _ in got][:10], [200] * 10)

    def test_no_client_has_more_by_changing_its_address(self) -> None:
        """Of IPv6 each has a network; and what a client has made of the header does not make it the machine itself."""
        for forwarded in (lambda n: f"2001:db8:7:1::{n:x}", lambda n: f"203.0.113.{n},"):
            *got, _ = self.limited("/queues", forwarded, User_Agent="SomeBot/1.0")
            self.assertEqual([status for status, _ in got][:10], [200] * 10, forwarded(0))
        self.assertEqual(self.statuses("/queues", 1, User_Agent="SomeBot/1.0", X_Forwarded_For="2001:db8:7:2::1"), [200])

    def test_logins_are_no_pages(self) -> None:
        """Who has read many may log in, and a login takes nothing from them; but nobody has logins looked at without end."""
        reader = {"User_Agent": "SomeBot/1.0", "X_Forwarded_For": "192.0.2.60"}
        self.limited("/queues", **reader)
        self.assertEqual(self.statuses("/login", 1, **reader), [303])
        *got, _ = self.limited("/login/return", **reader)
        self.assertEqual([status for status, _ in got][:10], [400] * 10)
        crawler = {"User_Agent": "SomeBot/1.0", "X_Forwarded_For": "192.0.2.61"}
        self.assertEqual(self.statuses("/login/return", 9, **crawler), [400] * 9)
        self.assertEqual(self.statuses("/queues", 10, **crawler), [200] * 10)

    def test_logins_and_requests_are_counted(self) -> None:
        *logins, _ = self.limited("/login", X_Forwarded_For="192.0.2.9")
        self.assertEqual([status for status, _ in logins][:10], [303] * 10)
        bob = Visitor(self.server)
        bob.log_in(self.provider, "bob")
        token, got = self.token(bob), list[int]()
        wait_for("the limit of requests", lambda: got.append(self.request_form(bob, "dash", token=token, release="unknown")[0]) or got[-1] != 404)
        self.assertEqual(got[-1], 429)
        self.assertGreaterEqual(len(got), 51)

    def test_limits_are_the_settings_and_change_while_it_runs(self) -> None:
        def set_limits(pages: int, requests: int) -> None:
            self.server.settings |= {"page-rate-limit": str(pages), "request-rate-limit": str(requests)}
            self.server.configure()
            self.server.reload()
        crawler = {"User_Agent": "SomeBot/1.0", "X_Forwarded_For": "192.0.2.31"}
        self.addCleanup(set_limits, 20, 30)
        set_limits(0, 0)
        self.assertEqual(set(self.statuses("/queues", 50, **crawler)), {200})
        self.assertEqual(set(self.statuses("/queues", 250, X_Forwarded_For="192.0.2.32")), {200})
        set_limits(1, 1)
        self.limited("/queues", X_Forwarded_For="192.0.2.33")
        carol = Visitor(self.server)
        carol.log_in(self.provider, "carol")
        token = self.token(carol)
        self.assertEqual([self.request_form(carol, "dash", token=token, release="unknown")[0] for _ in range(2)], [404, 429])

    # ---- private results

    FOLDER = "noble/amd64/g/gzip/20260115_101500_abcde@"

    def put(self, name: str, body: bytes, container: str = "private-autopkgtest-noble-me-tools") -> None:
        headers = {"X-Auth-Token": self.server.token()}
        self.server.request("PUT", f"/swift/v1/{container}", headers=headers | {"X-Container-Read": "*:me"})
        self.assertEqual(self.server.request("PUT", f"/swift/v1/{container}/{name}", body, headers)[0], 201)

    def test_private_results_are_for_those_who_are_named(self) -> None:
        self.put(f"{self.FOLDER}/log.gz", b"what nobody else may see")
        self.put(f"{self.FOLDER}/readable-by", b"alice\nothers-team")
        path = f"/private-results/private-autopkgtest-noble-me-tools/{self.FOLDER}/"
        bob = Visitor(self.server)
        status, headers, _ = bob.go(path)
        self.assertEqual((status, headers["location"][:28]), (303, "/login?next=/private-results"))
        bob.log_in(self.provider, "bob", headers["location"])
        self.alice.log_in(self.provider, "alice")
        for name in ("", "log.gz", "no-such-file"):
            status, _, text = bob.go(path + name)
            self.assertEqual(status, 404)
            self.assertIn("there is no such result, or it is not for bob", text)
        status, headers, text = self.alice.go(path)
        self.assertEqual((status, headers["cache-control"]), (200, "no-store, no-transform"))
        self.assertIn("log.gz", text)
        self.assertNotIn("../", text)
        status, headers, text = self.alice.go(path + "log.gz")
        self.assertEqual((status, text, headers["cache-control"]), (200, "what nobody else may see", "no-store, no-transform"))
        self.put(f"{self.FOLDER}/artifacts.tar.gz", archive([("notes/secret", b"what nobody else may see")]))
        for name in ("artifacts.tar.gz/", "artifacts.tar.gz/notes/", "artifacts.tar.gz/notes/secret"):
            self.assertEqual(bob.go(path + name)[0], 404, name)
            self.assertEqual(Visitor(self.server).go(path + name)[0], 303, name)
            self.assertEqual(self.alice.go("/results" + path.removeprefix("/private-results") + name)[0], 404, name)
            status, headers, text = self.alice.go(path + name)
            self.assertEqual((status, headers["cache-control"]), (200, "no-store, no-transform"), name)
        self.assertEqual(text, "what nobody else may see")
        self.assertEqual(self.alice.go("/results" + path.removeprefix("/private-results"))[0], 404)
        self.assertEqual(Visitor(self.server).go(path + "?format=json")[0], 401)

    def test_a_team_that_is_named_may_read(self) -> None:
        self.put("noble/amd64/h/hello/1/readable-by", b"testers")
        self.put("noble/amd64/h/hello/1/log.gz", b"for testers")
        self.alice.log_in(self.provider, "alice")
        self.assertEqual(self.alice.go("/private-results/private-autopkgtest-noble-me-tools/noble/amd64/h/hello/1/log.gz")[2], "for testers")

    def test_what_names_nobody_or_is_public_or_above_a_run_is_not_shown(self) -> None:
        self.put("noble/amd64/n/nano/1/log.gz", b"x")
        self.put("noble/amd64/n/nano/2/readable-by", b"")
        self.put("noble/amd64/n/nano/2/log.gz", b"x")
        self.put("noble/amd64/v/vim/1/readable-by", b"alice", "autopkgtest-noble")
        self.alice.log_in(self.provider, "alice")
        for name in ("private-autopkgtest-noble-me-tools/noble/amd64/n/nano/1/log.gz", "private-autopkgtest-noble-me-tools/noble/amd64/n/nano/2/log.gz",
                     "private-autopkgtest-noble-me-tools/noble/amd64/", "private-autopkgtest-noble-me-tools/", "autopkgtest-noble/noble/amd64/v/vim/1/readable-by",
                     f"private-none/{self.FOLDER}/log.gz", "private-autopkgtest-noble-me-tools/noble/amd64/n/nano/../nano/2/log.gz"):
            self.assertEqual(self.alice.go(f"/private-results/{name}")[0], 404, name)

    def test_private_results_of_ones_own_are_listed(self) -> None:
        with WebServer(self.settings) as other:
            fill_database(other)
            with sqlite3.connect(other.dir / "results.db") as db:
                db.executemany("INSERT INTO special_result VALUES (?, 'noble', 'amd64', ?, '20260115_101500_abcde@', '1', '', 10, 0, ?, '')",
                               [("private-autopkgtest-noble", "secret-one", "alice"), ("private-autopkgtest-noble", "secret-two", "bob"),
                                ("autopkgtest-noble-me-x", "open-one", "alice")])
            alice = Visitor(other)
            alice.log_in(self.provider, "alice")
            _, headers, page = alice.go("/private-results", Accept_Encoding="gzip")
            self.assertEqual([headers["cache-control"], headers.get("content-encoding")], ["no-store, no-transform", None])
            self.assertIn("/private-results/private-autopkgtest-noble/noble/amd64/s/secret-one/20260115_101500_abcde%40/", page.replace("@", "%40"))
            self.assertNotIn("secret-two", page)
            self.assertNotIn("open-one", page)
            self.assertIn('href="/private-results"', alice.go("/user/alice")[2])
            self.assertNotIn('href="/private-results"', alice.go("/user/bob")[2])
            self.assertEqual(Visitor(other).go("/private-results")[0], 303)

    def test_older_private_results_are_on_the_next_page(self) -> None:
        with WebServer(self.settings) as other:
            fill_database(other)
            with sqlite3.connect(other.dir / "results.db") as db:
                db.executemany("INSERT INTO special_result VALUES ('private-autopkgtest-noble', 'noble', 'amd64', ?, ?, '1', '', 10, 0, ?, '')",
                               [(f"secret-{n}", f"20260115_{100000 + n}_abcde@", "bob" if n == 204 else "alice") for n in range(205)])
            alice, seen, path = Visitor(other), list[str](), "/private-results"
            alice.log_in(self.provider, "alice")
            for page in range(3):
                text = alice.go(path)[2]
                seen += dict.fromkeys(re.findall(r"/amd64/s/(secret-\d+)/", text))
                older = re.search(r'rel="next" href="([^"]+)"', text)
                self.assertEqual(bool(older), page < 2)
                path = "/private-results" + html.unescape(older[1]) if older else path
            self.assertEqual(seen, [f"secret-{n}" for n in range(203, -1, -1)])
            self.assertEqual(alice.go("/private-results?before=x")[0], 400)


class Rights(unittest.TestCase):
    """authorization=launchpad, with something that answers like Launchpad."""

    @classmethod
    def setUpClass(cls) -> None:
        cls.tmp = tempfile.TemporaryDirectory(prefix="web-rights-")
        cls.provider = OpenIdProvider({"alice": ["testers"], "bob": [], "carol": [], "dora": []}).__enter__()
        cls.launchpad = Launchpad().__enter__()
        cls.broker = Broker(Path(cls.tmp.name))
        cls.broker.start()
        cls.broker.declare_queue("debci-noble-amd64")
        cls.broker.declare_queue("debci-ppa-noble-amd64")
        keys = Path(cls.tmp.name) / "keys.json"
        keys.write_text(json.dumps({"gater": "the-key"}))
        cls.launchpad.published = {("primary", "noble", "gzip", "1.12-1"): "main", ("primary", "noble", "glib2.0", "2.80"): "main",
                                   ("primary", "jammy", "gzip", "1.10"): "main", ("bob/tools", "noble", "hello", "3~ppa1"): "main",
                                   ("primary", "noble", "hello", "2"): "universe", ("bob/tools", "noble", "tool", "1"): "main"}
        cls.launchpad.published |= {("primary", "noble", name, "1"): "main" for name in ("bash", "coreutils", "dash", "nano", "sed", "vim")}
        cls.launchpad.uploaders = {("bob", "noble", "main", "glib2.0"), ("bob", "noble", "universe", "hello")}
        cls.launchpad.teams = {"carol": ["friends", "admins"], "bob": ["friends"]}
        cls.server = WebServer({"api-keys-file": str(keys), "releases": "noble jammy", "authorization": "launchpad", "login-url": cls.provider.url,
                                "allowed-requestors": "testers admins", "launchpad-api-url": cls.launchpad.url},
                               {key: cls.broker.settings[key] for key in KEYS})
        cls.server.start()
        wait_for("the broker", lambda: json.loads(cls.server.request("GET", "/healthz")[2])["checks"]["broker"] == "ok")

    @classmethod
    def tearDownClass(cls) -> None:
        cls.server.__exit__()
        cls.broker.rig("destroy")
        cls.launchpad.__exit__()
        cls.provider.__exit__()
        cls.tmp.cleanup()

    def setUp(self) -> None:
        self.launchpad.status = 0
        self.launchpad.asked.clear()

    def ask(self, user: str, package: str, trigger: str, **more: str) -> tuple[int, str]:
        """The answer, once the broker has been there to ask: a busy machine may be too slow for a moment."""
        return wait_for("the broker", lambda: (answer := self.ask_now(user, package, trigger, **more)) and "the broker is away" not in answer[1] and answer)

    def ask_now(self, user: str, package: str, trigger: str, **more: str) -> tuple[int, str]:
        visitor = Visitor(self.server)
        visitor.log_in(self.provider, user)
        token = re.search(r'name="token" value="([0-9a-f]{64})"', visitor.go("/request")[2])[1]
        status, _, page = visitor.go("/request.cgi", ORDER | {"package": package, "trigger": trigger, "token": token} | more)
        return status, re.sub(r'name="logout-token" value="[0-9a-f]{64}"', "", html.unescape(page))  # the same for each of a user's logins

    def queued(self, queue: str = "debci-noble-amd64") -> list[str]:
        return [message.split("\n")[0] for message in self.broker.take(queue)]

    def test_a_team_opens_everything_that_is_published(self) -> None:
        self.assertEqual(self.ask("alice", "nano", "gzip/1.12-1")[0], 200)
        self.assertEqual(self.ask("carol", "vim", "gzip/1.12-1")[0], 200)  # of whose team only Launchpad knows
        self.assertEqual(self.queued(), ["nano", "vim"])

    def test_the_right_to_upload_the_package_or_a_trigger_opens_it(self) -> None:
        self.assertEqual(self.ask("bob", "hello", "gzip/1.12-1")[0], 200)
        self.assertEqual(self.ask("bob", "gzip", "glib2.0/2.80")[0], 200)
        self.assertEqual(self.queued(), ["hello", "gzip"])
        status, page = self.ask("bob", "gzip", "gzip/1.12-1")
        self.assertEqual(status, 403)
        self.assertIn("bob may upload neither gzip nor a trigger to noble, and is in no team that may request any test", page)
        self.assertEqual(self.queued(), [])

    def test_a_trigger_has_to_be_published_there(self) -> None:
        for trigger in ("gzip/1.13-1", "gzip/1.10", "nothing/1"):
            status, page = self.ask("alice", "gzip", trigger)
            self.assertEqual(status, 404)
            self.assertIn(f"trigger: {trigger} is not published in noble", page)
        self.assertEqual(self.ask("alice", "gzip", "migration-reference/0")[0], 200)
        self.assertEqual(self.queued(), ["gzip"])

    def test_a_package_or_ppa_that_is_not_there_is_404(self) -> None:
        self.launchpad.empty = {"bob/empty"}
        for package, more, said in (("tool", {}, "package: tool is not published in noble"), ("tool", {"ppa": "bob/empty"}, "package: tool is not published in noble or the PPAs"),
                                    ("gzip", {"ppa": "bob/none"}, "ppa: there is no bob/none"), ("gzip", {"ppa": "bob/none", "build-git": "https://host/tree"}, "ppa: there is no bob/none")):
            status, page = self.ask("alice", package, "gzip/1.12-1", **more)
            self.assertEqual((status, said in page), (404, True), page)
        self.assertEqual(self.ask("alice", "tool", "gzip/1.12-1", ppa="bob/tools")[0], 200)
        self.assertEqual(self.ask("alice", "tree", "gzip/1.12-1", **{"ppa": "bob/tools", "build-git": "https://host/tree"})[0], 200, "of a tree")
        self.assertEqual(self.ask("alice", "hidden", "gzip/1.12-1", ppa="me:token@bob/none")[0], 200, "what Launchpad does not tell")
        self.assertEqual(self.queued("debci-ppa-noble-amd64"), ["tool", "tree", "hidden"])

    def test_a_trigger_may_be_in_the_ppa(self) -> None:
        self.assertEqual(self.ask("bob", "hello", "hello/3~ppa1", ppa="bob/tools")[0], 200)
        self.assertEqual(self.ask("bob", "hello", "hello/4~ppa1", ppa="bob/tools")[0], 404)
        self.assertEqual(self.queued("debci-ppa-noble-amd64"), ["hello"])

    def test_an_answer_is_asked_for_once(self) -> None:
        first = self.ask("bob", "bash", "gzip/1.12-1")
        asked = list(self.launchpad.asked)
        self.assertEqual(self.ask("bob", "bash", "gzip/1.12-1"), first)
        self.assertEqual(self.launchpad.asked, asked)

    def test_a_request_counts_once_however_often_launchpad_is_asked(self) -> None:
        def limit(requests: str) -> None:
            self.server.settings["request-rate-limit"] = requests
            self.server.configure()
            self.server.reload()
        self.addCleanup(limit, "30")
        limit("1")
        self.assertEqual(self.ask("dora", "coreutils", "gzip/1.12-1")[0], 403)
        self.assertGreater(len(self.launchpad.asked), 1)
        self.assertEqual(self.ask("dora", "coreutils", "gzip/1.12-1")[0], 429)

    def test_a_key_needs_no_rights_but_something_published(self) -> None:
        def call(version: str) -> int:
            body = json.dumps({"package": "dash", "release": "noble", "arch": "amd64", "trigger": f"gzip/{version}"}).encode()
            return self.server.request("POST", "/api/v1/requests", body, {"X-Api-Key": "gater:the-key"})[0]
        self.assertEqual((call("1.12-1"), call("9")), (202, 404))
        self.assertEqual(self.queued(), ["dash"])

    def test_without_launchpad_nothing_is_queued_and_the_page_says_so(self) -> None:
        self.launchpad.status = 502
        status, page = self.ask("alice", "sed", "sed/4.9")
        self.assertEqual(status, 503)
        self.assertIn("Launchpad cannot be asked right now: it answers with status 502", page)
        self.launchpad.status = 0
        self.launchpad.published["primary", "noble", "sed", "4.9"] = "main"
        wait_for("another try", lambda: self.ask("alice", "sed", "sed/4.9")[0] == 200)
        self.assertEqual(self.queued(), ["sed"])


if __name__ == "__main__":
    counted.main()
