#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-only
"""services/image/autopkgtest-image and autopkgtest-image-install with recorders in place of mmdebstrap, unshare, podman and LXD's client, and the
real tar for lxc. Images on a real LXD are in tests/machine and tests/integration/backends."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

PROGRAM = Path(__file__).resolve().parents[2] / "services/image/autopkgtest-image"
INSTALL = PROGRAM.with_name("autopkgtest-image-install")
MMDEBSTRAP = """#!/bin/sh
printf '%s\\n' "$@" >"$RECORD/arguments"
for a; do case $a in --aptopt=*) cp "${a#--aptopt=}" "$RECORD/apt" ;; *.tar.zst | *.tar.gz | */root.tar) target=$a ;; esac; done
[ ! -e "$RECORD/fails" ] || { echo I: begun; cat "$RECORD/fails"; exit 1; }
case $target in *.tar) tar -C "$RECORD/tree" -cf "$target" . ;; *) echo new >"$target" ;; esac
"""
# In the place of a GRUB that runs in the image: what it would be asked for.
CHROOT = """#!/bin/sh
for a; do case $a in --output=*) printf 'core of %s' "$3" >"$1${a#--output=}" ;; esac; done
"""
PODMAN = """#!/bin/sh
echo "$@" >>"$RECORD/podman"
[ ! -e "$RECORD/podman-$1-fails" ] || { echo "Error: $1: no space" >&2; exit 125; }
case $1 in image) [ "$2" = prune ] || cat "$RECORD/id" ;; info) echo "$RECORD/overlay-images" ;; esac
"""
LXC = """#!/bin/sh
echo "$@" >>"$RECORD/lxc"
[ ! -e "$RECORD/lxc-fails" ] || { echo "Error: $1: no route to host" >&2; exit 1; }
case "$*" in *"image import"*) echo "Image imported with fingerprint: abc123" ;; *"lxc image alias"*) echo ;; esac
"""
ARCH = subprocess.run(["dpkg", "--print-architecture"], capture_output=True, text=True, check=True).stdout.strip()
APT = """#!/bin/sh
. /etc/os-release
echo "http://a.example/debian/ $VERSION_CODENAME"
echo "http://a.example/debian/ $VERSION_CODENAME-updates"
echo "http://s.example/debian-security/ $VERSION_CODENAME-security"
"""
CSV = "version,codename,series,created\n1,Some,{},2020-01-01\n"


class Image(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.top = Path(folder.name)
        for name in ("bin", "images", "info", "keyrings", "tmp"):
            (self.top / name).mkdir()
        self.tool("mmdebstrap", MMDEBSTRAP)
        self.tool("unshare", "#!/bin/sh\n")
        self.tool("apt-get", APT)
        self.tool("podman", PODMAN)
        (self.top / "setup-testbed").touch()
        (self.top / "info/ubuntu.csv").write_text(CSV.format("noble"))
        (self.top / "info/debian.csv").write_text(CSV.format("bookworm"))
        for name in ("debian", "ubuntu"):
            (self.top / f"keyrings/{name}-archive-keyring.gpg").touch()

    def tool(self, name: str, text: str) -> None:
        path = self.top / "bin" / name
        path.write_text(text)
        path.chmod(0o755)

    def environment(self) -> dict[str, str]:
        folders = {f"AUTOPKGTEST_{key}": str(self.top / value) for key, value in
                   (("IMAGES", "images"), ("DISTRO_INFO", "info"), ("KEYRINGS", "keyrings"), ("CLOUD_CONFIG", ""), ("SETUP", "setup-testbed"))}
        return {**folders, "RECORD": str(self.top), "TMPDIR": str(self.top / "tmp"), "PATH": f"{self.top}/bin:/usr/bin:/bin"}

    def make(self, name: str, program: Path = PROGRAM, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([program, name], capture_output=True, text=True, check=False, env=self.environment() | environment)

    def arguments(self) -> list[str]:
        return (self.top / "arguments").read_text().splitlines()

    def images(self) -> list[str]:
        return sorted(os.listdir(self.top / "images"))

    def entries(self) -> list[str]:
        return [a for a in self.arguments() if a.startswith(("deb ", "deb-src "))]

    def test_an_image_of_debian_has_updates_security_and_sources(self) -> None:
        done = self.make("bookworm-amd64")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.entries(), [f"{kind} {where} main" for where in (
            "http://a.example/debian bookworm", "http://a.example/debian bookworm-updates",
            "http://s.example/debian-security bookworm-security") for kind in ("deb", "deb-src")])
        self.assertIn("--architectures=amd64", self.arguments())
        self.assertEqual(self.images(), ["bookworm-amd64.tar.zst"])
        self.assertEqual(os.listdir(self.top / "tmp"), [])

    def test_without_an_archive_it_says_which_option_names_one(self) -> None:
        self.tool("apt-get", "#!/bin/sh\n")
        self.assertEqual(self.make("bookworm-amd64").returncode, 1)
        self.assertIn("mirror=ADDRESS", (self.top / "images/bookworm-amd64.failed").read_text())

    def test_an_image_of_ubuntu_has_all_components_and_the_mirror_of_its_architecture(self) -> None:
        self.assertEqual(self.make("noble-arm64").returncode, 0)
        self.assertIn("deb-src http://ports.ubuntu.com/ubuntu-ports noble-security main restricted universe multiverse", self.entries())
        self.assertEqual(self.make("noble-amd64").returncode, 0)
        self.assertIn("deb http://archive.ubuntu.com/ubuntu noble main restricted universe multiverse", self.entries())

    def test_sid_has_one_suite_and_a_mirror_is_the_only_place_asked(self) -> None:
        self.assertEqual(self.make("sid-amd64").returncode, 0)
        self.assertEqual(len(self.entries()), 2)
        self.assertEqual(self.make("bookworm-amd64", AUTOPKGTEST_MIRROR="http://m.example/d").returncode, 0)
        self.assertEqual({e.split()[1] for e in self.entries()}, {"http://m.example/d"})

    def test_apt_tries_again_at_once_for_it_may_forget_to_do_so_later(self) -> None:
        self.assertEqual(self.make("bookworm-amd64").returncode, 0)
        self.assertIn('Acquire::Retries::Delay "false";', (self.top / "apt").read_text().splitlines())

    def test_proxies_are_for_apt_in_the_image_and_not_on_a_command_line(self) -> None:
        self.assertEqual(self.make("bookworm-amd64", http_proxy="http://u:hidden@p:3128").returncode, 0)
        self.assertIn('Acquire::http::Proxy "http://u:hidden@p:3128";', (self.top / "apt").read_text())
        self.assertNotIn("hidden", (self.top / "arguments").read_text())

    def test_a_failure_keeps_the_old_image_and_leaves_the_reason(self) -> None:
        self.make("bookworm-amd64")
        (self.top / "fails").write_text("E: no network\nE: more\n")
        done = self.make("bookworm-amd64")
        self.assertEqual(done.returncode, 1)
        self.assertIn("I: begun", done.stderr)
        self.assertEqual(self.images(), ["bookworm-amd64.failed", "bookworm-amd64.tar.zst"])
        self.assertEqual((self.top / "images/bookworm-amd64.failed").read_text(), "mmdebstrap: no network\n")
        (self.top / "fails").unlink()
        self.assertEqual(self.make("bookworm-amd64").returncode, 0)
        self.assertEqual(self.images(), ["bookworm-amd64.tar.zst"])

    def test_what_the_machine_lacks_is_told_before_anything_is_fetched(self) -> None:
        (self.top / "keyrings/ubuntu-archive-keyring.gpg").unlink()
        self.assertEqual(self.make("noble-amd64").returncode, 1)
        self.assertIn("apt-get install ubuntu-keyring", (self.top / "images/noble-amd64.failed").read_text())
        self.tool("unshare", "#!/bin/sh\necho 'unshare: no' >&2\nexit 1\n")
        self.assertEqual(self.make("bookworm-amd64").returncode, 1)
        self.assertIn("user namespaces", (self.top / "images/bookworm-amd64.failed").read_text())
        self.assertFalse((self.top / "arguments").exists())

    def made(self, name: str, image: str) -> None:
        """Makes it; podman says that it has become the image `image`."""
        (self.top / "id").write_text(image + "\n")
        (self.top / f"overlay-images/{image}").mkdir(parents=True, exist_ok=True)
        (self.top / f"overlay-images/{image}/manifest").touch()
        self.assertEqual(self.make(name).returncode, 0)
        done = self.make(name, INSTALL)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_podman_gets_a_root_file_system_that_autopkgtest_has_prepared(self) -> None:
        self.made("podman-bookworm-amd64", "aa11")
        self.assertIn("bookworm", self.arguments())
        self.assertIn("--include=init", self.arguments())
        (hook,) = [a for a in self.arguments() if a.startswith("--customize-hook=")]
        self.assertIn('sh "$AUTOPKGTEST_SETUP" "$1"', hook)
        self.assertEqual(self.images(), ["podman-bookworm-amd64.podman"])
        manifest = self.top / "overlay-images/aa11/manifest"
        self.assertEqual(os.readlink(self.top / "images/podman-bookworm-amd64.podman"), str(manifest))
        called = (self.top / "podman").read_text()
        self.assertIn("/.podman-bookworm-amd64.tar.zst localhost/autopkgtest-cloud:bookworm-amd64\n", called)
        self.assertIn("image prune --force --filter label=autopkgtest-cloud=podman-bookworm-amd64\n", called)

    def test_what_podman_does_not_take_is_told_and_the_old_image_stays(self) -> None:
        self.made("podman-bookworm-amd64", "aa11")
        (self.top / "podman-import-fails").touch()
        self.assertEqual(self.make("podman-bookworm-amd64").returncode, 0)
        self.assertEqual(self.make("podman-bookworm-amd64", INSTALL).returncode, 1)
        failed = self.top / "images/podman-bookworm-amd64.failed"
        self.assertEqual(failed.read_text(), "podman: Error: import: no space\n")
        self.assertTrue((self.top / "images/podman-bookworm-amd64.podman").exists())
        (self.top / "podman-import-fails").unlink()
        self.made("podman-bookworm-amd64", "bb22")
        self.assertFalse(failed.exists())
        self.assertIn("/bb22/", os.readlink(self.top / "images/podman-bookworm-amd64.podman"))

    def test_the_folders_owner_cannot_lead_root_astray(self) -> None:
        victim = self.top / "victim"
        victim.write_text("precious")
        for name in ("podman-bookworm-amd64.failed", "podman-bookworm-amd64.podman"):
            (self.top / "images" / name).symlink_to(victim)
        (self.top / "podman-import-fails").touch()
        self.assertEqual(self.make("podman-bookworm-amd64", INSTALL).returncode, 1)
        (self.top / "podman-import-fails").unlink()
        self.made("podman-bookworm-amd64", "aa11")
        self.assertEqual(victim.read_text(), "precious")

    def lxc(self, content: str) -> Path:
        """Makes it with a file in it; the folder of the container."""
        self.tool("lxc-config", f"#!/bin/sh\necho {self.top}/lxc\n")
        self.assertEqual(self.make("lxc-bookworm-amd64").returncode, 0)
        (self.top / "file").write_text(content)
        subprocess.run(["tar", "-C", self.top, "--zstd", "-cf", self.top / "images/.lxc-bookworm-amd64.tar.zst", "file"], check=True)
        return self.top / "lxc/autopkgtest-cloud-bookworm-amd64"

    def test_lxc_gets_a_container_that_each_renewal_replaces(self) -> None:
        home = self.lxc("first")
        hooks = [a for a in self.arguments() if a.startswith("--customize-hook=")]
        self.assertIn("install ifupdown", hooks[0], "setup-testbed comes after it")
        self.assertIn("AUTOPKGTEST_SETUP", hooks[1])
        self.assertEqual(self.make("lxc-bookworm-amd64", INSTALL).returncode, 0)
        self.assertEqual(os.readlink(self.top / "images/lxc-bookworm-amd64.lxc"), str(home / "config"))
        (old,) = home.glob("rootfs.*")
        self.assertIn(f"lxc.rootfs.path = dir:{old}\n", (home / "config").read_text())
        self.assertEqual((old / "file").read_text(), "first")
        old.rename(old.with_name("rootfs.1"))  # of another second
        self.lxc("second")
        self.assertEqual(self.make("lxc-bookworm-amd64", INSTALL).returncode, 0)
        (new,) = home.glob("rootfs.*")
        self.assertEqual((new / "file").read_text(), "second")
        self.assertEqual(self.images(), ["lxc-bookworm-amd64.lxc"])

    def test_what_cannot_be_unpacked_is_told_and_the_old_container_stays(self) -> None:
        home = self.lxc("first")
        self.assertEqual(self.make("lxc-bookworm-amd64", INSTALL).returncode, 0)
        before = (home / "config").read_text(), os.listdir(home)
        (self.top / "images/.lxc-bookworm-amd64.tar.zst").write_text("broken")
        os.rename(next(home.glob("rootfs.*")), home / "rootfs.1")
        self.assertEqual(self.make("lxc-bookworm-amd64", INSTALL).returncode, 1)
        self.assertTrue((self.top / "images/lxc-bookworm-amd64.failed").read_text().startswith("tar: "))
        self.assertEqual((home / "config").read_text(), before[0])
        self.assertEqual(sorted(os.listdir(home)), ["config", "rootfs.1"])

    def test_an_lxd_host_gets_a_root_file_system_of_the_units_architecture(self) -> None:
        self.tool("lxc", LXC)
        name = f"lxd-10.0.0.1-bookworm-{ARCH}"
        done = self.make(name)
        self.assertEqual(done.returncode, 0, done.stderr)
        hooks = [a for a in self.arguments() if a.startswith("--customize-hook=")]
        self.assertIn("install ifupdown", hooks[0], "setup-testbed comes after it")
        self.assertIn("AUTOPKGTEST_SETUP", hooks[1])
        called = (self.top / "lxc").read_text()
        self.assertIn(f"/.{name}.new.tar.gz lxd-10.0.0.1:\n", called)
        self.assertIn("launch lxd-10.0.0.1:abc123 ", called)
        self.assertEqual(self.images(), [f"{name}.lxd"])
        self.assertEqual(os.listdir(self.top / "tmp"), [])

    def test_an_lxd_host_makes_what_the_unit_cannot(self) -> None:
        self.tool("lxc", LXC)
        for name, source, environment in ((f"lxd-h-bookworm-{ARCH}", "h:own", {"AUTOPKGTEST_LXD_SOURCE": "h:own"}),
                                          ("lxd-h-bookworm-riscv64", "autopkgtest-debian:debian/bookworm/riscv64", {}),
                                          ("lxd-h-noble-riscv64", "autopkgtest-ubuntu:noble/riscv64", {})):
            self.make(name, **environment)
            self.assertIn(f"-q launch {source} lxd-h:autopkgtest-image-", (self.top / "lxc").read_text())
        (self.top / "keyrings/debian-archive-keyring.gpg").unlink()
        self.make(f"lxd-h-bookworm-{ARCH}")
        self.assertIn(f"-q launch autopkgtest-debian:debian/bookworm/{ARCH} lxd-h:", (self.top / "lxc").read_text())
        self.assertFalse((self.top / "arguments").exists(), "nothing was fetched")

    def test_a_virtual_machine_of_a_host_has_a_kernel_and_is_made_only_for_processors_with_a_boot_loader(self) -> None:
        self.tool("lxc", LXC)
        self.tool("dpkg", "#!/bin/sh\necho amd64\n")
        (self.top / "tree").mkdir()
        done = self.make("vm-lxd-h-bookworm-amd64")
        self.assertEqual(done.returncode, 69, "what the recorder makes has no kernel")
        self.assertTrue((self.top / "images/vm-lxd-h-bookworm-amd64.failed").read_text().startswith("the disk cannot be made: "), done.stderr)
        self.assertIn("--include=linux-image-amd64,shim-signed,grub-efi-amd64-signed,e2fsprogs,zstd", self.arguments())
        hooks = [a for a in self.arguments() if a.startswith("--customize-hook=")]
        self.assertEqual(len(hooks), 3)
        self.assertIn("autopkgtest-image-lxd-agent", hooks[0])
        self.assertIn("install ifupdown", hooks[1])
        self.assertIn("AUTOPKGTEST_SETUP", hooks[2])
        self.tool("dpkg", "#!/bin/sh\necho ppc64el\n")
        self.make("vm-lxd-h-bookworm-ppc64el")
        called = (self.top / "lxc").read_text()
        self.assertRegex(called, "-q launch autopkgtest-debian:debian/bookworm/ppc64el lxd-h:autopkgtest-image-vm-bookworm-ppc64el-[0-9]+ --vm ")

    def test_an_lxd_host_that_is_away_is_told_before_anything_is_fetched(self) -> None:
        self.tool("lxc", LXC)
        (self.top / "lxc-fails").touch()
        name = f"lxd-h-bookworm-{ARCH}"
        self.assertEqual(self.make(name).returncode, 69)
        self.assertEqual((self.top / f"images/{name}.failed").read_text(), "asking lxd-h: Error: list: no route to host\n")
        (self.top / f"images/{name}.lxd").touch()
        self.assertEqual(self.make(name).returncode, 1)
        self.tool("lxc", "#!/bin/sh\nexec sleep 9\n")
        self.tool("timeout", "#!/bin/sh\nshift\nexec /usr/bin/timeout 0.1 \"$@\"\n")
        self.assertEqual(self.make(name).returncode, 1)
        self.assertIn("asking lxd-h: the host has not answered for 60 seconds", (self.top / f"images/{name}.failed").read_text())
        self.assertFalse((self.top / "arguments").exists())

    def test_a_root_file_system_has_a_second_name_for_schroot(self) -> None:
        if os.geteuid() != 0:
            self.skipTest("only root may give files away")
        self.made("bookworm-amd64", "none")
        self.assertEqual(self.images(), ["bookworm-amd64.tar.zst", "bookworm-amd64.tar.zstd"])
        self.assertTrue((self.top / "images/bookworm-amd64.tar.zst").samefile(self.top / "images/bookworm-amd64.tar.zstd"))

    def tree(self) -> None:
        """What mmdebstrap makes of qemu's: a root file system with two kernels."""
        if os.geteuid() != 0:
            self.skipTest("others work in a namespace, which is no place for recorders")
        for name in ("boot/vmlinuz-6.1.0-9-amd64", "boot/vmlinuz-6.1.0-10-amd64", "boot/initrd.img-6.1.0-10-amd64", "etc/hostname",
                     "usr/lib/grub/i386-pc/boot.img", "usr/lib/grub/i386-pc/ext2.mod", "usr/lib/grub/i386-pc/fs.lst"):
            path = self.top / "tree" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{path.name}\n")
        (self.top / "tree/usr/lib/grub/i386-pc/boot.img").write_bytes(b"b" * 512)
        self.tool("chroot", CHROOT)

    def raw_disk(self, image: str) -> Path:
        disk = self.top / "raw"
        subprocess.run(["qemu-img", "convert", "-O", "raw", self.top / "images" / image, disk], check=True)
        return disk

    def test_qemu_gets_a_disk_that_boots_the_newest_kernel(self) -> None:
        self.tree()
        done = self.make("qemu-bookworm-amd64")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("--include=linux-image-amd64,grub-pc,e2fsprogs,zstd", self.arguments())
        hooks = [a for a in self.arguments() if a.startswith("--customize-hook=")]
        self.assertEqual([word for hook in hooks for word in ("passwd", "ifupdown", "$AUTOPKGTEST_SETUP") if word in hook],
                         ["passwd", "ifupdown", "$AUTOPKGTEST_SETUP"], "setup-testbed comes last")
        self.assertEqual(self.images(), ["qemu-bookworm-amd64.qcow2"])
        self.assertEqual(os.listdir(self.top / "tmp"), [])
        disk = self.raw_disk("qemu-bookworm-amd64.qcow2")
        with open(disk, "rb") as file:
            first = file.read(512)
            core = file.read(16)
        self.assertEqual(first[:440], b"b" * 440)
        self.assertNotIn(b"b", first[440:], "that is the table's")
        # Active, Linux, from sector 2048 to the end.
        self.assertEqual((first[446], first[450], int.from_bytes(first[454:458], "little"), int.from_bytes(first[458:462], "little")),
                         (0x80, 0x83, 2048, 25 * 2**21 - 2048))
        self.assertEqual(core, b"core of --format")
        show = ["/sbin/debugfs", f"{disk}?offset=1048576", "-R"]
        menu = subprocess.run([*show, "cat /boot/grub/grub.cfg"], check=True, capture_output=True, text=True).stdout
        self.assertIn("linux /boot/vmlinuz-6.1.0-10-amd64 root=UUID=", menu)
        uuid = menu.split("root=UUID=")[1].split()[0]
        fstab = subprocess.run([*show, "cat /etc/fstab"], check=True, capture_output=True, text=True).stdout
        self.assertEqual(fstab, f"UUID={uuid} / ext4 errors=remount-ro 0 1\n")
        self.assertIn(f"UUID: {uuid}", " ".join(subprocess.run(
            ["/sbin/dumpe2fs", "-h", f"{disk}?offset=1048576"], check=True, capture_output=True, text=True).stdout.split()))
        check = subprocess.run(["/sbin/e2fsck", "-fn", f"{disk}?offset=1048576"], capture_output=True, text=True, check=False)
        self.assertEqual(check.returncode, 0, check.stdout)
        self.assertEqual(self.make("qemu-bookworm-amd64", INSTALL).returncode, 0)
        self.assertEqual(self.images(), ["qemu-bookworm-amd64.qcow2"])

    def test_ubuntu_has_another_kernel(self) -> None:
        self.tree()
        self.assertEqual(self.make("qemu-noble-amd64").returncode, 0)
        self.assertIn("--include=linux-image-virtual,grub-pc,e2fsprogs,zstd", self.arguments())

    def test_what_cannot_boot_is_no_image(self) -> None:
        self.tree()
        (self.top / "tree/boot/initrd.img-6.1.0-10-amd64").unlink()
        self.assertEqual(self.make("qemu-bookworm-amd64").returncode, 1)
        self.assertEqual(self.images(), ["qemu-bookworm-amd64.failed"])
        self.assertEqual((self.top / "images/qemu-bookworm-amd64.failed").read_text(),
                         "the disk cannot be made: the root file system has no kernel with an initrd\n")
        self.assertEqual(os.listdir(self.top / "tmp"), [])

    def killed_at(self, tool: str, text: str) -> None:
        """Kills everything once the tool has got as far as `text` goes."""
        self.tool(tool, f'#!/bin/sh\n{text}\n: >"$RECORD/reached"\nexec sleep 60\n')
        with subprocess.Popen([PROGRAM, "qemu-bookworm-amd64"], env=self.environment(), start_new_session=True,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as maker:
            while not (self.top / "reached").exists():
                self.assertIsNone(maker.poll())
                time.sleep(0.02)
            os.killpg(maker.pid, signal.SIGKILL)
        (self.top / "bin" / tool).unlink()
        (self.top / "reached").unlink()

    def test_a_disk_that_is_killed_half_made_is_made_anew(self) -> None:
        self.tree()
        half = 'for image; do :; done; echo half >"$image"'
        self.killed_at("qemu-img", half)
        self.assertEqual(self.images(), [".qemu-bookworm-amd64.new.qcow2"])
        self.assertEqual(self.make("qemu-bookworm-amd64").returncode, 0)
        self.assertEqual(self.images(), ["qemu-bookworm-amd64.qcow2"])
        made = (self.top / "images/qemu-bookworm-amd64.qcow2").stat().st_ino
        self.killed_at("qemu-img", half)
        self.assertEqual((self.top / "images/qemu-bookworm-amd64.qcow2").stat().st_ino, made)
        self.raw_disk("qemu-bookworm-amd64.qcow2")
        self.killed_at("mke2fs", "")
        self.assertEqual(self.make("qemu-bookworm-amd64").returncode, 0)
        self.assertEqual(self.images(), ["qemu-bookworm-amd64.qcow2"])
        self.assertNotEqual((self.top / "images/qemu-bookworm-amd64.qcow2").stat().st_ino, made)

    def test_a_checkout_of_autopkgtest_prepares_its_own_testbeds(self) -> None:
        checkout = self.top / "checkout"
        (checkout / "setup-commands").mkdir(parents=True)
        (checkout / "setup-commands/setup-testbed").touch()
        (self.top / "worker.conf").write_text(f"[worker]\nautopkgtest = {checkout}/runner/autopkgtest\n")
        self.tool("mmdebstrap", MMDEBSTRAP + 'echo "$AUTOPKGTEST_SETUP" >"$RECORD/setup"\n')
        self.assertEqual(self.make("podman-bookworm-amd64", AUTOPKGTEST_SETUP="").returncode, 0)
        self.assertEqual((self.top / "setup").read_text(), f"{checkout}/setup-commands/setup-testbed\n")

    def test_a_release_may_have_dashes(self) -> None:
        self.assertEqual(self.make("noble-next-amd64").returncode, 0)
        self.assertIn("noble-next", self.arguments())


if __name__ == "__main__":
    unittest.main()
