# SPDX-License-Identifier: GPL-3.0-only
"""Juju's tables of what an agent does around a hook or action, row by row: which file is run and with what, what its end means, when it is
tried again, what the agent says of the unit meanwhile, which changes wait, in which order hooks come, how actions end."""
from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
import unittest

from juju_local_support import METADATA, PROGRAM, Hook, JujuLocalTest, ToolError, write_charm

ALL = "install start stop remove config-changed upgrade-charm update-status leader-elected secret-changed secret-remove secret-rotate secret-expired".split()
SUBORDINATE = """
name: below
summary: s
description: d
subordinate: true
requires: {host: {interface: juju-info, scope: container}}
"""


class Environment(JujuLocalTest):
    """Variables that test_juju_local_tables.py has no row for."""

    def setUp(self) -> None:
        super().setUp()
        self.deploy()

    def seen(self, unit: str, hook: str, *names: str) -> list[str | None]:
        """What the last run of a hook found, of these variables; it has kept its environment."""
        text = (self.charm_dir(unit) / f"environment.{hook}").read_text()
        found = dict(entry.split("=", 1) for entry in text.split("\0") if "=" in entry)
        return [found.get(name) for name in names]

    def keep(self, unit: str, *hooks: str) -> None:
        for hook in hooks:
            self.extra(unit, hook, f"env -0 >environment.{hook}\n")

    def test_tracing_of_juju_4_alone(self) -> None:
        names = ["JUJU_CHARM_TRACE_CONFIG_" + name for name in ("HTTP", "GRPC", "CA_CERT")]
        self.keep("tiny/0", "update-status")
        for version, value in (("3.6.28", None), ("4.1-beta2", "")):
            self.juju("model-config", f"agent-version={version}")
            self.juju("fire", "tiny/0", "update-status")
            self.assertEqual(self.seen("tiny/0", "update-status", *names), [value] * 3, version)

    def test_every_proxy(self) -> None:
        """In the charm's own variables, or in everybody's, never in both."""
        self.keep("tiny/0", "update-status")
        kinds = ("http", "https", "ftp", "no")
        charms = [f"JUJU_CHARM_{kind.upper()}_PROXY" for kind in kinds]
        legacy = [name for kind in kinds for name in (f"{kind}_proxy", f"{kind.upper()}_PROXY")]
        self.juju("model-config", *(f"juju-{kind}-proxy={kind}.example" for kind in kinds))
        self.juju("fire", "tiny/0", "update-status")
        self.assertEqual(self.seen("tiny/0", "update-status", *charms, *legacy), [f"{kind}.example" for kind in kinds] + [None] * 8)
        self.juju("model-config", "--reset", ",".join(f"juju-{kind}-proxy" for kind in kinds), *(f"{kind}-proxy={kind}.example" for kind in kinds))
        self.juju("fire", "tiny/0", "update-status")
        self.assertEqual(self.seen("tiny/0", "update-status", *charms, *legacy), [""] * 4 + [f"{kind}.example" for kind in kinds for _ in range(2)])

    def test_of_a_subordinate(self) -> None:
        self.juju("deploy", write_charm(self.folder / "below", metadata=SUBORDINATE, hooks=["install"],
                                        extra={"install": "env -0 >environment.install"}), "below")
        self.juju("integrate", "tiny", "below:host")
        self.assertEqual(self.seen("below/0", "install", "JUJU_PRINCIPAL_UNIT", "JUJU_MACHINE_ID"), ["tiny/0", "0"])

    def test_of_the_unit_that_leaves(self) -> None:
        self.deploy("other", "-n", "2")
        self.juju("integrate", "tiny:want", "other:db")
        self.keep("tiny/0", "want-relation-departed")
        seen = self.folder / "seen"
        self.extra("other/0", "db-relation-departed", f"echo $JUJU_DEPARTING_UNIT $JUJU_REMOTE_UNIT >{seen}")
        self.juju("remove-unit", "other/0")
        self.assertEqual(seen.read_text(), "other/0 tiny/0\n")
        self.assertEqual(self.seen("tiny/0", "want-relation-departed", "JUJU_DEPARTING_UNIT", "JUJU_REMOTE_UNIT"), ["other/0"] * 2)

    def test_of_application_data(self) -> None:
        self.deploy("other")
        self.juju("integrate", "tiny:want", "other:db")
        self.keep("tiny/0", "want-relation-changed")
        self.exec("other/0", "relation-set -r $(relation-ids db) --app a=b")
        self.assertEqual(self.seen("tiny/0", "want-relation-changed", "JUJU_REMOTE_APP", "JUJU_REMOTE_UNIT"), ["other", ""])

    def test_secret_revision_of_expired_and_removed_ones_alone(self) -> None:
        names = ("JUJU_SECRET_ID", "JUJU_SECRET_LABEL", "JUJU_SECRET_REVISION")
        self.keep("tiny/0", "secret-rotate", "secret-expired", "secret-remove")
        uri = self.exec("tiny/0", "secret-add key=one --label mine --rotate hourly --expire 1ms").strip()
        with self.store.change() as model:
            model.secrets[uri.removeprefix("secret:")].next_rotate = "2020-01-01T00:00:00Z"
        self.juju("settle")
        self.exec("tiny/0", f"secret-set {uri} key=two")
        for hook, revision in (("secret-expired", "1"), ("secret-rotate", None), ("secret-remove", "1")):
            self.assertEqual(self.seen("tiny/0", hook, *names), [uri, "mine", revision], hook)


