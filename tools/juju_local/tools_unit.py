# SPDX-License-Identifier: GPL-3.0-only
"""Hook tools of the unit: config, leadership, status, ports, state, storage, resources."""
from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

from . import controller
from .charm import settings
from .errors import JujuLocalError, ToolError, usage
from .flags import Flag
from .formats import to_json
from .inputs import key_values, string_map
from .model import Model, PortRange, Status, now, unit_tag
from .toolkit import SMART, Call, Raw, Tool

STATUSES = ("maintenance", "blocked", "waiting", "active")
STATE_KEY_MAX = 256
STATE_VALUE_MAX = 65536


def _switch(*names: str) -> Flag:
    return Flag(names, "", switch=True, default=False)


def config_get(call: Call) -> Any:
    call.at_most(1)
    ctx = call.ctx
    app = ctx.draft.applications[ctx.app_name]
    values = settings(controller.charm_of(ctx.store, app), app.config)
    if call.args and call.parsed.all:
        raise usage(f'cannot use argument --all together with key "{call.args[0]}"')
    if call.args and call.args[0]:
        return values.get(call.args[0])
    if call.parsed.all:
        return values
    return {k: v for k, v in values.items() if v is not None}


def is_leader(call: Call) -> bool:
    call.at_most(0)
    return call.ctx.leader()


def leader_get(call: Call) -> Any:
    call.at_most(1)
    values = call.ctx.draft.applications[call.ctx.app_name].leader_settings
    if call.args and call.args[0] != "-":
        return values.get(call.args[0])
    return dict(values)


def leader_set(call: Call) -> None:
    values = key_values(call.args)
    ctx = call.ctx
    if not ctx.leader():
        raise ToolError("cannot write leadership settings: cannot write settings: not the leader")

    def change(model: Model) -> None:
        app = model.applications[ctx.app_name]
        kept, before = app.leader_settings, dict(app.leader_settings)
        for key, value in values.items():
            if value:
                kept[key] = value
            else:
                kept.pop(key, None)
        app.leader_settings_version += kept != before
    ctx.now(change)


def application_version_set(call: Call) -> None:
    if not call.args:
        raise usage("no version specified")
    call.at_most(1)
    app, version = call.ctx.app_name, call.args[0]
    call.ctx.now(lambda model: setattr(model.applications[app], "version", version))


def status_set(call: Call) -> None:
    if not call.args:
        raise usage("invalid args, require <status> [message]")
    status, message = call.args[0], call.args[1] if len(call.args) > 1 else ""
    if status not in STATUSES:
        raise usage(f'invalid status "{status}", expected one of [{" ".join(STATUSES)}]')
    call.at_most(2)
    ctx = call.ctx
    if call.parsed.application and not ctx.leader():
        raise ToolError("this unit is not the leader")

    def change(model: Model) -> None:
        new = Status(status, message, now())
        if call.parsed.application:
            model.applications[ctx.app_name].status = new
        else:
            unit = model.units[ctx.unit_name]
            unit.workload = new
            unit.charm_set_status = True
    before = ctx.unit.workload
    ctx.now(change)
    if call.parsed.application:
        ctx.show_status(f"application status: {status} {message}".rstrip())
    elif (before.status, before.message) != (status, message):
        ctx.show_status(f"{status}: {message}" if message else status)


def _about(status: Status, data: bool) -> dict[str, Any]:
    if data:
        return {"status": status.status, "message": status.message, "status-data": status.data}
    return {"status": status.status}


def status_get(call: Call) -> Any:
    call.at_most(0)
    ctx, p = call.ctx, call.parsed
    model = ctx.store.read()
    if not p.application:
        if ctx.status is None:
            ctx.status = model.units[ctx.unit_name].workload
        status = ctx.status
        if p.format == "smart" and not p.include_data:
            return status.status
        return _about(status, p.include_data)
    if not ctx.leader():
        raise ToolError("finding application status: this unit is not the leader")
    status = model.applications[ctx.app_name].status or Status("unknown")
    if p.format == "smart" and not p.include_data:
        return status.status
    units = {u.name: _about(u.workload, p.include_data) for u in model.units_of(ctx.app_name)}
    return {"application-status": {**_about(status, p.include_data), "units": units}}


# ------------------------------------------------------------------ ports

def _number(text: str, whole: str) -> int:
    if not re.fullmatch(r"[-+]?[0-9]+", text):
        raise usage(f'invalid port "{whole}": strconv.Atoi: parsing "{text}": invalid syntax')
    return int(text)


