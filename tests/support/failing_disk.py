# SPDX-License-Identifier: GPL-3.0-only
"""Disks that are full, fail, or are gone, for tests (root)."""
from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent


@contextlib.contextmanager
def small_disk(place: Path, size: str = "8m") -> Iterator[Path]:
    """A disk of its own at `place`, which is made when it is missing."""
    place.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=755", "tmpfs", place], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", place], check=False)


def fill(place: Path) -> Path:
    """Takes all that is free there, with the file that is given back."""
    ballast = place / "ballast"
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))
    return ballast


class FailingDisk:
    """For the programs that get its environment, the database can be read and written until it breaks."""

    def __init__(self, folder: Path) -> None:
        self.flag = folder / "disk-fails"
        library = folder / "failing_disk.so"
        subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-D_GNU_SOURCE", "-o", library, HERE / "failing_disk.c", "-ldl"], check=True)
        self.environment = {"LD_PRELOAD": str(library), "FAILING_DISK": str(self.flag)}

    def breaks(self) -> None:
        self.flag.touch()

    def is_mended(self) -> None:
        self.flag.unlink()

    @contextlib.contextmanager
    def for_programs_started(self) -> Iterator[None]:
        before = {name: os.environ.get(name) for name in self.environment}
        os.environ.update(self.environment)
        try:
            yield
        finally:
            for name, value in before.items():
                os.environ.pop(name)
                if value is not None:
                    os.environ[name] = value