class Programs(JujuLocalTest):
    def fails(self, message: str, folder) -> None:
        self.juju("deploy", folder, "--retries", "0", check=False)
        self.assertEqual(self.code, 1)
        self.assertIn(message, self.err)
        self.assertEqual(self.model().units["tiny/0"].agent_status.status, "error")

    def test_a_charm_that_has_lost_its_metadata(self) -> None:
        self.deploy()
        (self.charm_dir("tiny/0") / "metadata.yaml").unlink()
        self.juju("fire", "tiny/0", "update-status", "--retries", "0", check=False)
        self.assertIn("charm missing from disk", self.err)

    def test_a_dispatch_that_is_a_folder(self) -> None:
        folder = write_charm(self.folder / "c")
        (folder / "dispatch").mkdir()
        (folder / "dispatch/file").touch()
        self.fails("is a directory", folder)

    def test_a_hook_that_is_a_folder(self) -> None:
        folder = write_charm(self.folder / "c", hooks=["start"])
        (folder / "hooks/install").mkdir()
        (folder / "hooks/install/file").touch()
        self.fails("is a directory", folder)

    def test_an_action_that_the_charm_has_no_file_for(self) -> None:
        self.deploy(actions="greet: {}\nother: {}\n")
        self.juju("run", "tiny/0", "other", "--format=json", check=False)
        done = json.loads(self.out)["tiny/0"]
        self.assertEqual((done["status"], done["message"], done.get("results")), ("failed", 'action not implemented on unit "tiny/0"', None))

    def test_what_a_program_is_started_with(self) -> None:
        looks = 'echo "$#|$(pwd)|$(readlink /proc/self/fd/0)|$(id -u)" > looks.$name; readlink /proc/$$/fd/1 /proc/$$/fd/2 > pipes.$name\n'
        self.deploy(extra={"install": looks, "greet": looks})
        self.juju("run", "tiny/0", "greet")
        charm = self.charm_dir("tiny/0")
        for name in ("install", "greet"):
            self.assertEqual((charm / f"looks.{name}").read_text(), f"0|{charm}|/dev/null|{os.getuid()}\n")
            self.assertRegex((charm / f"pipes.{name}").read_text(), r"\Apipe:\[\d+\]\npipe:\[\d+\]\n\Z")

    def test_juju_exec_is_run_by_bash_in_the_charms_folder(self) -> None:
        self.deploy()
        self.assertEqual(self.exec("tiny/0", 'pwd; echo "${BASH_VERSION%%.*}" | grep -c "[0-9]"'), f"{self.charm_dir('tiny/0')}\n1\n")