def parse_port(text: str) -> tuple[str, int, int]:
    """PORT[/PROTO], FROM-TO[/PROTO] or icmp."""
    word, slash, protocol = text.lower().partition("/")
    ports = word.split("-")
    if len(ports) > 2:
        raise usage(f'invalid port range "{word}"')
    if word == "icmp":
        return "icmp", -1, -1
    first, last = (_number(port, port) for port in (ports[0], ports[-1]))
    protocol = protocol if slash else "tcp"
    if protocol not in ("tcp", "udp", "icmp"):
        raise usage(f'invalid protocol "{protocol}", expected "tcp", "udp", or "icmp"')
    if protocol == "icmp":
        raise usage(f'protocol "icmp" doesn\'t support any ports; got "{first}"')
    if first > last:
        raise usage(f"invalid port range {show_port(protocol, first, last)}")
    if not (0 <= first <= 65535 and 0 <= last <= 65535):
        raise usage(f"port range bounds must be between 0 and 65535, got {first}-{last}")
    return protocol, first, last


def show_port(protocol: str, first: int, last: int) -> str:
    if protocol == "icmp":
        return "icmp"
    return f"{first}/{protocol}" if first == last else f"{first}-{last}/{protocol}"


def _check_endpoints(call: Call, names: list[str]) -> None:
    """The controller's own check, at the end of the hook."""
    ctx = call.ctx
    charm = controller.charm_of(ctx.store, ctx.draft.applications[ctx.app_name])
    for name in names:
        if name and name not in charm.endpoints and name not in charm.bindings:
            raise ToolError(f'cannot open/close ports: {call.name.replace("-port", "")} port range: endpoint "{name}" for unit '
                            f'"{ctx.unit_name}" not found')


def _check_conflict(call: Call, model: Model, wanted: tuple[str, int, int], same: list[PortRange]) -> None:
    """A range must be another's equal or have nothing of it; what this hook has asked for comes first."""
    ctx, (protocol, first, last) = call.ctx, wanted
    before = ctx.snapshot.units[ctx.unit_name].ports if model is ctx.draft else model.units[ctx.unit_name].ports
    unit = model.units[ctx.unit_name]
    others = [u for u in model.units.values() if u.machine == unit.machine and u is not unit] if call.name == "open-port" else []
    ranges = sorted(((p, unit.name) for p in unit.ports), key=lambda found: found[0] in before) + [(p, u.name) for u in others for p in u.ports]
    for port, owner in ranges:
        if port.protocol == protocol and port.first <= last and port.last >= first and (owner != unit.name or port not in same):
            taken = show_port(port.protocol, port.first, port.last)
            when = " requested earlier" if owner == unit.name and port not in before else ""
            raise ToolError(f'cannot {call.name.replace("-port", "")} {show_port(*wanted)} (unit "{unit.name}"): port range conflicts with '
                            f'{taken} (unit "{owner}"){when}')


def _ports(call: Call, opening: bool) -> None:
    if not call.args:
        raise usage("no port or range specified")
    protocol, first, last = parse_port(call.args[0])
    call.at_most(1)
    endpoints = [n.strip() for n in call.parsed.endpoints.split(",")]
    name = call.ctx.unit_name
    # Where the machine has no port open, the agent sends nothing to be closed, and forgets what this hook has opened for the same endpoint.
    machine = call.ctx.snapshot.units[name].machine
    committed = any(u.ports for u in call.ctx.snapshot.units.values() if u.machine == machine)

    def change(model: Model) -> None:
        unit = model.units[name]
        if model is not call.ctx.draft:
            _check_endpoints(call, endpoints)
        same = [p for p in unit.ports if (p.protocol, p.first, p.last) == (protocol, first, last)]
        _check_conflict(call, model, (protocol, first, last), same)
        if opening:
            unit.ports += [PortRange(e, protocol, first, last) for e in endpoints if not any(p.endpoint == e for p in same)]
        else:
            everywhere = endpoints == [""] and committed and model is not call.ctx.draft
            unit.ports = [p for p in unit.ports if p not in same or not (everywhere or p.endpoint in endpoints)]
    call.ctx.later(change)


def open_port(call: Call) -> None:
    _ports(call, True)


def close_port(call: Call) -> None:
    _ports(call, False)


