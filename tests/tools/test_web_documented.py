#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-only
"""The reference names every address that is served and every metric that is told, with its labels, and none that is not."""
from __future__ import annotations

import re
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs/reference"
# As the reference writes what a pattern catches.
NAMES = {"package": "PKG", "release": "REL", "arch": "ARCH", "run": "RUNID", "name": "NAME", "ppa": "PPA", "prefix": "P", "uuid": "UUID", "container": "CONTAINER",
         "object...": "…", "path...": "…"}


def joined(source: str) -> str:
    """C with its neighbouring strings made one."""
    return re.sub(r'"\s*\n?\s*"', "", source)


class Metrics(unittest.TestCase):
    def told(self, *sources: str) -> dict[str, set[str]]:
        text = joined("".join((ROOT / source).read_text(encoding="utf-8") for source in sources))
        names = dict.fromkeys(re.findall(r'"(autopkgtest_[a-z_]+)"', text))
        labels = {name: set(re.findall(r"([a-z]+)=", more)) for name, more in re.findall(r'(?:"|\\n)(autopkgtest_[a-z_]+)(?:\{([^}]*)\})? %', text)}
        return {name: labels.get(name, set()) for name in {*names, *labels}}

    def documented(self, chapter: str) -> dict[str, set[str]]:
        text = (DOCS / "metrics.md").read_text(encoding="utf-8").split(f"## {chapter}\n")[1].split("\n## ")[0]
        return {name: set(labels.replace(",", " ").split()) for name, labels in re.findall(r"^\| (autopkgtest_\w+) \| ([^|]*)\|", text, re.M)}

    def test_those_of_the_web_service_are_those_of_the_reference(self) -> None:
        told = self.told("services/web/page_metrics.c")
        self.assertGreater(len(told), 9)
        self.assertEqual(told, self.documented("Of the web service"))

    def test_those_of_each_unit_are_those_of_the_reference(self) -> None:
        told = self.told("services/metrics/collect.c")
        self.assertGreater(len(told), 8)
        for name in ("autopkgtest_disk_free_bytes", "autopkgtest_disk_size_bytes"):  # whose name is chosen when it is told
            told[name] = {"place"}
        self.assertEqual(told, self.documented("Of each unit"))


class Addresses(unittest.TestCase):
    def test_every_address_is_in_the_reference(self) -> None:
        text = "".join((DOCS / page).read_text(encoding="utf-8") for page in ("web.md", "store.md"))
        spans = set(re.findall(r"`([^`]+)`", text)) | set(re.findall(r"`(?:[A-Z]+ )?(/[^` ?]*)", text))
        patterns = set(re.findall(r'"(/[^"]*)"', (ROOT / "services/web/routes.c").read_text(encoding="utf-8")))
        self.assertGreater(len(patterns), 40)
        missing = []
        for pattern in patterns:
            address = re.sub(r"\{([^}]+)\}", lambda found: NAMES[found[1]], pattern)
            if not pattern.startswith("/api/v1/") and address not in spans and address.replace("/packages/PKG/REL/ARCH/", "…/") not in spans:
                missing.append(address)
        self.assertEqual(sorted(missing), [])


if __name__ == "__main__":
    unittest.main()
