# SPDX-License-Identifier: GPL-3.0-only
"""Hook tools of relations and the network."""
from __future__ import annotations

import re
from typing import Any

from . import controller
from .errors import ToolError, usage
from .flags import Flag
from .formats import Struct
from .inputs import key_values, string_map
from .model import Bag, Model, Relation, Unit
from .toolkit import PLAIN, SMART, Call, Tool

UNIT_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]*[a-z][a-z0-9]*)*/(0|[1-9][0-9]*)")
APP_NAME = controller.APP_NAME
BAG_MAX = 16 << 20


def relation_flag(call: Call) -> Flag:
    """-r ID: endpoint:5 or 5; the relation of the hook by default."""
    ctx = call.ctx

    def parse(text: str) -> int:
        digits = text.rpartition(":")[2]  # whatever stands before it is not looked at
        if not re.fullmatch(r"[-+]?[0-9]+", digits):
            raise ValueError("invalid relation id")
        number = str(int(digits))
        if number not in ctx.draft.relations or number not in ctx.unit.agent.relations:
            raise ValueError("relation not found")
        return int(number)

    default = ctx.hook.relation if ctx.hook else None
    return Flag(("r", "relation"), "Specify a relation by id", default=default, parse=parse)


def _relation(call: Call) -> Relation:
    if call.parsed.relation is None:
        raise usage("no relation id specified")
    relation = call.ctx.draft.relations.get(str(call.parsed.relation))
    if relation is None:
        raise ToolError("relation not found")
    return relation


def relation_ids(call: Call) -> Any:
    call.at_most(1)
    ctx = call.ctx
    if call.args:
        name = call.args[0]
    else:
        relation = ctx.draft.relations.get(str(ctx.hook.relation)) if ctx.hook else None
        end = relation.endpoint_of(ctx.app_name) if relation else None
        if end is None:
            raise usage("no endpoint name specified")
        name = end.name
    return sorted(ctx.relation_name(r) for r in ctx.own_relations()
                  if ctx.relation_name(r).partition(":")[0] == name)


def relation_list(call: Call) -> Any:
    relation = _relation(call)
    call.at_most(0)
    if call.parsed.app:
        return relation.remote_app(call.ctx.app_name)
    return call.ctx.members(relation)


def _reader(call: Call, relation: Relation, args: list[str]) -> str:
    """Whose bag relation-get reads."""
    ctx = call.ctx
    hook = ctx.hook if ctx.hook and ctx.hook.relation is not None else None
    if args:
        name = args[0]
        if call.parsed.app:
            if UNIT_NAME.fullmatch(name):
                return name.partition("/")[0]
            if APP_NAME.fullmatch(name):
                return name
            raise ToolError('"" is not a valid unit or application')
        if UNIT_NAME.fullmatch(name):
            return name
        if APP_NAME.fullmatch(name):
            raise usage(f'expected unit name, got application name "{name}"')
        raise usage(f'invalid unit name "{name}"')
    if hook and call.parsed.app:
        return hook.remote_app
    if hook and hook.remote_unit:
        return hook.remote_unit
    if hook and hook.remote_app:
        return hook.remote_app
    if call.parsed.app:
        return relation.remote_app(ctx.app_name)
    raise usage("no unit or application specified")


def relation_get(call: Call) -> Any:
    relation = _relation(call)
    key = call.args[0] if call.args and call.args[0] != "-" else ""
    owner = _reader(call, relation, call.args[1:])
    call.at_most(2)
    ctx = call.ctx
    if owner == ctx.app_name and not relation.peer() and not ctx.leader() and ctx.juju3:
        raise ToolError("permission denied")
    settings = ctx.settings(relation, owner)
    return settings.get(key) if key else dict(settings)


def relation_set(call: Call) -> None:
    relation_id = _relation(call).id
    arguments = key_values(call.args)
    values: dict[str, str] = {}
    if call.parsed.file:
        values = string_map(call.file_or_stdin(call.parsed.file))
    values.update(arguments)
    if not values:
        return
    ctx = call.ctx
    if call.parsed.app and not ctx.leader():
        raise ToolError("cannot write relation settings")
    unit, app, to_app = ctx.unit_name, ctx.app_name, call.parsed.app
    ctx.later(lambda model: _write_bag(model, relation_id, app if to_app else unit, unit, values,
                                       flushing=model is not ctx.draft))


def _write_bag(model: Model, relation_id: int, owner: str, writer: str,
               values: dict[str, str], flushing: bool) -> None:
    relation = model.relations.get(str(relation_id))
    if relation is None:
        return  # gone meanwhile: nobody is left to read it
    if "/" not in owner and not model.is_leader(writer):
        raise ToolError(f'"{writer}" is not leader of "{owner}"')
    bags = relation.units if "/" in owner else relation.apps
    bag = bags.setdefault(owner, Bag())
    changed = False
    for key, value in values.items():
        if value == "" and key in bag.settings:
            del bag.settings[key]
            changed = True
        elif value != "" and bag.settings.get(key) != value:
            bag.settings[key] = value
            changed = True
    size = sum(len(k.encode("utf-8", "surrogateescape")) + len(
        v.encode("utf-8", "surrogateescape")) for k, v in bag.settings.items())
    if flushing and size > BAG_MAX:
        raise ToolError(f"max allowed document size ({BAG_MAX}): quota limit exceeded")
    if changed:
        bag.version += 1
        if "/" not in owner and relation.peer():
            memory = model.units[writer].agent.relations.get(str(relation_id))
            if memory:
                memory.apps[owner] = bag.version


