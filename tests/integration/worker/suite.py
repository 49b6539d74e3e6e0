#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-only
"""The cases of the worker's suites (test-*), those of one or of all, on a broker of their own.

usage: tests/integration/worker/suite.py [BUILD] [PART-OF-A-NAME]...

Runs all cases whose name has one of the parts in it; so do test-requests, test-losses and test-cluster with theirs.
"""
from __future__ import annotations

import importlib
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import traceback

if len(sys.argv) > 1:
    os.environ["BUILD"] = sys.argv[1]

from bed import BUILD, ROOT, Bed, Broker, Skip  # noqa: E402  (reads $BUILD)

REQUESTS = ("request_cases", "malformed_cases", "control_cases", "journal_cases", "pick_cases", "secret_cases", "start_cases", "store_cases")
LOSSES = ("loss_cases", "lease_cases", "delivery_cases", "chaos")
CLUSTER = ("cluster_cases",)
PROGRAMS = ("worker", "upload", "web", "indexer", "cloud")


def build(programs: tuple[str, ...]) -> None:
    """What is tested is built first; a BUILD named …san with the sanitizers."""
    variables = [f"BUILD={BUILD}"] + (["SANITIZE=1"] if BUILD.name == "san" else [])
    subprocess.run(["make", "--no-print-directory", "-s", "-C", ROOT, *variables,
                    *(BUILD / "bin" / f"autopkgtest-{name}" for name in programs)], check=True)


def show_logs(bed: Bed, logs: tuple[str, ...]) -> None:
    for worker in bed.workers:
        print(f"---- log of {worker.name}\n{worker.text()}")
    for log in (path for pattern in (*logs, "**/web.log") for path in bed.dir.glob(pattern)):
        print(f"---- {log}\n{log.read_text(errors='replace')[-4000:]}")


def main(what: str, modules: tuple[str, ...], programs: tuple[str, ...] = PROGRAMS, logs: tuple[str, ...] = ()) -> int:
    """logs: in the folder of a case, what is shown when it fails, beside what its workers said."""
    parts = sys.argv[2:] or [""]
    tests = [(name, f) for module in modules for name, f in vars(importlib.import_module(module)).items()
             if name.startswith("test_") and any(part in name for part in parts)]
    failed = skipped = 0
    build(programs)
    with tempfile.TemporaryDirectory(prefix=f"{what}-") as tmp, Broker(pathlib.Path(tmp)) as broker:
        for name, test in tests:
            bed = Bed(pathlib.Path(tmp) / name, broker)
            start = time.monotonic()
            try:
                test(bed)
                print(f"ok      {name} ({time.monotonic() - start:.1f} s)", flush=True)
            except Skip as reason:
                skipped += 1
                print(f"SKIPPED {name}: {reason}", flush=True)
            except Exception:
                failed += 1
                print(f"FAILED  {name}", flush=True)
                traceback.print_exc()
                show_logs(bed, logs)
            finally:
                bed.close()
    print(f"{what}: {len(tests) - failed - skipped} passed, {failed} failed, {skipped} skipped")
    return 1 if failed or not tests else 0


if __name__ == "__main__":
    sys.exit(main("worker", REQUESTS + LOSSES + CLUSTER))
