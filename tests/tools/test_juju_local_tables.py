# SPDX-License-Identifier: GPL-3.0-only
"""Juju's tables of hook tools, row by row: which tools there are and which formats each takes, the environment of hooks, actions and
juju-exec, and what of a hook's doings is kept when it fails."""
from __future__ import annotations

import json
import subprocess
import unittest
from pathlib import Path

import yaml

from juju_local_support import METADATA, Context, Hook, JujuLocalTest, write_charm

TOOLS = """action-fail action-get action-log action-set application-version-set close-port config-get credential-get goal-state is-leader
juju-log juju-reboot network-get open-port opened-ports relation-get relation-ids relation-list relation-model-get relation-set resource-get
secret-add secret-get secret-grant secret-ids secret-info-get secret-remove secret-revoke secret-set state-delete state-get state-set status-get
status-set storage-add storage-get storage-list unit-get""".split()
SMART = """action-get config-get credential-get is-leader network-get opened-ports relation-get relation-ids relation-list relation-model-get
secret-ids state-get status-get storage-get storage-list unit-get""".split()
PLAIN = ["secret-get", "secret-info-get", "goal-state"]
IGNORED = ["juju-log", "relation-set", "open-port", "close-port"]
STORAGE = METADATA + """
storage:
  data: {type: filesystem, multiple: {range: 0-2}}
"""


