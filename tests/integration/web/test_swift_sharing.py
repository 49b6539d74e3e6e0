#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-only
"""Objects of a store elsewhere, downloaded as they are: once, however many want them, unless they are too large for that."""
from __future__ import annotations

import gzip
import http.client
import http.server
import os
import subprocess
import sys
import threading
import unittest
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "store"), str(HERE.parents[1] / "support")]
import counted  # noqa: E402  (the path comes first)
from at_swift import Between  # noqa: E402
from failing_disk import fill, small_disk  # noqa: E402
from open_files import unnamed_files  # noqa: E402
from samples import FOLDER, LOG, RUN, fill_store  # noqa: E402
from waiting import WAIT_S  # noqa: E402
from webserver import ROOT, WebServer, build_dir, read_until  # noqa: E402

ARTIFACTS = f"/results/autopkgtest-noble/{FOLDER}/artifacts.tar.gz"
PLAIN = f"/results/autopkgtest-noble/{FOLDER}/log.gz"
HALF = 100_000
MEGABYTE = 1024 * 1024


def setUpModule() -> None:
    subprocess.run(["make", "--no-print-directory", "-s", "-C", str(ROOT), f"BUILD={build_dir()}", str(build_dir() / "bin/autopkgtest-web")], check=True)


@contextmanager
def huge_object(size: int) -> Iterator[tuple[str, list[str], threading.Event]]:
    """A store with one object, that announces `size` bytes (0: it does not tell) and sends the first MEGABYTE only, until it is to break off: its address, what
    was asked, and the order to break off."""
    asked: list[str] = []
    break_off = threading.Event()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            asked.append(self.path)
            self.close_connection = True
            self.send_response(200)
            self.send_header("Content-Type", "application/gzip")
            self.send_header(*("Content-Length", str(size)) if size else ("Connection", "close"))
            self.end_headers()
            try:
                self.wfile.write(bytes(MEGABYTE))
            except OSError:  # it is not wanted like this
                return
            break_off.wait(WAIT_S)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))  # seconds until it sees that it is to end
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/v1/AUTH_x", asked, break_off
        finally:
            break_off.set()
            server.shutdown()
            thread.join()


