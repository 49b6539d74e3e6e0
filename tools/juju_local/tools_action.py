# SPDX-License-Identifier: GPL-3.0-only
"""Hook tools of actions, and the log."""
from __future__ import annotations

import re
from typing import Any

from .errors import ToolError, usage
from .flags import Flag
from .formats import Items
from .model import Task, now
from .toolkit import SMART, Call, Tool

_KEY = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
_RESERVED = {"stdout", "stdout-encoding", "stderr", "stderr-encoding"}
LEVELS = ("TRACE", "DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


def _task(call: Call) -> Task:
    task = call.ctx.task
    if task is None or task.kind != "action":
        raise ToolError("not running an action")
    return task


def action_get(call: Call) -> Any:
    call.at_most(1)
    value: Any = _task(call).params
    if not call.args:
        return value
    for part in call.args[0].split("."):
        if not isinstance(value, dict) or part not in value:
            return None
        value = value[part]
    return Items(value) if isinstance(value, list) else value


def action_set(call: Call) -> None:
    pairs = []
    for arg in call.args:
        name, equals, value = arg.partition("=")
        if not equals:
            raise usage(f'argument "{arg}" must be of the form key...=value')
        parts = name.split(".")
        for part in parts:
            if part in _RESERVED:
                raise usage(f'cannot set reserved action key "{part}"')
            if not _KEY.fullmatch(part):
                raise usage(f'key "{part}" must start and end with lowercase alphanumeric, and '
                            "contain only lowercase alphanumeric and hyphens")
        pairs.append((parts, value))
    if pairs:
        _task(call)
    for parts, value in pairs:
        place = call.ctx.results
        for part in parts[:-1]:
            if not isinstance(place.get(part), dict):
                place[part] = {}
            place = place[part]
        place[parts[-1]] = value


def action_fail(call: Call) -> None:
    call.at_most(1)
    _task(call)
    default = "action failed without reason given, check action for errors"
    call.ctx.action_failed = call.args[0] if call.args else default


def action_log(call: Call) -> None:
    if not call.args:
        raise usage("no message specified")
    task = _task(call)
    line = f"{now()} {' '.join(call.args)}"
    call.ctx.now(lambda model: model.tasks[task.id].log.append(line))
    call.ctx.show_status(f"action {task.name}: {' '.join(call.args)}")


def juju_log(call: Call) -> None:
    if not call.args:
        raise usage("no message specified")
    text = " ".join(call.args)
    level = call.parsed.log_level.upper() if call.parsed.log_level else "INFO"
    if level == "WARN":
        level = "WARNING"
    ctx = call.ctx
    if level not in LEVELS:
        ctx.log("WARNING", f"unit.{ctx.unit_name}.juju-log",
                f'Specified log level of "{call.parsed.log_level}" is not valid')
        level = "INFO"
    if call.parsed.debug:
        level = "DEBUG"
    if ctx.hook and ctx.hook.relation is not None:
        relation = ctx.draft.relations.get(str(ctx.hook.relation))
        if relation:
            text = f"{ctx.relation_name(relation)}: {text}"
    ctx.log(level, f"unit.{ctx.unit_name}.juju-log", text)


def juju_reboot(call: Call) -> None:
    call.at_most(0)
    ctx = call.ctx
    if ctx.task is not None and ctx.task.kind == "action":
        raise ToolError("juju-reboot is not supported when running an action.")
    ctx.reboot = "now" if call.parsed.now else "after"
    if ctx.reboot == "now":
        ctx.kill()


TOOLS = {
    "action-get": Tool(action_get, "[<key>[.<key>.<key>...]]", formats=SMART),
    "action-set": Tool(action_set, "<key>=<value> [<key>=<value> ...]"),
    "action-fail": Tool(action_fail, '["<failure message>"]'),
    "action-log": Tool(action_log, "<message>"),
    "juju-log": Tool(juju_log, "<message>", lambda call: [
        Flag(("debug",), "log at debug level", switch=True, default=False),
        Flag(("l", "log-level"), "Send log message at the given level", default="INFO")],
        old_format=True),
    "juju-reboot": Tool(juju_reboot, "", lambda call: [
        Flag(("now",), "reboot immediately, killing the invoking process", switch=True,
             default=False)]),
}
