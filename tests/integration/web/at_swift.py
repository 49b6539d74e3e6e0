# SPDX-License-Identifier: GPL-3.0-only
"""Results that are kept in a real Swift with Keystone v3, with a web service that reads them there."""
from __future__ import annotations

import gzip
import http.client
import http.server
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.parse
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "store"), str(HERE.parents[1] / "support")]
import bed  # noqa: E402  (the path comes first)
from openid_provider import OpenIdProvider  # noqa: E402
from samples import FOLDER, LOG, PASSED, RUN, artifacts, fill_database, result_tar  # noqa: E402
from test_login import Visitor  # noqa: E402
from waiting import WAIT_S  # noqa: E402
from webserver import ROOT, WebServer, build_dir, read_until  # noqa: E402

HTML = {"Accept": "text/html"}
RUN_PAGE = f"/packages/gzip/noble/amd64/{RUN}"
STORED = f"/results/autopkgtest-noble/{FOLDER}"
BEFORE = "libc6\t2.39-0ubuntu7\nbash\t5.2\nzlib1g\t1.3\nleaver\t2\n"
PRIVATE = "private-autopkgtest-noble-me-tools"
SECRET = b"what nobody else may see"
MEGABYTE = 1024 * 1024


def fill(swift: bed.Swift) -> None:
    client = swift.client()
    for container, read in (("autopkgtest-noble", ".r:*,.rlistings"), (PRIVATE, "*:reader"), ("private-autopkgtest-noble-alone", "")):
        client.put_container(container, {"X-Container-Read": read})
    for name, body, headers in (
            ("log.gz", gzip.compress(LOG.encode()), {"Content-Type": "text/plain; charset=UTF-8", "Content-Encoding": "gzip"}),
            ("artifacts.tar.gz", artifacts(), {"Content-Type": "application/gzip"}),
            ("result.tar", result_tar(), {"Content-Type": "application/x-tar"})):
        client.put_object("autopkgtest-noble", f"{FOLDER}/{name}", body, headers=headers)
    client.put_object("autopkgtest-noble", f"noble/amd64/g/gzip/{PASSED}/result.tar", result_tar(0, BEFORE))
    for container in (PRIVATE, "private-autopkgtest-noble-alone"):
        client.put_object(container, f"{FOLDER}/readable-by", b"alice\nothers-team")
        client.put_object(container, f"{FOLDER}/artifacts.tar.gz", artifacts())
        client.put_object(container, f"{FOLDER}/log.gz", SECRET, headers={"Content-Type": "text/html"})


def build_programs() -> None:
    targets = [str(build_dir() / "bin/autopkgtest-web"), str(build_dir() / "tests/bench/fill_results")]
    subprocess.run(["make", "--no-print-directory", "-s", "-C", str(ROOT), f"BUILD={build_dir()}", *targets], check=True)


class Between:
    """Passes requests on to a store and notes the objects that were asked for. Of the object `held` the second half comes when `go_on` is set, piece by piece
    until all was `sent` or nobody wants it (`left`), or not at all when it was `cut`; when it is `endless`, all but the last piece, until nobody wants it."""

    def __init__(self, store: str) -> None:
        asked = self.asked = list[str]()
        heads = self.heads = list[str]()
        self.held, self.go_on, self.left, self.cut = "", threading.Event(), threading.Event(), False
        self.sent = threading.Event()
        self.endless = False
        self.failing = False
        between = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                name = urllib.parse.unquote(self.path.split("?")[0]).removeprefix("/")
                (heads if self.command == "HEAD" else asked).append(name)
                token = self.headers.get("X-Auth-Token")
                request = bed.urllib.request.Request(store + self.path, headers={"X-Auth-Token": token} if token else {}, method=self.command)
                if between.failing:
                    self.send_error(503)
                    return
                try:
                    answer = bed.DIRECT.open(request, timeout=WAIT_S)
                except bed.urllib.error.HTTPError as error:
                    answer = error
                with answer:
                    body = answer.read()
                    self.send_response(answer.status)
                    for header in ("Content-Type", "Content-Encoding", "ETag"):
                        if header in answer.headers:
                            self.send_header(header, answer.headers[header])
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                half = len(body) // 2 if name == between.held and answer.status == 200 else len(body)
                self.wfile.write(body[:half])
                if half < len(body):
                    between.go_on.wait(WAIT_S)
                    self.close_connection = True
                    try:
                        for at in range(half, len(body) if not between.cut else 0, 16384):
                            if between.endless and at + 16384 >= len(body):
                                self.connection.settimeout(WAIT_S)
                                if not self.connection.recv(1):
                                    between.left.set()
                                return
                            self.wfile.write(body[at:at + 16384])
                            time.sleep(0.02)
                        between.sent.set()
                    except OSError:
                        between.left.set()

            do_HEAD = do_GET

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self) -> "Between":
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()  # seconds until it sees that it is to end
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()


def store_up(server: WebServer) -> dict[str, int]:
    """The metric of the store, by reader."""
    lines = server.request("GET", "/metrics")[2].decode().splitlines()
    return {line.split('"')[1]: int(line.split()[1]) for line in lines if line.startswith("autopkgtest_store_up{")}


class AtSwift(unittest.TestCase):
    def setUp(self) -> None:
        self.readers = list[http.client.HTTPConnection]()

    @classmethod
    def setUpClass(cls) -> None:
        cls.tmp = tempfile.TemporaryDirectory(prefix="web-swift-")
        cls.addClassCleanup(cls.tmp.cleanup)
        cls.swift = bed.Swift(Path(cls.tmp.name) / "swift")
        cls.addClassCleanup(cls.swift.destroy)
        cls.swift.start()
        fill(cls.swift)
        cls.provider = OpenIdProvider({"alice": [], "bob": [], "carol": ["others-team"]}).__enter__()
        cls.addClassCleanup(cls.provider.__exit__)
        cls.server = cls.new_server(cls.swift.url)
        cls.addClassCleanup(cls.server.__exit__)
        cls.server.start()

    @classmethod
    def new_server(cls, url: str, **account: str) -> WebServer:
        """With what the charm writes for a Swift: its address, and a file with the account."""
        server = WebServer({"authorization": "login", "login-url": cls.provider.url, "allowed-requestors": "others-team", "store-dir": "", "store-credentials": "", "store-url": url})
        server.settings["store-reader"] = f"{server.dir}/swift.cred"
        cls.swift.write_settings(server.dir, **account)
        fill_database(server)
        return server

    def visitor(self, user: str, server: WebServer | None = None) -> Visitor:
        visitor = Visitor(server or self.server)
        visitor.log_in(self.provider, user)
        return visitor

    def another(self, server: WebServer, page: str, mark: bytes) -> tuple[http.client.HTTPResponse, bytes]:
        """One more reader, when the mark has come."""
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=WAIT_S)
        self.addCleanup(connection.close)
        self.readers.append(connection)
        connection.request("GET", page)
        response = connection.getresponse()
        return response, read_until(response, mark)
