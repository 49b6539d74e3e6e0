# SPDX-License-Identifier: GPL-3.0-only
"""Juju's rules of a charm's files and its archive, row by row: what juju-local says of each, and, where Go is at hand, whether Juju's own
library (tests/juju-library) takes and refuses the same and unpacks the same."""
from __future__ import annotations

import json
import os
import subprocess
import tempfile
import unittest
import warnings
import zipfile
from pathlib import Path

import test_juju_reads_charm as library
from juju_local_support import JujuLocalTest

from juju_local import charm as charms
from juju_local.errors import JujuLocalError
from juju_local.unpack import unpack

NAMED = "name: tiny\nsummary: s\ndescription: d\n"
BASES = 'bases: [{name: ubuntu, channel: "24.04/stable", architectures: [amd64]}]\n'
FILES = {"metadata.yaml": NAMED, "manifest.yaml": BASES, "hooks/install": "#!/bin/sh\n"}
Entry = tuple[str, str, dict[str, int]]


def option(text: str) -> dict[str, str]:
    return {"config.yaml": f"options: {{x: {{{text}}}}}"}


def meta(text: str) -> dict[str, str]:
    return {"metadata.yaml": NAMED + text}


def old(text: str) -> dict[str, str | None]:
    return {"metadata.yaml": NAMED + text, "manifest.yaml": None}


