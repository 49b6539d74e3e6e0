# SPDX-License-Identifier: GPL-3.0-only
"""Tiny charms and a model in a scratch folder, for the tests of juju-local."""
from __future__ import annotations

import atexit
import contextlib
import io
import os
import shutil
import subprocess
import sys
import tempfile
import textwrap
import time
import unittest
from collections.abc import Callable
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
PROGRAM = REPOSITORY / "tools" / "juju-local"
sys.path.insert(0, str(REPOSITORY / "tools"))

from juju_local import charm as charms  # noqa: E402
from juju_local import recording  # noqa: E402
from juju_local.cli import main  # noqa: E402
from juju_local.context import Context  # noqa: E402
from juju_local.errors import ToolError  # noqa: E402
from juju_local.model import Hook, Model, Task  # noqa: E402
from juju_local.store import Store  # noqa: E402
from juju_local.tools import run_tool  # noqa: E402

METADATA = """
name: tiny
summary: a charm
description: of shell scripts
provides: {db: {interface: tiny}}
requires: {want: {interface: tiny}}
peers: {mates: {interface: mates}}
extra-bindings: {admin: }
"""
CONFIG = """
options:
  greeting: {type: string, default: hi}
  empty: {type: string, default: ""}
  number: {type: int}
  big: {type: int, default: 1234567}
  ratio: {type: float, default: 2}
  flag: {type: boolean, default: true}
  key: {type: secret}
"""
ACTIONS = """
greet:
  description: says hello
  params:
    who: {type: string, default: you}
    times: {type: integer, minimum: 1}
    deep:
      type: object
      properties: {inner: {type: string, default: x}}
"""
HOOKS = ["install", "start", "stop", "remove", "config-changed", "upgrade-charm", "update-status",
         "leader-elected", "secret-changed", "secret-remove", "secret-rotate", "secret-expired"] + [
    f"{end}-relation-{event}" for end in ("db", "want", "mates")
    for event in ("created", "joined", "changed", "departed", "broken")]
# Every hook writes its name to ran.log in the charm's directory, then does what HOOK.sh says.
SCRIPT = """#!/bin/bash
name=${JUJU_HOOK_NAME:-$JUJU_ACTION_NAME}
who=${JUJU_REMOTE_UNIT:-$JUJU_REMOTE_APP}
echo "$name${who:+ $who}${JUJU_STORAGE_ID:+ $JUJU_STORAGE_ID}" >> ran.log
if [ -f "extra/$name.sh" ]; then . "extra/$name.sh"; fi
"""


def write_charm(folder: Path, hooks: list[str] | None = None, metadata: str = METADATA,
                config: str = CONFIG, actions: str = ACTIONS,
                extra: dict[str, str] | None = None) -> Path:
    """A charm whose hooks are shell scripts; extra: hook or action -> what it does."""
    for name in ("hooks", "actions", "extra"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "metadata.yaml").write_text(metadata)
    (folder / "config.yaml").write_text(config)
    (folder / "actions.yaml").write_text(actions)
    names = [f"hooks/{h}" for h in (HOOKS if hooks is None else hooks)]
    for name in [*names, "actions/greet"]:
        (folder / name).write_text(SCRIPT)
        (folder / name).chmod(0o755)
    for name, text in (extra or {}).items():
        (folder / "extra" / f"{name}.sh").write_text(textwrap.dedent(text))
    return folder


