# SPDX-License-Identifier: GPL-3.0-only
"""What a controller does to the model when asked: applications, units, relations, storage.

Every function takes a model inside Store.change() and raises JujuLocalError with Juju's words
where Juju has them. Running the hooks that follow is somebody else's work (settle.py).
"""
from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

from . import charm as charms
from .charm import Charm, CharmEndpoint, CharmStorage
from .errors import JujuLocalError
from .metadata import SUPPORTED
from .model import (Application, Bag, Endpoint, Machine, Model, Relation, Status, Storage, Unit,
                    now)
from .store import Store
from .unpack import pack

APP_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]*[a-z][a-z0-9]*)*")


def application(model: Model, name: str) -> Application:
    if name not in model.applications:
        raise JujuLocalError(f'application "{name}" not found; there are: '
                             + (", ".join(sorted(model.applications)) or "none"))
    return model.applications[name]


def unit(model: Model, name: str) -> Unit:
    """A unit by its name, or APP/leader."""
    app, _, number = name.partition("/")
    if number == "leader":
        leader = application(model, app).leader
        if not leader:
            raise JujuLocalError(f'application "{app}" has no leader')
        return model.units[leader]
    if name not in model.units:
        raise JujuLocalError(f'unit "{name}" not found; there are: '
                             + (", ".join(sorted(model.units)) or "none"))
    return model.units[name]


def charm_of(store: Store, app: Application) -> Charm:
    return charms.load(store.folder("charms") / app.charm)


def add_charm(store: Store, model: Model, source: Path) -> str:
    """Keeps a copy of an archive or a folder and returns its key."""
    counter = store.folder("charms")
    incoming = counter / f"incoming-{model.next('incoming')}"
    if source.is_dir():
        pack(source, incoming)
    elif source.is_file():
        shutil.copyfile(source, incoming)
    else:
        raise JujuLocalError(f'no charm was found at "{source}"')
    try:
        charm = charms.load(incoming)
        _check_version(model, charm)
    except JujuLocalError as error:
        incoming.unlink()
        raise JujuLocalError(str(error).replace(str(incoming), str(source))) from None
    key = f"{charm.name}-{model.next('charm ' + charm.name)}.charm"
    incoming.rename(counter / key)
    return key


def _check_version(model: Model, charm: Charm) -> None:
    """What one of the two Jujus alone refuses."""
    wrong = ""
    if str(model.config.get("agent-version", "")).startswith("3."):
        wrong = charm.only4
    elif not charm.bases:
        wrong = "charm metadata without bases in manifest not valid"
    elif not set(charm.bases) & set(SUPPORTED):
        wrong = f"base {charm.bases[0]} is not supported, supported are: {', '.join(SUPPORTED)}"
    if wrong:
        raise JujuLocalError(f'invalid charm "{charm.path}": {wrong}')


def charm_revision(key: str) -> int:
    return int(key.removesuffix(".charm").rpartition("-")[2])


def set_config(charm: Charm, app: Application, values: dict[str, Any],
               parse_strings: bool = True) -> None:
    checked = {}
    for name, value in values.items():
        if name not in charm.options:
            raise JujuLocalError(f'unknown option "{name}"; {app.name} has: '
                                 + (", ".join(sorted(charm.options)) or "no options"))
        checked[name] = charms.parse_option(charm.options[name], value, parse_strings)
    app.config.update(checked)


def deploy(store: Store, model: Model, key: str, name: str, kind: str) -> Application:
    """A new application without units."""
    charm = charms.load(store.folder("charms") / key)
    name = name or charm.name
    if not APP_NAME.fullmatch(name):
        raise JujuLocalError(f'invalid application name "{name}"')
    if name in model.applications:
        raise JujuLocalError(f'cannot add application "{name}": application already exists '
                             "(use refresh to change its charm)")
    app = Application(name, key, subordinate=charm.subordinate, machine_kind=kind)
    model.applications[name] = app
    for endpoint in charm.endpoints.values():
        if endpoint.role == "peer":
            _add_relation(model, [_endpoint(app, endpoint)])
    return app


