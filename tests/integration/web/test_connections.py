#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-only
"""Connections that somebody means ill with: requests within requests, and clients that send or take as little as they can."""
from __future__ import annotations

import contextlib
import http.client
import itertools
import os
import re
import socket
import subprocess
import sys
import time
import unittest
from collections.abc import Sequence
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "support")]
import counted  # noqa: E402  (the path comes first)
from waiting import wait_for  # noqa: E402
from webserver import ROOT, WebServer, build_dir  # noqa: E402

TIMEOUT = 2  # of the server whose clients are too slow; what is a minute else
NEVER = 3600  # of the others: they end no connection for its slowness
PATIENCE = 180
HIDDEN = b"GET /robots.txt HTTP/1.1\r\nHost: a\r\n\r\n"
LAST = b"GET /none HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
POST = b"POST /request.cgi HTTP/1.1\r\nHost: a\r\n"
GET = b"GET /robots.txt HTTP/1.1\r\nHost: a\r\n"
LENGTH = b"Content-Length: %d\r\n" % len(HIDDEN)
CHUNKED = b"Transfer-Encoding: chunked\r\n"
LARGE = "/swift/v1/public/large"
OUTSIDE = "203.0.113.1", "203.0.113.2"
OF_ONE = 100  # connections
PROXIES = "203.0.113.1", "10.9.0.1"
STRANGERS = "203.0.113.2", "10.9.0.2", "192.168.9.9", "fd00::9"


def setUpModule() -> None:
    subprocess.run(["make", "--no-print-directory", "-s", "-C", str(ROOT), f"BUILD={build_dir()}", str(build_dir() / "bin/autopkgtest-web")], check=True)


class Connections(unittest.TestCase):
    timeout = NEVER
    server: WebServer

    @classmethod
    def setUpClass(cls) -> None:
        cls.server = WebServer({"client-timeout": str(cls.timeout)})
        cls.server.start()

    @classmethod
    def tearDownClass(cls) -> None:
        cls.server.__exit__()

    def connect(self) -> socket.socket:
        s = socket.create_connection(("127.0.0.1", self.server.port), PATIENCE)
        self.addCleanup(s.close)
        return s


