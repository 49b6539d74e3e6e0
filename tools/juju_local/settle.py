# SPDX-License-Identifier: GPL-3.0-only
"""Runs agents until nothing is left to do.

Machines work side by side, the hooks of one machine one at a time. A failed hook is tried again a
bounded number of times in one call; then its unit stays in error and the rest goes on.
"""
from __future__ import annotations

import concurrent.futures
import time
from dataclasses import dataclass

from . import charm as charms
from . import commit, machinery
from .agent import Agent
from .console import Console
from .errors import JujuLocalError
from .hookenv import kill_hook
from .model import Machine, Model, Unit, now
from .resolver import Operation, next_operation
from .store import Store

MOST_MACHINES = 32
LONGEST_WAIT = 300.0  # seconds before a failed hook is tried again
_UNDER_WAY = ("running", "aborting")


@dataclass
class Retries:
    count: int = 3
    delay: float = 1.0


@dataclass
class _Attempts:
    done: int = 0
    not_before: float = 0.0


class Settler:
    def __init__(self, store: Store, console: Console, retries: Retries) -> None:
        self.store = store
        self.console = console
        self.retries = retries
        self._attempts: dict[str, _Attempts] = {}
        self._stuck: set[str] = set()
        self._failed_machines: set[str] = set()

    def run(self) -> list[str]:
        """Names of what is left in error. Call it with the agents' lock held."""
        self._recover()
        self._notice_halted()
        busy: dict[concurrent.futures.Future[None], str] = {}
        with concurrent.futures.ThreadPoolExecutor(MOST_MACHINES) as pool:
            while True:
                wake = self._start_idle(pool, busy)
                if not busy and wake is None:
                    return self._errors()
                pause = None if wake is None else max(0.01, wake - time.monotonic())
                if not busy:
                    time.sleep(pause or 0.01)
                    continue
                done, _ = concurrent.futures.wait(
                    busy, min(pause or 1.0, 1.0), concurrent.futures.FIRST_COMPLETED)
                for future in done:
                    del busy[future]
                    future.result()

    def _start_idle(self, pool: concurrent.futures.Executor,
                    busy: dict[concurrent.futures.Future[None], str]) -> float | None:
        """Gives idle machines their next operation. Returns when a waiting retry is due."""
        model = self.store.read()
        wake: float | None = None
        for machine in list(model.machines.values()):
            if machine.id in busy.values() or machine.id in self._failed_machines:
                continue
            unit, operation, due = self._choose(model, machine)
            if due is not None:
                wake = due if wake is None else min(wake, due)
            if unit and operation:
                busy[pool.submit(self._step, machine, unit.name, operation)] = machine.id
        return wake

    def _choose(self, model: Model,
                machine: Machine) -> tuple[Unit | None, Operation | None, float | None]:
        due: float | None = None
        for unit in sorted(model.units.values(), key=lambda u: (u.principal != "", u.name)):
            if unit.machine != machine.id or unit.name in self._stuck:
                continue
            charm = charms.load(self.store.folder("charms") / model.applications[unit.app].charm)
            may_retry, later = self._may_retry(model, unit)
            operation = next_operation(model, charm, unit, may_retry)
            if operation:
                return unit, operation, due
            if later is not None:
                due = later if due is None else min(due, later)
        return None, None, due

    def _may_retry(self, model: Model, unit: Unit) -> tuple[bool, float | None]:
        pending = unit.agent.pending
        if pending is None or pending.state != "failed":
            return False, None
        if not model.config.get("automatically-retry-hooks", True):
            return False, None
        tries = self._attempts.setdefault(unit.name, _Attempts())
        if tries.done >= self.retries.count + 1:
            return False, None
        if tries.not_before > time.monotonic():
            return False, tries.not_before
        return True, None

    def _step(self, machine: Machine, unit: str, operation: Operation) -> None:
        try:
            if operation.kind != "vanish":
                self._up(machine)
            agent = Agent(self.store, self.console, unit)
            if agent.run(operation):
                self._attempts.pop(unit, None)
            else:
                self._count_failure(unit, operation)
        except JujuLocalError as error:
            self._machine_failed(machine, str(error))
        except Exception as error:
            if type(error).__name__ != "MachineError":
                raise
            self._machine_failed(machine, str(error))

    def _count_failure(self, unit: str, operation: Operation) -> None:
        if operation.kind != "hook":
            self._stuck.add(unit)
            return
        tries = self._attempts.setdefault(unit, _Attempts())
        tries.done += 1
        wait = min(self.retries.delay * 2 ** (tries.done - 1), LONGEST_WAIT)
        tries.not_before = time.monotonic() + wait
        model = self.store.read()
        pending = model.units[unit].agent.pending
        if pending and pending.state == "queued" and tries.done > self.retries.count:
            self._stuck.add(unit)  # killed again and again
        elif pending and pending.state == "failed" and tries.done <= self.retries.count and (
                model.config.get("automatically-retry-hooks", True)):
            self.console.say(unit, f"{pending.name}: trying again in {wait:g} s "
                                   f"({tries.done} of {self.retries.count})")

    def _up(self, machine: Machine) -> None:
        """Starts a machine that is not running, and notes its address."""
        real = machinery.open_machine(self.store, machine)
        who = f"machine {machine.id}"
        if not real.running():
            self.console.say(who, f"starting ({machine.kind})")
            started = time.monotonic()
            real.start(lambda line: self.console.say(who, line, "dim"))
            self.console.say(who, f"started at {real.address} "
                                  f"{time.monotonic() - started:7.2f} s")
            rebooted = machine.status == "started"
        elif machine.status == "started" and machine.address == real.address:
            return
        else:
            rebooted = False
        with self.store.change() as model:
            kept = model.machines[machine.id]
            kept.status, kept.message, kept.since = "started", "", now()
            kept.address = real.address
            if rebooted:
                commit.machine_rebooted(model, machine.id)
            for unit in model.units.values():
                if unit.machine == machine.id and unit.workload.message == "waiting for machine":
                    commit.set_workload(unit, "waiting", "agent initialising")

    def _machine_failed(self, machine: Machine, why: str) -> None:
        self._failed_machines.add(machine.id)
        with self.store.change() as model:
            if machine.id in model.machines:
                kept = model.machines[machine.id]
                kept.message = why
                if kept.status != "started":
                    kept.status = "down"
        self.console.say(f"machine {machine.id}", why, "error")
        self.console.log(f"machine-{machine.id}", "ERROR", "juju-local", why)

    def _recover(self) -> None:
        """What was running when juju-local was killed counts as failed."""
        if not any(u.agent.pending and u.agent.pending.state == "running"
                   for u in self.store.read().units.values()) and not any(
                       t.status in _UNDER_WAY for t in self.store.read().tasks.values()):
            return
        with self.store.change() as model:
            for unit in model.units.values():
                commit.agent_started(model, unit)
                pending = unit.agent.pending
                if pending and pending.state == "running":
                    kill_hook(pending.context)
                    self.console.say(unit.name, f"{pending.name}: juju-local was ended in the "
                                                "middle of it; it counts as failed", "error")
                    commit.fail(unit, pending)
            for task in model.tasks.values():
                if task.status in _UNDER_WAY:
                    kill_hook(task.context)
                    task.status, task.message = "failed", "action terminated"
                    task.completed = now()

    def _notice_halted(self) -> None:
        """A machine that was up and is not (the host went down): its units run start again."""
        halted = {m.id for m in self.store.read().machines.values() if m.status == "started"
                  and not machinery.open_machine(self.store, m).running()}
        if halted:
            with self.store.change() as model:
                for machine in halted:
                    commit.machine_rebooted(model, machine)

    def _errors(self) -> list[str]:
        model = self.store.read()
        names = [u.name for u in model.units.values() if u.agent_status.status == "error"
                 or u.name in self._stuck]
        return sorted(names) + [f"machine {m}" for m in sorted(self._failed_machines)]
