# SPDX-License-Identifier: GPL-3.0-only
"""Order of hooks, failures and retries, what a failed hook leaves behind, real processes."""
import os
import signal
import subprocess
import unittest
from pathlib import Path

from juju_local_support import CONFIG, METADATA, PROGRAM, JujuLocalTest, write_charm

STORED = METADATA + "storage: {data: {type: filesystem}}\n"


class Order(JujuLocalTest):
    def test_first_start(self) -> None:
        hooks = ["data-storage-attached"]
        self.deploy(metadata=STORED, hooks=[*hooks, "install", "mates-relation-created",
                                            "leader-elected", "config-changed", "start"])
        self.assertEqual(self.ran("tiny/0"), [
            "data-storage-attached data/0", "install", "mates-relation-created tiny",
            "leader-elected", "config-changed", "start"])

    def test_a_follower_is_not_elected(self) -> None:
        self.deploy("tiny", "-n", "2")
        self.assertEqual(self.ran("tiny/1"), [
            "install", "mates-relation-created tiny", "config-changed", "start",
            "mates-relation-joined tiny/0", "mates-relation-changed tiny/0"])

    def test_leader_settings_changed_for_followers_of_juju_3(self) -> None:
        self.deploy("tiny", "-n", "2", hooks=["leader-settings-changed", "leader-elected"])
        self.assertEqual(self.ran("tiny/0"), ["leader-elected"])
        self.assertEqual(self.ran("tiny/1"), ["leader-settings-changed"])
        self.exec("tiny/0", "leader-set a=1")
        self.assertEqual(self.ran("tiny/1"), ["leader-settings-changed"] * 2)

    def test_relation(self) -> None:
        self.deploy("one")
        self.deploy("two", "-n", "2")
        self.forget("one/0")
        self.juju("integrate", "one:db", "two:want")
        self.assertEqual(self.ran("one/0"), [
            "db-relation-created two", "db-relation-joined two/0", "db-relation-changed two/0",
            "db-relation-joined two/1", "db-relation-changed two/1"])

    def test_relations_that_exist_come_before_config_changed(self) -> None:
        self.deploy("one")
        self.juju("deploy", write_charm(self.folder / "b"), "two", "--no-wait")
        self.juju("integrate", "one:db", "two:want")
        self.assertEqual(self.ran("two/0")[:6], [
            "install", "mates-relation-created two", "want-relation-created one",
            "leader-elected", "config-changed", "start"])

    def test_remove_relation(self) -> None:
        self.test_relation()
        self.forget("one/0")
        self.extra("one/0", "db-relation-departed", "echo dep=$JUJU_DEPARTING_UNIT >> ran.log")
        self.juju("remove-relation", "one", "two")
        self.assertEqual(self.ran("one/0"), [
            "db-relation-departed two/0", "dep=two/0", "db-relation-departed two/1",
            "dep=two/1", "db-relation-broken two"])
        self.assertEqual([r for r in self.model().relations.values() if not r.peer()], [])

    def test_remove_unit(self) -> None:
        self.test_relation()
        self.forget("one/0")
        copy = self.folder / "farewell"
        self.extra("two/0", "remove", f"cp ran.log {copy}; status-get > {copy}.status")
        self.forget("two/0")
        self.juju("remove-unit", "two/0")
        self.assertEqual(copy.read_text().splitlines(), [
            "want-relation-departed one/0", "want-relation-broken one",
            "mates-relation-departed two/1", "stop", "remove"])
        self.assertEqual((self.folder / "farewell.status").read_text(), "maintenance\n")
        self.assertEqual(self.ran("one/0"), ["db-relation-departed two/0"])
        self.assertNotIn("two/0", self.model().units)
        self.assertEqual(self.model().applications["two"].leader, "two/1")
        self.assertIn("leader-elected", self.ran("two/1"))

    def test_ids_in_a_broken_hook(self) -> None:
        """relation-ids lists what breaks, except to an agent that was started while it was dying."""
        self.test_relation()
        self.juju("model-config", "automatically-retry-hooks=false")
        seen = self.folder / "seen"
        self.extra("two/0", "want-relation-broken", f"relation-ids >> {seen}; relation-list >> {seen}")
        self.juju("remove-unit", "two/0")
        listed = seen.read_text()
        self.assertRegex(listed, r"\Awant:\d+\n\Z")
        self.extra("one/0", "db-relation-departed", "relation-ids; false")
        self.extra("one/0", "db-relation-broken", f"relation-ids > {seen}")
        self.juju("remove-relation", "one", "two", check=False)
        seen.write_text("never run")
        self.juju("reboot", "one/0", check=False)
        self.juju("resolve", "--no-retry", "one/0")
        self.assertEqual(seen.read_text(), "")
        self.assertEqual(self.ran("one/0")[-1], "db-relation-broken two")

    def test_ids_in_a_broken_hook_of_a_removed_relation(self) -> None:
        self.test_relation()
        seen = self.folder / "seen"
        self.extra("one/0", "db-relation-broken", f"relation-ids > {seen}")
        self.juju("remove-relation", "one", "two")
        self.assertRegex(seen.read_text(), r"\Adb:\d+\n\Z")

    def test_remove_application(self) -> None:
        self.test_relation()
        self.juju("remove-application", "two")
        self.assertEqual(list(self.model().applications), ["one"])
        self.assertEqual(self.ran("one/0")[-1], "db-relation-broken two")
        self.assertEqual(len(self.model().machines), 1)

    def test_changed_follows_a_write_and_only_a_change(self) -> None:
        self.test_relation()
        self.forget("one/0")
        number = next(r.id for r in self.model().relations.values() if not r.peer())
        self.exec("two/1", f"relation-set -r {number} k=v")
        self.exec("two/1", f"relation-set -r {number} k=v")
        self.assertEqual(self.ran("one/0"), ["db-relation-changed two/1"])

    def test_application_data_gives_a_changed_without_a_unit(self) -> None:
        self.test_relation()
        self.forget("one/0")
        number = next(r.id for r in self.model().relations.values() if not r.peer())
        self.exec("two/0", f"relation-set -r {number} --app k=v")
        self.assertEqual(self.ran("one/0"), ["db-relation-changed two"])

    def test_config_changed_only_when_something_changed(self) -> None:
        self.deploy()
        self.forget("tiny/0")
        self.juju("config", "tiny", "greeting=hi")
        self.assertEqual(self.ran("tiny/0"), [])
        self.juju("config", "tiny", "number=5", "flag=false")
        self.assertEqual(self.ran("tiny/0"), ["config-changed"])
        self.assertEqual(self.juju("config", "tiny", "flag"), "false\n")

    def test_missing_hooks_are_skipped(self) -> None:
        self.deploy(hooks=["start"])
        self.assertEqual(self.ran("tiny/0"), ["start"])

    def test_start_after_a_reboot(self) -> None:
        self.deploy()
        self.forget("tiny/0")
        self.juju("reboot", "tiny/0")
        self.assertEqual(self.ran("tiny/0"), ["start"])

    def test_subordinate(self) -> None:
        sub = ("name: sub\nsummary: s\ndescription: d\nsubordinate: true\n"
               "requires: {want: {interface: tiny, scope: container}}\n")
        self.deploy("one", "-n", "2")
        self.deploy("sub", metadata=sub)
        self.juju("integrate", "one:db", "sub:want")
        self.assertEqual(self.model().units["sub/1"].principal, "one/1")
        self.assertEqual(self.ran("sub/0")[-2:], ["want-relation-joined one/0",
                                                  "want-relation-changed one/0"])
        self.assertNotIn("db-relation-joined sub/1", self.ran("one/0"))

    def test_update_status_by_hand(self) -> None:
        self.deploy()
        self.forget("tiny/0")
        self.juju("fire", "tiny/0", "update-status")
        self.assertEqual(self.ran("tiny/0"), ["update-status"])


