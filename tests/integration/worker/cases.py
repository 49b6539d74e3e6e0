# SPDX-License-Identifier: GPL-3.0-only
"""One function a case; the name says what holds."""
from __future__ import annotations

import contextlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import time
from typing import Any, Iterator

from disk import Disk
from bed import STATUS, Bed, Worker, wait_for

@contextlib.contextmanager
def small_disk(bed: Bed) -> Iterator[bool]:
    """The work directory on a small file system of its own; without the right to mount one there is nothing to test."""
    disk = Disk(bed.dir / "work")
    try:
        yield disk.mounted
    finally:
        for worker in bed.workers:
            worker.kill()
        disk.close()


HOLD = 'while [ ! -e "$FAKE_DIR/go" ]; do sleep 0.05; done\n'


def go(bed: Bed) -> None:
    (bed.fake / "go").touch()


def leased_test(bed: Bed, **params: Any) -> tuple[Worker, str]:
    """Worker 1 with a test that runs until go(), its request leased; and the request's uuid."""
    bed.behave(HOLD)
    worker = bed.ready_worker()
    request = bed.request(**params)
    bed.wait_runs(1)
    wait_for("the lease", lambda: len(bed.leases()) == 1)
    return worker, request


def test_a_request_is_run_stored_announced_and_cleaned_up(bed: Bed) -> None:
    worker = bed.ready_worker()
    uuid = bed.request(requester="somebody")
    done = bed.completions(1)[0]
    assert done["package"] == "gzip" and done["exitcode"] == 0, done
    assert done["release"] == "noble" and done["architecture"] == "amd64"
    assert done["container"] == "autopkgtest-noble"
    assert done["testpkg_version"] == "1.12-1" and done["requester"] == "somebody"
    assert done["triggers"] == "gzip/1.12-1"
    run = bed.stored()[0]
    assert done["swift_dir"].endswith(run.name)
    assert json.loads((run / "run.json").read_text())["uuid"] == uuid
    assert (run / "log").read_text().startswith("line 1")
    assert (run / "output/artifacts/file").exists() and not (run / "output/log").exists()
    bed.assert_clean()
    assert worker.stop() == 0


def test_a_request_without_uuid_gets_one(bed: Bed) -> None:
    bed.ready_worker()
    bed.publish("gzip")
    bed.completions(1)
    body = (bed.stored()[0] / "request").read_text()
    assert json.loads(body.split("\n", 1)[1])["uuid"]


def test_the_lease_holds_the_request_while_the_test_runs(bed: Bed) -> None:
    bed.behave(HOLD)
    bed.ready_worker()
    uuid = bed.request()
    bed.wait_runs(1)
    wait_for("the lease", lambda: len(bed.leases()) == 1)
    assert uuid in bed.leases()[0]
    queue = bed.broker.api("GET", "/queues/%2Fdebci-noble-amd64".replace("%2Fd", "%2F/d"))
    assert queue.get("messages_unacknowledged", 0) == 0
    go(bed)
    bed.completions(1)
    bed.assert_clean()


def test_all_of_many_requests_are_run_in_turn(bed: Bed) -> None:
    for _ in range(12):
        bed.request()
    bed.request("gzip", "debci-ppa-noble-amd64")
    bed.request("gzip", "debci-huge-jammy-amd64")
    bed.ready_worker()
    assert len(bed.completions(14)) == 14
    bed.assert_clean()


def test_two_workers_share_the_work(bed: Bed) -> None:
    bed.behave("sleep 0.3\n")
    bed.ready_worker(1)
    bed.ready_worker(2)
    for _ in range(10):
        bed.request()
    bed.completions(10)
    workers = {json.loads((run / "run.json").read_text())["worker"] for run in bed.stored()}
    assert len(workers) == 2, workers
    bed.assert_clean(1, 2)


def test_a_killed_worker_gives_its_request_back_at_its_next_start(bed: Bed) -> None:
    worker, _ = leased_test(bed)
    time.sleep(0.3)
    worker.kill()
    bed.behave("")
    bed.worker()
    bed.completions(1)
    bed.no_more_completions()
    assert len(bed.runs()) == 2
    bed.assert_clean()