def relation_model_get(call: Call) -> Any:
    _relation(call)
    call.at_most(0)
    return {"uuid": call.ctx.draft.uuid}


def _network(call: Call, unit: Unit) -> dict[str, Any]:
    machine = call.ctx.draft.machines[unit.machine]
    address = machine.address
    if not address:
        return Struct({"bind-addresses": [Struct({"mac-address": "", "interface-name": "eth0", "addresses": []})]})
    cidr = f"{address.rpartition('.')[0]}.0/24" if "." in address else f"{address}/128"
    bind = Struct({"mac-address": "", "interface-name": "lo" if address.startswith("127.") else "eth0",
                   "addresses": [Struct(hostname="", value=address, cidr=cidr)]})
    return Struct({"bind-addresses": [bind], "egress-subnets": [f"{address}/{'128' if ':' in address else '32'}"],
                   "ingress-addresses": [address]})


def network_get(call: Call) -> Any:
    if not call.args:
        raise usage("no arguments specified")
    if not call.args[0]:
        raise usage("no binding name specified")
    if len(call.args) > 1:
        call.at_most(1)
    binding = call.args[0]
    charm = controller.charm_of(call.ctx.store, call.ctx.draft.applications[call.ctx.app_name])
    if binding not in [*charm.endpoints, *charm.bindings, "juju-info"]:
        raise ToolError(f'no network config found for binding "{binding}"')
    p = call.parsed
    if p.primary_address and (p.bind_address or p.ingress_address or p.egress_subnets):
        raise ToolError("--primary-address must be the only flag specified")
    info = _network(call, call.ctx.unit)
    if not info["bind-addresses"][0]["addresses"] and (p.primary_address or p.bind_address or p.ingress_address):
        kind = "primary" if p.primary_address else "bind" if p.bind_address else "ingress"
        what = "addresses" if call.ctx.juju3 else f"{kind} address"
        raise ToolError(f'no {what} attached to space for binding "{binding}"')
    return _chosen(call, info)


def _chosen(call: Call, info: dict[str, Any]) -> Any:
    """What the options ask for of a unit's network; all of it where there are none."""
    p = call.parsed
    addresses = info["bind-addresses"][0]["addresses"]
    address = addresses[0]["value"] if addresses else ""
    chosen: dict[str, Any] = {}
    if p.primary_address:
        return address
    if p.bind_address:
        chosen["bind-address"] = address
    if p.ingress_address:
        chosen["ingress-address"] = address
    if p.egress_subnets:
        chosen["egress-subnets"] = info.get("egress-subnets", [])
    if len(chosen) == 1:
        return next(iter(chosen.values()))
    if chosen:
        return chosen
    if p.format != "json":
        for bind in info["bind-addresses"]:
            bind["macaddress"] = bind["mac-address"]
            bind["interfacename"] = bind["interface-name"]
            for one in bind["addresses"]:
                one["address"] = one["value"]
    return info


def unit_get(call: Call) -> Any:
    if not call.args:
        raise usage("no setting specified")
    if call.args[0] not in ("private-address", "public-address"):
        raise usage(f'unknown setting "{call.args[0]}"')
    call.at_most(1)
    address = call.ctx.draft.machines[call.ctx.unit.machine].address
    if not address:
        raise ToolError(f'{call.args[0].replace("-", " ")} not found')
    return address


def goal_state(call: Call) -> Any:
    call.at_most(0)
    ctx = call.ctx
    model = ctx.draft

    def about(unit: Unit) -> Struct:
        status = unit.workload.status if unit.life == "alive" else "dying"
        return Struct(status=status, since=unit.workload.since)

    out = Struct(units={u.name: about(u) for u in model.units_of(ctx.app_name)}, relations={})
    for relation in model.relations_of(ctx.app_name):
        end = relation.endpoint_of(ctx.app_name)
        if relation.peer() or end is None:
            continue
        remote = relation.remote_app(ctx.app_name)
        place = out["relations"].setdefault(end.name, {})
        place[remote] = Struct(status="joined" if relation.life == "alive" else "dying",
                               since=model.units[ctx.unit_name].workload.since)
        place.update({u.name: about(u) for u in model.units_of(remote)})
    return out


def _switch(name: str, text: str) -> Flag:
    return Flag((name,), text, switch=True, default=False)


_APP = _switch("app", "of the application instead of the unit")

TOOLS = {
    "relation-ids": Tool(relation_ids, "[<name>]", formats=SMART),
    "relation-list": Tool(relation_list, "", lambda call: [relation_flag(call), _APP], SMART),
    "relation-get": Tool(relation_get, "<key> <unit id>",
                         lambda call: [relation_flag(call), _APP], SMART),
    "relation-set": Tool(relation_set, "<key>=<value> [<key>=<value> ...]", lambda call: [
        relation_flag(call), _APP, Flag(("file",), "file containing key-value pairs",
                                        default="")], old_format=True),
    "relation-model-get": Tool(relation_model_get, "", lambda call: [relation_flag(call)], SMART),
    "network-get": Tool(network_get, "<binding-name> [--ingress-address] [--bind-address] "
                        "[--egress-subnets]", lambda call: [
                            relation_flag(call), _switch("primary-address", "deprecated"),
                            _switch("bind-address", "get the address to bind to"),
                            _switch("ingress-address", "get the address to publish"),
                            _switch("egress-subnets", "get the subnets traffic comes from")],
                        SMART),
    "unit-get": Tool(unit_get, "<setting>", formats=SMART),
    "goal-state": Tool(goal_state, formats=PLAIN),
}
