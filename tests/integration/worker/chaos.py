# SPDX-License-Identifier: GPL-3.0-only
"""Everything goes wrong at random moments, and at the end every request has exactly one result."""
from __future__ import annotations

import json
import os
import random
import time
from typing import Callable

from bed import COMPLETE, Bed, Worker, wait_for
from disk import Disk
from proxy import Proxy
from webstore import WebStore, use_real_upload

FIRST_BROKER_KILL_S = 3.0  # the requests are published without confirms: let the broker write them


class Chaos:
    def __init__(self, bed: Bed, seed: int, requests: int, workers: int, seconds: float) -> None:
        self.bed, self.seed, self.requests, self.seconds = bed, seed, requests, seconds
        self.chance = random.Random(seed)
        self.disk = Disk(bed.dir / "work")
        self.store: WebStore = use_real_upload(bed, lease_ttl=10)
        self.broker = bed.broker
        self.proxy = Proxy(lambda: (self.broker.settings["RABBIT_HOST"], int(self.broker.settings["RABBIT_PORT"])))
        bed.write_broker(self.proxy.port)
        self.workers: dict[int, Worker] = {}
        self.count = workers
        self.ends: list[tuple[float, Callable[[], None]]] = []  # when, and what brings it in order
        self.told: list[str] = []
        self.last_broker_kill = 0.0

    # ---- what can go wrong

    def note(self, what: str) -> None:
        self.told.append(f"{time.monotonic() - self.start:6.2f} {what}")

    def kill_worker(self) -> None:
        number = self.chance.randint(1, self.count)
        self.note(f"kill worker {number}")
        self.workers[number].kill()
        self.workers[number] = self.bed.worker(number)

    def kill_broker(self) -> None:
        if self.later(3.0) < self.last_broker_kill + 6:
            return self.kill_worker()
        self.note("kill broker")
        self.broker.rig("kill")
        self.broker.start()
        self.note("broker is back")
        self.last_broker_kill = time.monotonic()

    def cut(self) -> None:
        self.note("cut connections")
        self.proxy.cut(self.chance.random, 0.5)

    def swallow(self) -> None:
        self.note("swallow what connections carry")
        self.proxy.swallow(True)
        self.ends.append((self.later(self.chance.uniform(0.2, 2)), lambda: self.proxy.swallow(False)))

    def stop_store(self) -> None:
        self.note("stop the store")
        self.store.kill()
        self.ends.append((self.later(self.chance.uniform(0.5, 3)), self.store.start))

    def fill_disk(self) -> None:
        if not self.disk.mounted:
            return self.kill_worker()
        self.note("fill the disk")
        self.disk.fill()
        self.ends.append((self.later(self.chance.uniform(0.2, 1.5)), self.disk.free))

    def later(self, seconds: float) -> float:
        return time.monotonic() + seconds

    def settle(self, everything: bool = False) -> None:
        """Ends what is due to end."""
        due = [end for at, end in self.ends if everything or at <= time.monotonic()]
        self.ends = [] if everything else [(at, end) for at, end in self.ends if at > time.monotonic()]
        for end in due:
            end()

    # ---- what must hold

    def collect(self, seen: dict[str, set[str]]) -> None:
        for text in self.bed.get(COMPLETE):
            done = json.loads(text)
            members = self.store.result(f"{done['container']}/{done['swift_dir']}")
            seen.setdefault(members["uuid"].strip(), set()).add(done["swift_dir"])

    def run(self) -> None:
        self.start = time.monotonic()
        self.bed.behave(f'sleep 0.$(( ($$ + {self.seed}) % 4 ))\n')
        self.store.start()
        uuids = {self.bed.request() for _ in range(self.requests)}
        self.start = time.monotonic()
        self.last_broker_kill = self.start + FIRST_BROKER_KILL_S - 3
        for number in range(1, self.count + 1):
            self.workers[number] = self.bed.worker(number)
        events = [self.kill_worker] * 10 + [self.cut] * 4 + [self.kill_broker] * 2 + [self.swallow, self.stop_store, self.fill_disk]
        while time.monotonic() < self.start + self.seconds:
            time.sleep(self.chance.uniform(0.05, 0.6))
            self.settle()
            event = self.chance.choice(events)
            if self.ends and event in (self.swallow, self.stop_store, self.fill_disk):
                event = self.kill_worker
            event()
        self.settle(everything=True)
        self.note("all is well again")
        seen: dict[str, set[str]] = {}

        def all_announced() -> bool:
            self.collect(seen)
            return set(seen) >= uuids

        try:
            wait_for("every request announced", all_announced, 120)
            self.bed.assert_clean(*range(1, self.count + 1), seconds=90)
            self.collect(seen)
        except AssertionError:
            print(f"        missing: {sorted(uuids - set(seen))}")
            raise
        finally:
            self.note(f"{len(seen)} of {len(uuids)} announced, {len(self.bed.runs())} runs")
        assert set(seen) == uuids
        doubled = {uuid: runs for uuid, runs in seen.items() if len(runs) > 1}
        assert not doubled, doubled

    def close(self) -> None:
        for worker in self.workers.values():
            worker.kill()
        self.store.kill()
        self.proxy.close()
        self.disk.close()


def chaos(bed: Bed, requests: int, workers: int, seconds: float) -> None:
    seed = int(os.environ.get("CHAOS_SEED", random.randrange(1 << 32)))
    print(f"        CHAOS_SEED={seed}", flush=True)
    run = Chaos(bed, seed, requests, workers, seconds)
    try:
        run.run()
    except BaseException:
        print("\n".join(run.told))
        raise
    finally:
        run.close()
    print("        " + run.told[-1], flush=True)


def test_chaos_in_short(bed: Bed) -> None:
    chaos(bed, requests=60, workers=4, seconds=15)
