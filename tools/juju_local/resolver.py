# SPDX-License-Identifier: GPL-3.0-only
"""What a unit's agent does next. Decides from the model alone and changes nothing.

The order is Juju's: reboot, forced upgrade, relation-created, leadership, secrets, actions,
storage, the pending hook, upgrade, config-changed, relations (peers last).
"""
from __future__ import annotations

import datetime
import hashlib
import json
from dataclasses import dataclass
from typing import Any

from .charm import Charm, settings
from .model import Agent, Hook, Model, Relation, RelationMemory, Secret, Task, Unit


@dataclass
class Operation:
    """kind: deploy, upgrade, hook, task, implicit (relations without hooks), skip (a resolved failure), vanish (the unit is gone)."""
    kind: str
    hook: Hook | None = None
    task: Task | None = None


def config_stamp(model: Model, charm: Charm, unit: Unit) -> str:
    """Changes when config-changed is due: config, trust, address."""
    app = model.applications[unit.app]
    machine = model.machines.get(unit.machine)
    what: list[Any] = [settings(charm, app.config), app.trust, machine.address if machine else ""]
    return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()[:16]


def next_operation(model: Model, charm: Charm, unit: Unit, may_retry: bool) -> Operation | None:
    """charm is the one the application has now. None: nothing to do, or it may not be done yet."""
    agent = unit.agent
    if agent.removed or (unit.life == "dying" and not agent.installed and not agent.pending):
        return Operation("vanish")
    if not agent.charm:
        return Operation("deploy")
    task = _next_task(model, unit)
    if agent.pending:
        return _pending(model, unit, task, may_retry)
    if not agent.installed:
        return _hook(_storage_attach(model, unit) or Hook("install", "install"))
    if any(takes_part(relation, unit) != (str(relation.id) in agent.relations) for relation in implicit_relations(model, unit)):
        return Operation("implicit")
    if unit.life == "alive" and agent.rebooted and agent.started:
        return _hook(Hook("start", "start"))
    if unit.life == "alive":
        first = (_relation_created(model, unit) or _leadership(model, unit)
                 or _secrets(model, unit))
        if first:
            return _hook(first)
    if task:
        return Operation("task", task=task)
    if unit.life == "dying":
        return _hook(_farewell(model, unit))
    app = model.applications[unit.app]
    if attach := _storage_attach(model, unit) or _storage_detach(model, unit):
        return _hook(attach)
    if agent.charm != app.charm or agent.resource_revision != app.resource_revision:
        return Operation("upgrade")
    if agent.upgraded:
        return _hook(Hook("upgrade-charm", "upgrade-charm"))
    stamp = config_stamp(model, charm, unit)
    if agent.config_stamp != stamp:
        return _hook(Hook("config-changed", "config-changed", stamp=stamp))
    if not agent.started:
        return _hook(Hook("start", "start"))
    return _hook(_relations(model, unit))


def _hook(hook: Hook | None) -> Operation | None:
    return Operation("hook", hook) if hook else None


def _next_task(model: Model, unit: Unit) -> Task | None:
    mine = [t for t in model.tasks.values() if t.unit == unit.name and t.status == "pending"]
    return min(mine, key=lambda t: int(t.id)) if mine else None


def _pending(model: Model, unit: Unit, task: Task | None, may_retry: bool) -> Operation | None:
    """A hook waits or has failed: other hooks wait for it, actions do not."""
    agent = unit.agent
    if task and agent.installed:
        return Operation("task", task=task)
    assert agent.pending
    if agent.pending.state == "queued":
        return Operation("hook", agent.pending)
    if unit.force_upgrade and agent.charm != model.applications[unit.app].charm:
        return Operation("upgrade")
    if unit.resolved == "skip":
        return Operation("skip")
    if unit.resolved == "retry" or may_retry:
        return Operation("hook", agent.pending)
    return None


def _storage_attach(model: Model, unit: Unit) -> Hook | None:
    for store in sorted(model.storage.values(), key=lambda s: s.id):
        if store.unit == unit.name and store.life == "alive" and (
                store.id not in unit.agent.storage):
            return Hook(f"{store.name}-storage-attached", "storage-attached", storage=store.id)
    return None


def _storage_detach(model: Model, unit: Unit) -> Hook | None:
    for storage_id in sorted(unit.agent.storage):
        store = model.storage.get(storage_id)
        if store and (unit.life == "dying" or store.life == "dying"):
            return Hook(f"{store.name}-storage-detaching", "storage-detaching",
                        storage=storage_id)
    return None


def scoped(relation: Relation, unit: Unit) -> bool:
    """Whether unit takes part in relation: in container scope only beside its counterpart."""
    return relation.endpoint_of(unit.app) is not None


def sees(model: Model, relation: Relation, unit: Unit, other: Unit) -> bool:
    """Whether two units of a relation see each other."""
    if other.name == unit.name:
        return False
    if relation.endpoints[0].scope != "container":
        return True
    return unit.principal == other.name or other.principal == unit.name


def remote_units(model: Model, relation: Relation, unit: Unit) -> dict[str, int]:
    """Remote units in scope and the version of their settings."""
    remote = relation.remote_app(unit.app)
    out = {}
    for name, bag in sorted(relation.units.items()):
        other = model.units.get(name)
        if bag.in_scope and other and other.app == remote and sees(model, relation, unit, other):
            out[name] = bag.version
    return out


def _relation_hook(relation: Relation, unit: Unit, event: str, **fields: Any) -> Hook | None:
    end = relation.endpoint_of(unit.app)
    if end is None:
        return None
    fields.setdefault("remote_app", relation.remote_app(unit.app))
    return Hook(f"{end.name}-relation-{event}", f"relation-{event}", relation=relation.id,
                **fields)


