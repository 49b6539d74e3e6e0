# SPDX-License-Identifier: GPL-3.0-only
"""Options of the hook tools, as the Go library juju/gnuflag reads them.

Options may follow positionals, "--" ends them, a lone "-" is a positional, --opt value and
--opt=value are the same, one-letter options can be joined (-ra).
"""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from .errors import usage


@dataclass
class Flag:
    """One option under all its names. parse turns the text into the value or raises ValueError."""
    names: tuple[str, ...]
    help: str = ""
    switch: bool = False
    default: Any = None
    parse: Callable[[str], Any] | None = None

    @property
    def dest(self) -> str:
        return max(self.names, key=len).replace("-", "_")


@dataclass
class Parsed:
    values: dict[str, Any]
    args: list[str] = field(default_factory=list)
    given: set[str] = field(default_factory=set)
    help: bool = False

    def __getattr__(self, name: str) -> Any:
        try:
            return self.values[name]
        except KeyError:
            raise AttributeError(name) from None


class Parser:
    def __init__(self, flags: list[Flag]) -> None:
        self._flags = {name: flag for flag in flags for name in flag.names}
        self._all = flags

    def parse(self, argv: list[str]) -> Parsed:
        out = Parsed({flag.dest: flag.default for flag in self._all})
        rest = list(argv)
        while rest:
            word = rest.pop(0)
            if word == "--":
                out.args += rest
                break
            if not word.startswith("-") or word == "-":
                out.args.append(word)
            elif word.startswith("--"):
                name, equals, value = word[2:].partition("=")
                if not name:
                    raise usage(f'empty option in argument "{word}"')
                self._take(out, name, value if equals else None, rest)
            else:
                self._short(out, word[1:], rest)
        return out

    def _short(self, out: Parsed, letters: str, rest: list[str]) -> None:
        while letters:
            name, letters = letters[0], letters[1:]
            flag = self._flags.get(name)
            if flag is not None and not flag.switch and letters:
                self._take(out, name, letters, rest)
                return
            if flag is not None and letters.startswith("="):
                self._take(out, name, letters, rest)
                return
            self._take(out, name, None, rest)
            if out.help:
                return

    def _take(self, out: Parsed, name: str, value: str | None, rest: list[str]) -> None:
        shown = f"-{name}" if len(name) == 1 else f"--{name}"
        flag = self._flags.get(name)
        if flag is None:
            if name in ("h", "help"):
                out.help = True
                return
            raise usage(f"option provided but not defined: {shown}")
        out.given.add(flag.dest)
        if flag.switch:
            out.values[flag.dest] = self._boolean(shown, value)
            return
        if value is None:
            if not rest:
                raise usage(f"option needs an argument: {shown}")
            value = rest.pop(0)
        try:
            out.values[flag.dest] = flag.parse(value) if flag.parse else value
        except ValueError as error:
            raise usage(f'invalid value "{value}" for option {shown}: {error}') from None

    @staticmethod
    def _boolean(shown: str, value: str | None) -> bool:
        if value is None or value in ("1", "t", "T", "true", "TRUE", "True"):
            return True
        if value in ("0", "f", "F", "false", "FALSE", "False"):
            return False
        raise usage(f'invalid value "{value}" for option {shown}: '
                    f'strconv.ParseBool: parsing "{value}": invalid syntax')
