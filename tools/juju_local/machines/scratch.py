# SPDX-License-Identifier: GPL-3.0-only
"""`scratch` machines: the host's own files under an overlay, with recorders in place of the tools
that would change a system.

A holder process keeps a mount and a pid namespace alive; its root is an overlay over the host's
root, so that what a hook writes lands in the machine's folder. tools/jujuc/recorder.c says how the
recorders answer. The network is the host's. For tests of one hook's effects: no services run.
"""

from __future__ import annotations

import json
import shlex
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

from . import paths
from .host import ProcessFile, built_tool, namespace, require_host, wait_until
from .machine import SOCKET_DIR, TOOL_ENVIRONMENT, Machine, MachineError, Progress

START_SECONDS = 120
RECORDER_HOME = "var/lib/juju-local/recorder"
TOOLS_HOME = "usr/lib/juju-local"

# Recorded and answered from the state of the machine.
RECORDED = ["systemctl", "apt-get", "apt", "apt-cache", "dpkg", "dpkg-query", "add-apt-repository",
            "apt-key", "apt-mark", "debconf-set-selections", "journalctl", "loginctl", "hostnamectl",
            "timedatectl", "service", "update-rc.d", "invoke-rc.d", "systemd-run", "systemd-tmpfiles",
            "update-ca-certificates", "snap", "crontab", "reboot", "shutdown", "poweroff", "halt",
            "sysctl", "modprobe", "udevadm", "nft", "iptables", "ip6tables", "ufw"]

# Recorded, and then really run where the host has them: they change files below the scratch root.
RECORDED_AND_RUN = ["useradd", "usermod", "userdel", "groupadd", "groupmod", "groupdel", "adduser",
                    "addgroup", "deluser", "delgroup", "gpasswd", "chpasswd", "passwd",
                    "systemd-sysusers"]

# What a bare image has: dpkg-query says so of these from the start.
BARE_IMAGE = ["adduser", "apt", "base-files", "bash", "ca-certificates", "coreutils", "dbus", "dpkg",
              "grep", "iproute2", "libc6", "procps", "sed", "sudo", "systemd", "tar", "util-linux"]

_FOLDERS = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"]
_OWN_OVERLAY = ["/usr", "/var", "/opt", "/home", "/srv", "/root"]


