# SPDX-License-Identifier: GPL-3.0-only
"""A private real RabbitMQ for one test or benchmark (tests/rigs/rabbitmq), and what our programs need to use it."""
from __future__ import annotations

import base64
import contextlib
import json
import os
import pathlib
import shlex
import subprocess
import urllib.parse
import urllib.request
from typing import Any

from waiting import WAIT_S, wait_for

ROOT = pathlib.Path(__file__).resolve().parents[2]
RIG = ROOT / "tests/rigs/rabbitmq"


class Broker:
    """`with Broker(dir) as broker:` starts one whose state is below dir, and destroys it at the end."""

    def __init__(self, state: pathlib.Path, *options: str) -> None:
        self.env = dict(os.environ, RABBITMQ_RIG_DIR=str(state / "rabbitmq"))
        self.options = options
        self.settings: dict[str, str] = {}

    def __enter__(self) -> "Broker":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.rig("destroy")

    def rig(self, *words: str) -> str:
        return subprocess.run([RIG, *words], env=self.env, check=True, stdout=subprocess.PIPE, text=True).stdout

    def start(self) -> None:
        for word in shlex.split(self.rig("start", *self.options)):
            key, equals, value = word.partition("=")
            if equals:
                self.settings[key] = value

    def write_credentials(self, config_dir: pathlib.Path) -> None:
        keys = ("RABBIT_HOST", "RABBIT_PORT", "RABBIT_USER", "RABBIT_PASSWORD", "RABBIT_VHOST")
        (config_dir / "rabbitmq.cred").write_text("".join(f"{k}={self.settings[k]}\n" for k in keys))

    def api(self, method: str, path: str, body: Any = None) -> Any:
        """One call of the management API; path below /api, its parts percent-encoded."""
        url = f"http://{self.settings['RABBIT_HOST']}:{self.settings['RABBIT_MGMT_PORT']}/api{path}"
        login = f"{self.settings['RABBIT_USER']}:{self.settings['RABBIT_PASSWORD']}"
        request = urllib.request.Request(url, method=method, data=None if body is None else json.dumps(body).encode())
        request.add_header("Authorization", "Basic " + base64.b64encode(login.encode()).decode())
        request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request, timeout=WAIT_S) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def declare_queue(self, name: str, arguments: dict[str, object] | None = None) -> None:
        self.api("PUT", f"/queues/%2F/{name}", {"durable": True, "auto_delete": False, "arguments": arguments or {}})

    def purge(self, queue: str) -> None:
        self.api("DELETE", f"/queues/%2F/{queue}/contents")

    def publish(self, body: str, routing_key: str = "", exchange: str = "amq.default") -> None:
        """A persistent message; by the default exchange into the queue that the routing key names."""
        self.api("POST", f"/exchanges/%2F/{exchange}/publish", {
            "properties": {"delivery_mode": 2}, "routing_key": routing_key, "payload": body, "payload_encoding": "string"})

    def take(self, queue: str, most: int = 1000) -> list[str]:
        """The bodies of what waits in the queue, taken out of it."""
        return self._get(queue, most, "ack_requeue_false")

    def peek(self, queue: str, most: int = 1000) -> list[str]:
        """The same; everything stays where it is."""
        return self._get(queue, most, "ack_requeue_true")

    def _get(self, queue: str, most: int, mode: str) -> list[str]:
        answer = self.api("POST", f"/queues/%2F/{queue}/get", {"count": most, "ackmode": mode, "encoding": "auto"})
        return [message["payload"] for message in answer]

    def take_all(self, queue: str, count: int) -> list[str]:
        """So many that wait in the queue: who looks into it may just have some in hand, which come back."""
        taken: list[str] = []
        wait_for(f"{count} messages in {queue}", lambda: taken.extend(self.take(queue, count - len(taken))) or len(taken) >= count)
        return taken

    def wait_for_all(self, queue: str, bodies: list[str]) -> None:
        """Until these wait there, in this order, and nothing else; everything stays where it is."""
        seen: list[list[str]] = []
        with contextlib.suppress(AssertionError):
            wait_for(queue, lambda: seen.append(self.peek(queue)) or seen[-1] == bodies)
        assert seen[-1] == bodies, f"{seen[-1]} in {queue} in place of {bodies}"

    def messages(self, queue: str) -> int:
        """How many wait there or are not acknowledged yet, by the queue itself: the management API is seconds late."""
        lines = self.rig("ctl", "list_queues", "-q", "--no-table-headers", "name", "messages").splitlines()
        return int(next(line.split()[1] for line in lines if line.split()[0] == queue))

    def close_connection(self, client: str) -> None:
        """Ends the connection of who calls itself so, as when it has missed its heartbeats."""
        def names() -> list[str]:
            return [c["name"] for c in self.api("GET", "/connections") if c.get("client_properties", {}).get("connection_name") == client]

        wait_for(f"a connection of {client}", lambda: bool(names()))  # the broker lists them some seconds late
        for name in names():
            self.api("DELETE", f"/connections/{urllib.parse.quote(name, safe='')}")

    def is_bound(self, exchange: str, queue: str = "") -> bool:
        """Whether some queue, or this one, gets what is published to the exchange."""
        return any(binding["source"] == exchange and queue in ("", binding["destination"]) for binding in self.api("GET", "/bindings/%2F"))