class Sharing(unittest.TestCase):
    def setUp(self) -> None:
        self.connections = list[http.client.HTTPConnection]()

    @contextmanager
    def read_from_elsewhere(self, **settings: str) -> Iterator[tuple[Between, WebServer]]:
        """The built-in store of one unit, read by another as if it were a Swift."""
        with WebServer() as store, Between(f"{store.url}/swift/v1") as between:
            fill_store(store)
            body = os.urandom(2 * HALF)
            self.whole = body
            store.request("PUT", f"/swift/v1/autopkgtest-noble/{FOLDER}/artifacts.tar.gz", body,
                          {"X-Auth-Token": store.token(), "Content-Type": "application/gzip"})
            with WebServer({"store-dir": "", "store-credentials": "", "store-url": between.url} | settings) as server:
                yield between, server

    def reader(self, server: WebServer, path: str, mark: bytes) -> tuple[http.client.HTTPResponse, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=WAIT_S)
        self.addCleanup(connection.close)
        self.connections.append(connection)
        connection.request("GET", path)
        response = connection.getresponse()
        return response, read_until(response, mark)

    def test_two_who_read_one_artifact_share_its_download(self) -> None:
        with self.read_from_elsewhere() as (between, server):
            between.held = ARTIFACTS.removeprefix("/results/")
            readers = [self.reader(server, ARTIFACTS, self.whole[HALF - 1000:HALF]) for _ in range(2)]
            between.go_on.set()
            for response, begun in readers:
                self.assertEqual((response.status, response.headers["Content-Type"], response.headers["Content-Length"]), (200, "application/gzip", str(2 * HALF)))
                self.assertTrue(begun + response.read() == self.whole)
            status, headers, body = server.request("GET", ARTIFACTS)  # it is kept
            self.assertEqual((status, headers["content-type"], headers["etag"], body == self.whole),
                             (200, "application/gzip", readers[0][0].headers["ETag"], True))
            self.assertIn("sandbox", headers["content-security-policy"])
            self.assertEqual(between.asked.count(between.held), 1)

    def test_one_goes_away_and_the_other_gets_all(self) -> None:
        with self.read_from_elsewhere() as (between, server):
            between.held = ARTIFACTS.removeprefix("/results/")
            (first, _), (second, begun) = (self.reader(server, ARTIFACTS, self.whole[HALF - 1000:HALF]) for _ in range(2))
            first.close()
            between.go_on.set()
            self.assertTrue(begun + second.read() == self.whole)
            self.assertEqual(between.asked.count(between.held), 1)

    def test_all_who_share_it_learn_that_it_breaks_off(self) -> None:
        with self.read_from_elsewhere() as (between, server):
            between.held, between.cut = ARTIFACTS.removeprefix("/results/"), True
            readers = [self.reader(server, ARTIFACTS, self.whole[HALF - 1000:HALF]) for _ in range(2)]
            between.go_on.set()
            for response, _ in readers:
                self.assertRaises(http.client.IncompleteRead, response.read)
            between.held = ""
            self.assertTrue(server.request("GET", ARTIFACTS)[2] == self.whole, "half of it was kept")

    def test_the_plain_text_of_a_log_that_was_shown_costs_no_download(self) -> None:
        with self.read_from_elsewhere() as (between, server):
            self.assertEqual(server.request("GET", f"/packages/gzip/noble/amd64/{RUN}/log")[0], 200)
            status, headers, body = server.request("GET", PLAIN)
            self.assertEqual((status, headers["content-encoding"], headers["content-type"], gzip.decompress(body)),
                             (200, "gzip", "text/plain; charset=UTF-8", LOG.encode()))
            self.assertEqual(between.asked.count(PLAIN.removeprefix("/results/")), 1)
            self.assertEqual(server.request("HEAD", PLAIN)[0], 200)
            self.assertEqual(server.request("GET", PLAIN + "x")[0], 404)

    def elsewhere(self, url: str) -> WebServer:
        return WebServer({"store-dir": "", "store-credentials": "", "store-url": url})

    def test_all_but_the_first_who_read_a_huge_artifact_share_its_download(self) -> None:
        with huge_object(300 * MEGABYTE) as (url, asked, break_off), self.elsewhere(url) as server:
            first, *readers = (self.reader(server, ARTIFACTS, bytes(MEGABYTE))[0] for _ in range(4))
            self.assertEqual({response.headers["Content-Length"] for response in readers}, {str(300 * MEGABYTE)})
            self.assertEqual(len(asked), 3)  # the first answer tells how large it is
            first.close()
            self.connections[0].close()
            readers.append(self.reader(server, ARTIFACTS, bytes(MEGABYTE))[0])
            self.assertEqual(len(asked), 3)
            break_off.set()
            for response in readers:
                self.assertRaises(http.client.IncompleteRead, response.read)

    def test_what_would_fill_the_disk_is_passed_on(self) -> None:
        with huge_object(4 * MEGABYTE) as (url, asked, break_off), self.elsewhere(url) as server, small_disk(server.dir / "disk", "12m") as disk:
            server.settings["database"] = f"{disk}/results.db"
            server.stop()
            server.start()
            for n in (1, 2):
                response, _ = self.reader(server, ARTIFACTS, bytes(MEGABYTE))
                self.assertEqual(response.headers["Content-Length"], str(4 * MEGABYTE))
                self.assertEqual(len(asked), 2 * n)  # the first answer tells how large it is
            break_off.set()

    def test_what_does_not_tell_its_size_is_passed_on_and_not_written(self) -> None:
        with huge_object(0) as (url, asked, break_off), self.elsewhere(url) as server:
            for n in (1, 2):
                response, _ = self.reader(server, ARTIFACTS, bytes(MEGABYTE))
                self.assertNotIn("Content-Length", response.headers)
                self.assertEqual(len(asked), 2 * n)
            assert server.process
            self.assertEqual(sum(file.st_size for file in unnamed_files(server.process.pid)), 0)
            break_off.set()

    def test_without_room_it_is_passed_on(self) -> None:
        with self.read_from_elsewhere() as (between, server), small_disk(server.dir / "disk", "1m") as disk:
            server.settings["database"] = f"{disk}/results.db"
            server.stop()
            server.start()
            fill(disk)
            for _ in range(2):
                status, headers, body = server.request("GET", ARTIFACTS)
                self.assertEqual((status, headers["content-type"], body == self.whole), (200, "application/gzip", True))
            self.assertEqual(between.asked.count(ARTIFACTS.removeprefix("/results/")), 2)


if __name__ == "__main__":
    counted.main()
