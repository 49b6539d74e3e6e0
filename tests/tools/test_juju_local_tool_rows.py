# SPDX-License-Identifier: GPL-3.0-only
"""Juju's table of hook tools, a row for each thing it says of one: from where it is called, with what, and what comes of it."""
from __future__ import annotations

import json
import re
import shlex
import unittest

from juju_local_support import METADATA, Context, Hook, JujuLocalTest, ToolError

STORED = METADATA + """
storage:
  data: {type: filesystem, multiple: {range: 0-2}}
"""
ACTION_PARAMS = {"who": "a b", "n": 3, "big": 1234567, "deep": {"inner": {"x": True}}, "list": ["a", "b"], "none": ""}
KEY_RULE = "must start and end with lowercase alphanumeric, and contain only lowercase alphanumeric and hyphens"
# where it is called | the call | exit status | what it prints: standard output for 0 (a line each, one blank per tab), else the message
ROWS = """
action | action-get who | 0 | a b
action | action-get n | 0 | 3
action | action-get big | 0 | 1.234567e+06
action | action-get big --format=json | 0 | 1234567
action | action-get deep.inner.x | 0 | True
action | action-get deep.inner --format=json | 0 | {"x":true}
action | action-get list | 0 | - a\\n- b
action | action-get nope | 0 |
action | action-get nope --format=json | 0 | null
action | action-get none | 0 |
action | action-get none --format=json | 0 | ""
action | action-get who.inner --format=json | 0 | null
action | action-get who n | 2 | unrecognized args: ["n"]
install | action-get who | 1 | not running an action
action | action-set a=b=c d.e=f | 0 |
action | action-set stdout-encoding=x | 2 | cannot set reserved action key "stdout-encoding"
action | action-set a.stderr.b=x | 2 | cannot set reserved action key "stderr"
action | action-set stderr-encoding=x | 2 | cannot set reserved action key "stderr-encoding"
action | action-set result | 2 | argument "result" must be of the form key...=value
action | action-set -- -a=1 | 2 | key "-a" {rule}
action | action-set a.=1 | 2 | key "" {rule}
action | action-set return-code=5 | 0 |
action | action-set | 0 |
install | action-set a=1 | 1 | not running an action
action | action-fail one two | 2 | unrecognized args: ["two"]
install | action-fail | 1 | not running an action
action | action-log | 2 | no message specified
action | action-log -- -a b | 0 |
install | application-version-set | 2 | no version specified
install | application-version-set 1 2 | 2 | unrecognized args: ["2"]
install | application-version-set "" | 0 |
install | config-get greeting | 0 | hi
install | config-get flag | 0 | True
install | config-get ratio --format=json | 0 | 2
install | config-get number | 0 |
install | config-get number --format=json | 0 | null
install | config-get nope --format=json | 0 | null
install | config-get empty --format=json | 0 | ""
install | config-get key --format=json | 0 | "secret:9m4e2mr0ui3e8a215n4g"
install | config-get --all greeting | 2 | cannot use argument --all together with key "greeting"
install | is-leader | 0 | True
install | is-leader --format=json | 0 | true
follower | is-leader | 0 | False
follower | is-leader --format=yaml | 0 | false
install | leader-set a=1 | 0 |
follower | leader-set a=1 | 1 | cannot write leadership settings: cannot write settings: not the leader
install | juju-log | 2 | no message specified
install | juju-log -l loud x | 0 |
install | juju-reboot x | 2 | unrecognized args: ["x"]
action | juju-reboot | 1 | juju-reboot is not supported when running an action.
action | juju-reboot --now | 1 | juju-reboot is not supported when running an action.
install | status-set | 2 | invalid args, require <status> [message]
install | status-set error | 2 | invalid status "error", expected one of [maintenance blocked waiting active]
install | status-set active a b | 2 | unrecognized args: ["b"]
follower | status-set --application active | 1 | this unit is not the leader
follower | status-get --application | 1 | finding application status: this unit is not the leader
install | status-get --include-data --format=json | 0 | {"message":"a word","status":"blocked","status-data":{}}
install | status-get | 0 | blocked
install | status-get --format=yaml | 0 | status: blocked
install | status-set waiting -- -x | 0 |
install | status-get | 0 | blocked
install | open-port | 2 | no port or range specified
install | open-port 65536 | 2 | port range bounds must be between 0 and 65535, got 65536-65536
install | open-port 80/sctp | 2 | invalid protocol "sctp", expected "tcp", "udp", or "icmp"
install | open-port 80/icmp | 2 | protocol "icmp" doesn't support any ports; got "80"
install | open-port 9-1/udp | 2 | invalid port range 9-1/udp
install | close-port x | 2 | invalid port "x": strconv.Atoi: parsing "x": invalid syntax
install | open-port 80/TCP | 0 |
install | open-port ICMP | 0 |
install | open-port 80 | 0 |
install | close-port 81 | 0 |
install | open-port 70-90 | 1 | cannot open 70-90/tcp (unit "one/0"): port range conflicts with 80/tcp (unit "one/0") requested earlier
changed | relation-ids | 0 | db:NN
install | relation-ids | 2 | no endpoint name specified
install | relation-ids nope | 0 |
install | relation-ids nope --format=json | 0 | []
install | relation-list | 2 | no relation id specified
install | relation-list -r NN | 0 | two/0
install | relation-list -r db:NN --app --format=json | 0 | "two"
install | relation-list -r burble:123 | 2 | invalid value "burble:123" for option -r: relation not found
install | relation-list --relation x | 2 | invalid value "x" for option --relation: invalid relation id
changed | relation-get word | 0 | of a unit
changed | relation-get - two/0 --format=json | 0 | {"egress-subnets":"127.0.0.1/32","ingress-address":"127.0.0.1","private-address":"127.0.0.1","word":"of a unit"}
changed | relation-get word two/0 --app | 0 | of an application
app | relation-get word | 0 | of an application
broken | relation-get word | 0 | of an application
broken | relation-get word two/0 | 0 | of a unit
changed | relation-get nope | 0 |
changed | relation-get nope --format=json | 0 | null
install | relation-get -r NN | 2 | no unit or application specified
install | relation-get -r NN - two | 2 | expected unit name, got application name "two"
install | relation-get -r NN - "T W" | 2 | invalid unit name "T W"
install | relation-get -r NN - "T W" --app | 1 | "" is not a valid unit or application
changed | relation-get - one --app --format=json | 0 | {}
follower | relation-get -r NN - one --app | 1 | permission denied
changed | relation-set a | 2 | expected "key=value", got "a"
changed | relation-set a=1 a=2 | 2 | key "a" specified more than once
changed | relation-set | 0 |
install | relation-set a=1 | 2 | no relation id specified
follower | relation-set -r NN --app a=1 | 1 | cannot write relation settings
changed | relation-set --file nope | 1 | open FOLDER/nope: no such file or directory
changed | relation-model-get | 0 | uuid: UUID
install | relation-model-get | 2 | no relation id specified
install | network-get | 2 | no arguments specified
install | network-get nope | 1 | no network config found for binding "nope"
install | network-get db --bind-address | 0 | 127.0.0.1
install | network-get db --primary-address --bind-address | 1 | --primary-address must be the only flag specified
install | network-get db --egress-subnets --format=json | 0 | ["127.0.0.1/32"]
install | network-get db --ingress-address --bind-address --format=json | 0 | {"bind-address":"127.0.0.1","ingress-address":"127.0.0.1"}
install | unit-get | 2 | no setting specified
install | unit-get x | 2 | unknown setting "x"
install | unit-get public-address --format=json | 0 | "127.0.0.1"
install | resource-get | 2 | missing required resource name
install | state-get --strict nope | 1 | "nope" not found
install | state-get nope | 0 |
install | state-get --format=json | 0 | null
install | state-get | 0 | {}
install | state-set a | 2 | expected "key=value", got "a"
install | state-set | 0 |
install | state-delete nope | 0 |
install | state-delete | 0 |
install | state-get a b | 2 | unrecognized args: ["b"]
install | secret-add | 2 | missing secret value or filename
install | secret-add x | 2 | key value "x" not valid
install | secret-add ab=1 | 2 | key "ab" not valid
install | secret-add key=1 --rotate sometimes | 2 | rotate policy "sometimes" not valid
install | secret-add key=1 --expire -1h | 2 | negative expire duration "-1h" not valid
install | secret-add key=1 --expire 2020-01-01 | 2 | expire time or duration "2020-01-01" not valid
install | secret-add key=1 --owner me | 2 | secret owner "me" not valid
follower | secret-add key=1 | 1 | this unit is not the leader
install | secret-get | 2 | require either a secret URI or label
install | secret-get x | 2 | secret URI "x" not valid
install | secret-get ID --peek --refresh | 2 | specify one of --peek or --refresh but not both
install | secret-get 00000000000000000000 | 1 | secret "00000000000000000000" not found
install | secret-get ID nope | 1 | secret key value "nope" not found
install | secret-get ID | 0 | key: one
install | secret-get ID key | 0 | one
install | secret-get secret:ID key#base64 | 0 | b25l
install | secret-get secret://UUID/ID key | 0 | one
stranger | secret-get ID | 1 | permission denied
install | secret-get --label mine | 0 | key: one
install | secret-get --label mine key | 2 | secret URI "key" not valid
install | secret-get ID --format=json | 0 | {"key":"one"}
install | secret-info-get ID --label mine | 2 | specify either a secret URI or label but not both
install | secret-info-get | 2 | require either a secret URI or label
install | secret-info-get ID --format=json | 0 | {"ID":{"revision":1,"label":"mine","owner":"application"}}
install | secret-info-get --label mine --format=json | 0 | {"ID":{"revision":1,"label":"mine","owner":"application"}}
stranger | secret-info-get ID | 1 | secret "ID" not found
install | secret-ids | 0 | ID
stranger | secret-ids | 0 |
install | secret-set | 2 | missing secret URI
install | secret-remove | 2 | missing secret URI
install | secret-remove ID x | 2 | unrecognized args: ["x"]
install | credential-get | 1 | cannot access cloud credentials: permission denied
"""


