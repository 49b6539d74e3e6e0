# SPDX-License-Identifier: GPL-3.0-only
"""What a store must hold and how the upload takes its faults; AtSwift and AtBuiltIn run the same cases."""
from __future__ import annotations

import gzip
import io
import json
import pathlib
import random
import tarfile
import tempfile
import time
import unittest
from typing import Any
from urllib.parse import quote

import swiftclient
from bed import Answer, Run, Store, Swift, Upload, fetch, read, start_upload, upload
from faulty import Fault, FaultyProxy, TlsFront

EX_TEMPFAIL, EX_NOPERM, EX_CONFIG = 75, 77, 78
RSS_MAX_KB = 20_000
PUBLIC = ".r:*,.rlistings"

stores: dict[str, Store] = {}  # by name; the driver fills it


def members(tar: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(tar)) as file:
        return {m.name: file.extractfile(m).read() for m in file.getmembers() if m.isfile()}  # type: ignore[union-attr]


class Cases:
    """Mixed into one class for each store."""

    which = ""
    assertEqual: Any
    assertIn: Any
    assertNotIn: Any
    assertTrue: Any
    assertFalse: Any
    assertLess: Any
    assertGreater: Any

    def setUp(self) -> None:
        self.store = stores[self.which]
        self.tmp = tempfile.TemporaryDirectory(prefix="run-")
        self.spool = pathlib.Path(self.tmp.name) / "spool"
        # a container of its own for every case
        self.container = f"autopkgtest-{self._testMethodName[5:].replace('_', '-')}"  # type: ignore[attr-defined]

    def tearDown(self) -> None:
        self.tmp.cleanup()
        self.store.start()  # whatever a case ended

    def run_of(self, **options: Any) -> Run:
        return Run(self.spool, **{"container": self.container} | options)

    def stores_it(self, run: Run, **options: Any) -> Upload:
        done = upload(self.store, run, **options)
        self.assertEqual(done.code, 0, done.output)
        self.assertTrue(run.is_stored())
        self.assertFalse((run.dir / "packed").exists())
        return done

    def keeps_it(self, run: Run, code: int, **options: Any) -> str:
        """It is not stored, and stays in the spool; the next try, with nothing in the way, succeeds."""
        done = upload(self.store, run, **options)
        self.assertEqual(done.code, code, done.output)
        self.assertFalse(run.is_stored())
        self.assertTrue((run.dir / "log").exists())
        self.store.start()
        self.stores_it(run)
        return done.output

    def anonymous(self, path: str, method: str = "GET") -> Answer:
        return fetch(f"{self.store.url}/{path}", method)

    # ---- what is stored

    def test_objects_are_as_others_expect_them(self) -> None:
        run = self.run_of(package="libreoffice", requester="bob", **{"readable-by": ["alice", "carol"]})
        with FaultyProxy() as proxy:
            self.stores_it(run, env=proxy.env)
        puts = [path.rsplit("/", 1)[1] for method, path, _ in proxy.seen if method == "PUT" and "@/" in path]
        self.assertEqual(puts, ["readable-by", "log.gz", "artifacts.tar.gz", "result.tar"])
        client = self.store.client()
        headers, listing = client.get_container(self.container)
        self.assertEqual(headers["x-container-read"], PUBLIC)
        base = "noble/amd64/libr/libreoffice/20261123_101112_0a1b2@"
        self.assertEqual([o["name"] for o in listing],
                         [f"{base}/{name}" for name in ("artifacts.tar.gz", "log.gz", "readable-by", "result.tar")])
        headers, log = client.get_object(self.container, f"{base}/log.gz")
        self.assertEqual(headers["content-type"].lower(), "text/plain; charset=utf-8")
        self.assertEqual(headers["content-encoding"], "gzip")
        self.assertEqual(gzip.decompress(log), b"line 1\nline 2\n")
        headers, tar = client.get_object(self.container, f"{base}/result.tar")
        self.assertEqual(headers["content-type"], "application/x-tar")
        got = members(tar)
        testinfo = json.loads(got.pop("testinfo.json"))
        self.assertEqual(testinfo["custom_environment"], ["ADT_TEST_TRIGGERS=libreoffice/1.0"])
        self.assertEqual(testinfo["virt_server"], "autopkgtest-virt-null")
        self.assertEqual(got, {
            "exitcode": b"0\n", "testpkg-version": b"libreoffice 1.0-1\n", "duration": b"42\n",
            "testbed-packages": b"dpkg\t1.22\n", "summary": b"smoke PASS\n", "requester": b"bob\n", "env": b"\n",
            "uuid": b"7b0d8bd0-4c8b-4b8c-9c06-0a1b2c3d4e5f\n"})
        headers, tar = client.get_object(self.container, f"{base}/artifacts.tar.gz")
        self.assertEqual((headers["content-type"], members(tar)), ("application/gzip", {"artifacts/file": b"kept\n"}))
        self.assertEqual(client.get_object(self.container, f"{base}/readable-by")[1], b"alice\ncarol")

    def test_public_results_are_open_to_read_and_to_nothing_else(self) -> None:
        run = self.run_of()
        self.stores_it(run)
        name = f"{self.container}/{run.path}/result.tar"
        self.assertEqual(self.anonymous(name).status, 200)
        self.assertEqual(self.anonymous(name, "HEAD").status, 200)
        self.assertEqual(self.anonymous(self.container).status, 200)
        for method in ("PUT", "DELETE", "POST"):
            self.assertIn(self.anonymous(name, method).status, (401, 403), method)
        self.assertEqual(self.anonymous(name).status, 200)

    def test_private_results_are_closed(self) -> None:
        run = self.run_of(container="private-" + self.container, acl="*:reader", swiftuser="reader")
        self.stores_it(run)
        name = f"{run.container}/{run.path}/result.tar"
        self.assertEqual(self.store.client().head_container(run.container)["x-container-read"], "*:reader")
        self.assertEqual((self.anonymous(name).status, self.anonymous(run.container).status), (401, 401))
        # whether there is such an object must not show either
        self.assertEqual(self.anonymous(name + "x").status, 401)

    def test_a_container_that_was_open_is_closed_by_a_private_run(self) -> None:
        container = "private-" + self.container
        self.store.client().put_container(container, headers={"X-Container-Read": PUBLIC})
        run = self.run_of(container=container, acl="*:reader", swiftuser="reader")
        self.stores_it(run)
        self.assertEqual(self.anonymous(f"{container}/{run.path}/result.tar").status, 401)

    def test_names_with_signs_arrive_as_they_are(self) -> None:
        run = self.run_of(package="g++-13.2+x")
        self.stores_it(run)
        self.assertEqual(len(self.store.client().get_container(self.container, prefix=run.path + "/")[1]), 3)
        self.assertEqual(self.anonymous(f"{self.container}/{quote(run.path)}/result.tar").status, 200)
        self.assertEqual(self.anonymous(f"{self.container}/{run.path}/result.tar").status, 200)

    def test_a_stored_result_is_found_again(self) -> None:
        run = self.run_of(exitcode=4)
        self.assertEqual(upload(self.store, run, "--find").code, 1)
        self.stores_it(run)
        found = upload(self.store, run, "--find")
        self.assertEqual(found.code, 0, found.output)
        message = json.loads(found.output)
        self.assertEqual((message["exitcode"], message["swift_dir"], message["container"]),
                         (4, run.path, self.container))

    def test_a_second_upload_changes_nothing(self) -> None:
        run = self.run_of()
        self.stores_it(run)
        (run.dir / "stored").unlink()
        etag = self.anonymous(f"{self.container}/{run.path}/result.tar", "HEAD").headers["ETag"]
        self.stores_it(run)
        self.assertEqual(self.anonymous(f"{self.container}/{run.path}/result.tar", "HEAD").headers["ETag"], etag)

    # ---- large files

    def test_large_files_take_little_memory(self) -> None:
        run = self.run_of()
        with open(run.dir / "log", "wb") as log:
            log.truncate(300_000_000)
        noise = random.Random(1).randbytes(24_000_000)
        (run.dir / "output/artifacts/noise").write_bytes(noise)
        done = self.stores_it(run)
        self.assertLess(done.peak_kb, RSS_MAX_KB)
        self.assertGreater(done.peak_kb, 1000)
        print(f"        most memory of the upload: {done.peak_kb} kB")
        _, tar = self.store.client().get_object(self.container, f"{run.path}/artifacts.tar.gz")
        self.assertEqual(members(tar)["artifacts/noise"], noise)

    # ---- credentials

    def test_a_wrong_password_is_told_and_not_shown(self) -> None:
        output = self.keeps_it(self.run_of(), EX_NOPERM, password="wrong-secret")
        self.assertIn("refused", output)
        self.assertIn("swift-username, swift-password or swift-secret", output)

    def test_a_token_refused_once_is_renewed(self) -> None:
        for number, ending in enumerate(("/log.gz", "/result.tar")):
            run = self.run_of(run_id=f"20261123_10111{number}_0a1b2@",
                              container=self.container)
            with FaultyProxy(Fault("PUT", ending, times=1, status=401)) as proxy:
                self.stores_it(run, env=proxy.env)

    def test_tokens_refused_for_good_are_told(self) -> None:
        with FaultyProxy(Fault("PUT", "/log.gz", status=401)) as proxy:
            self.keeps_it(self.run_of(), EX_NOPERM, env=proxy.env)
        self.assertEqual(proxy.count("PUT", "/log.gz"), 2)

    # ---- a store in trouble

    def test_a_store_that_is_down_gets_the_result_later(self) -> None:
        self.store.kill("proxy")
        self.keeps_it(self.run_of(), EX_TEMPFAIL)

    def test_faults_that_pass_are_waited_out(self) -> None:
        faults = [Fault("PUT", "/log.gz", times=1, status=503), Fault("PUT", "/artifacts.tar.gz", times=1, status=429,
                                                                      Retry_After="1"),
                  Fault("PUT", "/result.tar", times=1, cut=10)]
        with FaultyProxy(*faults) as proxy:
            self.stores_it(self.run_of(), env=proxy.env)
        self.assertEqual([proxy.count("PUT", f.ending) for f in faults], [2, 2, 2])

    def test_a_connection_cut_in_the_middle_of_a_large_file_is_taken_up_again(self) -> None:
        run = self.run_of()
        noise = random.Random(2).randbytes(8_000_000)
        (run.dir / "output/artifacts/noise").write_bytes(noise)
        with FaultyProxy(Fault("PUT", "/artifacts.tar.gz", times=1, cut=3_000_000)) as proxy:
            self.stores_it(run, env=proxy.env)
        _, tar = self.store.client().get_object(self.container, f"{run.path}/artifacts.tar.gz")
        self.assertEqual(members(tar)["artifacts/noise"], noise)

    def test_faults_that_stay_keep_the_result(self) -> None:
        run = self.run_of()
        for status in (400, 403, 404, 408, 409, 412, 413, 418, 422, 429, 498, 500, 502, 503, 504, 507):
            with FaultyProxy(Fault("PUT", "/artifacts.tar.gz", status=status, Retry_After="600")) as proxy:
                done = upload(self.store, run, env=proxy.env)
            self.assertEqual(done.code, EX_NOPERM if status == 403 else EX_TEMPFAIL, done.output)
            self.assertFalse(run.is_stored())
            self.assertEqual((proxy.count("PUT", "/artifacts.tar.gz"), proxy.count("PUT", "/result.tar")), (1, 0))
            self.assertIn(self.container, done.output)
            self.assertIn("there is no" if status == 404 else str(status), done.output)
        self.stores_it(run)

    def test_an_answer_that_gets_lost_is_asked_for_again(self) -> None:
        faults = [Fault("PUT", ending, times=1, answer="lost") for ending in ("/" + self.container, "/log.gz", "/result.tar")]
        with FaultyProxy(*faults) as proxy:
            self.stores_it(self.run_of(), env=proxy.env)
        self.assertEqual([proxy.count("PUT", f.ending) for f in faults], [2, 2, 2])

    def test_an_answer_that_is_cut_short_is_not_taken_for_a_result(self) -> None:
        run = self.run_of()
        self.stores_it(run)
        with FaultyProxy(Fault("GET", "/result.tar", answer="short")) as proxy:
            self.assertEqual(upload(self.store, run, "--find", env=proxy.env).code, EX_TEMPFAIL)
        with FaultyProxy(Fault("GET", "/result.tar", times=1, answer="short")) as proxy:
            self.assertEqual(json.loads(upload(self.store, run, "--find", env=proxy.env).output)["exitcode"], 0)

    def test_an_upload_that_is_killed_dumps_nothing_and_can_be_done_again(self) -> None:
        run = self.run_of()
        limits: list[bytes] = []

        def kill() -> None:
            limits.append(read(f"/proc/{process.pid}/limits"))
            process.kill()

        with FaultyProxy(Fault("PUT", "/artifacts.tar.gz", times=1, before=kill)) as proxy:
            process = start_upload(self.store, run, env=proxy.env)
            self.assertEqual(process.wait(), -9)
        if process.stdout:
            process.stdout.close()
        self.assertRegex(limits[0], rb"Max core file size +0 +0 ")
        self.stores_it(run)

    def test_a_container_that_goes_away_meanwhile_is_made_again(self) -> None:
        run = self.run_of()
        gone = Fault("PUT", "/log.gz", times=1, before=lambda: self.store.client().delete_container(self.container))
        with FaultyProxy(gone) as proxy:
            self.keeps_it(run, EX_TEMPFAIL, env=proxy.env)

    # ---- the way there

    def test_proxies_of_the_environment_are_used_where_they_should_be(self) -> None:
        with FaultyProxy() as proxy:
            self.stores_it(self.run_of(), env=proxy.env)
            self.assertGreater(len(proxy.seen), 3)
            proxy.seen.clear()
            self.stores_it(self.run_of(run_id="20261123_101113_0a1b2@"), env=proxy.env | {"no_proxy": "127.0.0.1"})
            self.assertEqual(proxy.seen, [])
        gone = {"http_proxy": proxy.env["http_proxy"].replace("//", "//someone:proxy-secret@")}
        output = self.keeps_it(self.run_of(run_id="20261123_101114_0a1b2@"), EX_TEMPFAIL, env=gone)
        self.assertNotIn("proxy-secret", output)

    def test_an_address_with_a_password_in_it_is_told_without(self) -> None:
        wrong = self.store.settings["SWIFT_AUTH_URL"].replace("//", "//someone:url-secret@")
        output = self.keeps_it(self.run_of(), EX_NOPERM, auth_url=wrong, password="wrong-secret")
        self.assertNotIn("url-secret", output)


