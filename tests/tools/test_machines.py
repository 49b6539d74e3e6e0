#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-only
"""The two kinds of machine of juju-local, for real: needs root and the host packages of machines.

"""

from __future__ import annotations

import errno
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import unittest
from pathlib import Path
from typing import ClassVar
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))

from juju_local import machines  # noqa: E402
from juju_local.machines import host  # noqa: E402
from juju_local.machines.network import Network  # noqa: E402
from juju_local.machines.paths import inside  # noqa: E402

ENV = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}


def leftovers(state: Path) -> set[str]:
    """What the host has that was made for a state directory: others may use machines meanwhile."""
    bridge = Network(state).bridge
    done = subprocess.run(["nft", "list", "tables"], capture_output=True, text=True, check=False)
    found = {f"mount {line.split()[1]}" for line in Path("/proc/self/mounts").read_text().splitlines()
             if str(state) in line}
    found |= {f"table {line}" for line in done.stdout.splitlines() if bridge[2:] in line}
    for folder in ("/sys/class/net", "/run/netns", "/run/systemd/nspawn/.#locks",
                   "/run/systemd/nspawn/propagate", *map(str, host.cgroup_roots())):
        found |= {str(entry) for entry in Path(folder).glob(f"*{bridge}*")}
    return found | {f"process {line}" for line in processes_below(state)}