# What differs from FILES (None: is not there), and what is wrong with that; "" for nothing.
ROWS: list[tuple[dict[str, str | None], str]] = [
    ({}, ""), ({"config.yaml": "options: {}"}, ""), ({"config.yaml": "options:"}, ""), ({"config.yaml": "{}"}, "options: expected map"),
    (option("type: string"), ""), (option("default: a"), ""), (option("type: string, default: ''"), ""), (option("type: secret, default: ''"), ""),
    (option("type: int, default: ''"), "expected int"), (option("type: int, default: 9223372036854775807"), ""), (option("type: float, default: 3"), ""),
    (option("type: float, default: x"), "expected float"), (option("type: int, default: ten"), 'option "x" expected int, got "ten"'),
    (option("type: boolean, default: yes"), ""), (option("type: boolean, default: 1"), "expected boolean"),
    (option("type: string, default: 1"), "expected string"),
    (option("type: secret, default: 'secret:9m4e2mr0ui3e8a215n4g'"), ""), (option("type: secret, default: words"), "expected secret"),
    (option("type: list"), 'option "x" has unknown type "list"'), (option("type: int, default: 1.5"), "expected int"),
    ({"actions.yaml": "a: {}\na-b9: {description: d, title: t, params: {p: {type: string}}, required: [p], additionalProperties: false}"}, ""),
    ({"actions.yaml": "a: {parallel: true, execution-group: g}"}, ""), ({"actions.yaml": "a: {description: 1}"}, "description"),
    ({"actions.yaml": "a: {title: 1}"}, "title"), ({"actions.yaml": "A: {}"}, "bad action name A"), ({"actions.yaml": "-a: {}"}, "bad action name -a"),
    ({"actions.yaml": "a-: {}"}, "bad action name a-"), ({"actions.yaml": "a_b: {}"}, "bad action name a_b"),
    ({"actions.yaml": "juju: {}"}, "cannot use action name juju"), ({"actions.yaml": "juju-x: {}"}, "cannot use action name juju-x"),
    ({"actions.yaml": "a: {params: [p]}"}, "params"), ({"actions.yaml": "a: {params: {p: {$ref: x}}}"}, '"$ref" not compatible with this version of juju'),
    ({"actions.yaml": "a: {params: {p: {type: object, properties: {q: {$schema: x}}}}}"}, '"$schema" not compatible'),
    ({"actions.yaml": "a: {params: {p: {type: words}}}"}, "is not a valid type"), ({"actions.yaml": "a: {required: p}"}, "required"),
    ({"actions.yaml": "a: {params: {p: {type: array, items: {type: integer}}, q: {type: object, properties: {r: {type: number}}}, s: {type: boolean}}}"}, ""),
    (meta("no-such-key: 1"), ""), ({"metadata.yaml": "name: tiny\nsummary: s\n"}, "description: expected string"),
    ({"metadata.yaml": "name: 1\nsummary: s\ndescription: d\n"}, "name: expected string"),
    (meta("provides: {a: http}"), ""), (meta("provides: {a: {interface: http, limit: 2, optional: true, scope: container}}"), ""),
    (meta("provides: {a: {scope: global}}"), "expected an interface"), (meta("provides: {a: {interface: http, scope: all}}"), "scope"),
    (meta("provides: {a: http}\nrequires: {a: http}"), 'using a duplicated relation name: "a"'), (meta("peers: {juju: p}"), 'reserved relation name: "juju"'),
    (meta("requires: {juju-a: p}"), 'reserved relation name: "juju-a"'),
    (meta("provides: {a: juju-info}"), 'relation "a" using a reserved interface: "juju-info"'),
    (meta("requires: {a: juju-info}"), ""), (meta("peers: {a: juju-x}"), 'relation "a" using a reserved interface: "juju-x"'),
    (meta("subordinate: true"), 'lacks "requires" relation with container scope'),
    (meta("subordinate: true\nrequires: {juju-a: {interface: juju-info, scope: container}}"), ""), (meta("subordinate: true\nrequires: {a: x}"), "lacks"),
    (meta("storage: {d: {type: filesystem}}"), ""),
    (meta("storage: {d: {type: block, shared: true, read-only: true, minimum-size: 1G, properties: [transient]}}"), ""),
    (meta("storage: {d: {type: tape}}"), "type"), (meta("storage: {d: {type: block, location: /x}}"), "location"),
    (meta("storage: {d: {type: filesystem, location: /x}}"), ""),
    *((meta(f"storage: {{d: {{type: filesystem, multiple: {{range: {text}}}}}}}"), "") for text in ("2", "0-5", "1+", "1-", "0+")),
    *((meta(f"storage: {{d: {{type: filesystem, multiple: {{range: {text}}}}}}}"), "range") for text in ("x", "-1", "0", "1-2-3")),
    (meta("resources: {r: {type: file, filename: f.bin}}"), ""), (meta("resources: {r: {type: oci-image}}"), ""), (meta("resources: {r: {filename: f}}"), ""),
    (meta("resources: {r: {type: file}}"), "filename"), (meta("resources: {r: {type: file, filename: a/b}}"), "filename"),
    (meta("resources: {r: {type: tape}}"), "type"),
    (meta("extra-bindings: {admin: }"), ""), (meta("extra-bindings: {admin: x}"), "extra-bindings"),
    (meta("extra-bindings: {}"), "cannot be empty when specified"),
    (meta("extra-bindings: {a: }\nprovides: {a: http}"), "relation names (a) cannot be used in extra bindings"),
    (meta("assumes: [juju]"), ""), (meta("assumes: [juju >= 3.1, juju < 5, k8s-api]"), ""), (meta("assumes: [juju >= 3.1.2]"), ""),
    (meta("assumes: [any-of: [juju, all-of: [juju < 4, x-y]]]"), ""),
    (meta("assumes: juju"), "assumes"), (meta("assumes: [juju > 3]"), 'malformed feature expression "juju > 3"'),
    (meta("assumes: ['Juju']"), "malformed feature expression"),
    (meta("assumes: [one-of: [juju]]"), 'expected an "any-of" or "all-of" block'), (meta("assumes: [any-of: juju]"), "expected a list of sub-expressions"),
    (meta("assumes: [any-of: [1]]"), 'expected a feature, "any-of" or "all-of" expression'),
    (meta("assumes: [{any-of: [a], all-of: [b]}]"), "malformed composite expression"),
    (meta("series: [noble]"), ""), (old("series: [noble]"), ""), (old(""), ""), (old("series: ['24.04']"), 'declares invalid series: "24.04"'),
    (meta("series: [noble]\nassumes: [juju]"), "assumes in metadata v1 not valid"),
    (old("assumes: [juju]"), "assumes in metadata v1 not valid"),
    (old("containers: {c: {resource: r}}\nresources: {r: {type: oci-image}}"), "containers without a manifest.yaml not valid"),
    (meta("series: [noble]\ncontainers: {c: {resource: r}}\nresources: {r: {type: oci-image}}"), "containers in metadata v1 not valid"),
    (meta("containers: {c: {resource: r}}\nresources: {r: {type: oci-image}}"), ""),
    (meta("min-juju-version: 3.1.0"), "min-juju-version in metadata v2 not valid"), (old("min-juju-version: 3.1.0"), ""),
    (meta("deployment: {type: stateful, mode: workload}"), "deployment in metadata v2 not valid"), (meta("charm-user: root"), ""),
    ({"manifest.yaml": "bases: []"}, ""), ({"manifest.yaml": "bases: [{name: ubuntu}]"}, "bases[0]"),
    ({"manifest.yaml": BASES + "analysis: {attributes: []}\ncharmcraft-version: 3\n"}, ""),
    ({"manifest.yaml": "bases: [{channel: '24.04'}]"}, "bases[0]"), ({"revision": "7"}, ""), ({"revision": "x"}, "invalid revision file"),
    ({"metadata.yaml": "a: [\n"}, "metadata.yaml"),
    ({"metadata.yaml": None, "./metadata.yaml": NAMED}, "metadata.yaml"), ({"metadata.yaml": None, "charm/metadata.yaml": NAMED}, "metadata.yaml"),
]
# Of which the library leaves the judgement to the controller or the client.
OTHERS: list[tuple[dict[str, str | None], str]] = [
    ({"metadata.yaml": "name: Tiny!\nsummary: s\ndescription: d\n"}, "is no charm name"),
    ({"hooks/install": None}, "has no hooks nor dispatch file"), ({"hooks/install": None, "dispatch": ""}, ""),
    ({"hooks/install": None, "bin/no-dispatcher": ""}, ""),
    ({"hooks/install": None, "hooks/below/x": ""}, "has no hooks nor dispatch file"),
    ({"hooks/install": None, "src/charm": ""}, "has no hooks nor dispatch file"),
    ({"lxd-profile.yaml": "config: {security.nesting: 'true'}\ndevices: {d: {type: unix-char, path: /dev/kvm}}"}, ""),
    *(({"lxd-profile.yaml": f"devices: {{d: {{type: {kind}}}}}"}, "") for kind in ("unix-block", "gpu", "usb")),
    ({"lxd-profile.yaml": "devices: {d: {type: disk}}"}, 'contains device type "disk"'),
    *(({"lxd-profile.yaml": f"config: {{{key}: x}}"}, f'contains config value "{key}"') for key in ("boot.autostart", "limits.memory", "migration.stateful")),
]


