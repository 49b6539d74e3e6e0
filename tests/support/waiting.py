# SPDX-License-Identifier: GPL-3.0-only
"""Waiting for something that another program does."""
from __future__ import annotations

import time
from typing import Any, Callable

WAIT_S = 600.0  # an end for what hangs; a machine that is busy with other tests takes its time


def wait_for(what: str, ready: Callable[[], Any], seconds: float = WAIT_S) -> Any:
    """What ready() gives once that is true; an AssertionError that names `what` when it takes too long."""
    end = time.monotonic() + seconds
    while not (value := ready()):
        if time.monotonic() > end:
            raise AssertionError(f"waited {seconds:.0f} s for: {what}")
        time.sleep(0.02)
    return value
