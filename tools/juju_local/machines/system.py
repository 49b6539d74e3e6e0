# SPDX-License-Identifier: GPL-3.0-only
"""`system` machines: systemd as process 1, apt, an address of their own.

systemd-nspawn boots an overlay over a shared base (base.py) in a network namespace on a bridge
(network.py), in a cgroup made here: the host needs no systemd of its own. A small supervisor
(supervise.py) follows reboots.
"""

from __future__ import annotations

import functools
import os
import shutil
import signal
import subprocess
import uuid
from pathlib import Path

from . import base as bases
from . import paths
from .host import (ProcessFile, attempt, built_tool, cgroup2_root, cgroup_processes,
                   cgroup_remove, cgroup_roots, is_mounted, namespace, require_host, run, unmount, wait_until)
from .machine import SOCKET_DIR, TOOL_ENVIRONMENT, Machine, MachineError, Progress
from .network import Network, locked

BOOT_SECONDS = 600
STOP_SECONDS = 120


def network_down(state_dir: Path) -> None:
    """Takes away the network of a state directory that has no system machine any more."""
    if shutil.which("ip") and not list((state_dir.resolve() / "machines").glob("*/system")):
        Network(state_dir).down()


class SystemMachine(Machine):
    kind = "system"

    @functools.cached_property
    def network(self) -> Network:
        return Network(self.state_dir)

    @property
    def root(self) -> Path:
        return self.folder / "root"

    @property
    def cgroup(self) -> str:
        return self.network.namespace(self.name)

    @property
    def address(self) -> str:
        file = self.folder / "address"
        return file.read_text().strip() if file.exists() else ""

    @property
    def supervisor(self) -> ProcessFile:
        return ProcessFile(self.folder / "supervisor")

    def running(self) -> bool:
        return self.supervisor.pid() is not None

    # ---- start

    def start(self, on_progress: Progress = lambda line: None) -> None:
        if self.running():
            self._wait_up(on_progress)
            return
        require_host()
        built_tool("enter", self.options.get("enter"))
        kept = self.folder / "base"
        if kept.exists():
            base = Path(kept.read_text())
            if not base.exists():
                raise MachineError(f"machine {self.name}: its base {base} is gone: destroy it")
        else:
            base = bases.ensure(bases.Base.from_options(self.options), on_progress)
        self._mark()
        self._clean_up()
        kept.write_text(str(base))
        on_progress(f"machine {self.name}: booting")
        self._mount(base)
        with locked():
            self._connect()
        self._prepare_disk()
        self._launch()
        self._wait_up(on_progress)

    def _connect(self) -> None:
        """An address, kept for the machine's life as long as the subnet is the same."""
        subnet = self.network.up()
        used = {file.read_text().strip() for file in self.folder.parent.glob("*/address")
                if file.parent != self.folder}
        mine = self.address
        if not mine or mine in used or not mine.startswith(str(subnet[0])[:-1]):
            mine = next((str(subnet[n]) for n in range(10, 251) if str(subnet[n]) not in used), "")
            if not mine:
                raise MachineError(f"machine {self.name}: no address is left in {subnet}")
            (self.folder / "address").write_text(mine + "\n")
        self.network.connect(self.name, mine, subnet)

    def _mount(self, base: Path) -> None:
        for name in ("upper", "work", "root"):
            (self.folder / name).mkdir(exist_ok=True)
        # volatile: nothing is synced to disk, of which dpkg does a lot. A crash of the host costs
        # the machine's disk, no more. The marker of the last mount would forbid this one.
        shutil.rmtree(self.folder / "work/work/incompat", ignore_errors=True)
        run("mount", "-t", "overlay", f"juju-local-{self.name}", "-o",
            f"lowerdir={base},upperdir={self.folder}/upper,workdir={self.folder}/work,volatile",
            self.root)

    def _prepare_disk(self) -> None:
        etc = self.root / "etc"
        if not (self.folder / "upper/etc/hostname").exists():
            (etc / "hostname").write_text(self.name + "\n")
            (etc / "machine-id").write_text(uuid.uuid4().hex + "\n")
            stub = Path("/run/systemd/resolve/resolv.conf")
            shutil.copy(stub if stub.exists() else "/etc/resolv.conf", etc / "resolv.conf")
            (etc / "hosts").write_text("127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n")
        # what the machine itself wrote there stays
        others = [line for line in (etc / "hosts").read_text().splitlines()
                  if line.split()[1:] != [self.name]]
        (etc / "hosts").write_text("\n".join([*others, f"{self.address} {self.name}", ""]))

    def _launch(self) -> None:
        _host_run_dirs()
        folders = [root / self.cgroup for root in cgroup_roots()]
        for folder in folders:
            folder.mkdir(exist_ok=True)
        binds = [f"--bind={self.socket_dir()}:{SOCKET_DIR}"]
        binds += [f"--bind={host}:{inside}" for host, inside in self.options.get("binds", ())]
        nspawn = [
            "systemd-nspawn", "--quiet", "--boot", f"--directory={self.root}",
            f"--machine={self.network.namespace(self.name)}", f"--hostname={self.name}",
            "--register=no", "--keep-unit", "--settings=no", "--link-journal=no",
            "--resolv-conf=off", "--timezone=off", "--console=read-only",
            f"--network-namespace-path=/run/netns/{self.network.namespace(self.name)}",
            "--capability=CAP_NET_ADMIN", "--system-call-filter=keyctl add_key request_key bpf",
            *binds,
        ]
        environment = {
            **TOOL_ENVIRONMENT,
            "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1",
            "SYSTEMD_NSPAWN_TMPFS_TMP": "0",
            "SYSTEMD_NSPAWN_API_VFS_WRITABLE": "network",
        }
        supervise = Path(__file__).with_name("supervise.py")
        with open(self.folder / "console.log", "wb") as console:
            process = subprocess.Popen(
                ["/usr/bin/python3", str(supervise), *map(str, folders), "--", *nspawn],
                env=environment, cwd="/", stdin=subprocess.DEVNULL, stdout=console, stderr=console,
                start_new_session=True)
        self.supervisor.write(process.pid)
        _spawned.append(process)

    def _wait_up(self, on_progress: Progress) -> None:
        """Waits for systemd to have started everything; running() in the end, or an error."""
        state = ""

        def up() -> bool:
            nonlocal state
            if not self.running():
                return True
            state = self._boot_state()
            return state in ("running", "degraded")

        came = wait_until(up, BOOT_SECONDS, 0.05)
        if not self.running():
            console = (self.folder / "console.log").read_text(errors="replace").splitlines()[-20:]
            self._clean_up()
            raise MachineError("\n".join([f"machine {self.name} ended while it booted:", *console]))
        if not came:
            raise MachineError(f"machine {self.name} is not up after {BOOT_SECONDS} s: systemd says "
                               f"'{state}'; see {self.folder}/console.log")
        if state == "degraded":
            on_progress(f"machine {self.name}: up, but units failed: {self._failed_units()}")
        else:
            on_progress(f"machine {self.name}: up at {self.address}")

    def _boot_state(self) -> str:
        if not self._agent_cgroup():
            return "starting"
        return self._tool("systemctl", "is-system-running")

    def _failed_units(self) -> str:
        lines = self._tool("systemctl", "--failed", "--plain", "--no-legend").splitlines()
        return " ".join(line.split()[0] for line in lines)

    def _tool(self, *argv: str) -> str:
        """What a tool inside prints; nothing when it fails or the machine is between boots."""
        lines: list[bytes] = []
        try:
            self.exec(list(argv), env=TOOL_ENVIRONMENT, cwd="/",
                      on_line=lambda stream, line: lines.append(line) if stream == "stdout" else None)
        except (MachineError, OSError):
            return ""
        return b"\n".join(lines).decode(errors="replace").strip()

    # ---- stop

    def stop(self) -> None:
        if self.running() and not self.supervisor.kill(signal.SIGTERM, STOP_SECONDS):
            leader = self._leader()
            if leader:
                os.kill(leader, signal.SIGKILL)
            self.supervisor.kill(signal.SIGKILL)
        self._clean_up()

    def reboot(self) -> None:
        self._need()
        before = self._leader()
        self._tool("systemctl", "reboot")
        if not wait_until(lambda: not self.running() or self._leader() not in (None, before),
                          STOP_SECONDS):
            raise MachineError(f"machine {self.name} does not reboot; see {self.folder}/console.log")
        self._wait_up(lambda line: None)

    def _remove(self) -> None:
        # the disk goes away with it: there is nothing to halt in order for
        if self.running():
            self.supervisor.kill(signal.SIGKILL)
        self._clean_up()
        (self.folder / "system").unlink(missing_ok=True)
        network_down(self.state_dir)

    def _clean_up(self) -> None:
        """What a machine that no longer runs leaves on the host; its disk stays."""
        cgroup_remove(self.cgroup)
        with locked():
            self.network.disconnect(self.name, self.address)
        unmount(self.root)
        if is_mounted(self.root):
            raise MachineError(f"machine {self.name}: {self.root} cannot be unmounted")
        full = self.network.namespace(self.name)
        attempt("rmdir", f"/run/systemd/nspawn/propagate/{full}")
        for lock in Path("/run/systemd/nspawn/.#locks").glob(f"*{full}.lck"):
            lock.unlink(missing_ok=True)
        self.supervisor.path.unlink(missing_ok=True)

    # ---- inside

    @property
    def _payload(self) -> Path:
        """The cgroup nspawn makes for the machine's systemd."""
        return cgroup2_root() / self.cgroup / "payload"

    def _leader(self) -> int | None:
        """The machine's process 1 as seen from here; another one after each reboot."""
        try:
            processes = (self._payload / "init.scope/cgroup.procs").read_text().split()
        except OSError:
            return None
        own = namespace("self", "pid")
        return next((int(p) for p in processes if namespace(p, "pid") not in ("", own)), None)

    def _agent_cgroup(self) -> Path | None:
        """The folder of the agent's cgroup; None until systemd has started that service."""
        folder = self._payload / "system.slice" / bases.AGENT_UNIT
        return folder if folder.exists() and self._leader() else None

    def _entry(self) -> list[str]:
        self._need()
        # between two boots, and while systemd starts the agent's service, there is a moment without
        if not wait_until(lambda: self._agent_cgroup() is not None or not self.running(), 120):
            raise MachineError(f"machine {self.name}: systemd does not run {bases.AGENT_UNIT}")
        leader, cgroup = self._leader(), self._agent_cgroup()
        if leader is None or cgroup is None:
            raise MachineError(f"machine {self.name} is going down")
        return ["--target", str(leader), "--cgroup", str(cgroup)]

    def path(self, inside: str) -> Path:
        leader = self._leader()
        if leader is not None:
            return paths.inside(Path(f"/proc/{leader}/root"), inside)
        return paths.inside(self.root if is_mounted(self.root) else self.folder / "upper", inside)

    def memory_kb(self) -> int:
        """PSS of all processes of the machine."""
        total = 0
        for pid in set(cgroup_processes(self.cgroup)):
            try:
                text = Path(f"/proc/{pid}/smaps_rollup").read_text()
            except OSError:
                continue
            total += sum(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:"))
        return total


# Popen objects of supervisors: kept so that Python reaps them when they end while we still run.
_spawned: list[subprocess.Popen[bytes]] = []


def _host_run_dirs() -> None:
    """nspawn hides files of /proc behind these; a host without systemd lacks them."""
    folder = Path("/run/systemd/inaccessible")
    if not (folder / "reg").exists():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "reg").touch(mode=0o000)
    (folder / "dir").mkdir(mode=0o000, exist_ok=True)


