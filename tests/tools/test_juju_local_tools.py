# SPDX-License-Identifier: GPL-3.0-only
"""Hook tools one by one: output, messages and exit statuses."""
import json
import unittest

from juju_local_support import Hook, JujuLocalTest, Store, ToolError

from juju_local.toolkit import NeedStdin
from juju_local.tools import run_tool


class OneUnit(JujuLocalTest):
    def setUp(self) -> None:
        super().setUp()
        self.deploy()
        self.ctx = self.context()


class Common(OneUnit):
    def test_unknown_tool(self) -> None:
        self.fails(self.ctx, 1, "bad request: unknown command: add-metric", "add-metric")

    def test_unknown_option(self) -> None:
        self.fails(self.ctx, 2, "option provided but not defined: --cheese", "is-leader",
                   "--cheese")

    def test_unknown_format(self) -> None:
        self.fails(self.ctx, 2, 'invalid value "bad" for option --format: unknown format "bad"',
                   "is-leader", "--format", "bad")

    def test_too_many_arguments(self) -> None:
        self.fails(self.ctx, 2, 'unrecognized args: ["x"]', "is-leader", "x")

    def test_help_goes_to_stdout(self) -> None:
        self.assertIn("Usage: is-leader", self.ok(self.ctx, "is-leader", "--help"))
        self.assertIn("Usage: is-leader", self.ok(self.ctx, "is-leader", "-h"))

    def test_output_option_writes_a_file_beside_the_caller(self) -> None:
        self.assertEqual(self.ok(self.ctx, "config-get", "greeting", "-o", "f"), "")
        self.assertEqual((self.folder / "f").read_text(), "hi\n")

    def test_format_is_accepted_and_ignored_where_it_once_was(self) -> None:
        for words in (["juju-log", "x"], ["open-port", "80"], ["close-port", "80"]):
            self.assertEqual(self.tool(self.ctx, *words, "--format=json"), (
                0, "", f'--format flag deprecated for command "{words[0]}"'))

    def test_format_where_there_is_none(self) -> None:
        self.fails(self.ctx, 2, "option provided but not defined: --format", "status-set",
                   "--format=json", "active")

    def test_tools_of_kubernetes_fail_loudly(self) -> None:
        code, _, err = self.tool(self.ctx, "k8s-spec-set")
        self.assertEqual(code, 1)
        self.assertIn("juju-local has no k8s-spec-set", err)

    def test_leader_tools_are_gone_in_juju_4(self) -> None:
        self.juju("model-config", "agent-version=4.0.15")
        self.fails(self.context(), 1, "bad request: unknown command: leader-get", "leader-get")