class Results(JujuLocalTest):
    """Of one run of a hook."""

    def setUp(self) -> None:
        super().setUp()
        self.deploy()
        self.forget("tiny/0")

    def fire(self, text: str, *words: str) -> None:
        self.extra("tiny/0", "update-status", text)
        self.juju("fire", "tiny/0", "update-status", *words, check=False)

    def logged(self, logger: str) -> list[str]:
        lines = (self.store.root / "log").read_text().splitlines()
        return [line.partition(f" {logger} ")[2] for line in lines if f" {logger} " in line + " "]

    def test_long_lines_are_logged_in_parts(self) -> None:
        for length, parts in ((4095, [4095]), (4096, [4096, 0]), (4097, [4096, 1]), (9000, [4096, 4096, 808])):
            (self.store.root / "log").write_text("")
            self.fire(f"head -c {length} /dev/zero | tr '\\0' x; echo")
            found = re.findall(r" DEBUG unit\.tiny/0\.update-status (.*)\n", (self.store.root / "log").read_text())
            self.assertEqual([len(text) for text in found], parts)

    def test_any_other_signal_is_a_failure(self) -> None:
        self.juju("model-config", "automatically-retry-hooks=false")
        self.fire("state-set a=b; kill -SEGV $$")
        unit = self.model().units["tiny/0"]
        self.assertEqual((unit.agent_status.status, unit.agent_status.message), ("error", 'hook failed: "update-status"'))
        self.assertIn("signal: segmentation fault", self.err)
        self.assertEqual(unit.state, {})

    def test_sigkill_is_none(self) -> None:
        self.fire("state-set n=$(ls | wc -l); if mkdir once; then kill -KILL $$; fi; rmdir once; state-set second=1")
        self.assertEqual(self.ran("tiny/0"), ["update-status"] * 2)
        self.assertIn("second", self.model().units["tiny/0"].state)

    def test_what_is_always_killed_goes_on(self) -> None:
        self.fire("kill -KILL $$", "--retries", "2")
        self.assertGreater(len(self.ran("tiny/0")), 2)
        self.assertEqual(self.model().units["tiny/0"].agent.pending.state, "queued")

    def test_status_of_a_failure_names_the_remote_unit(self) -> None:
        self.juju("model-config", "automatically-retry-hooks=false")
        self.deploy("other", extra={"db-relation-joined": "exit 1"})
        self.juju("integrate", "tiny:want", "other:db", check=False)
        status = self.model().units["other/0"].agent_status
        number = next(r.id for r in self.model().relations.values() if not r.peer())
        self.assertEqual((status.status, status.message, status.data), (
            "error", 'hook failed: "db-relation-joined"', {"hook": "db-relation-joined", "relation-id": str(number), "remote-unit": "tiny/0"}))

    def test_the_wait_before_another_try_doubles(self) -> None:
        self.fire("date +%s.%N >> times; exit 1", "--retries", "3")
        waits = [float(text) for text in re.findall(r"trying again in (\S+) s", self.err)]
        self.assertEqual(waits, [0.01, 0.02, 0.04])
        times = [float(text) for text in (self.charm_dir("tiny/0") / "times").read_text().split()]
        for earlier, later, wait in zip(times[:-1], times[1:], waits, strict=True):
            self.assertGreater(later - earlier, wait)

    def test_the_wait_is_at_most_five_minutes(self) -> None:
        from juju_local.console import Console
        from juju_local.resolver import Operation
        from juju_local.settle import Retries, Settler
        settler = Settler(self.store, Console(None, quiet=True), Retries(100, 5))
        for seconds in (5, 10, 20, 40, 80, 160, 300, 300):
            before = time.monotonic()
            settler._count_failure("tiny/0", Operation("hook", Hook("install", "install")))
            not_before, after = settler._attempts["tiny/0"].not_before, time.monotonic()
            self.assertTrue(before + seconds <= not_before <= after + seconds, (before, seconds, not_before, after))

    def test_no_other_try_when_the_model_says_so(self) -> None:
        self.juju("model-config", "automatically-retry-hooks=false")
        self.fire("exit 1")
        self.juju("settle", check=False)
        self.assertEqual(self.ran("tiny/0"), ["update-status"])

    def test_another_try_is_a_new_process_with_new_answers(self) -> None:
        self.juju("model-config", "automatically-retry-hooks=false")
        self.fire('echo "$(config-get greeting) $JUJU_CONTEXT_ID" >> answers; exit 1')
        self.juju("config", "tiny", "greeting=new", check=False)
        self.juju("resolve", "tiny/0", check=False)
        first, second = (line.split() for line in (self.charm_dir("tiny/0") / "answers").read_text().splitlines())
        self.assertEqual((first[0], second[0]), ("hi", "new"))
        self.assertNotEqual(first[1], second[1])

    def test_reboot_after_the_hook(self) -> None:
        """The hook is done and counts; nothing of it runs again."""
        self.fire("juju-reboot; state-set a=b; echo on >> ran.log")
        self.assertEqual(self.ran("tiny/0"), ["update-status", "on", "start"])
        self.assertEqual(self.model().units["tiny/0"].state, {"a": "b"})

    def test_no_reboot_after_a_hook_that_fails(self) -> None:
        self.juju("model-config", "automatically-retry-hooks=false")
        self.fire("juju-reboot; exit 1")
        self.assertEqual(self.ran("tiny/0"), ["update-status"])

    def test_reboot_now_commits_nothing(self) -> None:
        self.fire("if mkdir once; then state-set a=b; juju-reboot --now; touch survived; fi")
        self.assertEqual([h for h in self.ran("tiny/0") if h != "start"], ["update-status"] * 2)
        self.assertEqual(self.model().units["tiny/0"].state, {})
        self.assertFalse((self.charm_dir("tiny/0") / "survived").exists())


