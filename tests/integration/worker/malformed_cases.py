# SPDX-License-Identifier: GPL-3.0-only
"""Requests that cannot be read or run: each that names its package gets a result, and none disturbs the others."""
from __future__ import annotations

import base64
import json

from bed import Bed, wait_for

MIB = 1024 * 1024
LONG = "x" * 200_000
# The body, what the log of the result says, and where that goes.
UNREADABLE: list[tuple[bytes, str, str]] = [
    (b'gzip\n{"uuid": "\xff"}', "unable to decode byte", "autopkgtest-noble"),
    (b"gzip\n{", "parameters: line 1", "autopkgtest-noble"),
    (b"gzip []", "expected an object, got an array", "autopkgtest-noble"),
    (b'gzip\n{"triggers": "a/1"}', "triggers: expected an array, got a string", "autopkgtest-noble"),
    (b'gzip\n{"env": ["A=1\\n--shell"]}', "env[0]: expected VAR=value", "private-autopkgtest-noble"),
    (b'gzip\n{"ppas": ["me"]}', "ppas[0]: expected [user:token@]", "autopkgtest-noble"),
    (b'gzip\n{"ppas": ["hush@me/p"]}', "ppas[0]: expected [user:token@]", "private-autopkgtest-noble"),
    (b'gzip\n{"ppas": ["me/p"], "env": ["hush"]}', "env[0]: expected VAR=value", "autopkgtest-noble-me-p"),
    (b'gzip\n{"test-git": "--upload-pack=hush"}', 'test-git: expected "URL"', "autopkgtest-noble"),
    (b'gzip\n{"test-bzr": "lp:gzip"}', "test-bzr: this worker fetches no Bazaar branches", "autopkgtest-noble"),
    (b'gzip\n{"swiftuser": "joe,.r:*"}', "swiftuser: expected a name", "private-autopkgtest-noble"),
    (b'gzip\n{"uuid": "' + LONG.encode() + b'"}', "uuid: expected at most 128", "autopkgtest-noble"),
    (b'gzip\n{"x": "' + b"x" * MIB + b'"}', "request: longer than 1048576 bytes", "autopkgtest-noble"),
    (b'gzip\n{"env": ["A=' + LONG.encode() + b'"]}', "autopkgtest could not be started", "autopkgtest-noble"),
]
NAMELESS = [b"", b"\n{}", b"\xff\n{}", b"gz\0ip\n{}", b"../x\n{}", b"-x", b"a" * 101, b"x" * 2 * MIB]


def publish(bed: Bed, body: bytes) -> None:
    bed.broker.api("POST", "/exchanges/%2F/amq.default/publish", {
        "properties": {"delivery_mode": 2}, "routing_key": "debci-noble-amd64",
        "payload": base64.b64encode(body).decode(), "payload_encoding": "base64"})


def test_every_malformed_request_that_names_its_package_gets_a_result(bed: Bed) -> None:
    bed.broker.declare_queue("debci-noble-amd64")
    worker = bed.ready_worker()
    for body, _, _ in UNREADABLE:
        publish(bed, body)
    done = bed.completions(len(UNREADABLE))
    assert all(d["package"] == "gzip" and d["exitcode"] == 20 for d in done), done
    logs = {run.name: (run / "log").read_text() for run in bed.stored()}
    found = sorted((logs[d["swift_dir"].rsplit("/", 1)[1]], d["container"]) for d in done)
    for _, message, container in UNREADABLE:
        assert any(message in log and where == container for log, where in found), (message, container, found)
    assert "hush" not in worker.text() + "".join(logs.values()), worker.text()
    assert bed.runs() == [] and worker.process.poll() is None
    bed.assert_clean()


def test_what_names_no_package_is_rejected_and_the_next_is_run(bed: Bed) -> None:
    bed.broker.declare_queue("debci-noble-amd64")
    worker = bed.ready_worker()
    for body in NAMELESS:
        publish(bed, body)
    bed.request()
    assert bed.completions(1)[0]["exitcode"] == 0
    wait_for("all rejections", lambda: worker.text().count("request rejected") == len(NAMELESS))
    bed.assert_clean()


def test_the_same_unreadable_request_again_is_a_run_of_its_own(bed: Bed) -> None:
    for _ in range(6):
        bed.publish("gzip\n{")
    bed.ready_worker()
    runs = {done["swift_dir"] for done in bed.completions(6)}
    assert len(runs) == len(bed.stored()) == 6, runs
    bed.assert_clean()


def test_who_waits_for_an_unreadable_request_finds_its_result(bed: Bed) -> None:
    bed.ready_worker()
    bed.publish('gzip\n{"triggers": ["a/1", "b/2"], "requester": "ann", "uuid": "u-1", "env": 7}')
    done = bed.completions(1)[0]
    assert (done["exitcode"], done["triggers"], done["requester"]) == (20, "a/1 b/2", "ann"), done
    assert json.loads((bed.stored()[0] / "run.json").read_text())["uuid"] == "u-1"