class Formats(JujuLocalTest):
    def setUp(self) -> None:
        super().setUp()
        self.deploy()
        self.ctx = self.context(hook=Hook("install", "install"))

    def run_tool(self, *words: str) -> tuple[int, str, str]:
        return self.tool(self.ctx, *words)

    def not_an_option(self, name: str, *words: str) -> None:
        code, out, err = self.run_tool(name, *words)
        self.assertEqual((code, out), (2, ""), (name, words))
        self.assertTrue(err.startswith("ERROR "), (name, err))

    def test_the_tools_of_a_unit(self) -> None:
        machine = self.store.root / "machines" / self.model().machines["0"].name / "directory"
        there = {p.name for p in (machine / "var/lib/juju/tools/unit-tiny-0").iterdir()}
        self.assertLessEqual({*TOOLS, "leader-get", "leader-set"}, there)
        self.assertEqual(len(TOOLS), 38)

    def test_help_of_every_tool(self) -> None:
        for name in TOOLS:
            with self.subTest(tool=name):
                code, out, err = self.run_tool(name, "--help")
                self.assertEqual((code, err), (0, ""))
                self.assertIn(name, out)

    def test_unknown_option_of_every_tool(self) -> None:
        for name in TOOLS:
            with self.subTest(tool=name):
                code, out, err = self.run_tool(name, "--cheese")
                self.assertEqual((code, out, err), (2, "", "ERROR option provided but not defined: --cheese\n"))

    def answers(self) -> list[tuple[str, Context, list[str]]]:
        """Tools with a format but credential-get, which has no answer: from where and with what they give one."""
        write_charm(self.folder / "charm-other", metadata=STORAGE)
        self.juju("deploy", self.folder / "charm-other", "other", "--storage", "data=1")
        self.juju("integrate", "tiny:want", "other:db")
        (relation,) = self.exec("other/0", "relation-ids db").split()
        uri = self.exec("other/0", "secret-add key=one").strip()
        words = {"network-get": ["db"], "relation-get": ["-r", relation, "-", "tiny/0"], "relation-ids": ["db"], "relation-list": ["-r", relation],
                 "relation-model-get": ["-r", relation], "secret-get": [uri], "secret-info-get": [uri], "storage-get": ["-s", "data/0"], "unit-get": ["private-address"]}
        hook, action = self.context("other/0", hook=Hook("install", "install")), self.context("other/0", action={"a": "b"})
        return [(name, action if name == "action-get" else hook, words.get(name, [])) for name in SMART + PLAIN if name != "credential-get"]

    def test_each_format_is_what_the_value_is_in_it(self) -> None:
        for name, ctx, words in self.answers():
            with self.subTest(tool=name):
                value = json.loads(self.ok(ctx, name, *words, "--format=json"))
                shown = yaml.safe_load(self.ok(ctx, name, *words, "--format=yaml"))
                shown = json.loads(json.dumps(shown, default=lambda when: f"{when:%Y-%m-%d %H:%M:%SZ}"))  # times
                if name == "network-get":  # YAML has names of older days as well
                    shown, value = shown["ingress-addresses"], value["ingress-addresses"]
                self.assertEqual(shown if name != "state-get" else shown or None, value)
                if name in PLAIN:
                    self.assertEqual(self.ok(ctx, name, *words), self.ok(ctx, name, *words, "--format=yaml"))

    def test_a_format_that_is_none(self) -> None:
        for name in SMART:
            with self.subTest(tool=name, style="bad"):
                code, out, err = self.run_tool(name, "--format=bad")
                self.assertEqual((code, out, err), (2, "", 'ERROR invalid value "bad" for option --format: unknown format "bad"\n'))

    def test_tools_with_json_and_yaml_alone(self) -> None:
        for name in PLAIN:
            with self.subTest(tool=name):
                self.not_an_option(name, "--format=smart")

    def test_tools_that_ignore_it(self) -> None:
        self.deploy("other")
        self.juju("integrate", "tiny:want", "other:db")
        (relation,) = self.exec("tiny/0", "relation-ids want").split()
        words = {"juju-log": ["x"], "relation-set": ["-r", relation], "open-port": ["80"], "close-port": ["80"]}
        self.ctx = self.context(hook=Hook("update-status", "update-status"))
        for name in IGNORED:
            with self.subTest(tool=name):
                self.assertEqual(self.run_tool(name, "--format=json", *words[name]), (0, "", f'--format flag deprecated for command "{name}"'))

    def test_tools_without_it(self) -> None:
        for name in set(TOOLS) - {*SMART, *PLAIN, *IGNORED}:
            with self.subTest(tool=name):
                self.not_an_option(name, "--format=json")

    def test_output_option_where_there_is_a_format(self) -> None:
        """Every such tool, called so that it has an answer: it says to the file what it says else, and nothing more."""
        for name, ctx, words in self.answers():
            for option in ("--output", "-o"):
                with self.subTest(tool=name, option=option):
                    wanted = self.ok(ctx, name, *words, "--format=json")
                    self.assertTrue(wanted.endswith("\n"))
                    out = self.folder / "out"
                    self.assertEqual(self.ok(ctx, name, *words, "--format=json", option, str(out)), "")
                    self.assertEqual(out.read_text(), wanted)
                    out.unlink()
        for name in set(TOOLS) - {*SMART, *PLAIN}:
            with self.subTest(tool=name):
                self.not_an_option(name, "--output", str(self.folder / "out"))


