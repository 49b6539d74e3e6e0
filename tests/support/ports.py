# SPDX-License-Identifier: GPL-3.0-only
"""Ports for servers that are started later, stopped and started again, while other tests do the same."""
from __future__ import annotations

import contextlib
import fcntl
import os
import random
import socket
import subprocess
import tempfile
import time
from pathlib import Path

FIRST = 10000
ENOUGH = 1000  # ports to choose from
LISTENING_S = 600.0  # an end for what hangs


def not_for_connections() -> range:
    """Where the kernel takes no port of an outgoing connection from: one who tries again and again to reach a server that
    is not there yet would at last get its port, and be connected with itself."""
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    return range(FIRST, lowest) if lowest >= FIRST + ENOUGH else range(FIRST, 1 << 16)


def is_free(port: int) -> bool:
    try:
        socket.create_server(("", port)).close()
        return True
    except OSError:
        return False


def claim_ports(count: int, owner: Path) -> list[int]:
    """Nobody else who asks here gets these as long as that folder, which is there, exists."""
    claims = Path(tempfile.gettempdir()) / f"test-ports-{os.getuid()}"
    claims.mkdir(mode=0o700, exist_ok=True)
    candidates = not_for_connections()
    ports: list[int] = []
    with open(claims / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for port in random.sample(candidates, len(candidates)):
            claim = claims / str(port)
            if not claim.exists() and is_free(port):  # a link whose target is gone does not exist
                claim.unlink(missing_ok=True)
                claim.symlink_to(owner.absolute())
                ports.append(port)
                if len(ports) == count:
                    return ports
    raise RuntimeError("no port is free")


def claim_port(owner: Path) -> int:
    return claim_ports(1, owner)[0]


def doing(pid: int) -> str:
    """What the kernel tells of a process that does not get on."""
    told = []
    for name in ("wchan", "syscall", "stack", "status"):
        with contextlib.suppress(OSError):
            told.append(f"{name}: {Path(f'/proc/{pid}/{name}').read_text().strip()}")
    return "\n".join(told)


def wait_listening(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Until the process, which writes that log, listens on its port."""
    end = time.monotonic() + LISTENING_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 10).close()
            return
        except OSError as error:
            if (code := process.poll()) is not None:
                raise AssertionError(f"it ended with {code}: {log.read_text(errors='replace')}") from error
            if time.monotonic() > end:
                raise AssertionError(f"it does not listen on port {port} after {LISTENING_S} s: {error}\n"
                                     f"{log.read_text(errors='replace')}\n{doing(process.pid)}") from error
        time.sleep(0.02)