def test_a_worker_killed_while_it_uploads_does_not_run_the_test_again(bed: Bed) -> None:
    bed.behave("sleep 60\n", "upload")
    worker = bed.ready_worker()
    bed.request()
    wait_for("a spooled result", bed.spooled)
    time.sleep(0.2)
    worker.kill()
    bed.behave("", "upload")
    bed.worker()
    bed.completions(1)
    bed.no_more_completions()
    assert len(bed.runs()) == 1
    bed.assert_clean()


def test_the_lease_of_a_lost_unit_returns_by_itself_and_another_takes_it(bed: Bed) -> None:
    bed.configure(lease_ttl=3)
    worker, _ = leased_test(bed)
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
    bed.behave('mkdir -p "$FAKE_DIR/store"; [ "$1" = --find ] || { cp -a -T "$1" "$FAKE_DIR/store/$(basename "$1")"; sleep 60; }\n', "upload")
    worker = bed.ready_worker(1)
    bed.request()
    wait_for("a stored result", bed.stored)
    worker.kill()
    shutil.rmtree(bed.dir / "spool")
    shutil.rmtree(bed.dir / "work")
    bed.behave("", "upload")
    bed.configure(unit="autopkgtest-cloud/1", lease_ttl=3)
    bed.ready_worker(2)
    assert bed.completions(1) == [{"found": True}]
    assert len(bed.runs()) == 1
    assert bed.leases(2, "autopkgtest-cloud-1") == []


def test_a_request_whose_acknowledgement_was_forgotten_is_not_run_twice(bed: Bed) -> None:
    first, uuid = leased_test(bed)
    bed.request(uuid=uuid)
    bed.peek("debci-noble-amd64")  # delivered before, as it is after a crash of the broker
    second = bed.ready_worker(2)
    wait_for("the second yields", lambda: "yielding the request to worker autopkgtest-cloud/0/local-amd64-1" in second.text())
    wait_for("no second lease", lambda: bed.leases(2) == [])
    go(bed)
    bed.completions(1)
    bed.no_more_completions()
    assert len(bed.stored()) == 1
    # once more, when it is done: the broker was away in between
    bed.request(uuid=uuid)
    assert first.text().count("yielding") == 0
    first.stop()
    second.stop()
    bed.completions(1)  # nobody doubts this one: somebody wants a second run
    bed.assert_clean(1, 2)


def test_who_only_looks_at_a_request_does_not_keep_its_test_waiting(bed: Bed) -> None:
    """Others have a second to object; only the result waits for that."""
    bed.behave("sleep 0.2\n")
    for _ in range(3):
        bed.request()
    bed.peek("debci-noble-amd64")
    bed.ready_worker()
    wait_for("a stored result", bed.stored)
    assert len(bed.runs()) == 3, "a test waited for the result of another"
    assert time.time() - float(bed.runs()[0].split()[0]) > 0.9, "the result did not wait for objections"
    bed.completions(3)
    bed.assert_clean()


def test_the_result_of_a_looked_at_request_yields_to_an_older_run(bed: Bed) -> None:
    """An instant test, begun before anybody could object, does not end one that has run for long."""
    first, uuid = leased_test(bed)
    time.sleep(1.1)  # run ids tell seconds apart, and both share the spool of one unit
    first.signal(signal.SIGSTOP)
    bed.behave("")
    bed.request(uuid=uuid)
    bed.peek("debci-noble-amd64")
    second = bed.ready_worker(2)
    wait_for("its result", lambda: ": exit code 0" in second.text())
    first.signal(signal.SIGCONT)
    wait_for("the younger yields", lambda: "ours is dropped" in second.text())
    go(bed)
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
    bed.behave(HOLD)
    first = bed.ready_worker(1)
    bed.request()
    bed.wait_runs(1)
    wait_for("the lease", lambda: len(bed.leases()) == 1)
    first.signal(signal.SIGSTOP)
    bed.broker.close_connection("autopkgtest-worker autopkgtest-cloud/0/local-amd64-1")  # which a worker's lease outlives by far
    second = bed.ready_worker(2)
    bed.wait_runs(2)  # the lease ran out, and nobody objects yet
    first.signal(signal.SIGCONT)
    wait_for("the younger run yields", lambda: "yielding" in second.text())
    wait_for("the older has its lease again", lambda: len(bed.leases(1)) == 1)
    wait_for("no second lease", lambda: bed.leases(2) == [])
    go(bed)
    bed.completions(1)
    bed.no_more_completions()
    assert len(bed.stored()) == 1 and "yielding" not in first.text()
    bed.assert_clean(1, 2)


