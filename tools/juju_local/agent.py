# SPDX-License-Identifier: GPL-3.0-only
"""Runs one operation of one unit's agent and commits what came of it."""
from __future__ import annotations

import base64
import json
import signal
import time
from dataclasses import dataclass, field
from typing import Any

from . import charm as charms
from . import commit, machinery, recording, unpack
from .console import Console, Ticker
from .context import Context, context_id
from .errors import JujuLocalError, ToolError
from .hookenv import HookMissing, HookUnusable, environment, find_program, kill_hook
from .model import Hook, Model, Task, now, unit_tag
from .resolver import Operation
from .schema import action_schema, validate, with_defaults
from .server import ToolServer, Usage
from .store import Store

LINE_MAX = 4096
SHOWN_AFTER_FAILURE = 15


@dataclass
class Outcome:
    """How the process of a hook, action or juju-exec ended."""
    code: int = 0
    seconds: float = 0.0
    lines: list[tuple[str, str]] = field(default_factory=list)
    missing: bool = False
    unusable: str = ""
    usage: Usage = field(default_factory=Usage)
    cost: dict[str, int] = field(default_factory=dict)

    def stream(self, name: str) -> str:
        found = [line.removesuffix("\r") for stream, line in self.lines if stream == name]
        return "".join(f"{line}\n" for line in found)