class Statuses(JujuLocalTest):
    """What the agent itself says of the workload."""

    def seen(self, **hooks: str) -> dict[str, str]:
        """hook -> what it finds, and what the unit has after it, in the order of a life."""
        place = self.folder / "seen"
        look = "status-get --include-data --format=json | sed 's/, *\"status-data.*//' >> {}.$JUJU_HOOK_NAME\n".format(place)
        self.deploy(extra={name: look + hooks.get(name.replace("-", "_"), "") for name in ("install", "start", "update-status", "stop", "remove")})
        self.juju("fire", "tiny/0", "update-status")
        self.juju("remove-unit", "tiny/0")
        found = {}
        for name in ("install", "start", "update-status", "stop", "remove"):
            about = json.loads(place.with_suffix(f".{name}").read_text().strip().removesuffix("}").partition(',"status-data"')[0] + "}")
            found[name] = f"{about['status']} {about['message']}".strip()
        return found

    def test_of_a_charm_that_says_nothing(self) -> None:
        self.assertEqual(self.seen(), {
            "install": "maintenance installing charm software", "start": "maintenance installing charm software", "update-status": "unknown",
            "stop": "maintenance stopping charm software", "remove": "maintenance cleaning up prior to charm deletion"})

    def test_of_one_that_says_its_own(self) -> None:
        found = self.seen(install="status-set blocked why\n", stop="status-set active still\n")
        self.assertEqual(found, {
            "install": "maintenance installing charm software", "start": "blocked why", "update-status": "blocked why",
            "stop": "maintenance stopping charm software", "remove": "maintenance cleaning up prior to charm deletion"})

    def test_an_install_that_is_tried_again_keeps_what_the_charm_said(self) -> None:
        self.deploy(extra={"install": "status-get >> words; status-set waiting mirror; mkdir once && exit 1; true"})
        self.assertEqual((self.charm_dir("tiny/0") / "words").read_text(), "maintenance\nwaiting\n")


