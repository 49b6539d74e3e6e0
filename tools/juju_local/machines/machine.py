# SPDX-License-Identifier: GPL-3.0-only
"""What every kind of machine has in common, and the running of programs inside."""

from __future__ import annotations

import abc
import os
import re
import selectors
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from .host import MachineError, built_tool, run

Progress = Callable[[str], None]
OnLine = Callable[[str, bytes], None]

SOCKET_DIR = "/run/juju-local"
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,40}")


@dataclass(frozen=True)
class ExecResult:
    """How a program ended: exit status (or minus the signal) and what it and its children used."""

    status: int
    user_ms: float
    system_ms: float
    max_rss_kb: int


class Machine(abc.ABC):
    """One machine. Its files are in STATE_DIR/machines/NAME; other processes may use it as well."""

    kind: str

    def __init__(self, name: str, state_dir: Path, options: dict[str, Any]) -> None:
        if not _NAME.fullmatch(name):
            raise MachineError(f"machine name '{name}': expected a-z, 0-9 and -, at most 41 of them")
        self.name = name
        self.state_dir = state_dir.resolve()
        self.folder = self.state_dir / "machines" / name
        self.options = options

    # ---- what each kind does in its own way

    @property
    @abc.abstractmethod
    def address(self) -> str:
        """The address others reach the machine at; empty before the first start."""

    @abc.abstractmethod
    def start(self, on_progress: Progress = lambda line: None) -> None:
        """Boots the machine and waits until it is up; nothing happens when it runs already."""

    @abc.abstractmethod
    def stop(self) -> None:
        """An orderly halt; the disk stays."""

    @abc.abstractmethod
    def reboot(self) -> None:
        """Halts, boots again and waits until the machine is up."""

    @abc.abstractmethod
    def running(self) -> bool:
        ...

    @abc.abstractmethod
    def path(self, inside: str) -> Path:
        """Where a path inside the machine is seen on the host."""

    @abc.abstractmethod
    def _entry(self) -> list[str]:
        """Options of tools/jujuc/enter.c that lead into the running machine."""

    @abc.abstractmethod
    def _remove(self) -> None:
        """Takes away everything outside of the folder."""

    # ---- the same for all

    def destroy(self) -> None:
        """Stops the machine, by force where needed, and drops its disk."""
        if self.folder.exists():
            self._remove()
            shutil.rmtree(self.folder)

    def socket_dir(self) -> Path:
        """The host's side of /run/juju-local: a socket made there can be connected to inside."""
        return self.folder / "run"

    def _mark(self) -> None:
        """Leaves the kind of the machine where names() finds it."""
        self.socket_dir().mkdir(parents=True, exist_ok=True)
        (self.folder / self.kind).touch()

    def exec(self, argv: list[str], *, env: dict[str, str], cwd: str, stdin: bytes | None = None,
             on_line: OnLine | None = None) -> int:
        """Runs a program as root; see exec_measured()."""
        return self.exec_measured(argv, env=env, cwd=cwd, stdin=stdin, on_line=on_line).status

    def exec_measured(self, argv: list[str], *, env: dict[str, str], cwd: str,
                      stdin: bytes | None = None, on_line: OnLine | None = None) -> ExecResult:
        """Runs a program as root with exactly that environment and waits until it has ended.

        on_line gets "stdout" or "stderr" and each line as it comes, without its newline. What the
        program leaves in the background lives on, and is not waited for even when it holds the
        pipes. A program that cannot be run raises the OSError that execve(2) gave.
        """
        reading, writing = os.pipe()
        with os.fdopen(reading, "r") as report:
            try:
                enter = str(built_tool("enter", self.options.get("enter")))
                process = subprocess.Popen(
                    [enter, *self._entry(), "--cwd", cwd, "--report", str(writing), "--", *argv],
                    env=env, pass_fds=(writing,), start_new_session=True,
                    stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
                    stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            finally:
                os.close(writing)
            try:
                _relay(process, stdin or b"", on_line)
                process.wait()
            except BaseException:
                process.kill()
                process.wait()
                raise
            return _read_report(self.name, report.read())

    def push_tree(self, src: Path, dst: str) -> None:
        """Copies a file, or what is in a folder, to dst inside; modes are kept, owner is root."""
        source = Path(src)
        if not source.is_dir():
            target = self.path(dst)
            target.parent.mkdir(parents=True, exist_ok=True)
            new = target.with_name(target.name + ".push")
            shutil.copy2(source, new)
            os.chown(new, 0, 0)
            new.rename(target)
            return
        target = self.path(dst)
        target.mkdir(parents=True, exist_ok=True)
        archive = subprocess.Popen(["tar", "-C", str(source), "--owner=0", "--group=0",
                                    "--numeric-owner", "-cf", "-", "."], stdout=subprocess.PIPE)
        with archive:
            done = subprocess.run(["tar", "-C", str(target), "--same-owner", "-xpf", "-"],
                                  stdin=archive.stdout, capture_output=True, text=True, check=False)
        if done.returncode or archive.returncode:
            raise MachineError(f"machine {self.name}: copying {source} to {dst} failed: "
                               f"{done.stderr.strip()}")

    def _need(self) -> None:
        if not self.running():
            raise MachineError(f"machine {self.name} is not running: start it first")


class _Lines:
    """Cuts what a pipe brings into lines."""

    def __init__(self, stream: str, on_line: OnLine | None) -> None:
        self.stream, self.on_line, self.rest = stream, on_line, b""

    def feed(self, data: bytes) -> None:
        if self.on_line is None:
            return
        *lines, self.rest = (self.rest + data).split(b"\n")
        for line in lines:
            self.on_line(self.stream, line)

    def end(self) -> None:
        if self.rest and self.on_line is not None:
            self.on_line(self.stream, self.rest)
            self.rest = b""


def _drain(pipe: IO[bytes], lines: _Lines) -> bool:
    """Reads what is there; false at the end of the stream."""
    while True:
        try:
            data = os.read(pipe.fileno(), 65536)
        except BlockingIOError:
            return True
        if not data:
            return False
        lines.feed(data)


def _relay(process: subprocess.Popen[bytes], stdin: bytes, on_line: OnLine | None) -> None:
    """Serves the three pipes until the process has ended."""
    assert process.stdout and process.stderr
    with selectors.DefaultSelector() as selector:
        readers = {process.stdout: _Lines("stdout", on_line),
                   process.stderr: _Lines("stderr", on_line)}
        for pipe in readers:
            os.set_blocking(pipe.fileno(), False)
            selector.register(pipe, selectors.EVENT_READ)
        if process.stdin:
            os.set_blocking(process.stdin.fileno(), False)
            selector.register(process.stdin, selectors.EVENT_WRITE)
        pidfd = os.pidfd_open(process.pid)
        selector.register(pidfd, selectors.EVENT_READ)
        left = memoryview(stdin)
        ended = False
        while not ended:
            for key, _ in selector.select():
                if key.fileobj == pidfd:
                    ended = True
                elif key.fileobj is process.stdin:
                    left = _write(process.stdin, left)
                    if not left:
                        selector.unregister(process.stdin)
                        process.stdin.close()
                elif not _drain(key.fileobj, readers[key.fileobj]):  # type: ignore[index,arg-type]
                    selector.unregister(key.fileobj)
        os.close(pidfd)
        for pipe, lines in readers.items():
            _drain(pipe, lines)
            lines.end()
            pipe.close()
        if process.stdin and not process.stdin.closed:
            process.stdin.close()


def _write(pipe: IO[bytes], left: memoryview) -> memoryview:
    try:
        return left[os.write(pipe.fileno(), left[:65536]):] if left else left
    except BrokenPipeError:
        return memoryview(b"")


def _read_report(name: str, text: str) -> ExecResult:
    first = text.splitlines()[0].split(maxsplit=2) if text else []
    if first and first[0] == "error":
        raise OSError(int(first[1]), os.strerror(int(first[1])), first[2])
    if not first:
        raise MachineError(f"machine {name}: the program was lost: its machine stopped, or enter "
                           "was killed")
    status, user, system, rss = (int(x) for x in text.splitlines()[0].split()[1:])
    return ExecResult(status, user / 1000, system / 1000, rss)


def command(machine: Machine, *argv: str) -> str:
    """Runs a system tool inside and returns its stdout; for the machines' own use."""
    out: list[bytes] = []
    err: list[bytes] = []
    status = machine.exec(list(argv), env=TOOL_ENVIRONMENT, cwd="/",
                          on_line=lambda stream, line: (out if stream == "stdout" else err).append(line))
    text = b"\n".join(out).decode(errors="replace")
    if status:
        raise MachineError(f"machine {machine.name}: {' '.join(argv)}: exit {status}: "
                           f"{text} {b' '.join(err).decode(errors='replace')}".rstrip())
    return text


TOOL_ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                    "LANG": "C.UTF-8", "HOME": "/root", "TERM": "dumb"}

__all__ = ["ExecResult", "Machine", "MachineError", "OnLine", "Progress", "SOCKET_DIR",
           "TOOL_ENVIRONMENT", "command", "run"]
