# SPDX-License-Identifier: GPL-3.0-only
"""Packing a charm's folder, and unpacking and upgrading a charm's directory on a unit.

Modes come from the archive and nowhere else, as with Juju; only known hooks in hooks/ are made
executable. An upgrade unpacks over the old files and deletes those the old charm had and the new
has not; what the charm made at run time stays.
"""
from __future__ import annotations

import os
import posixpath
import shutil
import stat
import zipfile
from pathlib import Path

from .charm import Charm
from .errors import JujuLocalError

_SKIP = {".git", ".bzr", ".hg", ".svn", ".tox", ".jujuignore", "revision"}
_UNIX, _MACOS, _FAT, _NTFS, _VFAT = 3, 19, 0, 11, 14
_DOS_READ_ONLY = 1


def pack(folder: Path, target: Path) -> None:
    """Makes an archive of a charm's folder, modes and symlinks kept."""
    if not (folder / "metadata.yaml").is_file():
        raise JujuLocalError(f'"{folder}" is no charm: it has no metadata.yaml')
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for root, dirs, files in os.walk(folder):
            links = [d for d in dirs if os.path.islink(os.path.join(root, d))]
            dirs[:] = sorted(d for d in dirs if d not in _SKIP and d not in links)
            for name in sorted(files + links):
                if name in _SKIP:
                    continue
                path = Path(root, name)
                mode = path.lstat().st_mode
                info = zipfile.ZipInfo(str(path.relative_to(folder)))
                info.create_system = _UNIX
                info.external_attr = mode << 16
                if stat.S_ISLNK(mode):
                    archive.writestr(info, os.readlink(path))
                elif stat.S_ISREG(mode):
                    archive.writestr(info, path.read_bytes(), zipfile.ZIP_DEFLATED)
                else:
                    raise JujuLocalError(f'file is not a regular file or a link: "{path}"')


def entry_mode(info: zipfile.ZipInfo) -> int:
    """The mode Go's archive/zip gives an entry."""
    if info.create_system in (_UNIX, _MACOS):
        return info.external_attr >> 16
    if info.create_system in (_FAT, _NTFS, _VFAT):
        mode = 0o444 if info.external_attr & _DOS_READ_ONLY else 0o666
        return (stat.S_IFDIR | 0o777 if info.filename.endswith("/") else stat.S_IFREG | mode)
    return 0


def clean_name(name: str) -> str:
    """A leading / and leading ../ are stripped, not refused."""
    parts: list[str] = []
    for part in posixpath.normpath("/" + name).split("/"):
        if part:
            parts.append(part)
    return "/".join(parts)


def _check_link(name: str, target: str) -> None:
    if target.startswith("/"):
        raise JujuLocalError(f'cannot extract "{name}": symlink "{target}" is absolute')
    landed = posixpath.normpath(posixpath.join(posixpath.dirname(name), target))
    if landed.startswith(".."):
        raise JujuLocalError(f'cannot extract "{name}": symlink "{target}" leads out of scope')


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    elif path.is_symlink() or path.exists():
        path.unlink()


def _make_parents(path: Path) -> None:
    """Parents are made as needed; a file or link in the place of a folder gives way."""
    for parent in reversed(path.relative_to("/").parents):
        place = Path("/") / parent
        if place.is_symlink() and not place.is_dir():
            place.unlink()
    path.parent.mkdir(parents=True, exist_ok=True)


def _make_folder(path: Path, mode: int) -> None:
    """One that is there gets the entry's mode, a new one less the umask."""
    if path.is_dir() and not path.is_symlink():
        path.chmod(mode)
        return
    _make_parents(path)
    _remove(path)
    path.mkdir(mode=mode)


def unpack(charm: Charm, target: Path) -> list[str]:
    """Unpacks over target and returns the names of the files."""
    hooks = {f"hooks/{name}" for name in charm.hooks()}
    names: list[str] = []
    with zipfile.ZipFile(charm.path) as archive:
        for info in archive.infolist():
            name = clean_name(info.filename)
            if not name:
                continue
            mode = entry_mode(info)
            kind = stat.S_IFMT(mode)
            path = target / name
            if info.filename.endswith("/") or kind == stat.S_IFDIR:
                _make_folder(path, mode & 0o777)
                continue
            _make_parents(path)
            if kind == stat.S_IFLNK:
                link = archive.read(info).decode("utf-8", "surrogateescape")
                _check_link(name, link)
                _remove(path)
                path.symlink_to(link)
            elif kind in (0, stat.S_IFREG):
                _remove(path)
                fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC,
                             mode & 0o777 | (0o100 if name in hooks else 0))
                with os.fdopen(fd, "wb") as out, archive.open(info) as source:
                    shutil.copyfileobj(source, out)
            else:
                raise JujuLocalError(f'cannot extract "{info.filename}": unknown file type')
            names.append(name)
    return sorted(set(names))


def upgrade(charm: Charm, target: Path, old: list[str]) -> list[str]:
    """unpack, then deletes what only the old charm had."""
    new = unpack(charm, target)
    for name in sorted(set(old) - set(new), reverse=True):
        path = target / name
        if path.is_symlink() or path.is_file():
            path.unlink()
        parent = path.parent
        while parent != target and parent.is_dir() and not any(parent.iterdir()):
            parent.rmdir()
            parent = parent.parent
    return new
