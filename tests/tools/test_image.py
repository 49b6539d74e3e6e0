#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-only
"""services/image/autopkgtest-image and autopkgtest-image-install with recorders in place of mmdebstrap, unshare and podman, and the real tar for lxc."""

from __future__ import annotations

import os
import subprocess
import tempfile
import unittest
from pathlib import Path

PROGRAM = Path(__file__).resolve().parents[2] / "services/image/autopkgtest-image"
INSTALL = PROGRAM.with_name("autopkgtest-image-install")
MMDEBSTRAP = """#!/bin/sh
printf '%s\\n' "$@" >"$RECORD/arguments"
for a; do case $a in --aptopt=*) cp "${a#--aptopt=}" "$RECORD/apt" ;; *.tar.zst) target=$a ;; esac; done
[ ! -e "$RECORD/fails" ] || { echo I: begun; cat "$RECORD/fails"; exit 1; }
echo new >"$target"
"""
PODMAN = """#!/bin/sh
echo "$@" >>"$RECORD/podman"
[ ! -e "$RECORD/podman-$1-fails" ] || { echo "Error: $1: no space" >&2; exit 125; }
case $1 in image) [ "$2" = prune ] || cat "$RECORD/id" ;; info) echo "$RECORD/overlay-images" ;; esac
"""
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

    def make(self, name: str, program: Path = PROGRAM, **environment: str) -> subprocess.CompletedProcess[str]:
        folders = {f"AUTOPKGTEST_{key}": str(self.top / value) for key, value in
                   (("IMAGES", "images"), ("DISTRO_INFO", "info"), ("KEYRINGS", "keyrings"), ("CLOUD_CONFIG", ""), ("SETUP", "setup-testbed"))}
        return subprocess.run([program, name], capture_output=True, text=True, check=False,
                              env={**folders, "RECORD": str(self.top), "TMPDIR": str(self.top / "tmp"),
                                   "PATH": f"{self.top}/bin:/usr/bin:/bin", **environment})

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

    def test_a_root_file_system_has_a_second_name_for_schroot(self) -> None:
        if os.geteuid() != 0:
            self.skipTest("only root may give files away")
        self.made("bookworm-amd64", "none")
        self.assertEqual(self.images(), ["bookworm-amd64.tar.zst", "bookworm-amd64.tar.zstd"])
        self.assertTrue((self.top / "images/bookworm-amd64.tar.zst").samefile(self.top / "images/bookworm-amd64.tar.zstd"))

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