def opened_ports(call: Call) -> list[str]:
    call.at_most(0)
    grouped: dict[tuple[str, int, int], list[str]] = {}
    for port in call.ctx.unit.ports:
        grouped.setdefault((port.protocol, port.first, port.last), []).append(port.endpoint)
    out = []
    for key in sorted(grouped):
        names = sorted(grouped[key])
        suffix = " (*)" if "" in names else f" ({', '.join(names)})"
        out.append(show_port(*key) + (suffix if call.parsed.endpoints else ""))
    return out


# ------------------------------------------------------------------ state

def state_get(call: Call) -> Any:
    call.at_most(1)
    state = call.ctx.unit.state
    key = call.args[0] if call.args and call.args[0] != "-" else ""
    if key:
        if key not in state and call.parsed.strict:
            raise ToolError(f'"{key}" not found')
        return state.get(key, "")
    return dict(state) if state or call.parsed.format != "json" else None


def _json_size(text: str) -> int:
    return len(to_json(text).encode("utf-8", "surrogateescape")) - 2


def state_set(call: Call) -> None:
    values: dict[str, str] = {}
    arguments = key_values(call.args)
    if call.parsed.file:
        values = string_map(call.file_or_stdin(call.parsed.file))
    values.update(arguments)
    for key, value in values.items():
        for what, text, most in (("key", key, STATE_KEY_MAX), ("value", value, STATE_VALUE_MAX)):
            if call.ctx.juju3 and len(text.encode("utf-8", "surrogateescape")) > most:
                raise ToolError(f"max allowed {what} length ({most}) exceeded")
            if not call.ctx.juju3 and _json_size(text) > most:
                raise ToolError(f"max allowed {what} length ({most}): quota limit exceeded")
    name = call.ctx.unit_name
    if values:
        call.ctx.later(lambda model: model.units[name].state.update(values))


def state_delete(call: Call) -> None:
    call.at_most(1)
    name = call.ctx.unit_name
    if call.args and call.args[0]:
        key = call.args[0]

        def change(model: Model) -> None:
            model.units[name].state.pop(key, None)
        call.ctx.later(change)


# ------------------------------------------------------------------ storage, resources

def storage_list(call: Call) -> list[str]:
    call.at_most(1)
    ctx = call.ctx
    known = set(ctx.unit.agent.storage)
    if ctx.hook and ctx.hook.storage:
        known.add(ctx.hook.storage)
    return sorted(s.id for s in ctx.draft.storage.values() if s.id in known
                  and (not call.args or s.name == call.args[0]))


def _storage_flag(call: Call) -> Flag:
    def parse(text: str) -> str:
        if not re.fullmatch(r"[a-z][a-z0-9-]*/\d+", text):
            raise ValueError(f'invalid storage ID "{text}"')
        instance = call.ctx.draft.storage.get(text)
        if instance is None or instance.unit != call.ctx.unit_name:
            raise ValueError(f'storage "{text}" not found')
        return text
    default = call.ctx.hook.storage if call.ctx.hook else ""
    return Flag(("s",), "specify a storage instance by id", default=default, parse=parse)


def storage_get(call: Call) -> Any:
    if not call.parsed.s:
        raise usage("no storage instance specified")
    call.at_most(1)
    instance = call.ctx.draft.storage[call.parsed.s]
    location = call.ctx.shown_path(instance.location)
    values = {"kind": instance.kind, "location": location}
    if not call.args:
        return values
    if call.args[0] not in values:
        raise ToolError(f'invalid storage attribute "{call.args[0]}"')
    return values[call.args[0]]


# The fields of a directive (storage/constraints.go): a pool's name, how many, how large each.
_DIRECTIVE = (("pool", re.compile(r"[a-zA-Z]+[-?a-zA-Z0-9]*")), ("count", re.compile(r"-?[0-9]+")),
              ("size", re.compile(r"-?[0-9]+(\.[0-9]+)?[MGTPEZY](i?B)?")))
_TWICE = {"pool": 'pool name is already set to "{}", new value "{}" not valid', "count": "storage instance count is already set to {}, new value {} not valid"}


