"""What a gating program asks of the results' address, as it would ask a Swift: the same wherever they are kept."""

# SPDX-License-Identifier: GPL-3.0-only
from __future__ import annotations

import json
import unittest
import urllib.parse

from samples import FOLDER, RUN
from webserver import WebServer


def check_listings(test: unittest.TestCase, server: WebServer) -> None:
    def ask(container: str, **query: str) -> tuple[int, str]:
        status, _, body = server.request("GET", f"/results/{container}?{urllib.parse.urlencode(query)}", None, {"User-Agent": "Python-urllib/3.11"})
        return status, body.decode()

    package = "noble/amd64/g/gzip/"
    newer = {"prefix": package, "delimiter": "@", "marker": f"{package}{RUN[:-2]}", "end_marker": f"{package}{RUN}~"}
    status, text = ask("autopkgtest-noble", prefix=package, delimiter="@")
    test.assertEqual((status, f"{package}{RUN}" in text.split()), (200, True))
    test.assertEqual(ask("autopkgtest-noble", **newer), (200, f"{package}{RUN}\n"))
    test.assertEqual(ask("autopkgtest-noble", prefix=package, delimiter="@", marker=f"{package}9"), (204, ""))
    files = json.loads(ask("autopkgtest-noble", prefix=f"{FOLDER}/", limit="1", format="json")[1])
    test.assertEqual([file["name"] for file in files], [f"{FOLDER}/artifacts.tar.gz"])
    test.assertGreater(files[0]["bytes"], 1000)
    test.assertRegex(files[0]["last_modified"], r"^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d")
    test.assertEqual(json.loads(ask("autopkgtest-noble", **newer, format="json")[1]), [{"subdir": f"{package}{RUN}"}])
    test.assertEqual(ask("autopkgtest-none", prefix=package)[0], 401, "as Swift says that there is none")
    test.assertEqual(ask("autopkgtest-noble", limit="many")[0], 412)
    status, headers, _ = server.request("GET", "/results/autopkgtest-noble", None, {"Accept": "text/html"})
    test.assertEqual((status, headers["location"]), (301, "/results/autopkgtest-noble/"))