def test_leases_are_renewed_during_a_long_test(bed: Bed) -> None:
    bed.configure(lease_ttl=3)
    bed.behave("sleep 8\n")
    bed.ready_worker()
    bed.request()
    bed.wait_runs(1)
    end = time.monotonic() + 7
    time.sleep(0.5)
    while time.monotonic() < end:
        assert bed.peek("debci-noble-amd64") == []
        time.sleep(0.2)
    bed.completions(1)
    bed.no_more_completions()
    assert len(bed.runs()) == 1
    bed.assert_clean()


def test_a_broker_killed_during_a_test_does_not_disturb_it(bed: Bed) -> None:
    worker, _ = leased_test(bed)
    bed.broker.rig("kill")
    wait_for("the loss noticed", lambda: "no broker" in worker.text())
    bed.broker.start()
    wait_for("connected again", lambda: worker.text().count("connected to the broker") == 2, 60)
    go(bed)
    bed.completions(1)
    assert len(bed.runs()) == 1
    bed.assert_clean()


def test_a_test_that_ends_while_the_broker_is_away_is_announced_when_it_is_back(bed: Bed) -> None:
    worker, _ = leased_test(bed)
    bed.broker.rig("kill")
    go(bed)
    wait_for("the loss noticed", lambda: "no broker" in worker.text())
    wait_for("stored", bed.stored)
    bed.broker.start()
    bed.completions(1, 60)
    assert len(bed.runs()) == 1
    bed.assert_clean()


def test_results_wait_for_the_store_and_the_worker_goes_on(bed: Bed) -> None:
    bed.behave("exit 75\n", "upload")
    worker = bed.ready_worker()
    bed.request()
    bed.request()
    wait_for("two spooled results", lambda: len(bed.spooled()) == 2)
    wait_for("their leases", lambda: len(bed.leases()) == 2)
    assert worker.stop() == 0
    assert len(bed.spooled()) == 2
    bed.behave("", "upload")
    bed.worker()
    bed.completions(2)
    assert len(bed.runs()) == 2
    bed.assert_clean()


def test_a_store_that_comes_back_gets_what_waits(bed: Bed) -> None:
    bed.behave("exit 75\n", "upload")
    bed.ready_worker()
    bed.request()
    wait_for("a spooled result", bed.spooled)
    bed.behave("", "upload")
    bed.completions(1)
    bed.assert_clean()


def test_testbed_failures_are_retried_three_times_and_then_recorded(bed: Bed) -> None:
    bed.behave("exit_code=16\n")
    bed.ready_worker()
    bed.request()
    assert bed.completions(1)[0]["exitcode"] == 16
    assert len(bed.runs()) == 4
    bed.assert_clean()


def test_a_testbed_failure_that_passes_later_is_a_pass(bed: Bed) -> None:
    bed.behave('[ -e "$FAKE_DIR/second" ] || { touch "$FAKE_DIR/second"; exit_code=16; }\n')
    bed.ready_worker()
    bed.request()
    assert bed.completions(1)[0]["exitcode"] == 0
    assert len(bed.runs()) == 2


def test_a_test_that_waits_for_its_retry_goes_back_at_stop(bed: Bed) -> None:
    bed.configure(retry_delay=3600)
    bed.behave("exit_code=16\n")
    worker = bed.ready_worker()
    uuid = bed.request()
    wait_for("the retry", lambda: "testbed failure" in worker.text())
    assert worker.stop() == 0
    assert uuid in bed.peek("debci-noble-amd64")[0]
    assert bed.leases() == []


def test_autopkgtests_own_failures_are_recorded_as_20(bed: Bed) -> None:
    bed.behave("exit_code=1\n")
    bed.ready_worker()
    bed.request()
    assert bed.completions(1)[0]["exitcode"] == 20
    bed.behave("kill -9 $$\n")
    bed.request()
    assert bed.completions(1)[0]["exitcode"] == 20
    assert any("signal 9" in (run / "log").read_text() for run in bed.stored())


