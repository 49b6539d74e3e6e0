# SPDX-License-Identifier: GPL-3.0-only
"""Verbs that run something on units, and that look: run, exec, ssh, status, fire, wait-for …"""
from __future__ import annotations

import json
import os
import re
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import yaml

from . import controller, machinery, status
from .agent import Agent
from .console import read_log
from .errors import JujuLocalError
from .hookenv import AGENT_PATH, kill_program
from .model import Hook, Model, Storage, Task, Unit, now
from .resolver import config_stamp
from .verbs import Arguments, Session, read_yaml, show

CANCELLING = 30.0  # seconds within which a task that begins has a process


# ------------------------------------------------------------------ run, exec

def _param(params: dict[str, Any], word: str, as_string: bool) -> None:
    key, equals, value = word.partition("=")
    if not equals:
        raise JujuLocalError(f'argument "{word}" must be of the form key.key.key...=value')
    place = params
    *parents, last = key.split(".")
    for parent in parents:
        place = place.setdefault(parent, {})
        if not isinstance(place, dict):
            raise JujuLocalError(f'"{word}": {parent} has a value and cannot hold keys')
    try:
        place[last] = value if as_string else yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise JujuLocalError(f"{word}: {' '.join(str(error).split())}") from None


def _enqueue(session: Session, units: list[str], **fields: Any) -> list[str]:
    with session.store.change() as model:
        ids = []
        for name in units:
            unit = controller.unit(model, name)
            number = str(model.next("task") + 1)
            model.tasks[number] = Task(number, unit.name, enqueued=now(), **fields)
            ids.append(number)
        for number in sorted(model.tasks, key=int)[:-200]:  # old tasks are dropped
            if model.tasks[number].status not in ("pending", "running"):
                del model.tasks[number]
    return ids


def _as_result(task: Task) -> dict[str, Any]:
    out = {"id": task.id, "status": task.status, "results": task.results,
           "message": task.message, "log": task.log, "unit": task.unit, "timing": {
               "enqueued": task.enqueued, "started": task.started, "completed": task.completed}}
    return {k: v for k, v in out.items() if v not in ("", [], {})}


def run(session: Session, args: Arguments) -> int:
    words = list(args.words)
    units = []
    while words and re.fullmatch(r"[a-z0-9-]+/(\d+|leader)", words[0]):
        units.append(words.pop(0))
    if not units or not words:
        raise JujuLocalError("usage: juju-local run UNIT... ACTION [key=value...]")
    action = words.pop(0)
    params: dict[str, Any] = dict(read_yaml(args.params) or {}) if args.params else {}
    for word in words:
        _param(params, word, args.string_args)
    model = session.store.read()
    for name in units:
        app = model.applications[controller.unit(model, name).app]
        known = controller.charm_of(session.store, app).actions
        if action not in known:
            raise JujuLocalError(f'action "{action}" not defined on unit "{name}"; its charm has: '
                                 + (", ".join(sorted(known)) or "none"))
    ids = _enqueue(session, units, kind="action", name=action, params=params)
    code = session.settle()
    if session.no_wait:
        print("\n".join(ids))
        return code
    tasks = [session.store.read().tasks[i] for i in ids]
    if args.format in ("json", "yaml"):
        show({t.unit: _as_result(t) for t in tasks}, args.format)
    else:
        for task in tasks:
            for line in task.log:
                print(line)
            if task.message:
                print(f"Action id {task.id} {task.status}: {task.message}")
            text = {k: v for k, v in task.results.items()
                    if not (k == "return-code" and v == 0)}
            if text:
                show(text, "yaml")
    return 0 if all(t.status == "completed" for t in tasks) else 1


def show_task(session: Session, args: Arguments) -> int:
    tasks = session.store.read().tasks
    if args.id not in tasks:
        raise JujuLocalError(f'task "{args.id}" not found')
    show(_as_result(tasks[args.id]), args.format)
    return 0


def cancel_task(session: Session, args: Arguments) -> int:
    """One that waits never runs; the program of one that runs is killed, by whichever process it was started."""
    with session.store.change() as model:
        task = model.tasks.get(args.id)
        if task is None or task.status not in ("pending", "running"):
            raise JujuLocalError(f'task "{args.id}" neither waits nor runs')
        if task.status == "pending":
            task.status, task.completed = "cancelled", now()
            return 0
        task.status = "aborting"
    deadline = time.monotonic() + CANCELLING
    while not kill_program(task.context) and session.store.read().tasks[args.id].status == "aborting":  # it may not have been started yet
        if time.monotonic() > deadline:
            raise JujuLocalError(f'task "{args.id}" has no process; if nothing runs it, juju-local settle ends it')
        time.sleep(0.01)
    return 0