class Pending(JujuLocalTest):
    """Of the table of what waits for the end of a hook: what it reads of its own writes, and what others see."""

    def setUp(self) -> None:
        super().setUp()
        self.deploy("one")
        self.deploy("two")
        self.juju("integrate", "one:db", "two:want")
        self.number = next(r.id for r in self.model().relations.values() if not r.peer())

    def test_a_hook_reads_what_it_has_written(self) -> None:
        ctx = self.context("one/0", Hook("db-relation-changed", "relation-changed", relation=self.number, remote_unit="two/0", remote_app="two"))
        uri = self.ok(ctx, "secret-add", "key=one").strip()
        for write, read, answer in (
                ("relation-set a=b", "relation-get a one/0", "b\n"), ("relation-set --app c=d", "relation-get --app c one", "d\n"),
                ("state-set s=t", "state-get s", "t\n"), ("state-delete s", "state-get s", ""), ("open-port 80", "opened-ports", "80/tcp\n"),
                ("open-port 90", "opened-ports", "80/tcp\n90/tcp\n"), ("close-port 80", "opened-ports", "90/tcp\n"),
                (f"secret-set {uri} key=two", f"secret-get {uri} key --peek", "two\n"), (f"secret-set {uri} --description d", f"secret-get {uri} key --refresh", "two\n")):
            with self.subTest(write=write):
                self.ok(ctx, *write.split())
                self.assertEqual(self.ok(ctx, *read.split()), answer)
        self.assertEqual(self.model().units["one/0"].ports, [])
        self.assertEqual(self.model().secrets, {})

    def test_what_a_controller_said_stays_for_the_length_of_a_hook(self) -> None:
        ctx = self.context("one/0", Hook("db-relation-changed", "relation-changed", relation=self.number, remote_unit="two/0", remote_app="two"))
        self.assertEqual(self.ok(ctx, "config-get", "greeting") + self.ok(ctx, "relation-get", "late"), "hi\n")
        self.exec("two/0", f"relation-set -r {self.number} late=1")
        self.juju("config", "one", "greeting=new")
        self.assertEqual(self.ok(ctx, "config-get", "greeting") + self.ok(ctx, "relation-get", "late"), "hi\n")
        later = self.context("one/0")
        self.assertEqual(self.ok(later, "config-get", "greeting"), "new\n")
        self.assertEqual(self.ok(later, "relation-get", "-r", str(self.number), "late", "two/0"), "1\n")

    def test_revoking_waits(self) -> None:
        uri = self.exec("one/0", f"id=$(secret-add key=one); secret-grant $id -r {self.number}; echo $id").strip()
        secret = uri.removeprefix("secret:")
        self.assertEqual(list(self.model().secrets[secret].access), ["application-two"])
        self.juju("model-config", "automatically-retry-hooks=false")
        for end, access in (("exit 1", ["application-two"]), ("true", [])):
            self.extra("one/0", "update-status", f"secret-revoke {uri} --app two; {end}")
            self.juju("fire", "one/0", "update-status", check=False)
            self.assertEqual(list(self.model().secrets[secret].access), access, end)
            self.juju("resolve", "--no-retry", "one/0", check=False)

    def test_an_id_of_a_secret_that_is_not_committed_is_of_none(self) -> None:
        self.juju("model-config", "automatically-retry-hooks=false")
        self.extra("one/0", "update-status", f"secret-add key=one > {self.folder}/id; exit 1")
        self.juju("fire", "one/0", "update-status", check=False)
        uri = (self.folder / "id").read_text().strip()
        self.fails(self.context("one/0"), 1, f'secret "{uri.removeprefix("secret:")}" not found', "secret-get", uri)

    def test_config_changed_renews_the_addresses_of_relations(self) -> None:
        def bag() -> dict[str, str]:
            return self.model().relations[str(self.number)].units["one/0"].settings

        for hook, renewed in (("update-status", False), ("config-changed", True)):
            self.exec("one/0", f"relation-set -r {self.number} ingress-address= private-address=")
            self.juju("fire", "one/0", hook)
            self.assertEqual("ingress-address" in bag(), renewed, hook)

    def test_a_refused_commit_fails_an_action(self) -> None:
        self.extra("one/0", "greet", "echo said >&2; open-port 80 --endpoints nope; state-set a=b")
        self.juju("run", "one/0", "greet", "--format=json", check=False)
        done = json.loads(self.out)["one/0"]
        why = 'cannot open/close ports: open port range: endpoint "nope" for unit "one/0" not found'
        self.assertEqual((done["status"], done["message"]), ("failed", "committing requested changes failed"))
        self.assertEqual(done["results"], {"return-code": 0, "stderr": f"said\n\n{why}"})
        self.assertEqual(self.model().units["one/0"].state, {})

    def test_leadership_that_is_lost_refuses_all_of_it(self) -> None:
        self.juju("add-unit", "one")
        ctx = self.context("one/0")
        self.ok(ctx, "state-set", "a=b")
        self.ok(ctx, "relation-set", "-r", str(self.number), "--app", "a=b")
        with self.store.change() as model:
            model.applications["one"].leader = "one/1"
        with self.assertRaisesRegex(ToolError, "is not leader of"):
            self.flush(ctx)
        self.assertEqual(self.model().units["one/0"].state, {})

    def test_calls_side_by_side_are_done_one_by_one(self) -> None:
        self.exec("one/0", "for i in $(seq 12); do state-set k$i=$i & done; wait")
        self.assertEqual(self.model().units["one/0"].state, {f"k{i}": str(i) for i in range(1, 13)})

    def test_a_folder_that_is_gone(self) -> None:
        out = self.exec("one/0", "mkdir d; cd d; rmdir ../d; is-leader 2>&1; echo $?")
        self.assertRegex(out, r"\AERROR .*no such file or directory\n1\n\Z")

    def test_files_of_secrets_are_not_looked_for_in_the_callers_folder(self) -> None:
        (self.folder / "here").write_text("key: one\n")
        ctx = self.context("one/0")
        self.ok(ctx, "state-set", "--file", "here")
        for words in (["--file", "here"], ["key#file=here"]):
            code, _, err = self.tool(ctx, "secret-add", *words)
            self.assertEqual((code, err), (2, "ERROR " + ("" if words[0] == "--file" else 'reading content for secret key "key": ')
                                           + "open here: no such file or directory\n"))
        self.ok(ctx, "secret-add", f"key#file={self.folder / 'here'}")


