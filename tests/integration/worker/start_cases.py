# SPDX-License-Identifier: GPL-3.0-only
"""How workers start: systemd knows of each once it has been to the broker, and only a few of them are there at a time."""
from __future__ import annotations

import contextlib
import pathlib
import re
import socket
import threading
import time
from typing import Iterator

from bed import Bed, TooSlow, Worker, wait_for
from ports import claim_port
from proxy import Proxy

READY_WAIT_S = 10  # after which a worker is ready also without a place (services/worker/loop.c)
PLACES = 8  # workers that may connect at a time (services/worker/gate.h)
NAME = re.compile(rb"autopkgtest-worker autopkgtest-cloud/0/(local-amd64-[0-9]+)")  # how one calls itself to the broker


class Systemd:
    """Hears what workers tell systemd; each has a socket of its own, as NUMBER.notify in the folder."""

    def __init__(self, directory: pathlib.Path) -> None:
        self.dir = directory
        self.said: dict[str, list[str]] = {}
        self.ears: dict[str, socket.socket] = {}
        self.started_at: dict[str, float] = {}
        self.heard_at: dict[str, float] = {}  # that it is ready
        self.lock = threading.Lock()

    def start(self, bed: Bed, number: int) -> Worker:
        name = f"local-amd64-{number}"
        address = self.dir / f"{number}.notify"  # the path of a socket has to be short
        ear = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        ear.bind(str(address))
        ear.setblocking(False)
        with self.lock:
            self.said[name], self.ears[name], self.started_at[name] = [], ear, time.monotonic()
        bed.env["NOTIFY_SOCKET"] = str(address)
        worker = bed.worker(number)
        del bed.env["NOTIFY_SOCKET"]
        return worker

    def hear(self) -> None:
        """All that has been said so far. Nobody else reads it: who asks has the order in which things happened."""
        with self.lock:
            for name, ear in self.ears.items():
                with contextlib.suppress(BlockingIOError):
                    while text := ear.recv(65536):
                        self.said[name] += text.decode().splitlines()
                if name not in self.heard_at and "READY=1" in self.said[name]:
                    self.heard_at[name] = time.monotonic()

    def ready(self) -> set[str]:
        self.hear()
        return set(self.heard_at)

    def status_at_ready(self, name: str) -> str:
        """What the last STATUS= was when the worker said that it is ready."""
        said = self.said[name]
        return [line for line in said[:said.index("READY=1")] if line.startswith("STATUS=")][-1]

    def close(self) -> None:
        for ear in self.ears.values():
            ear.close()


class Door:
    """The broker's, seen by a relay that is slow: who has come, and how many of them systemd does not know of yet."""

    def __init__(self, bed: Bed, systemd: Systemd) -> None:
        self.systemd = systemd
        self.names: set[str] = set()
        self.most = 0
        address = bed.broker.settings["RABBIT_HOST"], int(bed.broker.settings["RABBIT_PORT"])
        self.proxy = Proxy(lambda: address, watch=self.watch)
        bed.write_broker(self.proxy.port)

    def watch(self, _: object, from_client: bool, data: bytes) -> None:
        if from_client and (found := NAME.search(data)):
            self.names.add(found[1].decode())
            self.most = max(self.most, len(self.names - self.systemd.ready()))
        time.sleep(0.002)


@contextlib.contextmanager
def door(bed: Bed) -> Iterator[tuple[Systemd, Door]]:
    systemd = Systemd(bed.dir)
    relay = Door(bed, systemd)
    try:
        yield systemd, relay
    finally:
        relay.proxy.close()
        systemd.close()


def test_few_workers_connect_at_a_time_and_are_ready_when_they_have(bed: Bed) -> None:
    bed.attempts(few_connect_at_a_time)


def few_connect_at_a_time(bed: Bed) -> None:
    count = 3 * PLACES
    bed.configure(workers=count)
    with door(bed) as (systemd, relay):
        for number in range(1, count + 1):
            systemd.start(bed, number)
        wait_for("all are ready", lambda: len(systemd.ready()) == count)
        wait_for("all have been to the broker", lambda: len(relay.names) == count)
        assert relay.most <= PLACES, relay.most
        if relay.most < 2:
            raise TooSlow("each had been to the broker before the next came")
        at_once = [worker for worker in bed.workers if systemd.heard_at[worker.name] < systemd.started_at[worker.name] + READY_WAIT_S]
        if len(at_once) < 2:
            raise TooSlow("none is ready in the time in which it has to have been to the broker")
        for worker in at_once:
            unheard = worker.text().count("the broker says nothing of it")
            assert systemd.status_at_ready(worker.name) == f"STATUS=idle, listening to {8 - unheard} queues", worker.text()


def test_a_worker_without_a_broker_is_ready_and_says_why(bed: Bed) -> None:
    port = claim_port(bed.dir)  # nobody listens there
    bed.write_broker(port)
    systemd = Systemd(bed.dir)
    try:
        systemd.start(bed, 1)
        wait_for("ready", systemd.ready)
        said = systemd.status_at_ready("local-amd64-1")
        assert said.startswith(f"STATUS=no broker, trying again: cannot connect to broker 127.0.0.1:{port}: "), said
    finally:
        systemd.close()


def test_nobody_waits_long_for_a_broker_that_is_silent(bed: Bed) -> None:
    """More workers than may connect at a time: also those whose turn does not come are ready."""
    count = PLACES + 1
    bed.configure(workers=count)
    with door(bed) as (systemd, relay):
        relay.proxy.swallow(True)
        for number in range(1, count + 1):
            systemd.start(bed, number)
        wait_for("all are ready", lambda: len(systemd.ready()) == count)
        assert not relay.names
        said = sorted(systemd.status_at_ready(worker.name) for worker in bed.workers)
        assert all(text.startswith("STATUS=no broker") for text in said), said
        assert sum("login failed" in text for text in said) >= PLACES, said
