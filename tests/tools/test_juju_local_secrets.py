# SPDX-License-Identifier: GPL-3.0-only
"""Secrets: the tools' messages, revisions, grants, hooks; actions' results."""
import base64
import json
import re
import unittest

from juju_local_support import JujuLocalTest, ToolError

from juju_local.secrets import new_id


class SecretTools(JujuLocalTest):
    def setUp(self) -> None:
        super().setUp()
        self.deploy()
        self.ctx = self.context()

    def add(self, *words: str) -> str:
        return self.ok(self.ctx, "secret-add", *words).strip()

    def test_add_prints_the_uri(self) -> None:
        self.assertRegex(self.ok(self.ctx, "secret-add", "pass=x"), r"^secret:[0-9a-v]{20}\n$")
        self.assertEqual(self.model().secrets, {})

    def test_add_usage(self) -> None:
        for words, message in (
                ([], "missing secret value or filename"),
                (["x"], 'key value "x" not valid'),
                (["ab=1"], 'key "ab" not valid'),
                (["key="], 'key value "key=" not valid'),
                (["key=1", "--rotate", "often"], 'rotate policy "often" not valid'),
                (["key=1", "--owner", "me"], 'secret owner "me" not valid'),
                (["key=1", "--expire", "-1h"], 'negative expire duration "-1h" not valid'),
                (["key=1", "--expire", "soon"], 'expire time or duration "soon" not valid')):
            self.fails(self.ctx, 2, message, "secret-add", *words)

    def test_label_twice(self) -> None:
        self.add("key=1", "--label", "one")
        self.fails(self.ctx, 1, 'secret with label "one" already exists', "secret-add", "key=2",
                   "--label", "one")

    def test_application_secret_by_a_follower(self) -> None:
        self.juju("add-unit", "tiny")
        ctx = self.context("tiny/1")
        self.fails(ctx, 1, "this unit is not the leader", "secret-add", "key=1")
        self.ok(ctx, "secret-add", "key=1", "--owner", "unit")

    def test_contents(self) -> None:
        (self.folder / "f").write_text("from file")
        uri = self.add("plain=a=b", "coded#base64=" + base64.b64encode(b"\xff\x00").decode(),
                       f"file-key#file={self.folder / 'f'}")
        self.assertEqual(self.ok(self.ctx, "secret-get", uri, "plain"), "a=b\n")
        self.assertEqual(self.ok(self.ctx, "secret-get", uri, "file-key"), "from file\n")
        self.assertEqual(self.ok(self.ctx, "secret-get", uri, "coded#base64"), "/wA=\n")

    def test_get(self) -> None:
        uri = self.add("key=1", "--label", "mine")
        self.assertEqual(self.ok(self.ctx, "secret-get", uri), 'key: "1"\n')
        self.assertEqual(self.ok(self.ctx, "secret-get", "--label", "mine", "--format=json"),
                         '{"key":"1"}\n')
        self.fails(self.ctx, 1, 'secret key value "nope" not found', "secret-get", uri, "nope")
        self.fails(self.ctx, 2, "require either a secret URI or label", "secret-get")
        self.fails(self.ctx, 2, 'secret URI "x y" not valid', "secret-get", "x y")
        self.fails(self.ctx, 2, "specify one of --peek or --refresh but not both", "secret-get",
                   uri, "--peek", "--refresh")
        self.fails(self.ctx, 1, f'secret "{"0" * 20}" not found', "secret-get", "0" * 20)

    def test_ids_of_no_secrets(self) -> None:
        for style, nothing in (("smart", ""), ("yaml", "[]\n"), ("json", "null\n")):
            self.assertEqual(self.ok(self.ctx, "secret-ids", "--format", style), nothing)

    def test_info_is_in_the_order_of_its_fields_and_has_what_was_given(self) -> None:
        bare = self.add("key=1").removeprefix("secret:")
        self.assertEqual(self.ok(self.ctx, "secret-info-get", bare, "--format=json"),
                         f'{{"{bare}":{{"revision":1,"label":"","owner":"application"}}}}\n')
        self.ok(self.ctx, "secret-set", bare, "--rotate", "never", "--description", "d")
        self.assertEqual(self.ok(self.ctx, "secret-info-get", bare), f'{bare}:\n  revision: 1\n  label: ""\n  owner: application\n'
                         "  description: d\n  rotation: never\n")

    def test_of_a_secret_of_this_hook(self) -> None:
        """Its content is replaced, not followed, and who may read it is not shown."""
        uri = self.add("key=one", "--rotate", "daily")
        self.ok(self.ctx, "secret-set", uri, "key=two")
        self.assertEqual(self.ok(self.ctx, "secret-get", uri, "key"), "two\n")
        self.assertNotIn("rotates", self.ok(self.ctx, "secret-info-get", uri))
        self.flush(self.ctx)
        info = self.ok(self.context(), "secret-info-get", uri)
        self.assertIn("revision: 1\n", info)
        self.assertRegex(info, r"rotates: \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d*[1-9])?Z\n")

    def test_secrets_that_are_not_there_are_refused_at_the_end(self) -> None:
        for words in (["secret-set", "0" * 20, "key=1"], ["secret-remove", "0" * 20]):
            ctx = self.context()
            self.ok(ctx, *words)
            with self.assertRaises(ToolError) as caught:
                self.flush(ctx)
            self.assertEqual(str(caught.exception), f'secret "{"0" * 20}" not found')

    def test_an_id_has_96_bits(self) -> None:
        for _ in range(64):
            self.assertRegex(new_id(), "^[0-9a-v]{19}[0g]$")
        self.fails(self.ctx, 2, f'secret URI "{"0" * 19}1" not valid', "secret-get", "0" * 19 + "1")

    def test_info_and_ids(self) -> None:
        uri = self.add("key=1", "--label", "mine", "--description", "d")
        bare = uri.removeprefix("secret:")
        self.assertEqual(self.ok(self.ctx, "secret-ids"), bare + "\n")
        info = json.loads(self.ok(self.ctx, "secret-info-get", uri, "--format=json"))[bare]
        self.assertEqual((info["revision"], info["label"], info["owner"], info["description"]),
                         (1, "mine", "application", "d"))
        self.assertEqual(self.tool(self.ctx, "secret-info-get", uri, "--label", "x")[0], 2)
        self.fails(self.ctx, 1, 'secret "nope" not found', "secret-info-get", "--label", "nope")

    def test_set_makes_a_revision_only_for_new_content(self) -> None:
        uri = self.add("key=1")
        self.flush(self.ctx)
        bare = uri.removeprefix("secret:")
        for words, revision in ((["key=1"], 1), (["--description", "d"], 1), (["key=2"], 2)):
            ctx = self.context()
            self.ok(ctx, "secret-set", uri, *words)
            self.flush(ctx)
            self.assertEqual(self.model().secrets[bare].latest, revision)
        self.assertEqual(self.model().secrets[bare].description, "d")

    def test_grant_usage(self) -> None:
        uri = self.add("key=1")
        self.fails(self.ctx, 2, "missing secret URI", "secret-grant")
        self.fails(self.ctx, 2, "no relation id specified", "secret-grant", uri)
        self.fails(self.ctx, 2, "missing relation or application or unit", "secret-revoke", uri)
        self.fails(self.ctx, 2, "specify only one of application or unit", "secret-revoke", uri,
                   "--app", "a", "--unit", "a/0")

    def related(self) -> tuple[str, str]:
        """A relation with application `other` of two units, and a secret that is there."""
        self.deploy("other", "-n", "2")
        self.juju("integrate", "tiny:want", "other:db")
        number = str(next(r.id for r in self.model().relations.values() if not r.peer()))
        return number, self.exec("tiny/0", "secret-add key=1").strip()

    def access(self, *calls: list[str]) -> list[str]:
        """Who may read the secret after a hook that makes these calls."""
        ctx = self.context()
        for words in calls:
            self.ok(ctx, *words)
        self.flush(ctx)
        return sorted(next(iter(self.model().secrets.values())).access)

    def test_grants(self) -> None:
        number, uri = self.related()
        grant, revoke = ["secret-grant", uri, "-r", number], ["secret-revoke", uri]
        self.assertEqual(self.access([*grant, "--unit", "other/0"]), ["unit-other-0"])
        self.fails(self.context(), 1, "any unit level grants need to be revoked before granting access to the corresponding application", *grant)
        self.assertEqual(self.access([*revoke, "--unit", "other/0"], [*revoke, "--unit", "other/0"]), [])
        self.assertEqual(self.access([*grant, "--unit", "other/0"], grant), ["application-other"])  # one for each relation
        self.assertIn('"scope":"relation-tiny.want#other.db"', self.ok(self.context(), "secret-info-get", uri, "--format=json"))
        self.assertEqual(self.access([*revoke, "-r", number], [*grant, "--unit", "other/0"]), [])  # the application has it, so far
        self.assertEqual(self.access([*revoke, "-r", number], grant), [])  # revoked after all that is granted
        self.assertEqual(self.access(grant), ["application-other"])
        self.assertEqual(self.access(grant, [*grant, "--unit", "other/1"]), ["application-other"])
        self.assertEqual(self.access([*revoke, "--app", "other"]), [])

    def test_grant_and_revoke_rows(self) -> None:
        number, uri = self.related()
        nobodys = "0" * 20
        for words, code, message in (
                (["secret-grant", "x"], 2, 'secret URI "x" not valid'),
                (["secret-grant", uri, "-r", "99"], 2, 'invalid value "99" for option -r: relation not found'),
                (["secret-grant", uri, "-r", number, "--unit", "tiny/0"], 2, 'cannot specify unit "tiny/0" in relation to application "other"'),
                (["secret-grant", uri, "-r", number, "--unit", "no unit"], 2, 'unit "no unit" not valid'),
                (["secret-grant", uri, "x", "-r", number], 2, 'unrecognized args: ["x"]'),
                (["secret-grant", nobodys, "-r", number], 1, f'secret "{nobodys}" not found'),
                (["secret-revoke"], 2, "missing secret URI"),
                (["secret-revoke", "x", "--app", "other"], 2, 'secret URI "x" not valid'),
                (["secret-revoke", uri], 2, "missing relation or application or unit"),
                (["secret-revoke", uri, "-r", number, "--app", "other"], 2, "do not specify both relation and app"),
                (["secret-revoke", uri, "--application", "other", "--unit", "other/0"], 2, "specify only one of application or unit"),
                (["secret-revoke", uri, "--app", "no app"], 2, 'application "no app" not valid'),
                (["secret-revoke", uri, "--unit", "no unit"], 2, 'unit "no unit" not valid'),
                (["secret-revoke", uri, "x", "--app", "other"], 2, 'unrecognized args: ["x"]')):
            self.fails(self.context(), code, message, *words)
        self.fails(self.context("other/1"), 1, f'secret "{uri.removeprefix("secret:")}" not found', "secret-grant", uri, "-r", number)

    def test_remove(self) -> None:
        uri = self.add("key=1")
        self.flush(self.ctx)
        ctx = self.context()
        self.ok(ctx, "secret-remove", uri)
        self.flush(ctx)
        self.assertEqual(self.model().secrets, {})