class JujuLocalTest(unittest.TestCase):
    """A model of its own in a folder of its own, on machines of kind `directory`."""

    jujuc: Path | None = None

    @classmethod
    def setUpClass(cls) -> None:
        if JujuLocalTest.jujuc is None and "JUJU_LOCAL_JUJUC" not in os.environ:
            folder = Path(tempfile.mkdtemp(prefix="juju-local-jujuc-"))
            atexit.register(shutil.rmtree, folder, ignore_errors=True)
            target = folder / "jujuc"
            subprocess.run(["gcc", "-std=gnu17", "-O2", "-D_GNU_SOURCE", "-static", "-o", target,
                            REPOSITORY / "tools/jujuc/jujuc.c"], check=True)
            JujuLocalTest.jujuc = target
            os.environ["JUJU_LOCAL_JUJUC"] = str(target)

    def setUp(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="juju-local-test-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.store = Store(self.folder / "state")
        self.store.folder(".")
        self.code, self.out, self.err = 0, "", ""
        self.juju("model-config", "default-machine-kind=directory")

    def juju(self, *words: str | Path, check: bool = True) -> str:
        """Runs a verb in this process and returns its standard output."""
        out, err = io.StringIO(), io.StringIO()
        argv = [str(w) for w in words]
        argv[1:1] = ["--state-dir", str(self.store.root), "--retry-delay", "0.01"]
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                self.code = main(argv)
            except SystemExit as stop:
                self.code = int(stop.code or 0)
        self.out, self.err = out.getvalue(), err.getvalue()
        if check and self.code:
            self.fail(f"juju-local {' '.join(argv)}: {self.code}\n{self.out}\n{self.err}")
        return self.out

    def deploy(self, name: str = "tiny", *words: str, **charm: Any) -> None:
        folder = write_charm(self.folder / f"charm-{name}", **charm)
        self.juju("deploy", folder, name, *words)

    def model(self) -> Model:
        return self.store.read()

    def charm_dir(self, unit: str) -> Path:
        machine = self.model().machines[self.model().units[unit].machine]
        return (self.store.root / "machines" / machine.name / "directory/var/lib/juju/agents"
                / ("unit-" + unit.replace("/", "-")) / "charm")

    def ran(self, unit: str) -> list[str]:
        log = self.charm_dir(unit) / "ran.log"
        return log.read_text().splitlines() if log.exists() else []

    def forget(self, unit: str) -> None:
        (self.charm_dir(unit) / "ran.log").unlink(missing_ok=True)

    def extra(self, unit: str, hook: str, text: str) -> None:
        """Changes what a hook of a deployed unit does."""
        folder = self.charm_dir(unit) / "extra"
        folder.mkdir(exist_ok=True)
        (folder / f"{hook}.sh").write_text(textwrap.dedent(text))

    def exec(self, unit: str, command: str) -> str:
        return self.juju("exec", "--unit", unit, "--", command)

    def wait_until(self, ready: Callable[[], bool]) -> None:
        """Of what another process does."""
        deadline = time.monotonic() + 180
        while not ready():
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.01)

    # ---- one hook tool, without a process

    def context(self, unit: str = "tiny/0", hook: Hook | None = None,
                action: dict[str, Any] | None = None) -> Context:
        task = None
        if action is not None:
            task = Task("1", unit, "action", "greet", action)
            with self.store.change() as model:
                model.tasks["1"] = task
        self.logged: list[tuple[str, str, str]] = []
        return Context(self.store, unit, hook, task,
                       lambda level, logger, text: self.logged.append((level, logger, text)))

    def tool(self, ctx: Context, *words: str, stdin: bytes | None = None) -> tuple[int, str, str]:
        """Exit status, stdout and stderr as the client prints them."""
        try:
            code, out, err = run_tool(ctx, words[0], list(words[1:]), str(self.folder), stdin)
        except ToolError as error:
            return error.code, "", f"ERROR {error}\n"
        return code, out.decode("utf-8", "surrogateescape"), err.decode()

    def ok(self, ctx: Context, *words: str, stdin: bytes | None = None) -> str:
        code, out, err = self.tool(ctx, *words, stdin=stdin)
        self.assertEqual((code, err), (0, ""), words)
        return out

    def fails(self, ctx: Context, code: int, message: str, *words: str,
              stdin: bytes | None = None) -> None:
        self.assertEqual(self.tool(ctx, *words, stdin=stdin), (code, "", f"ERROR {message}\n"),
                         words)

    def flush(self, ctx: Context) -> None:
        with self.store.change() as model:
            recording.flush(ctx, model)


def load_charm(folder: Path) -> charms.Charm:
    """A folder as Juju would read its archive."""
    from juju_local.unpack import pack
    archive = folder.with_suffix(".charm")
    pack(folder, archive)
    return charms.load(archive)


__all__ = ["CONFIG", "Context", "Hook", "JujuLocalTest", "METADATA", "PROGRAM",
           "REPOSITORY", "Store", "Task", "ToolError", "load_charm", "write_charm"]