def test_never_run_packages_are_not_run(bed: Bed) -> None:
    (bed.dir / "lists/never_run").write_text("gz*/amd64  # takes the machine down\n")
    bed.ready_worker()
    bed.request()
    done = bed.completions(1)[0]
    assert done["exitcode"] == 99 and done["testpkg_version"] == "blacklisted", done
    (bed.dir / "lists/never_run").unlink()
    bed.request()
    assert bed.completions(1)[0]["exitcode"] == 0
    assert len(bed.runs()) == 1


def test_edited_lists_count_from_the_next_test_on_also_in_another_folder(bed: Bed) -> None:
    """The folder as a checkout that is replaced as a whole, behind a symbolic link."""
    lists = bed.dir / "lists"
    lists.rmdir()
    worker = bed.ready_worker()
    for number, (line, exitcode) in enumerate((("gzip", 99), ("bash", 0), ("gzip/all/noble\nnot a line", 99))):
        checkout = bed.dir / f"checkout-{number}"
        checkout.mkdir()
        (checkout / "never_run").write_text(line + "\n")
        link = bed.dir / "next"
        link.symlink_to(checkout)
        link.rename(lists)
        bed.request()
        assert bed.completions(1)[0]["exitcode"] == exitcode, line
    wait_for("the broken line named", lambda: 'never_run:2: "not a line" does not count' in worker.text())


def test_an_unreadable_request_gets_a_result_that_says_why(bed: Bed) -> None:
    worker = bed.ready_worker()
    bed.publish('gzip\n{"triggers": 7}')
    done = bed.completions(1)[0]
    assert done["exitcode"] == 20 and done["package"] == "gzip"
    assert "triggers" in (bed.stored()[0] / "log").read_text()
    bed.publish("/etc/passwd\n{}")
    bed.publish("..\n{}")
    bed.publish("--shell-fail\n{}")
    wait_for("three rejections", lambda: worker.text().count("request rejected") == 3)
    bed.no_more_completions()
    assert bed.runs() == []
    bed.assert_clean()


def test_a_request_as_long_as_allowed_gets_a_result_though_what_is_added_does_not_fit(bed: Bed) -> None:
    bed.ready_worker()
    head, tail = 'gzip\n{"x": "', '"}'
    bed.publish(head + "x" * (1024 * 1024 - len(head) - len(tail)) + tail)
    done = bed.completions(1)[0]
    assert done["exitcode"] == 20 and done["package"] == "gzip"
    assert "too long" in (bed.stored()[0] / "log").read_text()
    assert bed.runs() == []
    bed.assert_clean()


def test_sigterm_while_idle_ends_at_once(bed: Bed) -> None:
    worker = bed.ready_worker()
    time.sleep(0.2)
    start = time.monotonic()
    assert worker.stop() == 0
    assert time.monotonic() - start < 1


def test_sigterm_while_busy_finishes_the_test(bed: Bed) -> None:
    bed.behave(HOLD)
    worker = bed.ready_worker()
    bed.request()
    bed.request()
    bed.wait_runs(1)
    worker.signal(signal.SIGTERM)
    time.sleep(0.3)
    assert worker.process.poll() is None
    go(bed)
    assert worker.wait() == 0
    assert len(bed.completions(1)) == 1
    assert len(bed.runs()) == 1 and len(bed.peek("debci-noble-amd64")) == 1


def test_a_second_sigterm_gives_the_request_back(bed: Bed) -> None:
    worker, uuid = leased_test(bed)
    worker.signal(signal.SIGTERM)
    time.sleep(0.2)
    worker.signal(signal.SIGTERM)
    assert worker.wait() == 0
    assert uuid in bed.peek("debci-noble-amd64")[0]
    assert bed.leases() == []
    bed.no_more_completions()


def test_a_testbed_failure_while_stopping_gives_the_request_back(bed: Bed) -> None:
    bed.configure(retry_delay=3600)
    bed.behave(HOLD + "exit_code=16\n")
    worker = bed.ready_worker()
    uuid = bed.request()
    bed.wait_runs(1)
    worker.signal(signal.SIGTERM)
    time.sleep(0.2)
    go(bed)
    assert worker.wait() == 0
    assert uuid in bed.peek("debci-noble-amd64")[0]
    assert bed.leases() == []


