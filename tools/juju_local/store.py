# SPDX-License-Identifier: GPL-3.0-only
"""The state directory: the model in one JSON file, replaced whole, behind a lock.

    model.json      the model                    agents.lock   held while agents run
    model.lock      held for one change          charms/       archives as they were deployed
    log             everything that happened     machines/     what the machines keep
    sockets/        sockets of the hook tools    resources/

A change is read - modify - rename under the lock, so a process killed at any moment leaves
either the old state or the new. Readers get a snapshot that nobody changes.
"""
from __future__ import annotations

import contextlib
import fcntl
import json
import os
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path

from .errors import JujuLocalError
from .model import FORMAT, Model, decode, encode

DEFAULT_CONFIG = {
    "agent-version": "3.6.28",
    "automatically-retry-hooks": True,
    "update-status-hook-interval": "5m",
    "default-machine-kind": "system",
}


def default_dir() -> Path:
    """Where the state is when nobody says otherwise."""
    if env := os.environ.get("JUJU_LOCAL_DIR"):
        return Path(env)
    if os.geteuid() == 0:
        return Path("/var/lib/juju-local")
    data = os.environ.get("XDG_DATA_HOME") or os.path.expanduser("~/.local/share")
    return Path(data) / "juju-local"


class Store:
    def __init__(self, root: Path) -> None:
        self.root = root.absolute()
        self._thread_lock = threading.RLock()
        self._stamp: tuple[int, int, int] | None = None
        self._cache = Model()

    @property
    def model_file(self) -> Path:
        return self.root / "model.json"

    def folder(self, name: str) -> Path:
        path = self.root / name
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        return path

    def read(self) -> Model:
        """A snapshot. Do not change it."""
        with self._thread_lock:
            try:
                st = os.stat(self.model_file)
            except FileNotFoundError:
                return Model(config=dict(DEFAULT_CONFIG))
            stamp = (st.st_ino, st.st_mtime_ns, st.st_size)
            if stamp != self._stamp:
                self._cache = self._parse()
                self._stamp = stamp
            return self._cache

    @contextlib.contextmanager
    def change(self) -> Iterator[Model]:
        """A model to change; saved when the block ends without an exception."""
        with self._thread_lock, self._file_lock("model.lock"):
            if self.model_file.exists():
                model = self._parse()
            else:
                model = Model(uuid=str(uuid.uuid4()), config=dict(DEFAULT_CONFIG))
            yield model
            self._save(model)

    @contextlib.contextmanager
    def agents(self, waiting: str | None = None) -> Iterator[bool]:
        """Only one process runs agents at a time. Calls print(waiting) when it has to wait."""
        path = self.folder(".") / "agents.lock"
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if waiting:
                    print(waiting, flush=True)
                fcntl.flock(fd, fcntl.LOCK_EX)
            yield True
        finally:
            os.close(fd)

    @contextlib.contextmanager
    def _file_lock(self, name: str) -> Iterator[None]:
        path = self.folder(".") / name
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            yield
        finally:
            os.close(fd)

    def _parse(self) -> Model:
        raw = json.loads(self.model_file.read_bytes())
        if raw.get("format") != FORMAT:
            raise JujuLocalError(
                f"{self.model_file} has format {raw.get('format')}, this juju-local writes "
                f"{FORMAT}: destroy it with the version that made it")
        return decode(Model, raw)

    def _save(self, model: Model) -> None:
        data = json.dumps(encode(model), separators=(",", ":")).encode()
        temporary = self.root / "model.json.new"
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(fd, "wb") as out:
            out.write(data)
        os.replace(temporary, self.model_file)
        st = os.stat(self.model_file)
        self._cache = model
        self._stamp = (st.st_ino, st.st_mtime_ns, st.st_size)