def implicit(relation: Relation, unit: Unit) -> bool:
    """The providing side of juju-info gets no hooks."""
    end = relation.endpoint_of(unit.app)
    return end is not None and end.name == "juju-info" and end.role == "provider"


def implicit_relations(model: Model, unit: Unit) -> list[Relation]:
    return [relation for relation in model.relations_of(unit.app) if implicit(relation, unit)]


def takes_part(relation: Relation, unit: Unit) -> bool:
    """Whether unit's agent is to be in relation's scope, of one without hooks."""
    return relation.life == "alive" and unit.life == "alive"


def _relation_created(model: Model, unit: Unit) -> Hook | None:
    for relation in model.relations_of(unit.app):
        memory = unit.agent.relations.get(str(relation.id))
        if relation.life == "alive" and not (memory and memory.created) and (
                not implicit(relation, unit)):
            return _relation_hook(relation, unit, "created")
    return None


def _leadership(model: Model, unit: Unit) -> Hook | None:
    if model.is_leader(unit.name) and not unit.agent.leader:
        return Hook("leader-elected", "leader-elected")
    app = model.applications[unit.app]
    if str(model.config.get("agent-version", "")).startswith("3.") and (
            not model.is_leader(unit.name)
            and unit.agent.leader_settings_version != app.leader_settings_version):
        return Hook("leader-settings-changed", "leader-settings-changed",
                    version=app.leader_settings_version)
    return None


def owned_by(model: Model, secret: Secret, unit: Unit) -> bool:
    """Whether unit manages secret: its own, or its application's while it leads."""
    if secret.owner == "unit-" + unit.name.replace("/", "-"):
        return True
    return secret.owner == f"application-{unit.app}" and model.is_leader(unit.name)


def _past(moment: str) -> bool:
    if not moment:
        return False
    when = datetime.datetime.fromisoformat(moment)
    return when <= datetime.datetime.now(datetime.timezone.utc)


def _secrets(model: Model, unit: Unit) -> Hook | None:
    if not unit.agent.started:
        return None
    for secret in model.secrets.values():
        uri = f"secret:{secret.id}"
        if owned_by(model, secret, unit):
            latest = secret.revisions.get(str(secret.latest))
            if latest and _past(latest.expire):
                return Hook("secret-expired", "secret-expired", secret=uri,
                            secret_label=secret.label, secret_revision=secret.latest)
            if _past(secret.next_rotate):
                return Hook("secret-rotate", "secret-rotate", secret=uri,
                            secret_label=secret.label)
        consumer = secret.consumers.get(unit.name)
        if consumer and consumer.revision < secret.latest and (
                unit.agent.secrets.get(secret.id, 0) < secret.latest):
            return Hook("secret-changed", "secret-changed", secret=uri,
                        secret_label=consumer.label, version=secret.latest)
        if owned_by(model, secret, unit):
            for revision in obsolete_revisions(secret):
                if f"{secret.id}/{revision}" not in unit.agent.secrets_gone:
                    return Hook("secret-remove", "secret-remove", secret=uri,
                                secret_label=secret.label, secret_revision=revision)
    return None


def obsolete_revisions(secret: Secret) -> list[int]:
    """Revisions older than the latest that nobody tracks, though somebody once consumed."""
    tracked = {c.revision for c in secret.consumers.values()}
    return [int(r) for r in secret.revisions
            if int(r) < secret.latest and int(r) not in tracked]


def _relations(model: Model, unit: Unit, leaving: bool = False) -> Hook | None:
    mine = [r for r in model.relations_of(unit.app) if str(r.id) in unit.agent.relations]
    for relation in sorted(mine, key=lambda r: (r.peer(), r.id)):
        memory = unit.agent.relations[str(relation.id)]
        if implicit(relation, unit):
            continue
        if hook := _one_relation(model, unit, relation, memory, leaving):
            return hook
    return None


def _one_relation(model: Model, unit: Unit, relation: Relation, memory: RelationMemory,
                  leaving: bool) -> Hook | None:
    remote = remote_units(model, relation, unit)
    broken = leaving or relation.life == "dying"
    if memory.owed:
        version = remote.get(memory.owed, memory.members.get(memory.owed, 0))
        return _relation_hook(relation, unit, "changed", remote_unit=memory.owed,
                              version=version)
    for name in sorted(memory.members):
        if broken or name not in remote:
            self_leaves = unit.life == "dying"
            return _relation_hook(relation, unit, "departed", remote_unit=name,
                                  departing=unit.name if self_leaves else name)
    if broken:
        return None if relation.peer() else _relation_hook(relation, unit, "broken")
    app = relation.remote_app(unit.app)
    version = relation.apps[app].version if app in relation.apps else 0
    own_write = relation.peer() and model.is_leader(unit.name)
    if version != memory.apps.get(app, 0) and not own_write:
        return _relation_hook(relation, unit, "changed", version=version)
    for name, bag_version in remote.items():
        if name not in memory.members:
            return _relation_hook(relation, unit, "joined", remote_unit=name,
                                  version=bag_version)
    for name, bag_version in remote.items():
        if bag_version != memory.members[name]:
            return _relation_hook(relation, unit, "changed", remote_unit=name,
                                  version=bag_version)
    return None


def _farewell(model: Model, unit: Unit) -> Hook:
    """storage-detaching, relation-departed and -broken, stop, remove."""
    agent: Agent = unit.agent
    if hook := _storage_detach(model, unit) or _relations(model, unit, leaving=True):
        return hook
    if not agent.stopped:
        return Hook("stop", "stop")
    return Hook("remove", "remove")
