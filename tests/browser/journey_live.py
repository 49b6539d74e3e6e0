# SPDX-License-Identifier: GPL-3.0-only
"""Tests are followed while they run."""
from __future__ import annotations

import json
import time

from broker import Broker
from browser import Browser
from journey import QUEUE, connected, text
from page_checks import Checks, check_page, check_shown
from waiting import wait_for


def announce(broker: Broker, package: str, running: bool = True, logtail: str = "") -> None:
    broker.publish(json.dumps({"release": "noble", "architecture": "amd64", "package": package, "running": running,
                               "params": {"triggers": [f"{package}/1"]}, "duration": 75, "logtail": logtail}), exchange="teststatus.fanout")


def check_live(browser: Browser, checks: Checks, broker: Broker) -> None:
    """What waits, and what runs, by itself."""
    def total() -> str:
        return browser.page.locator("[data-running-total]").first.inner_text()

    for package in ("gzip", "bash"):
        broker.publish(f'{package}\n{{"triggers": ["{package}/1"], "requester": "me"}}', QUEUE)
    with connected({}, broker) as server:
        announce(broker, "coreutils", logtail="autopkgtest [10:15:00]: starting\n")
        wait_for("a running test", lambda: b"coreutils" in server.request("GET", "/running")[2])
        time.sleep(1.1)  # pages are kept for a second
        for name, path in {"live": "/running", "queue": "/queues?context=ubuntu&release=noble&arch=amd64", "waiting": "/queues", "busy": "/",
                           "package-waiting": "/packages/gzip"}.items():
            check_page(browser, checks, server.url + path, name)
        browser.desktop.open(server.url + "/running")
        # As workers do, again and again: the browser may not listen yet, and who is silent is forgotten.
        wait_for("tests that have begun", lambda: announce(broker, "coreutils") or announce(broker, "systemd")
                 or ("systemd\non noble amd64" in text(browser) and total() == "2"))
        browser.page.locator("details summary").first.click()
        wait_for("the log", lambda: announce(broker, "coreutils", logtail="the next line\n") or "the next line" in text(browser))
        announce(broker, "coreutils", running=False)
        wait_for("the end", lambda: announce(broker, "systemd") or ("ended after 1m 15s" in text(browser) and total() == "1"))
        checks.expect("the live page makes the browser complain", browser.desktop.complaints)
        check_shown(browser.desktop, checks, "live-ended")
    broker.purge(QUEUE)
