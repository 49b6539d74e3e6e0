# SPDX-License-Identifier: GPL-3.0-only
"""Workers, units and brokers that are lost, and requests of which nobody knows whether another has them."""
from __future__ import annotations

import json
import os
import random
import shutil
import signal
import time

from bed import COMPLETE, Bed, TooSlow, Worker, wait_for
from webstore import use_real_upload

OBJECT_S = 5.0  # from the link on others may object to the result of a request that was looked at (SETTLE_US in job.c)
BROKER_STARTS_S = 600  # longer than a broker may take to start: a lease of that time does not run out meanwhile


def test_a_killed_worker_gives_its_request_back_at_its_next_start(bed: Bed) -> None:
    worker, _ = bed.leased_test()
    worker.kill()
    bed.behave("")
    bed.worker()
    bed.completions(1)
    bed.no_more_completions()
    assert len(bed.runs()) == 2
    bed.assert_clean()


def test_a_worker_killed_while_it_uploads_does_not_run_the_test_again(bed: Bed) -> None:
    bed.behave('touch "$FAKE_DIR/uploading"; exec sleep 3600\n', "upload")
    worker = bed.ready_worker()
    bed.request()
    wait_for("the upload", (bed.fake / "uploading").exists)
    worker.kill()
    bed.behave("", "upload")
    bed.worker()
    bed.completions(1)
    bed.no_more_completions()
    assert len(bed.runs()) == 1
    bed.assert_clean()


def test_the_lease_of_a_lost_unit_returns_by_itself_and_another_takes_it(bed: Bed) -> None:
    bed.configure(lease_ttl=3)
    worker, _ = bed.leased_test()
    worker.kill()
    shutil.rmtree(bed.dir / "work")
    bed.behave("")
    bed.configure(unit="autopkgtest-cloud/1", lease_ttl=3)
    bed.ready_worker(2)
    bed.completions(1)
    assert len(bed.runs()) == 2


def test_a_copy_that_comes_back_is_not_run_again_when_its_result_is_stored(bed: Bed) -> None:
    bed.configure(lease_ttl=3)
    # The unit vanishes between the upload and the announcement: the worker never gets to speak.
    bed.behave('mkdir -p "$FAKE_DIR/store"; cp -a -T "$1" "$FAKE_DIR/store/$(basename "$1")"; touch "$FAKE_DIR/uploaded"; exec sleep 3600\n', "upload")
    worker = bed.ready_worker(1)
    bed.request()
    wait_for("a stored result", (bed.fake / "uploaded").exists)
    worker.kill()
    shutil.rmtree(bed.dir / "spool")
    shutil.rmtree(bed.dir / "work")
    bed.behave("", "upload")
    bed.configure(unit="autopkgtest-cloud/1", lease_ttl=3)
    bed.ready_worker(2)
    assert bed.completions(1) == [{"found": True}]
    assert len(bed.runs()) == 1
    wait_for("no lease left", lambda: bed.leases(2, "autopkgtest-cloud-1") == [])


def test_a_request_whose_acknowledgement_was_forgotten_is_not_run_twice(bed: Bed) -> None:
    first, uuid = bed.leased_test()
    bed.request(uuid=uuid)
    bed.peek("debci-noble-amd64")  # delivered before, as it is after a crash of the broker
    second = bed.ready_worker(2)
    wait_for("the second yields", lambda: "yielding the request to worker autopkgtest-cloud/0/local-amd64-1" in second.text())
    wait_for("no second lease", lambda: bed.leases(2) == [])
    bed.go()
    bed.completions(1)
    bed.no_more_completions()
    assert len(bed.stored()) == 1
    # once more, when it is done: the broker was away in between
    bed.request(uuid=uuid)
    bed.completions(1)  # nobody doubts this one: somebody wants a second run
    bed.assert_clean(1, 2)
    assert first.text().count("yielding") == 0


def test_who_only_looks_at_a_request_does_not_keep_its_test_waiting(bed: Bed) -> None:
    """Others have a second to object; only the result waits for that."""
    @bed.attempts
    def attempt(bed: Bed) -> None:
        bed.behave("sleep 0.2\n")
        bed.behave('[ "$1" = --find ] || echo "$(date +%s.%N) $(wc -l <"$FAKE_DIR/runs")" >>"$FAKE_DIR/uploads"\n', "upload")
        for _ in range(3):
            bed.request()
        bed.peek("debci-noble-amd64")
        bed.ready_worker()
        bed.completions(3)
        bed.assert_clean()
        at, runs = (bed.fake / "uploads").read_text().splitlines()[0].split()
        if int(runs) != 3:
            raise TooSlow("a test waited for the result of another")
        if float(at) - float(bed.runs()[0].split()[0]) < 0.9:
            raise TooSlow("the result did not wait for objections")


def test_the_result_of_a_looked_at_request_yields_to_an_older_run(bed: Bed) -> None:
    """An instant test, begun before anybody could object, does not end one that has run for long."""
    @bed.attempts
    def attempt(bed: Bed) -> None:
        first, uuid = bed.leased_test()
        time.sleep(1.1)  # run ids tell seconds apart, and both share the spool of one unit
        first.signal(signal.SIGSTOP)
        bed.behave("")
        bed.request(uuid=uuid)
        bed.peek("debci-noble-amd64")
        start = time.monotonic()
        second = bed.ready_worker(2)
        wait_for("its result", lambda: ": exit code 0" in second.text())
        assert bed.stored() == [] or time.monotonic() - start >= OBJECT_S, "the result did not wait for objections"
        first.signal(signal.SIGCONT)
        wait_for("one yields", lambda: "ours is dropped" in second.text() or "yielding" in first.text())
        if "yielding" in first.text() and time.monotonic() - start >= OBJECT_S:
            raise TooSlow("the objection came too late")
        bed.go()
        bed.completions(1)
        bed.no_more_completions()
        assert len(bed.stored()) == 1 and "yielding" not in first.text()
        bed.assert_clean(1, 2)


