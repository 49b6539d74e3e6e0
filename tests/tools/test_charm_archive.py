# SPDX-License-Identifier: GPL-3.0-only
"""The packed charm: the same bytes from any folder, and what Juju demands of an archive (modes, names, manifest)."""
from __future__ import annotations

import hashlib
import io
import os
import pathlib
import re
import shutil
import subprocess
import tarfile
import tempfile
import unittest
import zipfile

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
UNIX = 3


def build_copy(folder: pathlib.Path) -> bytes:
    """Builds the charm from a copy of the tree in another folder."""
    names = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, check=True,
                           capture_output=True).stdout.decode().split("\0")
    for name in filter(None, names):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    env = {k: v for k, v in os.environ.items() if k not in ("BUILD", "MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
    done = subprocess.run(["make", "-j2", "charm"], cwd=folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        raise AssertionError(f"make charm in a copy of the tree failed:\n{done.stdout[-4000:]}")
    (charm,) = (folder / "build").glob("*.charm")
    return charm.read_bytes()


class CharmArchive(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.tmp = tempfile.TemporaryDirectory(prefix="charm-archive-")
        cls.dir = pathlib.Path(cls.tmp.name)
        cls.bytes = build_copy(cls.dir / "one")
        (cls.dir / "one.charm").write_bytes(cls.bytes)
        cls.zip = zipfile.ZipFile(cls.dir / "one.charm")

    @classmethod
    def tearDownClass(cls) -> None:
        cls.zip.close()
        cls.tmp.cleanup()

    def test_the_same_bytes_from_another_folder(self) -> None:
        other = build_copy(self.dir / "another-folder-with-a-longer-name")
        self.assertEqual(hashlib.sha256(other).hexdigest(), hashlib.sha256(self.bytes).hexdigest())

    def test_modes_come_from_a_unix_creator_and_programs_can_be_executed(self) -> None:
        for entry in self.zip.infolist():
            self.assertEqual(entry.create_system, UNIX, entry.filename)
            program = entry.filename.split("/")[0] in ("hooks", "actions", "bin")
            self.assertEqual(entry.external_attr >> 16 & 0o777, 0o755 if program else 0o644, entry.filename)

    def test_names_are_plain_and_each_is_there_once(self) -> None:
        names = self.zip.namelist()
        self.assertEqual(len(names), len(set(names)))
        for name in names:
            self.assertFalse(name.startswith(("/", "./", "../")) or "/../" in name, name)
        for wanted in ("metadata.yaml", "manifest.yaml", "config.yaml", "actions.yaml", "hooks/install", "version", "icon.svg", "LICENSE"):
            self.assertIn(wanted, names)

    def test_the_manifest_names_a_base(self) -> None:
        manifest = yaml.safe_load(self.zip.read("manifest.yaml"))
        for base in manifest["bases"]:
            self.assertEqual(set(base), {"name", "channel", "architectures"})

    def test_the_list_of_files_fits(self) -> None:
        listed = set()
        for line in self.zip.read("manifest.files").decode().splitlines():
            mode, digest, name = line.split(" ", 2)
            self.assertEqual(hashlib.sha256(self.zip.read(name)).hexdigest(), digest, name)
            self.assertEqual(self.zip.getinfo(name).external_attr >> 16 & 0o777, int(mode, 8), name)
            listed.add(name)
        self.assertEqual(listed, set(self.zip.namelist()) - {"manifest.files"})

    def test_every_text_has_a_copy(self) -> None:
        with tarfile.open(fileobj=io.BytesIO(self.zip.read("packed.tar.gz"))) as packed:
            for member in packed.getmembers():
                self.assertEqual(packed.extractfile(member).read(), self.zip.read(member.name), member.name)
            self.assertLessEqual({"metadata.yaml", "templates/html/base.mustache", "bin/autopkgtest-image"}, set(packed.getnames()))
            self.assertNotIn("hooks/install", packed.getnames())

    def test_hooks_and_actions_find_what_they_share_beside_them(self) -> None:
        """Wherever the charm is unpacked, in a folder that is reached by any name."""
        subprocess.run(["unzip", "-q", self.dir / "one.charm", "-d", self.dir / "unpacked"], check=True)
        programs = sorted(n for n in self.zip.namelist() if n.startswith(("hooks/", "actions/")))
        self.assertGreater(len(programs), 20)
        for name in programs:
            section = subprocess.run(["readelf", "-d", self.dir / "unpacked" / name], check=True, capture_output=True, text=True).stdout
            self.assertIn("Library runpath: [$ORIGIN/../lib]", section, name)
            self.assertEqual(sorted(re.findall(r"NEEDED.*\[(.+)\]", section)), ["libautopkgtest-charm.so", "libc.so.6"], name)
            self.assertLess(self.zip.getinfo(name).compress_size, 4000, name)
        os.symlink("unpacked", self.dir / "elsewhere")
        # Without Juju around it a hook says so; without its shared object the loader would end it with 127.
        done = subprocess.run(["hooks/install"], cwd=self.dir / "elsewhere", env={}, capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("JUJU_UNIT_NAME", done.stderr)

    def test_it_is_small(self) -> None:
        self.assertLess(len(self.bytes), 3_000_000)


if __name__ == "__main__":
    unittest.main()
