# SPDX-License-Identifier: GPL-3.0-only
"""Units of the service: each has settings, work and spool folders, a network and workers of its own."""
from __future__ import annotations

import os
import pathlib
import shutil
import signal
import subprocess
import threading
import time
import uuid

from bed import Bed, wait_for
from disk import Disk
from network import Namespace

LIFE = "CHAOS_LIFE"  # environment of all that one process of a worker starts, as its control group would have it


def marked(mark: str) -> list[int]:
    """The processes that have this in their environment."""
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*/environ"):
        try:
            if mark.encode() in path.read_bytes():
                found.append(int(path.parent.name))
        except OSError:
            pass  # it has ended, or is about to
    return found


def end_marked(mark: str) -> None:
    """Also what those start while they are looked for."""
    while pids := marked(mark):
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        time.sleep(0.01)


class UnitWorker:
    """A worker that is started again as systemd would do it. Each line of its log begins with the time."""

    def __init__(self, unit: "Unit", number: int) -> None:
        self.unit, self.name = unit, f"local-amd64-{number}"
        self.key = f"{unit.name}/{self.name}"
        self.log = unit.bed.dir / f"{self.key.replace('/', '-')}.log"
        self.terminated = False  # it was told to end
        self.start()

    def start(self) -> None:
        self.life, self.terminated = uuid.uuid4().hex, False
        env = self.unit.env | {LIFE: self.life}
        self.process = subprocess.Popen(self.unit.network.command(str(self.unit.bed.program), "--name", self.name),
                                        env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        threading.Thread(target=self.keep_log, args=(self.process,), daemon=True).start()

    def keep_log(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout
        with open(self.log, "ab", buffering=0) as log:
            for line in process.stdout:
                log.write(f"{time.time():.3f} ".encode() + line)

    def lines(self) -> list[tuple[float, str]]:
        """When, and what it said."""
        parts = (line.split(" ", 1) for line in self.log.read_text(errors="replace").splitlines())
        return [(float(at), text) for at, text in parts]

    def is_running(self) -> bool:
        return self.process.poll() is None

    def heeds_signals(self) -> bool:
        """Whether it has come so far in its start; systemd waits for that as well."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        blocked = int(next(line for line in status.splitlines() if line.startswith("SigBlk:")).split()[1], 16)
        return "State:\tT" in status or bool(blocked >> (signal.SIGHUP - 1) & 1)

    def signal(self, number: int) -> None:
        if self.is_running():
            wait_for("the start of a worker", lambda: not self.is_running() or self.heeds_signals())
            self.process.send_signal(number)

    def kill(self) -> None:
        """SIGKILL to it, and then, as systemd does, to all that is left of its control group."""
        self.process.kill()
        self.process.wait()
        end_marked(f"{LIFE}={self.life}")


class Unit:
    """work: on a small disk of its own; spool: there as well, or on another disk."""

    def __init__(self, bed: Bed, name: str, network: Namespace, *, one_disk: bool, **settings: object) -> None:
        self.bed, self.name, self.network = bed, name, network
        self.dir = bed.dir / name.replace("/", "-")
        self.dir.mkdir()
        self.disk = Disk(self.dir / "disk")
        assert self.disk.mounted, "a small disk needs root"
        self.work, self.spool = self.disk.work / "work", (self.disk.work if one_disk else self.dir) / "spool"
        conf = self.dir / "conf"
        shutil.copytree(bed.dir / "conf", conf)
        bed.write_settings(conf, unit=name, work_dir=self.work, spool_dir=self.spool, drain_dir=self.dir / "drained", **settings)
        self.env = bed.env | {"AUTOPKGTEST_CLOUD_CONFIG": str(conf)}
        self.workers: dict[int, UnitWorker] = {}

    def start(self, *numbers: int) -> None:
        for number in numbers:
            self.workers[number] = UnitWorker(self, number)

    def leftovers(self) -> list[pathlib.Path]:
        """What is in its folders of requests. Beginning with a dot: what a worker keeps of itself."""
        kept = [p for p in self.work.glob("*/*") if p.name not in (".boot", ".finished", ".lease-queue-is-new")]
        return kept + list(self.spool.glob("*"))

    def destroy(self) -> None:
        """All processes at once, then all files. The network stays as it is: cut, when it was."""
        for worker in self.workers.values():
            worker.process.kill()
        end_marked(f"AUTOPKGTEST_CLOUD_CONFIG={self.dir}/conf")
        for worker in self.workers.values():
            worker.process.wait()
        self.disk.close()
        shutil.rmtree(self.dir)
        self.network.close()