class Requests(Connections):
    def answers(self, request: bytes) -> list[bytes]:
        """The statuses of what comes back until the server ends the connection, which is an error if it does not."""
        got = b""
        with self.connect() as s:
            with contextlib.suppress(ConnectionResetError):
                s.sendall(request)
                while piece := s.recv(65536):
                    got += piece
        return re.findall(rb"HTTP/1.1 (\d+)", got)

    def answers_before_the_last(self, request: bytes) -> list[bytes]:
        """The statuses of what comes back before a request that ends the connection, which the server has not ended."""
        *before, last = self.answers(request + LAST)
        self.assertEqual(last, b"404")
        return before

    def test_a_request_ends_in_one_place_only(self) -> None:
        """Else a proxy would take what is within it for a part of its body, and let it through."""
        cases = {
            "two lengths": POST + b"Content-Length: 0\r\n" + LENGTH + b"\r\n", "two lengths, the other way": POST + LENGTH + b"Content-Length: 0\r\n\r\n",
            "length and chunks": POST + LENGTH + CHUNKED + b"\r\n0\r\n\r\n", "chunks and length": POST + CHUNKED + LENGTH + b"\r\n0\r\n\r\n",
            "a list of lengths": POST + b"Content-Length: 0, %d\r\n\r\n" % len(HIDDEN), "a sign": POST + b"Content-Length: +0\r\n\r\n",
            "a blank before the colon": POST + b"Content-Length : %d\r\n\r\n" % len(HIDDEN), "the same of chunks": POST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
            "a coding nobody knows": POST + b"Transfer-Encoding: xchunked\r\n\r\n", "a coding before chunks": POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
            "two codings": POST + CHUNKED + b"Transfer-Encoding: identity\r\n\r\n0\r\n\r\n", "chunks of HTTP/1.0": POST.replace(b"1.1", b"1.0") + CHUNKED + b"\r\n0\r\n\r\n",
            "a control character": POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n", "a line folded": POST + b"X-A: b\r\n " + LENGTH + b"\r\n",
            "a lone carriage return": GET + b"X-A: b\r" + LENGTH + b"\r\n", "a blank in the address": b"GET /robots.txt x HTTP/1.1\r\nHost: a\r\n\r\n",
            "two hosts": GET + b"Host: b\r\n\r\n", "no host": b"GET /robots.txt HTTP/1.1\r\n\r\n", "no colon": GET + b"Content-Length\r\n\r\n",
            "a size of a chunk that is none": POST + CHUNKED + b"\r\n0x0\r\n\r\n", "a length beyond numbers": POST + b"Content-Length: 18446744073709551616\r\n\r\n",
            "no page, and two lengths": b"POST /none HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n" + LENGTH + b"\r\n",
        }
        for what, request in cases.items():
            with self.subTest(what):
                statuses = self.answers(request + HIDDEN)
                self.assertIn(statuses[0], (b"400", b"413", b"501"))
                self.assertNotIn(b"200", statuses)
        self.assertEqual(self.answers_before_the_last(GET + b"\r\n" + HIDDEN), [b"200", b"200"])
        self.assertEqual(self.answers_before_the_last(POST + CHUNKED + b"\r\n0\r\n\r\n" + HIDDEN), [b"400", b"200"])

    def test_a_second_service_does_not_take_a_part_of_them(self) -> None:
        """One of the same user, which finds the port taken."""
        other = WebServer({"port": str(self.server.port)})
        self.addCleanup(other.folder.cleanup)
        other.configure()
        done = subprocess.run([build_dir() / "bin/autopkgtest-web"], env=os.environ | {"AUTOPKGTEST_CLOUD_CONFIG": str(other.dir)},
                              stderr=subprocess.PIPE, text=True, timeout=PATIENCE, check=False)
        self.assertEqual(done.returncode, os.EX_TEMPFAIL, done.stderr)
        self.assertIn(f"cannot listen on port {self.server.port}", done.stderr)

    def test_headers_have_a_limit(self) -> None:
        for request, status in ((GET + b"X: " + b"a" * 40000 + b"\r\n\r\n", b"431"), (b"GET /" + b"a" * 40000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", b"414"),
                                (GET + b"".join(b"X%d: a\r\n" % n for n in range(3000)) + b"\r\n", b"431")):
            self.assertEqual(self.answers(request), [status])


class SlowOnes(Connections):
    timeout = TIMEOUT

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        headers = {"X-Auth-Token": cls.server.token()}
        cls.server.request("PUT", "/swift/v1/public", None, headers | {"X-Container-Read": ".r:*"})
        cls.server.request("PUT", LARGE, bytes(32 * 1024 * 1024), headers)

    def test_what_trickles_is_not_waited_for(self) -> None:
        wait_for("an answer to the request that was whole", self.trickle)

    def trickle(self) -> bool:
        """On connections that the server ends; whether it had time to answer before."""
        begun = {"nothing": b"", "headers": GET, "headers after a whole request": GET + b"\r\n", "a body": POST + b"Content-Length: 60000\r\n\r\n"}
        begin = time.monotonic()
        open_ones, took, answered = {what: self.connect() for what in begun}, dict[str, float](), False
        for what, s in open_ones.items():
            with contextlib.suppress(ConnectionResetError, BrokenPipeError):  # a busy machine may be slower than the server waits
                s.sendall(begun[what])
                answered |= what.startswith("headers after") and b"200 OK" in s.recv(65536)

        def all_are_let_go() -> bool:
            for what in open_ones.keys() - took.keys():
                try:
                    open_ones[what].sendall(b"a")
                except (ConnectionResetError, BrokenPipeError):
                    took[what] = time.monotonic() - begin
            return took.keys() == begun.keys()
        wait_for("an end of all", all_are_let_go)
        self.assertGreater(min(took.values()), TIMEOUT * 0.9)
        return answered

    def test_one_that_takes_little_is_let_go(self) -> None:
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)  # the kernel takes that for as little as there may be
            s.connect(("127.0.0.1", self.server.port))
            s.sendall(f"GET {LARGE} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
            s.settimeout(PATIENCE)
            end = time.monotonic() + PATIENCE
            while time.monotonic() < end and self.established(s.getsockname()[1]):
                with contextlib.suppress(ConnectionResetError):
                    s.recv(50)
                time.sleep(0.1)
            self.assertFalse(self.established(s.getsockname()[1]))

    def established(self, port: int) -> bool:
        """Whether the server still has its end of the connection from there."""
        return bool(subprocess.run(["ss", "-Htn", "state", "established", f"( sport = :{self.server.port} and dport = :{port} )"],
                                   check=True, capture_output=True).stdout)

    def is_served(self) -> bool:
        """Whether a body gets through that takes twice the time limit, three times as fast as it must be."""
        form, pieces = b"package=" + b"a" * 12000, 20
        with self.connect() as s, self.connect() as listener, contextlib.suppress(ConnectionResetError, BrokenPipeError):
            listener.sendall(b"GET /running/events HTTP/1.1\r\nHost: a\r\n\r\n")  # of which there are none
            s.sendall(POST + b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n" % len(form))
            for n in range(pieces):
                s.sendall(form[n * len(form) // pieces:(n + 1) * len(form) // pieces])
                time.sleep(2 * TIMEOUT / pieces)
            return b"HTTP/1.1 400" in s.recv(65536) and self.established(listener.getsockname()[1])
        return False

    def test_one_that_is_fast_enough_is_served(self) -> None:
        wait_for("one that is fast enough to be served", self.is_served)  # on a busy machine it is too slow now and then


def make_network(addresses: Sequence[str]) -> None:
    """Of this process alone, with these addresses."""
    for words in (["link", "set", "lo", "up"], *(["addr", "add", address, "dev", "lo"] for address in addresses)):
        subprocess.run(["ip", *words], check=True)


def attack() -> None:
    """In a network of its own: one address opens all it can, and another one is served nevertheless."""
    make_network(OUTSIDE)
    with WebServer({"client-timeout": str(NEVER)}) as server, contextlib.ExitStack() as stack:
        for n in range(OF_ONE + 5):
            s = stack.enter_context(socket.create_connection((OUTSIDE[0], server.port), PATIENCE, (OUTSIDE[0], 0)))
            got = b""
            with contextlib.suppress(ConnectionResetError, BrokenPipeError):
                s.sendall(HIDDEN)
                got = s.recv(65536)
            assert (b"200 OK" in got) == (n < OF_ONE), (n, got)
        for address in (OUTSIDE[1], "127.0.0.1"):
            with socket.create_connection((OUTSIDE[0], server.port), PATIENCE, (address, 0)) as s:
                s.sendall(HIDDEN)
                assert b"200 OK" in s.recv(65536), address


def proxies() -> None:
    """In a network of its own: what a known proxy says of its clients counts, and of others, in private networks too, nothing."""
    make_network([*PROXIES, *STRANGERS])
    with WebServer({"trusted-proxies": f"{PROXIES[0]} 10.9.0.0/31"}) as server:
        def ask(address: str, **headers: str) -> tuple[int, bool]:
            """The status of a page that was not just made, and whether the client is taken to speak TLS."""
            connection = http.client.HTTPConnection("::1" if ":" in address else "127.0.0.1", server.port, timeout=PATIENCE, source_address=(address, 0))
            connection.request("GET", f"/queues?n={time.monotonic_ns()}", headers={name.replace("_", "-"): value for name, value in headers.items()})
            answer = connection.getresponse()
            answer.read()
            connection.close()
            return answer.status, "Strict-Transport-Security" in answer.headers

        def crawl(address: str, client: str) -> int:
            return ask(address, X_Forwarded_For=client, User_Agent="SomeBot/1.0")[0]

        for proxy in (*PROXIES, "127.0.0.1", "::1"):
            assert ask(proxy, X_Forwarded_Proto="https") == (200, True), proxy
        for n, stranger in enumerate(STRANGERS):
            assert ask(stranger, X_Forwarded_Proto="https") == (200, False), stranger
            numbers = itertools.count()
            wait_for(f"{stranger} to be refused who says that it is somebody else each time", lambda: crawl(stranger, f"198.51.100.{next(numbers) % 256}") == 429)
            for _ in range(20):
                crawl(stranger, f"192.0.2.{n}")
            assert {crawl(PROXIES[n % 2], f"192.0.2.{n}") for _ in range(10)} == {200}, f"{stranger} used up what somebody else may"


def changed_proxies() -> None:
    """In a network of its own: proxies that come and go are known from the reload on, and nobody's connection ends."""
    proxy = PROXIES[0]
    make_network([proxy])
    with WebServer() as server:
        def is_believed() -> bool:
            connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE, source_address=(proxy, 0))
            with contextlib.closing(connection):
                connection.request("GET", "/queues", headers={"X-Forwarded-Proto": "https"})
                answer = connection.getresponse()
                answer.read()
                return "Strict-Transport-Security" in answer.headers

        kept = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
        with contextlib.closing(kept), socket.create_connection(("127.0.0.1", server.port), PATIENCE) as events:
            events.sendall(b"GET /running/events HTTP/1.1\r\nHost: h\r\n\r\n")
            assert b"text/event-stream" in events.recv(65536)
            kept.request("GET", "/healthz")
            kept.getresponse().read()
            socket_of = kept.sock
            for known in (proxy, "198.51.100.7", f"198.51.100.7 {proxy}"):
                server.settings["trusted-proxies"] = known
                server.configure()
                server.reload()
                assert is_believed() == (proxy in known.split()), known
                kept.request("GET", "/healthz")
                kept.getresponse().read()
                assert kept.sock is socket_of, "the connection was closed"
            events.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                while events.recv(65536):
                    pass
                raise AssertionError("the stream of events has ended")


class Networks(unittest.TestCase):
    def in_a_network(self, what: str) -> None:
        done = subprocess.run(["unshare", "--net", sys.executable, __file__, what], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_one_address_does_not_take_all_connections(self) -> None:
        self.in_a_network("attack")

    def test_only_known_proxies_speak_for_others(self) -> None:
        self.in_a_network("proxies")

    def test_proxies_that_come_and_go_end_no_connection(self) -> None:
        self.in_a_network("changed_proxies")


IN_A_NETWORK = {"attack": attack, "proxies": proxies, "changed_proxies": changed_proxies}

if __name__ == "__main__":
    IN_A_NETWORK.get(" ".join(sys.argv[1:]), counted.main)()