class Config(OneUnit):
    def test_config_get(self) -> None:
        self.assertEqual(self.ok(self.ctx, "config-get", "greeting"), "hi\n")
        self.assertEqual(self.ok(self.ctx, "config-get", "flag"), "True\n")
        self.assertEqual(self.ok(self.ctx, "config-get", "big"), "1.234567e+06\n")
        self.assertEqual(self.ok(self.ctx, "config-get", "big", "--format=json"), "1234567\n")

    def test_unset_and_unknown_are_nothing(self) -> None:
        for key in ("number", "nonsense"):
            self.assertEqual(self.ok(self.ctx, "config-get", key), "")
            self.assertEqual(self.ok(self.ctx, "config-get", key, "--format=json"), "null\n")

    def test_all_has_unset_options_as_null(self) -> None:
        self.assertNotIn("number", json.loads(self.ok(self.ctx, "config-get", "--format=json")))
        everything = json.loads(self.ok(self.ctx, "config-get", "-a", "--format=json"))
        self.assertIsNone(everything["number"])

    def test_key_with_all(self) -> None:
        self.fails(self.ctx, 2, 'cannot use argument --all together with key "greeting"',
                   "config-get", "--all", "greeting")

    def test_leadership(self) -> None:
        self.assertEqual(self.ok(self.ctx, "is-leader"), "True\n")
        self.assertEqual(self.ok(self.ctx, "is-leader", "--format=json"), "true\n")
        self.ok(self.ctx, "leader-set", "a=1", "b=2")
        self.ok(self.ctx, "leader-set", "b=")
        self.assertEqual(self.ok(self.ctx, "leader-get", "--format=json"), '{"a":"1"}\n')

    def test_leader_set_by_a_follower(self) -> None:
        self.juju("add-unit", "tiny")
        code, _, err = self.tool(self.context("tiny/1"), "leader-set", "a=1")
        self.assertEqual(code, 1)
        self.assertIn("not the leader", err)

    def test_application_version(self) -> None:
        self.fails(self.ctx, 2, "no version specified", "application-version-set")
        self.ok(self.ctx, "application-version-set", "1.2")
        self.assertEqual(self.model().applications["tiny"].version, "1.2")
        self.ok(self.ctx, "application-version-set", "")
        self.assertEqual(self.model().applications["tiny"].version, "")

    def test_juju_log(self) -> None:
        self.fails(self.ctx, 2, "no message specified", "juju-log")
        self.ok(self.ctx, "juju-log", "-l", "error", "--", "-a", "b")
        self.assertEqual(self.logged[-1], ("ERROR", "unit.tiny/0.juju-log", "-a b"))
        self.ok(self.ctx, "juju-log", "-l", "loud", "x")
        self.assertEqual([entry[0] for entry in self.logged[-2:]], ["WARNING", "INFO"])

    def test_reboot_in_an_action(self) -> None:
        self.fails(self.context(action={}), 1,
                   "juju-reboot is not supported when running an action.", "juju-reboot")

    def test_credentials(self) -> None:
        code, _, err = self.tool(self.ctx, "credential-get")
        self.assertEqual(code, 1)
        self.assertIn("cannot access cloud credentials: ", err)
        self.assertIn("permission denied", err)


class Status(OneUnit):
    def test_set_is_at_once(self) -> None:
        self.ok(self.ctx, "status-set", "blocked", "no way")
        self.assertEqual(self.model().units["tiny/0"].workload.message, "no way")
        self.assertEqual(self.ok(self.ctx, "status-get"), "blocked\n")
        self.assertEqual(self.ok(self.ctx, "status-get", "--format=json"),
                         '{"status":"blocked"}\n')
        self.assertEqual(self.ok(self.ctx, "status-get", "--include-data"),
                         "message: no way\nstatus: blocked\nstatus-data: {}\n")

    def test_usage(self) -> None:
        self.fails(self.ctx, 2, 'invalid status "x", expected one of [maintenance blocked waiting '
                   "active]", "status-set", "x")
        self.fails(self.ctx, 2, "invalid args, require <status> [message]", "status-set")
        self.assertEqual(self.tool(self.ctx, "status-set", "active", "a", "b")[0], 2)

    def test_application(self) -> None:
        self.ok(self.ctx, "status-set", "--application", "active", "all")
        self.assertEqual(self.ok(self.ctx, "status-get", "--application"), "active\n")
        self.assertEqual(json.loads(self.ok(self.ctx, "status-get", "--application",
                                            "--format=json")), {"application-status": {
                                                "status": "active", "units": {
                                                    "tiny/0": {"status": "unknown"}}}})

    def test_application_by_a_follower(self) -> None:
        self.juju("add-unit", "tiny")
        ctx = self.context("tiny/1")
        self.fails(ctx, 1, "this unit is not the leader", "status-set", "--application", "active")
        self.fails(ctx, 1, "finding application status: this unit is not the leader",
                   "status-get", "--application")


