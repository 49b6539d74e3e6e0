# SPDX-License-Identifier: GPL-3.0-only
"""Private results are refused to some, and read by who is named."""
from __future__ import annotations

import gzip

from browser import Browser
from journey import SETTINGS, press, text
from launchpad import Launchpad
from openid_provider import OpenIdProvider
from page_checks import Checks, check_page
from samples import RUN, fill_database, message
from webserver import WebServer


def check_private(browser: Browser, checks: Checks) -> None:
    """A stranger, somebody who is not named in readable-by, and who is."""
    container, folder = "private-autopkgtest-noble-me-tools", f"noble/amd64/g/gzip/{RUN}"
    with OpenIdProvider({"alice": [], "bob": []}) as provider, Launchpad() as launchpad, WebServer(
            SETTINGS | {"authorization": "launchpad", "login-url": provider.url, "launchpad-api-url": launchpad.url}) as server:
        secret = message("gzip", "noble", "amd64", RUN, 0, requester="alice")
        fill_database(server, [secret | {"container": container}])
        signed = {"X-Auth-Token": server.token()}
        server.request("PUT", f"/swift/v1/{container}", None, signed | {"X-Container-Read": "*:me"})
        for name, body, headers in (("readable-by", b"alice", {}), ("log.gz", gzip.compress(b"for alice alone\n"),
                                    {"Content-Type": "text/plain; charset=UTF-8", "Content-Encoding": "gzip"})):
            server.request("PUT", f"/swift/v1/{container}/{folder}/{name}", body, signed | headers)
        page = f"{server.url}/private-results/{container}/{folder}/"
        browser.desktop.open(page)
        checks.expect("a stranger is not asked to log in", "Who are you?" not in browser.page.title())
        press(browser, "button[value=bob]", "There is no such result, or it is not for bob")
        check_page(browser, checks, page, "error-private")
        press(browser, "form.login button", "autopkgtest")
        browser.desktop.open(page)
        press(browser, "button[value=alice]", "log.gz")
        check_page(browser, checks, page, "private-files")
        check_page(browser, checks, f"{server.url}/private-results", "private-list")
        browser.desktop.open(f"{page}log.gz")
        checks.expect("who is named cannot read the log", text(browser, "body").strip() != "for alice alone")
        browser.desktop.open(f"{server.url}/results/{container}/{folder}/")
        checks.expect("private results are among the public ones", "log.gz" in text(browser, "body"))
