# SPDX-License-Identifier: GPL-3.0-only
"""Everything goes wrong at random moments, and at the end every request has exactly one result.

What goes wrong, and when, is in chaos_plan.py; what must hold, in verdict.py.
"""
from __future__ import annotations

import os
import pathlib
import random
import shutil
import signal
import threading
import time
from typing import Callable

from amqp_watch import Trace
from bed import BUILD, COMPLETE, Bed, Skip, wait_for
from chaos_plan import LEASE_TTL_S, Event, Plan
from network import Network
from proxy import Proxy
from unit import Unit, UnitWorker, marked
from verdict import Interruption, Verdict, everything_of
from webstore import WebStore, use_real_upload

UNITS = 3
SHORT_SEED = 20  # of `make check`, so that a failure there is one of the change that was made
SETTLE_S = 240.0  # the upload is tried again after up to 64 s, a broker misses who went without a word after 60
LEFT_S = 90.0
MACHINE_REFUSED = 71  # exit code of a worker whose disk is full when it starts

# What a test does. The package's name says what and how long; a flaky one has a testbed failure at its first attempt.
BEHAVE = r'''
for word in "$@"; do
    case $word in good-*|fails-*|flaky-*|private-*|long-*) what=$word ;; esac
done
sleep "${what##*-}"
run=$(basename "$(dirname "$out")")
case $what in
    fails-*) exit_code=4 ;;
    flaky-*) mkdir "$FAKE_DIR/flaky-$run" 2>/dev/null && exit_code=16 ;;
esac
'''
EXITCODES = {"fails": 4, "never": 99}
TESTBED_FAILURE = 16  # of any test, when a disk was full