class ScratchMachine(Machine):
    kind = "scratch"

    @property
    def address(self) -> str:
        return "127.0.0.1"

    @property
    def holder(self) -> ProcessFile:
        return ProcessFile(self.folder / "holder")

    @property
    def upper(self) -> Path:
        return self.folder / "layers/root/upper"

    def running(self) -> bool:
        return self.holder.pid() is not None

    # ---- start and stop

    def start(self, on_progress: Progress = lambda line: None) -> None:
        if self.running():
            return
        require_host()
        new = not self.upper.exists()
        self._mark()
        self.upper.mkdir(parents=True, exist_ok=True)
        if new:
            self._install_recorders()
        (self.folder / "root").mkdir(exist_ok=True)
        log = self.folder / "holder.log"
        with open(log, "wb") as out:
            process = subprocess.Popen(
                ["unshare", "--mount", "--pid", "--fork", "--propagation", "private",
                 "/bin/sh", "-e", "-c", self._script()],
                env=TOOL_ENVIRONMENT, cwd="/", stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                start_new_session=True)
        _spawned.append(process)
        if not wait_until(lambda: process.poll() is not None or self._find_holder(process.pid),
                          START_SECONDS, 0.005) or process.poll() is not None:
            process.kill()
            raise MachineError(f"machine {self.name} could not be made: "
                               f"{log.read_text(errors='replace').strip()}")
        on_progress(f"machine {self.name}: up")

    def _find_holder(self, parent: int) -> bool:
        """Writes down the namespace's process 1 once it has become `enter --init`."""
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if (folder / "stat").read_text().rpartition(")")[2].split()[1] != str(parent):
                    continue
                if b"--init" not in (folder / "cmdline").read_bytes().split(b"\0"):
                    return False
            except OSError:
                continue
            if namespace(int(folder.name), "pid") != namespace("self", "pid"):
                self.holder.write(int(folder.name))
                return True
        return False

    def _script(self) -> str:
        """Mounts that make the scratch root, then process 1 in it."""
        root = self.folder / "root"
        separate = [point for point in _OWN_OVERLAY if Path(point).is_mount()]
        lines = []
        for point in ["/", *separate]:
            layers = self.folder / "layers" / (point.strip("/") or "root")
            for name in ("upper", "work"):
                (layers / name).mkdir(parents=True, exist_ok=True)
            where = shlex.quote(f"{root}{point}".rstrip("/"))
            lines += [
                # an overlay cannot be the upper layer of another one: a tmpfs can
                f"mount -t overlay scratch -o lowerdir={point},upperdir={layers}/upper,"
                f"workdir={layers}/work {where} 2>/dev/null || {{ "
                f"mount -t tmpfs scratch {layers}; cp -a {layers}/upper {layers}/work {layers}; "
                f"mount -t overlay scratch -o lowerdir={point},upperdir={layers}/upper,"
                f"workdir={layers}/work {where}; }}",
            ]
        lines += [
            f"cd {shlex.quote(str(root))}",
            "mount --rbind /dev dev",
            "mount --rbind /sys sys",
            "mount -t proc proc proc",
            "mount -t tmpfs -o mode=755 tmpfs run",
            "mount -t tmpfs -o mode=1777 tmpfs tmp",
            f"mkdir -p run/systemd/system run/lock {SOCKET_DIR.lstrip('/')}",
            f"mount --bind {shlex.quote(str(self.socket_dir()))} {SOCKET_DIR.lstrip('/')}",
            "pivot_root . .",
            "umount -l .",
            f"exec /{TOOLS_HOME}/enter --init",
        ]
        return "\n".join(lines)

    def stop(self) -> None:
        # process 1 takes every process of its namespace along, and the mounts go with the last
        if not self.holder.kill(signal.SIGKILL):
            raise MachineError(f"machine {self.name}: its holder does not die")
        self.holder.path.unlink(missing_ok=True)

    def reboot(self) -> None:
        self._need()
        self.stop()
        for flag in (self.upper / RECORDER_HOME / "units").glob("*/active"):
            if not (flag.parent / "enabled").exists():
                flag.unlink()
        self.start()

    def _remove(self) -> None:
        self.stop()

    # ---- inside

    def _entry(self) -> list[str]:
        holder = self.holder.pid()
        if holder is None:
            raise MachineError(f"machine {self.name} is not running: start it first")
        return ["--target", str(holder)]

    def path(self, inside: str) -> Path:
        holder = self.holder.pid()
        return paths.inside(Path(f"/proc/{holder}/root") if holder else self.upper, inside)

    # ---- recorders

    def _install_recorders(self) -> None:
        tools = self.upper / TOOLS_HOME
        home = self.upper / RECORDER_HOME
        for folder in (tools, home / "units", home / "packages", home / "unavailable",
                       home / "answers", home / "real"):
            folder.mkdir(parents=True)
        for name in ("enter", "recorder"):
            shutil.copy(built_tool(name, self.options.get(name)), tools / name)
        for name in RECORDED_AND_RUN:
            real = shutil.which(name, path=":".join(_FOLDERS))
            if real:
                shutil.copy(real, home / "real" / name)
        for name in [*RECORDED, *RECORDED_AND_RUN]:
            self._replace(name)
        for name in self.options.get("installed", BARE_IMAGE):
            (home / "packages" / name).write_text("1.0-1")

    def _replace(self, name: str) -> None:
        """Puts the recorder where the host has that tool, or where it would be."""
        found = {Path(folder).resolve() for folder in _FOLDERS if Path(folder, name).exists()}
        for folder in found or {Path("/usr/bin")}:
            link = self.upper / folder.relative_to("/") / name
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(f"/{TOOLS_HOME}/recorder")

    def records(self) -> list[dict[str, Any]]:
        """What the recorders were called with, in order: argv, cwd, stdin (where read), status."""
        file = self.path(f"/{RECORDER_HOME}/records.jsonl")
        if not file.exists():
            return []
        return [json.loads(line) for line in file.read_text(errors="surrogateescape").splitlines()]

    def clear_records(self) -> None:
        self.path(f"/{RECORDER_HOME}/records.jsonl").unlink(missing_ok=True)


# Popen objects of holders: kept so that Python reaps them when they end while we still run.
_spawned: list[subprocess.Popen[bytes]] = []
