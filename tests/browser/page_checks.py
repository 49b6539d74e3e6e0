# SPDX-License-Identifier: GPL-3.0-only
"""What has to be true of every page: looked at in two widths, light and dark, with and without scripts."""
from __future__ import annotations

import re
import threading
import time
from pathlib import Path

import served
from axe_playwright_python.base import AXE_SCRIPT
from browser import Browser, Window
from playwright.sync_api import Page
from waiting import WAIT_S
from webserver import ROOT

SCHEMES = ("light", "dark")
# What Deque's axe-core finds, as "rule: element | element; …". The size of the links of a log's lines is that of the log's text, which
# WCAG 2.5.8 excepts ("constrained by the line-height of non-target text").
AXE = """async (tags) => {
    const excepted = (rule, node) => rule.id === 'target-size' && document.querySelector(node.target[0]).matches('.section pre a');
    const found = await axe.run(document, {preload: false, resultTypes: ['violations'], runOnly: tags});
    return found.violations.map(rule => [rule.id, rule.nodes.filter(node => !excepted(rule, node))]).filter(([, nodes]) => nodes.length)
        .map(([id, nodes]) => id + ': ' + nodes.slice(0, 3).map(node => node.html.slice(0, 80)).join(' | ')).join('; ');
}"""
AXE_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# Colours as they are seen: of text or an outline with their opacity on what is behind them; the contrast is WCAG 2's.
COLOURS = """
    const parse = c => { const n = (c.match(/[\\d.]+/g) || [0, 0, 0, 0]).map(Number); return n.length < 4 ? [...n, 1] : n; };
    const over = (top, below, alpha) => [0, 1, 2].map(i => top[i] * alpha + below[i] * (1 - alpha));
    const behind = e => { if (!e) return [255, 255, 255]; const c = parse(getComputedStyle(e).backgroundColor);
        return c[3] === 1 ? c : over(c, behind(e.parentElement), c[3]); };
    const opacity = e => e ? Number(getComputedStyle(e).opacity) * opacity(e.parentElement) : 1;
    const light = c => c.slice(0, 3).map(v => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
        .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
    const contrast = (colour, ground, alpha) => { const c = parse(colour);
        const a = light(over(c, ground, c[3] * alpha)), b = light(ground); return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05); };
    const shown = e => e.outerHTML.slice(0, 80);
"""
# What sticks out of the window and does not scroll within something.
OVERFLOW = """(() => {
    const wide = document.documentElement.scrollWidth - innerWidth;
    if (wide <= 0) return '';
    const out = [...document.querySelectorAll('body *')].filter(e =>
        e.getBoundingClientRect().right > innerWidth + 1 && !e.closest('.scroll, .chart, pre'));
    return wide + ' px: ' + out.slice(0, 3).map(e => e.outerHTML.slice(0, 80)).join(' | ');
})()"""
# What scrolls sideways on a phone without being a region that a keyboard reaches.
SIDEWAYS = """(() => innerWidth > 640 ? '' : [...document.querySelectorAll('.scroll')]
    .filter(e => !e.matches('[role=region]') && e.scrollWidth > e.clientWidth + 1)
    .map(e => e.scrollWidth - e.clientWidth + ' px: ' + e.innerText.slice(0, 80)).join(' | '))()"""
# Text, also in fields and charts, that is below 4.5.
CONTRAST = f"""(() => {{ {COLOURS}
    const bad = [];
    for (const e of document.querySelectorAll('body *')) {{
        const field = e.matches('input:not([type=hidden]):not([type=checkbox]), select, textarea');
        if (!field && ![...e.childNodes].some(n => n.nodeType === 3 && n.data.trim()) || !e.checkVisibility()) continue;
        const style = getComputedStyle(e), ratio = contrast(e instanceof SVGElement ? style.fill : style.color, behind(e), opacity(e));
        if (ratio < 4.5) bad.push(ratio.toFixed(1) + ' ' + shown(e));
    }}
    return bad.slice(0, 3).join(' | ');
}})()"""
# Headings: one of the first level, and none that leaves out a level.
HEADINGS = """(() => {
    const levels = [...document.querySelectorAll('h1, h2, h3, h4, h5, h6')].filter(h => h.checkVisibility()).map(h => Number(h.tagName[1]));
    return levels[0] !== 1 || levels.filter(l => l === 1).length !== 1 || levels.some((l, i) => i && l > levels[i - 1] + 1) ? 'levels ' + levels : '';
})()"""
# What the keyboard reaches and then looks as before (an outline of 3:1 is asked for), or is not to be seen.
FOCUS = f"""(() => {{ {COLOURS}
    const bad = [], stops = [...document.querySelectorAll('a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex="0"]')];
    for (const e of stops.filter(e => e.checkVisibility()).slice(0, 120)) {{
        e.focus();
        const style = getComputedStyle(e), box = e.getBoundingClientRect();
        if (document.activeElement !== e || !e.matches(':focus-visible') || style.outlineStyle === 'none' || parseFloat(style.outlineWidth) < 2
            || contrast(style.outlineColor, behind(e.parentElement), opacity(e)) < 3 || box.width < 1 || box.right < 0)
            bad.push(style.outline + ' ' + shown(e));
    }}
    if (document.activeElement) document.activeElement.blur();
    return bad.slice(0, 3).join(' | ');
}})()"""

# How much there is to read, but for what is told while a form is filled in. (innerText leaves out what was not painted yet.)
READ = """(() => {
    const walk = document.createTreeWalker(document.querySelector('main'), NodeFilter.SHOW_TEXT);
    let read = 0;
    while (walk.nextNode())
        if (walk.currentNode.parentElement.checkVisibility() && !walk.currentNode.parentElement.closest('[role=status]'))
            read += walk.currentNode.data.trim().length;
    return read;
})()"""