class Environment(JujuLocalTest):
    """What a process finds, by who started it; None: not set."""

    def setUp(self) -> None:
        super().setUp()
        self.juju("model-config", "name=tests", "juju-http-proxy=http://p:1", "juju-https-proxy=http://p:2", "juju-ftp-proxy=http://p:3",
                  "juju-no-proxy=local", "availability-zone=zone-a", "agent-version=3.6.28")
        self.deploy(metadata=STORAGE, hooks=None)

    def environment(self, name: str) -> dict[str, str]:
        text = (self.charm_dir("tiny/0") / f"environment.{name}").read_text()
        return dict(entry.split("=", 1) for entry in text.split("\0") if "=" in entry)

    def keep(self, *names: str) -> None:
        for name in names:
            self.extra("tiny/0", name, f"env -0 >environment.{name}\n")

    def check(self, name: str, wanted: dict[str, str | None]) -> dict[str, str]:
        found = self.environment(name)
        self.assertEqual({k: found.get(k) for k in wanted}, wanted, name)
        return found

    def fire(self, hook: str) -> None:
        self.keep(hook)
        self.juju("fire", "tiny/0", hook)

    def test_every_hook(self) -> None:
        self.fire("config-changed")
        charm = str(self.charm_dir("tiny/0"))
        found = self.check("config-changed", {
            "CHARM_DIR": charm, "JUJU_CHARM_DIR": charm, "JUJU_HOOK_NAME": "config-changed", "JUJU_DISPATCH_PATH": "hooks/config-changed",
            "JUJU_AGENT_SOCKET_NETWORK": "unix", "JUJU_UNIT_NAME": "tiny/0", "JUJU_MODEL_NAME": "tests", "JUJU_MODEL_UUID": self.model().uuid,
            "JUJU_MACHINE_ID": "0", "JUJU_PRINCIPAL_UNIT": "", "JUJU_AVAILABILITY_ZONE": "zone-a", "JUJU_VERSION": "3.6.28",
            "JUJU_CHARM_HTTP_PROXY": "http://p:1", "JUJU_CHARM_HTTPS_PROXY": "http://p:2", "JUJU_CHARM_FTP_PROXY": "http://p:3",
            "JUJU_CHARM_NO_PROXY": "local", "LANG": "C.UTF-8", "TERM": "tmux-256color", "DEBIAN_FRONTEND": "noninteractive",
            "APT_LISTCHANGES_FRONTEND": "none"})
        self.assertRegex(found["JUJU_CONTEXT_ID"], r"^tiny/0-config-changed-[0-9a-f]+$")
        self.assertTrue(found["JUJU_AGENT_SOCKET_ADDRESS"])
        self.assertIn(":", found["JUJU_API_ADDRESSES"])
        self.assertTrue(found["PATH"].split(":")[0].endswith("/tools/unit-tiny-0"), found["PATH"])

    def test_what_other_hooks_have_is_not_there(self) -> None:
        self.fire("update-status")
        self.check("update-status", dict.fromkeys((
            "JUJU_RELATION", "JUJU_RELATION_ID", "JUJU_REMOTE_APP", "JUJU_REMOTE_UNIT", "JUJU_DEPARTING_UNIT", "JUJU_STORAGE_ID", "JUJU_SECRET_ID",
            "JUJU_SECRET_LABEL", "JUJU_SECRET_REVISION", "JUJU_ACTION_NAME", "JUJU_ACTION_UUID", "JUJU_ACTION_TAG", "JUJU_WORKLOAD_NAME",
            "JUJU_NOTICE_ID", "JUJU_PEBBLE_CHECK_NAME", "http_proxy", "HTTP_PROXY", "no_proxy", "HOME", "USER", "TMPDIR")))

    def test_versions(self) -> None:
        self.fire("update-status")
        self.assertIsNotNone(self.environment("update-status").get("JUJU_SLA"))
        self.juju("model-config", "agent-version=4.1-beta2")
        self.fire("update-status")
        self.check("update-status", {"JUJU_SLA": None, "JUJU_VERSION": "4.1-beta2"})

    def test_legacy_proxies(self) -> None:
        self.juju("model-config", "http-proxy=http://old:1", check=False)
        self.assertEqual((self.code, self.err), (1, "ERROR cannot specify both legacy proxy values and juju proxy values\n"))
        self.juju("model-config", "--reset", "juju-http-proxy,juju-https-proxy,juju-ftp-proxy", "http-proxy=http://old:1", "no-proxy=here")
        self.fire("update-status")
        self.check("update-status", {"http_proxy": "http://old:1", "HTTP_PROXY": "http://old:1", "no_proxy": "here", "NO_PROXY": "here",
                                     "https_proxy": None})

    def test_relation_hooks(self) -> None:
        events = ("created", "joined", "changed", "departed", "broken")
        self.keep(*(f"want-relation-{event}" for event in events))
        write_charm(self.folder / "charm-other", extra={"db-relation-joined": "relation-set a=b\n"})
        self.juju("deploy", self.folder / "charm-other", "other")
        self.juju("integrate", "tiny:want", "other:db")
        self.juju("remove-relation", "tiny:want", "other:db")
        identifier = self.environment("want-relation-created")["JUJU_RELATION_ID"]
        self.assertRegex(identifier, r"^want:\d+$")
        common = {"JUJU_RELATION": "want", "JUJU_RELATION_ID": identifier, "JUJU_REMOTE_APP": "other"}
        for event in events:
            with self.subTest(event=event):
                self.check(f"want-relation-{event}", {
                    **common, "JUJU_HOOK_NAME": f"want-relation-{event}", "JUJU_REMOTE_UNIT": "" if event in ("created", "broken") else "other/0",
                    "JUJU_DEPARTING_UNIT": "other/0" if event == "departed" else None})

    def test_secret_hooks(self) -> None:
        self.keep("secret-changed")
        self.juju("add-secret", "mine", "key=one")
        uri = "secret:" + next(iter(self.model().secrets))
        self.juju("grant-secret", "mine", "tiny")
        self.exec("tiny/0", f"secret-get {uri} --label short")
        self.juju("update-secret", "mine", "key=two")
        found = self.check("secret-changed", {"JUJU_SECRET_LABEL": "short", "JUJU_SECRET_REVISION": None})
        self.assertTrue(found["JUJU_SECRET_ID"].endswith(uri.removeprefix("secret:")))

    def test_storage_hooks(self) -> None:
        for event in ("attached", "detaching"):
            hook = self.charm_dir("tiny/0") / f"hooks/data-storage-{event}"
            hook.write_bytes((self.charm_dir("tiny/0") / "hooks/install").read_bytes())
            hook.chmod(0o755)
        self.keep("data-storage-attached", "data-storage-detaching")
        self.juju("add-storage", "tiny/0", "data")
        self.juju("detach-storage", "data/0")
        for event in ("attached", "detaching"):
            found = self.check(f"data-storage-{event}", {"JUJU_STORAGE_ID": "data/0", "JUJU_STORAGE_KIND": "filesystem"})
            self.assertTrue(Path(found["JUJU_STORAGE_LOCATION"]).is_absolute())

    def test_actions(self) -> None:
        self.keep("greet")
        self.juju("run", "tiny/0", "greet")
        number = max(self.model().tasks, key=int)
        self.check("greet", {"JUJU_ACTION_NAME": "greet", "JUJU_ACTION_UUID": number, "JUJU_ACTION_TAG": f"action-{number}", "JUJU_HOOK_NAME": "",
                             "JUJU_DISPATCH_PATH": "actions/greet", "JUJU_RELATION": None})

    def test_juju_exec(self) -> None:
        self.exec("tiny/0", f"env -0 >{self.charm_dir('tiny/0')}/environment.exec")
        found = self.check("exec", {"JUJU_HOOK_NAME": "", "JUJU_DISPATCH_PATH": None, "JUJU_ACTION_NAME": None, "JUJU_UNIT_NAME": "tiny/0"})
        self.assertIn("run-commands", found["JUJU_CONTEXT_ID"])