class Chaos:
    def __init__(self, bed: Bed, plan: Plan) -> None:
        self.bed, self.plan, self.broker = bed, plan, bed.broker
        self.chance = random.Random(plan.chance.random())
        self.network = Network()
        self.store: WebStore = use_real_upload(bed)
        self.proxy = Proxy(lambda: (self.broker.settings["RABBIT_HOST"], int(self.broker.settings["RABBIT_PORT"])), self.network.host,
                           Trace(bed.dir / "wire.log").see)
        self.store_proxy = Proxy(lambda: ("127.0.0.1", self.store.port), self.network.host)
        bed.write_broker(self.proxy.port, self.network.host)
        self.store.configure(self.network.host, self.store_proxy.port)
        (bed.dir / "lists/never_run").write_text("never-*\n")
        bed.behave(BEHAVE)
        self.units: list[Unit] = []
        self.count = 0  # of units so far
        self.store_stops = 0  # that last
        self.ends: list[tuple[float, Callable[[], None]]] = []  # when, and what brings it in order
        self.told: list[str] = []
        self.interruptions: list[Interruption] = []
        self.logs: list[UnitWorker] = []
        self.broker_start: threading.Thread | None = None
        self.broker_failure: BaseException | None = None
        self.start = time.time()

    # ---- units

    def new_unit(self) -> Unit:
        self.count += 1
        return Unit(self.bed, f"autopkgtest-cloud/{self.count}", self.network.namespace(), one_disk=self.count % 2 == 0,
                    lease_ttl=LEASE_TTL_S, upload=BUILD / "bin/autopkgtest-upload")

    def start_workers(self, index: int) -> None:
        unit = self.units[index]
        unit.start(*(n for n in range(1, self.plan.workers + 1) if n % len(self.units) == index))
        self.logs += unit.workers.values()

    def unit_of(self, event: Event) -> Unit:
        return self.units[event.worker % len(self.units)]

    def worker_of(self, event: Event) -> UnitWorker:
        return self.unit_of(event).workers[event.worker]

    def all_keys(self) -> frozenset[str]:
        return frozenset(worker.key for unit in self.units for worker in unit.workers.values())

    def workers(self) -> list[UnitWorker]:
        return [worker for unit in self.units for worker in unit.workers.values()]

    # ---- what can go wrong

    def note(self, what: str) -> None:
        self.told.append(f"{time.time() - self.start:6.2f} {what}")

    def interrupt(self, what: str, *keys: str) -> Interruption:
        self.interruptions.append(Interruption(what, frozenset(keys), time.time()))
        return self.interruptions[-1]

    def until(self, interruption: Interruption, seconds: float, end: Callable[[], None]) -> None:
        def over() -> None:
            end()
            interruption.end = time.time()
            self.note(f"over: {interruption.what}")
        self.ends.append((time.time() + seconds, over))

    def happen(self, event: Event) -> None:
        self.note(f"{event.kind} {self.worker_of(event).key} {event.seconds:.2f}")
        getattr(self, event.kind.replace("-", "_"))(event)

    def kill(self, event: Event) -> None:
        worker = self.worker_of(event)
        interruption = self.interrupt("killed", worker.key)
        worker.kill()
        worker.start()
        interruption.end = time.time()

    def kill_broker(self, event: Event) -> None:
        del event
        interruption = self.interrupt("broker killed", *self.all_keys())
        self.await_broker()

        def kill() -> None:
            try:
                self.broker.rig("kill")
                self.broker.start()
            except BaseException as error:
                self.broker_failure = error
                raise
            interruption.end = time.time()
            self.note("broker is back")

        self.broker_start = threading.Thread(target=kill)
        self.broker_start.start()

    def await_broker(self) -> None:
        if self.broker_start:
            self.broker_start.join()
        if self.broker_failure:
            raise AssertionError("the broker did not come back after a kill") from self.broker_failure

    def break_connections(self, event: Event) -> None:
        del event
        self.interrupt("connections broken", *self.all_keys()).end = time.time()
        self.proxy.cut(self.chance.random, 0.5)

    def swallow(self, event: Event) -> None:
        self.proxy.swallow(True)
        self.until(self.interrupt("swallowed", *self.all_keys()), event.seconds, lambda: self.proxy.swallow(False))

    def cut(self, event: Event) -> None:
        unit = self.unit_of(event)
        interruption = self.interrupt("cut", *(worker.key for worker in unit.workers.values()))
        unit.network.cut()
        self.until(interruption, event.seconds, lambda: unit.network.heal() if unit in self.units else None)

    cut_longer = cut

    def stop_store(self, event: Event) -> None:
        self.store.kill()
        self.store_stops += 1
        self.until(self.interrupt("store stopped"), event.seconds, self.start_store)

    def start_store(self) -> None:
        """Unless another stop lasts longer: when the machine is slow they overlap."""
        self.store_stops -= 1
        if self.store_stops == 0:
            self.store.start()

    stop_store_long = stop_store

    def fill_disk(self, event: Event) -> None:
        disk = self.unit_of(event).disk
        disk.fill()
        self.until(self.interrupt("disk filled"), event.seconds, disk.free)

    def destroy(self, event: Event) -> None:
        index = event.worker % len(self.units)
        unit = self.units[index]
        self.interrupt("destroyed", *(worker.key for worker in unit.workers.values()))
        unit.destroy()
        self.units[index] = self.new_unit()
        self.start_workers(index)

    def terminate(self, event: Event) -> None:
        worker = self.worker_of(event)
        worker.terminated = True
        worker.signal(signal.SIGTERM)

    def terminate_twice(self, event: Event) -> None:
        process = self.worker_of(event).process
        self.terminate(event)
        self.ends.append((time.time() + event.seconds, lambda: process.send_signal(signal.SIGTERM)))  # or it has ended

    def reload(self, event: Event) -> None:
        self.worker_of(event).signal(signal.SIGHUP)

    def freeze(self, event: Event) -> None:
        process = self.worker_of(event).process
        process.send_signal(signal.SIGSTOP)
        self.until(self.interrupt("frozen", self.worker_of(event).key), event.seconds, lambda: process.send_signal(signal.SIGCONT))

    def settle(self, everything: bool = False) -> None:
        """Ends what is due to end, and starts workers that have ended."""
        now = time.time()
        due = [end for at, end in self.ends if everything or at <= now]
        self.ends = [] if everything else [(at, end) for at, end in self.ends if at > now]
        for end in due:
            end()
        for worker in self.workers():
            if not worker.is_running():
                code = worker.process.returncode
                refused = code == MACHINE_REFUSED and worker.unit.disk.is_filled
                assert refused or (worker.terminated and code == 0), f"{worker.key} ended with {code}, terminated: {worker.terminated}"
                self.note(f"{worker.key} has ended with {code}")
                worker.start()

    # ---- what must hold

    def request(self) -> dict[str, tuple[int, ...]]:
        """Publishes all; by uuid the exit codes it may have."""
        filled = any(event.kind == "fill-disk" for event in self.plan.events)
        requested = {}
        for request in self.plan.requests:
            params = {"swiftuser": "alice"} if request.kind == "private" else {}
            uuid = self.bed.request(request.package, request.queue, **params)
            requested[uuid] = (EXITCODES.get(request.kind, 0),) + ((TESTBED_FAILURE,) if filled else ())
        return requested

    def run_logs(self) -> dict[str, list[tuple[float, str]]]:
        return {worker.key: worker.lines() for worker in self.logs}

    def complete_interruptions(self) -> None:
        """One is over when its worker has the broker again."""
        logs = self.run_logs()
        for i in self.interruptions:
            if i.end < time.time() and i.holders:
                back = [min((at for at, text in logs[key] if at >= i.start and "connected to the broker" in text), default=i.end)
                        for key in i.holders]
                i.end = max(i.end, *back)

    def queued(self) -> dict[str, int]:
        """Queues of requests and leases with something in them."""
        lines = self.broker.rig("ctl", "list_queues", "-q", "--no-table-headers", "name", "messages").splitlines()
        counts = {name: int(count) for name, count in (line.split("\t") for line in lines)}
        return {name: n for name, n in counts.items() if n and name.startswith(("debci-", "autopkgtest.lease"))}

    def run(self) -> None:
        requested = self.request()
        self.store.start()
        for _ in range(UNITS):
            self.units.append(self.new_unit())
        self.start = time.time()
        for index in range(UNITS):
            self.start_workers(index)
        for event in self.plan.events:
            while time.time() < self.start + event.at:
                self.settle()
                time.sleep(0.02)
            self.happen(event)
        while self.ends:
            self.settle()
            time.sleep(0.02)
        self.await_broker()
        self.note("all is well again")
        self.await_end(requested)
        self.note("all is done")
        self.judge(requested)

    def await_end(self, requested: dict[str, tuple[int, ...]]) -> None:
        def is_stored() -> bool:
            return len(list(self.store.dir.glob("*autopkgtest-*/**/result.tar"))) >= len(requested)

        def is_empty() -> bool:
            self.settle()
            time.sleep(0.5)
            return not self.queued() and not [p for unit in self.units for p in unit.leftovers()]

        try:
            wait_for("nothing left, or a result of every request", lambda: is_stored() or is_empty(), SETTLE_S)
            wait_for("no request, lease, or folder left", is_empty, LEFT_S)
        except AssertionError as error:
            left = [str(p) for unit in self.units for p in unit.leftovers()]
            faults = self.verdict(requested).judge()
            raise AssertionError("\n".join([str(error), f"queues: {self.queued()}", f"folders: {left}", *faults])) from error

    def verdict(self, requested: dict[str, tuple[int, ...]]) -> Verdict:
        self.complete_interruptions()
        return Verdict(requested, self.store.dir, self.bed.get(COMPLETE), self.run_logs(), self.interruptions)

    def judge(self, requested: dict[str, tuple[int, ...]]) -> None:
        for worker in self.workers():
            worker.terminated = True
            worker.signal(signal.SIGTERM)
        for worker in self.workers():
            assert (code := worker.process.wait(30)) == 0, f"{worker.key} ended with {code}"
        self.store.kill()
        left = marked(f"FAKE_DIR={self.bed.fake}")
        assert not left, [pathlib.Path(f"/proc/{pid}/cmdline").read_bytes() for pid in left]
        verdict = self.verdict(requested)
        faults = verdict.judge()
        self.note(f"{verdict.figures()}, {len(self.bed.runs())} runs of tests")
        if faults:
            words = [word for fault in faults for word in fault.replace("'", " ").replace("/", " ").replace(":", " ").split() if "@" in word or "-" in word]
            raise AssertionError("\n".join([*faults, everything_of(words, self.run_logs(), self.start)]))

    def keep(self, seed: int) -> pathlib.Path:
        """All logs and what happened, for whoever looks into a failure."""
        kept = BUILD / "logs/chaos" / str(seed)
        shutil.rmtree(kept, ignore_errors=True)
        kept.mkdir(parents=True)
        for log in self.bed.dir.glob("*.log"):
            shutil.copy(log, kept)
        (kept / "events").write_text("".join(f"{line}\n" for line in [f"start {self.start:.3f}", *self.told]))
        return kept

    def close(self) -> None:
        if self.broker_start:
            self.broker_start.join()
        for unit in self.units:
            unit.destroy()
        self.store.kill()
        self.proxy.close()
        self.store_proxy.close()
        self.network.close()


def chaos(bed: Bed, seed: int, requests: int, workers: int, seconds: float, short: bool = False) -> None:
    if os.getuid() != 0:
        raise Skip("networks and disks of its own need root")
    plan = Plan(seed, requests, workers, UNITS, seconds, short)
    print(f"        CHAOS_SEED={seed}, {len(plan.events)} events", flush=True)
    run = Chaos(bed, plan)
    try:
        run.run()
    except BaseException:
        print(f"        CHAOS_SEED={seed} failed; logs: {run.keep(seed)}\n" + "\n".join(run.told), flush=True)
        raise
    finally:
        run.close()
    print("        " + run.told[-1], flush=True)


def test_chaos_in_short(bed: Bed) -> None:
    """Each kind of event once, always in the same order; `make chaos` has others."""
    seed = int(os.environ.get("CHAOS_SEED", SHORT_SEED))
    chaos(bed, seed, requests=60, workers=6, seconds=24, short=True)