class Rows(JujuLocalTest):
    maxDiff = None

    def setUp(self) -> None:
        super().setUp()
        self.deploy("one", "-n", "2", metadata=STORED)
        self.deploy("two", extra={"want-relation-joined": "relation-set 'word=of a unit'; if [ $(is-leader) = True ]; then relation-set --app 'word=of an application'; fi"})
        self.juju("integrate", "one:db", "two:want")
        self.number = next(r.id for r in self.model().relations.values() if not r.peer())
        self.uri = self.exec("one/0", "status-set blocked 'a word'; secret-add key=one --label mine").strip()
        with self.store.change() as model:
            model.applications["one"].config["key"] = "secret:9m4e2mr0ui3e8a215n4g"

    def called_from(self, where: str) -> Context:
        relation = {"relation": self.number, "remote_app": "two"}
        hooks = {"install": ("one/0", Hook("install", "install")), "follower": ("one/1", Hook("install", "install")),
                 "stranger": ("two/0", Hook("install", "install")),
                 "changed": ("one/0", Hook("db-relation-changed", "relation-changed", remote_unit="two/0", **relation)),
                 "app": ("one/0", Hook("db-relation-changed", "relation-changed", **relation)),
                 "broken": ("one/0", Hook("db-relation-broken", "relation-broken", **relation))}
        return self.context("one/0", action=ACTION_PARAMS) if where == "action" else self.context(*hooks[where])

    def filled(self, text: str) -> str:
        for mark, value in (("NN", str(self.number)), ("UUID", self.model().uuid), ("FOLDER", str(self.folder)), ("{rule}", KEY_RULE), ("\\n", "\n")):
            text = text.replace(mark, value)
        return re.sub(r"\bID\b", self.uri.removeprefix("secret:"), text)

    def test_rows(self) -> None:
        contexts: dict[str, Context] = {}
        for row in ROWS.strip().splitlines():
            where, call, code, said = (part.strip() for part in row.split("|"))
            ctx = contexts.setdefault(where, self.called_from(where))
            said = self.filled(said)
            wanted = (0, said + "\n" if said else "", "") if code == "0" else (int(code), "", f"ERROR {said}\n")
            with self.subTest(row=row):
                self.assertEqual(self.tool(ctx, *shlex.split(self.filled(call))), wanted)

    def test_every_tool_has_a_row(self) -> None:
        from test_juju_local_tables import TOOLS
        there = {row.split("|")[1].split()[0] for row in ROWS.strip().splitlines()}
        # secret-grant and -revoke: test_juju_local_secrets.py; storage-*: test_juju_local_charm.py; goal-state, opened-ports: below
        elsewhere = {"secret-grant", "secret-revoke", "storage-add", "storage-get", "storage-list", "goal-state", "opened-ports"}
        self.assertEqual(set(TOOLS) - there, elsewhere)

    def test_opened_ports(self) -> None:
        ctx = self.called_from("install")
        for words in (["icmp"], ["53/udp"], ["80"], ["10-20"], ["443", "--endpoints", "want,db"]):
            self.ok(ctx, "open-port", *words)
        self.assertEqual(self.ok(ctx, "opened-ports", "--endpoints"), "icmp (*)\n10-20/tcp (*)\n80/tcp (*)\n443/tcp (db, want)\n53/udp (*)\n")
        self.ok(ctx, "close-port", "443", "--endpoints", "db")
        self.assertEqual(self.ok(ctx, "opened-ports", "--endpoints").splitlines()[3], "443/tcp (want)")
        self.ok(ctx, "close-port", "443")  # of no endpoint of its own: nothing is committed that could be closed
        self.assertEqual(self.ok(ctx, "opened-ports", "--endpoints").splitlines()[3], "443/tcp (want)")
        self.flush(ctx)
        ctx = self.called_from("install")
        self.ok(ctx, "close-port", "443")
        self.flush(ctx)
        self.assertNotIn("443", self.ok(self.called_from("install"), "opened-ports", "--endpoints"))
        self.assertEqual(self.ok(self.called_from("follower"), "opened-ports"), "")

    def test_what_other_units_of_the_machine_have_open(self) -> None:
        self.juju("add-unit", "two", "--to", self.model().units["one/0"].machine)
        self.exec("one/0", "open-port 8000-9000")
        self.fails(self.context("two/1"), 1, 'cannot open 8080/tcp (unit "two/1"): port range conflicts with 8000-9000/tcp (unit "one/0")', "open-port", "8080")

    def test_goal_state(self) -> None:
        found = json.loads(self.ok(self.called_from("install"), "goal-state", "--format=json"))
        self.assertEqual({name: about["status"] for name, about in found["units"].items()}, {"one/0": "blocked", "one/1": "unknown"})
        self.assertEqual({name: about["status"] for name, about in found["relations"]["db"].items()}, {"two": "joined", "two/0": "unknown"})
        self.assertRegex(found["units"]["one/0"]["since"], r"\A\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ\Z")

    def test_log(self) -> None:
        for where, prefix in (("install", ""), ("changed", f"db:{self.number}: ")):
            ctx = self.called_from(where)
            for words, level, text in ((["a", "b  c"], "INFO", "a b  c"), (["-l", "warning", "x"], "WARNING", "x"), (["--log-level=Trace", "x"], "TRACE", "x"),
                                       (["--debug", "x"], "DEBUG", "x"), (["-l", "CRITICAL", "--", "-x"], "CRITICAL", "-x")):
                self.ok(ctx, "juju-log", *words)
                self.assertEqual(self.logged[-1], (level, "unit.one/0.juju-log", prefix + text))

    def test_network_without_an_address(self) -> None:
        with self.store.change() as model:
            for machine in model.machines.values():
                machine.address = ""
        rows = (("3.6.28", "primary", "addresses"), ("3.6.28", "ingress", "addresses"),
                *(("4.1-beta2", kind, f"{kind} address") for kind in ("primary", "bind", "ingress")))
        for version, kind, what in rows:
            with self.store.change() as model:
                model.config["agent-version"] = version
            self.fails(self.called_from("install"), 1, f'no {what} attached to space for binding "db"', "network-get", "db", f"--{kind}-address")
        with self.store.change() as model:
            model.config["agent-version"] = "3.6.28"
        self.assertEqual(self.ok(self.called_from("install"), "network-get", "db", "--format=json"),
                         '{"bind-addresses":[{"mac-address":"","interface-name":"eth0","addresses":[]}]}\n')
        for setting in ("private", "public"):
            self.fails(self.called_from("install"), 1, f"{setting} address not found", "unit-get", f"{setting}-address")

    def test_limits_of_state(self) -> None:
        """In bytes; of Juju 4 as JSON has them, where a character that is escaped counts as its escape."""
        for version, end in (("3.6.28", ""), ("4.1-beta2", ": quota limit")):
            with self.store.change() as model:
                model.config["agent-version"] = version
            ctx = self.called_from("install")
            self.ok(ctx, "state-set", "k" * 256 + "=" + "v" * 65536)
            for words, what, most in (("k" * 257 + "=1", "key", 256), ("é" * 129 + "=1", "key", 256), ("k=" + "v" * 65537, "value", 65536)):
                self.fails(ctx, 1, f"max allowed {what} length ({most}){end} exceeded", "state-set", words)
            escaped = ["state-set", "k=" + "<" * 10923]
            if end:
                self.fails(ctx, 1, "max allowed value length (65536): quota limit exceeded", *escaped)
            else:
                self.ok(ctx, *escaped)

    def test_limit_of_a_secret(self) -> None:
        """A million bytes, of a file and of all its base64."""
        ctx, large = self.called_from("install"), self.folder / "large"
        large.write_bytes(b"x" * 1_000_001)
        code, _, err = self.tool(ctx, "secret-add", f"key#file={large}")
        self.assertEqual((code, re.sub('"/.*"', "FILE", err)), (2, "ERROR secret content in file FILE too large: 1000001 bytes\n"))
        large.write_bytes(b"x" * 750_001)
        self.fails(ctx, 2, 'base64 encoded secret content for key "key" too large: 1000004 bytes', "secret-add", f"key#file={large}")
        large.write_bytes(b"x" * 400_000)
        self.fails(ctx, 2, "base64 encoded secret content too large: 1066672 bytes", "secret-add", f"key#file={large}", f"other#file={large}")
        self.ok(ctx, "secret-add", f"key#file={large}")

    def test_departed_units_stay_readable(self) -> None:
        self.juju("add-unit", "two")
        self.exec("two/1", f"relation-set -r {self.number} last=words")
        self.juju("remove-unit", "two/1")
        ctx = self.context("one/0")
        self.assertEqual(self.ok(ctx, "relation-list", "-r", str(self.number)), "two/0\n")
        self.assertEqual(self.ok(ctx, "relation-get", "-r", str(self.number), "last", "two/1"), "words\n")

    def test_labels_of_who_reads(self) -> None:
        self.exec("one/0", f"secret-grant {self.uri} -r {self.number}")
        ctx = self.context("two/0")
        self.assertEqual(self.ok(ctx, "secret-get", self.uri, "--label", "theirs", "key"), "one\n")
        self.assertEqual(self.ok(ctx, "secret-get", "--label", "theirs"), "key: one\n")
        self.fails(ctx, 1, 'consumer label "mine" not found', "secret-get", "--label", "mine")

    def test_metadata_alone_makes_no_revision(self) -> None:
        identifier = self.uri.removeprefix("secret:")
        for words, latest in ((["--description", "d"], 1), (["key=one"], 1), (["key=two", "--label", "new"], 2), (["key=two"], 2)):
            ctx = self.context("one/0")
            self.ok(ctx, "secret-set", self.uri, *words)
            self.flush(ctx)
            self.assertEqual(self.model().secrets[identifier].latest, latest, words)
        secret = self.model().secrets[identifier]
        self.assertEqual((secret.label, secret.description), ("new", "d"))

    def test_a_revision_or_all_of_a_secret(self) -> None:
        identifier = self.uri.removeprefix("secret:")
        self.exec("one/0", f"secret-set {self.uri} key=two")
        ctx = self.context("one/0")
        self.ok(ctx, "secret-remove", self.uri, "--revision", "1")
        self.flush(ctx)
        self.assertEqual(list(self.model().secrets[identifier].revisions), ["2"])
        ctx = self.context("one/0")
        self.ok(ctx, "secret-remove", self.uri)
        self.flush(ctx)
        self.assertNotIn(identifier, self.model().secrets)

    def test_settings_of_an_application_are_refused_with_all_else(self) -> None:
        ctx = self.called_from("changed")
        self.ok(ctx, "relation-set", "--app", "a=1")
        with self.store.change() as model:
            model.applications["one"].leader = "one/1"
        with self.assertRaises(ToolError):
            self.flush(ctx)


if __name__ == "__main__":
    unittest.main()