class Ports(OneUnit):
    def test_open_close_and_list(self) -> None:
        for port in ("80", "53/UDP", "10-20/tcp", "icmp", "80/tcp"):
            self.ok(self.ctx, "open-port", port)
        self.ok(self.ctx, "close-port", "9999")
        self.assertEqual(self.ok(self.ctx, "opened-ports"), "icmp\n10-20/tcp\n80/tcp\n53/udp\n")
        self.ok(self.ctx, "close-port", "80")
        self.assertEqual(self.ok(self.ctx, "opened-ports", "--format=json"),
                         '["icmp","10-20/tcp","53/udp"]\n')

    def test_endpoints(self) -> None:
        self.ok(self.ctx, "open-port", "80")
        self.ok(self.ctx, "open-port", "90", "--endpoints", "db,admin")
        self.assertEqual(self.ok(self.ctx, "opened-ports", "--endpoints"),
                         "80/tcp (*)\n90/tcp (admin, db)\n")

    def test_an_endpoint_that_is_not_there_is_refused_at_the_end(self) -> None:
        self.ok(self.ctx, "open-port", "1", "--endpoints", "nope")
        with self.assertRaises(ToolError) as caught:
            self.flush(self.ctx)
        self.assertEqual(str(caught.exception), 'cannot open/close ports: open port range: endpoint "nope" for unit "tiny/0" not found')

    def test_usage(self) -> None:
        for words, message in (
                ([], "no port or range specified"),
                (["5-1"], "invalid port range 5-1/tcp"),
                (["1-2-3"], 'invalid port range "1-2-3"'),
                ([" 80"], 'invalid port " 80": strconv.Atoi: parsing " 80": invalid syntax'),
                (["x"], 'invalid port "x": strconv.Atoi: parsing "x": invalid syntax'),
                (["0-70000"], "port range bounds must be between 0 and 65535, got 0-70000"),
                (["80/foo"], 'invalid protocol "foo", expected "tcp", "udp", or "icmp"'),
                (["80/icmp"], 'protocol "icmp" doesn\'t support any ports; got "80"')):
            self.fails(self.ctx, 2, message, "open-port", *words)

    def test_conflict(self) -> None:
        self.ok(self.ctx, "open-port", "10-20")
        self.fails(self.ctx, 1, 'cannot open 15/tcp (unit "tiny/0"): port range conflicts with '
                   '10-20/tcp (unit "tiny/0") requested earlier', "open-port", "15")
        self.flush(self.ctx)
        self.fails(self.context(), 1, 'cannot open 15/tcp (unit "tiny/0"): port range conflicts with '
                   '10-20/tcp (unit "tiny/0")', "open-port", "15")

    def test_none(self) -> None:
        self.assertEqual(self.ok(self.ctx, "opened-ports"), "")
        self.assertEqual(self.ok(self.ctx, "opened-ports", "--format=json"), "[]\n")


class State(OneUnit):
    def test_reads_its_own_writes_and_flushes_later(self) -> None:
        self.ok(self.ctx, "state-set", "a=1", "b=x=y")
        self.assertEqual(self.ok(self.ctx, "state-get", "b"), "x=y\n")
        self.assertEqual(self.model().units["tiny/0"].state, {})
        self.ok(self.ctx, "state-delete", "a")
        self.ok(self.ctx, "state-delete", "absent")
        self.flush(self.ctx)
        self.assertEqual(self.model().units["tiny/0"].state, {"b": "x=y"})

    def test_nothing_there(self) -> None:
        self.assertEqual(self.ok(self.ctx, "state-get"), "{}\n")
        self.assertEqual(self.ok(self.ctx, "state-get", "--format=json"), "null\n")
        self.assertEqual(self.ok(self.ctx, "state-get", "k"), "")
        self.assertEqual(self.ok(self.ctx, "state-get", "k", "--format=json"), '""\n')
        self.fails(self.ctx, 1, '"k" not found', "state-get", "--strict", "k")

    def test_stdin_is_asked_for(self) -> None:
        with self.assertRaises(NeedStdin):
            run_tool(self.ctx, "state-set", ["--file", "-"], "/", None)
        self.ok(self.ctx, "state-set", "--file", "-", stdin=b'{"a": "1", "n": 12}')
        self.assertEqual(self.ok(self.ctx, "state-get", "n", "--format=json"), '"12"\n')

    def test_limits(self) -> None:
        self.fails(self.ctx, 1, "max allowed key length (256) exceeded", "state-set",
                   "k" * 257 + "=1")
        self.fails(self.ctx, 1, "max allowed value length (65536) exceeded",
                   "state-set", "k=" + "v" * 65537)
        self.fails(self.ctx, 2, 'expected "key=value", got "x"', "state-set", "x")


