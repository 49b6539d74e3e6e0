# SPDX-License-Identifier: GPL-3.0-only
"""What another program holds open, while it goes on opening and closing."""
from __future__ import annotations

import os
import stat
from pathlib import Path


def unnamed_files(pid: int) -> list[os.stat_result]:
    """The files it has open that no folder names (any more). What it closes meanwhile is not among them."""
    found = list[os.stat_result]()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        try:
            about = descriptor.stat()
        except FileNotFoundError:
            continue
        if stat.S_ISREG(about.st_mode) and about.st_nlink == 0:
            found.append(about)
    return found
