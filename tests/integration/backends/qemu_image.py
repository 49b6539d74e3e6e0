# SPDX-License-Identifier: GPL-3.0-only
"""A disk image that autopkgtest-virt-qemu accepts (CONFIGURATION in its manual page), and what boots it, of Debian's packages."""
from __future__ import annotations

import pathlib
import re
import subprocess

MODULES = ("virtio_pci", "virtio_blk", "ext4", "virtio_console", "virtio_rng", "9p", "9pnet_virtio")
SIZE = "4G"

# Where autopkgtest's commands come from; the second is tried when the first has not answered within a second. The line before
# each prompt is what autopkgtest-virt-qemu of Debian 12 (5.28) looks for behind the name of python3: it misses its own prompt
# when that comes together with the name. History would change the scripts that it writes.
CONSOLES = ("hvc1", "ttyS1")
ROOT_SHELL = """[Service]
ExecStart=/bin/bash --noprofile --norc --noediting +H
Environment="PROMPT_COMMAND=echo '# '"
StandardInput=tty-fail
StandardOutput=tty
StandardError=tty
TTYPath=/dev/%I
"""
INIT = """#!/bin/busybox sh
/bin/busybox mount -t devtmpfs dev /dev
for module in /modules/*; do
    /bin/busybox insmod "$module" # one that is for another processor says so
done
/bin/busybox mount -t ext4 /dev/vda /root
/bin/busybox mount --move /dev /root/dev
exec /bin/busybox switch_root /root /sbin/init
"""


def output(*argv: str | pathlib.Path, **options: object) -> str:
    return subprocess.run(argv, check=True, stdout=subprocess.PIPE, text=True, **options).stdout  # type: ignore[call-overload]


def run(*argv: str | pathlib.Path, **options: object) -> None:
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL, **options)  # type: ignore[call-overload]


class Apt:
    """apt-get and apt-cache with the archives of a root file system, and package lists of its own in `folder`, fresh."""

    def __init__(self, root: pathlib.Path, folder: pathlib.Path) -> None:
        (folder / "lists").mkdir(parents=True)
        self.options = ["-q", *(word for setting in (
            f"Dir::State::lists={folder}/lists", f"Dir::Cache={folder}", "Dir::Etc::sourcelist=/dev/null",
            f"Dir::Etc::sourceparts={root}/etc/apt/sources.list.d", "APT::Sandbox::User=root", "Acquire::Retries::Delay=false") for word in ("-o", setting))]
        self.get(folder, "update")

    def get(self, folder: pathlib.Path, *words: str) -> None:
        run("apt-get", *self.options, *words, cwd=folder)

    def dependency(self, package: str, pattern: str) -> str:
        """The first whose name matches."""
        return re.findall(f"Depends: ({pattern})\n", output("apt-cache", *self.options, "depends", package))[0]


def unpack_kernel(apt: Apt, folder: pathlib.Path) -> pathlib.Path:
    """The files of the archive's newest kernel. Not the cloud flavour: that has no 9p, over which autopkgtest-virt-qemu talks."""
    package = apt.dependency("linux-image-amd64", r"linux-image-\S+")
    folder.mkdir()
    apt.get(folder, "download", package)
    run("dpkg-deb", "--extract", next(folder.glob("*.deb")), folder)
    return folder


def make_boot(apt: Apt, folder: pathlib.Path) -> None:
    """`folder` gets vmlinuz, and an initrd with what that needs to find its disk."""
    kernel = unpack_kernel(apt, folder / "kernel")
    version = next((kernel / "lib/modules").iterdir()).name
    run("depmod", "-b", kernel, version)
    needed: dict[str, None] = {}  # in the order of loading
    for module in MODULES:
        needed |= dict.fromkeys(re.findall(r"^insmod (\S+)", output("modprobe", "-d", kernel, "-S", version, "--show-depends", module), re.M))
    files = folder / "initrd.files"
    for name in ("bin", "dev", "modules", "root"):
        (files / name).mkdir(parents=True)
    (files / "init").write_text(INIT)
    (files / "init").chmod(0o755)
    run("cp", "/bin/busybox", files / "bin")
    for number, path in enumerate(needed):
        run("cp", path, files / f"modules/{number:02}.ko")
    names = output("find", ".", cwd=files)
    with open(folder / "initrd", "wb") as initrd:
        subprocess.run(["cpio", "--quiet", "-o", "-H", "newc"], cwd=files, input=names.encode(), stdout=initrd, check=True)
    run("cp", kernel / f"boot/vmlinuz-{version}", folder / "vmlinuz")


def make_archive(apt: Apt, package: str, folder: pathlib.Path) -> None:
    """Of one package with its source. An emulated processor takes a minute to read the lists of all Debian."""
    folder.mkdir(parents=True)
    apt.get(folder, "download", package)
    apt.get(folder, "source", "--download-only", package)
    for index in ("packages", "sources"):
        (folder / index.title()).write_text(output(f"dpkg-scan{index}", ".", cwd=folder, stderr=subprocess.DEVNULL))


def fill(whole: pathlib.Path, apt: Apt, package: str) -> None:
    """What a testbed has besides: root shells, a user for tests, an archive; and not what takes long on an emulated processor."""
    units = whole / "etc/systemd/system"
    (units / "root-shell@.service").write_text(ROOT_SHELL)
    for console in CONSOLES:
        (units / f"multi-user.target.wants/root-shell@{console}.service").symlink_to("../root-shell@.service")
    run("useradd", "--root", whole, "--create-home", "user")
    run("dpkg", f"--root={whole}", "--purge", "tzdata")  # autopkgtest-virt-qemu would configure it anew, for ten seconds
    make_archive(apt, package, whole / "srv/archive")
    sources = whole / "etc/apt/sources.list.d"
    for path in list(sources.iterdir()):
        path.unlink()
    (sources / "archive.list").write_text("".join(f"{kind} [trusted=yes] file:/srv/archive ./\n" for kind in ("deb", "deb-src")))


def make_image(apt: Apt, root: pathlib.Path, package: str, folder: pathlib.Path, image: pathlib.Path) -> None:
    """An image of the file system `root`, which is not changed, and of what fill() adds. Needs root."""
    upper, work, whole, raw = (folder / name for name in ("upper", "work", "whole", "disk.raw"))
    for made in (upper, work, whole):
        made.mkdir()
    run("mount", "-t", "overlay", "-o", f"lowerdir={root},upperdir={upper},workdir={work}", "overlay", whole)
    try:
        fill(whole, apt, package)
        run("mkfs.ext4", "-q", "-O", "^has_journal", "-d", whole, raw, SIZE)
    finally:
        run("umount", whole)
    run("qemu-img", "convert", "-O", "qcow2", raw, image)
    raw.unlink()
