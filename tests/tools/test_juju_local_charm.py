# SPDX-License-Identifier: GPL-3.0-only
"""Archives, metadata, options; the verbs' own errors; storage, resources, bundles, status."""
import json
import os
import stat
import unittest
import zipfile
from pathlib import Path

from juju_local_support import CONFIG, METADATA, JujuLocalTest, load_charm, write_charm

from juju_local import charm as charms
from juju_local.errors import JujuLocalError
from juju_local.unpack import clean_name, unpack, upgrade


class Archives(JujuLocalTest):
    def archive(self, entries: list[tuple[str, int, int, str]]) -> Path:
        """Entries of name, creator, mode, content; metadata.yaml and a hook come on their own."""
        path = self.folder / "x.charm"
        with zipfile.ZipFile(path, "w") as out:
            for name, creator, mode, content in [
                    ("metadata.yaml", 3, 0o100644, METADATA), *entries]:
                info = zipfile.ZipInfo(name)
                info.create_system = creator
                info.external_attr = mode << 16
                out.writestr(info, content)
        return path

    def unpacked(self, *entries: tuple[str, int, int, str]) -> Path:
        target = self.folder / "out"
        unpack(charms.load(self.archive([("hooks/install", 3, 0o100644, ""), *entries])), target)
        return target

    def mode(self, path: Path) -> int:
        return stat.S_IMODE(path.lstat().st_mode)

    def test_modes(self) -> None:
        old = os.umask(0o022)
        self.addCleanup(os.umask, old)
        out = self.unpacked(("dispatch", 3, 0o100755, ""), ("bin/x", 0, 0o100755, ""),
                            ("actions/a", 3, 0o100644, ""), ("zero", 3, 0o100000, ""),
                            ("setuid", 3, 0o104755, ""), ("bare", 3, 0o755, ""))
        self.assertEqual([self.mode(out / n) for n in (
            "hooks/install", "dispatch", "bin/x", "actions/a", "zero", "setuid", "bare")],
            [0o744, 0o755, 0o644, 0o644, 0, 0o755, 0o755])

    def test_links(self) -> None:
        out = self.unpacked(("src/charm", 3, 0o100755, "x"), ("hooks/start", 3, 0o120777,
                                                              "../src/charm"))
        self.assertEqual((out / "hooks/start").read_text(), "x")
        for target, message in (("/etc/passwd", "is absolute"), ("../../x", "leads out of scope")):
            with self.assertRaisesRegex(JujuLocalError, message):
                self.unpacked(("hooks/start", 3, 0o120777, target))

    def test_special_files(self) -> None:
        with self.assertRaisesRegex(JujuLocalError, "unknown file type"):
            self.unpacked(("fifo", 3, 0o010644, ""))

    def test_names_cannot_leave_the_directory(self) -> None:
        self.assertEqual([clean_name(n) for n in ("/a", "../../b", "c/../d", "./e", "..")],
                         ["a", "b", "d", "e", ""])

    def test_upgrade(self) -> None:
        out = self.folder / "out"
        old = charms.load(self.archive([("hooks/install", 3, 0o100755, ""),
                                        ("lib/gone", 3, 0o100644, "")]))
        files = unpack(old, out)
        (out / "mine").write_text("")
        new = charms.load(self.archive([("hooks/install", 3, 0o100755, "n"),
                                        ("lib", 3, 0o100644, "a file now")]))
        upgrade(new, out, files)
        self.assertEqual(sorted(p.name for p in out.iterdir()),
                         ["hooks", "lib", "metadata.yaml", "mine"])

    def refused(self, message: str, path: Path) -> None:
        with self.assertRaisesRegex(JujuLocalError, message):
            charms.load(path)

    def test_no_charm(self) -> None:
        self.refused("has no hooks nor dispatch file", self.archive([]))
        (self.folder / "junk").write_text("x")
        self.refused("not a zip file", self.folder / "junk")
        self.refused("no charm was found", self.folder / "absent")

    def bad(self, message: str, **parts: str) -> None:
        with self.assertRaisesRegex(JujuLocalError, message):
            load_charm(write_charm(self.folder / f"bad{os.urandom(4).hex()}", **parts))

    def test_metadata(self) -> None:
        self.bad("metadata: summary: expected string", metadata="name: x\ndescription: d\n")
        self.bad("reserved relation name", metadata=METADATA.replace("db:", "juju-db:"))
        self.bad("container scope", metadata=METADATA + "subordinate: true\n")
        self.bad("storage.d.type", metadata=METADATA + "storage: {d: {type: x}}\n")
        self.bad("resources.r.filename", metadata=METADATA
                 + "resources: {r: {type: file, filename: a/b}}\n")
        load_charm(write_charm(self.folder / "ok", metadata=METADATA + "unknown-key: 1\n"))

    def test_config(self) -> None:
        self.bad('invalid config default: option "x" expected int, got "1"',
                 config='options: {x: {type: int, default: "1"}}')
        self.bad("unknown type", config="options: {x: {type: list}}")
        self.bad("options: expected map", config="{}")

    def test_actions(self) -> None:
        self.bad("bad action name", actions="Bad: {}")
        self.bad("reserved prefix", actions="juju-x: {}")
        self.bad(r"\$ref", actions="a: {params: {p: {$ref: x}}}")
        self.bad("does not know the schema keyword", actions="a: {params: {p: {typ: string}}}")

    def test_option_values(self) -> None:
        options = load_charm(write_charm(self.folder / "c", config=CONFIG)).options
        for name, text, value in (("number", "-5", -5), ("ratio", "2", 2.0), ("flag", "T", True),
                                  ("greeting", "", "")):
            self.assertEqual(charms.parse_option(options[name], text), value)
        for name, text in (("number", "1.5"), ("number", str(2**63)), ("flag", "yes"),
                           ("key", "x"), ("ratio", "x")):
            with self.assertRaisesRegex(JujuLocalError, f'option "{name}" expected'):
                charms.parse_option(options[name], text)


