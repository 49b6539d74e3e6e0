# SPDX-License-Identifier: GPL-3.0-only
"""What machines need of the host: tools, processes told apart by their start, mounts, cgroups."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

# tool → the Debian package that has it
_TOOLS = {
    "systemd-nspawn": "systemd-container",
    "mmdebstrap": "mmdebstrap",
    "nft": "nftables",
    "ip": "iproute2",
    "mount": "mount",
    "unshare": "util-linux",
    "tar": "tar",
}

# What `make deps` installs for juju-local's machines.
HOST_PACKAGES = sorted({*_TOOLS.values(), "python3", "python3-yaml", "ca-certificates"})

# Bases and compiled helpers: made once, shared by all state directories.
CACHE_DIR = Path("/var/cache/juju-local")

_REPOSITORY = Path(__file__).resolve().parents[3]


class MachineError(Exception):
    """Something about a machine went wrong; the message is for a person."""


def missing_packages() -> list[str]:
    """Packages of the host's tools that are not there."""
    return sorted({package for tool, package in _TOOLS.items() if not shutil.which(tool)})


def require_host() -> None:
    """Raises one error that names everything the host lacks, and the way out."""
    if os.geteuid() != 0:
        raise MachineError("machines need root: mounts, namespaces and cgroups; use sudo")
    missing = missing_packages()
    if missing:
        raise MachineError("tools for machines are missing on this host; install them with\n"
                           f"  apt-get install -y --no-install-recommends {' '.join(missing)}")


def built_tool(name: str, override: str | None = None) -> Path:
    """A program of tools/jujuc: the given one, the one `make` built, or one compiled here once."""
    source = _REPOSITORY / "tools/jujuc" / f"{name}.c"
    build = os.environ.get("JUJU_LOCAL_BUILD") or str(_REPOSITORY / "build")
    path = Path(override or f"{build}/tools/{name}")
    if os.access(path, os.X_OK) and (override or _newer(path, source)):
        return path
    if not source.exists() or not shutil.which("gcc"):
        raise MachineError(f"{path} is not there: run make, or point JUJU_LOCAL_BUILD at the "
                           "build directory")
    digest = hashlib.sha256(source.read_bytes()).hexdigest()[:12]
    compiled = CACHE_DIR / "tools" / f"{name}-{digest}"
    if not compiled.exists():
        compiled.parent.mkdir(parents=True, exist_ok=True)
        # Machines start side by side, in this process too: each has a name of its own until it is done.
        with tempfile.TemporaryDirectory(prefix=f"{name}-", dir=compiled.parent) as folder:
            new = Path(folder) / name
            run("gcc", "-std=gnu17", "-O2", "-D_GNU_SOURCE", "-static", "-s", "-o", new, source)
            new.rename(compiled)
    return compiled


def _newer(path: Path, source: Path) -> bool:
    return not source.exists() or path.stat().st_mtime >= source.stat().st_mtime


def run(*argv: str | Path, stdin: str | None = None) -> str:
    """Runs a tool of the host and returns what it printed; an error carries what it complained."""
    done = subprocess.run([str(a) for a in argv], input=stdin, text=True, capture_output=True,
                          stdin=subprocess.DEVNULL if stdin is None else None, check=False)
    if done.returncode:
        raise MachineError(f"{' '.join(map(str, argv))}: exit {done.returncode}: "
                           f"{(done.stderr or done.stdout).strip()}")
    return done.stdout


def attempt(*argv: str | Path) -> bool:
    """Runs a tool whose failure is fine, such as the removal of what may be gone."""
    return subprocess.run([str(a) for a in argv], stdin=subprocess.DEVNULL, check=False,
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0


# ---- processes


def start_time(pid: int) -> int | None:
    """When a process began, in clock ticks since boot; None when it is gone or a zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in "ZX" else int(fields[19])


class ProcessFile:
    """A process written down as "PID START" so that a reused pid is never taken for it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, pid: int) -> None:
        new = self.path.with_suffix(".new")
        new.write_text(f"{pid} {start_time(pid) or 0}\n")
        new.rename(self.path)

    def pid(self) -> int | None:
        """The process when it still runs."""
        try:
            pid, started = map(int, self.path.read_text().split())
        except (FileNotFoundError, ValueError):
            return None
        return pid if start_time(pid) == started else None

    def kill(self, number: int = signal.SIGKILL, wait: float = 60.0) -> bool:
        """Signals the process; true when it is gone within that many seconds."""
        pid = self.pid()
        if pid is not None:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass
        return wait_until(lambda: self.pid() is None, wait)


def wait_until(condition, seconds: float, pause: float = 0.02) -> bool:
    """Polls, for what the kernel offers no event for; true when the condition came about."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(pause)
    return True


def namespace(pid: int | str, kind: str) -> str:
    try:
        return os.readlink(f"/proc/{pid}/ns/{kind}")
    except OSError:
        return ""


# ---- mounts


def is_mounted(path: Path) -> bool:
    target = str(path).replace("\\", "\\134").replace(" ", "\\040")
    return any(line.split()[1] == target
               for line in Path("/proc/self/mounts").read_text().splitlines())


def unmount(path: Path) -> None:
    if is_mounted(path) and not attempt("umount", path):
        attempt("umount", "-l", path)


# ---- cgroups


def cgroup_roots() -> list[Path]:
    """The hierarchies in which a machine's systemd keeps its tree: cgroup2, and name=systemd."""
    top = Path("/sys/fs/cgroup")
    if (top / "cgroup.controllers").exists():
        return [top]
    roots = [top / name for name in ("unified", "systemd") if (top / name / "cgroup.procs").exists()]
    if not roots:
        raise MachineError("no cgroup2 and no name=systemd hierarchy is mounted in /sys/fs/cgroup")
    return roots


def cgroup2_root() -> Path:
    root = cgroup_roots()[0]
    if root.name == "systemd":
        raise MachineError("no cgroup2 hierarchy is mounted: mount one on /sys/fs/cgroup/unified")
    return root


def cgroup_processes(name: str) -> Iterator[int]:
    for root in cgroup_roots():
        for procs in (root / name).rglob("cgroup.procs"):
            try:
                yield from map(int, procs.read_text().split())
            except OSError:
                continue


def cgroup_remove(name: str) -> None:
    """Kills what is left in a cgroup of ours and removes it with all below."""

    def gone() -> bool:
        for pid in set(cgroup_processes(name)):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        for root in cgroup_roots():
            for folder, _, _ in os.walk(root / name, topdown=False):
                try:
                    os.rmdir(folder)
                except OSError:
                    pass
        return not any((root / name).exists() for root in cgroup_roots())

    if not wait_until(gone, 120):
        raise MachineError(f"the cgroup {name} cannot be removed: something in it does not die")
