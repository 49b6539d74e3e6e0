#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-only
"""Keeps one systemd-nspawn: starts it again when its machine reboots, ends when it halts.

usage: supervise.py CGROUP-FOLDER... -- COMMAND...

nspawn ends with 133 when the machine asked for a reboot. TERM is passed on, an orderly halt, and a
reboot is not followed after it.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from types import FrameType

REBOOT = 133


def main() -> int:
    split = sys.argv.index("--")
    for folder in sys.argv[1:split]:
        Path(folder, "cgroup.procs").write_text("0\n")
    process: subprocess.Popen[bytes] | None = None
    stopping = False

    def stop(number: int, _frame: FrameType | None) -> None:
        nonlocal stopping
        stopping = True
        if process:
            process.send_signal(number)

    signal.signal(signal.SIGTERM, stop)
    while True:
        process = subprocess.Popen(sys.argv[split + 1:])
        if stopping:
            process.send_signal(signal.SIGTERM)
        status = process.wait()
        if status != REBOOT or stopping:
            return status if status >= 0 else 128 - status


if __name__ == "__main__":
    sys.exit(main())