def exec_(session: Session, args: Arguments) -> int:
    units = [*args.unit]
    model = session.store.read()
    for name in args.application:
        units += [u.name for u in model.units_of(controller.application(model, name).name)]
    if not units:
        raise JujuLocalError("no target: give --unit UNIT or --application APP")
    ids = _enqueue(session, units, kind="exec", name="", command=" ".join(args.command))
    session.settle()
    code = 0
    for number in ids:
        task = session.store.read().tasks[number]
        if args.format:
            show({task.unit: _as_result(task)}, args.format)
        else:
            sys.stdout.write(str(task.results.get("stdout", "")))
            sys.stderr.write(str(task.results.get("stderr", "")))
        code = code or int(task.results.get("return-code", 1))
    return code


def ssh(session: Session, args: Arguments) -> int:
    """A command on the unit's machine, without the hook tools; a shell when there is none."""
    model = session.store.read()
    if args.target in model.machines:
        kept = model.machines[args.target]
    else:
        kept = model.machines[controller.unit(model, args.target).machine]
    machine = machinery.open_machine(session.store, kept)
    env = {"PATH": AGENT_PATH, "HOME": "/root", "USER": "root", "LOGNAME": "root",
           "SHELL": "/bin/bash", "LANG": "C.UTF-8", "TERM": os.environ.get("TERM", "dumb")}
    cwd = machinery.shown_path(machine, "/root")
    machine.path("/root").mkdir(parents=True, exist_ok=True)
    command = " ".join(args.command) if args.command else ""
    if not command and sys.stdin.isatty():
        raise JujuLocalError("juju-local gives no terminal: pipe commands in, or name one "
                             f"(juju-local ssh {args.target} COMMAND)")
    stdin = None if command else sys.stdin.buffer.read()

    def on_line(stream: str, line: bytes) -> None:
        out = sys.stdout if stream == "stdout" else sys.stderr
        out.buffer.write(line.rstrip(b"\n") + b"\n")
        out.flush()

    argv = ["/bin/bash", "-c", command] if command else ["/bin/bash", "-s"]
    code = machine.exec(argv, env=env, cwd=cwd, stdin=stdin, on_line=on_line)
    return code if code >= 0 else 128 - code


def scp(session: Session, args: Arguments) -> int:
    def place(text: str) -> Path:
        head, colon, tail = text.partition(":")
        if not colon or "/" in head and not re.fullmatch(r"[a-z0-9-]+/(\d+|leader)", head):
            return Path(text)
        model = session.store.read()
        kept = model.machines.get(head) or model.machines[controller.unit(model, head).machine]
        machine = machinery.open_machine(session.store, kept)
        return machine.path(os.path.join("/root", tail))

    source, target = place(args.source), place(args.target)
    if target.is_dir():
        target = target / source.name
    try:
        if source.is_dir():
            shutil.copytree(source, target, symlinks=True)
        else:
            shutil.copy2(source, target)
    except OSError as error:
        raise JujuLocalError(f"cannot copy {args.source} to {args.target}: {error}") from None
    return 0


# ------------------------------------------------------------------ agents

def resolve(session: Session, args: Arguments) -> int:
    with session.store.change() as model:
        units = [controller.unit(model, n) for n in args.units]
        if args.all:
            units = [u for u in model.units.values() if u.agent_status.status == "error"]
        for unit in units:
            if unit.agent_status.status != "error":
                raise JujuLocalError(f'unit "{unit.name}" is not in an error state')
            unit.resolved = "skip" if args.no_retry else "retry"
    return session.settle()


