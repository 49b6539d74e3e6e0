# SPDX-License-Identifier: GPL-3.0-only
"""What every hook tool is made of: a function from a Call to a value, which is printed as --format says."""
from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from .context import Context
from .errors import ToolError, usage
from .flags import Flag, Parsed
from .formats import to_json

SMART = ("smart", "json", "yaml")
PLAIN = ("json", "yaml")


def quoted(words: list[str]) -> str:
    """A list as Go's %q shows it."""
    return "[" + " ".join(to_json(word) for word in words) + "]"


class NeedStdin(Exception):
    """The tool wants its standard input: the client reads it and calls again."""


class Raw(bytes):
    """Output that is printed as it is."""


@dataclass
class Call:
    """One call of a tool."""
    ctx: Context
    name: str
    cwd: str
    stdin_data: bytes | None
    parsed: Parsed = field(default_factory=lambda: Parsed({}))
    warnings: bytes = b""

    @property
    def args(self) -> list[str]:
        return self.parsed.args

    def stdin(self) -> bytes:
        if self.stdin_data is None:
            raise NeedStdin
        return self.stdin_data

    def at_most(self, count: int) -> None:
        if len(self.args) > count:
            raise usage(f"unrecognized args: {quoted(self.args[count:])}")

    def file_or_stdin(self, name: str) -> bytes:
        """The content of FILE, resolved against the caller's directory, or stdin for -."""
        if name == "-":
            return self.stdin()
        try:
            return self.ctx.host_path(name, self.cwd).read_bytes()
        except OSError as error:
            raise ToolError(f"open {os.path.join(self.cwd, name)}: "
                            f"{(error.strerror or '').lower()}") from None


@dataclass(frozen=True)
class Tool:
    run: Callable[[Call], Any]
    usage: str = ""
    flags: Callable[[Call], list[Flag]] = lambda call: []
    formats: tuple[str, ...] = ()
    only3: bool = False
    old_format: bool = False  # takes --format, ignores it and says so