class Action(OneUnit):
    def test_outside_of_an_action(self) -> None:
        for words in (["action-get"], ["action-set", "a=1"], ["action-fail"], ["action-log", "x"]):
            self.fails(self.ctx, 1, "not running an action", *words)

    def test_get_walks_maps(self) -> None:
        ctx = self.context(action={"a": {"b": 3}, "s": "x"})
        self.assertEqual(self.ok(ctx, "action-get", "a.b"), "3\n")
        self.assertEqual(self.ok(ctx, "action-get", "s.t", "--format=json"), "null\n")
        self.assertEqual(self.ok(ctx, "action-get", "--format=json"), '{"a":{"b":3},"s":"x"}\n')
        self.assertEqual(self.ok(self.context(action={}), "action-get"), "{}\n")
        self.assertEqual(self.tool(ctx, "action-get", "a", "b")[0], 2)

    def test_set(self) -> None:
        ctx = self.context(action={})
        self.ok(ctx, "action-set", "a.b=1", "c=x=y")
        self.ok(ctx, "action-set", "a.b.c=2", "c=z")
        self.ok(ctx, "action-set")
        self.assertEqual(ctx.results, {"a": {"b": {"c": "2"}}, "c": "z"})

    def test_one_bad_key_rejects_the_whole_call(self) -> None:
        ctx = self.context(action={})
        self.fails(ctx, 2, 'key "X" must start and end with lowercase alphanumeric, and contain '
                   "only lowercase alphanumeric and hyphens", "action-set", "good=1", "X=2")
        self.fails(ctx, 2, 'cannot set reserved action key "stdout"', "action-set", "a.stdout=1")
        self.fails(ctx, 2, 'argument "result" must be of the form key...=value', "action-set",
                   "result")
        self.assertEqual(ctx.results, {})

    def test_fail(self) -> None:
        ctx = self.context(action={})
        self.ok(ctx, "action-fail")
        self.assertEqual(ctx.action_failed,
                         "action failed without reason given, check action for errors")
        self.ok(ctx, "action-fail", "why")
        self.assertEqual(ctx.action_failed, "why")
        self.assertEqual(self.tool(ctx, "action-fail", "a", "b")[0], 2)

    def test_log(self) -> None:
        ctx = self.context(action={})
        self.fails(ctx, 2, "no message specified", "action-log")
        self.ok(ctx, "action-log", "one", "two")
        self.assertTrue(self.model().tasks["1"].log[0].endswith(" one two"))


class Network(OneUnit):
    def test_network_get(self) -> None:
        value = json.loads(self.ok(self.ctx, "network-get", "db", "--format=json"))
        self.assertEqual(value["ingress-addresses"], ["127.0.0.1"])
        self.assertNotIn("macaddress", value["bind-addresses"][0])
        self.assertEqual(self.ok(self.ctx, "network-get", "db"), 'bind-addresses:\n- mac-address: ""\n  interface-name: lo\n  addresses:\n'
                         '  - hostname: ""\n    value: 127.0.0.1\n    cidr: 127.0.0.0/24\n    address: 127.0.0.1\n  macaddress: ""\n'
                         '  interfacename: lo\negress-subnets:\n- 127.0.0.1/32\ningress-addresses:\n- 127.0.0.1\n')
        self.assertEqual(self.ok(self.ctx, "network-get", "admin", "--bind-address"),
                         "127.0.0.1\n")
        self.assertEqual(self.ok(self.ctx, "network-get", "db", "--egress-subnets"),
                         "127.0.0.1/32\n")
        self.assertEqual(self.ok(self.ctx, "network-get", "db", "--bind-address",
                                 "--ingress-address"),
                         "bind-address: 127.0.0.1\ningress-address: 127.0.0.1\n")

    def test_usage(self) -> None:
        self.fails(self.ctx, 2, "no arguments specified", "network-get")
        self.fails(self.ctx, 1, 'no network config found for binding "x"', "network-get", "x")

    def test_unit_get(self) -> None:
        self.assertEqual(self.ok(self.ctx, "unit-get", "private-address"), "127.0.0.1\n")
        self.fails(self.ctx, 2, "no setting specified", "unit-get")
        self.fails(self.ctx, 2, 'unknown setting "x"', "unit-get", "x")

    def test_goal_state(self) -> None:
        value = json.loads(self.ok(self.ctx, "goal-state", "--format=json"))
        self.assertEqual(list(value["units"]), ["tiny/0"])
        self.assertRegex(self.ok(self.ctx, "goal-state"), r"\Aunits:\n  tiny/0:\n    status: unknown\n"
                         r"    since: \d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ\nrelations: {}\n\Z")
        self.fails(self.ctx, 2, 'invalid value "smart" for option --format: unknown format '
                   '"smart"', "goal-state", "--format", "smart")