class Checks:
    """Counts, says what is wrong, and knows which pages were looked at; for several threads."""

    def __init__(self, shots: Path) -> None:
        self.passed = self.failed = 0
        self.shots = shots
        self.seen: set[str] = set()
        self.lock = threading.Lock()

    def expect(self, name: str, wrong: object) -> None:
        with self.lock:
            if wrong:
                self.failed += 1
                print(f"FAILED  {name}: {wrong}", flush=True)
            else:
                self.passed += 1


def run_axe(page: Page) -> str:
    """axe comes into the page by DevTools, which the page's policy does not rule; once into each document."""
    if page.evaluate("typeof axe === 'undefined'"):
        page.evaluate(AXE_SCRIPT)
    return str(page.evaluate(AXE, AXE_TAGS))


def check_shown(window: Window, checks: Checks, label: str, shot: bool = True) -> None:
    """The page that is open now, light and dark."""
    for scheme in SCHEMES:
        window.page.emulate_media(color_scheme=scheme)
        checks.expect(f"{label}-{scheme} overflows", window.page.evaluate(OVERFLOW))
        checks.expect(f"{label}-{scheme} has a table that scrolls sideways", window.page.evaluate(SIDEWAYS))
        checks.expect(f"{label}-{scheme} has text that is hard to read", window.page.evaluate(CONTRAST))
        checks.expect(f"{label}-{scheme} breaks rules of WCAG", run_axe(window.page))
        if shot:
            window.screenshot(checks.shots / f"{label}-{scheme}.png")


def check_structure(window: Window, checks: Checks, name: str) -> None:
    """What does not depend on colours and width, and the outlines of what has the keyboard."""
    checks.expect(f"{name} has headings out of order", window.page.evaluate(HEADINGS))
    checks.expect(f"{name} has no language or title", not window.page.evaluate("document.documentElement.lang && document.title"))
    window.page.keyboard.press("Tab")
    for scheme in SCHEMES:
        window.page.emulate_media(color_scheme=scheme)
        checks.expect(f"{name} does not show what has the keyboard ({scheme})", window.page.evaluate(FOCUS))


def check_page(browser: Browser, checks: Checks, url: str, name: str) -> None:
    """Everything, at an address; the error page answers with an error of its own."""
    site = re.match(r"https?://[^/]+", url)
    assert site
    checks.seen.add(url[site.end():].split("?")[0].split("#")[0])
    read: dict[bool, int] = {}
    for scripts in (False, True):
        for width, window in browser.windows_logged_in().items():
            label = f"{name}-{width}" + ("" if scripts else "-plain")
            window.open(url, scripts)
            check_shown(window, checks, label, scripts)
            checks.expect(f"{label} makes the browser complain", [c for c in window.complaints if "404" not in c or not name.startswith("error")])
            checks.expect(f"{label} asks strangers", [u for u in window.requested if not u.startswith((site.group(), "data:"))])
        read[scripts] = browser.page.evaluate(READ)
        check_structure(browser.desktop, checks, name if scripts else f"{name}-plain")
    checks.expect(f"{name} cannot be read without scripts", read[False] * 10 < read[True] * 9)


BAD_PAGE = b"""<!DOCTYPE html><html><head><style>button { outline: none } p { color: #999; background: #fff } div { width: 3000px; height: 1px }</style></head>
<body><main><h1>One</h1><h3>Three</h3><p>pale</p><button></button><div></div>
<details><summary>in <a href="/">two</a></summary></details><img src="http://127.0.0.1:9/x" alt="x"><script>1</script></main></body></html>"""


def check_the_checks(browser: Browser, checks: Checks) -> None:
    """A page with every fault: each is found."""
    class Handler(served.Handler):
        def do_GET(self) -> None:
            self.reply(200, BAD_PAGE, {"Content-Type": "text/html", "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"})

    with served.Served(Handler) as server:
        browser.desktop.open(server.url)
        page = browser.page
        page.keyboard.press("Tab")
        end = time.monotonic() + WAIT_S
        while len(policy := [c for c in browser.desktop.complaints if "Content Security Policy" in c]) < 2 and time.monotonic() < end:
            page.wait_for_timeout(50)  # the browser tells of them when it has time
        found = {"overflow": page.evaluate(OVERFLOW), "contrast": "pale" in page.evaluate(CONTRAST), "headings": page.evaluate(HEADINGS) == "levels 1,3",
                 "focus": "<button>" in page.evaluate(FOCUS), "policy": len(policy) == 2, "stranger": "http://127.0.0.1:9/x" in browser.desktop.requested,
                 "axe": {"button-name", "color-contrast", "document-title", "heading-order", "html-has-lang", "nested-interactive"} <= set(re.findall(r"([a-z-]+): <", run_axe(page)))}
    checks.expect("faults are overlooked", [name for name, there in found.items() if not there])


def pages_not_seen(checks: Checks) -> list[str]:
    """Patterns of the server's pages (services/web/routes.c) that no address fits that was looked at."""
    text = (ROOT / "services/web/routes.c").read_text(encoding="utf-8")
    patterns = re.findall(r'\b(?:OWN_|STORED_)?PAGE\("([^"]+)", "', text) + re.findall(r'\.pattern = "([^"]+)",\s*\.kind = ROUTE_PAGE,\s*\.template', text)
    assert len(patterns) > 15, patterns
    return [pattern for pattern in patterns
            if not any(re.fullmatch(re.sub(r"\\\{[a-z]+(\\\.\\\.\\\.)?\\\}", lambda m: ".*" if m[1] else "[^/]+", re.escape(pattern)) + "/?", path) for path in checks.seen)]
