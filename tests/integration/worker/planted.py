# SPDX-License-Identifier: GPL-3.0-only
"""Values that must not come out anywhere, and who looks for them: in files, and in what other users of a machine
can see of its processes."""
from __future__ import annotations

import os
import pathlib
import stat
import threading
import time

# What each is, and the value.
SECRETS = {
    "token of a PPA": "Zq1ppatoken",
    "variable of a private run": "Zq2variable",
    "Swift user": "Zq3swiftuser",
    "token in a URL": "Zq4urltoken",
    "password of the store": "Zq5storepassword",
    "API key": "Zq6apikey",
    "wrong API key": "Zq7wrongkey",
    "wrong password of the broker": "Zq8wrongbroker",
    "wrong password of the store": "Zq9wrongstore",
    "secret of a malformed request": "Zq0malformed",
}


def found_in(text: str | bytes, but: tuple[str, ...] = ()) -> list[str]:
    raw = text.encode() if isinstance(text, str) else text
    return [name for name, value in SECRETS.items() if value not in but and value.encode() in raw]


def files_with(directory: pathlib.Path) -> dict[pathlib.Path, list[str]]:
    """Every file below, compressed ones expanded, that has one; by its name too."""
    found: dict[pathlib.Path, list[str]] = {}
    for path in sorted(directory.rglob("*")):
        here = found_in(str(path.relative_to(directory)))
        try:
            if stat.S_ISREG(path.lstat().st_mode):
                here += found_in(expanded(path.read_bytes()))
        except FileNotFoundError:
            continue
        if here:
            found[path] = here
    return found


def expanded(content: bytes) -> bytes:
    import zlib

    if not content.startswith(b"\x1f\x8b"):
        return content
    unzip = zlib.decompressobj(31)
    return unzip.decompress(content) + content


class Watcher(threading.Thread):
    """Reads command line and environment of all processes that have our settings, again and again."""

    def __init__(self, config_dir: pathlib.Path) -> None:
        super().__init__(daemon=True)
        self.mark = f"AUTOPKGTEST_CLOUD_CONFIG={config_dir}".encode()
        self.ended = threading.Event()
        self.seen: set[bytes] = set()  # command lines
        self.leaks: set[str] = set()

    def run(self) -> None:
        while not self.ended.is_set():
            for number in filter(str.isdigit, os.listdir("/proc")):
                self.look(pathlib.Path("/proc") / number)
            time.sleep(0.002)

    def look(self, process: pathlib.Path) -> None:
        try:
            environment = (process / "environ").read_bytes()
            if self.mark not in environment.split(b"\0"):
                return
            line = (process / "cmdline").read_bytes()
        except OSError:  # it has ended
            return
        self.seen.add(line)
        for name in found_in(line):
            self.leaks.add(f"command line {line.decode(errors='replace')}: {name}")
        for name in found_in(environment):
            self.leaks.add(f"environment of {line.decode(errors='replace')}: {name}")

    def end(self) -> None:
        self.ended.set()
        self.join()
