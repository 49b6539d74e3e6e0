# SPDX-License-Identifier: GPL-3.0-only
"""What becomes of a request: one function a case, whose name says what holds."""
from __future__ import annotations

import contextlib
import json
import os
import pathlib
import signal
import subprocess
import time
from typing import Any, Iterator

from disk import Disk
from bed import HOLD, STATUS, Bed, TooSlow, wait_for


@contextlib.contextmanager
def small_disk(bed: Bed, folder: str = "work") -> Iterator[bool]:
    """That directory on a small file system of its own; without the right to mount one there is nothing to test."""
    disk = Disk(bed.dir / folder)
    try:
        yield disk.mounted
    finally:
        for worker in bed.workers:
            worker.kill()
        disk.close()


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
    _, uuid = bed.leased_test()
    assert uuid in bed.leases()[0]
    assert bed.unacknowledged("debci-noble-amd64") == 0
    bed.go()
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
    bed.behave(HOLD)
    bed.ready_worker(1)
    bed.ready_worker(2)
    for _ in range(10):
        bed.request()
    bed.wait_runs(2)
    bed.go()
    bed.completions(10)
    workers = {json.loads((run / "run.json").read_text())["worker"] for run in bed.stored()}
    assert len(workers) == 2, workers
    bed.assert_clean(1, 2)


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
    """And not when something else is due: a heartbeat, a renewal."""
    @bed.attempts
    def attempt(bed: Bed) -> None:
        worker = bed.ready_worker()
        time.sleep(0.2)  # for its look at the queues
        start = time.monotonic()
        assert worker.stop() == 0
        if time.monotonic() - start > 1:
            raise TooSlow("it took its time")


def test_sigterm_while_busy_finishes_the_test(bed: Bed) -> None:
    bed.behave(HOLD)
    worker = bed.ready_worker()
    bed.request()
    bed.request()
    bed.wait_runs(1)
    worker.signal(signal.SIGTERM)
    wait_for("the signal heeded", lambda: "stopping when the test has ended" in worker.text())
    assert worker.process.poll() is None
    bed.go()
    assert worker.wait() == 0
    assert len(bed.completions(1)) == 1
    assert len(bed.runs()) == 1 and len(bed.peek("debci-noble-amd64")) == 1


def test_a_second_sigterm_gives_the_request_back(bed: Bed) -> None:
    worker, uuid = bed.leased_test()
    worker.signal(signal.SIGTERM)
    wait_for("the signal heeded", lambda: "stopping when the test has ended" in worker.text())
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
    wait_for("the signal heeded", lambda: "stopping when the test has ended" in worker.text())
    bed.go()
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
    wait_for("the signal heeded", lambda: "reading the settings again when the test has ended" in worker.text())
    bed.go()
    bed.completions(1)
    wait_for("connected again", lambda: worker.text().count("connected to the broker") == 2)
    bed.request(queue="debci-resolute-amd64")
    assert bed.completions(1)[0]["release"] == "resolute"
    assert worker.stop() == 0


def test_nothing_a_test_started_outlives_it(bed: Bed) -> None:
    bed.behave('setsid sh -c "echo \\$\\$ >$FAKE_DIR/stray; sleep 300" >/dev/null 2>&1 &\n'
               'while [ ! -s "$FAKE_DIR/stray" ]; do sleep 0.05; done\n')
    bed.ready_worker()
    bed.request()
    bed.completions(1)
    pid = (bed.fake / "stray").read_text().strip()
    wait_for("the stray is gone", lambda: not os.path.exists(f"/proc/{pid}"))


def test_status_messages_tell_of_the_run_and_its_end(bed: Bed) -> None:
    bed.behave('while [ ! -e "$FAKE_DIR/more" ]; do sleep 0.05; done; echo more >>$out/log\n' + HOLD)
    bed.ready_worker()
    bed.request()

    def messages() -> list[dict[str, Any]]:
        return [json.loads(text) for text in bed.peek(STATUS)]

    wait_for("word of the test", messages)
    (bed.fake / "more").touch()
    wait_for("the new line of its log", lambda: "more" in messages()[-1]["logtail"])
    bed.go()
    bed.completions(1)
    assert all(message["running"] for message in messages()[:-1]) and not messages()[-1]["running"], messages()
    assert messages()[0]["package"] == "gzip" and messages()[0]["params"]["triggers"] == ["gzip/1.12-1"]
    assert "more" not in messages()[0]["logtail"]


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
            bed.wait_leased()
            bed.lease_outlives(4.5)
            bed.go()
            bed.completions(1)
            bed.assert_clean()
            assert worker.stop() == 0


def test_half_a_copy_does_not_stay_in_a_full_spool(bed: Bed) -> None:
    with small_disk(bed, "spool") as disk:
        if disk:
            bed.behave("head -c 64M /dev/zero >$out/artifacts/big\n")
            worker = bed.ready_worker()
            uuid = bed.request()
            wait_for("the end of the test", lambda: "cannot keep the result" in worker.text())
            wait_for("the request is back", lambda: any(uuid in text for text in bed.peek("debci-noble-amd64")))
            assert list((bed.dir / "spool").iterdir()) == []
            wait_for("no lease left", lambda: bed.leases(1) == [])


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
    done = bed.completions(1, 600)[0]
    log = (bed.stored()[0] / "log").read_text()
    assert done["exitcode"] == 0, log
    assert done["testpkg_version"] == "1.0", done
    assert "triggered by gzip/1.12-1" in log
    assert "kept" in (bed.stored()[0] / "output/artifacts/file").read_text()
    bed.assert_clean()
    assert worker.stop() == 0
