# SPDX-License-Identifier: GPL-3.0-only
"""Debian's Chromium without a window, by Playwright: one person with a phone and a desktop, and what their pages say to the browser."""
from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import BrowserContext, ConsoleMessage, sync_playwright

SIZES = {390: 844, 1280: 900}
PROGRAM = "/usr/bin/chromium"
PATIENCE_MS = 300_000


class Window:
    """A page of Playwright's (`page`), and what the document in it made the browser complain of and ask for since open()."""

    def __init__(self, context: BrowserContext) -> None:
        context.set_default_timeout(PATIENCE_MS)
        self.page = context.new_page()
        self.complaints: list[str] = []  # refused by the CSP, missing files, exceptions
        self.requested: list[str] = []
        self.page.on("console", self.hear)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.requested.append(request.url))
        self.devtools = context.new_cdp_session(self.page)

    def hear(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def open(self, url: str, scripts: bool = True) -> None:
        """A document that was loaded without scripts stays so, while those of tests run in it: no element asks for its script again."""
        self.complaints.clear()
        self.requested.clear()
        self.devtools.send("Emulation.setScriptExecutionDisabled", {"value": not scripts})
        self.page.goto(url)
        self.devtools.send("Emulation.setScriptExecutionDisabled", {"value": False})

    def screenshot(self, path: Path) -> None:
        width, height = self.page.evaluate("[innerWidth, Math.min(2400, document.documentElement.scrollHeight)]")
        self.page.screenshot(path=path, full_page=True, clip={"x": 0, "y": 0, "width": width, "height": height})


class Browser:
    def __init__(self, contexts: dict[int, BrowserContext]) -> None:
        self.contexts = contexts
        self.windows = {width: Window(context) for width, context in contexts.items()}
        self.desktop = self.windows[1280]
        self.page = self.desktop.page

    def windows_logged_in(self) -> dict[int, Window]:
        """All of them, with the desktop's cookies."""
        phone, desktop = self.contexts.values()
        phone.clear_cookies()
        phone.add_cookies(desktop.cookies())  # type: ignore[arg-type]  (what is told of a cookie is what is taken)
        return self.windows


@contextmanager
def open_browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=PROGRAM, args=["--no-sandbox", "--disable-gpu"], timeout=PATIENCE_MS)  # (root may not have one)
        try:
            yield Browser({width: chromium.new_context(viewport={"width": width, "height": height}, is_mobile=width < 600, has_touch=width < 600)
                           for width, height in SIZES.items()})
        finally:
            chromium.close()