def _endpoint(app: Application, end: CharmEndpoint) -> Endpoint:
    return Endpoint(app.name, end.name, end.role, end.interface, end.scope)


def _add_relation(model: Model, endpoints: list[Endpoint]) -> Relation:
    relation = Relation(model.next("relation"), endpoints,
                        apps={e.app: Bag() for e in endpoints})
    model.relations[str(relation.id)] = relation
    return relation


def add_machine(model: Model, kind: str, options: dict[str, Any] | None = None,
                keep: bool = False) -> Machine:
    number = str(model.next("machine"))
    machine = Machine(number, kind, f"juju-{model.uuid[-6:]}-{number}", since=now(),
                      options=options or {}, keep=keep)
    model.machines[number] = machine
    return machine


def add_unit(store: Store, model: Model, app: Application, to: str = "",
             principal: str = "") -> Unit:
    """A new unit, on a new machine or the one named."""
    if app.life != "alive":
        raise JujuLocalError(f'application "{app.name}" is not found or not alive')
    if app.subordinate and not principal:
        raise JujuLocalError(f'cannot add unit to subordinate application "{app.name}": it gets '
                             "its units from the principals it is integrated with")
    if to and to not in model.machines:
        raise JujuLocalError(f"machine {to} not found; there are: "
                             + (", ".join(model.machines) or "none"))
    if not to:
        to = add_machine(model, app.machine_kind, app.machine_options).id
    name = f"{app.name}/{app.next_unit}"
    app.next_unit += 1
    waiting = "waiting for machine" if model.machines[to].status == "pending" else (
        "installing agent")
    new = Unit(name, app.name, to, principal, agent_status=Status("allocating", since=now()),
               workload=Status("waiting", waiting, now()))
    model.units[name] = new
    if not app.leader:
        app.leader = name
    for store_spec in charm_of(store, app).storage.values():
        count = _initial_count(store_spec, app.storage.get(store_spec.name))
        for _ in range(count):
            add_storage(model, new, store_spec, app.storage.get(store_spec.name, ""))
    if not principal:
        for relation in model.relations_of(app.name):
            _add_subordinate(store, model, relation, new)
    return new


def _initial_count(spec: CharmStorage, directive: str | None) -> int:
    if directive is None:
        return spec.minimum
    return directive_count(directive) if directive else max(spec.minimum, 1)


def directive_count(directive: str) -> int:
    """The count in [POOL][,COUNT][,SIZE]; 1 when it names none."""
    match = re.search(r"(?:^|,)(\d+)(?:,|$)", directive)
    return int(match[1]) if match else 1


def check_storage(charm: Charm, name: str, directive: str) -> None:
    """A directive is [POOL][,COUNT][,SIZE]."""
    if name not in charm.storage:
        raise JujuLocalError(f'charm "{charm.name}" has no store called "{name}"')
    count = _initial_count(charm.storage[name], directive)
    spec = charm.storage[name]
    if count < spec.minimum or (spec.maximum >= 0 and count > spec.maximum):
        raise JujuLocalError(
            f'cannot add storage "{name}": charm "{charm.name}" store "{name}": '
            f"{count} instances specified, {spec.minimum} to "
            f"{spec.maximum if spec.maximum >= 0 else 'any number'} allowed")


def add_storage(model: Model, owner: Unit, spec: CharmStorage, directive: str = "") -> Storage:
    held = [s for s in model.storage.values() if s.unit == owner.name and s.name == spec.name]
    if spec.maximum >= 0 and len(held) >= spec.maximum:
        raise JujuLocalError(
            f'cannot add storage "{spec.name}" to unit {owner.name}: at most {spec.maximum} '
            f'instance{"s" if spec.maximum != 1 else ""} allowed')
    number = model.next("storage")
    instance = Storage(f"{spec.name}/{number}", spec.name, spec.type, owner.app, owner.name,
                       directive=directive)
    instance.location = storage_location(spec, instance.id)
    model.storage[instance.id] = instance
    return instance


