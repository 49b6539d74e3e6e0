# SPDX-License-Identifier: GPL-3.0-only
"""What people do, in a browser: follow tests while they run, request one, read private results, look after a pull request."""
from __future__ import annotations

import contextlib
import gzip
import json
import subprocess
import tempfile
import time
import urllib.parse
from pathlib import Path
from typing import Any, Iterator

from broker import Broker
from browser import Browser
from github import GitHub, pull_request, signature
from launchpad import Launchpad
from openid_provider import OpenIdProvider
from page_checks import Checks, check_page, check_rules, check_shown, check_structure
from samples import LOG, RUN, fill_database, message, run_of_day
from waiting import wait_for
from webserver import WebServer, build_dir

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


# ---- tests that run

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
        time.sleep(1)  # pages are kept for a second
        for name, path in {"live": "/running", "queue": "/queues?context=ubuntu&release=noble&arch=amd64", "waiting": "/queues", "busy": "/"}.items():
            check_page(browser, checks, server.url + path, name)
        browser.desktop.open(server.url + "/running")
        # As workers do, again and again: the browser may not listen yet.
        wait_for("a test that has begun", lambda: announce(broker, "systemd") or "systemd\non noble amd64" in text(browser))
        checks.expect("tests are not counted", total() != "2")
        browser.page.locator("details summary").first.click()
        wait_for("the log", lambda: announce(broker, "coreutils", logtail="the next line\n") or "the next line" in text(browser))
        announce(broker, "coreutils", running=False)
        wait_for("the end", lambda: "ended after 1m 15s" in text(browser))
        checks.expect("a test that has ended counts still", total() != "1")
        checks.expect("the live page makes the browser complain", browser.desktop.complaints)
        check_shown(browser.desktop, checks, "live-ended")
    broker.purge(QUEUE)


# ---- a request

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
        check_rules(browser.desktop, checks, "requested", "light")
        checks.seen.add("/request.cgi")
        press(browser, "main a[href^='/requests/'], main .files a.quiet", "request")
        browser.desktop.open(form)
        press(browser, "form.request button", "That is not allowed")
        checks.expect("the same request once more is not refused", "queued" not in text(browser))
        check_shown(browser.desktop, checks, "refused")
        check_structure(browser.desktop, checks, "refused")
        check_rules(browser.desktop, checks, "refused", "light")
        press(browser, "form.login button", "autopkgtest")
        checks.expect("who has logged out is known", "Log in" not in text(browser, "header"))
        checks.expect("not one request is queued", len(take(broker, QUEUE)) != 1)


# ---- private results

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


# ---- a pull request

@contextlib.contextmanager
def indexed(server: WebServer, broker: Broker) -> Iterator[None]:
    indexer = subprocess.Popen([build_dir() / "bin/autopkgtest-indexer"], stderr=subprocess.DEVNULL, env={"AUTOPKGTEST_CLOUD_CONFIG": str(server.dir)})
    try:
        wait_for("the indexer", lambda: broker.is_bound("autopkgtest.events", "autopkgtest-github"))
        yield
    finally:
        indexer.kill()
        indexer.wait()


def told(github: GitHub, count: int) -> dict[str, Any]:
    """What GitHub was told last, of so many statuses."""
    wait_for(f"{count} statuses", lambda: len(github.told) >= count)
    assert len(github.told) == count, github.told
    return github.told[-1][2]


def send_webhook(server: WebServer, github: GitHub, secret: str) -> int:
    body = pull_request(f"{github.url}/repos/systemd/systemd/statuses/abc")
    query = urllib.parse.urlencode({"package": "systemd-upstream", "release": "noble", "arch": "amd64", "ppa": "upstream-ci/systemd"})
    return server.request("POST", f"/request.cgi?{query}", body, {"X-GitHub-Event": "pull_request", "Content-Type": "application/json"} | signature(secret, body))[0]


def follow(server: WebServer, broker: Broker, uuid: str) -> None:
    """What a worker tells of a request whose first testbed fails."""
    event = {"uuid": uuid, "worker": "autopkgtest-dispatcher-production/12/lcy02-amd64-17", "package": "systemd-upstream", "release": "noble", "architecture": "amd64"}
    for state, more in (("running", {}), ("waiting", {"reason": "the testbed failed: timed out on waiting for ssh connection to adt-noble-amd64-systemd-upstream-20260115"}), ("running", {})):
        broker.publish(json.dumps(event | more | {"state": state, "time": int(time.time() * 1e6)}), exchange="autopkgtest.events")
    wait_for("the history", lambda: len(json.loads(server.request("GET", f"/api/v1/requests/{uuid}")[2])["history"]) == 4)


def check_pull_request(browser: Browser, checks: Checks, broker: Broker) -> None:
    """GitHub tells of a pull request; its commit links to the request while it waits, then to the log."""
    container, folder = "autopkgtest-noble-upstream-ci-systemd", f"noble/amd64/s/systemd-upstream/{run_of_day(0)}"
    with tempfile.TemporaryDirectory(prefix="browser-") as place, GitHub() as github:
        secrets, credentials = Path(place) / "secrets.json", Path(place) / "credentials.json"
        secrets.write_text('{"systemd-upstream": "the secret"}')
        credentials.write_text('{"ci-user": "the-token"}')
        settings = {"github-secrets-file": str(secrets), "github-credentials-file": str(credentials), "github-api-url": github.url}
        with connected(settings, broker) as server, indexed(server, broker):
            checks.expect("a webhook with another signature is taken", send_webhook(server, github, "a guess") != 403)
            checks.expect("a signed webhook is not taken", send_webhook(server, github, "the secret") != 202)
            pending = told(github, 1)
            checks.expect("the commit is not pending", pending["state"] != "pending")
            page = server.url + urllib.parse.urlparse(pending["target_url"]).path
            check_page(browser, checks, page, "pull-request")
            checks.expect("the request is not shown as queued", "queued" not in text(browser))
            follow(server, broker, page.rpartition("/")[2])
            check_page(browser, checks, page, "request-history")
            checks.expect("the history scrolls sideways", [width for width, window in browser.windows_logged_in().items() if window.page.evaluate(
                "[...document.querySelectorAll('.scroll')].some(e => e.scrollWidth > e.clientWidth + 1)")])
            time.sleep(1)
            wait_for("the request on its queue's page", lambda: browser.desktop.open(f"{server.url}/queues?context=upstream&release=noble&arch=amd64")
                     or "systemd-upstream" in text(browser))
            (request,) = take(broker, UPSTREAM)
            params = json.loads(request.split("\n", 1)[1])
            signed = {"X-Auth-Token": server.token()}
            server.request("PUT", f"/swift/v1/{container}", None, signed | {"X-Container-Read": ".r:*,.rlistings"})
            server.request("PUT", f"/swift/v1/{container}/{folder}/log.gz", gzip.compress(LOG.encode()),
                           signed | {"Content-Type": "text/plain; charset=UTF-8", "Content-Encoding": "gzip"})
            done = message("systemd-upstream", "noble", "amd64", run_of_day(0), 4, requester=params["requester"], triggers="", env=",".join(params["env"]))
            broker.publish(json.dumps(done | {"container": container}), exchange="testcomplete.fanout")
            final = told(github, 2)
            checks.expect("the commit has not failed", (final["state"], final["context"]) != ("failure", "noble/amd64"))
            browser.desktop.open(server.url + urllib.parse.urlparse(final["target_url"]).path)
            checks.expect("the commit's link does not lead to the log", "upstream             FAIL non-zero exit status 2" not in text(browser, "body"))