class Failures(JujuLocalTest):
    def test_a_failed_hook_is_tried_again_a_bounded_number_of_times(self) -> None:
        folder = write_charm(self.folder / "c", extra={"install": "exit 3"})
        self.juju("deploy", folder, "--retries", "2", check=False)
        self.assertEqual(self.code, 1)
        self.assertEqual(self.ran("tiny/0"), ["install"] * 3)
        unit = self.model().units["tiny/0"]
        self.assertEqual((unit.agent_status.status, unit.agent_status.message),
                         ("error", 'hook failed: "install"'))

    def broken(self) -> None:
        self.deploy()
        self.extra("tiny/0", "config-changed",
                   "relation-ids db; state-set a=1; status-set blocked why; "
                   "application-version-set 9; exit 1")
        self.juju("config", "tiny", "number=1", "--retries", "0", check=False)
        self.assertEqual(self.code, 1)

    def test_what_a_failed_hook_leaves_behind(self) -> None:
        self.broken()
        unit = self.model().units["tiny/0"]
        self.assertEqual(unit.state, {})
        self.assertEqual(unit.workload.message, "why")
        self.assertEqual(self.model().applications["tiny"].version, "9")

    def test_actions_run_while_in_error_and_hooks_wait(self) -> None:
        self.broken()
        self.forget("tiny/0")
        self.juju("model-config", "automatically-retry-hooks=false", check=False)
        self.juju("run", "tiny/0", "greet", check=False)
        self.assertEqual(self.ran("tiny/0"), ["greet"])
        self.assertEqual(self.model().units["tiny/0"].agent_status.status, "error")

    def test_resolve(self) -> None:
        self.broken()
        self.extra("tiny/0", "config-changed", "state-set a=2")
        self.juju("resolve", "tiny/0")
        self.assertEqual(self.model().units["tiny/0"].state, {"a": "2"})

    def test_resolve_without_retry(self) -> None:
        self.broken()
        self.forget("tiny/0")
        self.juju("resolve", "--no-retry", "tiny/0")
        self.assertEqual(self.ran("tiny/0"), [])
        self.assertEqual(self.model().units["tiny/0"].agent_status.status, "idle")

    def test_death_by_sigterm_is_no_failure(self) -> None:
        self.deploy()
        self.extra("tiny/0", "update-status", "if mkdir once; then kill -TERM $$; fi")
        self.forget("tiny/0")
        self.juju("fire", "tiny/0", "update-status")
        self.assertEqual(self.ran("tiny/0"), ["update-status"] * 2)

    def test_a_hook_that_cannot_be_executed_fails(self) -> None:
        folder = write_charm(self.folder / "c")
        (folder / "dispatch").write_text("#!/bin/sh\n")
        (folder / "dispatch").chmod(0o644)
        self.juju("deploy", folder, "--retries", "0", check=False)
        self.assertIn("permission denied", self.err)

    def test_a_script_without_its_first_line_fails(self) -> None:
        folder = write_charm(self.folder / "c")
        (folder / "hooks" / "install").write_text("echo x\n")
        self.juju("deploy", folder, "--retries", "0", check=False)
        self.assertIn("exec format error", self.err)

    def test_dispatch_runs_for_everything(self) -> None:
        folder = write_charm(self.folder / "c")
        (folder / "dispatch").write_text("#!/bin/sh\necho $JUJU_DISPATCH_PATH >> ran.log\n")
        (folder / "dispatch").chmod(0o755)
        self.juju("deploy", folder)
        self.juju("run", "tiny/0", "greet")
        self.assertEqual(self.ran("tiny/0")[::len(self.ran("tiny/0")) - 1],
                         ["hooks/install", "actions/greet"])

    def test_flush_refused_fails_the_hook(self) -> None:
        self.deploy("tiny", "-n", "2")
        self.extra("tiny/0", "update-status", "relation-set -r $(relation-ids mates) "
                   "x=$(head -c 70000 /dev/zero | tr '\\0' x); for i in $(seq 250); do "
                   "relation-set -r $(relation-ids mates) "
                   "k$i=$(head -c 70000 /dev/zero | tr '\\0' x); done")
        self.juju("fire", "tiny/0", "update-status", "--retries", "0", check=False)
        self.assertIn("quota limit exceeded", self.err)


