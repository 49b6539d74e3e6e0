#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-only
"""services/lists/autopkgtest-lists with real repositories."""
from __future__ import annotations

import os
import subprocess
import tempfile
import unittest
from pathlib import Path

PROGRAM = Path(__file__).resolve().parents[2] / "services/lists/autopkgtest-lists"
WHO = {"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@b", "GIT_CONFIG_GLOBAL": "/dev/null"}


class Lists(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.source, self.lists = Path(folder.name) / "source", Path(folder.name) / "lists"
        self.lists.mkdir()
        self.git("init", "--quiet", "--initial-branch=main", str(self.source), folder=folder.name)

    def git(self, *words: str, folder: Path | str | None = None) -> str:
        return subprocess.run(["git", "-C", folder or self.source, *words], env=os.environ | WHO, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()

    def commit(self, **files: str | None) -> str:
        for name, text in files.items():
            if text is None:
                (self.source / name).unlink()
            else:
                (self.source / name).write_text(text)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "lists")
        return self.git("rev-parse", "--short=12", "HEAD")

    def fetch(self, status: int = 0, source: str = "", branch: str = "") -> str:
        env = os.environ | {"AUTOPKGTEST_LISTS": str(self.lists), "AUTOPKGTEST_LISTS_SOURCE": source or f"file://{self.source}", "AUTOPKGTEST_LISTS_BRANCH": branch}
        done = subprocess.run([PROGRAM], env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=180, check=False)
        self.assertEqual(done.returncode, status, done.stdout)
        return done.stdout

    def there(self) -> dict[str, str]:
        return {path.name: path.read_text() for path in self.lists.iterdir() if path.is_file() and not path.name.startswith(".")}

    def test_lists_become_those_of_the_repository(self) -> None:
        commit = self.commit(big_packages="gzip\n", never_run="bash/arm64\n", README="no list")
        said = self.fetch()
        self.assertEqual(self.there(), {"big_packages": "gzip\n", "never_run": "bash/arm64\n"})
        self.assertEqual((self.lists / ".commit").read_text(), f"{commit}\n")
        self.assertIn("never_run is another one now", said)
        before = (self.lists / "big_packages").stat()
        self.commit(never_run=None, long_tests="zsh\n")
        self.fetch()
        self.assertEqual(self.there(), {"big_packages": "gzip\n", "long_tests": "zsh\n"})
        self.assertEqual((self.lists / "big_packages").stat(), before, "the same list was written again: workers would read it again")
        self.assertEqual(self.fetch(), "")

    def test_a_branch(self) -> None:
        self.commit(big_packages="gzip\n")
        self.git("checkout", "--quiet", "-b", "next/1")
        self.commit(big_packages="bash\n")
        self.git("checkout", "--quiet", "main")
        self.fetch(branch="next/1")
        self.assertEqual(self.there(), {"big_packages": "bash\n"})
        self.fetch()
        self.assertEqual(self.there(), {"big_packages": "gzip\n"})

    def test_a_history_that_was_rewritten(self) -> None:
        self.commit(big_packages="gzip\n")
        self.fetch()
        (self.source / "big_packages").write_text("bash\n")
        self.git("commit", "--quiet", "--all", "--amend", "--message", "other")
        self.fetch()
        self.assertEqual(self.there(), {"big_packages": "bash\n"})

    def test_what_cannot_be_fetched_leaves_the_old_lists_and_says_why(self) -> None:
        self.commit(big_packages="gzip\n")
        self.fetch()
        for source, branch, why in ((f"file://{self.source}-gone", "", "-gone"), ("", "absent", "absent")):
            said = self.fetch(1, source, branch)
            self.assertIn(why, said)
            self.assertEqual((self.lists / ".failed").read_text(), said)
            self.assertEqual(said.count("\n"), 1)
            self.assertEqual(self.there(), {"big_packages": "gzip\n"})
        self.fetch()
        self.assertFalse((self.lists / ".failed").exists())

    def test_another_repository_is_refused(self) -> None:
        self.commit(README="nothing")
        (self.lists / "big_packages").write_text("mine\n")
        self.assertIn("has none of big_packages long_tests never_run vm_packages: is it the right repository?", self.fetch(1))
        self.commit(big_packages="x" * 1048577)
        self.assertIn("big_packages has 1048577 bytes, more than 1 MiB", self.fetch(1))
        self.assertEqual(self.there(), {"big_packages": "mine\n"})

    def test_what_a_killed_one_has_left_is_no_hindrance(self) -> None:
        self.commit(big_packages="gzip\n")
        self.fetch()
        for name in ("shallow.lock", "config.lock", "HEAD.lock"):
            (self.lists / ".repository" / name).write_text("")
        self.commit(big_packages="bash\n")
        self.fetch()
        (self.lists / ".repository/HEAD").write_text("")
        self.fetch(1)
        self.fetch()
        self.assertEqual(self.there(), {"big_packages": "bash\n"})


if __name__ == "__main__":
    unittest.main()