def planned_hook(session: Session, model: Model, unit: Unit, name: str,
                 options: Arguments) -> Hook:
    """The hook called name as the resolver would plan it, for fire and bench-hook."""
    app = model.applications[unit.app]
    charm = controller.charm_of(session.store, app)
    if name not in charm.hooks():
        raise JujuLocalError(f'charm "{charm.name}" has no hook "{name}"; it can have: '
                             + ", ".join(charm.hooks()))
    if match := re.fullmatch(r"(.+)-relation-(created|joined|changed|departed|broken)", name):
        return _planned_relation_hook(model, unit, match[1], match[2], options)
    if match := re.fullmatch(r"(.+)-storage-(attached|detaching)", name):
        held: list[Storage] = [s for s in model.storage.values() if s.unit == unit.name
                               and s.name == match[1]]
        if not held:
            raise JujuLocalError(f'unit "{unit.name}" holds no storage "{match[1]}"')
        return Hook(name, f"storage-{match[2]}", storage=held[0].id, fired=True)
    if name.startswith("secret-"):
        if not options.secret:
            raise JujuLocalError(f"{name}: say which secret with --secret URI")
        bare = options.secret.removeprefix("secret:")
        if bare not in model.secrets:
            raise JujuLocalError(f'secret "{options.secret}" not found')
        secret = model.secrets[bare]
        number = secret.latest if name in ("secret-expired", "secret-remove") else None
        return Hook(name, name, secret=f"secret:{bare}", secret_label=secret.label,
                    secret_revision=number, version=secret.latest, fired=True)
    stamp = config_stamp(model, charm, unit) if name == "config-changed" else ""
    return Hook(name, name, stamp=stamp, fired=True)


def _planned_relation_hook(model: Model, unit: Unit, endpoint: str, event: str,
                           options: Arguments) -> Hook:
    for relation in model.relations_of(unit.app):
        end = relation.endpoint_of(unit.app)
        memory = unit.agent.relations.get(str(relation.id))
        if end and end.name == endpoint and memory is not None:
            if options.relation is not None and relation.id != options.relation:
                continue
            members = sorted(memory.members)
            remote = ""
            if event in ("joined", "changed", "departed"):
                remote = options.remote_unit or (members[0] if members else "")
                if not remote and event != "changed":
                    raise JujuLocalError(f'relation "{relation.key()}" has no remote unit')
            return Hook(f"{endpoint}-relation-{event}", f"relation-{event}",
                        relation=relation.id, remote_unit=remote,
                        remote_app=relation.remote_app(unit.app), fired=True,
                        departing=remote if event == "departed" else "")
    raise JujuLocalError(f'unit "{unit.name}" is in no relation "{endpoint}"')


def fire(session: Session, args: Arguments) -> int:
    with session.store.change() as model:
        unit = controller.unit(model, args.unit)
        if unit.agent.pending:
            raise JujuLocalError(f'unit "{unit.name}" has the hook "{unit.agent.pending.name}" '
                                 "pending; settle or resolve it first")
        unit.agent.pending = planned_hook(session, model, unit, args.hook, args)
    return session.settle()


def reboot(session: Session, args: Arguments) -> int:
    unit = controller.unit(session.store.read(), args.unit).name
    with session.store.agents():
        Agent(session.store, session.console, unit).reboot()
    return session.settle()


def settle(session: Session, args: Arguments) -> int:
    del args
    return session.settle()


# ------------------------------------------------------------------ looking

def show_status(session: Session, args: Arguments) -> int:
    model = session.store.read()
    if args.format == "tabular":
        print(status.tabular(session.store, model, args.selectors))
    else:
        show(status.as_data(session.store, model, args.selectors), args.format)
    return 0


def show_unit(session: Session, args: Arguments) -> int:
    model = session.store.read()
    unit = controller.unit(model, args.unit)
    relations = []
    for relation in model.relations_of(unit.app):
        end = relation.endpoint_of(unit.app)
        other = relation.remote_app(unit.app)
        related = {n: {"in-scope": b.in_scope, "data": b.settings}
                   for n, b in relation.units.items() if n != unit.name}
        mine = relation.units.get(unit.name)
        relations.append({
            "relation-id": relation.id, "endpoint": end.name if end else "",
            "related-application": other,
            "application-data": relation.apps[other].settings if other in relation.apps else {},
            "own-application-data": relation.apps[unit.app].settings
            if unit.app in relation.apps else {},
            "local-unit": {"in-scope": bool(mine and mine.in_scope),
                           "data": mine.settings if mine else {}},
            "related-units": related})
    machine = model.machines[unit.machine]
    show({unit.name: {
        "machine": unit.machine, "public-address": machine.address, "leader":
        model.is_leader(unit.name), "life": unit.life, "workload-status": unit.workload.status,
        "workload-message": unit.workload.message, "agent-status": unit.agent_status.status,
        "opened-ports": [status.show_port(p.protocol, p.first, p.last) for p in unit.ports],
        "state": unit.state, "relation-info": relations,
        "charm-dir": str(machinery.open_machine(session.store, machine).path(
            machinery.charm_dir(unit.name)))}}, args.format)
    return 0


