# SPDX-License-Identifier: GPL-3.0-only
"""The table of hook tools (tools_action.py, tools_relation.py, tools_unit.py and tools_secret.py), and running one of them."""
from __future__ import annotations

from collections.abc import Callable

from . import recording, tools_action, tools_relation, tools_secret, tools_unit
from .context import Context
from .errors import ToolError
from .flags import Flag, Parser
from .formats import render
from .toolkit import Call, Raw, Tool

TABLE: dict[str, Tool] = {**tools_action.TOOLS, **tools_relation.TOOLS, **tools_unit.TOOLS, **tools_secret.TOOLS}
# Tools of Kubernetes charms and of payloads, which a machine charm has no use for.
ABSENT = ("k8s-spec-set", "k8s-spec-get", "pod-spec-set", "pod-spec-get", "k8s-raw-set",
          "k8s-raw-get", "payload-register", "payload-unregister", "payload-status-set")


def tool_names() -> list[str]:
    """Every name a hook finds in its tools directory."""
    return sorted([*TABLE, *ABSENT])


def _format(allowed: tuple[str, ...]) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in allowed:
            raise ValueError(f'unknown format "{text}"')
        return text
    return parse


def _flags(tool: Tool, call: Call) -> list[Flag]:
    flags = list(tool.flags(call))
    if tool.formats:
        default = "smart" if "smart" in tool.formats else "yaml"
        flags.append(Flag(("format",), "Specify output format (" + "|".join(
            sorted(tool.formats)) + ")", default=default, parse=_format(tool.formats)))
        flags.append(Flag(("o", "output"), "Specify an output file", default=""))
    if tool.old_format:
        flags.append(Flag(("format",), "deprecated format flag", default=""))
    return flags


def help_text(name: str, tool: Tool, flags: list[Flag]) -> str:
    out = f"Usage: {name} [options] {tool.usage}".rstrip() + "\n"
    if flags:
        out += "\nOptions:\n"
    for flag in sorted(flags, key=lambda f: f.dest):
        names = ", ".join(("-" if len(n) == 1 else "--") + n for n in flag.names)
        out += f"{names}  (= {flag.default!r})\n    {flag.help}\n"
    return out


def run_tool(ctx: Context, name: str, args: list[str], cwd: str,
             stdin: bytes | None) -> tuple[int, bytes, bytes]:
    """Exit status, stdout and stderr of one call. Raises ToolError and NeedStdin."""
    record = recording.Call(ctx, name, args, cwd, stdin)
    try:
        answer = _run(ctx, name, args, cwd, stdin)
    except ToolError as error:
        record.done(error.code, b"", error.line())
        raise
    record.done(*answer)
    return answer


def _run(ctx: Context, name: str, args: list[str], cwd: str,
         stdin: bytes | None) -> tuple[int, bytes, bytes]:
    tool = TABLE.get(name)
    if name in ABSENT and ctx.juju3:
        raise ToolError(f"juju-local has no {name}: it stands in for machines only")
    if tool is None or (tool.only3 and not ctx.juju3):
        raise ToolError(f"bad request: unknown command: {name}")
    call = Call(ctx, name, cwd, stdin)
    flags = _flags(tool, call)
    call.parsed = Parser(flags).parse(args)
    if call.parsed.help:
        return 0, help_text(name, tool, flags).encode(), b""
    if tool.old_format and call.parsed.format:
        call.warnings += f'--format flag deprecated for command "{name}"'.encode()
    value = tool.run(call)
    if isinstance(value, Raw):
        return 0, bytes(value), call.warnings
    if not tool.formats:
        return 0, b"", call.warnings
    out = render(value, call.parsed.format)
    if call.parsed.output:
        ctx.host_path(call.parsed.output, cwd).write_bytes(out)
        out = b""
    return 0, out, call.warnings