class AtSwift(Cases, unittest.TestCase):
    """Swift 2.30 and Keystone 22."""

    which = "swift"
    store: Swift

    def test_private_results_are_open_to_their_user_only(self) -> None:
        run = self.run_of(container="private-" + self.container, acl="*:reader", swiftuser="reader")
        self.stores_it(run)
        name = f"{run.path}/result.tar"
        for user in ("autopkgtest", "reader"):
            self.assertEqual(members(self.store.client(user).get_object(run.container, name)[1])["exitcode"], b"0\n")
        self.assertEqual(len(self.store.client("reader").get_container(run.container)[1]), 3)
        for user in ("stranger",):
            with self.assertRaises(swiftclient.ClientException) as refused:
                self.store.client(user).get_object(run.container, name)
            self.assertEqual(refused.exception.http_status, 403)
        with self.assertRaises(swiftclient.ClientException):
            self.store.client("reader").put_object(run.container, name, b"forged")

    def test_a_token_that_expires_between_two_files_is_renewed(self) -> None:
        run = self.run_of()
        (run.dir / "output/artifacts/noise").write_bytes(random.Random(3).randbytes(4_000_000))
        expire = [Fault("PUT", ending, times=1, before=lambda: self.store.rig("expire"))
                  for ending in ("/log.gz", "/artifacts.tar.gz", "/result.tar")]
        with FaultyProxy(*expire) as proxy:
            self.stores_it(run, env=proxy.env)
        self.assertEqual(proxy.count("POST", "/v3/auth/tokens"), 4)

    def test_a_user_who_may_not_write_is_refused(self) -> None:
        reader = self.store.lines("env", "reader")
        self.keeps_it(self.run_of(), EX_NOPERM, username="reader", password=reader["SWIFT_PASSWORD"])

    def test_a_region_that_the_catalogue_lacks_is_named(self) -> None:
        output = self.keeps_it(self.run_of(), EX_CONFIG, region="RegionNine")
        self.assertIn("region RegionNine, only in RegionOne, RegionTwo", output)
        self.assertIn("swift-region", output)

    def test_the_region_chooses_the_account(self) -> None:
        run = self.run_of()
        self.stores_it(run, region="RegionTwo")
        self.assertEqual(self.anonymous(f"{self.container}/{run.path}/result.tar").status, 401)
        other = self.store.url.replace("/AUTH_", "/TWO_")
        self.assertEqual(fetch(f"{other}/{self.container}/{run.path}/result.tar").status, 200)

    def test_an_absent_project_is_refused(self) -> None:
        self.keeps_it(self.run_of(), EX_NOPERM, project_name="absent")

    def test_an_address_that_is_not_keystones_is_told(self) -> None:
        wrong = self.store.settings["SWIFT_AUTH_URL"].replace("/v3", "/v9/v3")
        self.assertIn("authentication URL", self.keeps_it(self.run_of(), EX_TEMPFAIL, auth_url=wrong))

    def test_a_keystone_that_is_busy_is_asked_again(self) -> None:
        with FaultyProxy(Fault("POST", "/v3/auth/tokens", times=1, status=503),
                         Fault("POST", "/v3/auth/tokens", times=1, answer="lost")) as proxy:
            self.stores_it(self.run_of(), env=proxy.env)
        self.assertEqual(proxy.count("POST", "/v3/auth/tokens"), 3)

    def test_a_keystone_that_is_down_is_waited_for(self) -> None:
        self.store.kill("keystone")
        self.keeps_it(self.run_of(), EX_TEMPFAIL)

    def test_a_keystone_that_goes_down_meanwhile_is_waited_for(self) -> None:
        with FaultyProxy(Fault("PUT", "/log.gz", times=1, before=lambda: self.store.kill("keystone"))) as proxy:
            self.keeps_it(self.run_of(), EX_TEMPFAIL, env=proxy.env)

    def test_an_object_server_that_is_down_is_waited_for(self) -> None:
        self.store.kill("object")
        self.keeps_it(self.run_of(), EX_TEMPFAIL)