def storage_location(spec: CharmStorage, storage_id: str) -> str:
    """Where an instance is inside the machine: Juju's own default place."""
    if spec.location:
        return spec.location if not spec.multiple else f"{spec.location}/{storage_id}"
    if spec.type == "block":
        return "/dev/disk/by-id/juju-" + storage_id.replace("/", "-")
    return f"/var/lib/juju/storage/{storage_id}"


def _candidates(store: Store, model: Model, text: str) -> list[tuple[Application, CharmEndpoint]]:
    name, _, wanted = text.partition(":")
    app = application(model, name)
    charm = charm_of(store, app)
    ends = [e for e in charm.endpoints.values() if e.role != "peer"]
    if wanted:
        if wanted == "juju-info" and "juju-info" not in charm.endpoints:
            return [(app, CharmEndpoint("juju-info", "provider", "juju-info"))]
        ends = [e for e in ends if e.name == wanted]
        if not ends:
            raise JujuLocalError(f'application "{name}" has no "{wanted}" relation')
    elif not any(e.interface == "juju-info" and e.role == "provider" for e in ends):
        ends = ends + [CharmEndpoint("juju-info", "provider", "juju-info")]
    return [(app, e) for e in ends]


def integrate(store: Store, model: Model, one: str, two: str) -> Relation:
    firsts = _candidates(store, model, one)
    seconds = _candidates(store, model, two)
    pairs = [(a, b) for a in firsts for b in seconds
             if a[1].interface == b[1].interface and {a[1].role, b[1].role}
             == {"provider", "requirer"} and a[0] is not b[0]]
    explicit = [p for p in pairs if "juju-info" not in (p[0][1].name, p[1][1].name)]
    pairs = explicit or pairs
    if not pairs:
        raise JujuLocalError(f"no relations found: {one} and {two} have no endpoints that fit "
                             f"({_offers(firsts)} / {_offers(seconds)})")
    if len(pairs) > 1:
        choices = "; ".join(f"{a[0].name}:{a[1].name} {b[0].name}:{b[1].name}" for a, b in pairs)
        raise JujuLocalError(f'ambiguous relation: "{one} {two}" could refer to: {choices}')
    (app_a, end_a), (app_b, end_b) = pairs[0]
    scope = "container" if "container" in (end_a.scope, end_b.scope) else "global"
    endpoints = [_endpoint(app_a, end_a), _endpoint(app_b, end_b)]
    for end in endpoints:
        end.scope = scope
    for relation in model.relations.values():
        if {(e.app, e.name) for e in relation.endpoints} == {(e.app, e.name) for e in endpoints}:
            raise JujuLocalError(f'cannot add relation "{relation.key()}": relation '
                                 f"{relation.key()} already exists")
    for app, end in pairs[0]:
        used = [r for r in model.relations_of(app.name)
                if any(e.app == app.name and e.name == end.name for e in r.endpoints)]
        if end.limit and len(used) >= end.limit:
            raise JujuLocalError(
                f'establishing a new relation for {app.name}:{end.name} would exceed its maximum '
                f"relation limit of {end.limit}")
    relation = _add_relation(model, endpoints)
    for one_unit in list(model.units.values()):
        _add_subordinate(store, model, relation, one_unit)
    return relation


def _offers(candidates: list[tuple[Application, CharmEndpoint]]) -> str:
    return ", ".join(f"{a.name}:{e.name} {e.role} of {e.interface}" for a, e in candidates
                     if e.name != "juju-info") or "nothing"


def _add_subordinate(store: Store, model: Model, relation: Relation, principal: Unit) -> None:
    """A principal in a container-scoped relation gets its own unit of the subordinate."""
    if relation.peer() or relation.endpoints[0].scope != "container" or (
            not relation.endpoint_of(principal.app) or principal.principal):
        return
    other = model.applications[relation.remote_app(principal.app)]
    if not other.subordinate or model.applications[principal.app].subordinate:
        return
    if any(u.principal == principal.name for u in model.units_of(other.name)):
        return
    add_unit(store, model, other, principal.machine, principal.name)


