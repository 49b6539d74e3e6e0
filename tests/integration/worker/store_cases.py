# SPDX-License-Identifier: GPL-3.0-only
"""Worker, real autopkgtest-upload and built-in store together."""
from __future__ import annotations

import gzip
import io
import json
import tarfile

from bed import Bed, wait_for
from webstore import use_real_upload


def test_a_result_is_in_the_store_as_others_expect_it(bed: Bed) -> None:
    store = use_real_upload(bed)
    store.start()
    try:
        bed.ready_worker()
        uuid = bed.request(requester="bob", **{"readable-by": ["alice", "carol"]})
        done = bed.completions(1)[0]
        path = f"{done['container']}/{done['swift_dir']}"
        members = store.result(path)
        assert members["exitcode"] == "0\n" and members["testpkg-version"] == "gzip 1.12-1\n"
        assert members["uuid"].strip() == uuid and members["requester"].strip() == "bob"
        assert members["duration"].strip() == str(done["duration"])
        assert "ADT_TEST_TRIGGERS=gzip/1.12-1" in json.loads(members["testinfo.json"])["custom_environment"]
        assert members["testbed-packages"] == "dpkg\t1.22\n" and members["summary"] == "smoke PASS\n"
        _, headers, log = store.get(f"{path}/log.gz")
        assert headers["Content-Type"].lower() == "text/plain; charset=utf-8" and headers["Content-Encoding"] == "gzip"
        assert gzip.decompress(log).startswith(b"line 1")
        _, _, artifacts = store.get(f"{path}/artifacts.tar.gz")
        with tarfile.open(fileobj=io.BytesIO(artifacts)) as tar:
            assert "artifacts/file" in tar.getnames() and "log" not in tar.getnames()
        assert store.get(f"{path}/readable-by")[2] == b"alice\ncarol"
        _, _, listing = store.get(f"{done['container']}?prefix=noble/amd64/g/gzip/&delimiter=@")
        assert listing.decode().strip() == done["swift_dir"]
        bed.assert_clean()
    finally:
        store.kill()


def test_private_results_are_closed(bed: Bed) -> None:
    store = use_real_upload(bed)
    store.start()
    try:
        bed.ready_worker()
        bed.request(swiftuser="alice")
        done = bed.completions(1)[0]
        assert done["container"] == "private-autopkgtest-noble"
        assert store.get(f"{done['container']}/{done['swift_dir']}/result.tar")[0] == 401
        assert store.get(done["container"])[0] == 401
    finally:
        store.kill()


def test_a_store_that_is_killed_gets_its_results_later(bed: Bed) -> None:
    store = use_real_upload(bed)
    try:
        worker = bed.ready_worker()
        bed.request()
        bed.request()
        wait_for("two spooled results", lambda: len(bed.spooled()) == 2)
        wait_for("an upload that failed", lambda: "the result waits in the spool" in worker.text())
        store.start()
        for done in bed.completions(2):
            assert store.result(f"{done['container']}/{done['swift_dir']}")["exitcode"] == "0\n"
        bed.assert_clean()
    finally:
        store.kill()


def test_refused_credentials_keep_the_result(bed: Bed) -> None:
    store = use_real_upload(bed)
    store.start()
    try:
        cred = bed.dir / "conf/swift.cred"
        right = cred.read_text()
        cred.write_text(right.replace("sesame", "wrong"))
        worker = bed.ready_worker()
        bed.request()
        wait_for("the refusal", lambda: "ended with code 77" in worker.text())
        assert len(bed.spooled()) == 1 and "wrong" not in worker.text()
        cred.write_text(right)
        bed.completions(1)
        bed.assert_clean()
    finally:
        store.kill()


def test_a_copy_that_comes_back_is_found_in_the_store_and_announced(bed: Bed) -> None:
    store = use_real_upload(bed, lease_ttl=3)
    store.start()
    try:
        bed.ready_worker(1)
        bed.request()
        first = bed.completions(1)[0]
        run_id = first["swift_dir"].rsplit("/", 1)[1]
        # what a lost unit leaves that stored its result and could not announce it
        bed.broker.declare_queue("debci-noble-amd64")
        bed.broker.api("POST", "/exchanges/%2F/amq.default/publish", {
            "properties": {"delivery_mode": 2, "headers": {"run_id": run_id, "worker": "lost/0", "uuid": "x", "attempt": 0}},
            "routing_key": "debci-noble-amd64", "payload": 'gzip\n{"triggers": ["gzip/1.12-1"]}', "payload_encoding": "string"})
        again = bed.completions(1)[0]
        assert again == first | {"requester": again["requester"]}, again
        assert len(bed.runs()) == 1
        bed.assert_clean()
    finally:
        store.kill()
