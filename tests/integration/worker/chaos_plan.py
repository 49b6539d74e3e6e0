# SPDX-License-Identifier: GPL-3.0-only
"""What goes wrong in the chaos test and when, all of it from one number; nothing is done here."""
from __future__ import annotations

import dataclasses
import random

LEASE_TTL_S = 10
LONGER_S = LEASE_TTL_S + 3.5  # than a lease lasts
BROKER_DOWN_S = 12.0  # between two kills of the broker: it takes some seconds to come back
FIRST_BROKER_KILL_S = 3.0  # the requests are published without confirms: let the broker write them

# kind: how often, in the long form; and for how long, from … to
KINDS: dict[str, tuple[float, tuple[float, float]]] = {
    "kill": (10, (0, 0)),  # SIGKILL of one worker
    "break-connections": (4, (0, 0)),  # half of the connections to the broker end
    "swallow": (1, (0.2, 2)),  # what they carry is lost
    "kill-broker": (2, (0, 0)),
    "cut": (1.5, (1, 0.7 * LEASE_TTL_S)),  # a unit's network: nothing goes through, nobody is told
    "cut-longer": (0.7, (LONGER_S, LONGER_S + 4)),
    "stop-store": (1, (0.5, 3)),
    "stop-store-long": (0, (30, 60)),
    "fill-disk": (2, (0.3, 4)),
    "destroy": (0.5, (0, 0)),  # a unit with all workers and its disk; another takes its place
    "terminate": (2, (0, 0)),  # SIGTERM
    "terminate-twice": (1.5, (0.05, 1)),  # and how long after it the second
    "reload": (2, (0, 0)),  # SIGHUP
    "freeze": (1, (LONGER_S, LONGER_S + 4)),  # SIGSTOP
}
ONE_AT_A_TIME = {"swallow": "broker", "stop-store": "store", "cut": "network", "cut-longer": "network",
                 "fill-disk": "disk", "freeze": "worker"}


@dataclasses.dataclass(frozen=True)
class Event:
    at: float  # seconds from the start
    kind: str
    worker: int  # whose unit is meant, where a unit is
    seconds: float  # how long it lasts

    def __str__(self) -> str:
        return f"{self.at:6.2f} {self.kind} {self.worker} {self.seconds:.2f}"


@dataclasses.dataclass(frozen=True)
class Request:
    number: int
    kind: str
    seconds: float  # how long its test takes
    queue: str

    @property
    def package(self) -> str:
        return f"{self.kind}-{self.number}-{self.seconds:.1f}"


class Plan:
    """The events of a seed. `short`: each kind once, the longest first; else at random for `seconds`."""

    def __init__(self, seed: int, requests: int, workers: int, units: int, seconds: float, short: bool) -> None:
        self.chance = random.Random(seed)
        self.workers, self.units, self.seconds = workers, units, seconds
        self.busy: dict[str, float] = {}
        self.requests = [self.request(n, 1.2 * workers * seconds / requests) for n in range(requests)]
        self.events = self.each_once() if short else self.at_random()

    def request(self, number: int, longest: float) -> Request:
        kind = self.chance.choices(("good", "fails", "flaky", "private", "never", "long"), (60, 10, 10, 12, 5, 3))[0]
        seconds = LEASE_TTL_S * 1.2 if kind == "long" else self.chance.uniform(0, longest)
        return Request(number, kind, seconds, self.chance.choice(("debci-noble-amd64",) * 3 + ("debci-ppa-noble-amd64", "debci-jammy-amd64")))

    def event(self, at: float, kind: str) -> Event:
        return Event(at, kind, self.chance.randint(1, self.workers), self.chance.uniform(*KINDS[kind][1]))

    def each_once(self) -> list[Event]:
        kinds = [kind for kind in KINDS if kind != "stop-store-long"]
        self.chance.shuffle(kinds)
        kinds.sort(key=lambda kind: KINDS[kind][1][0] < LONGER_S)
        step = (self.seconds - FIRST_BROKER_KILL_S) / len(kinds)
        return [self.event(FIRST_BROKER_KILL_S + i * step, kind) for i, kind in enumerate(kinds)]

    def is_possible(self, event: Event) -> bool:
        if event.kind == "kill-broker":
            if event.at < self.busy.get("broker-kill", FIRST_BROKER_KILL_S):
                return False
            self.busy["broker-kill"] = event.at + BROKER_DOWN_S
        what = ONE_AT_A_TIME.get(event.kind)
        if what in ("network", "disk"):
            what += str(event.worker % self.units)
        elif what == "worker":
            what += str(event.worker)
        if what and event.at < self.busy.get(what, 0):
            return False
        if what:
            self.busy[what] = event.at + event.seconds
        return True

    def at_random(self) -> list[Event]:
        long = self.event(self.chance.uniform(0.1, 0.5) * self.seconds, "stop-store-long")
        events, at = [long], 0.0
        while (at := at + self.chance.uniform(0.05, 0.6)) < self.seconds:
            event = self.event(at, self.chance.choices(list(KINDS), [weight for weight, _ in KINDS.values()])[0])
            store_is_down = event.kind == "stop-store" and long.at < at + event.seconds and at < long.at + long.seconds
            if store_is_down or not self.is_possible(event):
                event = dataclasses.replace(event, kind="kill", seconds=0)
            events.append(event)
        return sorted(events, key=lambda event: event.at)
