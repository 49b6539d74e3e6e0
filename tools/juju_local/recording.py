# SPDX-License-Identifier: GPL-3.0-only
"""A record of what the hook tools were asked and what they answered, for comparison with Juju's own (tests/juju-tools).

Where JUJU_LOCAL_RECORD names a file, every run of a hook appends to it, a line of JSON each:

    model    a model the lines below stand on, by its stamp
    context  a run begins: its unit, hook or action, and what its charm declares
    env      the environment its process got
    call     one call of a tool, the stamp of the model before it, its input and all it put out; bytes in base64
    flush    what was held back has been done: the models before and after

The file holds every secret of the model, and is made readable by its owner alone.
"""
from __future__ import annotations

import base64
import hashlib
import json
import os
import threading
from pathlib import Path
from typing import Any

from . import charm as charms
from . import controller
from .context import Context
from .model import Model, encode

# Options whose value names a file that the tool reads, and those that name one it writes.
_READ = ("--file=", "#file=")
_WRITTEN = ("-o", "--output")
_seen: dict[str, set[str]] = {}
_lock = threading.RLock()  # a model's line comes before the first that stands on it


def target() -> str:
    """The file to append to; empty where nothing is recorded."""
    return os.environ.get("JUJU_LOCAL_RECORD", "")


def _write(event: str, **fields: Any) -> None:
    line = json.dumps({"event": event, **fields}, separators=(",", ":")) + "\n"
    fd = os.open(target(), os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "wb", buffering=0) as out:
        out.write(line.encode())


def _once(what: str) -> bool:
    seen = _seen.setdefault(target(), set())
    fresh = what not in seen
    seen.add(what)
    return fresh


def _model(value: Any) -> str:
    """Writes a model, encoded, if this process has not yet. Returns its stamp."""
    text = json.dumps(value, separators=(",", ":"), sort_keys=True)
    stamp = hashlib.sha256(text.encode()).hexdigest()[:20]
    with _lock:
        if _once(stamp):
            _write("model", stamp=stamp, model=value)
    return stamp


def _context(ctx: Context) -> None:
    with _lock:
        if not _once(ctx.id):
            return
        app = ctx.draft.applications[ctx.app_name]
        charm = controller.charm_of(ctx.store, app)
        _write("context", context=ctx.id, start=_model(encode(ctx.snapshot)), unit=ctx.unit_name, version=ctx.agent_version, hook=encode(ctx.hook), task=encode(ctx.task),
               config=charms.settings(charm, app.config), bindings=[*charm.endpoints, *charm.bindings],
               locations={s.id: ctx.shown_path(s.location) for s in ctx.draft.storage.values()})


def _read(args: list[str], cwd: str, ctx: Context) -> dict[str, str]:
    """The content of every file that args name to be read, by its name there, from cwd on."""
    out = {}
    for before, arg in zip(["", *args], args):
        name = arg if before == "--file" else next((arg.partition(mark)[2] for mark in _READ if mark in arg), "")
        path = ctx.host_path(name, cwd)
        if name and name != "-" and path.is_file():
            out[name] = base64.b64encode(path.read_bytes()).decode()
    return out


def _output(args: list[str]) -> str:
    """The file that args name to be written, "" for none."""
    for before, arg in zip(["", *args], args):
        if before in _WRITTEN:
            return arg
        if arg.startswith("--output="):
            return arg.partition("=")[2]
    return ""


def _when(path: Path) -> int:
    """Of a file's last change, in ns; 0 for no file."""
    return path.stat().st_mtime_ns if path.is_file() else 0


def environment(ctx: Context, env: dict[str, str]) -> None:
    if target():
        _context(ctx)
        _write("env", context=ctx.id, model=_model(encode(ctx.store.read())), env=env)


class Call:
    """One call of a tool: made before it runs, done() after."""

    def __init__(self, ctx: Context, name: str, args: list[str], cwd: str, stdin: bytes | None) -> None:
        self._ctx = ctx
        self._output: Path | None = None
        self._before = 0
        self._fields: dict[str, Any] = {}
        if not target() or ctx.unit_name not in ctx.draft.units:
            return
        _context(ctx)
        if output := _output(args):
            self._output = ctx.host_path(output, cwd)
            self._before = _when(self._output)
        self._fields = {"context": ctx.id, "model": _model(encode(ctx.store.read())), "tool": name, "output": output, "args": args, "cwd": cwd,
                        "files": _read(args, os.getcwd() if name.startswith("secret-") else cwd, ctx), "stdin": None if stdin is None else base64.b64encode(stdin).decode()}

    def done(self, code: int, out: bytes, err: bytes) -> None:
        if not self._fields:
            return
        written = None
        if self._output and _when(self._output) != self._before:
            written = base64.b64encode(self._output.read_bytes()).decode()
        _write("call", **self._fields, written=written, code=code, out=base64.b64encode(out).decode(),
               err=base64.b64encode(err).decode())


def flush(ctx: Context, model: Model) -> None:
    """Does what ctx has held back (Context.flush)."""
    before = encode(model) if target() else None
    ctx.flush(model)
    if before is not None:
        _context(ctx)
        _write("flush", context=ctx.id, before=_model(before), after=_model(encode(model)))
