# SPDX-License-Identifier: GPL-3.0-only
"""What operators tell workers: kill, drain, resume, by the command line."""
from __future__ import annotations

import contextlib
import json
import os
import pathlib
import re
import subprocess
import time
from typing import Any, Iterator

from bed import BUILD, HOLD, STATUS, Bed, wait_for
from proxy import Proxy

QUEUE = "debci-noble-amd64"
LEASES = b"autopkgtest.leases"  # the exchange
BASIC_ACK = bytes((0, 60, 0, 80))  # in AMQP 0-9-1; of the broker: a confirm


def write_program(path: pathlib.Path, text: str) -> None:
    """In one step: who runs it meanwhile runs the old or the new one."""
    new = path.with_suffix(".new")
    new.write_text(text)
    new.chmod(0o755)
    new.rename(path)


def put_program(bed: Bed, name: str, text: str) -> pathlib.Path:
    """Of this name before all others that the worker finds; where it is."""
    programs = bed.dir / "programs"
    programs.mkdir()
    program = programs / name
    write_program(program, text)
    bed.env["PATH"] = f"{programs}:{bed.env.get('PATH', os.environ['PATH'])}"
    return program


def cli(bed: Bed, *words: str, code: int = 0) -> str:
    done = subprocess.run([BUILD / "bin/autopkgtest-cloud", *words], env=bed.env, text=True, timeout=300,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    assert done.returncode == code, (words, done.returncode, done.stdout)
    return done.stdout


def kill(bed: Bed, *words: str, code: int = 0) -> str:
    """The worker gets all the time that it needs to answer."""
    return cli(bed, "kill", "--seconds", "180", *words, code=code)


def test_a_killed_test_leaves_nothing(bed: Bed) -> None:
    worker, uuid = bed.leased_test()
    said = kill(bed, uuid)
    assert said == "gzip: ended on worker autopkgtest-cloud/0/local-amd64-1; the request is dropped\n", said
    bed.assert_clean()
    bed.no_more_completions()
    assert json.loads(bed.get(STATUS)[-1])["running"] is False
    bed.behave("")
    bed.request()  # the worker takes the next
    bed.completions(1)
    assert len(bed.runs()) == 2 and len(bed.stored()) == 1
    assert "an operator ends the test: the request is dropped" in worker.text()


def test_temporary_files_of_a_test_go_with_it(bed: Bed) -> None:
    """However it ends; what others keep beside them stays."""
    shared = bed.dir / "shared"
    scratch = shared / "local-amd64-1"
    (shared / "others").mkdir(parents=True)
    bed.env["TMPDIR"] = str(shared)
    left = 'ls -A "$TMPDIR" >>"$FAKE_DIR/found"; mkdir "$TMPDIR/autopkgtest-qemu.x"; echo overlay >"$TMPDIR/autopkgtest-qemu.x/image"\n'
    bed.behave(left + HOLD)
    worker = bed.ready_worker()
    uuid = bed.request()
    wait_for("the files", (scratch / "autopkgtest-qemu.x/image").exists)
    assert scratch.stat().st_mode & 0o7777 == 0o1777, "tests of the machine itself are those of all its users"
    kill(bed, uuid)
    assert not scratch.exists()
    bed.request()
    wait_for("the files of another", (scratch / "autopkgtest-qemu.x/image").exists)
    worker.kill()
    bed.behave(left)
    bed.ready_worker()
    bed.completions(1)
    assert (bed.fake / "found").read_text() == "", "what a test has left is there for the next"
    wait_for("the end of its files", lambda: not scratch.exists())
    assert (shared / "others").exists()


STUBBORN = """#!/bin/sh
while [ ! -e "$FAKE_DIR/let-go" ]; do sleep 0.05; done
for path; do :; done
chattr -R -i "$path" && rm -rf "$path"
"""


def test_nobody_waits_for_the_removal_of_temporary_files(bed: Bed) -> None:
    """Another program has to remove them here, and takes its time."""
    scratch = bed.dir / "shared/local-amd64-1"
    scratch.parent.mkdir()
    put_program(bed, "unshare", STUBBORN)
    bed.env["TMPDIR"] = str(scratch.parent)
    bed.configure(backend="unshare")
    bed.behave('stat -c %a "$TMPDIR" >>"$FAKE_DIR/found"; echo x >"$TMPDIR/file"; chattr +i "$TMPDIR/file"\n')
    bed.ready_worker()
    try:
        bed.request()
        bed.request()
        bed.completions(2)
    finally:
        (bed.fake / "let-go").touch()
        wait_for("the end of the files", lambda: not list(scratch.parent.iterdir()))
    assert (bed.fake / "found").read_text() == "711\n711\n"
    bed.assert_clean()


def test_only_who_has_asked_for_it_ends_a_test(bed: Bed) -> None:
    """By cancel, which looks at the workers first."""
    worker, uuid = bed.leased_test(requester="alice")
    said = cli(bed, "cancel", "--seconds", "1", "--requester", "bob", uuid, code=69)
    assert "is not a request of this requester" in said, said
    assert "ends the test" not in worker.text()
    said = cli(bed, "cancel", "--seconds", "180", "--requester", "alice", uuid)
    assert said == f"{uuid}: ended on worker autopkgtest-cloud/0/local-amd64-1\n", said
    bed.assert_clean()
    bed.no_more_completions()
    assert "alice ends the test: the request is dropped" in worker.text()


BUSY_LXC = """#!/bin/sh
echo "$*" >>"$FAKE_DIR/lxc"
case $1 in
list) cat "$FAKE_DIR/instances" ;;
delete)
    [ ! -e "$FAKE_DIR/busy" ] || { echo 'Error: Instance is busy running a "create" operation' >&2; exit 1; }
    : >"$FAKE_DIR/instances" ;;
esac
"""


def put_lxc(bed: Bed) -> pathlib.Path:
    """On a host that has one instance."""
    bed.fake.joinpath("instances").write_text("autopkgtest-lxd-abcdef\n")
    return put_program(bed, "lxc", BUSY_LXC)


def test_an_instance_that_cannot_be_removed_yet_is_removed_later(bed: Bed) -> None:
    """Also by the worker's next life. LXD does not remove what it is making."""
    bed.configure(cloud="far", backend="lxd", model="0f2c", retry_delay=3600)
    put_lxc(bed)
    bed.fake.joinpath("busy").touch()
    worker, uuid = bed.leased_test()
    run = next((bed.dir / "work/local-amd64-1").glob("*@")).name
    kill(bed, uuid)
    wait_for("the second try", lambda: bed.fake.joinpath("lxc").read_text().count("delete --force far:autopkgtest-lxd-abcdef\n") >= 2)
    mark = f"user.autopkgtest-cloud=autopkgtest-cloud/0/local-amd64-1-{run.rstrip('@').replace('_', '-')}"
    assert f"list --format=csv --columns=n far: {mark} user.autopkgtest-cloud-model=0f2c\n" in bed.fake.joinpath("lxc").read_text()
    assert mark in bed.runs()[0], bed.runs()
    text = worker.text()
    assert text.count("may be left behind") == 1, text
    assert 'lxc delete --force far:autopkgtest-lxd-abcdef: lxc ended with 1: Error: Instance is busy running a "create" operation' in text
    worker.kill()
    worker = bed.ready_worker()  # fails too, and says nothing new
    bed.fake.joinpath("busy").unlink()
    wait_for("the removal", lambda: f"{run}: its testbed was left behind, and is removed" in worker.text())
    wait_for("the end of its marker", lambda: not list((bed.dir / "work/local-amd64-1").glob(".left-*")))
    assert "may be left" not in worker.text()[worker.earlier:]


def test_the_host_of_a_running_test_is_told_so_again_and_again(bed: Bed) -> None:
    """As often as its lease would run out; when the test has ended nobody is told any more."""
    bed.configure(cloud="far", backend="lxd", model="0f2c", lease_ttl=3)
    lxc = put_lxc(bed)
    told = bed.fake / "lxc"
    before = int(time.time())

    def signs() -> list[int]:
        lines = told.read_text().splitlines() if told.exists() else []
        return [int(number) for line in lines for number in re.findall(
            r"^config set far:autopkgtest-lxd-abcdef user\.autopkgtest-cloud-alive=([0-9]+)$", line)]

    worker, _ = bed.leased_test()
    run = next((bed.dir / "work/local-amd64-1").glob("*@")).name
    wait_for("two signs", lambda: len(set(signs())) >= 2)  # of one that was slow to start the next may follow at once
    assert before < signs()[0] and signs() == sorted(signs()) and signs()[-1] <= time.time(), signs()
    mark = f"user.autopkgtest-cloud=autopkgtest-cloud/0/local-amd64-1-{run.rstrip('@').replace('_', '-')}"
    assert f"list --format=csv --columns=n far: {mark} user.autopkgtest-cloud-model=0f2c\n" in told.read_text()
    write_program(lxc, "#!/bin/sh\necho no such host >&2\nexit 1\n")
    wait_for("a failure in the log", lambda: f"{run}: its testbed could not be marked as in use" in worker.text())
    write_program(lxc, BUSY_LXC)
    bed.go()
    bed.completions(1)
    wait_for("the end of what tells it", lambda: not children(worker.process.pid))
    count = len(signs())
    time.sleep(4)
    assert len(signs()) == count, signs()


def children(pid: int) -> list[str]:
    return pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def told(bed: Bed, uuid: str, queue: str = "test.events") -> list[tuple[str, str]]:
    """States and reasons of the events so far."""
    events = [json.loads(text) for text in bed.get(queue)]
    for event in events:
        assert event["uuid"] == uuid and event["worker"] == "autopkgtest-cloud/0/local-amd64-1", event
    assert [e["time"] for e in events] == sorted(e["time"] for e in events)
    told.events = events  # type: ignore[attr-defined]
    return [(e["state"], e.get("reason", "")) for e in events]


def listen(bed: Bed) -> None:
    bed.broker.api("PUT", "/exchanges/%2F/autopkgtest.events", {"type": "fanout", "durable": True})
    bed.broker.declare_queue("test.events")
    bed.broker.api("POST", "/bindings/%2F/e/autopkgtest.events/q/test.events", {})


@contextlib.contextmanager
def slow_disk(bed: Bed) -> Iterator[None]:
    """The broker says that it has the lease on its disk when the first test, which writes its number, has ended."""
    number = bed.fake / "test.pid"
    leased = False

    def has_ended() -> bool:
        return number.exists() and not pathlib.Path(f"/proc/{number.read_text().strip()}").exists()

    def watch(_: object, from_client: bool, data: bytes) -> None:
        nonlocal leased
        leased = leased or from_client and LEASES in data and b'"triggers"' in data
        if leased and not from_client and BASIC_ACK in data:
            with contextlib.suppress(AssertionError):  # something else came with it, for which the worker waits
                wait_for("the end of the test", has_ended, 5)

    settings = bed.broker.settings
    proxy = Proxy(lambda: (settings["RABBIT_HOST"], int(settings["RABBIT_PORT"])), watch=watch)
    bed.write_broker(proxy.port)
    try:
        yield
    finally:
        for worker in bed.workers:
            worker.kill()
        proxy.close()


def test_events_tell_what_becomes_of_a_request(bed: Bed) -> None:
    """Also of a test that is faster than the broker's disk."""
    listen(bed)
    bed.behave('[ -e "$FAKE_DIR/test.pid" ] || { echo $$ >"$FAKE_DIR/.pid"; mv "$FAKE_DIR/.pid" "$FAKE_DIR/test.pid"; exit_code=16; }\n')
    with slow_disk(bed):
        cli(bed, "drain")  # until the worker has nothing else to ask of the broker
        uuid = bed.request()
        bed.ready_worker()
        cli(bed, "resume")
        done = bed.completions(1)[0]
        bed.assert_clean()
    assert told(bed, uuid) == [("running", ""), ("waiting", "the testbed failed"), ("running", "the next attempt"), ("storing", ""), ("done", "")]
    last = told.events[-1]  # type: ignore[attr-defined]
    assert (last["package"], last["release"], last["architecture"], last["container"]) == ("gzip", "noble", "amd64", "autopkgtest-noble")
    assert done["swift_dir"].endswith("/" + last["run-id"])


def test_events_tell_of_kills_and_nothing_of_private_requests(bed: Bed) -> None:
    listen(bed)
    bed.behave(HOLD)
    bed.ready_worker()
    uuid = bed.request(swiftuser="me")
    bed.wait_leased()
    cli(bed, "drain")
    kill(bed, "--requeue", uuid)
    assert told(bed, uuid)[-1] == ("returned", "an operator ended the test")
    for event in told.events:  # type: ignore[attr-defined]
        assert not any(event.get(key) for key in ("package", "release", "architecture", "container", "run-id")), event
    cli(bed, "resume")
    bed.wait_runs(2)
    wait_for("the lease", lambda: len(bed.leases()) == 1)
    kill(bed, uuid)
    assert told(bed, uuid)[-1] == ("cancelled", "an operator ended the test")


def test_a_killed_test_can_go_back_into_its_queue(bed: Bed) -> None:
    worker, uuid = bed.leased_test()
    cli(bed, "drain")
    answer: dict[str, Any] = json.loads(kill(bed, "--requeue", "--format", "json", uuid))
    assert answer == {"outcome": "returned", "package": "gzip", "uuid": uuid,
                      "worker": "autopkgtest-cloud/0/local-amd64-1"}, answer
    assert [json.loads(text.split("\n", 1)[1])["uuid"] for text in bed.peek(QUEUE)] == [uuid]
    assert bed.leases() == []
    bed.go()
    cli(bed, "resume")
    bed.completions(1)
    assert len(bed.runs()) == 2
    bed.assert_clean()


def test_a_killed_retry_does_not_come_again(bed: Bed) -> None:
    bed.configure(retry_delay=3600)
    bed.behave("exit 16\n")
    worker = bed.ready_worker()
    uuid = bed.request()
    wait_for("the failure", lambda: "testbed failure, attempt 2" in worker.text())
    assert "the request is dropped" in kill(bed, uuid)
    bed.assert_clean()
    bed.no_more_completions()


def test_a_killed_worker_does_not_bring_a_killed_test_back(bed: Bed) -> None:
    worker, uuid = bed.leased_test()
    kill(bed, uuid)
    worker.kill()
    bed.ready_worker()
    bed.no_more_completions()
    bed.assert_clean()
    assert len(bed.runs()) == 1


def test_kill_tells_what_it_cannot_do(bed: Bed) -> None:
    uuid = "0b5a1dd2-0000-4000-8000-000000000000"
    said = cli(bed, "kill", "--seconds", "1", uuid, code=69)
    assert f"no worker has the request {uuid}" in said and f"queue filter QUEUE --uuid {uuid}" in said
    bed.behave("exit 75\n", "upload")
    bed.ready_worker()
    done = bed.request()
    wait_for("its result in the spool", bed.spooled)
    assert "too late: the test has ended" in kill(bed, done, code=69)
    assert 'expected one UUID, got 0' in cli(bed, "kill", code=64)
    assert 'is no UUID' in cli(bed, "kill", "a b", code=64)
    for verb in ("kill", "cancel"):
        assert "--seconds" in cli(bed, verb, "--seconds", "0", done, code=64)


def test_kill_says_nothing_of_private_tests(bed: Bed) -> None:
    bed.behave(HOLD)
    bed.ready_worker()
    uuid = bed.request(package="secretpackage", readable_by=["someone"], swiftuser="someone")
    bed.wait_leased()
    said = kill(bed, uuid)
    assert said.startswith("private-test: ended") and "secretpackage" not in said


def test_orders_that_are_none_do_no_harm(bed: Bed) -> None:
    worker, uuid = bed.leased_test()
    for order in ("", "{", "[]", '{"command":"dance"}', '{"command":"kill"}', '{"command":"kill","uuid":7}',
                  '{"command":"kill","uuid":""}', '{"command":"kill","uuid":"%s","requeue":"yes"}' % uuid):
        bed.broker.publish(order, exchange="autopkgtest.control")
    wait_for("all of them ignored", lambda: worker.text().count("ignored on autopkgtest.control") == 8)
    bed.go()
    bed.completions(1)
    assert len(bed.runs()) == 1


def test_answers_go_only_to_queues_of_the_broker_s_naming(bed: Bed) -> None:
    """An order cannot make a worker write into the queue of requests."""
    worker, uuid = bed.leased_test()
    bed.broker.api("POST", "/exchanges/%2F/autopkgtest.control/publish", {
        "properties": {"reply_to": QUEUE, "correlation_id": "x"}, "routing_key": "",
        "payload": json.dumps({"command": "kill", "uuid": uuid}), "payload_encoding": "string"})
    wait_for("killed", lambda: "an operator ends the test" in worker.text())
    bed.assert_clean()
    assert bed.peek(QUEUE) == []


def test_a_drained_worker_finishes_its_test_and_takes_no_more(bed: Bed) -> None:
    worker, _ = bed.leased_test()
    assert cli(bed, "drain") == "8 workers take no more work; tests that run go on\n"
    assert cli(bed, "drain") == "8 workers take no more work, as before\n"
    wait_for("drained", lambda: "drained: no more work" in worker.text())
    bed.go()
    bed.completions(1)
    bed.request()
    other = bed.ready_worker(2)  # holds for those that start later
    assert "drained" in other.text()
    bed.no_more_completions()
    assert len(bed.peek(QUEUE)) == 1
    assert cli(bed, "drain", "--list") == "all:all\n8 of 8 workers are drained\n"
    assert cli(bed, "resume") == "8 workers take work again\n"
    bed.completions(1)
    assert cli(bed, "resume") == "8 workers take work, as before\n"


def test_an_idle_worker_is_drained_at_once(bed: Bed) -> None:
    worker = bed.ready_worker()
    cli(bed, "drain", "--cloud", "local", "--architecture", "amd64")
    wait_for("drained", lambda: "drained: no more work" in worker.text())
    bed.request()
    bed.no_more_completions()
    assert "still drained" in cli(bed, "resume", "--cloud", "local")
    assert cli(bed, "drain", "--list").startswith("local:amd64\n")
    cli(bed, "resume", "--cloud", "local", "--architecture", "amd64")
    bed.completions(1)


def test_a_worker_without_inotify_is_drained_soon(bed: Bed) -> None:
    """A user has 128 instances of it by default, and a unit more workers."""
    bed.prefix = ["unshare", "--user", "--map-root-user", "sh", "-ec",
                  'echo 0 >/proc/sys/user/max_inotify_instances; exec "$0" "$@"']
    worker = bed.ready_worker()
    assert "no inotify instance is left" in worker.text(), worker.text()
    cli(bed, "drain")
    wait_for("drained", lambda: "drained: no more work" in worker.text())
    bed.request()
    bed.no_more_completions()
    cli(bed, "resume")
    bed.completions(1)


def test_drains_of_other_workers_do_not_concern_this_one(bed: Bed) -> None:
    bed.ready_worker()
    assert "no worker of this unit is of any cloud, arm64" in cli(bed, "drain", "--architecture", "arm64", code=64)
    assert "no worker of this unit is of a/b, any architecture" in cli(bed, "drain", "--cloud", "a/b", code=64)
    (bed.dir / "drained").mkdir()
    (bed.dir / "drained/all:arm64").touch()
    bed.request()
    bed.completions(1)
