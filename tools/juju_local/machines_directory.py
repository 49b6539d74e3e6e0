# SPDX-License-Identifier: GPL-3.0-only
"""`directory` machines: hooks run on this host, only their own files are apart.

For quick tries and tests of hook tools. Needs no root; keeps nothing from the host away.
"""
from __future__ import annotations

import os
import select
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

DRAIN_SECONDS = 0.1
SETPRIV = "/usr/bin/setpriv"


class DirectoryMachine:
    kind = "directory"

    def __init__(self, name: str, state_dir: Path, options: dict[str, Any] | None = None) -> None:
        del options
        self.name = name
        self.folder = state_dir / "machines" / name / "directory"
        self.address = "127.0.0.1"

    def start(self, on_progress: Callable[[str], None] = lambda line: None) -> None:
        (self.folder / "run").mkdir(parents=True, exist_ok=True)

    def stop(self) -> None:
        """Nothing runs here beyond a hook's end."""

    def reboot(self) -> None:
        """The host stays up."""

    def destroy(self) -> None:
        shutil.rmtree(self.folder.parent, ignore_errors=True)

    def running(self) -> bool:
        return self.folder.is_dir()

    def path(self, inside: str) -> Path:
        if inside == str(self.folder) or inside.startswith(f"{self.folder}/"):
            return Path(inside)
        return self.folder / inside.lstrip("/")

    def shown_path(self, inside: str) -> str:
        """A path inside as a process of the machine sees it: here that is the host's."""
        return str(self.path(inside))

    def named_path(self, name: str) -> Path:
        """A file named by a process of the machine."""
        return Path(name)

    def socket_dir(self) -> Path:
        return self.folder / "run"

    def push_tree(self, src: Path, dst: str) -> None:
        shutil.copytree(src, self.path(dst), symlinks=True, dirs_exist_ok=True)

    def exec(self, argv: list[str], *, env: dict[str, str], cwd: str, stdin: bytes | None = None,
             on_line: Callable[[str, bytes], None] | None = None) -> int:
        """Runs to the end; pipes a daemon keeps open are read 100 ms longer."""
        command = [SETPRIV, "--pdeathsig", "KILL", "--", *argv] if Path(SETPRIV).exists() else argv
        process = subprocess.Popen(
            command, env=env, cwd=cwd,
            stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
        if stdin is not None and process.stdin:
            try:
                process.stdin.write(stdin)
                process.stdin.close()
            except BrokenPipeError:
                pass
        self._follow(process, on_line)
        return process.wait()

    @staticmethod
    def _follow(process: subprocess.Popen[bytes],
                on_line: Callable[[str, bytes], None] | None) -> None:
        assert process.stdout and process.stderr
        names = {process.stdout.fileno(): "stdout", process.stderr.fileno(): "stderr"}
        rest = dict.fromkeys(names, b"")
        waiter = os.pidfd_open(process.pid)
        deadline: float | None = None
        open_fds = set(names)
        try:
            while open_fds:
                left = None if deadline is None else max(0.0, deadline - time.monotonic())
                if left == 0.0:
                    break
                watched = [*open_fds] + ([waiter] if deadline is None else [])
                for fd in select.select(watched, [], [], left)[0]:
                    if fd == waiter:
                        deadline = time.monotonic() + DRAIN_SECONDS
                        continue
                    data = os.read(fd, 65536)
                    if not data:
                        open_fds.discard(fd)
                    lines = (rest[fd] + data).split(b"\n")
                    rest[fd] = lines.pop()
                    for line in lines:
                        if on_line:
                            on_line(names[fd], line)
        finally:
            os.close(waiter)
            for fd, left_over in rest.items():
                if left_over and on_line:
                    on_line(names[fd], left_over)
            process.stdout.close()
            process.stderr.close()
