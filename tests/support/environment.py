# SPDX-License-Identifier: GPL-3.0-only
"""Python packages that Debian does not have, as make/environments pins them."""
from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


class Unavailable(Exception):
    """Says why the packages cannot be installed."""


def environment(name: str) -> Path:
    """The folder with make/environments/NAME.txt, installed if it was not."""
    done = subprocess.run([ROOT / "make/environment", name], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise Unavailable(done.stderr.strip())
    return Path(done.stdout.strip())


def use_environment(name: str) -> None:
    """Has its packages imported by this program: it runs on the same /usr/bin/python3."""
    sys.path[:0] = map(str, environment(name).glob("lib/python3*/site-packages"))