def processes_below(folder: Path) -> list[str]:
    """Command lines of live processes that name a path below the folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            line = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(folder) in line and int(process.name) != os.getpid():
            found.append(line)
    return found


def reap(state: Path) -> None:
    """Destroys the machines of a state directory and looks whether that was thorough."""
    machines.reap_all(state)
    left = leftovers(state)
    shutil.rmtree(state)
    if left:
        raise AssertionError(f"left behind: {sorted(left)}")


class BuiltTool(unittest.TestCase):
    def test_machines_that_start_side_by_side_compile_it_each_and_both_have_it(self) -> None:
        with tempfile.TemporaryDirectory(prefix="built-tool-") as folder:
            done = threading.Barrier(2, timeout=120)
            real_run = host.run

            def run(*argv: str | Path, stdin: str | None = None) -> str:
                said = real_run(*argv, stdin=stdin)
                done.wait()  # neither goes on before both have compiled
                return said

            found: list[Path] = []
            with mock.patch.object(host, "CACHE_DIR", Path(folder)), mock.patch.object(host, "run", run), \
                    mock.patch.dict(os.environ, JUJU_LOCAL_BUILD=f"{folder}/not-built"):
                threads = [threading.Thread(target=lambda: found.append(host.built_tool("enter"))) for _ in range(2)]
                for thread in threads:
                    thread.start()
                for thread in threads:
                    thread.join()
            self.assertEqual(len(found), 2)
            self.assertEqual([path.name for path in Path(folder, "tools").iterdir()], [found[0].name])
            self.assertTrue(os.access(found[0], os.X_OK))


class Common:
    """Cases that hold for both kinds; a machine is shared by all cases of a class."""

    kind: ClassVar[str]
    machine: ClassVar[machines.Machine]
    state: ClassVar[Path]

    @classmethod
    def setUpClass(cls) -> None:
        cls.state = Path(tempfile.mkdtemp(prefix=f"jl-{cls.kind}-"))
        cls.machine = machines.create(cls.kind, "one", cls.state, {})
        cls.machine.start()

    @classmethod
    def tearDownClass(cls) -> None:
        reap(cls.state)

    def run_inside(self, *argv: str, stdin: bytes | None = None, env: dict[str, str] | None = None,
                   cwd: str = "/") -> tuple[int, list[str], list[str]]:
        streams: dict[str, list[str]] = {"stdout": [], "stderr": []}
        status = self.machine.exec(list(argv), env=ENV if env is None else env, cwd=cwd, stdin=stdin,
                                   on_line=lambda name, line: streams[name].append(line.decode()))
        return status, streams["stdout"], streams["stderr"]

    # ---- exec

    def test_environment_is_exactly_the_given_one(self) -> None:
        env = {"A": "b c", "B": "$A `x` \"q\"", "EMPTY": ""}
        status, out, _ = self.run_inside("/usr/bin/env", env=env)
        self.assertEqual(status, 0)
        self.assertEqual(sorted(out), sorted(f"{key}={value}" for key, value in env.items()))

    def test_arguments_are_passed_as_they_are(self) -> None:
        words = ["a b", "", "$HOME", "${x}", "%n", "'\"", "-x", "é\n2"]
        _, out, _ = self.run_inside("printf", "<%s>", *words)
        self.assertEqual("\n".join(out), "".join(f"<{word}>" for word in words))

    def test_exit_status_is_the_programs(self) -> None:
        for status in (0, 1, 7, 125, 126, 127, 255):
            self.assertEqual(self.run_inside("sh", "-c", f"exit {status}")[0], status)

    def test_a_signal_that_kills_is_negative(self) -> None:
        for number in (signal.SIGTERM, signal.SIGKILL, signal.SIGINT, signal.SIGSEGV):
            self.assertEqual(self.run_inside("sh", "-c", f"kill -{int(number)} $$")[0], -number)

    def test_program_that_is_not_there_raises(self) -> None:
        with self.assertRaises(OSError) as caught:
            self.run_inside("/no/such/program")
        self.assertEqual(caught.exception.errno, errno.ENOENT)
        self.assertEqual(caught.exception.filename, "/no/such/program")

    def test_script_without_interpreter_line_raises(self) -> None:
        script = self.machine.path("/usr/local/bin/no-interpreter")
        script.parent.mkdir(parents=True, exist_ok=True)
        script.write_text("true\n")
        script.chmod(0o755)
        with self.assertRaises(OSError) as caught:
            self.run_inside("/usr/local/bin/no-interpreter")
        self.assertIn(caught.exception.errno, (errno.ENOEXEC, errno.ENOENT))

    def test_working_directory(self) -> None:
        self.assertEqual(self.run_inside("pwd", cwd="/var/lib")[1], ["/var/lib"])
        with self.assertRaises(OSError):
            self.run_inside("pwd", cwd="/no/such/folder")

    def test_streams_are_kept_apart_and_lines_are_whole(self) -> None:
        _, out, err = self.run_inside("sh", "-c", "printf 'a\\nb'; printf 'c\\n\\nd\\n' >&2")
        self.assertEqual((out, err), (["a", "b"], ["c", "", "d"]))

    def test_stdin_is_null_when_none_is_given(self) -> None:
        self.assertEqual(self.run_inside("cat"), (0, [], []))
        self.assertEqual(self.run_inside("readlink", "/proc/self/fd/0")[1], ["/dev/null"])

    def test_stdin_larger_than_a_pipe_reaches_the_program(self) -> None:
        data = b"0123456789abcde\n" * 20000
        self.assertEqual(self.run_inside("wc", "-c", stdin=data)[1], [str(len(data))])
        self.assertEqual(self.run_inside("true", stdin=data)[0], 0)

    def test_much_output_arrives_in_full(self) -> None:
        self.assertEqual(len(self.run_inside("seq", "100000")[1]), 100000)

    def test_what_runs_on_in_the_background_is_not_waited_for_and_lives(self) -> None:
        _, out, _ = self.run_inside("sh", "-c", "sleep 600 & echo $!")
        self.assertEqual(self.run_inside("kill", "-0", out[0])[0], 0)
        self.assertEqual(self.run_inside("kill", out[0])[0], 0)

    def test_no_descriptor_leaks_in(self) -> None:
        _, out, _ = self.run_inside("sh", "-c", "for f in /proc/$$/fd/*; do echo ${f##*/}; done")
        self.assertLessEqual(set(out), {"0", "1", "2", "10", "255", "3"})

    def test_usage_is_that_of_the_program(self) -> None:
        ballast = bytearray(80 << 20)
        small = self.machine.exec_measured(["true"], env=ENV, cwd="/")
        busy = self.machine.exec_measured(
            ["sh", "-c", "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done"], env=ENV, cwd="/")
        self.assertLess(small.max_rss_kb, 8 << 10, f"beside {len(ballast)} bytes of the caller")
        self.assertGreater(busy.user_ms + busy.system_ms, 20)
        self.assertGreater(busy.user_ms, small.user_ms)

    def test_programs_run_side_by_side(self) -> None:
        results: list[int] = []
        threads = [threading.Thread(target=lambda n=n: results.append(
            self.run_inside("sh", "-c", f"sleep 0.2; exit {n}")[0])) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(sorted(results), list(range(8)))

    # ---- files

    def test_socket_made_on_the_host_can_be_connected_to_from_inside(self) -> None:
        path = self.machine.socket_dir() / "test.socket"
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(path))
            server.listen()
            self.assertEqual(self.run_inside("test", "-S", "/run/juju-local/test.socket")[0], 0)
            status, out, err = self.run_inside("sh", "-c", "exec /usr/local/bin/connect")
            self.assertEqual((status, out), (0, ["connected"]), err)
        path.unlink()

    def setUp(self) -> None:
        client = Path(self.state, "connect")
        if not client.exists():
            source = Path(self.state, "connect.c")
            source.write_text(CONNECT_C)
            subprocess.run(["gcc", "-static", "-o", client, source], check=True)
            self.machine.push_tree(client, "/usr/local/bin/connect")

    def test_tree_is_pushed_with_modes_and_owned_by_root(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            tree = Path(folder)
            (tree / "bin").mkdir(mode=0o750)
            (tree / "bin/run").write_text("#!/bin/sh\necho pushed\n")
            (tree / "bin/run").chmod(0o755)
            (tree / "secret").write_text("x")
            (tree / "secret").chmod(0o640)
            os.chown(tree / "secret", 1234, 1234)
            (tree / "link").symlink_to("bin/run")
            self.machine.push_tree(tree, "/var/lib/pushed/deep")
        self.assertEqual(self.run_inside("/var/lib/pushed/deep/link")[1], ["pushed"])
        _, out, _ = self.run_inside("stat", "-c", "%n %a %u:%g", "bin", "bin/run", "secret",
                                    cwd="/var/lib/pushed/deep")
        self.assertEqual(out, ["bin 750 0:0", "bin/run 755 0:0", "secret 640 0:0"])

    def test_path_shows_what_the_machine_sees(self) -> None:
        self.run_inside("sh", "-c", "mkdir -p /etc/seen /run/seen; echo a >/etc/seen/f; echo b >/run/seen/f")
        self.assertEqual(self.machine.path("/etc/seen/f").read_text(), "a\n")
        self.assertEqual(self.machine.path("/var/run/seen/f").read_text(), "b\n")
        self.assertFalse(Path("/etc/seen").exists())
        self.assertFalse(Path("/run/seen").exists())

    # ---- life

    def test_start_of_a_running_machine_does_nothing(self) -> None:
        _, before, _ = self.run_inside("stat", "-c", "%Y", "/proc/1")
        machines.create(self.kind, "one", self.state, {}).start()
        self.assertEqual(self.run_inside("stat", "-c", "%Y", "/proc/1")[1], before)

    def test_reboot_keeps_the_disk_and_forgets_run(self) -> None:
        self.run_inside("sh", "-c", "echo kept >/etc/kept; echo lost >/run/lost; sleep 98 &")
        self.machine.reboot()
        self.assertTrue(self.machine.running())
        self.assertEqual(self.run_inside("cat", "/etc/kept")[1], ["kept"])
        self.assertEqual(self.run_inside("test", "-e", "/run/lost")[0], 1)

    def test_stop_and_start_keep_the_disk(self) -> None:
        self.run_inside("sh", "-c", "echo kept >/var/lib/kept")
        self.machine.stop()
        self.assertFalse(self.machine.running())
        with self.assertRaises(machines.MachineError):
            self.run_inside("true")
        self.machine.start()
        self.assertEqual(self.run_inside("cat", "/var/lib/kept")[1], ["kept"])

    def test_a_second_machine_goes_without_touching_the_first(self) -> None:
        other = machines.create(self.kind, "two", self.state, {})
        other.start()
        self.assertEqual(machines.names(self.state), {"one": self.kind, "two": self.kind})
        other.destroy()
        self.assertFalse(other.folder.exists())
        self.assertEqual(self.run_inside("true")[0], 0)

    def test_name_that_cannot_be_a_host_name_is_refused(self) -> None:
        for name in ("", "A", "a/b", "..", "-a", "a" * 50):
            with self.assertRaises(machines.MachineError):
                machines.create(self.kind, name, self.state, {})


class Scratch(Common, unittest.TestCase):
    kind = "scratch"
    machine: ClassVar[machines.ScratchMachine]

    def shell(self, script: str) -> tuple[int, list[str]]:
        status, out, err = self.run_inside("sh", "-c", script)
        return status, out + err

    def test_host_is_not_changed(self) -> None:
        self.shell("echo x > /etc/scratch-was-here; rm -f /etc/os-release; mkdir /opt/scratch-was-here")
        self.assertFalse(Path("/etc/scratch-was-here").exists())
        self.assertFalse(Path("/opt/scratch-was-here").exists())
        self.assertTrue(Path("/etc/os-release").exists())

    def test_calls_are_recorded_in_order_with_arguments(self) -> None:
        self.machine.clear_records()
        self.shell("systemctl daemon-reload; apt-get install -y 'a b' \"q\\\"\"; echo x y | chpasswd")
        records = self.machine.records()
        self.assertEqual([record["argv"] for record in records[:2]],
                         [["systemctl", "daemon-reload"], ["apt-get", "install", "-y", "a b", 'q"']])

    def test_tools_are_recorded_by_absolute_path_too(self) -> None:
        self.machine.clear_records()
        self.shell("/usr/bin/systemctl daemon-reload; /bin/systemctl daemon-reload")
        self.assertEqual(len(self.machine.records()), 2)

    def test_units_start_stop_enable_and_say_so(self) -> None:
        self.shell("mkdir -p /etc/systemd/system; printf '[Install]\\nWantedBy=w.target\\n' >/etc/systemd/system/w@.service")
        self.assertEqual(self.shell("systemctl is-active w@1"), (3, ["inactive"]))
        self.assertEqual(self.shell("systemctl enable --now w@1.service")[0], 0)
        self.assertEqual(self.shell("systemctl is-active w@1"), (0, ["active"]))
        self.assertEqual(self.shell("systemctl is-enabled w@1 w@2"), (0, ["enabled", "disabled"]))
        self.assertEqual(self.shell("systemctl show -p ActiveState,MainPID --value w@1")[1],
                         ["active", "1"])
        self.assertEqual(self.shell("systemctl list-units 'w@*' --plain --no-legend")[1],
                         ["w@1.service loaded active running w@1.service"])
        self.assertEqual(self.shell("systemctl stop 'w@*'; systemctl is-active w@1"),
                         (3, ["inactive"]))
        wants = "/etc/systemd/system/w.target.wants"
        self.assertEqual(self.shell(f"readlink {wants}/w@1.service"), (0, ["/etc/systemd/system/w@.service"]))
        self.shell("systemctl disable w@1")
        self.assertNotEqual(self.shell(f"ls -d {wants}")[0], 0)
        self.assertEqual(self.shell("systemctl show -p Id,ActiveState w@1 w@2")[1],
                         ["Id=w@1.service", "ActiveState=inactive", "", "Id=w@2.service", "ActiveState=inactive"])

    def test_unit_without_a_file_is_not_found(self) -> None:
        status, text = self.shell("systemctl start nothing")
        self.assertEqual(status, 5)
        self.assertIn("Unit nothing.service not found", text[0])

    def test_unit_can_be_made_to_fail(self) -> None:
        home = "/var/lib/juju-local/recorder/units/bad.service"
        self.shell(f"touch /etc/systemd/system/bad.service; mkdir -p {home}; touch {home}/refuses")
        self.assertEqual(self.shell("systemctl start bad")[0], 1)
        self.assertEqual(self.shell("systemctl is-failed bad"), (0, ["failed"]))

    def test_packages_are_remembered(self) -> None:
        query = "dpkg-query -W -f '${Package} ${Version} ${db:Status-Status}\\n' pkg-a"
        self.assertEqual(self.shell(query)[0], 1)
        self.shell("apt-get -y -o X=y install pkg-a=2.0 pkg-b")
        self.assertEqual(self.shell(query), (0, ["pkg-a 2.0 installed"]))
        self.shell("apt-get -y remove pkg-a")
        self.assertEqual(self.shell(query)[0], 1)
        self.assertEqual(self.shell("dpkg-query -W -f '${Version}' libc6")[0], 0)
        self.shell("dpkg -i /tmp/pkg-d_1.2_all.deb")
        self.assertEqual(self.shell("dpkg -s pkg-d | grep Status")[1],
                         ["Status: install ok installed"])

    def test_package_can_be_made_unavailable(self) -> None:
        self.shell("touch /var/lib/juju-local/recorder/unavailable/pkg-c")
        self.assertEqual(self.shell("apt-get install -y pkg-c"),
                         (100, ["E: Unable to locate package pkg-c"]))

    @unittest.skipUnless(shutil.which("useradd"), "the host has no useradd")
    def test_users_are_really_made_within(self) -> None:
        self.machine.clear_records()
        self.assertEqual(self.shell("useradd --system scratchling && id -un scratchling"),
                         (0, ["scratchling"]))
        self.assertEqual([record["argv"][0] for record in self.machine.records()], ["useradd"])
        self.assertNotIn("scratchling", Path("/etc/passwd").read_text())

    def test_processes_of_the_host_cannot_be_seen(self) -> None:
        self.assertEqual(self.shell(f"kill -0 {os.getpid()} 2>/dev/null")[0], 1)


class System(Common, unittest.TestCase):
    kind = "system"
    machine: ClassVar[machines.SystemMachine]

    def test_systemd_is_process_one_and_happy(self) -> None:
        self.assertEqual(self.run_inside("cat", "/proc/1/comm")[1], ["systemd"])
        self.assertEqual(self.run_inside("systemctl", "is-system-running")[1], ["running"])

    def test_programs_are_in_the_cgroup_of_the_agent(self) -> None:
        _, out, _ = self.run_inside("grep", "^0::", "/proc/self/cgroup")
        self.assertEqual(out, ["0::/system.slice/juju-local-agent.service"])
        _, out, _ = self.run_inside("sh", "-c", "systemctl whoami 2>/dev/null || systemctl status $$")
        self.assertIn("juju-local-agent.service", out[0])

    def test_units_work(self) -> None:
        self.assertEqual(self.run_inside("systemd-run", "--wait", "-q", "--collect", "sh", "-c",
                                         "exit 3")[0], 3)

    def test_machines_see_each_other_by_address(self) -> None:
        other = machines.create("system", "two", self.state, {})
        other.start()
        try:
            self.assertNotEqual(other.address, self.machine.address)
            self.assertEqual(self.run_inside("ping", "-c", "1", "-W", "5", other.address)[0], 0)
        finally:
            other.destroy()

    def test_apt_works(self) -> None:
        self.assertEqual(self.run_inside("apt-cache", "show", "hello")[0], 0)
        self.assertEqual(self.run_inside("apt-get", "check")[0], 0)

    def test_base_is_minimal(self) -> None:
        self.assertEqual(self.run_inside("sh", "-c", "command -v python3")[0], 127)

    def test_reboot_from_inside_is_followed(self) -> None:
        _, before, _ = self.run_inside("cat", "/proc/sys/kernel/random/boot_id")
        address = self.machine.address
        leader = self.machine._leader()
        self.run_inside("systemctl", "reboot")
        self.assertTrue(host.wait_until(lambda: self.machine._leader() not in (None, leader), 20))
        self.machine.start()
        self.assertEqual(self.run_inside("systemctl", "is-system-running")[1], ["running"])
        self.assertEqual(self.machine.address, address)

    def test_two_state_directories_do_not_collide(self) -> None:
        state = Path(tempfile.mkdtemp(prefix="jl-other-"))
        other = machines.create("system", "one", state, {})
        try:
            other.start()
            self.assertNotEqual(other.network.subnet(), self.machine.network.subnet())
        finally:
            reap(state)
        self.assertEqual(self.run_inside("true")[0], 0)

    def test_machine_whose_supervisor_was_killed_can_be_reaped(self) -> None:
        state = Path(tempfile.mkdtemp(prefix="jl-killed-"))
        other = machines.create("system", "one", state, {})
        other.start()
        self.assertTrue(leftovers(state))
        other.supervisor.kill(signal.SIGKILL)
        self.assertFalse(other.running())
        reap(state)


class Paths(unittest.TestCase):
    def test_absolute_links_stay_below_the_root(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            (root / "run").mkdir()
            (root / "var").mkdir()
            (root / "var/run").symlink_to("/run")
            (root / "up").symlink_to("../../..")
            (root / "loop").symlink_to("loop")
            self.assertEqual(inside(root, "/var/run/x"), root / "run/x")
            self.assertEqual(inside(root, "/up/etc"), root / "etc")
            self.assertEqual(inside(root, "/../../etc"), root / "etc")
            with self.assertRaises(machines.MachineError):
                inside(root, "/loop")
            with self.assertRaises(machines.MachineError):
                inside(root, "etc")


class Interface(unittest.TestCase):
    def test_unknown_kind_is_refused(self) -> None:
        with self.assertRaisesRegex(machines.MachineError, "system or scratch"):
            machines.create("vm", "a", Path("/nowhere"), {})


CONNECT_C = r"""
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
int main(void)
{
    struct sockaddr_un a = {AF_UNIX, "/run/juju-local/test.socket"};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0) {
        perror("connect");
        return 1;
    }
    puts("connected");
    return 0;
}
"""


def load_tests(loader: unittest.TestLoader, _tests: unittest.TestSuite,
               _pattern: str | None) -> unittest.TestSuite:
    """Without the tools or without root, what needs a machine is left out loudly."""
    suite = unittest.TestSuite()
    cases: list[type[unittest.TestCase]] = [Paths, Interface]
    try:
        host.require_host()
        cases += [Scratch, System]
    except machines.MachineError as error:
        print(f"test_machines: machines are not tested: {error}", file=sys.stderr)
    for case in cases:
        suite.addTests(loader.loadTestsFromTestCase(case))
    return suite


if __name__ == "__main__":
    unittest.main()
