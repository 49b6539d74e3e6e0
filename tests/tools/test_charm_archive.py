# SPDX-License-Identifier: GPL-3.0-only
"""The packed charm: the same bytes from any folder, and what Juju demands of an archive (modes, names, manifest)."""
from __future__ import annotations

import functools
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
SIZE_MAX = 3_000_000  # Charmhub takes 500 MB; what of ours comes near would have something in it that nobody needs
UNPACKED_MAX = 20_000_000
BY_PACK_CHARM = {"manifest.yaml", "manifest.files", "packed.tar.gz"}
# Of a charm that Juju packs itself, from a folder, it leaves these out, whatever a .jujuignore adds (juju: charm/charmdir.go).
# It writes a version of its own.
JUJU_IGNORES = {".git", ".svn", ".hg", ".bzr", ".tox", ".jujuignore"}
JUJU_IGNORES_ON_TOP = {"build", "revision"}


def pack_tree(folder: pathlib.Path) -> bytes:
    """The charm of this tree, below another folder: nobody else is disturbed who packs it now."""
    env = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
    for command in (["make", "-j2", "install", f"DESTDIR={folder / 'tree'}"], ["tools/pack-charm", folder / "tree", folder / "one.charm"]):
        done = subprocess.run(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode != 0:
            raise AssertionError(f"{command[0]} failed:\n{done.stdout[-4000:]}")
    return (folder / "one.charm").read_bytes()


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
        cls.bytes = pack_tree(cls.dir)
        cls.zip = zipfile.ZipFile(cls.dir / "one.charm")

    @classmethod
    def tearDownClass(cls) -> None:
        cls.zip.close()
        cls.tmp.cleanup()

    @classmethod
    @functools.lru_cache(maxsize=None)
    def copy(cls) -> tuple[pathlib.Path, bytes]:
        """A copy of the tree in another folder, and the charm that was built in it."""
        folder = cls.dir / "another-folder-with-a-longer-name"
        return folder, build_copy(folder)

    def test_the_same_bytes_from_another_folder(self) -> None:
        self.assertEqual(hashlib.sha256(self.copy()[1]).hexdigest(), hashlib.sha256(self.bytes).hexdigest())

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
        self.assertLess(len(self.bytes), SIZE_MAX)
        self.assertLess(sum(entry.file_size for entry in self.zip.infolist()), UNPACKED_MAX)

    def test_it_has_what_a_unit_needs_and_nothing_of_how_it_was_made(self) -> None:
        tops = {name.split("/")[0] for name in self.zip.namelist()}
        self.assertEqual({top for top in tops if not top.startswith("packages.")},
                         {"LICENSE", "README.md", "actions", "actions.yaml", "bin", "config.yaml", "hooks", "icon.svg", "lib", "metadata.yaml",
                          "monitoring", "static", "templates", "version"} | BY_PACK_CHARM)
        made = [name for name in self.zip.namelist() if re.search(r"\.([chodaxy]|gcno|gcda|pyc|orig|rej|swp)$|~$", name)]
        self.assertEqual(made, [])

    def test_juju_leaves_out_nothing_when_it_packs_the_unpacked_charm(self) -> None:
        self.assertFalse((ROOT / ".jujuignore").exists(), "then this has to know what it leaves out")
        for name in self.zip.namelist():
            self.assertTrue(JUJU_IGNORES.isdisjoint(name.split("/")) and name.split("/")[0] not in JUJU_IGNORES_ON_TOP, name)

    def test_charmcraft_packs_the_same_files(self) -> None:
        """The step of its one part, of which all that is installed goes into the archive."""
        (part,) = yaml.safe_load((ROOT / "charmcraft.yaml").read_text())["parts"].values()
        self.assertEqual(set(part), {"plugin", "source", "build-packages", "override-build"}, "what leaves files out or adds some changes this test")
        installed = self.dir / "installed"
        env = {k: v for k, v in os.environ.items() if k not in ("BUILD", "MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
        done = subprocess.run(["bash", "-e", "-c", part["override-build"]], cwd=self.copy()[0], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, env=dict(env, CRAFT_PARALLEL_BUILD_COUNT="2", CRAFT_PART_INSTALL=str(installed)))
        self.assertEqual(done.returncode, 0, done.stdout[-4000:])
        files = {path.relative_to(installed).as_posix() for path in installed.rglob("*") if not path.is_dir()}
        self.assertEqual(files, set(self.zip.namelist()) - BY_PACK_CHARM)
        for name in files:
            self.assertEqual((installed / name).read_bytes(), self.zip.read(name), name)


if __name__ == "__main__":
    unittest.main()
