# SPDX-License-Identifier: GPL-3.0-only
"""The fields of the journal, read back from a real one."""
from __future__ import annotations

import contextlib
import json
from typing import Any, Iterator

from bed import HOLD, Bed, wait_for
from journald import Journald


@contextlib.contextmanager
def journal_of(bed: Bed) -> Iterator[Journald]:
    journal = Journald(bed.dir)
    bed.prefix = journal.prefix("worker")
    try:
        yield journal
    finally:
        for worker in bed.workers:
            worker.kill()
        journal.close()


def fields(entry: dict[str, Any]) -> dict[str, str]:
    return {key[len("ADT_"):]: value for key, value in entry.items() if key.startswith("ADT_")}


def test_the_journal_has_the_fields_of_the_request_while_it_is_in_hand(bed: Bed) -> None:
    with journal_of(bed) as journal:
        bed.behave(HOLD)
        worker = bed.worker()
        assert fields(journal.find("connected to the broker")) == {}
        first = bed.request(requester="ann", testname="smoke")
        started = journal.find("test of gzip started")
        assert started["SYSLOG_IDENTIFIER"] == "autopkgtest-worker" and started["PRIORITY"] == "6", started
        params = json.loads(fields(started).pop("PARAMS"))
        assert (params["triggers"], params["requester"], params["testname"]) == (["gzip/1.12-1"], "ann", "smoke"), params
        expected = {"PACKAGE": "gzip", "RELEASE": "noble", "ARCH": "amd64", "UUID": first}
        assert fields(started) == expected | {"PARAMS": fields(started)["PARAMS"]}, started
        bed.go()
        bed.completions(1)
        assert fields(journal.find("exit code 0")) == fields(started)

        # What is logged between two requests has none of the last one's.
        bed.publish("../x\n{}")
        rejected = journal.find("request rejected")
        assert fields(rejected) == {} and rejected["PRIORITY"] == "3", rejected
        second = bed.request("bzip2", "debci-ppa-jammy-amd64", swiftuser="joe", env=["KEY=Zq1hush"])
        bed.completions(1)
        started = journal.find("test of bzip2 started")
        # Of a private request the parameters are missing.
        assert fields(started) == {"PACKAGE": "bzip2", "RELEASE": "jammy", "ARCH": "amd64", "UUID": second}, started
        assert worker.stop() == 0
        wait_for("the end of the worker", lambda: worker.process.poll() is not None)
        assert "Zq1hush" not in json.dumps(journal.entries())


def test_a_request_that_cannot_be_read_has_the_fields_that_could(bed: Bed) -> None:
    with journal_of(bed) as journal:
        bed.worker()
        journal.find("connected to the broker")
        bed.publish('gzip\n{"uuid": "u-1", "env": 7}')
        bed.completions(1)
        entry = journal.find("the request cannot be read")
        assert fields(entry) == {"PACKAGE": "gzip", "RELEASE": "noble", "ARCH": "amd64", "UUID": "u-1", "PARAMS": "{}"}, entry
        assert entry["PRIORITY"] == "4"