class Verbs(JujuLocalTest):
    def refused(self, message: str, *words: str) -> None:
        self.juju(*words, check=False)
        self.assertEqual(self.code, 1)
        self.assertIn(message, self.err)

    def test_errors_say_what_there_is(self) -> None:
        self.deploy()
        self.refused('application "x" not found; there are: tiny', "config", "x")
        self.refused('unit "tiny/9" not found; there are: tiny/0', "show-unit", "tiny/9")
        self.refused('unknown option "x"; tiny has: big', "config", "tiny", "x=1")
        self.refused("no relations found", "integrate", "tiny", "tiny")
        self.refused('option "number" expected int, got "x"', "config", "tiny", "number=x")
        self.refused("already exists", "deploy", str(self.folder / "charm-tiny"))
        self.refused("is not in an error state", "resolve", "tiny/0")
        self.refused('has no model setting "x"', "model-config", "x=1")

    def test_ambiguous_and_double_relations(self) -> None:
        self.deploy("one")
        self.deploy("two")
        self.refused('ambiguous relation: "one two" could refer to: ', "integrate", "one", "two")
        self.juju("integrate", "one:db", "two")
        self.refused("already exists", "integrate", "one:db", "two:want")

    def test_limit(self) -> None:
        limited = METADATA.replace("{interface: tiny}}\npeers", "{interface: tiny, limit: 1}}\npeers")
        for name in ("one", "three"):
            self.deploy(name)
        self.deploy("two", metadata=limited)
        self.juju("integrate", "one:db", "two:want")
        self.refused("relation limit of 1", "integrate", "three:db", "two:want")

    def test_config_from_files(self) -> None:
        self.deploy()
        (self.folder / "v").write_text("from file")
        (self.folder / "c.yaml").write_text("tiny: {number: 7}\n")
        self.juju("config", "tiny", f"greeting=@{self.folder / 'v'}", "--file",
                  str(self.folder / "c.yaml"))
        self.assertEqual(self.juju("config", "tiny", "greeting"), "from file\n")
        self.juju("config", "tiny", "--reset", "number,greeting")
        self.assertEqual(self.model().applications["tiny"].config, {})

    def test_status(self) -> None:
        self.deploy(extra={"start": "status-set active 'all well'; open-port 80"})
        text = self.juju("status")
        self.assertRegex(text, r"tiny/0\*\s+active\s+idle\s+0\s+127.0.0.1\s+80/tcp\s+all well")
        data = json.loads(self.juju("status", "--format=json"))
        unit = data["applications"]["tiny"]["units"]["tiny/0"]
        self.assertEqual(unit["workload-status"]["current"], "active")
        self.assertEqual(unit["open-ports"], ["80/tcp"])

    def test_status_without_a_status_is_unknown(self) -> None:
        self.deploy()
        self.assertEqual(self.model().units["tiny/0"].workload.status, "unknown")

    def test_wait_for(self) -> None:
        self.deploy(extra={"update-status": "status-set active"})
        self.juju("wait-for", "unit", "tiny/0", "--interval", "0.01", "--timeout", "180")
        self.juju("wait-for", "application", "tiny", "--query", 'status=="blocked"',
                  "--interval", "0.01", "--timeout", "0.1", check=False)
        self.assertIn("timed out", self.err)

    def test_storage(self) -> None:
        self.deploy(metadata=METADATA + "storage: {data: {type: filesystem, multiple: {range: 0+}}}",
                    hooks=["data-storage-attached", "data-storage-detaching"])
        self.juju("add-storage", "tiny/0", "data")
        self.assertEqual(self.ran("tiny/0"), ["data-storage-attached data/0"])
        self.exec("tiny/0", "echo kept > $(storage-get -s data/0 location)/f")
        self.assertEqual(self.exec("tiny/0", "storage-list; storage-get -s data/0 kind"),
                         "data/0\nfilesystem\n")
        self.juju("detach-storage", "data/0")
        self.assertEqual(self.ran("tiny/0")[-1], "data-storage-detaching data/0")
        self.juju("add-unit", "tiny")
        self.juju("attach-storage", "tiny/1", "data/0")
        self.assertEqual(self.exec("tiny/1", "cat $(storage-get -s data/0 location)/f"), "kept\n")
        self.assertEqual(self.exec("tiny/1", "storage-add data=2; echo ok"), "ok\n")
        self.assertEqual(len(self.model().storage), 3)

    def test_resource(self) -> None:
        (self.folder / "r").write_text("content")
        folder = write_charm(self.folder / "c", metadata=METADATA
                             + "resources: {blob: {type: file, filename: b.bin}}\n")
        self.juju("deploy", folder, "--resource", f"blob={self.folder / 'r'}")
        out = self.exec("tiny/0", "p=$(resource-get blob); cat $p; basename $p; "
                                  "resource-get blob | tail -c 1; resource-get no 2>/dev/null || "
                                  "echo $?; resource-get 2>/dev/null || echo $?")
        self.assertEqual(out, "contentb.bin\nn1\n2\n")

    def test_bundle(self) -> None:
        write_charm(self.folder / "c")
        (self.folder / "blob").write_bytes(b"\x01")
        (self.folder / "bundle.yaml").write_text("""
applications:
  one: {charm: ./c, num_units: 2, options: {greeting: include-base64://blob}}
  two: {charm: ./c, num_units: 1, to: ["one/1"]}
relations:
- ["one:db", "two:want"]
""")
        self.juju("deploy", self.folder / "bundle.yaml")
        self.assertEqual(sorted(self.model().units), ["one/0", "one/1", "two/0"])
        self.assertEqual(self.model().units["two/0"].machine, self.model().units["one/1"].machine)
        self.assertEqual(self.juju("config", "one", "greeting"), "AQ==\n")
        self.juju("deploy", self.folder / "bundle.yaml")
        self.assertEqual(len(self.model().units), 3)

    def bundle(self, text: str, *words: object, code: int = 0) -> str:
        (self.folder / "bundle.yaml").write_text(text)
        self.juju("deploy", self.folder / "bundle.yaml", *words, check=code == 0)
        self.assertEqual(self.code, code)
        return self.err

    def test_bundle_with_overlay(self) -> None:
        """What an overlay names is relative to the overlay; an application without anything goes with its relations."""
        (self.folder / "own").mkdir()
        write_charm(self.folder / "own/c")
        (self.folder / "own/overlay.yaml").write_text("""
applications:
  one: {charm: ./c, options: {greeting: hello}}
  three:
machines: {"4": {}}
""")
        self.bundle("""
applications:
  one: {charm: from-the-store, num_units: 2, to: [4], options: {greeting: no, number: 7}}
  two: {charm: ./own/c, num_units: 2, to: [one]}
  three: {charm: ./own/c}
relations:
- ["one:db", "two:want"]
- ["three:db", "two:want"]
""", "--overlay", self.folder / "own/overlay.yaml", "--machine-option", "speed=3")
        model = self.model()
        self.assertEqual(sorted(model.units), ["one/0", "one/1", "two/0", "two/1"])
        self.assertEqual({u.machine for u in model.units.values()}, {model.units["one/0"].machine})
        self.assertEqual((self.juju("config", "one", "greeting"), self.juju("config", "one", "number")), ("hello\n", "7\n"))
        self.assertEqual([r.key() for r in model.relations.values() if "two:want" in r.key()], ["two:want one:db"])
        self.assertEqual(model.applications["two"].machine_options, {"speed": 3})

    def test_bundle_that_cannot_be_deployed(self) -> None:
        write_charm(self.folder / "c")
        for entry, more, message in (
                ("num_units: 1, bindings: {'': alpha}", "", 'application "one": juju-local has no spaces and cannot do bindings'),
                ("num_units: 1, placement: x", "", "juju-local has no Kubernetes and cannot do placement"),
                ("numunits: 1", "", 'juju-local does not know "numunits"'),
                ("num_units: 1, to: ['lxd:0']", "machines: {'0': }", 'juju-local has no containers and cannot do "lxd:0"'),
                ("num_units: 1, to: [3]", "machines: {'0': }", '"3" is neither in the bundle\'s machines nor an application or unit'),
                ("num_units: 1, to: [0, 1]", "machines: {'0': , '1': }", "too many units specified in unit placement"),
                ("num_units: 1", "machines: {a: }", 'machines: expected a number, got "a"'),
                ("num_units: 1", "machines: {'0': {cpu: 1}}", 'machine "0": juju-local does not know "cpu"'),
                ("num_units: 1", "relations: [[one]]", "expected a list of two endpoints"),
                ("num_units: 1", "saas: {x: {url: y}}", "juju-local has one model and cannot do saas")):
            with self.subTest(message=message):
                self.assertIn(message, self.bundle(f"applications:\n  one: {{charm: ./c, {entry}}}\n{more}\n", code=1))
                self.assertEqual(self.model().units, {})
        self.assertIn("not supported when deploying a bundle: NAME, -n", self.bundle("applications: {}", "x", "-n", "2", code=1))

    def test_destroy(self) -> None:
        self.deploy()
        self.juju("destroy", "--yes")
        self.assertEqual(self.model().units, {})
        self.assertIn("is empty", self.juju("status"))


if __name__ == "__main__":
    unittest.main()