class Agent:
    def __init__(self, store: Store, console: Console, unit: str) -> None:
        self.store = store
        self.console = console
        self.unit = unit
        model = store.read()
        self.machine: Any = machinery.open_machine(
            store, model.machines[model.units[unit].machine])

    def run(self, operation: Operation) -> bool:
        """Whether it went well. A failed hook is an answer, not an exception."""
        if operation.kind == "hook":
            assert operation.hook
            return self.run_hook(operation.hook)
        if operation.kind == "task":
            assert operation.task
            return self.run_task(operation.task)
        if operation.kind in ("deploy", "upgrade"):
            return self._unpack(operation.kind == "upgrade")
        if operation.kind == "implicit":
            with self.store.change() as model:
                commit.settle_implicit(model, model.units[self.unit])
            return True
        if operation.kind == "skip":
            with self.store.change() as model:
                pending = model.units[self.unit].agent.pending
                if pending:
                    commit.finish(model, model.units[self.unit], pending)
            return True
        return self._vanish()

    # ---------------------------------------------------------------- hooks

    def run_hook(self, hook: Hook, measure: bool = False,
                 ret_outcome: list[Outcome] | None = None) -> bool:
        if hook.kind == "storage-attached":
            self._move_storage(hook.storage, attach=True)
        hook.context = context_id(self.unit, hook.name)
        with self.store.change() as model:
            before = model.units[self.unit].workload.message
            commit.begin(model, model.units[self.unit], hook)
            after = model.units[self.unit].workload
            if after.message != before and hook.kind != "install":
                self.console.status(self.unit, f"{after.status}: {after.message}")
        ctx = self._context(hook=hook)
        outcome = self._process(ctx, "hooks", hook.name, measure)
        if ret_outcome is not None:
            ret_outcome.append(outcome)
        if outcome.missing:
            return self._hook_done(ctx, hook, outcome)
        if ctx.reboot == "now":
            return self._requeue(hook, "rebooting now", reboot=True)
        if outcome.code in (-9, -15):
            name = "SIGKILL" if outcome.code == -9 else "SIGTERM"
            return self._requeue(hook, f"ended by {name}: it will run again")
        if outcome.code != 0 or outcome.unusable:
            return self._hook_failed(hook, outcome, outcome.unusable or _exit_text(outcome.code))
        return self._hook_done(ctx, hook, outcome)

    def _hook_done(self, ctx: Context, hook: Hook, outcome: Outcome) -> bool:
        try:
            with self.store.change() as model:
                recording.flush(ctx, model)
                commit.finish(model, model.units[self.unit], hook)
        except ToolError as error:
            return self._hook_failed(hook, outcome, f"its changes were refused: {error}")
        if hook.kind == "storage-detaching" and not hook.fired:
            self._move_storage(hook.storage, attach=False)
        if outcome.missing:
            if self.console.verbose:
                self.console.say(self.unit, f"{hook.name}: not in the charm, skipped", "dim")
        else:
            self.console.say(self.unit, f"{self._describe(hook):<44} {outcome.seconds:7.2f} s")
            self.console.log(self.unit, "INFO", "juju.worker.uniter.operation",
                             f'ran "{hook.name}" hook in {outcome.seconds:.3f} s')
        if ctx.reboot:
            self.reboot()
        return True

    def _hook_failed(self, hook: Hook, outcome: Outcome, why: str) -> bool:
        with self.store.change() as model:
            commit.fail(model.units[self.unit], hook)
        self.console.say(self.unit, f"{self._describe(hook):<44} {outcome.seconds:7.2f} s  FAILED: "
                         f"{why}", "error")
        self.console.log(self.unit, "ERROR", "juju.worker.uniter.operation",
                         f'hook "{hook.name}" failed: {why}')
        if not self.console.verbose:
            for stream, line in outcome.lines[-SHOWN_AFTER_FAILURE:]:
                self.console.say(self.unit, f"  {'!' if stream == 'stderr' else '|'} {line}")
        return False

    def _requeue(self, hook: Hook, why: str, reboot: bool = False) -> bool:
        """Not a failure: changes are dropped and the hook runs again."""
        with self.store.change() as model:
            hook.state = "queued"
            model.units[self.unit].agent.pending = hook
            commit.set_agent_status(model.units[self.unit], "idle")
        self.console.say(self.unit, f"{hook.name}: {why}")
        self.console.log(self.unit, "WARNING", "juju.worker.uniter.operation",
                         f'hook "{hook.name}": {why}')
        if reboot:
            self.reboot()
        return reboot

    def reboot(self) -> None:
        """Reboots the machine; every started unit on it runs start again."""
        model = self.store.read()
        machine_id = model.units[self.unit].machine
        self.console.say(f"machine {machine_id}", "rebooting")
        if hasattr(self.machine, "reboot"):
            self.machine.reboot()
        else:
            self.machine.stop()
            self.machine.start(lambda line: self.console.say(f"machine {machine_id}", line))
        with self.store.change() as model:
            commit.machine_rebooted(model, machine_id)

    def _describe(self, hook: Hook) -> str:
        if hook.kind.startswith("relation-"):
            return f"{hook.name} ({hook.remote_unit or hook.remote_app})"
        return f"{hook.name} ({hook.storage})" if hook.storage else hook.name

    # ---------------------------------------------------------------- actions and exec

    def run_task(self, task: Task) -> bool:
        with self.store.change() as model:
            stored = model.tasks[task.id]
            stored.status, stored.started = "running", now()
            stored.context = context_id(self.unit, stored.name)
            version = str(model.config.get("agent-version", ""))
            problem = "" if task.kind == "exec" else self._check_params(model, stored, version)
            if not problem:
                commit.set_agent_status(model.units[self.unit], "executing", (
                    f"running action {task.name}" if task.kind == "action"
                    else "running commands"))
            task = stored
        if problem:
            return self._task_done(task, None, Outcome(code=1), "failed", problem)
        ctx = self._context(task=task)
        folder = "actions" if task.kind == "action" else ""
        outcome = self._process(ctx, folder, task.name)
        if outcome.missing:
            return self._task_done(task, None, outcome, "failed",
                                   f'action not implemented on unit "{self.unit}"')
        if outcome.unusable:
            return self._task_done(task, None, outcome, "failed", outcome.unusable)
        if outcome.code != 0:
            why = "terminated" if outcome.code in (-9, -15) else _exit_text(outcome.code)
            done = self._task_done(task, ctx, outcome, "failed", why, False)
            if ctx.reboot:
                self.reboot()
            return done
        failed = ctx.action_failed
        if failed is not None:
            return self._task_done(task, ctx, outcome, "failed", failed, True)
        done = self._task_done(task, ctx, outcome, "completed", "", True)
        if ctx.reboot:
            self.reboot()
        return done

    def _check_params(self, model: Model, task: Task, version: str) -> str:
        """Checks an action's parameters and puts in the defaults. Returns what is wrong."""
        charm = charms.load(self.store.folder("charms") / model.units[self.unit].agent.charm)
        if task.name not in charm.actions:
            return f'action not implemented on unit "{self.unit}"'
        schema = action_schema(charm.actions[task.name], not version.startswith("3."))
        problems = validate(schema, task.params)
        if problems:
            return f'cannot run "{task.name}" action: validation failed: ' + "; ".join(problems)
        task.params = with_defaults(schema, task.params)
        return ""

    def _task_done(self, task: Task, ctx: Context | None, outcome: Outcome, status: str,
                   message: str, flush: bool = False) -> bool:
        results = dict(ctx.results) if ctx else {}
        stderr = outcome.stream("stderr")
        if flush and ctx:
            try:
                with self.store.change() as model:
                    recording.flush(ctx, model)
            except ToolError as error:
                stderr = f"{stderr}\n{error}" if stderr else str(error)
                status, message = "failed", message or "committing requested changes failed"
        if ctx:
            results["return-code"] = outcome.code if outcome.code >= 0 else -1
            for name, text in (("stdout", outcome.stream("stdout")), ("stderr", stderr)):
                if text:
                    _put_output(results, name, text)
        with self.store.change() as model:
            stored = model.tasks[task.id]
            if status == "failed" and stored.status == "aborting":  # by cancel-task, meanwhile
                status = "aborted"
            stored.status, stored.message, stored.results = status, message, results
            stored.completed = now()
            unit = model.units[self.unit]
            if unit.agent.pending and unit.agent.pending.state == "failed":
                commit.fail(unit, unit.agent.pending)
            else:
                commit.set_agent_status(unit, "idle")
        what = f"action {task.name}" if task.kind == "action" else "exec"
        self.console.say(self.unit, f"{what + ': ' + status:<44} {outcome.seconds:7.2f} s"
                         + (f"  {message}" if message else ""),
                         "error" if status == "failed" else "")
        return True

    # ---------------------------------------------------------------- processes

    def _context(self, hook: Hook | None = None, task: Task | None = None) -> Context:
        def log(level: str, logger: str, text: str) -> None:
            self.console.log(self.unit, level, logger, text)
            if self.console.verbose or level in ("ERROR", "CRITICAL"):
                self.console.say(self.unit, f"  {level}: {text}", "dim")

        ctx = Context(self.store, self.unit, hook, task, log,
                      lambda text: self.console.status(self.unit, text))
        ctx.machine_path = self.machine.path
        ctx.named_path = lambda name: machinery.named_path(self.machine, name)
        ctx.shown_path = lambda inside: machinery.shown_path(self.machine, inside)
        ctx.kill = lambda: kill_hook(ctx.id)
        return ctx

    def _process(self, ctx: Context, folder: str, name: str, measure: bool = False) -> Outcome:
        """Runs dispatch, FOLDER/NAME or, without a folder, the task's commands in bash."""
        outcome = Outcome()
        charm = machinery.charm_dir(self.unit)
        shown_charm = machinery.shown_path(self.machine, charm)
        argv, stdin = ["/bin/bash", "-s"], None
        if folder:
            try:
                program = find_program(self.machine.path(charm), folder, name)
            except HookMissing:
                outcome.missing = True
                return outcome
            except HookUnusable as error:
                outcome.unusable = str(error)
                return outcome
            argv = [f"{shown_charm}/{program}"]
        elif ctx.task:
            stdin = ctx.task.command.encode("utf-8", "surrogateescape")
        tools = machinery.shown_path(self.machine, machinery.tools_dir(self.unit))
        report = f"{machinery.agent_dir(self.unit)}/measure.json"
        if measure:
            argv = [f"{tools}/jujuc-measure", machinery.shown_path(self.machine, report), *argv]
        logger = f"unit.{self.unit}.{name or 'juju-exec'}"
        ticker = Ticker(self.console, self.unit, name or "juju-exec")

        def on_line(stream: str, data: bytes) -> None:
            for start in range(0, len(data) + 1, LINE_MAX):  # a line that fills its last part has an empty one behind it
                text = data[start:start + LINE_MAX].decode("utf-8", "surrogateescape")
                self.console.log(self.unit, "DEBUG" if stream == "stdout" else "WARNING", logger,
                                 text)
                self.console.hook_line(self.unit, stream, text)
            ticker.last_line = text
            outcome.lines.append((stream, data.decode("utf-8", "surrogateescape")))

        socket_name = f"{unit_tag(self.unit)}.socket"
        socket_dir = self.machine.socket_dir()
        inside = f"/run/juju-local/{socket_name}"
        if hasattr(self.machine, "shown_path"):
            inside = str(socket_dir / socket_name)
        env = environment(ctx, self.machine, self.store.read(), inside)
        recording.environment(ctx, env)
        started = time.monotonic()
        try:
            with ticker, ToolServer(ctx, socket_dir / socket_name) as server:
                outcome.code = self.machine.exec(argv, env=env, cwd=shown_charm, stdin=stdin,
                                                 on_line=on_line)
                outcome.seconds = time.monotonic() - started
            outcome.usage = server.usage
        except OSError as error:  # execve(2) refused it
            outcome.unusable = f"fork/exec {argv[0]}: {(error.strerror or '').lower()}"
        if measure and self.machine.path(report).exists():
            outcome.cost = json.loads(self.machine.path(report).read_text())
        return outcome

    # ---------------------------------------------------------------- files

    def _unpack(self, is_upgrade: bool) -> bool:
        with self.store.change() as model:
            unit = model.units[self.unit]
            app = model.applications[unit.app]
            old, key = unit.agent.charm, app.charm
            files = unit.agent.files
        target = self.machine.path(machinery.charm_dir(self.unit))
        if old != key:
            charm = charms.load(self.store.folder("charms") / key)
            try:
                files = unpack.upgrade(charm, target, files)
            except JujuLocalError as error:
                return self._unpack_failed(str(error))
            (target / ".juju-charm").write_text(f"local:{key.removesuffix('.charm')}\n")
            (target / "revision").write_text(key.removesuffix(".charm").rpartition("-")[2])
        machinery.install_tools(self.store, self.machine, self.unit)
        with self.store.change() as model:
            unit = model.units[self.unit]
            unit.agent.charm, unit.agent.files = key, files
            unit.agent.resource_revision = model.applications[unit.app].resource_revision
            unit.force_upgrade = False
            unit.agent.upgraded = is_upgrade and unit.agent.installed
            if is_upgrade and unit.agent.pending and unit.agent.pending.state == "failed":
                unit.agent.pending.state = "queued"
                commit.set_agent_status(unit, "idle")
        if is_upgrade and old != key:
            self.console.say(self.unit, f"charm {old} → {key}")
        return True

    def _unpack_failed(self, why: str) -> bool:
        with self.store.change() as model:
            commit.set_agent_status(model.units[self.unit], "error", why)
        self.console.say(self.unit, f"cannot unpack the charm: {why}", "error")
        return False

    def _move_storage(self, storage_id: str, attach: bool) -> None:
        instance = self.store.read().storage.get(storage_id)
        if instance and instance.kind == "filesystem":
            machinery.move_storage(self.store, self.machine, storage_id, instance.location, attach)

    def _vanish(self) -> bool:
        if self.machine.running():
            machinery.remove_unit_files(self.machine, self.unit)
        with self.store.change() as model:
            unit = model.units[self.unit]
            machine_id = unit.machine
            commit.vanish(model, unit)
            rest = any(u.machine == machine_id for u in model.units.values())
            drop = not rest and not model.machines[machine_id].keep
        self.console.say(self.unit, "removed")
        if drop:
            self.machine.destroy()
            with self.store.change() as model:
                model.machines.pop(machine_id, None)
            self.console.say(f"machine {machine_id}", "removed")
        return True


def _exit_text(code: int) -> str:
    if code >= 0:
        return f"exit status {code}"
    try:
        return f"signal: {signal.strsignal(-code) or -code}".lower()
    except ValueError:
        return f"signal: {-code}"


def _put_output(results: dict[str, Any], name: str, text: str) -> None:
    try:
        text.encode()
        results[name] = text
    except UnicodeEncodeError:
        results[name] = base64.b64encode(text.encode("utf-8", "surrogateescape")).decode()
        results[f"{name}-encoding"] = "base64"
