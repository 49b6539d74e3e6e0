# SPDX-License-Identifier: GPL-3.0-only
"""What a person sees while agents run, and the log that keeps everything."""
from __future__ import annotations

import datetime
import os
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

FIRST_TICK = 3.0
NEXT_TICK = 10.0
_COLOURS = {"error": "31", "blocked": "33", "active": "32", "waiting": "33", "dim": "2"}


def _private(path: str, flags: int) -> int:
    """What hooks print may be nobody else's business."""
    return os.open(path, flags | os.O_CLOEXEC, 0o600)


class Console:
    """One line per event. Several machines report at once, so a line is always whole."""

    def __init__(self, log_file: Path | None, verbose: bool = False, quiet: bool = False,
                 out: TextIO | None = None) -> None:
        self._file = log_file
        self.verbose = verbose
        self.quiet = quiet
        self._out = out or sys.stderr
        self._colour = self._out.isatty()
        self._lock = threading.Lock()

    def say(self, who: str, text: str, colour: str = "") -> None:
        if self.quiet:
            return
        if self._colour and colour in _COLOURS:
            text = f"\x1b[{_COLOURS[colour]}m{text}\x1b[0m"
        with self._lock:
            print(f"{who:<24} {text}", file=self._out, flush=True)

    def hook_line(self, unit: str, stream: str, line: str) -> None:
        if self.verbose:
            self.say(unit, f"  {'!' if stream == 'stderr' else '|'} {line}", "dim")

    def status(self, unit: str, text: str) -> None:
        self.say(unit, f"→ {text}", text.partition(":")[0])

    def log(self, unit: str, level: str, logger: str, text: str) -> None:
        if self._file is None:
            return
        stamp = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
        tag = "unit-" + unit.replace("/", "-") if "/" in unit else unit
        with self._lock, open(self._file, "a", encoding="utf-8", errors="replace",
                              opener=_private) as out:
            for line in text.split("\n"):
                out.write(f"{tag}: {stamp} {level} {logger} {line}\n")


class Ticker:
    """Says now and then that a hook still runs, with the last line it printed."""

    def __init__(self, console: Console, who: str, what: str) -> None:
        self._console, self._who, self._what = console, who, what
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._tick, daemon=True)
        self.last_line = ""

    def __enter__(self) -> Ticker:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()

    def _tick(self) -> None:
        started = time.monotonic()
        pause = FIRST_TICK
        while not self._end.wait(pause):
            pause = NEXT_TICK
            seconds = int(time.monotonic() - started)
            line = f": {self.last_line.strip()[:70]}" if self.last_line else ""
            self._console.say(self._who, f"{self._what} is running, {seconds} s{line}", "dim")


def read_log(path: Path, include: list[str], tail: int | None) -> Iterator[str]:
    """Lines of the log, all or those of some units or machines."""
    if not path.exists():
        return
    tags = {("unit-" + i.replace("/", "-") if "/" in i else i) for i in include}
    with open(path, encoding="utf-8", errors="replace") as lines:
        found = [line.rstrip("\n") for line in lines
                 if not tags or line.partition(":")[0] in tags
                 or any(line.startswith(f"unit-{t}-") for t in tags if not t.startswith("unit-"))]
    yield from found if tail is None else found[-tail:] if tail else []
