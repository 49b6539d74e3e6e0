#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-only
"""tests/lint/promises finds what keeps and proves a promise, and says what is not there."""
from __future__ import annotations

import os
import subprocess
import tempfile
import unittest
from pathlib import Path

GATE = Path(__file__).resolve().parents[1] / "lint/promises"
HEAD = "| promise | kept by | proved by |\n| --- | --- | --- |\n"
FILES = {
    "services/keeper.c": "int keep(void);\n",
    "tests/unit/keeper_test.c": "// TEST(said_in_passing)\nTEST(it_is_kept)\n{\n}\n",
    "tests/integration/web/test_it.py": "class Whole(unittest.TestCase):\n    def test_it_works(self) -> None:\n        pass\n\n    # def test_no_more(self)\n",
    "docs/other.md": "| promise | who |\n| --- | --- |\n| of another table | `nobody` |\n",
}


class Promises(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.tree = Path(folder.name)
        for name, text in FILES.items():
            (self.tree / name).parent.mkdir(parents=True, exist_ok=True)
            (self.tree / name).write_text(text)

    def judge(self, *promised: str, after: str = "") -> list[str]:
        page = self.tree / "docs/reference/kept.md"
        page.parent.mkdir(exist_ok=True)
        page.write_text("# Kept\n\n" + HEAD + "".join(f"| {row} |\n" for row in promised) + after)
        done = subprocess.run([GATE], cwd=self.tree, stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"})
        problems = done.stdout.splitlines()
        self.assertEqual(done.returncode, 1 if problems else 0)
        return [line.removeprefix("docs/reference/kept.md:") for line in problems]

    def test_what_is_kept_and_proved_passes(self) -> None:
        self.assertEqual(self.judge("it is | `services/keeper.c` | `unit/keeper_test.c`: `it_is_kept`; `integration/web/test_it.py`: `Whole`, `test_it_works`",
                                    "so is this | `services/keeper.c`, `tests/unit/keeper_test.c` | `integration/web/test_it.py`: `test_it_works`",
                                    after="\n| no | promise |\n| --- | --- |\n| `a/b` | `c` |\n"), [])

    def test_files_that_are_gone_are_told_with_their_line(self) -> None:
        proof = "`unit/keeper_test.c`: `it_is_kept`"
        self.assertEqual(self.judge(f"one | `services/gone.c` | {proof}", f"two | `services` | {proof}", f"three | somebody | {proof}"),
                         ["5: there is no file services/gone.c", "6: there is no file services", "7: no file keeps it"])
        self.assertEqual(self.judge("it | `services/keeper.c` | `unit/gone_test.c`: `it_is_kept`"), ["5: there is no suite tests/unit/gone_test.c"])

    def test_tests_that_are_gone_are_told(self) -> None:
        suite = "it | `services/keeper.c` | `integration/web/test_it.py`"
        self.assertEqual(self.judge(f"{suite}: `test_it_works`, `test_it`"), ["5: integration/web/test_it.py has no test test_it"])
        self.assertEqual(self.judge(f"{suite}: `test_no_more`")[0], "5: integration/web/test_it.py has no test test_no_more")
        self.assertEqual(self.judge("it | `services/keeper.c` | `unit/keeper_test.c`: `said_in_passing`")[0], "5: unit/keeper_test.c has no test said_in_passing")
        self.assertEqual(self.judge(f"{suite}: `it_is_kept`")[0], "5: integration/web/test_it.py has no test it_is_kept", "of another suite")

    def test_what_nothing_proves_is_told(self) -> None:
        keeper = "it | `services/keeper.c`"
        self.assertEqual(self.judge(f"{keeper} | somebody has looked"), ["5: no test proves it"])
        self.assertEqual(self.judge(f"{keeper} | `unit/keeper_test.c`"), ["5: which test of unit/keeper_test.c proves it?"])
        self.assertEqual(self.judge(f"{keeper} | `it_is_kept`")[0], "5: of which suite is it_is_kept?")
        self.assertEqual(self.judge(keeper), ["5: expected 3 cells, got 2"])
        proof = "`unit/keeper_test.c`: `it_is_kept`"
        self.assertEqual(self.judge(f"{keeper} | {proof}", f"{keeper} | {proof}"), ["6: it is promised twice"])
        self.assertEqual(self.judge(), ["docs: nothing is promised"])


if __name__ == "__main__":
    unittest.main()
