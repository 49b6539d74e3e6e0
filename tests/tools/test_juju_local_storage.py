# SPDX-License-Identifier: GPL-3.0-only
"""The hook tools of storage, a row for each thing that Juju's do: what they answer, refuse, and when it counts."""
import json
import unittest

from juju_local_support import METADATA, Hook, JujuLocalTest, ToolError

STORED = METADATA + """
storage:
  data: {type: filesystem, multiple: {range: 0-3}}
  disk: {type: block, multiple: {range: 0-1}}
  other: {type: filesystem}
"""
ATTACHED = Hook("data-storage-attached", "storage-attached", storage="data/0")
DIRECTIVE = 'cannot parse constraints for storage "data": '
# In a storage hook (of data/0) or another one: words, what is printed (PLACE: where data/0 is).
ANSWERS = [
    (True, "storage-list", "data/0\ndata/1\ndisk/2\nother/3\n"),
    (False, "storage-list", "data/0\ndata/1\ndisk/2\nother/3\n"),
    (False, "storage-list data", "data/0\ndata/1\n"),
    (False, "storage-list --format=json data", '["data/0","data/1"]\n'),
    (False, "storage-list nothing", ""),
    (False, "storage-list --format=json nothing", "[]\n"),
    (True, "storage-get kind", "filesystem\n"),
    (True, "storage-get location", "PLACE\n"),
    (True, "storage-get", "kind: filesystem\nlocation: PLACE\n"),
    (True, "storage-get --format=json", '{"kind":"filesystem","location":"PLACE"}\n'),
    (True, "storage-get -s disk/2 kind", "block\n"),
    (True, "storage-get kind -s other/3", "filesystem\n"),
    (False, "storage-get -s data/0 location", "PLACE\n"),
    (False, "storage-get --format=json -s data/0 location", '"PLACE"\n'),
]
# The same, with status and message.
REFUSALS = [
    (False, "storage-get", 2, "no storage instance specified"),
    (False, "storage-get kind", 2, "no storage instance specified"),
    (True, "storage-get size", 1, 'invalid storage attribute "size"'),
    (True, "storage-get kind location", 2, 'unrecognized args: ["location"]'),
    *((False, f"storage-get -s {text} kind", 2, f'invalid value "{text}" for option -s: invalid storage ID "{text}"')
      for text in ("data", "data/", "data/x", "/0", "Data/0", "data/0/1", "data-0")),
    (False, "storage-get -s data/7 kind", 2, 'invalid value "data/7" for option -s: storage "data/7" not found'),
    (False, "storage-list data other", 2, 'unrecognized args: ["other"]'),
    (False, "storage-list --size", 2, "option provided but not defined: --size"),
    (False, "storage-add", 2, "storage add requires a storage directive"),
    (False, "storage-add --count=1 data", 2, "option provided but not defined: --count"),
    *((False, f"storage-add data={text}", 2, 'only count can be specified for "data"') for text in ("1G", "pool", "pool,1", "1,10G")),
    *((False, f"storage-add data={text}", 2, f'cannot parse constraints for storage "data": {wrong} not valid') for text, wrong in (
        ("1x", 'unrecognized storage constraint "1x"'), ("1,02", "storage instance count is already set to 1, new value 2"),
        ("a,b", 'pool name is already set to "a", new value "b"'))),
    (False, "storage-add data other=1G", 2, 'only count can be specified for "other"'),
    (False, "storage-add data=", 2, DIRECTIVE + "storage constraints require at least one field to be specified"),
    *((False, f"storage-add data={text}", 2, f'{DIRECTIVE}cannot parse count: count must be greater than zero, got "{text}"') for text in ("0", "-1")),
    (False, "storage-add =1", 2, 'expected "name=constraints" or "name", got "=1"'),
]
# What is asked for, and the ids that the unit has after the hook.
ADDITIONS = [("data", ["data/4"]), ("data=1", ["data/4"])]
# What cannot be done is found when the hook has ended well, and fails it.
IMPOSSIBLE = [("nothing", 'charm storage "nothing" not found'), ("data=2", "at most 3 instance"), ("disk", "at most 1 instance"),
              ("other", "at most 1 instance")]


class StorageRows(JujuLocalTest):
    def setUp(self) -> None:
        super().setUp()
        self.deploy("tiny", "--storage", "data=2", "--storage", "disk=1", metadata=STORED)
        self.before = set(self.model().storage)

    def in_hook(self, stored: bool):
        return self.context(hook=ATTACHED if stored else Hook("update-status", "update-status"))

    def test_what_they_answer(self) -> None:
        (place,) = [s.location for s in self.model().storage.values() if s.id == "data/0"]
        shown = self.ok(self.in_hook(True), "storage-get", "location").strip()
        self.assertTrue(shown.endswith(place), shown)
        for stored, words, wanted in ANSWERS:
            with self.subTest(words=words, stored=stored):
                self.assertEqual(self.ok(self.in_hook(stored), *words.split()), wanted.replace("PLACE", shown))

    def test_what_they_refuse(self) -> None:
        for stored, words, code, message in REFUSALS:
            with self.subTest(words=words):
                self.fails(self.in_hook(stored), code, message, *words.split())
        self.assertEqual(set(self.model().storage), self.before)

    def test_what_is_added_comes_with_the_end_of_the_hook(self) -> None:
        for words, wanted in ADDITIONS:
            with self.subTest(words=words):
                ctx = self.in_hook(False)
                self.assertEqual(self.ok(ctx, "storage-add", words), "")
                self.assertNotIn(wanted[0], self.ok(ctx, "storage-list"), "the hook sees what it has asked for")
                with self.store.change() as model:
                    ctx.flush(model)
                    self.assertEqual(sorted(set(model.storage) - self.before), wanted)
                    self.assertEqual({model.storage[name].unit for name in wanted}, {"tiny/0"})
                    for name in wanted:  # the next row begins as this one did
                        del model.storage[name]
                    model.counters["storage"] = len(self.before)

    def test_what_cannot_be_added_fails_the_hook(self) -> None:
        for words, message in IMPOSSIBLE:
            with self.subTest(words=words):
                ctx = self.in_hook(False)
                self.ok(ctx, "storage-add", words)
                with self.assertRaises(ToolError) as raised, self.store.change() as model:
                    ctx.flush(model)
                self.assertIn(message, str(raised.exception))
        self.assertEqual(set(self.model().storage), self.before)

    def test_added_storage_is_attached_by_a_hook_of_its_own(self) -> None:
        self.extra("tiny/0", "update-status", "storage-add data\n")
        self.extra("tiny/0", "data-storage-attached", "storage-get --format=json >attached\n")
        hook = self.charm_dir("tiny/0") / "hooks/data-storage-attached"
        hook.write_bytes((self.charm_dir("tiny/0") / "hooks/install").read_bytes())
        hook.chmod(0o755)
        self.forget("tiny/0")
        self.juju("fire", "tiny/0", "update-status")
        self.assertEqual(self.ran("tiny/0"), ["update-status", "data-storage-attached data/4"])
        self.assertEqual(json.loads((self.charm_dir("tiny/0") / "attached").read_text())["kind"], "filesystem")


if __name__ == "__main__":
    unittest.main()
