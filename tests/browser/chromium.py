"""Chromium without a window, driven over its debugging pipe (DevTools protocol, NUL-separated JSON)."""

# SPDX-License-Identifier: GPL-3.0-only
from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

WAIT_S = 30.0


class Chromium:
    """`with Chromium() as browser:` one browser with one page."""

    def __init__(self) -> None:
        self.profile = tempfile.mkdtemp(prefix="chromium-")
        self.number = 0
        self.unread = b""
        self.events: list[dict[str, Any]] = []
        self.session = ""

    def __enter__(self) -> "Chromium":
        from_us, self.write_fd = os.pipe()
        self.read_fd, to_us = os.pipe()
        # The protocol is spoken on descriptors 3 (in) and 4 (out); sh moves ours there.
        command = ["sh", "-c", f'exec "$@" 3<&{from_us} 4>&{to_us}', "sh", "chromium", "--headless=new",
                   "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars",
                   "--no-first-run", "--disable-background-networking", "--disable-component-update",
                   "--remote-debugging-pipe", f"--user-data-dir={self.profile}", "about:blank"]
        self.process = subprocess.Popen(command, pass_fds=(from_us, to_us), stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
        os.close(from_us)
        os.close(to_us)
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network", "DOM", "Accessibility"):
            self.call(f"{domain}.enable")
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.write_fd)
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        os.close(self.read_fd)
        shutil.rmtree(self.profile, ignore_errors=True)

    def receive(self, end: float) -> dict[str, Any]:
        while b"\0" not in self.unread:
            ready, _, _ = select.select([self.read_fd], [], [], max(0.0, end - time.monotonic()))
            data = os.read(self.read_fd, 1 << 20) if ready else b""
            if not data:
                raise TimeoutError("chromium does not answer")
            self.unread += data
        text, _, self.unread = self.unread.partition(b"\0")
        message: dict[str, Any] = json.loads(text)
        return message

    def call(self, method: str, **parameters: Any) -> Any:
        self.number += 1
        message: dict[str, Any] = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self.write_fd, data):]
        end = time.monotonic() + WAIT_S
        while True:
            answer = self.receive(end)
            if answer.get("id") == self.number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]
            self.events.append(answer)

    def wait_event(self, method: str) -> None:
        end = time.monotonic() + WAIT_S
        while not any(event.get("method") == method for event in self.events):
            self.events.append(self.receive(end))

    # ---- what tests ask for

    def look(self, width: int, height: int, scheme: str = "light") -> None:
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1,
                  mobile=width < 600)
        self.scheme(scheme)

    def scheme(self, scheme: str) -> None:
        self.call("Emulation.setEmulatedMedia",
                  features=[{"name": "prefers-color-scheme", "value": scheme}])

    def open(self, url: str) -> None:
        self.events.clear()
        self.call("Page.navigate", url=url)
        self.wait_event("Page.loadEventFired")

    def evaluate(self, expression: str) -> Any:
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(f"{expression}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def complaints(self) -> list[str]:
        """What the page made the browser complain of: refused by the CSP, missing files, errors."""
        texts = []
        for event in self.events:
            if event.get("method") == "Log.entryAdded":
                texts.append(str(event["params"]["entry"]["text"]))
            if event.get("method") == "Runtime.exceptionThrown":
                texts.append(str(event["params"]))
        return texts

    def requested(self) -> list[str]:
        return [str(e["params"]["request"]["url"]) for e in self.events
                if e.get("method") == "Network.requestWillBeSent"]

    def screenshot(self, path: Path) -> None:
        data = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True,
                         clip={"x": 0, "y": 0, "scale": 1, "width": self.evaluate("innerWidth"),
                               "height": min(2400, self.evaluate("document.documentElement.scrollHeight"))})
        path.write_bytes(base64.b64decode(data["data"]))
