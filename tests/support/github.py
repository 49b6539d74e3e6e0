# SPDX-License-Identifier: GPL-3.0-only
"""A server on 127.0.0.1 that answers like GitHub's API for commit statuses, and what its webhooks look like."""
from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

import served


def signature(secret: str, body: bytes, algorithm: str = "sha256") -> dict[str, str]:
    """The header that proves who has sent it."""
    name = "X-Hub-Signature-256" if algorithm == "sha256" else "X-Hub-Signature"
    return {name: f"{algorithm}=" + hmac.new(secret.encode(), body, getattr(hashlib, algorithm)).hexdigest()}


def pull_request(statuses_url: str, action: str = "opened", number: int = 12) -> bytes:
    """What is told of systemd's pull request."""
    return json.dumps({"action": action, "number": number, "zen": "Keep it logically awesome.",
                       "repository": {"full_name": "systemd/systemd", "clone_url": "https://github.com/systemd/systemd.git"},
                       "pull_request": {"statuses_url": statuses_url}}).encode()


class GitHub(served.Served):
    """Takes statuses of commits. `answers` are the statuses (and headers) of the next answers; then it is 201."""

    def __init__(self) -> None:
        github = self
        self.told: list[tuple[str, str, dict[str, Any]]] = []  # path, Authorization, body
        self.answers: list[tuple[int, dict[str, str]]] = []

        class Handler(served.Handler):
            def do_POST(self) -> None:
                body = json.loads(self.body())
                github.told.append((self.path, self.headers["Authorization"], body))
                status, headers = github.answers.pop(0) if github.answers else (201, {})
                self.reply(status, b"{}", headers)

        super().__init__(Handler)
