# SPDX-License-Identifier: GPL-3.0-only
"""The table of actions' runs (tests/support/action_calls.py) leaves nothing out: each action, and each parameter with a good value and a
bad one. The machines' tests play it; what the documents print is what it says."""
from __future__ import annotations

import re
import sys
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/support"))
import action_calls  # noqa: E402  (the path comes first)
from action_calls import Bad, Good, Step  # noqa: E402
from test_actions_documented import ACTIONS, PAGE, examples, params  # noqa: E402

ROWS = [row for group in action_calls.GROUPS.values() for row in group if not isinstance(row, Step)]
SUITES = {name: (ROOT / "tests/machine" / name).read_text() for name in ("test-actions", "test-lxd")}


def of(row: Bad) -> set[str]:
    """The parameters whose fault it is."""
    names = set(ACTIONS[row.action].get("params", {}))
    return {row.of} if row.of else {name for name in names if re.search(rf'(?:^|[:"\s]){name}(?:\[\d+\])?"?(?: :|:| property)', " ".join(row.says))}


def keys(action: str) -> tuple[set[str], set[str]]:
    """Those of results that an action always gives, and all that it may give: patterns."""
    given = [{re.sub(r"\{\w+\}|(?<=^user-).*", "[a-z0-9-]+", key) for key in row.results} for row in ROWS if isinstance(row, Good) and row.action == action]
    return set.intersection(*given), set.union(*given)


class Table(unittest.TestCase):
    maxDiff = None

    def test_it_has_exactly_the_actions_there_are(self) -> None:
        for kind in (Good, Bad):
            self.assertEqual({row.action for row in ROWS if isinstance(row, kind)}, set(ACTIONS))

    def test_every_parameter_has_a_good_value_and_a_bad_one(self) -> None:
        known = {(name, param) for name, action in ACTIONS.items() for param in action.get("params", {})}
        self.assertEqual({(row.action, param) for row in ROWS if isinstance(row, Good) for param in row.params}, known)
        self.assertEqual({(row.action, param) for row in ROWS if isinstance(row, Bad) for param in of(row)}, known)

    def test_every_needed_parameter_is_missing_once(self) -> None:
        needed = {(name, param) for name, action in ACTIONS.items() for param in action.get("required", [])}
        missing = {(row.action, param) for row in ROWS if isinstance(row, Bad) for param in of(row) - set(row.params)}
        self.assertLessEqual(needed, missing)

    def test_every_word_of_an_enum_is_used(self) -> None:
        for name, action in ACTIONS.items():
            for param, schema in action.get("params", {}).items():
                used = {row.params.get(param, schema.get("default")) for row in ROWS if isinstance(row, Good) and row.action == name}
                self.assertLessEqual(set(schema.get("enum", [])), used, (name, param))

    def test_the_machines_play_all_of_it(self) -> None:
        played = re.findall(r'self\.play\("(\w+)"\)', "".join(SUITES.values()))
        self.assertEqual(sorted(played), sorted(action_calls.GROUPS))
        steps = {row.name for group in action_calls.GROUPS.values() for row in group if isinstance(row, Step)}
        defined = set(re.findall(r"def (\w+)\(self\) -> None:", "".join(SUITES.values())))
        self.assertLessEqual(steps, defined)

    def test_a_wrong_result_is_told(self) -> None:
        row = Good("drain", {}, {"{place}-workers": "2", "of": re.compile(r"\d+")})
        known = {"place": "local"}
        self.assertEqual(action_calls.compare(row, {"local-workers": "2", "of": "3"}, known), "")
        for results in ({"local-workers": "3", "of": "3"}, {"local-workers": "2"}, {"local-workers": "2", "of": "3", "more": ""}, {"local-workers": "2", "of": "3x"}):
            self.assertNotEqual(action_calls.compare(row, results, known), "", results)
        listed = action_calls.Requests(("gzip", {"triggers": ["gzip/1"]}))
        self.assertTrue(listed.fits('gzip {"triggers":["gzip/1"],"uuid":"1"}\n'))
        self.assertFalse(listed.fits('gzip {"triggers":["gzip/2"],"uuid":"1"}\n'))
        self.assertFalse(listed.fits(""))

    def test_documents_print_the_results_that_there_are(self) -> None:
        shown = 0
        for example in examples(PAGE.read_text()):
            if not example.printed:
                continue
            shown += 1
            with self.subTest(example=example):
                always, ever = keys(example.action)
                self.assertEqual({key for key in example.printed if not any(re.fullmatch(pattern, key) for pattern in ever)}, set(), "never given")
                if example.whole:
                    self.assertEqual({pattern for pattern in always if not any(re.fullmatch(pattern, key) for key in example.printed)}, set(), "left out")
        self.assertGreaterEqual(shown, len(ACTIONS) - 1)

    def test_values_reach_juju_as_they_are_meant(self) -> None:
        """What `juju run` reads as YAML is a text where a text is wanted."""
        for row in ROWS:
            if isinstance(row, Good):
                for param, value in row.params.items():
                    kind = {"string": str, "integer": int, "boolean": bool}[ACTIONS[row.action]["params"][param]["type"]]
                    text = re.sub(r"\{\w+\}", "word", value).replace("'", "'\\''")
                    self.assertIs(type(params(f"'{param}={text}'")[param]), kind, (row.action, param, value))


if __name__ == "__main__":
    unittest.main()