class Rows(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls) -> None:
        cls.tmp = tempfile.TemporaryDirectory(prefix="charm-rows-")
        cls.addClassCleanup(cls.tmp.cleanup)
        cls.folder = Path(cls.tmp.name)
        cls.no_library = library.build(cls.folder / "juju-library")
        if cls.no_library:
            print(f"not judged by Juju's library: {cls.no_library}")
        cls.count = 0

    def archive(self, entries: list[Entry]) -> Path:
        """Of names, contents and attributes of their entries, in this order."""
        Rows.count += 1
        path = self.folder / f"{self.count}.charm"
        with zipfile.ZipFile(path, "w") as out, warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # a name twice
            for name, content, about in entries:
                info = zipfile.ZipInfo(name)
                info.create_system, info.external_attr = about.get("creator", 3), about.get("mode", 0o100755) << 16
                out.writestr(info, content, about.get("compression", zipfile.ZIP_STORED))
        return path

    def of(self, changes: dict[str, str | None], *more: Entry) -> Path:
        return self.archive([(name, text, {}) for name, text in {**FILES, **changes}.items() if text is not None] + list(more))

    def juju_reads(self, path: Path) -> tuple[str, dict, Path]:
        """What is wrong, what is read, where it is unpacked."""
        target = path.with_suffix(".unpacked")
        done = subprocess.run([self.folder / "juju-library", path, target], input="[]", capture_output=True, text=True)
        return (done.stderr.strip(), {}, target) if done.returncode else ("", json.loads(done.stdout), target)

    def says(self, path: Path) -> str:
        try:
            charms.load(path)
        except JujuLocalError as error:
            return str(error)
        return ""

    def check(self, changes: dict[str, str | None], wrong: str, judged: bool) -> None:
        path = self.of(changes)
        with self.subTest(changes=changes):
            said = self.says(path)
            self.assertEqual(bool(said), bool(wrong), said)
            self.assertIn(wrong, said)
            if judged and not self.no_library:
                theirs = self.juju_reads(path)[0]
                self.assertEqual(bool(theirs), bool(wrong), f"Juju: {theirs}")

    def test_files(self) -> None:
        for changes, wrong in ROWS:
            self.check(changes, wrong, judged=True)

    def test_what_others_than_the_library_judge(self) -> None:
        for changes, wrong in OTHERS:
            self.check(changes, wrong, judged=False)

    def test_version(self) -> None:
        for text, version in (("1.2\n", "1.2"), ("revision-id: abc\nmore\n", "abc"), ("x" * 120, "x" * 100), ("é" * 120, "é" * 100), ("one\r\ntwo", "one"), ("", ""), ("\nlater", "")):
            with self.subTest(text=text):
                path = self.of({"version": text})
                self.assertEqual(charms.load(path).version, version)
                if not self.no_library:
                    self.assertEqual(self.juju_reads(path)[1]["Version"], version)

    def tree(self, folder: Path) -> dict[str, str]:
        return {str(p.relative_to(folder)): os.readlink(p) if p.is_symlink() else p.read_text() if os.access(p, os.R_OK) else "?"
                for p in sorted(folder.rglob("*")) if p.is_symlink() or p.is_file() if p.name != "revision"}

    def unpacked(self, *entries: Entry) -> tuple[dict[str, str] | str, dict[str, int]]:
        """What a unit gets of these beside FILES, and with which modes; a text where it is refused. Juju's library has to do the same."""
        path = self.of({}, *entries)
        target = path.with_suffix(".ours")
        try:
            unpack(charms.load(path), target)
        except JujuLocalError as error:
            if not self.no_library:
                self.assertNotEqual(self.juju_reads(path)[0], "", error)
            return str(error), {}
        found = self.tree(target)
        modes = {name: (target / name).lstat().st_mode & 0o7777 for name in found}
        if not self.no_library:
            said, _, theirs = self.juju_reads(path)
            self.assertEqual(said, "")
            self.assertEqual(self.tree(theirs), found)
            self.assertEqual({name: (theirs / name).lstat().st_mode & 0o7777 for name in found}, modes)
        return {name: text for name, text in found.items() if name not in FILES}, modes

    def test_names(self) -> None:
        found, _ = self.unpacked(*((name, name, {}) for name in ("/rooted", "a/../b", "./here", "deep/er/file")))
        self.assertEqual(found, {"rooted": "/rooted", "b": "a/../b", "here": "./here", "deep/er/file": "deep/er/file"})

    def test_names_that_lead_out(self) -> None:
        """Of Juju 4; the library of Juju 3 does as they say, so that it is not asked."""
        path = self.of({}, ("../../above", "x", {}), ("a/../../../b", "y", {}))
        target = path.with_suffix(".ours")
        unpack(charms.load(path), target)
        self.assertEqual({n: t for n, t in self.tree(target).items() if n not in FILES}, {"above": "x", "b": "y"})

    def test_folders(self) -> None:
        before = os.umask(0o022)
        self.addCleanup(os.umask, before)
        entries: list[Entry] = [("made/", "", {"mode": 0o040777}), ("made/f", "", {}), ("late/f", "", {}), ("late/", "", {"mode": 0o040700}), ("f", "", {}), ("f/", "", {"mode": 0o040750})]
        self.unpacked(*entries)
        for suffix in (".ours", *([] if self.no_library else [".unpacked"])):
            made = (self.folder / f"{self.count}.charm").with_suffix(suffix)
            self.assertEqual([(made / name).lstat().st_mode & 0o777 for name in ("made", "late", "f")], [0o755, 0o700, 0o750], suffix)

    def test_an_entry_twice(self) -> None:
        """The later is unpacked; what the charm is, is read from the first."""
        found, _ = self.unpacked(("f", "first", {}), ("f", "second", {}))
        self.assertEqual(found, {"f": "second"})
        path = self.of({}, ("metadata.yaml", NAMED.replace("tiny", "other"), {}))
        self.assertEqual(charms.load(path).name, "tiny")
        unpack(charms.load(path), path.with_suffix(".ours"))
        self.assertIn("other", (path.with_suffix(".ours") / "metadata.yaml").read_text())
        if not self.no_library:
            _, read, theirs = self.juju_reads(path)
            self.assertEqual(read["Name"], "tiny")
            self.assertIn("other", (theirs / "metadata.yaml").read_text())

    def test_modes(self) -> None:
        before = os.umask(0o022)
        self.addCleanup(os.umask, before)
        _, modes = self.unpacked(("dispatch", "", {}), ("actions/a", "", {"mode": 0o100644}), ("hooks/start", "", {"mode": 0o100644}), ("hooks/other", "", {"mode": 0o100644}),
                                 ("setuid", "", {"mode": 0o104755}), ("bare", "", {"mode": 0o755}), ("dos", "", {"creator": 0}), ("ntfs", "", {"creator": 11}), ("vfat", "", {"creator": 14}),
                                 ("mac", "", {"creator": 19, "mode": 0o100700}), ("amiga", "", {"creator": 1}), ("private", "", {"mode": 0o100600}))
        self.assertEqual({n: m for n, m in modes.items() if n not in FILES}, {
            "dispatch": 0o755, "actions/a": 0o644, "hooks/start": 0o744, "hooks/other": 0o644, "setuid": 0o755, "bare": 0o755, "dos": 0o644, "ntfs": 0o644, "vfat": 0o644,
            "mac": 0o700, "amiga": 0, "private": 0o600})

    def test_links_and_what_else_is_no_file(self) -> None:
        self.assertEqual(self.unpacked(("src/charm", "x", {}), ("hooks/start", "../src/charm", {"mode": 0o120777}))[0], {"src/charm": "x", "hooks/start": "../src/charm"})
        for target, wrong in (("/etc/passwd", "is absolute"), ("../../x", "leads out of scope")):
            self.assertIn(wrong, self.unpacked(("hooks/start", target, {"mode": 0o120777}))[0])
        for mode in (0o010644, 0o140755, 0o020644):
            self.assertIn("unknown file type", self.unpacked(("odd", "", {"mode": mode}))[0])

    def test_compression(self) -> None:
        self.assertEqual(self.unpacked(("f", "a" * 99, {"compression": zipfile.ZIP_DEFLATED}))[0], {"f": "a" * 99})
        for kind in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
            self.assertIn("unsupported compression algorithm", self.unpacked(("f", "a" * 99, {"compression": kind}))[0])

    def test_a_large_archives_form(self) -> None:
        """With the fields of zip64, which a small one can have as well."""
        path = self.of({})
        with zipfile.ZipFile(path, "a") as out, out.open(zipfile.ZipInfo("big"), "w", force_zip64=True) as entry:
            entry.write(b"content")
        self.assertEqual(self.says(path), "")
        if not self.no_library:
            self.assertEqual(self.juju_reads(path)[0], "")


