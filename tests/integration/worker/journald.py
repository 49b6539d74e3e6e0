# SPDX-License-Identifier: GPL-3.0-only
"""A real systemd-journald in a mount namespace of its own, whose /run is empty, so that the machine's journal, where
there is one, gets nothing of it; and what it holds."""
from __future__ import annotations

import json
import os
import pathlib
import subprocess
from typing import Any

from bed import Skip, wait_for

SETTINGS = "[Journal]\nStorage=volatile\nAudit=no\nReadKMsg=no\nRateLimitBurst=0\nSyncIntervalSec=1\n"
SCRIPT = """
set -e
mount --make-rprivate /
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/systemd/journal /run/systemd/journald.conf.d /run/log/journal
printf '%s' "$1" >/run/systemd/journald.conf.d/test.conf
exec /lib/systemd/systemd-journald
"""


class Journald:
    def __init__(self, directory: pathlib.Path) -> None:
        if os.getuid() != 0:
            raise Skip("only root may give a journald a namespace of its own")
        with open(directory / "journald.log", "wb") as log:
            self.process = subprocess.Popen(["unshare", "--mount", "sh", "-c", SCRIPT, "sh", SETTINGS], stdout=log, stderr=log)
        self.enter = ["nsenter", f"--mount=/proc/{self.process.pid}/ns/mnt", "--"]
        # Its settings are there once it has its own /run, in which the machine's socket is not.
        own_socket = ["test", "-f", "/run/systemd/journald.conf.d/test.conf", "-a", "-S", "/run/systemd/journal/stdout"]
        wait_for("the journal", lambda: subprocess.run([*self.enter, *own_socket], check=False).returncode == 0)

    def prefix(self, name: str) -> list[str]:
        """Of a command whose standard error shall be a stream to the journal, as systemd makes it for a service."""
        named = 'JOURNAL_STREAM=$(stat -Lc %d:%i /proc/self/fd/2) exec "$@"'
        return [*self.enter, "systemd-cat", "-t", name, "sh", "-c", named, "sh"]

    def entries(self) -> list[dict[str, Any]]:
        text = subprocess.run([*self.enter, "journalctl", "--directory=/run/log/journal", "-q", "--no-pager", "-a", "-o", "json",
                               "_COMM=autopkgtest-wor", "+", "_COMM=autopkgtest-upl"], check=True, capture_output=True, text=True).stdout
        return [json.loads(line) for line in text.splitlines()]

    def find(self, message: str) -> dict[str, Any]:
        """The first entry with that in its message, once it is there."""
        return wait_for(f"in the journal: {message}",
                        lambda: next((e for e in self.entries() if message in str(e.get("MESSAGE"))), None))

    def close(self) -> None:
        self.process.terminate()
        self.process.wait()
