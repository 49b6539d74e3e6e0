#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-only
"""Has Juju's own runner start the hooks and actions of the packed charm.

usage: tests/juju-tools/start_hooks.py JUJU-TOOLS JUJUC

The unit lives in a scratch machine of juju-local. Each of its hooks is run by juju-local and recorded; then machine and model are put
back, and `juju-tools start` does the same inside: Juju's context and runner (internal/worker/uniter/runner) find the program in the
charm, start it, log what it prints, serve its tools to Juju's own client (JUJUC, cmd/jujuc) and commit. Both runs have to call the same
tools with the same arguments from the charm's directory, print the same, leave the same files, tell systemd the same and commit the
same. Prints each difference; exit status 1 when there is one."""
from __future__ import annotations

import importlib.machinery
import importlib.util
import json
import os
import pathlib
import re
import shutil
import sys
import tempfile
from collections.abc import Callable
from typing import TypeVar

ROOT = pathlib.Path(__file__).resolve().parents[2]
loader = importlib.machinery.SourceFileLoader("killed_hooks", str(ROOT / "tests/machine/test-killed-hooks"))
spec = importlib.util.spec_from_loader("killed_hooks", loader)
assert spec
killed = importlib.util.module_from_spec(spec)
sys.modules["killed_hooks"] = killed
loader.exec_module(killed)
import newer  # noqa: E402  (on the path since)
from juju_local import recording  # noqa: E402
from juju_local.model import Hook, Task  # noqa: E402

Result = TypeVar("Result")

INSIDE = "/var/lib/juju/tools-of-juju"  # below a name that a comparison of files leaves out
RECORD = "/run/juju-start-record"
# Each run's own, or another place of tools and socket.
OWN = {"PATH", "JUJU_CONTEXT_ID", "JUJU_VERSION", "JUJU_AGENT_SOCKET_ADDRESS"}
MADE = re.compile(r'"(token|key)": "[A-Za-z0-9+/]{86}=="')
HOOKS = ("install", "leader-elected", "config-changed", "start", "upgrade-charm", "secret-changed", "stop", "remove",
         *(f"{store}-storage-{event}" for store in ("data", "tmp") for event in ("attached", "detaching")),
         *(f"{end}-relation-{event}" for end in ("amqp", "ingress", "cos-agent") for event in ("created", "joined", "changed", "broken")),
         "amqp-relation-departed", "website-relation-created", "website-relation-joined", "results-relation-created")