class Processes(JujuLocalTest):
    def test_environment_is_built_from_nothing(self) -> None:
        os.environ["JUJU_LOCAL_LEAK"] = "x"
        self.addCleanup(os.environ.pop, "JUJU_LOCAL_LEAK")
        self.deploy(extra={"config-changed": "env > env.txt; readlink /proc/self/fd/0 > stdin"})
        env = dict(line.split("=", 1) for line in (self.charm_dir("tiny/0") / "env.txt")
                   .read_text().splitlines())
        for name in ("HOME", "USER", "JUJU_LOCAL_LEAK", "JUJU_RELATION", "JUJU_ACTION_NAME"):
            self.assertNotIn(name, env)
        self.assertEqual(env["JUJU_HOOK_NAME"], "config-changed")
        self.assertEqual(env["JUJU_DISPATCH_PATH"], "hooks/config-changed")
        self.assertEqual(env["JUJU_CHARM_DIR"], str(self.charm_dir("tiny/0")))
        self.assertEqual(env["PWD"], str(self.charm_dir("tiny/0")))
        self.assertTrue(env["JUJU_CONTEXT_ID"].startswith("tiny/0-config-changed-"))
        self.assertIn("JUJU_SLA", env)
        self.assertEqual((self.charm_dir("tiny/0") / "stdin").read_text(), "/dev/null\n")

    def test_juju_exec(self) -> None:
        self.deploy()
        out = self.exec("tiny/0", 'echo "[$JUJU_HOOK_NAME][$JUJU_DISPATCH_PATH]"; '
                                  "config-get greeting; state-set a=1")
        self.assertEqual(out, "[][]\nhi\n")
        self.assertEqual(self.model().units["tiny/0"].state, {"a": "1"})

    def test_stdin_is_read_on_demand_only(self) -> None:
        self.deploy()
        out = self.exec("tiny/0", "echo kept | (is-leader; cat); "
                                  "echo 'a: b' | state-set --file -; state-get a")
        self.assertEqual(out, "True\nkept\nb\n")

    def test_two_tools_of_one_pipeline(self) -> None:
        self.deploy()
        out = self.exec("tiny/0", "config-get --format=json greeting | sed 's/.*/{\"k\":&}/' | "
                                  "state-set --file=-; state-get k")
        self.assertEqual(out, "hi\n")

    def test_client_without_its_environment(self) -> None:
        self.deploy()
        out = self.exec("tiny/0", "t=$(command -v is-leader); env -i $t 2>&1; echo $?; "
                                  "env -i JUJU_CONTEXT_ID=x $t 2>&1; "
                                  "JUJU_CONTEXT_ID=x is-leader 2>&1; echo $?")
        self.assertEqual(out.splitlines(), [
            "ERROR JUJU_CONTEXT_ID not set", "1", "ERROR JUJU_AGENT_SOCKET_ADDRESS not set",
            'ERROR bad request: wrong context ID; got "x"', "1"])

    def test_tools_end_with_their_hook(self) -> None:
        self.deploy(extra={"start": "(until [ -f go ]; do sleep 0.01; done; is-leader > late 2>&1; touch done) >/dev/null 2>&1 &"})
        charm = self.charm_dir("tiny/0")
        (charm / "go").touch()
        self.wait_until((charm / "done").exists)
        self.assertRegex((charm / "late").read_text(), r"\AERROR dial unix .*: connect: (no such file or directory|connection refused)\n\Z")

    def test_a_process_of_an_earlier_hook_has_no_right_to_a_later_ones_tools(self) -> None:
        text = "(until [ -f go ]; do sleep 0.01; done; is-leader > late 2>&1; touch done) >/dev/null 2>&1 &"
        self.deploy(extra={"start": text, "update-status": "touch go; until [ -f done ]; do sleep 0.01; done"})
        self.juju("fire", "tiny/0", "update-status")
        self.assertRegex((self.charm_dir("tiny/0") / "late").read_text(), r'\AERROR bad request: wrong context ID; got "tiny/0-start-[0-9a-f]+"\n\Z')

    def test_a_daemon_that_keeps_the_pipes_is_tolerated(self) -> None:
        self.deploy(extra={"start": "sleep 600 & echo $! > daemon"})
        daemon = int((self.charm_dir("tiny/0") / "daemon").read_text())
        self.assertIn("sleep", Path(f"/proc/{daemon}/cmdline").read_text())  # nobody has waited for its end, and nobody has ended it
        os.kill(daemon, signal.SIGKILL)
        self.assertTrue(self.model().units["tiny/0"].agent.started)

    def test_reboot_now_runs_the_hook_again(self) -> None:
        self.deploy()
        self.forget("tiny/0")
        self.extra("tiny/0", "update-status",
                   "state-set n=1; if mkdir once; then juju-reboot --now; sleep 600; fi")
        self.juju("fire", "tiny/0", "update-status")
        self.assertEqual([h for h in self.ran("tiny/0") if h != "start"], ["update-status"] * 2)

    def test_killed_in_the_middle_of_a_hook(self) -> None:
        self.deploy(extra={"update-status": "touch begun; [ -f go ] || sleep 30"})
        process = subprocess.Popen(
            [PROGRAM, "fire", "tiny/0", "update-status", "--state-dir", self.store.root],
            stderr=subprocess.DEVNULL, start_new_session=True)
        self.wait_until((self.charm_dir("tiny/0") / "begun").exists)
        process.send_signal(signal.SIGKILL)
        process.wait()
        (self.charm_dir("tiny/0") / "go").touch()
        self.forget("tiny/0")
        self.juju("settle")
        self.assertIn("it counts as failed", self.err)
        self.assertEqual(self.ran("tiny/0"), ["update-status"])
        self.assertEqual(self.model().units["tiny/0"].agent_status.status, "idle")

    def test_bench_hook(self) -> None:
        import json
        self.deploy(extra={"config-changed": "is-leader; config-get greeting"})
        report = json.loads(self.juju("bench-hook", "tiny/0", "config-changed", "-n", "2"))
        self.assertEqual(report["runs"], 2)
        self.assertEqual(report["tools"], {"config-get": 1, "is-leader": 1})
        self.assertGreater(report["median"]["maxrss_kib"], 0)
        self.assertLess(report["median"]["maxrss_kib"], 20000)

    def test_log(self) -> None:
        self.deploy(extra={"install": "echo out; echo err >&2; juju-log -l INFO note"})
        log = self.juju("debug-log", "--include", "tiny/0")
        self.assertRegex(log, r"unit-tiny-0: .* DEBUG unit.tiny/0.install out")
        self.assertRegex(log, r"unit-tiny-0: .* WARNING unit.tiny/0.install err")
        self.assertRegex(log, r"unit-tiny-0: .* INFO unit.tiny/0.juju-log note")


