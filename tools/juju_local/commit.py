# SPDX-License-Identifier: GPL-3.0-only
"""How a finished hook moves the model on. Each function runs inside Store.change()."""
from __future__ import annotations

import datetime

from . import controller
from .model import Bag, Hook, Model, Relation, RelationMemory, Status, Unit, now
from .resolver import implicit, implicit_relations, takes_part
from .secrets import next_rotation


def set_agent_status(unit: Unit, status: str, message: str = "",
                     data: dict[str, str] | None = None) -> None:
    unit.agent_status = Status(status, message, now(), dict(data or {}))


def set_workload(unit: Unit, status: str, message: str = "") -> None:
    unit.workload = Status(status, message, now())


def enter_scopes(model: Model, unit: Unit) -> None:
    """The agent joins every living relation before the first relation-created."""
    machine = model.machines.get(unit.machine)
    address = machine.address if machine else ""
    for relation in model.relations_of(unit.app):
        if relation.life != "alive" or str(relation.id) in unit.agent.relations:
            continue
        unit.agent.relations[str(relation.id)] = RelationMemory(
            created=implicit(relation, unit))
        bag = relation.units.setdefault(unit.name, Bag())
        bag.in_scope = True
        bag.settings.update(network_settings(address))


def settle_implicit(model: Model, unit: Unit) -> None:
    """Relations that the charm does not name: the agent enters and leaves them and runs no hook (uniter/relation/relationer.go)."""
    if unit.life == "alive":
        enter_scopes(model, unit)
    for relation in implicit_relations(model, unit):
        if not takes_part(relation, unit):
            leave_scope(model, unit, relation)


def agent_started(model: Model, unit: Unit) -> None:
    """The agent reads anew what it asks for only once."""
    for key, memory in unit.agent.relations.items():
        relation = model.relations.get(key)
        memory.dying = relation is not None and relation.life != "alive"


def machine_rebooted(model: Model, machine: str) -> None:
    """Every unit of it runs start again."""
    for unit in model.units.values():
        if unit.machine == machine:
            unit.agent.rebooted = True
            agent_started(model, unit)


def network_settings(address: str) -> dict[str, str]:
    if not address:
        return {}
    prefix = 128 if ":" in address else 32
    return {"egress-subnets": f"{address}/{prefix}", "ingress-address": address,
            "private-address": address}


def begin(model: Model, unit: Unit, hook: Hook) -> None:
    """Before the process starts: what a crash must find on disk, and the agent's statuses."""
    hook.state = "running"
    unit.agent.pending = hook
    unit.resolved = ""
    set_agent_status(unit, "executing", f"running {hook.name} hook")
    if hook.kind == "install" and not unit.charm_set_status:
        set_workload(unit, "maintenance", "installing charm software")
    elif hook.kind == "stop":
        set_workload(unit, "maintenance", "stopping charm software")
    elif hook.kind == "remove":
        set_workload(unit, "maintenance", "cleaning up prior to charm deletion")
    if hook.kind == "relation-created":
        enter_scopes(model, unit)


def fail(unit: Unit, hook: Hook) -> None:
    hook.state = "failed"
    unit.agent.pending = hook
    data = {"hook": hook.name}
    if hook.relation is not None:
        data["relation-id"] = str(hook.relation)
        if hook.remote_unit:
            data["remote-unit"] = hook.remote_unit
    set_agent_status(unit, "error", f'hook failed: "{hook.name}"', data)


def finish(model: Model, unit: Unit, hook: Hook) -> None:
    """The hook succeeded, was not there, or was skipped by resolve --no-retry."""
    agent = unit.agent
    agent.pending = None
    unit.resolved = ""
    set_agent_status(unit, "idle")
    if hook.kind.startswith("relation-"):
        if not hook.fired:
            _finish_relation(model, unit, hook)
    elif hook.kind == "install":
        agent.installed = True
    elif hook.kind == "config-changed":
        agent.config_stamp = hook.stamp or agent.config_stamp
        _refresh_addresses(model, unit)
    elif hook.kind == "start":
        agent.started = True
        agent.rebooted = False
        if not unit.charm_set_status:
            set_workload(unit, "unknown")
    elif hook.kind == "stop":
        if not hook.fired:
            agent.stopped = True
        set_workload(unit, "maintenance")
    elif hook.kind == "remove":
        if not hook.fired:
            agent.removed = True
            set_workload(unit, "terminated")
    elif hook.kind == "upgrade-charm":
        if agent.upgraded:
            agent.config_stamp = ""
        agent.upgraded = False
    elif hook.kind == "leader-settings-changed":
        agent.leader_settings_version = hook.version or agent.leader_settings_version
    elif hook.kind == "leader-elected":
        agent.leader = model.is_leader(unit.name)
    elif hook.kind.startswith("storage-"):
        _finish_storage(model, unit, hook)
    elif hook.kind.startswith("secret-"):
        _finish_secret(model, unit, hook)


