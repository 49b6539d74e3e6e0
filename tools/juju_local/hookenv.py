# SPDX-License-Identifier: GPL-3.0-only
"""The environment of a hook or action, built from nothing, and the file that is run."""
from __future__ import annotations

import contextlib
import os
import signal
import stat
from pathlib import Path
from typing import Any

from . import machinery
from .context import Context
from .model import Model

AGENT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/snap/bin"
_PROXIES = {"JUJU_CHARM_HTTP_PROXY": "juju-http-proxy", "JUJU_CHARM_HTTPS_PROXY":
            "juju-https-proxy", "JUJU_CHARM_FTP_PROXY": "juju-ftp-proxy",
            "JUJU_CHARM_NO_PROXY": "juju-no-proxy"}
_LEGACY = ("http-proxy", "https-proxy", "ftp-proxy", "no-proxy")


class HookMissing(Exception):
    """The charm has no such hook or action."""


class HookUnusable(Exception):
    """The file is there and cannot be run."""


def find_program(charm: Path, folder: str, name: str) -> str:
    """dispatch, or FOLDER/NAME, relative to the charm's directory."""
    if not (charm / "metadata.yaml").exists():
        raise HookUnusable("charm missing from disk")
    for relative in ("dispatch", f"{folder}/{name}"):
        path = charm / relative
        try:
            mode = path.stat().st_mode
        except FileNotFoundError:
            continue
        except OSError as error:
            raise HookUnusable(f'exec: "{path}": {(error.strerror or "").lower()}') from None
        if stat.S_ISDIR(mode):
            raise HookUnusable(f'exec: "{relative}": is a directory')
        if not mode & 0o111:
            raise HookUnusable(f'exec: "{relative}": permission denied (it is not executable: '
                               "its mode in the archive must be 0755)")
        with open(path, "rb") as start:
            magic = start.read(4)
        if magic != b"\x7fELF" and magic[:2] != b"#!":
            raise HookUnusable(f"fork/exec {relative}: exec format error (neither a program nor "
                               "a script that starts with #!)")
        return relative
    raise HookMissing(name)


def environment(ctx: Context, machine: Any, model: Model, socket: str) -> dict[str, str]:
    """Every variable of HookVars for what ctx runs."""
    unit = model.units[ctx.unit_name]
    charm = machinery.shown_path(machine, machinery.charm_dir(unit.name))
    tools = machinery.shown_path(machine, machinery.tools_dir(unit.name))
    config = model.config
    env = {
        "CHARM_DIR": charm, "JUJU_CHARM_DIR": charm, "JUJU_CONTEXT_ID": ctx.id,
        "JUJU_HOOK_NAME": ctx.hook.name if ctx.hook else "",
        "JUJU_AGENT_SOCKET_ADDRESS": socket, "JUJU_AGENT_SOCKET_NETWORK": "unix",
        "JUJU_UNIT_NAME": unit.name, "JUJU_MODEL_UUID": model.uuid,
        "JUJU_MODEL_NAME": model.name, "JUJU_API_ADDRESSES": "127.0.0.1:17070",
        "JUJU_MACHINE_ID": unit.machine, "JUJU_PRINCIPAL_UNIT": unit.principal,
        "JUJU_AVAILABILITY_ZONE": str(config.get("availability-zone", "")),
        "JUJU_VERSION": ctx.agent_version, "CLOUD_API_VERSION": "",
        "PATH": f"{tools}:{AGENT_PATH}", "LANG": "C.UTF-8", "TERM": "tmux-256color",
        "DEBIAN_FRONTEND": "noninteractive", "APT_LISTCHANGES_FRONTEND": "none",
    }
    env.update({name: str(config.get(key, "")) for name, key in _PROXIES.items()})
    for key in _LEGACY:
        if value := config.get(key):
            name = key.replace("-", "_")
            env[name] = env[name.upper()] = str(value)
    if ctx.juju3:
        env["JUJU_SLA"] = "unsupported"
    else:
        env.update(JUJU_CHARM_TRACE_CONFIG_HTTP="", JUJU_CHARM_TRACE_CONFIG_GRPC="",
                   JUJU_CHARM_TRACE_CONFIG_CA_CERT="")
    if ctx.hook:
        env["JUJU_DISPATCH_PATH"] = f"hooks/{ctx.hook.name}"
        env.update(_hook_variables(ctx, machine, model))
    elif ctx.task and ctx.task.kind == "action":
        env.update(JUJU_DISPATCH_PATH=f"actions/{ctx.task.name}", JUJU_ACTION_NAME=ctx.task.name,
                   JUJU_ACTION_UUID=ctx.task.id, JUJU_ACTION_TAG=f"action-{ctx.task.id}")
    return env


def _hook_variables(ctx: Context, machine: Any, model: Model) -> dict[str, str]:
    hook = ctx.hook
    assert hook
    env: dict[str, str] = {}
    if hook.relation is not None:
        relation = model.relations.get(str(hook.relation))
        end = relation.endpoint_of(ctx.app_name) if relation else None
        name = end.name if end else ""
        env.update(JUJU_RELATION=name, JUJU_RELATION_ID=f"{name}:{hook.relation}",
                   JUJU_REMOTE_APP=hook.remote_app, JUJU_REMOTE_UNIT=hook.remote_unit)
        if hook.kind == "relation-departed":
            env["JUJU_DEPARTING_UNIT"] = hook.departing
    if hook.storage and hook.storage in model.storage:
        instance = model.storage[hook.storage]
        env.update(JUJU_STORAGE_ID=instance.id, JUJU_STORAGE_KIND=instance.kind,
                   JUJU_STORAGE_LOCATION=machinery.shown_path(machine, instance.location))
    if hook.secret:
        env.update(JUJU_SECRET_ID=hook.secret, JUJU_SECRET_LABEL=hook.secret_label)
        if hook.secret_revision is not None:
            env["JUJU_SECRET_REVISION"] = str(hook.secret_revision)
    return env


# Programs of juju-local's own that wait for a hook's end and tell of it.
_WATCHERS = (b"enter", b"jujuc-measure")


def _processes(context_id: str) -> list[int]:
    """Those of a hook that are still there, by its context's id; the one that started first is first."""
    mark = f"JUJU_CONTEXT_ID={context_id}".encode()
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit() and int(entry) != os.getpid():
            try:
                variables = Path("/proc", entry, "environ").read_bytes().split(b"\0")
                program = Path("/proc", entry, "cmdline").read_bytes().split(b"\0")[0]
                started = int(Path("/proc", entry, "stat").read_bytes().rpartition(b")")[2].split()[19])
            except OSError:
                continue
            if mark in variables and not os.path.basename(program).startswith(_WATCHERS):
                found.append((started, int(entry)))
    return [pid for _, pid in sorted(found)]


def kill_hook(context_id: str) -> None:
    """Kills every process of a hook that is still there."""
    for pid in _processes(context_id):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def kill_program(context_id: str) -> bool:
    """Kills what the agent itself started and, as Juju does, nothing that this started in turn. Whether there was any."""
    for pid in _processes(context_id)[:1]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
            return True
    return False
