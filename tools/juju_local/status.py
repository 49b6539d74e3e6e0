# SPDX-License-Identifier: GPL-3.0-only
"""juju status: the same tables, and the same keys as JSON or YAML."""
from __future__ import annotations

from typing import Any

from . import controller
from .model import Application, Machine, Model, Relation, Status, Unit, unit_number
from .store import Store
from .tools_unit import show_port

_WORST = ("error", "blocked", "waiting", "maintenance", "active", "terminated", "unknown")


def application_status(model: Model, app: Application) -> Status:
    """What the charm set for the application, else the worst of its units."""
    if app.status:
        return app.status
    units = model.units_of(app.name)
    if not units:
        return Status("unknown" if not app.subordinate else "waiting",
                      "waiting for principal" if app.subordinate else "")
    return min((unit_status(u) for u in units), key=lambda s: _WORST.index(s.status)
               if s.status in _WORST else len(_WORST))


def unit_status(unit: Unit) -> Status:
    """The workload's, unless the agent is in error."""
    return unit.agent_status if unit.agent_status.status == "error" else unit.workload


def _ports(unit: Unit) -> list[str]:
    return [show_port(*key) for key in sorted({(p.protocol, p.first, p.last)
                                               for p in unit.ports})]


def as_data(store: Store, model: Model, only: list[str]) -> dict[str, Any]:
    """The keys of juju status --format json."""
    apps = {n: a for n, a in sorted(model.applications.items()) if _wanted(model, n, only)}
    units = {u.name: u for n in apps for u in model.units_of(n)}
    machines = {u.machine for u in units.values()}
    return {
        "model": {"name": model.name, "type": "iaas", "controller": "juju-local",
                  "cloud": "local", "version": str(model.config.get("agent-version", "")),
                  "model-status": {"current": "available"}},
        "machines": {m.id: _machine(m) for m in model.machines.values()
                     if not only or m.id in machines},
        "applications": {n: _application(store, model, a) for n, a in apps.items()},
        "relations": [_relation(r) for r in model.relations.values()
                      if any(e.app in apps for e in r.endpoints)],
        "storage": {s.id: {"kind": s.kind, "unit": s.unit, "location": s.location,
                           "life": s.life} for s in model.storage.values()},
    }


def _wanted(model: Model, app: str, only: list[str]) -> bool:
    return not only or any(o.partition("/")[0] == app for o in only) or any(
        r.endpoint_of(app) and r.endpoint_of(o.partition("/")[0])
        for o in only for r in model.relations.values())


def _machine(machine: Machine) -> dict[str, Any]:
    return {"juju-status": {"current": machine.status, "message": machine.message,
                            "since": machine.since},
            "dns-name": machine.address, "ip-addresses": [machine.address],
            "instance-id": machine.name, "kind": machine.kind}


def _about(status: Status) -> dict[str, Any]:
    out = {"current": status.status, "message": status.message, "since": status.since}
    return {k: v for k, v in out.items() if v}


def _application(store: Store, model: Model, app: Application) -> dict[str, Any]:
    charm = controller.charm_of(store, app)
    relations: dict[str, list[dict[str, str]]] = {}
    for relation in model.relations_of(app.name):
        end = relation.endpoint_of(app.name)
        assert end
        relations.setdefault(end.name, []).append({
            "related-application": relation.remote_app(app.name), "interface": end.interface,
            "scope": end.scope})
    out: dict[str, Any] = {
        "charm": f"local:{app.charm.removesuffix('.charm')}", "charm-name": charm.name,
        "charm-rev": controller.charm_revision(app.charm), "charm-origin": "local",
        "charm-version": charm.version, "exposed": False, "life": app.life,
        "application-status": _about(application_status(model, app)), "relations": relations,
        "units": {u.name: _unit(model, u) for u in model.units_of(app.name) if not u.principal},
        "version": app.version,
    }
    return {k: v for k, v in out.items() if v not in ("", {}, None)}


