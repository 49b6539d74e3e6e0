# SPDX-License-Identifier: GPL-3.0-only
"""Another revision of the packed charm, for tests of upgrades."""
from __future__ import annotations

import pathlib
import subprocess
import zipfile
from collections.abc import Callable

ROOT = pathlib.Path(__file__).resolve().parents[2]
MADE_BY_PACKING = ("manifest.yaml", "manifest.files", "packed.tar.gz")


def charm(packed: pathlib.Path, folder: pathlib.Path, change: Callable[[pathlib.Path], None]) -> pathlib.Path:
    """Unpacks it into a new folder, lets `change` change that, packs it again beside."""
    with zipfile.ZipFile(packed) as archive:
        archive.extractall(folder, [n for n in archive.namelist() if n not in MADE_BY_PACKING])
    change(folder)
    newer = folder.with_suffix(".charm")
    subprocess.run([ROOT / "tools/pack-charm", folder, newer], check=True, stdout=subprocess.DEVNULL)
    return newer


def without_option(text: str, name: str) -> str:
    """The text of config.yaml with an option less."""
    lines, kept, inside = text.splitlines(keepends=True), [], False
    for line in lines:
        if line.startswith("  ") and line[2:3].strip():
            inside = line.rstrip() == f"  {name}:"
        if not inside:
            kept.append(line)
    if len(kept) == len(lines):
        raise AssertionError(f"config.yaml has no option {name}")
    return "".join(kept)