class Relations(JujuLocalTest):
    def setUp(self) -> None:
        super().setUp()
        self.deploy("one")
        self.deploy("two")
        self.juju("integrate", "one:db", "two:want")
        self.relation = next(r.id for r in self.model().relations.values() if not r.peer())
        self.ctx = self.context("one/0", Hook("db-relation-changed", "relation-changed",
                                              relation=self.relation, remote_unit="two/0",
                                              remote_app="two"))
        self.plain = self.context("one/0")

    def test_ids(self) -> None:
        self.assertEqual(self.ok(self.ctx, "relation-ids"), f"db:{self.relation}\n")
        self.assertEqual(self.ok(self.plain, "relation-ids", "db"), f"db:{self.relation}\n")
        self.assertEqual(self.ok(self.plain, "relation-ids", "nope", "--format=json"), "[]\n")
        self.fails(self.plain, 2, "no endpoint name specified", "relation-ids")

    def test_the_relation_option(self) -> None:
        for text in (f"db:{self.relation}", str(self.relation)):
            self.assertEqual(self.ok(self.plain, "relation-list", "-r", text), "two/0\n")
        self.fails(self.plain, 2, 'invalid value "burble:123" for option -r: relation not found',
                   "relation-list", "-r", "burble:123")
        self.fails(self.plain, 2, 'invalid value "x" for option -r: invalid relation id',
                   "relation-list", "-r", "x")
        self.fails(self.plain, 2, "no relation id specified", "relation-list")

    def test_list_app(self) -> None:
        self.assertEqual(self.ok(self.ctx, "relation-list", "--app"), "two\n")

    def test_get_the_remote_units_bag(self) -> None:
        self.assertEqual(self.ok(self.ctx, "relation-get", "private-address"), "127.0.0.1\n")
        self.assertEqual(json.loads(self.ok(self.ctx, "relation-get", "--format=json")), {
            "private-address": "127.0.0.1", "ingress-address": "127.0.0.1",
            "egress-subnets": "127.0.0.1/32"})
        self.assertEqual(self.ok(self.ctx, "relation-get", "absent", "--format=json"), "null\n")

    def test_get_usage(self) -> None:
        self.fails(self.plain, 2, "no unit or application specified", "relation-get", "-r",
                   str(self.relation))
        self.fails(self.ctx, 2, 'expected unit name, got application name "two"', "relation-get",
                   "-", "two")
        self.fails(self.ctx, 2, 'invalid unit name "T W"', "relation-get", "-", "T W")

    def test_set_is_seen_by_itself_at_once_and_by_others_later(self) -> None:
        self.ok(self.ctx, "relation-set", "k=a=b", "private-address=")
        self.assertEqual(self.ok(self.ctx, "relation-get", "k", "one/0"), "a=b\n")
        self.assertEqual(self.ok(self.ctx, "relation-get", "private-address", "one/0"), "")
        bag = self.model().relations[str(self.relation)].units["one/0"]
        self.assertNotIn("k", bag.settings)
        version = bag.version
        self.flush(self.ctx)
        bag = self.model().relations[str(self.relation)].units["one/0"]
        self.assertEqual((bag.settings["k"], bag.version), ("a=b", version + 1))

    def test_setting_what_is_there_changes_nothing(self) -> None:
        self.ok(self.ctx, "relation-set", "private-address=127.0.0.1")
        version = self.model().relations[str(self.relation)].units["one/0"].version
        self.flush(self.ctx)
        self.assertEqual(self.model().relations[str(self.relation)].units["one/0"].version,
                         version)

    def test_set_from_a_file_and_stdin(self) -> None:
        (self.folder / "f.yaml").write_text("a: 1\nb: file\nlong: 010\n")
        self.ok(self.ctx, "relation-set", "--file", "f.yaml", "b=argument")
        self.ok(self.ctx, "relation-set", "--file", "-", stdin=b'{"c": "-x\\ny"}')
        got = json.loads(self.ok(self.ctx, "relation-get", "-", "one/0", "--format=json"))
        self.assertEqual((got["a"], got["b"], got["c"], got["long"]),
                         ("1", "argument", "-x\ny", "010"))
        self.fails(self.ctx, 1, "yaml: unmarshal errors:\n  line 2: cannot unmarshal !!map into string", "relation-set", "--file", "-",
                   stdin=b"x: y\na: {b: c}")

    def test_arguments_lose_the_blanks_around_them_and_files_do_not(self) -> None:
        self.ok(self.ctx, "relation-set", " a = x y ", "")
        self.ok(self.ctx, "relation-set", "--file", "-", stdin=b'{"b": " x "}')
        found = json.loads(self.ok(self.ctx, "relation-get", "-", "one/0", "--format=json"))
        self.assertEqual((found["a"], found["b"]), ("x y", " x "))

    def test_what_stands_before_the_number_of_a_relation_is_not_looked_at(self) -> None:
        mine = self.ok(self.ctx, "relation-list")
        number = self.ctx.hook.relation
        for name in (f"{number}", f":{number}", f"nonsense:{number}", f"0{number}"):
            self.assertEqual(self.ok(self.ctx, "relation-list", "-r", name), mine)

    def test_set_usage(self) -> None:
        self.fails(self.ctx, 2, 'expected "key=value", got "x"', "relation-set", "x")
        self.fails(self.ctx, 2, 'key "k" specified more than once', "relation-set", "k=1", "k=2")
        self.ok(self.ctx, "relation-set")

    def test_application_bag(self) -> None:
        self.ok(self.ctx, "relation-set", "--app", "k=v")
        self.assertEqual(self.ok(self.ctx, "relation-get", "--app", "k", "one"), "v\n")
        self.flush(self.ctx)
        other = self.context("two/0", Hook("want-relation-changed", "relation-changed",
                                           relation=self.relation, remote_app="one"))
        self.assertEqual(self.ok(other, "relation-get", "k"), "v\n")
        self.assertEqual(self.ok(other, "relation-get", "--app", "k", "one/0"), "v\n")

    def test_application_bag_by_a_follower(self) -> None:
        self.juju("add-unit", "one")
        ctx = self.context("one/1")
        number = str(self.relation)
        self.fails(ctx, 1, "cannot write relation settings", "relation-set", "-r", number, "--app",
                   "a=b")
        self.fails(ctx, 1, "permission denied", "relation-get", "-r", number, "--app", "-", "one")
        self.juju("model-config", "agent-version=4.1-beta2")
        self.ok(self.context("one/1"), "relation-get", "-r", number, "--app", "-", "one")

    def test_quota_at_flush(self) -> None:
        data = json.dumps({"k": "v" * (17 << 20)}).encode()
        self.ok(self.ctx, "relation-set", "--file", "-", stdin=data)
        with self.assertRaisesRegex(ToolError, "quota limit exceeded"):
            self.flush(self.ctx)

    def test_log_line_names_the_relation(self) -> None:
        self.ok(self.ctx, "juju-log", "hello")
        self.assertEqual(self.logged[-1][2], f"db:{self.relation}: hello")

    def test_model(self) -> None:
        self.assertEqual(self.ok(self.ctx, "relation-model-get"),
                         f"uuid: {Store(self.store.root).read().uuid}\n")


if __name__ == "__main__":
    unittest.main()