class SecretLife(JujuLocalTest):
    def test_user_secret(self) -> None:
        self.deploy(extra={"secret-changed":
                           "secret-get $JUJU_SECRET_ID --refresh > got; echo $JUJU_SECRET_LABEL "
                           "> label"})
        uri = self.juju("add-secret", "tar", "tar=one").strip()
        self.assertEqual(self.exec_code(f"secret-get {uri}"), (1, "ERROR permission denied\n"))
        self.juju("grant-secret", "tar", "tiny")
        self.juju("config", "tiny", f"key={uri}")
        self.assertEqual(self.exec("tiny/0", f"secret-get {uri} --label t"), "tar: one\n")
        self.juju("update-secret", "tar", "tar=two")
        self.assertEqual(self.ran("tiny/0")[-1], "secret-changed")
        self.assertEqual((self.charm_dir("tiny/0") / "got").read_text(), "tar: two\n")
        self.assertEqual((self.charm_dir("tiny/0") / "label").read_text(), "t\n")
        self.juju("revoke-secret", "tar", "tiny")
        self.assertEqual(self.exec_code(f"secret-get {uri}")[0], 1)
        self.assertNotIn("two", self.juju("show-secret", "tar"))
        self.assertIn("two", self.juju("show-secret", "tar", "--reveal"))

    def exec_code(self, command: str) -> tuple[int, str]:
        self.juju("exec", "--unit", "tiny/0", "--", command, check=False)
        return self.code, "".join(line + "\n" for line in self.err.splitlines()
                                  if line.startswith("ERROR"))

    def test_a_consumer_stays_on_its_revision_until_it_refreshes(self) -> None:
        self.deploy()
        uri = self.juju("add-secret", "tar", "tar=one").strip()
        self.juju("grant-secret", "tar", "tiny")
        self.exec("tiny/0", f"secret-get {uri}")
        self.juju("update-secret", "tar", "tar=two")
        for flag, value in (("", "one"), ("--peek", "two"), ("", "one"), ("--refresh", "two"),
                            ("", "two")):
            self.assertEqual(self.exec("tiny/0", f"secret-get {uri} tar {flag}"), value + "\n")

    def test_charm_secret_over_a_relation(self) -> None:
        self.deploy("one")
        self.deploy("two")
        self.juju("integrate", "one:db", "two:want")
        self.exec("one/0", "id=$(secret-add token=abc); r=$(relation-ids db); "
                           "secret-grant -r $r $id; relation-set -r $r --app secret=$id")
        out = self.exec("two/0", "r=$(relation-ids want); "
                                 "secret-get $(relation-get -r $r --app secret one) token")
        self.assertEqual(out, "abc\n")
        self.forget("one/0")
        self.exec("one/0", "secret-set $(secret-ids) token=def")
        self.assertEqual(self.ran("two/0")[-1], "secret-changed")
        self.exec("two/0", "r=$(relation-ids want); "
                           "secret-get --refresh $(relation-get -r $r --app secret one)")
        self.assertEqual(self.ran("one/0"), ["secret-remove"])
        self.juju("remove-relation", "one", "two")
        self.assertEqual(len(self.model().secrets), 1)

    def test_expired(self) -> None:
        self.deploy(extra={"secret-expired": "secret-remove $JUJU_SECRET_ID "
                                             "--revision $JUJU_SECRET_REVISION"})
        self.exec("tiny/0", "secret-add key=1 --expire 1ms")
        self.juju("settle")
        self.assertEqual(self.ran("tiny/0")[-1], "secret-expired")
        self.assertEqual(self.model().secrets, {})