class Upgrade(JujuLocalTest):
    def test_refresh(self) -> None:
        self.deploy(extra={"start": "touch mine"})
        (self.charm_dir("tiny/0") / "runtime").write_text("kept")
        self.juju("config", "tiny", "greeting=x", "number=1")
        new = write_charm(self.folder / "new", config=CONFIG.replace("greeting", "welcome"))
        (new / "extra" / "config-changed.sh").write_text("echo new code >> ran.log\n")
        self.forget("tiny/0")
        self.juju("refresh", "tiny", "--path", new)
        self.assertEqual(self.ran("tiny/0"), ["upgrade-charm", "config-changed", "new code"])
        self.assertTrue((self.charm_dir("tiny/0") / "runtime").exists())
        self.assertFalse((self.charm_dir("tiny/0") / "extra" / "start.sh").exists())
        self.assertEqual(self.model().applications["tiny"].config, {"number": 1})
        self.assertEqual((self.charm_dir("tiny/0") / "revision").read_text(), "1")

    def test_refresh_that_would_break_a_relation(self) -> None:
        self.deploy("one")
        self.deploy("two")
        self.juju("integrate", "one:db", "two:want")
        new = write_charm(self.folder / "new", metadata=METADATA.replace(
            "provides: {db: {interface: tiny}}", ""))
        self.juju("refresh", "one", "--path", new, check=False)
        self.assertIn("would break relation", self.err)

    def test_a_unit_in_error_needs_force(self) -> None:
        self.deploy()
        self.juju("model-config", "automatically-retry-hooks=false")
        self.extra("tiny/0", "config-changed", "exit 1")
        self.juju("config", "tiny", "number=1", check=False)
        new = write_charm(self.folder / "new", extra={"config-changed": "true"})
        self.juju("refresh", "tiny", "--path", new, check=False)
        self.assertEqual(self.code, 1)
        self.juju("refresh", "tiny", "--path", new, "--force-units")
        self.assertEqual(self.model().units["tiny/0"].agent_status.status, "idle")


if __name__ == "__main__":
    unittest.main()