def _unit(model: Model, unit: Unit) -> dict[str, Any]:
    machine = model.machines.get(unit.machine)
    out: dict[str, Any] = {
        "workload-status": _about(unit_status(unit)), "juju-status": _about(unit.agent_status),
        "leader": model.is_leader(unit.name), "machine": unit.machine, "life": unit.life,
        "open-ports": _ports(unit), "public-address": machine.address if machine else "",
        "subordinates": {u.name: _unit(model, u) for u in model.units.values()
                         if u.principal == unit.name}}
    if out["life"] == "alive":
        del out["life"]
    return {k: v for k, v in out.items() if v not in ("", {}, [], None, False)}


def _relation(relation: Relation) -> dict[str, Any]:
    return {"id": relation.id, "key": relation.key(), "life": relation.life,
            "interface": relation.endpoints[0].interface}


def table(rows: list[list[str]]) -> str:
    """Columns as wide as what is in them; the last one runs free."""
    widths = [max(len(r[i]) for r in rows) for i in range(len(rows[0]))]
    return "\n".join("  ".join(c.ljust(w) for c, w in zip(r, widths)).rstrip() for r in rows)


def tabular(store: Store, model: Model, only: list[str], relations: bool = True) -> str:
    """What juju status prints."""
    if not model.applications and not model.machines:
        return "Model \"local\" is empty. Deploy something: juju-local deploy ./my.charm"
    version = str(model.config.get("agent-version", ""))
    parts = [table([["Model", "Controller", "Cloud/Region", "Version"],
                    [model.name, "juju-local", "local", version]])]
    apps = [a for n, a in sorted(model.applications.items()) if _wanted(model, n, only)]
    rows = [["App", "Version", "Status", "Scale", "Charm", "Rev", "Exposed", "Message"]]
    for app in apps:
        status = application_status(model, app)
        charm = controller.charm_of(store, app)
        rows.append([app.name, app.version, status.status, str(len(model.units_of(app.name))),
                     charm.name, str(controller.charm_revision(app.charm)), "no",
                     status.message])
    parts.append(table(rows))
    rows = [["Unit", "Workload", "Agent", "Machine", "Public address", "Ports", "Message"]]
    machines = set()
    for app in apps:
        for unit in model.units_of(app.name):
            machines.add(unit.machine)
            if not unit.principal:
                rows.append(_unit_row(model, unit, ""))
                rows += [_unit_row(model, u, "  ") for u in sorted(
                    model.units.values(), key=lambda u: (u.app, unit_number(u.name)))
                    if u.principal == unit.name]
    if len(rows) > 1:
        parts.append(table(rows))
    rows = [["Machine", "State", "Address", "Inst id", "Kind", "Message"]]
    rows += [[m.id, m.status, m.address, m.name, m.kind, m.message]
             for m in model.machines.values() if not only or m.id in machines]
    if len(rows) > 1:
        parts.append(table(rows))
    names = {a.name for a in apps}
    rows = [["Integration provider", "Requirer", "Interface", "Type", "Message"]]
    for relation in model.relations.values() if relations else []:
        if any(e.app in names for e in relation.endpoints):
            rows.append(_relation_row(relation))
    if len(rows) > 1:
        parts.append(table(rows))
    return "\n\n".join(parts)


def _unit_row(model: Model, unit: Unit, indent: str) -> list[str]:
    status = unit_status(unit)
    agent = "idle" if unit.agent_status.status == "error" else unit.agent_status.status
    if unit.life == "dying":
        agent = f"{agent} (dying)"
    machine = model.machines.get(unit.machine)
    star = "*" if model.is_leader(unit.name) else ""
    message = status.message
    if status.data.get("remote-unit"):
        message += f" for {status.data['remote-unit']}"
    return [indent + unit.name + star, status.status, agent, unit.machine,
            machine.address if machine else "", ",".join(_ports(unit)), message]


def _relation_row(relation: Relation) -> list[str]:
    ends = {e.role: f"{e.app}:{e.name}" for e in relation.endpoints}
    kind = "peer" if relation.peer() else (
        "subordinate" if relation.endpoints[0].scope == "container" else "regular")
    return [ends.get("provider", ends.get("peer", "")), ends.get("requirer", ends.get("peer", "")),
            relation.endpoints[0].interface, kind,
            "" if relation.life == "alive" else relation.life]