class Order(JujuLocalTest):
    def test_an_action_before_start(self) -> None:
        folder = write_charm(self.folder / "c", extra={"config-changed": "exit 1"})
        self.juju("deploy", folder, "late", "--retries", "0", check=False)
        self.juju("run", "late/0", "greet", "--retries", "0", check=False)
        self.assertEqual([h for h in self.ran("late/0") if h in ("install", "greet", "start")], ["install", "greet"])

    def test_peers_come_last(self) -> None:
        self.deploy("one")
        self.deploy("two")
        self.juju("integrate", "one:db", "two:want")  # two/0 has entered before one/1 looks
        self.juju("add-unit", "one")
        ran = [h for h in self.ran("one/1") if h.split()[0].endswith(("-joined", "-changed"))]
        self.assertEqual(ran, ["config-changed", "db-relation-joined two/0", "db-relation-changed two/0",
                               "mates-relation-joined one/0", "mates-relation-changed one/0"])

    def test_every_joined_is_followed_by_its_changed(self) -> None:
        self.deploy("one", extra={"db-relation-joined": "mkdir once && exit 1; true"})
        self.deploy("two", "-n", "3")
        self.forget("one/0")
        self.juju("integrate", "one:db", "two:want")
        self.assertEqual(self.ran("one/0")[1:], ["db-relation-joined two/0"] + [
            f"db-relation-{event} two/{i}" for i in range(3) for event in ("joined", "changed")])

    def test_what_changes_config(self) -> None:
        self.deploy()
        for words, hooks in ((("config", "tiny", "number=1"), 1), (("config", "tiny", "number=1"), 0), (("trust", "tiny"), 1),
                             (("trust", "tiny"), 0), (("trust", "tiny", "--remove"), 1)):
            self.forget("tiny/0")
            self.juju(*words)
            self.assertEqual(self.ran("tiny/0"), ["config-changed"] * hooks, words)
        self.forget("tiny/0")
        self.juju("reboot", "tiny/0")  # the agent starts again, and nothing has changed
        self.assertEqual(self.ran("tiny/0"), ["start"])

    def test_a_new_resource_is_an_upgrade(self) -> None:
        (self.folder / "r").write_text("one")
        folder = write_charm(self.folder / "c", metadata=METADATA + "resources: {blob: {type: file, filename: b}}\n")
        self.juju("deploy", folder, "--resource", f"blob={self.folder / 'r'}")
        self.forget("tiny/0")
        (self.folder / "r2").write_text("two")
        self.juju("refresh", "tiny", "--resource", f"blob={self.folder / 'r2'}")
        self.assertEqual(self.ran("tiny/0"), ["upgrade-charm", "config-changed"])
        self.assertEqual(self.exec("tiny/0", "cat $(resource-get blob)"), "two\n")

    def test_the_side_that_gives_juju_info_has_no_hooks_of_it(self) -> None:
        self.deploy()
        self.forget("tiny/0")
        self.juju("deploy", write_charm(self.folder / "below", metadata=SUBORDINATE, hooks=["host-relation-joined"]), "below")
        self.juju("integrate", "tiny", "below:host")
        self.assertEqual(self.ran("below/0"), ["host-relation-joined tiny/0"])
        self.juju("remove-relation", "tiny", "below")
        self.assertEqual(self.ran("tiny/0"), [])

    def test_a_leader_that_leaves_runs_no_hook_for_it(self) -> None:
        self.deploy("tiny", "-n", "2", hooks=[*ALL, "leader-deposed"])
        with self.store.change() as model:
            model.applications["tiny"].leader = "tiny/1"
        self.forget("tiny/0")
        self.juju("settle")
        self.assertEqual((self.ran("tiny/0"), self.ran("tiny/1")[-1]), ([], "leader-elected"))

    def test_rotation_is_asked_for_until_it_is_done(self) -> None:
        self.deploy()
        uri = self.exec("tiny/0", "secret-add key=one --rotate daily").strip()
        secret = uri.removeprefix("secret:")
        for _ in range(2):
            with self.store.change() as model:
                model.secrets[secret].next_rotate = "2020-01-01T00:00:00Z"
            self.forget("tiny/0")
            self.juju("settle")
            self.assertEqual(self.ran("tiny/0"), ["secret-rotate"])
            self.assertGreater(self.model().secrets[secret].next_rotate, "2025")
        self.exec("tiny/0", f"secret-set {uri} --rotate never")
        self.assertEqual(self.model().secrets[secret].next_rotate, "")

    def test_rotation_is_the_leaders(self) -> None:
        self.deploy("tiny", "-n", "2")
        self.exec("tiny/0", "secret-add key=one --rotate daily")
        self.exec("tiny/1", "secret-add key=two --rotate daily --owner unit")
        with self.store.change() as model:
            for secret in model.secrets.values():
                secret.next_rotate = "2020-01-01T00:00:00Z"
            model.applications["tiny"].leader = "tiny/1"
        self.forget("tiny/0")
        self.forget("tiny/1")
        self.juju("settle")
        self.assertEqual(self.ran("tiny/0"), [])
        self.assertEqual(sorted(self.ran("tiny/1")), ["leader-elected", "secret-rotate", "secret-rotate"])

    def test_update_status_waits_while_a_hook_is_in_error(self) -> None:
        folder = write_charm(self.folder / "c", extra={"start": "exit 1"})
        self.juju("model-config", "automatically-retry-hooks=false")
        self.juju("deploy", folder, check=False)
        self.juju("wait-for", "unit", "tiny/0", "--interval", "0.01", "--timeout", "0.1", check=False)
        self.assertNotIn("update-status", self.ran("tiny/0"))