def test_sighup_reads_the_settings_again_after_the_test(bed: Bed) -> None:
    bed.behave(HOLD)
    worker = bed.ready_worker()
    bed.request()
    bed.wait_runs(1)
    bed.configure(releases="resolute")
    worker.signal(signal.SIGHUP)
    time.sleep(0.2)
    go(bed)
    bed.completions(1)
    wait_for("connected again", lambda: worker.text().count("connected to the broker") == 2)
    bed.request(queue="debci-resolute-amd64")
    assert bed.completions(1)[0]["release"] == "resolute"
    assert worker.stop() == 0


def test_nothing_a_test_started_outlives_it(bed: Bed) -> None:
    bed.behave('setsid sh -c "echo \\$\\$ >$FAKE_DIR/stray; sleep 300" >/dev/null 2>&1 & sleep 0.2\n')
    bed.ready_worker()
    bed.request()
    bed.completions(1)
    pid = (bed.fake / "stray").read_text().strip()
    wait_for("the stray is gone", lambda: not os.path.exists(f"/proc/{pid}"))


def test_status_messages_tell_of_the_run_and_its_end(bed: Bed) -> None:
    bed.behave("sleep 2.5; echo more >>$out/log; sleep 2\n")
    bed.ready_worker()
    bed.request()
    bed.completions(1)
    messages = [json.loads(text) for text in bed.get(STATUS)]
    assert messages[0]["running"] and not messages[-1]["running"], messages
    assert messages[0]["package"] == "gzip" and messages[0]["params"]["triggers"] == ["gzip/1.12-1"]
    assert any("more" in message["logtail"] for message in messages)
    assert len(messages) >= 3


def test_private_runs_show_nothing_and_secrets_stay_secret(bed: Bed) -> None:
    secret = "hunter2token"
    worker = bed.ready_worker()
    bed.behave("sleep 0.3\n")
    bed.request(ppas=[f"bob:{secret}@alice/private"], swiftuser="alice")
    done = bed.completions(1)[0]
    assert done["container"].startswith("private-"), done
    messages = [json.loads(text) for text in bed.get(STATUS)]
    assert {m["package"] for m in messages} == {"private-test"}
    assert all(m["params"] == {} and m["logtail"] == "" for m in messages)
    for text in (worker.text(), "\n".join(bed.runs()), json.dumps(done), json.dumps(messages)):
        assert secret not in text


def test_without_broker_settings_the_worker_says_so(bed: Bed) -> None:
    (bed.dir / "conf/rabbitmq.cred").unlink()
    worker = bed.worker()
    assert worker.wait() == 78
    assert "rabbitmq.cred" in worker.text()


def test_an_instance_without_settings_says_so(bed: Bed) -> None:
    worker = bed.worker(99)
    assert worker.wait() == 78
    assert "[local-amd64-99]" in worker.text()


def test_the_lease_queue_of_a_worker_that_is_gone_goes_by_itself_and_others_stay(bed: Bed) -> None:
    bed.configure(lease_ttl=3)
    bed.behave(HOLD)
    gone = bed.ready_worker(1)
    bed.request()
    bed.wait_runs(1)
    wait_for("the lease", lambda: len(bed.leases(1)) == 1)
    gone.kill()
    other = bed.ready_worker(2)
    name = "autopkgtest.lease.autopkgtest-cloud-0.local-amd64-"

    def queues() -> list[str]:
        return [queue["name"] for queue in bed.broker.api("GET", "/queues?disable_stats=true")]

    bed.wait_runs(2)
    assert name + "1" in queues()
    wait_for("the queue is gone", lambda: name + "1" not in queues(), 60)
    assert name + "2" in queues() and other.text().count("connected to the broker") == 1
    go(bed)
    bed.completions(1)
    wait_for("no lease left", lambda: bed.leases(2) == [])


def test_results_of_a_worker_that_was_removed_are_adopted(bed: Bed) -> None:
    bed.behave("exit 75\n", "upload")
    worker = bed.ready_worker(8)
    bed.request()
    bed.request()
    wait_for("two spooled results", lambda: len(bed.spooled()) == 2)
    other = bed.ready_worker(1)
    assert "not configured any more" not in other.text()
    other.stop()
    worker.kill()
    conf = bed.dir / "conf/worker.conf"
    conf.write_text(conf.read_text().replace("[local-amd64-8]", "[local-amd64-9]"))
    bed.behave("", "upload")
    bed.ready_worker(1)
    bed.ready_worker(2)
    bed.completions(2)
    bed.no_more_completions()
    assert len(bed.runs()) == 2
    bed.assert_clean(1, 2)