class Versions(JujuLocalTest):
    """What one of the two Jujus refuses to deploy."""

    def deployed(self, version: str, **changes: str | None) -> str:
        folder = self.folder / os.urandom(4).hex()
        for name, text in {**FILES, **{n.replace("_", "."): t for n, t in changes.items()}}.items():
            if text is not None:
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / name).write_text(text)
                (folder / name).chmod(0o755)
        self.juju("model-config", f"agent-version={version}")
        self.juju("deploy", folder, f"a{folder.name}x", "--no-wait", check=False)
        return self.err.strip() if self.code else ""

    def test_rows(self) -> None:
        for changes, three, four in (
                ({}, "", ""), ({"manifest_yaml": None}, "", "charm metadata without bases in manifest not valid"),
                ({"metadata_yaml": NAMED + "series: [noble]\n", "manifest_yaml": None}, "", "without bases in manifest"),
                ({"config_yaml": "options: {x: {type: integer, default: 1}}"}, 'option "x" has unknown type "integer"', ""),
                ({"manifest_yaml": BASES.replace("24.04", "18.04")}, "", "base ubuntu@18.04 is not supported"),
                ({"manifest_yaml": BASES.replace("24.04", "26.04")}, "", "")):
            for version, wrong in (("3.6.28", three), ("4.1-beta2", four)):
                with self.subTest(changes=changes, version=version):
                    said = self.deployed(version, **changes)
                    self.assertEqual(bool(said), bool(wrong), said)
                    self.assertIn(wrong, said)


if __name__ == "__main__":
    unittest.main()
