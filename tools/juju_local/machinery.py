# SPDX-License-Identifier: GPL-3.0-only
"""The machine behind a model's machine, and what an agent puts on it."""
from __future__ import annotations

import errno
import os
import shutil
import subprocess
import threading
from pathlib import Path
from typing import Any

from .errors import JujuLocalError
from .machines_directory import DirectoryMachine
from .model import Machine, unit_tag
from .store import Store
from .tools import tool_names

KINDS = ("system", "scratch", "directory")
SOURCE = Path(__file__).resolve().parents[1] / "jujuc" / "jujuc.c"
_lock = threading.Lock()


def open_machine(store: Store, machine: Machine) -> Any:
    """The object that runs things; machines/ describes its interface."""
    if machine.kind == "directory":
        return DirectoryMachine(machine.name, store.root, machine.options)
    from . import machines
    try:
        return machines.create(machine.kind, machine.name, store.root, machine.options)
    except machines.MachineError as error:
        raise JujuLocalError(str(error)) from None


def shown_path(machine: Any, inside: str) -> str:
    """A path as processes of the machine see it."""
    return machine.shown_path(inside) if hasattr(machine, "shown_path") else inside


def named_path(machine: Any, name: str) -> Path:
    """Where a file named by a process of the machine is on this host."""
    return machine.named_path(name) if hasattr(machine, "named_path") else machine.path(name)


def agent_dir(unit: str) -> str:
    return f"/var/lib/juju/agents/{unit_tag(unit)}"


def charm_dir(unit: str) -> str:
    return agent_dir(unit) + "/charm"


def tools_dir(unit: str) -> str:
    return f"/var/lib/juju/tools/{unit_tag(unit)}"


def jujuc(store: Store) -> Path:
    """The client of the hook tools: given, built by make, or compiled here once."""
    if given := os.environ.get("JUJU_LOCAL_JUJUC"):
        return Path(given)
    build = os.environ.get("JUJU_LOCAL_BUILD") or SOURCE.parents[2] / "build"
    built = Path(build) / "tools" / "jujuc"
    if built.exists() and (not SOURCE.exists()
                           or built.stat().st_mtime >= SOURCE.stat().st_mtime):
        return built
    own = store.folder("tools") / "jujuc"
    with _lock:
        if own.exists() and (not SOURCE.exists()
                             or own.stat().st_mtime >= SOURCE.stat().st_mtime):
            return own
        if not SOURCE.exists():
            raise JujuLocalError(f"the client of the hook tools is not there: build {built} "
                                 "with make, or name it in JUJU_LOCAL_JUJUC")
        new = own.with_suffix(".new")
        done = subprocess.run(["gcc", "-std=gnu17", "-O2", "-D_GNU_SOURCE", "-static", "-o", new, SOURCE],
                              capture_output=True, text=True, check=False)
        if done.returncode:
            raise JujuLocalError(f"cannot compile {SOURCE}:\n{done.stderr}")
        new.rename(own)
    return own


def install_tools(store: Store, machine: Any, unit: str) -> None:
    """Puts jujuc and a link under every tool's name into the unit's tools directory."""
    source = jujuc(store)
    folder: Path = machine.path(tools_dir(unit))
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / "jujuc"
    same = target.exists() and (target.stat().st_size, int(target.stat().st_mtime)) == (
        source.stat().st_size, int(source.stat().st_mtime))
    if not same:
        new = folder / "jujuc.new"
        shutil.copy2(source, new)
        new.chmod(0o755)
        new.replace(target)
    for name in [*tool_names(), "jujuc-measure"]:
        link = folder / name
        if not link.is_symlink():
            link.symlink_to("jujuc")


def _move(entry: Path, folder: Path) -> None:
    """To another disk as well, with owners and extended attributes, as a volume keeps them."""
    try:
        entry.rename(folder / entry.name)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        subprocess.run(["cp", "--archive", "--", entry, folder], check=True)
        subprocess.run(["rm", "--recursive", "--force", "--", entry], check=True)


def move_storage(store: Store, machine: Any, storage_id: str, location: str, attach: bool) -> None:
    """A file system follows its instance: kept in the state directory while detached."""
    kept = store.folder("storage") / storage_id.replace("/", "-")
    place: Path = machine.path(location)
    source, target = (kept, place) if attach else (place, kept)
    if source.is_dir():
        target.mkdir(parents=True, exist_ok=True)
        for entry in sorted(source.iterdir()):
            _move(entry, target)
        if attach:
            source.rmdir()
    elif attach:
        target.mkdir(parents=True, exist_ok=True)


def remove_unit_files(machine: Any, unit: str) -> None:
    for inside in (agent_dir(unit), tools_dir(unit)):
        shutil.rmtree(machine.path(inside), ignore_errors=True)