def test_three_testbed_failures_in_a_row_pause_the_worker_until_a_probe_succeeds(bed: Bed) -> None:
    bed.configure(retry_delay=2)
    bed.behave("exit_code=16\n")
    worker = bed.ready_worker()
    bed.request()
    assert bed.completions(1)[0]["exitcode"] == 16
    assert "3 testbed failures in a row" in worker.text()
    uuid = bed.request()
    wait_for("the probe", lambda: "the request goes to others" in worker.text())
    wait_for("the request back", lambda: any(uuid in text for text in bed.peek("debci-noble-amd64")))
    bed.behave("")
    bed.configure(retry_delay=3600)
    worker.signal(signal.SIGHUP)  # ends the pause
    assert bed.completions(1)[0]["exitcode"] == 0
    bed.assert_clean()


def test_a_disk_that_is_full_is_a_testbed_failure_with_a_log_that_says_so(bed: Bed) -> None:
    with small_disk(bed) as disk:
        if disk:
            bed.behave("head -c 64M /dev/zero >$out/artifacts/big; exit_code=20\n")
            worker = bed.ready_worker()
            bed.request()
            assert bed.completions(1)[0]["exitcode"] == 16
            run = bed.stored()[0]
            assert "disk of the worker was full" in (run / "log").read_text()
            assert not (run / "output/artifacts").exists()
            bed.behave("")
            bed.request()
            assert bed.completions(1)[0]["exitcode"] == 0
            bed.assert_clean()
            assert worker.stop() == 0


def test_a_spool_on_another_disk_does_not_block_the_worker(bed: Bed) -> None:
    with small_disk(bed) as disk:
        if disk:
            path = bed.dir / "bin"
            path.mkdir()
            slow = path / "cp"
            slow.write_text('#!/bin/sh\nwhile [ ! -e "$FAKE_DIR/go" ]; do sleep 0.05; done\nexec /bin/cp "$@"\n')
            slow.chmod(0o755)
            bed.env["PATH"] = f"{path}:{bed.env['PATH']}"
            bed.configure(lease_ttl=3)
            worker = bed.ready_worker()
            bed.request()
            bed.wait_runs(1)
            end = time.monotonic() + 5
            while time.monotonic() < end:  # its lease is renewed meanwhile
                assert bed.peek("debci-noble-amd64") == []
                time.sleep(0.2)
            go(bed)
            bed.completions(1)
            bed.assert_clean()
            assert worker.stop() == 0


TINY = {
    "debian/changelog": "tiny (1.0) noble; urgency=low\n\n  * One.\n\n -- A B <a@example.org>  Mon, 01 Jan 2024 00:00:00 +0000\n",
    "debian/control": "Source: tiny\nMaintainer: A B <a@example.org>\n\nPackage: tiny\nArchitecture: all\nDescription: tiny\n",
    "debian/tests/control": "Test-Command: echo triggered by $ADT_TEST_TRIGGERS; echo kept >$AUTOPKGTEST_ARTIFACTS/file\nDepends:\n",
}


def make_tree(directory: pathlib.Path) -> str:
    """A source package with one test, in a git repository."""
    for name, text in TINY.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    for words in (["init", "-q", "-b", "main"], ["add", "."],
                  ["-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "-q", "-m", "one"]):
        subprocess.run(["git", "-C", directory, *words], check=True)
    return f"file://{directory} main"


def test_the_real_autopkgtest_tests_a_tree_from_git(bed: Bed) -> None:
    bed.configure(autopkgtest="/usr/bin/autopkgtest")
    url = make_tree(bed.dir / "tiny")
    worker = bed.ready_worker()
    bed.request("tiny", **{"test-git": url})
    done = bed.completions(1, 120)[0]
    log = (bed.stored()[0] / "log").read_text()
    assert done["exitcode"] == 0, log
    assert done["testpkg_version"] == "1.0", done
    assert "triggered by gzip/1.12-1" in log
    assert "kept" in (bed.stored()[0] / "output/artifacts/file").read_text()
    bed.assert_clean()
    assert worker.stop() == 0
