# SPDX-License-Identifier: GPL-3.0-only
"""What has to be true of every page: looked at in two widths, light and dark, with and without scripts."""
from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import served
from chromium import Chromium
from webserver import ROOT

SIZES = {390: 844, 1280: 900}
SCHEMES = ("light", "dark")
NAMED_ROLES = {"link", "button", "textbox", "searchbox", "combobox", "listbox", "checkbox", "radio", "spinbutton", "slider", "DisclosureTriangle", "image"}
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
    """Counts, says what is wrong, and knows which pages were looked at."""

    def __init__(self, shots: Path) -> None:
        self.passed = self.failed = 0
        self.shots = shots
        self.seen: set[str] = set()

    def expect(self, name: str, wrong: object) -> None:
        if wrong:
            self.failed += 1
            print(f"FAILED  {name}: {wrong}", flush=True)
        else:
            self.passed += 1


def press_key(browser: Chromium, key: str, code: int) -> None:
    for kind in ("keyDown", "keyUp"):
        browser.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code)


def without_name(browser: Chromium) -> str:
    """What assistive technology would announce by its role alone."""
    bad: list[dict[str, Any]] = [node for node in browser.call("Accessibility.getFullAXTree")["nodes"]
                                 if not node["ignored"] and node["role"].get("value") in NAMED_ROLES and not node.get("name", {}).get("value", "").strip()]
    return " | ".join(f"{node['role']['value']}: {browser.call('DOM.describeNode', backendNodeId=node['backendDOMNodeId'])['node'].get('attributes')}"
                      for node in bad[:3])


def check_shown(browser: Chromium, checks: Checks, label: str, shot: bool = True) -> None:
    """The page that is open now, light and dark, in the width that is set."""
    for scheme in SCHEMES:
        browser.scheme(scheme)
        checks.expect(f"{label}-{scheme} overflows", browser.evaluate(OVERFLOW))
        checks.expect(f"{label}-{scheme} has text that is hard to read", browser.evaluate(CONTRAST))
        if shot:
            browser.screenshot(checks.shots / f"{label}-{scheme}.png")


def check_structure(browser: Chromium, checks: Checks, name: str) -> None:
    """What does not depend on colours and width, and the outlines of what has the keyboard."""
    checks.expect(f"{name} has something without a name", without_name(browser))
    checks.expect(f"{name} has headings out of order", browser.evaluate(HEADINGS))
    checks.expect(f"{name} has no language or title", not browser.evaluate("document.documentElement.lang && document.title"))
    press_key(browser, "Tab", 9)
    for scheme in SCHEMES:
        browser.scheme(scheme)
        checks.expect(f"{name} does not show what has the keyboard ({scheme})", browser.evaluate(FOCUS))


def check_page(browser: Chromium, checks: Checks, url: str, name: str) -> None:
    """Everything, at an address; the error page answers with an error of its own."""
    site = re.match(r"https?://[^/]+", url)
    assert site
    checks.seen.add(url[site.end():].split("?")[0].split("#")[0])
    read: dict[bool, int] = {}
    for scripts in (True, False):
        browser.call("Emulation.setScriptExecutionDisabled", value=not scripts)
        for width, height in SIZES.items():
            label = f"{name}-{width}" + ("" if scripts else "-plain")
            browser.look(width, height)
            browser.open(url)
            check_shown(browser, checks, label, scripts)
            checks.expect(f"{label} makes the browser complain", [c for c in browser.complaints() if "404" not in c or not name.startswith("error")])
            checks.expect(f"{label} asks strangers", [u for u in browser.requested() if not u.startswith((site.group(), "data:"))])
        read[scripts] = browser.evaluate(READ)
        check_structure(browser, checks, name if scripts else f"{name}-plain")
    browser.call("Emulation.setScriptExecutionDisabled", value=False)
    checks.expect(f"{name} cannot be read without scripts", read[False] * 10 < read[True] * 9)


BAD_PAGE = b"""<!DOCTYPE html><html><head><style>button { outline: none } p { color: #999; background: #fff } div { width: 3000px; height: 1px }</style></head>
<body><main><h1>One</h1><h3>Three</h3><p>pale</p><button></button><div></div><img src="http://127.0.0.1:9/x" alt="x"><script>1</script></main></body></html>"""


def check_the_checks(browser: Chromium, checks: Checks) -> None:
    """A page with every fault: each is found."""
    class Handler(served.Handler):
        def do_GET(self) -> None:
            self.reply(200, BAD_PAGE, {"Content-Type": "text/html", "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"})

    with served.Served(Handler) as server:
        browser.look(1280, 900)
        browser.open(server.url)
        press_key(browser, "Tab", 9)
        policy = [c for c in browser.complaints() if "Content Security Policy" in c]
        found = {"overflow": browser.evaluate(OVERFLOW), "contrast": "pale" in browser.evaluate(CONTRAST), "headings": browser.evaluate(HEADINGS) == "levels 1,3",
                 "focus": "<button>" in browser.evaluate(FOCUS), "name": without_name(browser).startswith("button"), "policy": len(policy) == 2}
    checks.expect("faults are overlooked", [name for name, there in found.items() if not there])


def pages_not_seen(checks: Checks) -> list[str]:
    """Patterns of the server's pages (services/web/routes.c) that no address fits that was looked at."""
    text = (ROOT / "services/web/routes.c").read_text(encoding="utf-8")
    patterns = re.findall(r'\b(?:OWN_|STORED_)?PAGE\("([^"]+)", "', text) + re.findall(r'\.pattern = "([^"]+)",\s*\.kind = ROUTE_PAGE,\s*\.template', text)
    assert len(patterns) > 15, patterns
    return [pattern for pattern in patterns
            if not any(re.fullmatch(re.sub(r"\\\{[a-z]+(\\\.\\\.\\\.)?\\\}", lambda m: ".*" if m[1] else "[^/]+", re.escape(pattern)) + "/?", path) for path in checks.seen)]
