# SPDX-License-Identifier: GPL-3.0-only
"""The socket a hook's tools talk to, open for the length of one hook.

Commands run one after the other, in this process, as with Juju's agent. The wire is described in
tools/jujuc/jujuc.c.
"""
from __future__ import annotations

import contextlib
import os
import socket
import struct
import threading
import time
from pathlib import Path

from .context import Context
from .errors import ToolError
from .toolkit import NeedStdin
from .tools import run_tool

NEED_STDIN = 0xFFFFFFFF
STRING_MAX = 64 << 20


class Usage:
    """What the tools of one hook cost."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.client_wall_us = 0
        self.client_cpu_us = 0
        self.server_wall_us = 0


class ToolServer:
    def __init__(self, context: Context, path: Path) -> None:
        self._context = context
        self._path = path
        self._lock = threading.Lock()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._closing = False
        self._clients: list[threading.Thread] = []
        self.usage = Usage()
        self.crash: BaseException | None = None
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
        folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
        try:  # an address holds 107 bytes, a path may be longer
            self._socket.bind(f"/proc/self/fd/{folder}/{path.name}")
        finally:
            os.close(folder)
        self._socket.listen(64)
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """No more calls; those under way end."""
        self._closing = True
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._socket.close()
        with contextlib.suppress(FileNotFoundError):
            self._path.unlink()
        for client in self._clients:
            client.join(timeout=5)

    def __enter__(self) -> ToolServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _accept(self) -> None:
        while not self._closing:
            try:
                client, _ = self._socket.accept()
            except OSError:
                return
            client.settimeout(600)
            thread = threading.Thread(target=self._serve, args=(client,), daemon=True)
            self._clients = [t for t in self._clients if t.is_alive()]
            self._clients.append(thread)
            thread.start()

    def _serve(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError, EOFError):
            reader = client.makefile("rb")
            request = _read_request(reader)
            started = time.monotonic()
            with self._lock:
                code, out, err = self._run(*request)
            elapsed = int((time.monotonic() - started) * 1e6)
            client.sendall(struct.pack("<II", code, len(out)) + out
                           + struct.pack("<I", len(err)) + err)
            trailer = reader.read(12)
            with self._lock:
                if code != NEED_STDIN:
                    self.usage.calls.append(request[2])
                self.usage.server_wall_us += elapsed
                if len(trailer) == 12:
                    wall, user, system = struct.unpack("<III", trailer)
                    self.usage.client_wall_us += wall
                    self.usage.client_cpu_us += user + system

    def _run(self, context_id: str, cwd: str, name: str, args: list[str],
             stdin: bytes | None) -> tuple[int, bytes, bytes]:
        try:
            if context_id != self._context.id:
                raise ToolError(f'bad request: wrong context ID; got "{context_id}"')
            if not cwd.startswith("/"):
                raise ToolError("bad request: Dir is not absolute")
            return run_tool(self._context, name, args, cwd, stdin)
        except NeedStdin:
            return NEED_STDIN, b"", b""
        except ToolError as error:
            return error.code, b"", error.line()
        except Exception as error:  # a fault of juju-local's own must not pass for an answer
            self.crash = error
            text = f"juju-local: {name}: {type(error).__name__}: {error}"
            self._context.log("ERROR", "juju-local", text)
            return 3, b"", f"ERROR {text}\n".encode("utf-8", "surrogateescape")


def _read_request(reader: object) -> tuple[str, str, str, list[str], bytes | None]:
    def exactly(size: int) -> bytes:
        data = reader.read(size)  # type: ignore[attr-defined]
        if len(data) != size:
            raise EOFError
        return data

    def number() -> int:
        return struct.unpack("<I", exactly(4))[0]

    def blob() -> bytes:
        size = number()
        if size > STRING_MAX:
            raise EOFError
        return exactly(size)

    def text() -> str:
        return blob().decode("utf-8", "surrogateescape")

    if exactly(4) != b"JL1\n":
        raise EOFError
    context_id, cwd, name = text(), text(), text()
    args = [text() for _ in range(number())]
    has_stdin = number()
    stdin = blob()
    return context_id, cwd, name, args, stdin if has_stdin else None
