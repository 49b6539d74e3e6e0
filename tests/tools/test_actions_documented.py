# SPDX-License-Identifier: GPL-3.0-only
"""The documents about actions against actions.yaml: each action has a section with all its parameters and an example, and no command line
that the documents show is one that Juju would refuse."""
from __future__ import annotations

import re
import shlex
import sys
import unittest
from pathlib import Path
from typing import Any, NamedTuple

import yaml

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))
from juju_local import schema  # noqa: E402  (the path comes first)

ACTIONS: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "actions.yaml").read_text())
PAGE = ROOT / "docs/reference/actions.md"
# Options and units, the action, its parameters up to what ends a command in a shell or a document.
CALL = re.compile(r"juju run (?:(?:--format json|--\S+|[a-z0-9-]+/(?:\d+|leader)|UNIT) )+([a-z][a-z0-9-]*)((?:'[^'\n]*'|[^'`|>;\n])*)")


class Example(NamedTuple):
    """A command line in a document, and what the document says that it prints."""
    action: str
    params: dict[str, Any]
    printed: dict[str, Any]
    whole: bool  # nothing of what it prints is left out

    def refused(self) -> list[str]:
        return ["no such action"] if self.action not in ACTIONS else \
            schema.validate(schema.action_schema(ACTIONS[self.action], strict=True), self.params)


def params(words: str) -> dict[str, Any]:
    """As `juju run` reads them: each value is YAML."""
    return {key: yaml.safe_load(value) for key, _, value in (word.partition("=") for word in shlex.split(words))}


def sections(text: str) -> dict[str, str]:
    return {name: body for name, body in re.findall(r"^## (\S+)\n(.*?)(?=^## |\Z)", text, re.M | re.S)}


def examples(text: str) -> list[Example]:
    """Those in code blocks, whose prompt is `$`."""
    found = []
    for line, block in re.findall(r"^ {4}\$ (juju run .*)\n((?: {4}(?!\$ ).*\n)*)", text, re.M):
        call = CALL.match(line)
        if not call:
            raise AssertionError(f"not understood: {line}")
        lines = [printed[4:] for printed in block.splitlines()] if not line.endswith("|") else []
        whole = lines.count("…") == 0
        found.append(Example(call[1], params(call[2]), yaml.safe_load("\n".join(text for text in lines if text != "…")) or {}, whole))
    return found


def described(sections_: dict[str, str], name: str) -> set[str]:
    """The parameters in a section's tables, and those that it takes over from another section."""
    body = sections_[name]
    found = set()
    for table in re.findall(r"^\| parameter \| meaning \|\n\| --- \| --- \|\n((?:\|.*\n)+)", body, re.M):
        for row in table.splitlines():
            found |= set(row.split("|")[1].replace(",", " ").split())
    for other, without in re.findall(r"^The parameters of \[\S+\]\(#([a-z-]+)\)(?:, without `([a-z-]+)`)?", body, re.M):
        found |= described(sections_, other) - {without}
    return found


class Documented(unittest.TestCase):
    maxDiff = None

    def setUp(self) -> None:
        self.sections = sections(PAGE.read_text())

    def test_each_action_has_a_section_and_each_section_an_action(self) -> None:
        self.assertEqual(set(self.sections), set(ACTIONS))

    def test_the_list_leads_to_every_section(self) -> None:
        listed = re.findall(r"\[([a-z-]+)\]\(#([a-z-]+)\)", PAGE.read_text().partition("\n## ")[0])
        self.assertEqual(sorted(listed), sorted((name, name) for name in ACTIONS))

    def test_sections_describe_exactly_the_parameters(self) -> None:
        for name, action in ACTIONS.items():
            with self.subTest(action=name):
                self.assertEqual(described(self.sections, name), set(action.get("params", {})))
                self.assertEqual("No parameters." in self.sections[name], not action.get("params"))

    def test_each_action_has_an_example_in_its_section(self) -> None:
        for name in ACTIONS:
            with self.subTest(action=name):
                own = [example for example in examples(self.sections[name]) if example.action == name]
                self.assertTrue(own)
                for example in own:
                    self.assertEqual(example.refused(), [])

    def test_results_are_printed_as_texts(self) -> None:
        """What an action gives is always a text: numbers and truths are in quotes."""
        for example in examples(PAGE.read_text()):
            with self.subTest(example=example):
                self.assertEqual({key for key, value in example.printed.items() if not isinstance(value, str)}, set())

    def test_no_document_shows_what_juju_refuses(self) -> None:
        calls = 0
        for page in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))):
            for action, words in CALL.findall(page.read_text()):
                calls += 1
                with self.subTest(page=page.relative_to(ROOT), action=action, words=words):
                    self.assertEqual(Example(action, params(words), {}, True).refused(), [])
        self.assertGreater(calls, len(ACTIONS))

    def test_what_juju_refuses_is_noticed(self) -> None:
        for words, wrong in (("drain clod=local", "clod"), ("drain cloud=7", "cloud"), ("set-worker-count arch=amd64", "count"),
                             ("set-worker-count arch=amd64 count=1001", "count"), ("quota margin=ten", "margin"), ("drian", "no such action")):
            (example,) = examples(f"    $ juju run autopkgtest-cloud/0 {words}\n")
            self.assertIn(wrong, "".join(example.refused()), words)


if __name__ == "__main__":
    unittest.main()
