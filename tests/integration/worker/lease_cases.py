# SPDX-License-Identifier: GPL-3.0-only
"""Leases that run out while the broker crashes."""
from __future__ import annotations

import shutil
import time

from bed import Bed, wait_for
from cases import leased_test

QUEUE = "debci-noble-amd64"


def test_a_lease_that_ran_out_just_before_the_broker_was_killed_is_not_lost(bed: Bed) -> None:
    """A broker writes late what comes without a confirm into a queue that it keeps busy."""
    bed.configure(lease_ttl=3)
    worker, uuid = leased_test(bed)
    worker.kill()
    shutil.rmtree(bed.dir / "work")
    bed.configure(unit="autopkgtest-cloud/1", lease_ttl=60)
    bed.ready_worker(2)
    bed.request(queue="debci-jammy-amd64")
    bed.wait_runs(2)  # so that it only brings copies back
    bed.request()
    wait_for("the copy is back", lambda: any(uuid in text for text in bed.peek(QUEUE)))
    end = time.monotonic() + 1.0  # the queue that it left has written that down meanwhile
    while time.monotonic() < end:
        bed.peek(QUEUE)
    bed.broker.rig("kill")
    bed.broker.start()
    wait_for("the copy is still there", lambda: any(uuid in text for text in bed.peek(QUEUE)))


def test_leases_that_ran_out_wait_for_a_worker_that_brings_them_back(bed: Bed) -> None:
    bed.configure(lease_ttl=3)
    worker, uuid = leased_test(bed)
    worker.kill()
    shutil.rmtree(bed.dir / "work")
    wait_for("the lease ran out", lambda: any(uuid in text for text in bed.peek("autopkgtest.leases.returned")))
    time.sleep(1.5)  # it is written within a second
    bed.broker.rig("kill")
    bed.broker.start()
    (bed.fake / "go").touch()
    bed.configure(unit="autopkgtest-cloud/1")
    other = bed.ready_worker(2)
    bed.completions(1)
    assert "ran out, the request went back to " + QUEUE in other.text()
    wait_for("no lease left", lambda: bed.leases(2, "autopkgtest-cloud-1") == [] and bed.peek("autopkgtest.leases.returned") == [])
