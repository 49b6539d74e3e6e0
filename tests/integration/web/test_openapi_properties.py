#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-only
"""What static/openapi.json says of /api/v1 holds for whatever is sent: schemathesis makes up requests by the document, good and bad, alone
and one after the other, the same ones each time, and holds every answer against it."""
from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import unittest
from collections import defaultdict
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "support")]
import counted  # noqa: E402  (the path comes first)
from broker import Broker  # noqa: E402
from environment import Unavailable, environment  # noqa: E402
from samples import fill_database  # noqa: E402
from waiting import wait_for  # noqa: E402
from webserver import ROOT, WebServer, build_dir  # noqa: E402

RELEASES, ARCHITECTURES = ["noble", "jammy"], ["amd64", "arm64"]
EXAMPLES = int(os.environ.get("OPENAPI_EXAMPLES", "8"))
# A cursor is known to the server alone, and a package needs a release and an architecture: the document cannot say so. Whoever is not
# heard of may run somewhere: the server asks all workers before it says that a request cannot be cancelled, which takes seconds. A
# request is known after it was cancelled.
SETTINGS = """
seed = {seed}
base-url = "{url}"
warnings = false
[headers]
X-Api-Key = "gater:the-key"
[generation]
deterministic = true
database = "none"
max-examples = {examples}
[phases.stateful]
max-steps = 3
generation.max-examples = 4
checks.use_after_free.enabled = false
[reports]
directory = "{reports}"
har.enabled = true
har.path = "{reports}/calls.har"
[[operations]]
include-operation-id = ["results", "changes"]
checks.positive_data_acceptance.expected-statuses = ["2xx", "3xx", 400]
[[operations]]
include-operation-id = "cancel"
phases.coverage.enabled = false
phases.fuzzing.enabled = false
"""
# What has to have happened, or nothing is proved.
SEEN = {("submit", 202), ("submit", 400), ("submit", 404), ("request", 200), ("request", 404), ("cancel", 200), ("results", 200), ("results", 400),
        ("changes", 200), ("changes", 400), ("packages", 200), ("test", 200), ("test", 404)}


def document_of_here() -> dict[str, object]:
    """The document with the releases and architectures that this server takes, or next to nothing that is made up would be."""
    document = json.loads((ROOT / "static/openapi.json").read_text(encoding="utf-8"))
    document["components"]["schemas"] |= {"Release": {"enum": RELEASES}, "Arch": {"enum": ARCHITECTURES}}
    return document


def calls(har: Path) -> dict[tuple[str, int], int]:
    """How often each operation had each status."""
    patterns = [(re.compile(re.sub(r"\{[a-z]+\}", "[^/]+", path)), method, operation["operationId"])
                for path, operations in document_of_here()["paths"].items() for method, operation in operations.items()]  # type: ignore[attr-defined]
    found: dict[tuple[str, int], int] = defaultdict(int)
    for entry in json.loads(har.read_text(encoding="utf-8"))["log"]["entries"]:
        path = re.sub(r"^https?://[^/]+|\?.*", "", entry["request"]["url"])
        for pattern, method, name in patterns:
            if pattern.fullmatch(path) and entry["request"]["method"].lower() == method:
                found[name, entry["response"]["status"]] += 1
    return found


class Properties(unittest.TestCase):
    def test_every_answer_is_as_the_document_says(self) -> None:
        try:
            program = environment("openapi") / "bin/schemathesis"
        except Unavailable as error:
            self.skipTest(str(error))
        targets = [str(build_dir() / name) for name in ("bin/autopkgtest-web", "bin/autopkgtest-indexer", "bin/autopkgtest-cloud", "tests/bench/fill_results")]
        subprocess.run(["make", "--no-print-directory", "-s", "-C", str(ROOT), f"BUILD={build_dir()}", *targets], check=True)
        with tempfile.TemporaryDirectory(prefix="openapi-") as place, Broker(Path(place)) as broker:
            folder = Path(place)
            (folder / "keys.json").write_text('{"gater": "the-key"}')
            (folder / "openapi.json").write_text(json.dumps(document_of_here()))
            with WebServer({"api-keys-file": str(folder / "keys.json"), "authorization": "api-key", "releases": " ".join(RELEASES),
                            "architectures": " ".join(ARCHITECTURES)},
                           {key: value for key, value in broker.settings.items() if key.startswith("RABBIT_")}) as server:
                fill_database(server)
                indexer = subprocess.Popen([build_dir() / "bin/autopkgtest-indexer"], stderr=subprocess.DEVNULL, env={"AUTOPKGTEST_CLOUD_CONFIG": str(server.dir)})
                try:
                    wait_for("the broker", lambda: json.loads(server.request("GET", "/healthz")[2])["checks"]["broker"] == "ok")
                    wait_for("the indexer", lambda: broker.is_bound("autopkgtest.events"))
                    (folder / "settings.toml").write_text(SETTINGS.format(seed=1, url=server.url, examples=EXAMPLES, reports=folder))
                    done = subprocess.run([program, "--config-file", folder / "settings.toml", "run", "--no-color", folder / "openapi.json"], cwd=folder,
                                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
                finally:
                    indexer.kill()
                    indexer.wait()
            self.assertEqual(done.returncode, 0, done.stdout)
            found = calls(folder / "calls.har")
            self.assertEqual(SEEN - set(found), set(), f"nothing made the server answer so: {dict(found)}")


if __name__ == "__main__":
    counted.main()
