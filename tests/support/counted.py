# SPDX-License-Identifier: GPL-3.0-only
"""Runs a file's unittest cases and ends with the line that `make check` adds up: `N passed, N failed, N skipped`."""
from __future__ import annotations

import sys
import unittest


def main(module: str = "__main__") -> None:
    loader = unittest.defaultTestLoader
    suite = loader.loadTestsFromNames(sys.argv[1:], sys.modules[module]) if sys.argv[1:] else \
        loader.loadTestsFromModule(sys.modules[module])
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=2).run(suite)
    for test, reason in result.skipped:
        print(f"SKIPPED {test}: {reason}")
    # A failed part of a test (subTest) fails its test, once.
    bad = {getattr(test, "test_case", test).id() for test, _ in result.failures + result.errors}
    failed = len(bad) + len(result.unexpectedSuccesses)
    print(f"{max(0, result.testsRun - failed - len(result.skipped))} passed, {failed} failed, {len(result.skipped)} skipped")
    sys.exit(1 if failed else 0)