class Transactions(JujuLocalTest):
    """Each tool in a hook that fails afterwards, then in one that does not."""

    def setUp(self) -> None:
        super().setUp()
        self.deploy(metadata=STORAGE)
        self.deploy("other")
        self.juju("integrate", "tiny:want", "other:db")
        self.juju("model-config", "automatically-retry-hooks=false")
        (self.relation,) = self.exec("tiny/0", "relation-ids want").split()

    def doing(self, command: str, seen, fails: bool) -> object:
        """What `seen` gives after a hook that does this, and fails or not."""
        self.extra("tiny/0", "update-status", f"set -e\n{command}\n" + ("exit 1\n" if fails else ""))
        self.juju("fire", "tiny/0", "update-status", check=False)
        if fails:
            self.juju("resolve", "--no-retry", "tiny/0")
        return seen()

    def held_back(self, command: str, seen, wanted: object) -> None:
        before = seen()
        self.assertNotEqual(before, wanted)
        self.assertEqual(self.doing(command, seen, fails=True), before, command)
        self.assertEqual(self.doing(command, seen, fails=False), wanted, command)

    def bag(self, of: str, key: str):
        relation = next(r for r in self.model().relations.values() if not r.peer())
        bags = relation.units if "/" in of else relation.apps
        return bags[of].settings.get(key) if of in bags else None

    def test_relation_set(self) -> None:
        self.held_back(f"relation-set -r {self.relation} a=b", lambda: self.bag("tiny/0", "a"), "b")

    def test_relation_set_of_the_application(self) -> None:
        self.held_back(f"relation-set -r {self.relation} --app a=b", lambda: self.bag("tiny", "a"), "b")

    def test_state(self) -> None:
        self.held_back("state-set a=b", lambda: self.model().units["tiny/0"].state, {"a": "b"})
        self.held_back("state-delete a", lambda: self.model().units["tiny/0"].state, {})

    def test_ports(self) -> None:
        def ports() -> list:
            return [(p.protocol, p.first) for p in self.model().units["tiny/0"].ports]

        self.held_back("open-port 80/tcp", ports, [("tcp", 80)])
        self.held_back("close-port 80/tcp", ports, [])

    def test_storage_add(self) -> None:
        self.held_back("storage-add data", lambda: len(self.model().storage), 1)

    def test_secrets(self) -> None:
        def contents() -> list:
            return [(s.latest, s.description) for s in self.model().secrets.values()]

        self.held_back("secret-add key=one", contents, [(1, "")])
        uri = "secret:" + next(iter(self.model().secrets))
        self.held_back(f"secret-set {uri} key=two --description d", contents, [(2, "d")])
        self.held_back(f"secret-grant {uri} -r {self.relation}", lambda: sum(bool(s.access) for s in self.model().secrets.values()), 1)
        self.held_back(f"secret-remove {uri}", contents, [])

    def test_status_is_set_at_once(self) -> None:
        self.doing("status-set active one", lambda: None, fails=True)
        self.assertEqual(self.model().units["tiny/0"].workload.message, "one")
        self.doing("status-set --application active two", lambda: None, fails=True)
        self.assertEqual(self.model().applications["tiny"].status.message, "two")

    def test_version_is_set_at_once(self) -> None:
        self.assertEqual(self.doing("application-version-set 7", lambda: self.model().applications["tiny"].version, fails=True), "7")

    def test_log_is_written_at_once(self) -> None:
        self.assertIn("remember me", self.doing("juju-log 'remember me'", lambda: self.juju("debug-log"), fails=True))

    def test_leader_settings_are_set_at_once(self) -> None:
        self.assertEqual(self.doing("leader-set a=b", lambda: self.model().applications["tiny"].leader_settings, fails=True), {"a": "b"})

    def test_a_tracked_revision_moves_at_once(self) -> None:
        self.juju("add-secret", "mine", "key=one")
        identifier = next(iter(self.model().secrets))
        self.juju("grant-secret", "mine", "tiny")
        self.exec("tiny/0", f"secret-get secret:{identifier}")
        self.juju("update-secret", "mine", "key=two")
        tracked = self.doing(f"secret-get --refresh secret:{identifier}",
                             lambda: self.model().secrets[identifier].consumers["tiny/0"].revision, fails=True)
        self.assertEqual(tracked, 2)


class Client(JujuLocalTest):
    def test_environment_missing(self) -> None:
        assert JujuLocalTest.jujuc
        link = self.folder / "is-leader"
        link.symlink_to(JujuLocalTest.jujuc)
        full = {"JUJU_CONTEXT_ID": "x", "JUJU_AGENT_SOCKET_ADDRESS": str(self.folder / "none"), "JUJU_AGENT_SOCKET_NETWORK": "unix"}
        for name in full:
            with self.subTest(missing=name):
                done = subprocess.run([link], env={k: v for k, v in full.items() if k != name}, capture_output=True, text=True)
                self.assertEqual((done.returncode, done.stdout, done.stderr), (1, "", f"ERROR {name} not set\n"))
        done = subprocess.run([link], env=full, capture_output=True, text=True)  # nobody listens there
        self.assertEqual((done.returncode, done.stdout, done.stderr[:6]), (1, "", "ERROR "))


if __name__ == "__main__":
    unittest.main()