class Actions(JujuLocalTest):
    def run_action(self, text: str, *words: str) -> dict[str, object]:
        self.deploy()
        self.extra("tiny/0", "greet", text)
        self.juju("run", "tiny/0", "greet", *words, "--format=json", check=False)
        return json.loads(self.out)["tiny/0"]

    def test_completed(self) -> None:
        done = self.run_action("action-set who=$(action-get who) deep.inner=$(action-get "
                               "deep.inner) return-code=7; echo -e 'a\\r'; printf b; state-set k=v")
        self.assertEqual(done["status"], "completed")
        self.assertEqual(done["results"], {"who": "you", "deep": {"inner": "x"},
                                           "return-code": 0, "stdout": "a\nb\n"})
        self.assertEqual(self.model().units["tiny/0"].state, {"k": "v"})

    def test_action_fail_flushes(self) -> None:
        done = self.run_action("action-fail 'no luck'; state-set k=v")
        self.assertEqual((done["status"], done["message"]), ("failed", "no luck"))
        self.assertEqual(self.model().units["tiny/0"].state, {"k": "v"})
        self.assertEqual(self.code, 1)

    def test_non_zero_exit_does_not_flush_and_wins(self) -> None:
        done = self.run_action("action-fail 'no luck'; state-set k=v; echo bad >&2; exit 4")
        self.assertEqual((done["status"], done["message"]), ("failed", "exit status 4"))
        self.assertEqual(done["results"], {"return-code": 4, "stderr": "bad\n"})
        self.assertEqual(self.model().units["tiny/0"].state, {})
        self.assertEqual(self.model().units["tiny/0"].agent_status.status, "idle")

    def test_values_are_yaml_unless_string_args(self) -> None:
        done = self.run_action("action-get --format=json times", "times=3")
        self.assertEqual(done["results"]["stdout"], "3\n")
        done = json.loads(self.juju("run", "tiny/0", "greet", "who=3", "--string-args",
                                    "--format=json"))["tiny/0"]
        self.assertEqual(done["status"], "completed")

    def test_validation(self) -> None:
        done = self.run_action("true", "times=0")
        self.assertRegex(str(done["message"]),
                         r'^cannot run "greet" action: validation failed: .*times')
        self.assertNotIn("greet", self.ran("tiny/0"))

    def test_unknown_parameters_are_refused_by_juju_4_only(self) -> None:
        self.assertEqual(self.run_action("true", "other=1")["status"], "completed")
        self.juju("model-config", "agent-version=4.0.15")
        self.juju("run", "tiny/0", "greet", "other=1", "--format=json", check=False)
        self.assertEqual(json.loads(self.out)["tiny/0"]["status"], "failed")

    def test_output_that_is_not_utf8(self) -> None:
        done = self.run_action("printf '\\377'")
        self.assertEqual(done["results"]["stdout-encoding"], "base64")

    def test_unknown_action(self) -> None:
        self.deploy()
        self.juju("run", "tiny/0", "nope", check=False)
        self.assertIn('action "nope" not defined on unit "tiny/0"; its charm has: greet', self.err)

    def test_log(self) -> None:
        done = self.run_action("action-log -- -x y")
        self.assertTrue(re.search(r" -x y$", done["log"][0]))


if __name__ == "__main__":
    unittest.main()