def test_a_request_that_this_worker_itself_has_finished_is_not_run_again_by_it(bed: Bed) -> None:
    worker = bed.ready_worker()
    uuid = bed.request()
    bed.completions(1)
    worker.stop()
    bed.request(uuid=uuid)
    bed.peek("debci-noble-amd64")
    worker = bed.worker()
    wait_for("it yields", lambda: "yielding" in worker.text())
    wait_for("no request", lambda: bed.peek("debci-noble-amd64") == [])
    bed.no_more_completions()
    assert len(bed.runs()) == 1
    bed.assert_clean()


def test_a_copy_that_came_back_while_its_test_goes_on_yields_to_it(bed: Bed) -> None:
    bed.configure(lease_ttl=3)
    first, _ = bed.leased_test()
    first.signal(signal.SIGSTOP)
    bed.broker.close_connection("autopkgtest-worker autopkgtest-cloud/0/local-amd64-1")  # which a worker's lease outlives by far
    second = bed.ready_worker(2)
    bed.wait_runs(2)  # the lease ran out, and nobody objects yet
    first.signal(signal.SIGCONT)
    wait_for("the younger run yields", lambda: "yielding" in second.text())
    wait_for("the older has its lease again", lambda: len(bed.leases(1)) == 1)
    wait_for("no second lease", lambda: bed.leases(2) == [])
    bed.go()
    bed.completions(1)
    bed.no_more_completions()
    assert len(bed.stored()) == 1 and "yielding" not in first.text()
    bed.assert_clean(1, 2)


def test_leases_are_renewed_during_a_long_test(bed: Bed) -> None:
    bed.configure(lease_ttl=3)
    bed.leased_test()
    bed.lease_outlives(6)
    bed.go()
    bed.completions(1)
    bed.no_more_completions()
    assert len(bed.runs()) == 1
    bed.assert_clean()


def test_a_broker_killed_during_a_test_does_not_disturb_it(bed: Bed) -> None:
    bed.configure(lease_ttl=BROKER_STARTS_S)
    worker, _ = bed.leased_test()
    bed.broker.rig("kill")
    wait_for("the loss noticed", lambda: "no broker" in worker.text())
    bed.broker.start()
    wait_for("connected again", lambda: worker.text().count("connected to the broker") == 2)
    bed.go()
    bed.completions(1)
    assert len(bed.runs()) == 1
    bed.assert_clean()


def test_a_test_that_ends_while_the_broker_is_away_is_announced_when_it_is_back(bed: Bed) -> None:
    bed.configure(lease_ttl=BROKER_STARTS_S)
    worker, _ = bed.leased_test()
    bed.broker.rig("kill")
    bed.go()
    wait_for("the loss noticed", lambda: "no broker" in worker.text())
    wait_for("stored", bed.stored)
    bed.broker.start()
    bed.completions(1)
    assert len(bed.runs()) == 1
    bed.assert_clean()


def test_the_lease_queue_of_a_worker_that_is_gone_goes_by_itself_and_others_stay(bed: Bed) -> None:
    bed.configure(lease_ttl=3)
    gone, _ = bed.leased_test()
    name = "autopkgtest.lease.autopkgtest-cloud-0.local-amd64-"
    arguments = bed.broker.api("GET", f"/queues/%2F/{name}1")["arguments"]
    assert arguments["x-expires"] >= 4 * arguments["x-message-ttl"], arguments  # what is in it goes before
    gone.kill()
    other = bed.ready_worker(2)

    def queues() -> list[str]:
        return [queue["name"] for queue in bed.broker.api("GET", "/queues?disable_stats=true")]

    bed.wait_runs(2)
    wait_for("the queue is gone", lambda: name + "1" not in queues())
    assert name + "2" in queues() and other.text().count("connected to the broker") == 1
    bed.go()
    bed.completions(1)
    wait_for("no lease left", lambda: bed.leases(2) == [])


def test_kills_at_random_moments_lose_nothing(bed: Bed) -> None:
    seed = int(os.environ.get("CHAOS_SEED", random.randrange(1 << 32)))
    print(f"        CHAOS_SEED={seed}", flush=True)
    chance = random.Random(seed)
    store = use_real_upload(bed)
    store.start()
    try:
        bed.behave("sleep 0.1\n")
        uuids = {bed.request() for _ in range(40)}
        workers: dict[int, Worker] = {n: bed.worker(n) for n in (1, 2, 3)}
        for _ in range(25):
            time.sleep(chance.uniform(0.02, 0.4))
            number = chance.randint(1, 3)
            workers[number].kill()
            workers[number] = bed.worker(number)
        seen: dict[str, set[str]] = {}

        def all_announced() -> bool:
            for text in bed.get(COMPLETE):
                done = json.loads(text)
                uuid = store.result(f"{done['container']}/{done['swift_dir']}")["uuid"].strip()
                seen.setdefault(uuid, set()).add(done["swift_dir"])
            return set(seen) >= uuids

        wait_for("every request announced", all_announced, 600)
        assert set(seen) == uuids
        doubled = {uuid: runs for uuid, runs in seen.items() if len(runs) > 1}
        assert not doubled, doubled
        bed.assert_clean(1, 2, 3)
    finally:
        store.kill()
