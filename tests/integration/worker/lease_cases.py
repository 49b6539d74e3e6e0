# SPDX-License-Identifier: GPL-3.0-only
"""Leases that run out while the broker crashes."""
from __future__ import annotations

import shutil
import time

import amqp

from bed import WAIT_S, Bed, wait_for

QUEUE = "debci-noble-amd64"


def write_down(bed: Bed, queue: str) -> None:
    """Returns when all that is in the queue is on the broker's disk: with a message whose receipt it confirms."""
    settings = bed.broker.settings
    with amqp.Connection(f"{settings['RABBIT_HOST']}:{settings['RABBIT_PORT']}", settings["RABBIT_USER"], settings["RABBIT_PASSWORD"],
                         virtual_host=settings["RABBIT_VHOST"], confirm_publish=True) as connection:
        connection.channel().basic_publish(amqp.Message("", delivery_mode=2), routing_key=queue, confirm_timeout=WAIT_S)


def test_a_lease_that_ran_out_just_before_the_broker_was_killed_is_not_lost(bed: Bed) -> None:
    """A broker writes late what comes without a confirm into a queue that it keeps busy."""
    bed.configure(lease_ttl=3)
    worker, uuid = bed.leased_test()
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
    worker, uuid = bed.leased_test()
    worker.kill()
    shutil.rmtree(bed.dir / "work")
    wait_for("the lease ran out", lambda: any(uuid in text for text in bed.peek("autopkgtest.leases.returned")))
    write_down(bed, "autopkgtest.leases.returned")
    bed.broker.rig("kill")
    bed.broker.start()
    bed.go()
    bed.configure(unit="autopkgtest-cloud/1")
    other = bed.ready_worker(2)
    bed.completions(1)
    assert "a copy that does not say where it came from is dropped" in other.text(), "that of write_down()"
    assert "ran out, the request went back to " + QUEUE in other.text()
    wait_for("no lease left", lambda: bed.leases(2, "autopkgtest-cloud-1") == [] and bed.peek("autopkgtest.leases.returned") == [])