def _refresh_addresses(model: Model, unit: Unit) -> None:
    machine = model.machines.get(unit.machine)
    wanted = network_settings(machine.address if machine else "")
    for relation in model.relations_of(unit.app):
        bag = relation.units.get(unit.name)
        if bag and bag.in_scope:
            changed = {k: v for k, v in wanted.items() if k not in bag.settings}
            old = unit.agent.relations.get(str(relation.id))
            if changed and old:
                bag.settings.update(changed)
                bag.version += 1


def _finish_relation(model: Model, unit: Unit, hook: Hook) -> None:
    relation = model.relations.get(str(hook.relation))
    memory = unit.agent.relations.get(str(hook.relation))
    if relation is None or memory is None:
        return
    event = hook.kind.removeprefix("relation-")
    if event == "created":
        memory.created = True
    elif event == "joined":
        memory.members[hook.remote_unit] = hook.version
        memory.owed = hook.remote_unit
    elif event == "changed" and hook.remote_unit:
        memory.members[hook.remote_unit] = hook.version
        memory.owed = ""
    elif event == "changed":
        memory.apps[hook.remote_app] = hook.version
    elif event == "departed":
        memory.members.pop(hook.remote_unit, None)
    elif event == "broken":
        leave_scope(model, unit, relation)


def leave_scope(model: Model, unit: Unit, relation: Relation) -> None:
    if unit.name in relation.units:
        relation.units[unit.name].in_scope = False
    unit.agent.relations.pop(str(relation.id), None)
    controller.collect(model)


def _finish_storage(model: Model, unit: Unit, hook: Hook) -> None:
    agent = unit.agent
    if hook.kind == "storage-attached":
        if hook.storage not in agent.storage:
            agent.storage.append(hook.storage)
    elif not hook.fired and hook.storage in agent.storage:
        agent.storage.remove(hook.storage)
        store = model.storage.get(hook.storage)
        if store:
            store.unit = ""
            store.life = "alive"


def _finish_secret(model: Model, unit: Unit, hook: Hook) -> None:
    secret = model.secrets.get(hook.secret.removeprefix("secret:"))
    if secret is None:
        return
    if hook.kind == "secret-changed":
        unit.agent.secrets[secret.id] = max(hook.version, unit.agent.secrets.get(secret.id, 0))
    elif hook.kind == "secret-remove":
        gone = f"{secret.id}/{hook.secret_revision}"
        if gone not in unit.agent.secrets_gone:
            unit.agent.secrets_gone.append(gone)
    elif hook.kind == "secret-rotate":
        secret.next_rotate = next_rotation(secret.rotate)
    elif hook.kind == "secret-expired":
        latest = secret.revisions.get(str(secret.latest))
        if latest and latest.expire:  # asked again, as Juju does, but not in an endless loop
            later = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(minutes=5)
            latest.expire = later.isoformat()


def vanish(model: Model, unit: Unit) -> None:
    """The unit's last trace. Leadership passes on; its machine is left to the caller."""
    for relation in model.relations_of(unit.app):
        if unit.name in relation.units:
            relation.units[unit.name].in_scope = False
    for store in model.storage.values():
        if store.unit == unit.name:
            store.unit = ""
    for key, secret in list(model.secrets.items()):
        secret.consumers.pop(unit.name, None)
        if secret.owner == "unit-" + unit.name.replace("/", "-"):
            del model.secrets[key]
    del model.units[unit.name]
    app = model.applications.get(unit.app)
    if app and app.leader == unit.name:
        rest = [u for u in model.units_of(app.name)]
        alive = [u for u in rest if u.life == "alive"] or rest
        app.leader = alive[0].name if alive else ""
    controller.collect(model)
