# SPDX-License-Identifier: GPL-3.0-only
"""Paths inside a machine, looked at from outside."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath

from .host import MachineError


def inside(root: Path, path: str) -> Path:
    """ROOT/path with symbolic links followed as a process inside would: an absolute one, such as
    /var/run, stays below the root instead of leading into the host. What is missing stays as it is.
    """
    if not path.startswith("/"):
        raise MachineError(f"path in a machine '{path}': expected an absolute one")
    todo = [part for part in PurePosixPath(path).parts[1:]]
    done: list[str] = []
    followed = 0
    while todo:
        part = todo.pop(0)
        if part == "..":
            done = done[:-1]
            continue
        here = root.joinpath(*done, part)
        if not here.is_symlink():
            done.append(part)
            continue
        followed += 1
        if followed > 40:
            raise MachineError(f"path in a machine '{path}': too many symbolic links")
        target = PurePosixPath(os.readlink(here))
        if target.is_absolute():
            done = []
        todo = [p for p in target.parts if p not in ("/", ".")] + todo
    return root.joinpath(*done)
