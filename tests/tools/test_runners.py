#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-only
"""tests/run-layer, tests/run-unit and tests/run-check: what they count, and how they name what did not pass."""
from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]

OURS = """#!/bin/sh
echo 'ok      test_good (0.1 s)'
echo 'FAILED  test_bad'
echo 'Traceback (most recent call last):'
echo 'AssertionError: 1 is not 2'
echo 'demo: 1 passed, 1 failed, 0 skipped'
exit 1
"""
UNITTEST = """import unittest
class Case(unittest.TestCase):
    def test_good(self): pass
    def test_wrong(self): self.assertEqual(1, 2)
    def test_broken(self): raise OSError("gone")
unittest.main()
"""
LONG = """import unittest
class Case(unittest.TestCase):
    def test_lists(self): self.assertEqual(["a", "b"], ["a"])
    def test_long(self):
        print("\\n".join(f"log {n}" for n in range(1000)))
        raise AssertionError("it said:\\n" + "\\n".join(f"line {n}" for n in range(1000)) + "\\nthe end of what it said")
    def test_chain(self):
        try:
            {}["gone"]
        except KeyError:
            raise ValueError("no answer\\n\\nuntil now")
unittest.main()
"""
LOGS = """#!/bin/sh
seq -f 'before %g' 1 500
echo 'FAILED  test_bad'
printf 'Traceback (most recent call last):\\n  File "x.py", line 1, in test_bad\\n    odd()\\nodd.Fault: first line\\n second line\\n'
echo '---- log of worker 1'
seq -f 'worker %g' 1 500
echo '---- log of worker 2'
seq -f 'second %g' 1 5
echo 'ok      test_later (0.1 s)'
echo 'FAILED  a page overflows: 5 pixels'
echo 'demo: 1 passed, 2 failed, 0 skipped'
exit 1
"""
CHECK_LONG = """#!/bin/sh
printf 't/text_test.c:12:F:text:test_long:0: Assertion a == b failed: 3: is not\\nfour\\n\\n'
echo 't/text_test.c:13:P:text:test_good:0: Passed'
echo 't/text_test.c:14:E:text:test_died:0: (after this point) Received signal 6 (Aborted)'
echo '33%: Checks: 3, Failures: 1, Errors: 1'
exit 1
"""
CHECK = """#!/bin/sh
echo '50%: Checks: 2, Failures: 1, Errors: 0'
echo 'tests/unit/base/text_test.c:12:F:text:test_text:0: "a" is not "b"'
exit 1
"""


