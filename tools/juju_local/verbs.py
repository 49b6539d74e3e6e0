# SPDX-License-Identifier: GPL-3.0-only
"""What all verbs share: the session of one command line, values from the command line."""
from __future__ import annotations

import argparse
import base64
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from .console import Console
from .errors import JujuLocalError
from .settle import Retries, Settler
from .store import Store

BUSY = "another juju-local is running agents here; waiting for it …"


@dataclass
class Session:
    """One command line: where the state is, who hears of it, how agents are run."""
    store: Store
    console: Console
    retries: Retries
    no_wait: bool = False

    def settle(self) -> int:
        """Runs agents until nothing is left to do. Exit status: 1 when something is in error."""
        if self.no_wait:
            return 0
        with self.store.agents(BUSY):
            failed = Settler(self.store, self.console, self.retries).run()
        if failed:
            self.console.say("juju-local", f"in error: {', '.join(failed)} — see juju-local "
                             "debug-log; then juju-local resolve UNIT", "error")
            return 1
        return 0


Arguments = argparse.Namespace


def read_text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise JujuLocalError(f"cannot read {path}: {error.strerror}") from None


def read_yaml(path: str) -> Any:
    try:
        return yaml.safe_load(read_text(path))
    except yaml.YAMLError as error:
        raise JujuLocalError(f"{path}: {' '.join(str(error).split())}") from None


def included(value: str, folder: Path) -> str:
    """include-file:// and include-base64:// of bundles."""
    for prefix in ("include-file://", "include-base64://"):
        if value.startswith(prefix):
            path = folder / value.removeprefix(prefix)
            try:
                data = path.read_bytes()
            except OSError as error:
                raise JujuLocalError(f"cannot read {path}: {error.strerror}") from None
            return data.decode() if "file" in prefix else base64.b64encode(data).decode()
    return value


def key_values(words: list[str]) -> dict[str, str]:
    """key=value, with key=@FILE read from FILE."""
    out = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or not key:
            raise JujuLocalError(f'expected "key=value", got "{word}"')
        out[key] = read_text(value[1:]) if value.startswith("@") else value
    return out


def show(value: Any, style: str) -> None:
    """Structured output for a person or a program."""
    if style == "json":
        print(json.dumps(value, indent=2, ensure_ascii=False))
    else:
        print(yaml.safe_dump(value, sort_keys=False, allow_unicode=True,
                             default_flow_style=False), end="")