class Upgrade(JujuLocalTest):
    def test_files_are_replaced_and_not_written_over(self) -> None:
        """A program that runs keeps what it was started from."""
        self.deploy(extra={"daemon": "old"})
        charm = self.charm_dir("tiny/0")
        kept = charm / "extra/daemon.sh"
        before = kept.stat().st_ino
        with open(kept, encoding="utf-8") as running:
            self.juju("refresh", "tiny", "--path", write_charm(self.folder / "new", extra={"daemon": "new"}))
            self.assertEqual((running.read(), kept.read_text()), ("old", "new"))
            self.assertNotEqual(kept.stat().st_ino, before)
        self.assertEqual([(charm / name).read_text() for name in (".juju-charm", "revision")], ["local:tiny-1\n", "1"])

    def test_new_options_have_their_defaults(self) -> None:
        self.deploy()
        self.juju("config", "tiny", "greeting=mine")
        new = write_charm(self.folder / "new", config="options: {greeting: {type: string}, fresh: {type: int, default: 7}}")
        self.juju("refresh", "tiny", "--path", new)
        self.assertEqual(json.loads(self.exec("tiny/0", "config-get --format=json")), {"greeting": "mine", "fresh": 7})

    def test_the_hooks_of_an_upgrade_are_the_new_charms(self) -> None:
        self.deploy(extra={name: "echo old >> ran.log" for name in ("upgrade-charm", "config-changed")})
        self.forget("tiny/0")
        new = write_charm(self.folder / "new", extra={name: "echo new >> ran.log" for name in ("upgrade-charm", "config-changed")})
        self.juju("refresh", "tiny", "--path", new)
        self.assertEqual(self.ran("tiny/0"), ["upgrade-charm", "new", "config-changed", "new"])

    def test_a_unit_that_is_removed_leaves_no_charm(self) -> None:
        self.deploy()
        self.deploy("stays", "--to", "0")
        charm = self.charm_dir("tiny/0")
        self.assertTrue(charm.is_dir())
        self.juju("remove-unit", "tiny/0")
        self.assertFalse(charm.exists())


