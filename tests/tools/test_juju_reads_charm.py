# SPDX-License-Identifier: GPL-3.0-only
"""The packed charm as Juju's own library reads it (tests/juju-library, in Go), against the files of this tree. Skipped, with the
reason, where Go or its modules cannot be had."""
from __future__ import annotations

import json
import os
import pathlib
import shutil
import stat
import subprocess
import tempfile
import unittest

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
SOURCE = ROOT / "tests/juju-library"
TYPES = {"string": "words", "integer": 1, "boolean": True, "number": 1.5, "array": [], "object": {}}
OTHERS = {"string": 1, "integer": "ten", "boolean": "perhaps", "number": "ten", "array": "words", "object": "words"}


def go() -> str | None:
    return shutil.which("go") or next((p for p in ("/usr/local/go/bin/go", "/usr/lib/go/bin/go") if os.access(p, os.X_OK)), None)


def build(target: pathlib.Path) -> str:
    """Why there is no program; "" when there is one."""
    compiler = go()
    if not compiler:
        return "there is no Go"
    env = dict(os.environ, GOTOOLCHAIN="local", GOFLAGS="-mod=readonly -buildvcs=false", CGO_ENABLED="0")
    try:
        fetched = subprocess.run([compiler, "mod", "download"], cwd=SOURCE, env=env, capture_output=True, text=True, timeout=240)
    except subprocess.TimeoutExpired:
        return "Go's modules did not come within 240 s"
    if fetched.returncode != 0:
        return "Go's modules cannot be had: " + fetched.stderr.strip().rpartition("\n")[2]
    built = subprocess.run([compiler, "build", "-o", target, "."], cwd=SOURCE, env=env, capture_output=True, text=True)
    if built.returncode != 0:
        raise AssertionError(f"tests/juju-library does not build:\n{built.stderr}")
    return ""


class JujuReadsTheCharm(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls) -> None:
        cls.tmp = tempfile.TemporaryDirectory(prefix="juju-reads-charm-")
        cls.addClassCleanup(cls.tmp.cleanup)
        cls.folder = pathlib.Path(cls.tmp.name)
        missing = build(cls.folder / "juju-library")
        if missing:
            raise unittest.SkipTest(missing)
        cls.charm = cls.folder / "packed.charm"
        subprocess.run(["make", "-s", "charm", f"CHARM={cls.charm}"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        cls.metadata, cls.config, cls.actions = (yaml.safe_load((ROOT / f"{n}.yaml").read_text()) for n in ("metadata", "config", "actions"))
        cls.calls = cls.calls_of_actions()
        cls.read = cls.reading(cls.charm, cls.folder / "unpacked", [c for c, _ in cls.calls])

    @classmethod
    def reading(cls, charm: pathlib.Path, folder: pathlib.Path, calls: list[dict]) -> dict:
        done = subprocess.run([cls.folder / "juju-library", charm, folder], input=json.dumps(calls), capture_output=True, text=True)
        if done.returncode != 0:
            raise AssertionError(f"Juju's library refuses {charm}: {done.stderr}")
        return json.loads(done.stdout)

    @classmethod
    def value(cls, schema: dict):
        """One that the schema takes."""
        if "enum" in schema:
            return schema["enum"][0]
        return schema.get("minimum", TYPES[schema["type"]])

    @classmethod
    def calls_of_actions(cls) -> list[tuple[dict, str]]:
        """For each action: good calls (""), and bad ones with a word of what is wrong."""
        calls: list[tuple[dict, str]] = []
        for name, action in cls.actions.items():
            params = action.get("params", {})
            needed = {p: cls.value(params[p]) for p in action.get("required", [])}
            calls.append(({"action": name, "params": needed}, ""))
            calls.append(({"action": name, "params": {**needed, "no-such-parameter": "x"}}, "no-such-parameter"))
            calls += [({"action": name, "params": {k: v for k, v in needed.items() if k != left}}, left) for left in needed]
            calls += [({"action": name, "params": {**needed, p: OTHERS[s["type"]]}}, p) for p, s in params.items()]
        return calls

    def test_name_version_and_format(self) -> None:
        self.assertEqual((self.read["Name"], self.read["Format"]), (self.metadata["name"], 2))
        self.assertEqual(self.read["Version"], (ROOT / "VERSION").read_text().strip())
        self.assertEqual(self.read["Summary"], self.metadata["summary"])
        self.assertRegex(self.read["Bases"][0], r"^ubuntu@\d\d\.04/stable on \w+$")

    def test_every_endpoint(self) -> None:
        wanted = {}
        for role, called in (("provides", "provider"), ("requires", "requirer"), ("peers", "peer")):
            for name, e in self.metadata.get(role, {}).items():
                wanted[name] = {"Role": called, "Interface": e["interface"], "Scope": e.get("scope", "global"), "Limit": e.get("limit", 0),
                                "Optional": e.get("optional", False)}
        self.assertEqual(self.read["Endpoints"], wanted)

    def test_every_option_and_its_default(self) -> None:
        wanted = {n: {"Type": o["type"], "Description": o["description"],
                      "Default": None if o["type"] == "secret" and not o.get("default") else o.get("default")}
                  for n, o in self.config["options"].items()}
        got = {n: {**o, "Default": o["Default"] if o["Default"] != "" or wanted[n]["Default"] == "" else None} for n, o in self.read["Options"].items()}
        self.assertEqual(got, wanted)

    def test_storage(self) -> None:
        self.assertEqual(self.read["Storage"], {n: {"Type": s["type"], "CountMin": 0, "CountMax": 1} for n, s in self.metadata["storage"].items()})

    def test_actions_and_their_parameters(self) -> None:
        self.assertEqual(self.read["Actions"], {n: a["description"] for n, a in self.actions.items()})
        self.assertGreater(sum(bool(wrong) for _, wrong in self.calls), 3 * len(self.actions))
        for (call, wrong), verdict in zip(self.calls, self.read["Calls"], strict=True):
            with self.subTest(call=call):
                if wrong:
                    self.assertIn(wrong, verdict["error"])
                else:
                    self.assertEqual(verdict["error"], "")
                    defaults = {p: s["default"] for p, s in self.actions[call["action"]].get("params", {}).items() if "default" in s}
                    self.assertEqual(verdict["params"], {**defaults, **call["params"]})

    def test_what_an_agent_unpacks_runs(self) -> None:
        unpacked = self.folder / "unpacked"
        for name in self.read["Members"]:
            path = unpacked / name
            if path.is_dir():
                continue
            mode = path.lstat().st_mode
            self.assertTrue(stat.S_ISREG(mode), name)
            self.assertEqual(bool(mode & 0o100), name.split("/")[0] in ("hooks", "actions", "bin"), name)
        for action in self.actions:
            self.assertTrue(os.access(unpacked / "actions" / action, os.X_OK), action)
        done = subprocess.run([unpacked / "hooks/install"], env={}, capture_output=True, text=True)
        self.assertIn("JUJU_UNIT_NAME", done.stderr)

    def test_it_refuses_what_is_no_charm(self) -> None:
        broken = self.folder / "broken"
        subprocess.run(["unzip", "-q", self.charm, "-d", broken], check=True)
        (broken / "config.yaml").write_text("options: {number: {type: int, default: ten}}\n")
        subprocess.run([ROOT / "tools/pack-charm", broken, broken.with_suffix(".charm")], check=True, stdout=subprocess.DEVNULL)
        with self.assertRaisesRegex(AssertionError, "number"):
            self.reading(broken.with_suffix(".charm"), self.folder / "never", [])


if __name__ == "__main__":
    unittest.main()
