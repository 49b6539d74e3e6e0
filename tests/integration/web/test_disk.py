#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-only
"""What is shown when the disk is full, fails or is gone, and while somebody has the database locked: words, on every page."""
from __future__ import annotations

import contextlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import unittest
from pathlib import Path
from typing import Iterator

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "support")]
import counted  # noqa: E402  (the path comes first)
from failing_disk import FailingDisk, fill, small_disk  # noqa: E402
from samples import FOLDER, RUN, fill_database, fill_store  # noqa: E402
from waiting import WAIT_S, wait_for  # noqa: E402
from webserver import ROOT, WebServer, build_dir  # noqa: E402

HTML = {"Accept": "text/html"}
RUN_PAGE = f"/packages/gzip/noble/amd64/{RUN}"
ARTIFACTS = f"/results/autopkgtest-noble/{FOLDER}/artifacts.tar.gz/"
SHOWN = b"1.12-1ubuntu5"  # a version that only the database knows
CANNOT = b"cannot be read right now"
PAGES = ("/", "/recent", "/recent?release=noble", "/packages", "/packages/gzip", "/packages/gzip/noble/amd64", RUN_PAGE, "/regressions", "/flaky",
         "/statistics", "/user/someone", "/user/someone/ppa/tools")
WITHOUT = ("/running", "/queues", "/request", f"{RUN_PAGE}/log", ARTIFACTS)  # which say other things
DATA = ("/api/experimental/recent.json", "/api/v1/results", "/api/v1/changes", "/api/v1/packages?prefix=g", "/api/v1/tests/gzip/noble/amd64",
        "/packages/gzip/feed.atom", "/user/someone/feed.atom")


def setUpModule() -> None:
    targets = [str(build_dir() / "bin/autopkgtest-web"), str(build_dir() / "bin/autopkgtest-indexer"), str(build_dir() / "tests/bench/fill_results")]
    subprocess.run(["make", "--no-print-directory", "-s", "-C", str(ROOT), f"BUILD={build_dir()}", *targets], check=True)


