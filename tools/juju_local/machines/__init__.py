# SPDX-License-Identifier: GPL-3.0-only
"""The machines juju-local runs hooks in: `system` (a real one) and `scratch` (a recorded one).

create() makes the object for a machine, whether it exists already or not: everything about a
machine is kept in its folder under the state directory, so that another process can go on with it.
docs/reference/machines.md describes both kinds and their options.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .host import HOST_PACKAGES, MachineError, missing_packages, require_host
from .machine import ExecResult, Machine
from .scratch import ScratchMachine
from .system import SystemMachine, network_down

__all__ = ["ExecResult", "HOST_PACKAGES", "Machine", "MachineError", "ScratchMachine", "SystemMachine",
           "create", "missing_packages", "names", "reap_all", "require_host"]

KINDS: dict[str, type[Machine]] = {"system": SystemMachine, "scratch": ScratchMachine}


def create(kind: str, name: str, state_dir: Path, options: dict[str, Any] | None = None) -> Machine:
    """The machine of that name; it is not started here."""
    if kind not in KINDS:
        raise MachineError(f"machine {name}: there is no kind '{kind}': system or scratch")
    return KINDS[kind](name, Path(state_dir), options or {})


def names(state_dir: Path) -> dict[str, str]:
    """Every machine that has a folder in the state directory: name → kind."""
    found = {}
    for folder in sorted((Path(state_dir) / "machines").glob("*/")):
        for kind in KINDS:
            if (folder / kind).exists():
                found[folder.name] = kind
    return found


def reap_all(state_dir: Path) -> None:
    """Destroys every machine of the state directory, running or half made, and its network."""
    for name, kind in names(state_dir).items():
        create(kind, name, state_dir).destroy()
    network_down(Path(state_dir))