def _directive(arg: str) -> tuple[str, int]:
    """NAME[=COUNT]."""
    name, equals, text = arg.partition("=")
    if not name or "=" in text:
        raise usage(f'expected "name=constraints" or "name", got "{arg}"')
    wrong = f'cannot parse constraints for storage "{name}": '
    found: dict[str, str] = {}
    for part in filter(None, (text if equals else "1").split(",")):
        kind = next((kind for kind, form in _DIRECTIVE if form.fullmatch(part)), "")
        if not kind:
            raise usage(f'{wrong}unrecognized storage constraint "{part}" not valid')
        if kind == "count" and int(part) < 1:
            raise usage(f'{wrong}cannot parse count: count must be greater than zero, got "{part}"')
        if kind in found and kind in _TWICE:
            raise usage(wrong + _TWICE[kind].format(*(int(t) if kind == "count" else t for t in (found[kind], part))))
        found[kind] = part
    if not found:
        raise usage(wrong + "storage constraints require at least one field to be specified")
    if found.keys() != {"count"}:
        raise usage(f'only count can be specified for "{name}"')
    return name, int(found["count"])


def storage_add(call: Call) -> None:
    if not call.args:
        raise usage("storage add requires a storage directive")
    ctx = call.ctx
    charm = controller.charm_of(ctx.store, ctx.draft.applications[ctx.app_name])
    wanted = [_directive(arg) for arg in call.args]

    def change(model: Model) -> None:
        if model is ctx.draft:
            return  # a hook does not see what it has asked for
        for name, count in wanted:
            if name not in charm.storage:
                raise ToolError(f'charm storage "{name}" not found')
            for _ in range(count):
                try:
                    controller.add_storage(model, model.units[ctx.unit_name], charm.storage[name])
                except JujuLocalError as error:
                    raise ToolError(str(error)) from None
    ctx.later(change)


def resource_get(call: Call) -> Raw:
    if not call.args:
        raise usage("missing required resource name")
    call.at_most(1)
    ctx, name = call.ctx, call.args[0]
    app = ctx.draft.applications[ctx.app_name]
    charm = controller.charm_of(ctx.store, app)
    source = app.resources.get(name)
    if name not in charm.resources or not source or not Path(source).is_file():
        raise ToolError(f'could not download resource: HTTP request failed: Get '
                        f'"resource {name}": resource#{ctx.app_name}/{name} not found')
    kind = charm.resources[name]
    filename = kind.get("filename") if kind["type"] == "file" else "content.yaml"
    inside = f"/var/lib/juju/agents/{unit_tag(ctx.unit_name)}/resources/{name}/{filename}"
    target = ctx.machine_path(inside)
    target.parent.mkdir(parents=True, exist_ok=True)
    if not target.exists() or target.read_bytes() != Path(source).read_bytes():
        shutil.copyfile(source, target)
    return Raw(ctx.shown_path(inside).encode())


def credential_get(call: Call) -> Any:
    call.at_most(0)
    raise ToolError("cannot access cloud credentials: permission denied"
                    if not call.ctx.draft.applications[call.ctx.app_name].trust else
                    "juju-local has no cloud, so there are no credentials to give")


TOOLS = {
    "config-get": Tool(config_get, "[<key>]", lambda call: [_switch("a", "all")], SMART),
    "is-leader": Tool(is_leader, formats=SMART),
    "leader-get": Tool(leader_get, "[<key>]", formats=SMART, only3=True),
    "leader-set": Tool(leader_set, "<key>=<value> [...]", only3=True),
    "application-version-set": Tool(application_version_set, "<new-version>"),
    "status-set": Tool(status_set, "<maintenance | blocked | waiting | active> [message]",
                       lambda call: [_switch("application")]),
    "status-get": Tool(status_get, "", lambda call: [
        _switch("application"), _switch("include-data")], SMART),
    "open-port": Tool(open_port, "<port>[/<protocol>] | <from>-<to>[/<protocol>] | icmp",
                      lambda call: [Flag(("endpoints",), default="")], old_format=True),
    "close-port": Tool(close_port, "<port>[/<protocol>] | <from>-<to>[/<protocol>] | icmp",
                       lambda call: [Flag(("endpoints",), default="")], old_format=True),
    "opened-ports": Tool(opened_ports, "", lambda call: [_switch("endpoints")], SMART),
    "state-get": Tool(state_get, "[<key>]", lambda call: [_switch("strict")], SMART),
    "state-set": Tool(state_set, "<key>=<value> [<key>=<value> ...]",
                      lambda call: [Flag(("file",), default="")]),
    "state-delete": Tool(state_delete, "<key>"),
    "storage-list": Tool(storage_list, "[<storage-name>]", formats=SMART),
    "storage-get": Tool(storage_get, "[<key>]", lambda call: [_storage_flag(call)], SMART),
    "storage-add": Tool(storage_add, "<charm storage name>[=count] ..."),
    "resource-get": Tool(resource_get, "<resource name>"),
    "credential-get": Tool(credential_get, formats=SMART),
}