class Disk(unittest.TestCase):
    def get(self, server: WebServer, path: str) -> tuple[int, bytes]:
        """A page that was not kept."""
        self.asked = getattr(self, "asked", 0) + 1
        status, _, body = server.request("GET", f"{path}{'&' if '?' in path else '?'}n={self.asked}", None, HTML)
        return status, body

    def assert_words(self, server: WebServer) -> None:
        """No result, and every page says so."""
        for path in PAGES:
            status, body = self.get(server, path)
            self.assertEqual((status, CANNOT in body), (200, True), (path, body))
        for path in WITHOUT:
            status, body = self.get(server, path)
            self.assertEqual((status, b"<h1" in body), (200, True), (path, body))
        for path in DATA:
            status, body = self.get(server, path)
            self.assertEqual((status, CANNOT in body), (503, True), (path, body))
        status, body = self.get(server, "/healthz")
        self.assertEqual((status, bool(json.loads(body)["reason"])), (503, True), body)
        self.assertIn("the database of results cannot be read: ", server.log())

    def assert_shown(self, server: WebServer) -> None:
        wait_for("the results again", lambda: SHOWN in self.get(server, RUN_PAGE)[1])
        for path in PAGES + WITHOUT:
            status, body = self.get(server, path)
            self.assertEqual((status, CANNOT in body), (200, False), (path, body))
        for path in DATA:
            self.assertEqual(self.get(server, path)[0], 200, path)

    @contextlib.contextmanager
    def locked(self, server: WebServer) -> Iterator[None]:
        with contextlib.closing(sqlite3.connect(server.dir / "results.db", WAIT_S, isolation_level=None)) as db:
            db.execute("PRAGMA locking_mode = EXCLUSIVE")
            db.execute("BEGIN EXCLUSIVE")
            yield

    def test_no_service_begins_anew_where_the_disk_is_not_mounted(self) -> None:
        server = WebServer()
        data, away = server.dir / "data", server.dir / "away"
        server.settings = {"database": f"{data}/results.db", "store-dir": f"{data}/store",
                           "results-mark": f"{data}/mark", "store-mark": f"{data}/store/mark"}
        (data / "store").mkdir(parents=True)
        marks = [data / "mark", data / "store/mark"]
        for mark in marks:
            mark.touch()
        with server:
            fill_store(server)
            server.stop()
            for mark in marks:  # a disk for all of it, and one for the store alone
                mark.parent.rename(away)
                mark.parent.mkdir()
                for program in ("autopkgtest-web", "autopkgtest-indexer"):
                    done = subprocess.run([build_dir() / "bin" / program], env=os.environ | {"AUTOPKGTEST_CLOUD_CONFIG": str(server.dir)},
                                          stderr=subprocess.PIPE, text=True, timeout=WAIT_S)
                    self.assertEqual(done.returncode, os.EX_TEMPFAIL, done.stderr)
                    self.assertIn(f"{mark} is not there: the disk with the results is not mounted", done.stderr)
                mark.parent.rmdir()  # nothing was made in it
                away.rename(mark.parent)
            server.start()
            self.assertEqual(server.request("GET", ARTIFACTS)[0], 200)

    def test_database_that_somebody_has_locked(self) -> None:
        with WebServer() as server:
            fill_database(server)
            fill_store(server)
            with self.locked(server):
                self.assert_words(server)
            self.assert_shown(server)
            self.assertIn("the database of results can be read again", server.log())

    def test_disk_that_fails_and_is_mended(self) -> None:
        with WebServer() as server:
            fill_database(server)
            server.stop()
            disk = FailingDisk(server.dir)
            with disk.for_programs_started():
                server.start()
            fill_store(server)
            self.assert_shown(server)
            disk.breaks()
            self.assertEqual(self.get(server, "/flaky?release=jammy")[0], 200)
            server.stop()  # what SQLite has read it has in memory
            with disk.for_programs_started():
                server.start()
            self.assert_words(server)
            disk.is_mended()
            shutil.copy(server.dir / "results.db", server.dir / "restored")
            (server.dir / "restored").rename(server.dir / "results.db")  # another file is read at once
            self.assert_shown(server)

    def test_full_disk(self) -> None:
        with WebServer() as server, small_disk(server.dir / "disk") as disk:
            server.settings |= {"database": f"{disk}/results.db", "store-dir": f"{disk}/store"}
            server.stop()
            server.start()
            fill_database(server)
            shutil.move(server.dir / "results.db", disk / "results.db")
            fill_store(server)
            signed = {"X-Auth-Token": server.token()}
            ballast = fill(disk)
            for path in WITHOUT:
                self.assertEqual(self.get(server, path)[0], 200, path)
            status, _, body = server.request("PUT", "/swift/v1/autopkgtest-noble/x", bytes(100_000), signed)
            self.assertEqual((status, b"No space left" in body), (507, True), body)
            status, _, body = server.request("PUT", "/swift/v1/autopkgtest-other", None, signed)
            self.assertEqual((status, b"No space left" in body), (507, True), body)
            self.assert_words(server)  # SQLite needs room beside the database to read it
            ballast.unlink()
            wait_for("the results again", lambda: SHOWN in self.get(server, RUN_PAGE)[1])
            fill(disk)
            self.assert_shown(server)
            self.assertEqual(server.request("GET", "/swift/v1/autopkgtest-noble/x", None, signed)[0], 404, "half of it was stored")

    def test_store_whose_disk_is_unmounted(self) -> None:
        log, listing, put = f"{RUN_PAGE}/log", f"/results/autopkgtest-noble/{FOLDER}/", "/swift/v1/autopkgtest-noble/x"
        with WebServer() as server, contextlib.ExitStack() as mounts:
            store = mounts.enter_context(small_disk(server.dir / "disk"))
            server.settings["store-dir"] = str(store)
            server.stop()
            server.start()
            fill_database(server)
            fill_store(server)
            signed = {"X-Auth-Token": server.token()}
            mounts.close()
            for path in (log, listing, f"{listing}log.gz", ARTIFACTS):
                status, body = self.get(server, path)
                self.assertEqual((status, b"the store of results is out of reach" in body), (503, True), (path, body))
            status, body = self.get(server, RUN_PAGE)
            self.assertEqual((status, b"the store of results is out of reach" in body, SHOWN in body), (200, True, True))
            status, _, body = server.request("PUT", put, b"x", signed)
            self.assertEqual((status, list(store.iterdir())), (503, []), "what is below the disk was written to")
            status, body = self.get(server, "/healthz")
            self.assertEqual((status, "cannot be written" in json.loads(body)["reason"]), (503, True))


if __name__ == "__main__":
    counted.main()
