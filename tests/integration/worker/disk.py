# SPDX-License-Identifier: GPL-3.0-only
"""A small file system for a work directory."""
from __future__ import annotations

import os
import pathlib
import subprocess

TMPFS_MB = 8


class Disk:
    """The work directory on a small file system of its own, for those who may mount one."""

    def __init__(self, work: pathlib.Path) -> None:
        self.work, self.filler = work, work / ".filler"
        self.is_filled = False
        work.mkdir()
        self.mounted = os.getuid() == 0 and subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={TMPFS_MB}m", "chaos", work], stderr=subprocess.DEVNULL).returncode == 0

    def fill(self) -> None:
        self.is_filled = True
        try:
            with open(self.filler, "wb", buffering=0) as filler:
                while filler.write(bytes(65536)):
                    pass
        except OSError:
            pass  # full

    def free(self) -> None:
        self.filler.unlink(missing_ok=True)
        self.is_filled = False

    def close(self) -> None:
        if self.mounted:
            subprocess.run(["umount", "-l", self.work], check=True)