def find_relation(model: Model, texts: list[str]) -> Relation:
    if len(texts) == 1 and texts[0] in model.relations:
        return model.relations[texts[0]]
    wanted = [text.partition(":")[::2] for text in texts]  # application and endpoint, which may be empty
    found = [r for r in model.relations.values() if not r.peer() and all(
        any(e.app == app and end in ("", e.name) for e in r.endpoints) for app, end in wanted)]
    if len(texts) != 2 or len(found) != 1:
        known = "; ".join(f"{r.id}: {r.key()}" for r in model.relations.values() if not r.peer())
        raise JujuLocalError(f'relation "{" ".join(texts)}" not found'
                             + (f" (there are {known})" if known else ""))
    return found[0]


def remove_unit(model: Model, target: Unit) -> None:
    target.life = "dying"
    for other in model.units.values():
        if other.principal == target.name:
            other.life = "dying"


def remove_application(model: Model, app: Application) -> None:
    app.life = "dying"
    for one in model.units_of(app.name):
        remove_unit(model, one)
    for relation in model.relations_of(app.name):
        relation.life = "dying"
        if not relation.peer():
            _dismiss_subordinates(model, relation)
    collect(model)


def remove_relation(model: Model, relation: Relation) -> None:
    if relation.peer():
        raise JujuLocalError(f"cannot destroy relation \"{relation.key()}\": is a peer relation")
    relation.life = "dying"
    _dismiss_subordinates(model, relation)
    collect(model)


def _dismiss_subordinates(model: Model, relation: Relation) -> None:
    if relation.endpoints[0].scope != "container":
        return
    names = {e.app for e in relation.endpoints}
    for one in model.units.values():
        if one.principal and one.app in names and one.principal.split("/")[0] in names:
            one.life = "dying"


def collect(model: Model) -> None:
    """Drops what nobody holds any more: relations left by all, applications without units."""
    for key, relation in list(model.relations.items()):
        if relation.life == "dying" and not any(b.in_scope for b in relation.units.values()):
            joined = any(key in u.agent.relations for u in model.units.values())
            if not joined:
                del model.relations[key]
    for name, app in list(model.applications.items()):
        if app.life == "dying" and not model.units_of(name):
            if all(r.peer() for r in model.relations_of(name)):
                for relation in model.relations_of(name):
                    model.relations.pop(str(relation.id), None)
                del model.applications[name]
                for key, secret in list(model.secrets.items()):
                    if secret.owner == f"application-{name}":
                        del model.secrets[key]


def refresh(store: Store, model: Model, app: Application, key: str, force_units: bool) -> None:
    """Gives an application a new charm, unless that would break what exists."""
    old = charm_of(store, app)
    new = charms.load(store.folder("charms") / key)
    if new.name != old.name:
        raise JujuLocalError(f'cannot upgrade application "{app.name}": charm "{old.name}" '
                             f'cannot be replaced with "{new.name}"')
    for relation in model.relations_of(app.name):
        end = relation.endpoint_of(app.name)
        have = new.endpoints.get(end.name) if end else None
        if end and end.name != "juju-info" and (
                have is None or (have.role, have.interface) != (end.role, end.interface)):
            raise JujuLocalError(f'cannot upgrade application "{app.name}": would break relation '
                                 f'"{relation.key()}"')
    for name in old.storage:
        if name not in new.storage:
            raise JujuLocalError(f'cannot upgrade application "{app.name}" to charm '
                                 f'"{new.name}": storage "{name}" removed')
    for name, spec in new.storage.items():
        if name in old.storage and old.storage[name].type != spec.type:
            raise JujuLocalError(f'cannot upgrade application "{app.name}": existing storage '
                                 f'"{name}" type changed')
    app.charm = key
    kept = {k: v for k, v in app.config.items() if k in new.options}
    app.config = {}
    for name, value in kept.items():
        try:
            set_config(new, app, {name: value}, parse_strings=False)
        except JujuLocalError:
            pass  # an option whose type changed goes back to its default
    known = {r.endpoints[0].name for r in model.relations_of(app.name) if r.peer()}
    for end in new.endpoints.values():
        if end.role == "peer" and end.name not in known:
            _add_relation(model, [_endpoint(app, end)])
    if force_units:
        for one in model.units_of(app.name):
            one.force_upgrade = True