class Runners(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)
        (self.root / "tests").mkdir()
        for name in ("run-layer", "run-unit", "run-check"):
            shutil.copy(TESTS / name, self.root / "tests" / name)

    def write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)

    def run_it(self, *words: str) -> tuple[int, list[str]]:
        env = {key: value for key, value in os.environ.items() if key not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "BUILD")}
        done = subprocess.run(words, cwd=self.root, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        return done.returncode, done.stdout.splitlines()

    def test_a_layer_names_each_case_that_did_not_pass_and_why(self) -> None:
        self.write("tests/demo/one/run", OURS)
        self.write("tests/demo/test_two.py", UNITTEST)
        self.write("tests/demo/three_test", CHECK)
        self.write("tests/demo/test-four", "#!/bin/sh\nexit 3\n")
        self.write("tests/demo/test-five", "#!/bin/sh\necho '7 passed, 0 failed'\n")
        status, said = self.run_it("tests/run-layer", "demo")
        self.assertEqual(status, 1)
        self.assertEqual(said[-1], "demo: 10 passed, 5 failed, 0 skipped")
        self.assertEqual(said[-6:-1], [
            "not passed: demo/one/run: test_bad: AssertionError: 1 is not 2",
            "not passed: demo/test-four: see above",
            "not passed: demo/test_two.py: test_broken: OSError: gone",
            "not passed: demo/test_two.py: test_wrong: AssertionError: 1 != 2",
            'not passed: demo/three_test: test_text: "a" is not "b"',
        ])

    def test_a_layer_gives_the_whole_message_of_what_did_not_pass(self) -> None:
        self.write("tests/demo/test_long.py", LONG)
        self.write("tests/demo/test-logs", LOGS)
        self.write("tests/demo/long_test", CHECK_LONG)
        self.write("tests/demo/test-unnamed", "#!/usr/bin/python3\nraise OSError('gone,\\nall of it')\n")
        _, said = self.run_it("tests/run-layer", "demo")
        named = [line.removeprefix("not passed: demo/") for line in said if line.startswith("not passed")]
        long = named.pop()
        self.assertEqual(named, [
            "long_test: test_died: (after this point) Received signal 6 (Aborted)",
            "long_test: test_long: Assertion a == b failed: 3: is not | four",
            "test-logs: a page overflows: 5 pixels",
            "test-logs: test_bad: odd.Fault: first line | second line",
            "test-unnamed: OSError: gone, | all of it",
            "test_long.py: test_chain: ValueError: no answer | until now",
            "test_long.py: test_lists: AssertionError: Lists differ: ['a', 'b'] != ['a'] | First list contains 1 additional elements. | "
            "First extra element 1: | 'b' | - ['a', 'b'] | + ['a']",
        ])
        self.assertRegex(long, "^test_long.py: test_long: AssertionError: it said: [|] line 0 [|] .*…$")
        self.assertEqual(len(long.split(": ", 2)[2]), 600)

    def test_a_test_that_takes_too_long_is_named_with_that(self) -> None:
        self.write("tests/demo/test-endless", "#!/bin/sh\nexec sleep 1000\n")
        _, said = self.run_it("tests/run-layer", "--timeout", "0.1", "demo")
        self.assertIn("not passed: demo/test-endless: not done after 0 s, ended", said)

    def test_what_is_shown_of_a_failed_test_has_its_tracebacks_and_the_end_of_each_log(self) -> None:
        self.write("tests/demo/test_long.py", LONG)
        self.write("tests/demo/test-logs", LOGS)
        _, said = self.run_it("tests/run-layer", "demo")
        text = "\n".join(line.removeprefix("    | ") for line in said)
        for kept in ("before 1\n[… 459 lines]\nbefore 461\n", "before 500\nFAILED  test_bad\nTraceback", "odd()\nodd.Fault: first line\n second line\n---- log",
                     "---- log of worker 1\n[… 460 lines]\nworker 461\n", "worker 500\n----", "second 1\nsecond 2\n", "test_later", "5 pixels",
                     "log 999", "in test_long\n    raise AssertionError", "AssertionError: it said:\nline 0\n", "line 999\nthe end of what it said",
                     'KeyError: \'gone\'', "ValueError: no answer"):
            self.assertIn(kept, text)
        self.assertLess(len(said), 400)

    def test_a_layer_that_passes_names_nothing(self) -> None:
        self.write("tests/demo/test-five", "#!/bin/sh\necho '7 passed, 0 failed'\n")
        status, said = self.run_it("tests/run-layer", "demo")
        self.assertEqual((status, said[-1]), (0, "demo: 7 passed, 0 failed, 0 skipped"))
        self.assertFalse([line for line in said if line.startswith("not passed")])

    def test_the_order_is_that_of_first_then_of_names(self) -> None:
        for name in ("a", "b", "c", "d"):
            self.write(f"tests/demo/test-{name}", "#!/bin/sh\necho \"$0\" >>order\n")
        self.run_it("tests/run-layer", "--first", "test-d", "--first", "test-b", "demo")
        self.assertEqual([line[-1] for line in (self.root / "order").read_text().splitlines()], ["d", "b", "a", "c"])

    def test_unit_tests_are_named_by_program_and_case(self) -> None:
        self.write("build/tests/unit/text_test", CHECK)
        self.write("build/tests/unit/long_test", CHECK_LONG)
        self.write("build/tests/unit/died_test", "#!/bin/sh\nkill -9 $$\n")
        self.write("build/tests/unit/good_test", "#!/bin/sh\necho '100%: Checks: 5, Failures: 0, Errors: 0'\n")
        status, said = self.run_it("tests/run-unit", "build")
        self.assertEqual(status, 1)
        self.assertEqual(said[-5:], [
            "not passed: died_test: status 137",
            "not passed: long_test: test_long: Assertion a == b failed: 3: is not | four",
            "not passed: long_test: test_died: (after this point) Received signal 6 (Aborted)",
            'not passed: text_test: test_text: "a" is not "b"',
            "unit: 7 passed, 4 failed",
        ])

    def test_the_sum_of_all_layers_is_below_what_did_not_pass(self) -> None:
        self.write("Makefile", ".PHONY: good bad silent\n"
                               "good:\n\t@echo 'good: 3 passed, 0 failed, 1 skipped'\n"
                               "bad:\n\t@echo 'not passed: bad/run: test_x: why'; echo 'bad: 2 passed, 1 failed, 0 skipped'; exit 1\n"
                               "silent:\n\t@exit 1\n")
        status, said = self.run_it("tests/run-check", "bad", "silent", "good")
        self.assertEqual(status, 1)
        self.assertEqual(said[-3:], [
            "not passed: bad/run: test_x: why",
            "not passed: silent: see above",
            "5 passed, 2 failed, 1 skipped",
        ])


if __name__ == "__main__":
    unittest.main()