def machines(session: Session, args: Arguments) -> int:
    model = session.store.read()
    show({m.id: {"kind": m.kind, "status": m.status, "address": m.address, "name": m.name,
                 "message": m.message, "root": str(machinery.open_machine(
                     session.store, m).path("/"))} for m in model.machines.values()}, args.format)
    return 0


def debug_log(session: Session, args: Arguments) -> int:
    for line in read_log(session.store.root / "log", args.include, args.tail):
        print(line.encode("utf-8", "replace").decode())
    return 0


_TERM = re.compile(r'\s*([a-z-]+)\s*(==|!=)\s*"?([^"&|]*?)"?\s*')


def _holds(query: str, values: dict[str, str]) -> bool:
    """A conjunction of NAME=="VALUE"; the part of juju's query language people use."""
    for term in query.split("&&"):
        match = _TERM.fullmatch(term)
        if not match or match[1] not in values:
            raise JujuLocalError(f'wait-for: cannot read "{term.strip()}"; use terms like '
                                 + " && ".join(f'{k}=="{v}"' for k, v in values.items()))
        if (values[match[1]] == match[3]) != (match[2] == "=="):
            return False
    return True


def wait_for(session: Session, args: Arguments) -> int:
    """Settles, then runs update-status now and then, until the query holds."""
    deadline = time.monotonic() + args.timeout
    while True:
        code = session.settle()
        model = session.store.read()
        if args.what == "unit":
            unit = controller.unit(model, args.name)
            shown = status.unit_status(unit)
            values = {"workload-status": shown.status, "agent-status": unit.agent_status.status,
                      "workload-message": shown.message, "life": unit.life}
            default, units = 'workload-status=="active"', [unit]
        else:
            app = controller.application(model, args.name)
            values = {"status": status.application_status(model, app).status, "life": app.life,
                      "name": app.name}
            default, units = 'status=="active"', model.units_of(app.name)
        if _holds(args.query or default, values):
            return code
        if time.monotonic() >= deadline:
            raise JujuLocalError(f"{args.what} {args.name}: timed out after {args.timeout:g} s: "
                                 + ", ".join(f"{k}={v}" for k, v in values.items()))
        time.sleep(args.interval)
        with session.store.change() as changed:
            for unit in units:
                kept = changed.units.get(unit.name)
                if kept and kept.agent.started and not kept.agent.pending:
                    kept.agent.pending = Hook("update-status", "update-status", fired=True)


def destroy(session: Session, args: Arguments) -> int:
    model = session.store.read()
    root = session.store.root
    if not args.yes and (model.units or model.machines):
        if not sys.stdin.isatty():
            raise JujuLocalError(f"this destroys {len(model.machines)} machine(s) and "
                                 f"{len(model.units)} unit(s) in {root}; say --yes")
        if input(f"Destroy {len(model.machines)} machine(s) in {root}? [y/N] ").lower() != "y":
            return 1
    with session.store.agents():
        for machine in model.machines.values():
            session.console.say(f"machine {machine.id}", "destroying")
            machinery.open_machine(session.store, machine).destroy()
        _destroy_rest(session)
        for name in ("model.json", "model.json.new", "model.lock", "log"):
            (root / name).unlink(missing_ok=True)
        for name in ("charms", "resources", "storage", "tools", "machines"):
            shutil.rmtree(root / name, ignore_errors=True)
    return 0


def _destroy_rest(session: Session) -> None:
    """What a killed run has left half made."""
    if any((session.store.root / "machines").glob("*/system")) or any(
            (session.store.root / "machines").glob("*/scratch")):
        from . import machines as kinds
        kinds.reap_all(session.store.root)


def dump(session: Session, args: Arguments) -> int:
    """The whole model, for bug reports; secrets blanked."""
    del args
    raw = json.loads(session.store.model_file.read_text()) if (
        session.store.model_file.exists()) else {}
    for secret in raw.get("secrets", {}).values():
        for revision in secret["revisions"].values():
            revision["data"] = dict.fromkeys(revision["data"], "***")
    print(json.dumps(raw, indent=2))
    return 0
