# SPDX-License-Identifier: GPL-3.0-only
"""A test is requested, by somebody who logs in for that."""
from __future__ import annotations

from broker import Broker
from browser import Browser
from journey import QUEUE, connected, press, take, text
from launchpad import Launchpad
from openid_provider import OpenIdProvider
from page_checks import Checks, check_page, check_shown, check_structure


def check_requests(browser: Browser, checks: Checks, broker: Broker) -> None:
    """Logging in, a request, the same once more, and out again."""
    with OpenIdProvider({"alice": ["testers"]}) as provider, Launchpad() as launchpad, connected(
            {"authorization": "launchpad", "login-url": provider.url, "allowed-requestors": "testers", "launchpad-api-url": launchpad.url}, broker) as server:
        launchpad.published["primary", "noble", "gzip", "1.13"] = "main"
        form = f"{server.url}/request?package=gzip&release=noble&arch=amd64&trigger=gzip/1.13"
        check_page(browser, checks, form, "stranger")
        checks.expect("a stranger has a form", browser.page.locator("form.request").count())
        press(browser, "main a[href^='/login']", "Who are you?")
        press(browser, "button[value=nobody]", "That is not allowed")
        checks.expect("a cancelled login does not say so", "cancelled" not in text(browser))
        browser.desktop.open(form)
        press(browser, "main a[href^='/login']", "Who are you?")
        press(browser, "button[value=alice]", "Request a test")
        checks.expect("the page does not say who is logged in", "alice" not in text(browser, "header"))
        checks.expect("the form is not as it was before", browser.page.locator("[name=package]").input_value() != "gzip")
        check_page(browser, checks, form, "known")
        press(browser, "form.request button", "Requested")
        check_shown(browser.desktop, checks, "requested")
        check_structure(browser.desktop, checks, "requested")
        checks.seen.add("/request.cgi")
        press(browser, "main a[href^='/requests/'], main .files a.quiet", "request")
        browser.desktop.open(form)
        press(browser, "form.request button", "That is not allowed")
        checks.expect("the same request once more is not refused", "queued" not in text(browser))
        check_shown(browser.desktop, checks, "refused")
        check_structure(browser.desktop, checks, "refused")
        check_page(browser, checks, f"{server.url}/logout", "logout")
        press(browser, "form.request button", "autopkgtest")
        checks.expect("who has logged out is known", "Log in" not in text(browser, "header"))
        checks.expect("not one request is queued", len(take(broker, QUEUE)) != 1)
