# SPDX-License-Identifier: GPL-3.0-only
"""A pull request is tested, and its commit told how that went."""
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
from journey import UPSTREAM, connected, take, text
from page_checks import Checks, check_page
from samples import LOG, message, run_of_day
from waiting import wait_for
from webserver import WebServer, build_dir


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