class Starting:
    def __init__(self, folder: pathlib.Path, tools: pathlib.Path, client: pathlib.Path) -> None:
        self.life = killed.Life(folder)
        self.folder, self.tools, self.client = folder, tools, client
        self.done: list[str] = []
        self.calls = 0
        self.differences: list[str] = []

    def differ(self, what: str, juju: object, ours: object) -> None:
        if juju != ours:
            self.differences.append(f"{self.done[-1]}: {what}:\n  Juju       {juju}\n  juju-local {ours}")

    def recorded(self, run: Callable[[], Result]) -> tuple[pathlib.Path, Result]:
        """What juju-local runs, written down."""
        record = self.folder / "record"
        record.unlink(missing_ok=True)
        os.environ["JUJU_LOCAL_RECORD"] = str(record)
        recording._seen.clear()  # every record stands alone
        try:
            return record, run()
        finally:
            del os.environ["JUJU_LOCAL_RECORD"]

    def by_juju(self, record: pathlib.Path) -> dict:
        machine = self.life.machine()
        machine.push_tree(self.tools, f"{INSIDE}/jujuc")
        machine.push_tree(self.client, f"{INSIDE}/jujuc.real")
        machine.path(RECORD).write_bytes(record.read_bytes())
        lines: dict[str, list[str]] = {"stdout": [], "stderr": []}
        code = machine.exec([f"{INSIDE}/jujuc", "start", RECORD], env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}, cwd="/",
                            on_line=lambda stream, data: lines[stream].append(data.decode()))
        if code:
            raise SystemExit(f"{self.done[-1]}: juju-tools start: {code}\n" + "\n".join(lines["stderr"]))
        return json.loads("".join(lines["stdout"]))

    def compare(self, record: pathlib.Path, run: tuple[int, str], theirs: dict) -> None:
        about = [json.loads(line) for line in record.read_text().splitlines()]
        env = next(line["env"] for line in about if line["event"] == "env")
        calls = [(line["tool"], line["args"]) for line in about if line["event"] == "call"]
        self.calls += len(calls)
        self.differ("how it ended", theirs["failed"], "" if run[0] == 0 else f"exit status {run[0]}")
        self.differ("calls of tools", [(c["tool"], c["args"]) for c in theirs["calls"] or []], calls)
        # A token or key that a run makes is its own.
        self.differ("what is committed", [line for line in theirs["differ"].splitlines() if not MADE.search(line)], [])
        said = [line["text"] for line in theirs["log"] or [] if line["level"] == "WARNING" and line["module"].endswith("." + self.done[-1])]
        self.differ("standard error, in the log", said, run[1].splitlines())
        for call in theirs["calls"] or []:
            if self.done[-1] != "juju-exec":  # which goes where it likes
                self.differ("directory of its calls", call["dir"], env["CHARM_DIR"])
            seen = dict(v.split("=", 1) for v in call["env"])
            # The charm itself may add to what its children get, and not take away.
            self.differ("environment", {k: seen.get(k) for k in env.keys() - OWN}, {k: env[k] for k in env.keys() - OWN})

    def files(self) -> dict[str, str]:
        """Without the folder of what strace wrote of the first run."""
        return {name: like for name, like in self.life.files().items() if name != "var/tmp"}

    def moved(self, hook: Hook, kind: str) -> None:
        """What the agent does with storage around the hook, whosoever runs that."""
        if hook.kind == kind:
            killed.Agent(self.life.store, self.life.console, killed.UNIT)._move_storage(hook.storage, kind == "storage-attached")

    def hook(self, hook: Hook) -> None:
        life = self.life
        self.done.append(hook.name)
        life.machine().clear_records()
        life.save()
        record, run = self.recorded(life.run)
        if run[0] is None:
            self.done.pop()
            return
        files, told = self.files(), life.told()
        life.restore()
        self.moved(hook, "storage-attached")
        theirs = self.by_juju(record)
        self.moved(hook, "storage-detaching")
        self.compare(record, run, theirs)
        found = killed.differences(files, self.files())
        self.differ("files", found, "")
        self.differ("what systemd was told", sorted(life.told()), sorted(told))
        life.restore()
        life.run()

    def task(self, kind: str, name: str = "", command: str = "", **params: object) -> None:
        """An action, or juju-exec."""
        life = self.life
        with life.store.change() as model:
            identifier = str(model.next("task") + 1)
            model.tasks[identifier] = Task(identifier, killed.UNIT, kind, name, params, command=command)
        operation = life.operation(killed.UNIT)
        self.done.append(name or "juju-exec")
        life.save()
        record, _ = self.recorded(lambda: killed.Agent(life.store, life.console, killed.UNIT).run(operation))
        task = life.store.read().tasks[identifier]
        life.restore()
        theirs = self.by_juju(record)
        told = theirs["action"]
        self.compare(record, (0, task.results.get("stderr", "") if name else ""), theirs)
        self.differ("result", [told["status"], told.get("message", ""), told.get("results")], [task.status, task.message, task.results])
        life.restore()
        killed.Agent(life.store, life.console, killed.UNIT).run(operation)

    def live(self) -> None:
        """Everything that is due."""
        life = self.life
        while life.others_settle() or life.operation(killed.UNIT):
            operation = life.operation(killed.UNIT)
            if operation and operation.kind == "hook":
                self.hook(operation.hook)

    def store_asker(self) -> pathlib.Path:
        """A charm that is told where results are, and does nothing with it."""
        folder = self.folder / "store-asker"
        shutil.copytree(ROOT / "tests/charms/http-asker", folder)
        (folder / "metadata.yaml").write_text("name: store-asker\nsummary: a reader\ndescription: a reader\nrequires: {store: {interface: autopkgtest-results}}\n")
        return folder

    def secrets(self) -> None:
        """The model's, which an option names, and its next revision."""
        life = self.life
        life.juju("add-secret", "keys", "britney=first-key")
        uri = next(uri for uri, secret in life.store.read().secrets.items() if secret.label == "keys")
        life.juju("config", "autopkgtest-cloud", f"external-web-requests-api-keys=secret:{uri}")
        self.live()  # it is not granted yet
        life.juju("grant-secret", "keys", "autopkgtest-cloud")
        life.juju("config", "autopkgtest-cloud", "retry-delay=60")
        self.live()
        life.juju("update-secret", "keys", "britney=second-key")
        self.live()

    def storage(self) -> None:
        for name in ("data", "tmp"):
            self.life.juju("add-storage", killed.UNIT, name)
            self.live()
        for name in ("data", "tmp"):
            self.life.juju("detach-storage", next(i for i in self.life.store.read().storage if i.startswith(name)))
            self.live()

    @staticmethod
    def newer(tree: pathlib.Path) -> None:
        """What the next revision has otherwise: a unit's template, a file less, an option less."""
        unit, options = tree / "templates/systemd/autopkgtest-worker@.service.mustache", tree / "config.yaml"
        unit.write_text(unit.read_text() + "\n# newer\n")
        (tree / "static/running.js").unlink()
        options.write_text(newer.without_option(options.read_text(), "retry-delay"))

    def all(self) -> None:
        life = self.life
        (charm,) = killed.BUILD.glob("autopkgtest-cloud*.charm")
        scratch = ["deploy", "--machine-kind", "scratch"]
        life.juju(*scratch, str(ROOT / "tests/charms/amqp-answer"))
        life.juju(*scratch, str(ROOT / "tests/charms/http-asker"))
        life.juju(*scratch, str(ROOT / "tests/charms/ingress-answer"))
        life.juju(*scratch, str(self.store_asker()))
        life.juju("deploy", str(ROOT / "tests/charms/monitoring-agent"))
        life.juju(*scratch, str(charm), "autopkgtest-cloud", "--config", "http-port=8080", "--config", 'local-workers={amd64: {"null": 2}}')
        self.live()
        life.juju("integrate", "autopkgtest-cloud:amqp", "amqp-answer:amqp")
        life.juju("integrate", "autopkgtest-cloud:website", "http-asker:http")
        self.live()
        for end, other in (("ingress", "ingress-answer:ingress"), ("cos-agent", "monitoring-agent:cos-agent"), ("results", "store-asker:store")):
            life.juju("integrate", f"autopkgtest-cloud:{end}", other)
            self.live()
        self.secrets()
        self.storage()
        self.task("action", "show-target-config")
        self.task("action", "set-alert", level="info", message="a text with 'quotes' and ümlauts")
        self.task("action", "set-worker-count", cloud="nowhere", arch="amd64", count=1)
        self.task("exec", command="set -e; is-leader; relation-ids amqp; open-port 99/udp; cd /; config-get roles >&2")
        life.juju("refresh", "autopkgtest-cloud", "--path", str(newer.charm(charm, self.folder / "newer", self.newer)))
        self.live()
        for end, other in (("ingress", "ingress-answer:ingress"), ("cos-agent", "monitoring-agent:cos-agent"), ("amqp", "amqp-answer:amqp")):
            life.juju("remove-relation", f"autopkgtest-cloud:{end}", other)
            self.live()
        life.juju("remove-unit", killed.UNIT)
        self.live()

    def destroy(self) -> None:
        model = self.life.store.read()
        for name in model.machines:
            killed.machinery.open_machine(self.life.store, model.machines[name]).destroy()


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="start-hooks-", dir="/dev/shm") as folder:
        starting = Starting(pathlib.Path(folder), pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))
        try:
            starting.all()
        finally:
            starting.destroy()
    for text in starting.differences:
        print(text)
    absent = set(HOOKS) - set(starting.done)
    print(f"{len(starting.done)} hooks and actions started by Juju's runner, {starting.calls} calls of tools, {len(starting.differences)} differences" +
          (f"; never due: {' '.join(sorted(absent))}" if absent else ""))
    return 1 if starting.differences or absent else 0


if __name__ == "__main__":
    sys.exit(main())