class AtBuiltIn(Cases, unittest.TestCase):
    which = "built-in"

    def test_a_store_that_never_answers_is_left_and_asked_again(self) -> None:
        begin = time.monotonic()
        with FaultyProxy(Fault("PUT", "/log.gz", times=1, answer="late")) as proxy:
            self.stores_it(self.run_of(), env=proxy.env)
        self.assertEqual(proxy.count("PUT", "/log.gz"), 2)
        self.assertGreater(time.monotonic() - begin, 50)  # not for having failed otherwise

    def test_only_a_certificate_that_the_machine_trusts_is_talked_to(self) -> None:
        with TlsFront(self.store.settings["SWIFT_AUTH_URL"].removesuffix("/auth/v1.0"), pathlib.Path(self.tmp.name)) as front:
            address = {"auth_url": f"{front.url}/auth/v1.0"}
            self.assertIn("certificate", self.keeps_it(self.run_of(), EX_TEMPFAIL, **address))
            self.assertEqual(front.seen, [])
            trust = 'mount --bind "$0" /etc/ssl/certs/ca-certificates.crt && exec "$@"'
            self.stores_it(self.run_of(run_id="20261123_101113_0a1b2@"),
                           before=("unshare", "-rm", "sh", "-c", trust, str(front.certificate)), **address)
        self.assertEqual(front.count("PUT", "/result.tar"), 1)


