# SPDX-License-Identifier: GPL-3.0-only
"""What the journeys of people through the pages have in common: a server that has found its broker, and what is read and pressed."""
from __future__ import annotations

import contextlib
import json
from typing import Iterator

from broker import Broker
from browser import Browser
from samples import fill_database
from waiting import wait_for
from webserver import WebServer


SETTINGS = {"releases": "jammy noble", "architectures": "amd64 arm64 s390x"}
QUEUE, UPSTREAM = "debci-noble-amd64", "debci-upstream-noble-amd64"


def account(broker: Broker) -> dict[str, str]:
    return {key: value for key, value in broker.settings.items() if key.startswith("RABBIT_")}


def text(browser: Browser, selector: str = "main") -> str:
    return browser.page.locator(selector).inner_text()


def press(browser: Browser, selector: str, until: str) -> None:
    """Presses something, and expects a page whose title or text has that."""
    with browser.page.expect_event("load"):
        browser.page.locator(selector).first.click()
    shown = f"{browser.page.title()} {text(browser, 'body')}"
    if until not in shown:
        raise AssertionError(f"{selector} leads to: {shown}")


@contextlib.contextmanager
def connected(settings: dict[str, str], broker: Broker) -> Iterator[WebServer]:
    """A server that has found its broker."""
    with WebServer(SETTINGS | settings, account(broker)) as server:
        fill_database(server)
        wait_for("the broker", lambda: json.loads(server.request("GET", "/healthz")[2])["checks"]["broker"] == "ok")
        yield server


def take(broker: Broker, queue: str) -> list[str]:
    """What waits there, once there is something: the server may just have it in hand, to show it."""
    found: list[str] = []
    wait_for(f"requests in {queue}", lambda: found or found.extend(broker.take(queue)) or found)
    return found
