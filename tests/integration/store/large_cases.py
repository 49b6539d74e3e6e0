# SPDX-License-Identifier: GPL-3.0-only
"""Objects larger than the store takes at once, at a Swift that takes little."""
from __future__ import annotations

import hashlib
import random
import unittest
import urllib.request
from typing import Any

import swiftclient
from bed import DIRECT, Run, Swift, peak_kb, start_upload
from cases import PUBLIC, Cases
from faulty import Fault, FaultyProxy

MAX_FILE_SIZE = 4 << 20
RSS_SPREAD_KB = 3000


class AtSmallSwift(unittest.TestCase):
    """The bed of the other cases, and none of them."""

    which = "small-swift"
    store: Swift
    setUp, tearDown, run_of, stores_it, anonymous = (Cases.setUp, Cases.tearDown, Cases.run_of, Cases.stores_it,
                                                     Cases.anonymous)

    def noisy(self, megabytes: float, seed: int = 1, **options: Any) -> Run:
        run = self.run_of(**options)
        self.fill(run, megabytes, seed)
        return run

    def fill(self, run: Run, megabytes: float, seed: int) -> None:
        noise = random.Random(seed)
        with open(run.dir / "output/artifacts/noise", "wb") as file:
            for size in [1_000_000] * int(megabytes) + [int(megabytes % 1 * 1_000_000)]:
                file.write(noise.randbytes(size))

    def segments(self, container: str) -> list[str]:
        try:
            return [o["name"] for o in self.store.client().get_container(container + "_segments", full_listing=True)[1]]
        except swiftclient.ClientException as error:
            assert error.http_status == 404
            return []

    def segment_puts(self, proxy: FaultyProxy) -> list[str]:
        return [path for method, path, _ in proxy.seen if method == "PUT" and "_segments/" in path]

    def check_object(self, run: Run) -> int:
        """It reads as one object, for those with a token and for anybody, whole and in parts; its segments are all there is."""
        name = f"{run.path}/artifacts.tar.gz"
        headers, content = self.store.client().get_object(run.container, name)
        self.assertEqual((headers["content-type"], headers["x-static-large-object"].lower()), ("application/gzip", "true"))
        open_to_all = self.anonymous(f"{run.container}/{name}")
        self.assertEqual(open_to_all.status, 200)
        self.assertEqual(hashlib.md5(open_to_all.body).digest(), hashlib.md5(content).digest())
        listed = [o for o in self.store.client().get_container(run.container)[1] if o["name"] == name]
        self.assertEqual((listed[0]["bytes"], listed[0]["content_type"]), (len(content), "application/gzip"))
        request = urllib.request.Request(f"{self.store.url}/{run.container}/{name}",
                                         headers={"Range": f"bytes={MAX_FILE_SIZE - 10}-{MAX_FILE_SIZE + 9}"})
        with DIRECT.open(request, timeout=180) as part:
            self.assertEqual(part.read(), content[MAX_FILE_SIZE - 10:MAX_FILE_SIZE + 10])
        prefix = f"{name}/{hashlib.md5(content).hexdigest()}/{MAX_FILE_SIZE}/"
        count = -(-len(content) // MAX_FILE_SIZE)
        self.assertEqual(self.segments(run.container), [f"{prefix}{i:08}" for i in range(count)])
        return count

    def test_a_large_file_is_one_object_that_appears_whole(self) -> None:
        run = self.noisy(10.5, package="g++-13.2+x")
        with FaultyProxy() as proxy:
            self.stores_it(run, env=proxy.env)
        self.assertEqual(self.check_object(run), 3)
        puts = [path.rsplit("/", 1)[1] for method, path, _ in proxy.seen if method == "PUT" and "@/" in path]
        self.assertEqual(puts, ["log.gz", "00000000", "00000001", "00000002", "artifacts.tar.gz", "result.tar"])
        self.assertEqual(proxy.count("GET", "/info"), 1)
        self.assertEqual(self.store.client().head_container(self.container + "_segments")["x-container-read"], PUBLIC)

    def test_a_large_file_of_a_private_run_is_closed(self) -> None:
        run = self.noisy(5, container="private-" + self.container, acl="*:reader", swiftuser="reader")
        self.stores_it(run)
        name = f"{run.path}/artifacts.tar.gz"
        segment = self.segments(run.container)[0]
        for path in (f"{run.container}/{name}", f"{run.container}_segments/{segment}", f"{run.container}_segments"):
            self.assertEqual(self.anonymous(path).status, 401)
        for user in ("autopkgtest", "reader"):
            self.assertGreater(len(self.store.client(user).get_object(run.container, name)[1]), 5_000_000)
        for container, path in ((run.container, name), (run.container + "_segments", segment)):
            with self.assertRaises(swiftclient.ClientException) as refused:
                self.store.client("stranger").get_object(container, path)
            self.assertEqual(refused.exception.http_status, 403)

    def test_a_connection_cut_in_a_segment_costs_that_segment(self) -> None:
        run = self.noisy(9)
        with FaultyProxy(Fault("PUT", "/00000001", times=1, cut=2_000_000)) as proxy:
            self.stores_it(run, env=proxy.env)
        self.assertEqual([path[-1] for path in self.segment_puts(proxy)], ["0", "1", "1", "2"])
        self.check_object(run)

    def test_an_upload_that_was_killed_sends_what_is_missing(self) -> None:
        run = self.noisy(13)
        with FaultyProxy(Fault("PUT", "/00000002", times=1, before=lambda: process.kill())) as proxy:
            process = start_upload(self.store, run, env=proxy.env)
            self.assertEqual(process.wait(), -9)
        if process.stdout:
            process.stdout.close()
        self.assertEqual(self.anonymous(f"{run.container}/{run.path}/artifacts.tar.gz", "HEAD").status, 404)
        with FaultyProxy() as proxy:
            self.stores_it(run, env=proxy.env)
        self.assertNotIn("0", [path[-1] for path in self.segment_puts(proxy)])
        self.assertNotIn("1", [path[-1] for path in self.segment_puts(proxy)])
        self.check_object(run)

    def test_what_a_result_replaces_leaves_no_segments(self) -> None:
        run = self.noisy(13)
        self.stores_it(run)
        for megabytes in (9, 13):
            (run.dir / "stored").unlink()
            self.fill(run, megabytes, seed=2)
            self.stores_it(run)
            self.check_object(run)
        (run.dir / "stored").unlink()
        self.fill(run, 2, seed=3)
        self.stores_it(run)
        self.assertEqual(self.segments(run.container), [])
        self.assertGreater(len(self.anonymous(f"{run.container}/{run.path}/artifacts.tar.gz").body), 2_000_000)

    def test_a_listing_that_names_segments_that_are_gone_is_not_trusted_twice(self) -> None:
        run = self.noisy(9)
        self.stores_it(run)
        (run.dir / "stored").unlink()
        gone = self.segments(run.container)[1]

        def lose() -> None:
            self.store.client().delete_object(run.container + "_segments", gone)

        with FaultyProxy(Fault("PUT", "/artifacts.tar.gz", times=1, before=lose)) as proxy:
            self.stores_it(run, env=proxy.env)
        self.assertEqual([path[-1] for path in self.segment_puts(proxy)], ["0", "1", "2"])
        self.check_object(run)

    def test_a_token_that_expires_between_segments_is_renewed(self) -> None:
        run = self.noisy(9)
        expire = [Fault("PUT", ending, times=1, before=lambda: self.store.rig("expire"))
                  for ending in ("/00000001", "/artifacts.tar.gz")]
        with FaultyProxy(*expire) as proxy:
            self.stores_it(run, env=proxy.env)
        self.assertEqual(proxy.count("POST", "/v3/auth/tokens"), 3)
        self.check_object(run)

    def most_memory_kb(self, run: Run) -> int:
        """Up to its last object, at which it waits until somebody has looked."""
        seen: list[int] = []
        with FaultyProxy(Fault("PUT", "/result.tar", before=lambda: seen.append(peak_kb(process.pid)))) as proxy:
            process = start_upload(self.store, run, env=proxy.env)
            said, _ = process.communicate()
        self.assertEqual(process.returncode, 0, said)
        return max(seen)

    def test_large_files_take_no_more_memory_than_small_ones(self) -> None:
        small = self.most_memory_kb(self.noisy(3))
        large = self.most_memory_kb(self.noisy(200, run_id="20261123_101113_0a1b2@"))
        print(f"        most memory: {small} kB for 3 MB, {large} kB for 200 MB")
        self.assertGreater(small, 1000)
        self.assertLess(large - small, RSS_SPREAD_KB)