class BothStores(unittest.TestCase):
    """Who reads cannot tell one store from the other."""

    CONTAINER = "autopkgtest-listed"
    NAMES = [f"noble/{arch}/{package[:4] if package.startswith('lib') else package[0]}/{package}/{run}/{name}"
             for arch in ("amd64", "arm64") for package in ("gzip", "g++", "libreoffice")
             for run in ("20260101_000000_aaaaa@", "20260102_000000_bbbbb@", "20261231_235959_ccccc@")
             for name in ("log.gz", "result.tar")] + ["noble/odd \u00e4&?%+#", "noble@", "a@b@c"]
    GZIP = "noble/amd64/g/gzip/"
    QUERIES = [
        "", "prefix=noble/amd64/g/gzip/&delimiter=@", f"prefix={GZIP}&delimiter=@&marker={GZIP}20260101_000000_aaaaa@",
        f"prefix={GZIP}&delimiter=@&marker={GZIP}20260101_000000_aaaaa@/log.gz",
        f"prefix={GZIP}&delimiter=@&marker={GZIP}20260101", f"prefix={GZIP}&delimiter=@&marker={GZIP}20261231_235959_ccccc@",
        f"prefix={GZIP}&delimiter=@&marker=zzz", "delimiter=@&prefix=noble/arm64/libr/libreoffice/&limit=2",
        "delimiter=@", "delimiter=/", "prefix=noble/&delimiter=/", "prefix=noble/amd64/&delimiter=/", "limit=4",
        "limit=4&marker=noble/amd64/g/g", "marker=noble/arm64&limit=3", "end_marker=noble/amd64/g/gzip", "prefix=absent/",
        f"prefix={GZIP}&marker={GZIP}20260102&end_marker={GZIP}20260103", "prefix=noble/amd64/g/g%2B%2B/&delimiter=@",
        "prefix=noble%2Fodd", "limit=0", "reverse=off", "marker=&prefix=&delimiter=", "format=plain&limit=2",
        "delimiter=@&prefix=a", "delimiter=@/", f"delimiter=@/&prefix={GZIP}", "delimiter=zip/&marker=noble/amd64/g/gzip/",
        f"delimiter=@/l&prefix={GZIP}&limit=2", "delimiter=%C3%A4%26", "limit=10001", "limit=", "reverse=false",
        "format=text&limit=1", "delimiter=@&prefix=a@", "delimiter=/&prefix=noble/amd64/g/gzip",
    ]

    @classmethod
    def setUpClass(cls) -> None:
        for store in stores.values():
            client = store.client()
            client.put_container(cls.CONTAINER, headers={"X-Container-Read": PUBLIC})
            client.put_container("autopkgtest-empty", headers={"X-Container-Read": PUBLIC})
            for name in cls.NAMES:
                client.put_object(cls.CONTAINER, name, b"x" * (len(name) % 7), content_type="text/plain")

    def answers(self, path: str) -> list[Answer]:
        return [fetch(f"{store.url}/{path}") for store in (stores["swift"], stores["built-in"])]

    def test_plain_listings_are_the_same(self) -> None:
        for query in self.QUERIES:
            with self.subTest(query=query):
                swift, own = self.answers(f"{self.CONTAINER}?{query}")
                self.assertEqual(swift.status, own.status)
                if swift.status == 200:
                    self.assertEqual(swift.body, own.body)
                    self.assertEqual(own.headers["Content-Type"].lower(), "text/plain; charset=utf-8")
                    self.assertEqual(swift.headers["Content-Type"].lower(), "text/plain; charset=utf-8")

    def test_json_listings_are_the_same(self) -> None:
        def entries(answer: Answer) -> Any:
            listed = json.loads(answer.body) if answer.status == 200 else []
            for entry in listed:
                entry.pop("last_modified", None)
            return listed

        for query in self.QUERIES:
            if "format" not in query:
                with self.subTest(query=query):
                    swift, own = self.answers(f"{self.CONTAINER}?{query}&format=json")
                    self.assertEqual((swift.status, entries(swift)), (own.status, entries(own)))

    def test_what_a_head_tells_of_a_container_is_the_same(self) -> None:
        for name in (self.CONTAINER, "autopkgtest-empty", "autopkgtest-none"):
            swift, own = (fetch(f"{store.url}/{name}", "HEAD") for store in (stores["swift"], stores["built-in"]))
            self.assertEqual((swift.status, swift.body), (own.status, own.body), name)
            self.assertEqual(own.headers.get("X-Container-Read"), swift.headers.get("X-Container-Read"))

    def test_what_a_head_tells_of_an_object_is_the_same(self) -> None:
        swift, own = (fetch(f"{store.url}/{self.CONTAINER}/{self.NAMES[0]}", "HEAD")
                      for store in (stores["swift"], stores["built-in"]))
        for name in ("Content-Length", "Content-Type", "ETag", "Accept-Ranges", "Content-Encoding"):
            self.assertEqual(own.headers.get(name), swift.headers.get(name), name)

    def test_a_gating_program_reads_the_runs_behind_its_last(self) -> None:
        for answer in self.answers(f"{self.CONTAINER}?delimiter=@&prefix={self.GZIP}&marker={self.GZIP}20260102_000000_bbbbb@"):
            self.assertEqual(answer.body, f"{self.GZIP}20261231_235959_ccccc@\n".encode())

    def test_what_is_not_there_is_answered_alike(self) -> None:
        for path in ("autopkgtest-empty", "autopkgtest-empty?format=json", "autopkgtest-none", "autopkgtest-none/o",
                     f"{self.CONTAINER}/none", "autopkgtest-empty?delimiter=@&prefix=n"):
            with self.subTest(path=path):
                swift, own = self.answers(path)
                self.assertEqual(swift.status, own.status)
                if swift.status < 400:
                    self.assertEqual(swift.body, own.body)