class Actions(JujuLocalTest):
    def setUp(self) -> None:
        super().setUp()
        self.deploy()

    def done(self, text: str, *words: str) -> dict:
        self.extra("tiny/0", "greet", text)
        self.juju("run", "tiny/0", "greet", *words, "--format=json", check=False)
        return json.loads(self.out)["tiny/0"]

    def running(self, text: str) -> tuple[subprocess.Popen, str]:
        """An action under way, in another process, and its task."""
        self.extra("tiny/0", "greet", f"touch begun; {text}")
        process = subprocess.Popen([PROGRAM, "run", "tiny/0", "greet", "--format=json", "--state-dir", self.store.root],
                                   stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.wait_until((self.charm_dir("tiny/0") / "begun").exists)
        return process, max(self.model().tasks, key=int)

    def test_cancelled_while_it_runs(self) -> None:
        process, task = self.running("trap '' TERM; echo said; state-set a=b; sleep 60 & echo $! > child; while :; do sleep 0.1; done")
        child = self.charm_dir("tiny/0") / "child"
        self.wait_until(lambda: child.exists() and child.read_text().endswith("\n"))
        self.juju("cancel-task", task)
        out, _ = process.communicate(timeout=180)
        os.kill(int(child.read_text()), signal.SIGKILL)  # what it has started goes on: nobody else ends it
        found = json.loads(out)["tiny/0"]
        self.assertEqual((found["status"], found["message"], found["results"]), ("aborted", "terminated", {"return-code": -1, "stdout": "said\n"}))
        self.assertEqual(self.model().units["tiny/0"].state, {})
        self.assertEqual(self.model().units["tiny/0"].agent_status.status, "idle")

    def test_cancelled_before_it_runs(self) -> None:
        task = self.juju("run", "tiny/0", "greet", "--no-wait").strip()
        self.juju("cancel-task", task)
        self.juju("settle")
        self.assertEqual(self.model().tasks[task].status, "cancelled")
        self.assertNotIn("greet", self.ran("tiny/0"))
        self.juju("cancel-task", task, check=False)
        self.assertEqual((self.code, self.err), (1, f'ERROR task "{task}" neither waits nor runs\n'))

    def test_killed_by_somebody_else(self) -> None:
        for name in ("KILL", "TERM"):
            done = self.done(f"state-set a=b; kill -{name} $$")
            self.assertEqual((done["status"], done["message"], done["results"]), ("failed", "terminated", {"return-code": -1}), name)
        self.assertEqual(self.done("kill -SEGV $$")["message"], "signal: segmentation fault")
        self.assertEqual(self.model().units["tiny/0"].state, {})

    def test_an_agent_that_dies_in_the_middle(self) -> None:
        process, task = self.running("sleep 60")
        process.kill()
        process.communicate()
        self.juju("settle")
        found = self.model().tasks[task]
        self.assertEqual((found.status, found.message), ("failed", "action terminated"))
        self.assertEqual(self.ran("tiny/0")[-1], "greet")

    def test_return_code_is_the_agents(self) -> None:
        self.assertEqual(self.done("action-set return-code=9 a.return-code=8; exit 3")["results"], {"return-code": 3, "a": {"return-code": "8"}})

    def test_output_that_is_empty_is_not_there(self) -> None:
        self.assertEqual(self.done("true")["results"], {"return-code": 0})
        self.assertEqual(self.done("printf 'a\\r\\nb'; printf 'c\\n\\n' >&2")["results"], {"return-code": 0, "stdout": "a\nb\n", "stderr": "c\n\n"})

    def test_output_that_is_no_text_is_base64(self) -> None:
        self.assertEqual(self.done("printf '\\377'; printf ok >&2")["results"], {
            "return-code": 0, "stdout": "/wo=", "stdout-encoding": "base64", "stderr": "ok\n"})

    def test_how_parameters_are_read(self) -> None:
        for word, flags, value in (("who=3", [], None), ("who=3", ["--string-args"], '"3"'), ('who="3"', [], '"3"'), ("who=yes", ["--string-args"], '"yes"'),
                                   ("who=a=b", [], '"a=b"')):
            done = self.done("action-get --format=json who", word, *flags)
            if value is None:
                self.assertRegex(done["message"], r'\Acannot run "greet" action: validation failed: .*who.*must be of type string')
                self.assertNotIn("results", done)
            else:
                self.assertEqual(done["results"]["stdout"], value + "\n", (word, flags))

    def test_defaults(self) -> None:
        """Of what is absent, and inside of an object that is given."""
        for words, params in (([], {"who": "you", "deep": {"inner": "x"}}), (["deep.other=1"], {"who": "you", "deep": {"inner": "x", "other": 1}}),
                              (["who=", "--string-args"], {"who": "", "deep": {"inner": "x"}})):
            self.assertEqual(json.loads(self.done("action-get --format=json", *words)["results"]["stdout"]), params)

    def test_an_action_excludes_a_hook_of_its_machine(self) -> None:
        write_charm(self.folder / "beside", extra={"greet": "date +%s%N > ../../../began; sleep 0.3; date +%s%N > ../../../ended"})
        self.juju("deploy", self.folder / "beside", "beside", "--to", "0")
        self.extra("tiny/0", "config-changed", "date +%s%N > ../../../hook")
        self.juju("run", "beside/0", "greet", "--no-wait")
        self.juju("config", "tiny", "number=1", "--no-wait")
        self.juju("settle")
        agents = self.charm_dir("tiny/0").parents[2]
        began, ended, hook = (int((agents / name).read_text()) for name in ("began", "ended", "hook"))
        self.assertFalse(began < hook < ended, (began, hook, ended))


if __name__ == "__main__":
    unittest.main()
