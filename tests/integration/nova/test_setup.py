#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-only
"""autopkgtest-nova-setup against a cloud's double. `ssh` is one too here: a script that says what a machine would (see ../backends for a
real one)."""
from __future__ import annotations

import base64
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import threading
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tests/support"))
import counted  # noqa: E402
from openstack_cloud import PASSWORD, Cloud, fault  # noqa: E402
from waiting import WAIT_S, wait_for  # noqa: E402

PROGRAM = (ROOT / os.environ.get("BUILD", "build")).resolve() / "bin/autopkgtest-nova-setup"
RUN = "lcy02-amd64-1-20261126-181447-b9b95"
TAGS = {"autopkgtest-cloud-model": "11f2", "autopkgtest-cloud-unit": "autopkgtest-cloud/0", "autopkgtest-cloud-worker": "lcy02-amd64-1"}
IMAGE = "(.*/)?ubuntu-noble-daily-amd64-server-.*"
OVER_QUOTA = fault(403, "forbidden", "Quota exceeded for cores: Requested 2, but already used 20 of 20 cores")
NO_HOST = "No valid host was found. There are not enough hosts available."
# The first word of boot-ids goes when it has been told, until there is one left.
SSH = """#!/bin/sh
echo "$*" >>ssh-calls
[ -s boot-ids ] || { echo "ssh: connect to host 127.0.0.1 port 22: Connection refused" >&2; exit 255; }
head -n 1 boot-ids
[ "$(wc -l <boot-ids)" = 1 ] || sed -i 1d boot-ids
"""


class Setup(unittest.TestCase):
    def setUp(self) -> None:
        self.cloud = self.enterContext(Cloud())
        self.ended = threading.Event()  # of deletions that a test holds back
        self.addCleanup(self.ended.set)
        self.dir = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory(prefix="nova-")))
        (self.dir / "lcy02.rc").write_text(self.cloud.rc())
        (self.dir / "bin").mkdir()
        (self.dir / "bin/ssh").write_text(SSH)
        (self.dir / "bin/ssh").chmod(0o755)
        self.boots("b0000000-0000-4000-8000-000000000001")
        self.env = os.environ | {"PATH": f"{self.dir}/bin:{os.environ['PATH']}"}
        self.cloud.add_image("other")
        self.cloud.add_image("ubuntu/ubuntu-noble-daily-amd64-server-20261101-disk1.img")
        self.newest = self.cloud.add_image("ubuntu/ubuntu-noble-daily-amd64-server-20261120-disk1.img")
        self.cloud.add_image("ubuntu/ubuntu-noble-daily-amd64-server-20261125-disk1.img", "queued")
        self.cloud.add_image("ubuntu/ubuntu-noble-daily-arm64-server-20261126-disk1.img")

    def boots(self, *ids: str) -> None:
        (self.dir / "boot-ids").write_text("".join(f"{boot}\n" for boot in ids))

    def command(self, verb: str, *options: str, run: str | None = RUN) -> list[str]:
        named = [f"--name={run}"] if run else []
        return [str(PROGRAM), verb, f"--rc={self.dir}/lcy02.rc", "--model=11f2", "--unit=autopkgtest-cloud/0", "--worker=lcy02-amd64-1",
                f"--image={IMAGE}", "--flavor=cpu2-ram4-disk20", "--big-flavor=cpu4-ram8-disk100", "--size=default",
                f"--key={self.dir}/keys/id", "--mirror=", "--network=net_tests", "--security-group=tests", "--keypair=testbed key",
                "--pause=1", *named, *options]

    def call(self, verb: str, *options: str, run: str | None = RUN, status: int = 0) -> tuple[dict[str, str], str]:
        """What it printed as KEY=VALUE lines, and what it said. Neither has a secret."""
        done = subprocess.run(self.command(verb, *options, run=run), cwd=self.dir, env=self.env, capture_output=True, text=True, timeout=300)
        for text in (done.stdout, done.stderr):
            self.assertNotIn(PASSWORD, text)
            self.assertNotIn("hidden", text)
            self.assertFalse([token for token in self.cloud.tokens if token in text])
        self.assertEqual(done.returncode, status, done.stderr)
        return dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line), done.stderr

    def start(self, verb: str, *options: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(self.command(verb, *options), cwd=self.dir, env=self.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    # ---- open

    def test_open_makes_what_is_asked_for(self) -> None:
        login, said = self.call("open")
        (server,) = self.cloud.servers.values()
        self.assertEqual(login, {"login": "ubuntu", "hostname": "127.0.0.1", "identity": f"{self.dir}/keys/id", "options": "-o LogLevel=ERROR",
                                 "capabilities": "isolation-machine,reboot,revert,revert-full-system", "extraopts": f"--server={server['id']}"})
        self.assertEqual(server["name"], RUN)
        self.assertEqual(server["imageRef"], self.newest)
        self.assertEqual(server["flavorRef"], "2")
        self.assertEqual(server["networks"], [{"uuid": "net-b"}])
        self.assertEqual(server["metadata"], TAGS | {"autopkgtest-cloud-run": RUN, "autopkgtest-cloud-boot": "b0000000-0000-4000-8000-000000000001"})
        group = self.cloud.groups[server["security_groups"][0]["name"]]
        self.assertEqual(group["name"], "tests")
        self.assertEqual([(r["direction"], r["ethertype"], r["protocol"], r["port_range_min"]) for r in group["security_group_rules"]],
                         [("ingress", "IPv4", "tcp", 22), ("ingress", "IPv6", "tcp", 22)])
        public = (self.dir / "keys/id.pub").read_text().strip()
        self.assertEqual(self.cloud.keypairs["testbed key"]["public_key"], public)
        self.assertEqual((self.dir / "keys/id").stat().st_mode & 0o777, 0o600)
        self.assertIn("security group tests is made", said)
        self.assertIn(f"-i {self.dir}/keys/id -l ubuntu 127.0.0.1", (self.dir / "ssh-calls").read_text())

    def test_a_second_run_finds_what_the_first_has_made(self) -> None:
        self.call("open")
        key = (self.dir / "keys/id").read_text()
        self.call("cleanup")
        self.cloud.calls.clear()
        self.call("open", "--size=big", "--mirror=http://mirror.example/ubuntu")
        (server,) = self.cloud.servers.values()
        self.assertEqual(server["flavorRef"], "3")
        self.assertEqual((self.dir / "keys/id").read_text(), key)
        self.assertEqual([call for call in self.cloud.calls if call.startswith("POST") and "/servers" not in call], ["POST /v3/auth/tokens"])

    def test_apt_gets_the_mirror_and_tries_again_at_once(self) -> None:
        self.call("open", "--mirror=http://mirror.example/ubuntu")
        (server,) = self.cloud.servers.values()
        config = json.loads(base64.b64decode(server["user_data"]).removeprefix(b"#cloud-config\n"))
        self.assertEqual(config["apt"], {"conf": 'Acquire::Retries::Delay "false";\n',
                                         "primary": [{"arches": ["default"], "uri": "http://mirror.example/ubuntu"}]})

    def test_a_group_of_somebody_else_is_left_as_it_is(self) -> None:
        key = self.cloud.add_group("tests", "by hand")
        self.call("open")
        self.assertEqual(self.cloud.groups[key]["security_group_rules"], [])

    def test_without_choices_nova_has_them(self) -> None:
        self.call("open", "--network=", "--security-group=", "--keypair=")
        (server,) = self.cloud.servers.values()
        for key in ("networks", "security_groups", "key_name"):
            self.assertNotIn(key, server)

    def test_quota_and_scheduling_are_waited_for(self) -> None:
        self.cloud.refuse = [OVER_QUOTA, NO_HOST]
        login, said = self.call("open")
        self.assertEqual(login["hostname"], "127.0.0.1")
        self.assertIn("Quota exceeded for cores: Requested 2, but already used 20 of 20 cores, HTTP status 403; trying again in", said)
        self.assertIn(f"{NO_HOST}; trying again in", said)
        self.assertEqual(len(self.cloud.servers), 1)
        self.assertEqual(self.cloud.most, 1)

    def test_an_instance_that_nobody_heard_of_is_not_left(self) -> None:
        self.cloud.refuse = ["lost"]
        self.call("open")
        self.assertEqual(len(self.cloud.servers), 1)
        self.assertEqual(self.cloud.most, 1)

    def out_of_time(self, words: str, verb: str, status: int, run: str | None = RUN) -> str:
        """What is said when the time has run out after that; a busy machine needs more time to come so far."""
        said = ""
        for seconds in (3, 12, 48, 192):
            _, said = self.call(verb, f"--timeout={seconds}", run=run, status=status)
            if words in said:
                break
        return said

    def test_time_runs_out(self) -> None:
        self.cloud.refuse = [OVER_QUOTA] * 1000
        said = self.out_of_time("Quota exceeded", "open", status=1)
        self.assertIn("open: ", said.splitlines()[-1])
        self.assertIn("Quota exceeded", said.splitlines()[-1])
        self.assertEqual(self.cloud.servers, {})

    def test_a_machine_that_does_not_answer_is_ended(self) -> None:
        self.boots()
        said = self.out_of_time("does not answer", "open", status=1)
        self.assertIn("127.0.0.1 does not answer: ssh ended with 255: ssh: connect to host 127.0.0.1 port 22: Connection refused", said)
        self.assertIn("| ready", said)  # its console
        self.assertEqual(self.cloud.servers, {})

    def test_what_is_not_there_is_named(self) -> None:
        for option, message in (("--image=debian", 'no active image has a name like "debian"'), ("--flavor=huge", 'there is no flavor "huge"'),
                                ("--network=x", 'there is no network "x"'), ("--image=(", "the image's name: missing closing parenthesis")):
            _, said = self.call("open", option, status=1)
            self.assertIn(message, said)
            self.assertEqual(self.cloud.servers, {})

    def test_a_wrong_account_is_told(self) -> None:
        (self.dir / "lcy02.rc").write_text(self.cloud.rc().replace(PASSWORD, "wrong-hid"))
        _, said = self.call("open", status=1)
        self.assertIn("user me or the password is refused (HTTP status 401)", said)
        (self.dir / "lcy02.rc").write_text(self.cloud.rc("Nowhere"))
        _, said = self.call("open", status=1)
        self.assertIn("the catalog has no public image service in region Nowhere, only in RegionTwo, RegionOne", said)
        (self.dir / "lcy02.rc").write_text("export OS_AUTH_URL=$(true)\n")
        _, said = self.call("open", status=78)
        self.assertIn("lcy02.rc: line 1: OS_AUTH_URL: expected one word", said)

    # ---- ends

    def test_cleanup_ends_what_is_the_runs_and_nothing_else(self) -> None:
        self.call("open")
        others = [self.cloud.add_server("x", tags | {"autopkgtest-cloud-run": run}) for tags, run in (
            (TAGS, "another-run"), (TAGS | {"autopkgtest-cloud-model": "22f2"}, RUN), (TAGS | {"autopkgtest-cloud-unit": "autopkgtest-cloud/1"}, RUN),
            (TAGS | {"autopkgtest-cloud-worker": "lcy02-amd64-2"}, RUN))]
        self.call("cleanup")
        self.assertEqual(sorted(self.cloud.servers), sorted(others))
        self.call("cleanup")  # nothing is left to do

    def test_a_run_may_end_while_it_waits(self) -> None:
        self.cloud.refuse = [OVER_QUOTA] * 100
        process = self.start("open", "--pause=30")
        wait_for("a refusal", lambda: len(self.cloud.refuse) < 100)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=WAIT_S)
        self.assertEqual(process.returncode, 1)

    def test_a_run_may_end_while_its_machine_starts(self) -> None:
        self.boots()
        process = self.start("open")
        wait_for("the machine", lambda: (self.dir / "ssh-calls").exists())
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=WAIT_S)
        self.assertEqual(self.cloud.servers, {})

    def test_what_a_killed_run_leaves_is_swept(self) -> None:
        self.boots()
        process = self.start("open")
        wait_for("the machine", lambda: (self.dir / "ssh-calls").exists())
        process.kill()
        process.communicate()
        mine = self.cloud.add_server("y", TAGS | {"autopkgtest-cloud-run": "running-now"})
        self.assertEqual(len(self.cloud.servers), 2)
        self.call("sweep", "--keep=running-now", run=None)
        self.assertEqual(list(self.cloud.servers), [mine])
        self.call("sweep", run=None)
        self.assertEqual(self.cloud.servers, {})

    def test_what_does_not_go_is_left_for_later(self) -> None:
        self.call("open")
        self.cloud.destroy = lambda server: self.ended.wait(600) and None
        self.assertIn("1 instance is not gone yet", self.out_of_time("1 instance is not gone yet", "sweep", run=None, status=75))
        said = self.out_of_time("1 instance is not gone yet", "cleanup", status=0)  # the worker tries again
        self.assertIn("the instance is left to the worker: 1 instance is not gone yet", said)
        self.ended.set()
        self.call("sweep", run=None)
        self.assertEqual(self.cloud.servers, {})

    # ---- between

    def test_revert_makes_another(self) -> None:
        first, _ = self.call("open")
        second, _ = self.call("revert", first["extraopts"])
        self.assertNotEqual(first["extraopts"], second["extraopts"])
        self.assertEqual(len(self.cloud.servers), 1)

    def test_a_reboot_is_seen_by_the_kernels_id(self) -> None:
        login, _ = self.call("open")
        self.boots("b0000000-0000-4000-8000-000000000001", "b0000000-0000-4000-8000-000000000001", "b0000000-0000-4000-8000-000000000002")
        self.call("wait-reboot", login["extraopts"])
        (server,) = self.cloud.servers.values()
        self.assertEqual(server["metadata"]["autopkgtest-cloud-boot"], "b0000000-0000-4000-8000-000000000002")

    def test_a_failure_tells_the_console(self) -> None:
        login, _ = self.call("open")
        _, said = self.call("debug-failure", login["extraopts"])
        self.assertIn("state ACTIVE, address 127.0.0.1", said)
        self.assertIn("| booting\nnova-setup: | ready\n", said)

    # ---- quota

    def test_limits_and_use_of_every_region_are_told(self) -> None:
        folder = self.dir / "novarcs"
        folder.mkdir()
        (folder / "lcy02.rc").write_text(self.cloud.rc())
        (folder / "bos01-arm64.rc").write_text(self.cloud.rc("Nowhere"))
        self.cloud.limits |= {"totalCoresUsed": 6, "totalRAMUsed": 12289, "maxTotalInstances": -1}
        env = self.env | {"AUTOPKGTEST_CLOUD_CONFIG": str(self.dir)}

        def quota(*words: str) -> subprocess.CompletedProcess[str]:
            return subprocess.run([PROGRAM.with_name("autopkgtest-cloud"), "quota", *words], env=env, capture_output=True, text=True, timeout=300)

        told = json.loads(quota("--format=json").stdout)
        self.assertEqual(told["lcy02"], {"cores": {"limit": 20, "used": 6}, "ram-gb": {"limit": 50, "used": 13},
                                         "instances": {"limit": -1, "used": 0}, "volume-gb": {"limit": 1000, "used": 40}})
        self.assertIn("the catalog has no public compute service in region Nowhere", told["bos01-arm64"]["error"])
        self.assertIn("lcy02:\n  instances  0 used, no limit\n  cores      6 of 20 used\n", quota("lcy02").stdout)
        self.assertIn("x.rc", quota("x").stdout)
        self.assertEqual(quota("../x").returncode, 64)
        del self.cloud.endpoints["volumev3"]
        self.assertNotIn("volume", quota("lcy02").stdout)
        for path in folder.iterdir():
            path.unlink()
        self.assertIn("this unit has no .rc file of a cloud: see the option novarcs", quota().stderr)

    def test_the_client_of_openstack_and_ours_tell_the_same(self) -> None:
        """So that what the double answers is what a cloud does."""
        self.cloud.links = self.cloud.url
        self.cloud.limits |= {"totalCoresUsed": 6, "totalRAMUsed": 12288}
        self.call("open")
        account = dict(line.removeprefix("export ").split("=", 1) for line in self.cloud.rc().splitlines())
        env = {key: value for key, value in self.env.items() if not key.startswith("OS_")} | {key: value.strip("'") for key, value in account.items()}
        asked = {words: subprocess.Popen(["openstack", *words.split(), "--format=json"], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
                 for words in ("image list", "server list", "network list", "security group list", "limits show --absolute")}
        told = {}
        for words, process in asked.items():
            out, said = process.communicate(timeout=600)
            self.assertEqual((process.returncode, said.strip()), (0, ""), words)
            told[words] = json.loads(out)
        self.assertEqual({row["ID"]: row["Name"] for row in told["image list"]}, {key: image["name"] for key, image in self.cloud.images.items()})
        image = self.cloud.images[self.newest]["name"]
        self.assertEqual([(row["Name"], row["Status"], row["Networks"], row["Image"], row["Flavor"]) for row in told["server list"]],
                         [(RUN, "ACTIVE", {"net_tests": ["fe80::1", "127.0.0.1"]}, image, "cpu2-ram4-disk20")])
        self.assertEqual({row["ID"]: row["Name"] for row in told["network list"]}, {"net-a": "public", "net-b": "net_tests", "net-c": "other"})
        self.assertEqual(sorted(row["Name"] for row in told["security group list"]), ["default", "tests"])
        limits = {row["Name"]: row["Value"] for row in told["limits show --absolute"]}
        (self.dir / "novarcs").mkdir()
        (self.dir / "novarcs/lcy02.rc").write_text(self.cloud.rc())
        done = subprocess.run([PROGRAM.with_name("autopkgtest-cloud"), "quota", "--format=json"], env=self.env | {"AUTOPKGTEST_CLOUD_CONFIG": str(self.dir)},
                              check=True, stdout=subprocess.PIPE, text=True, timeout=300)
        ours = json.loads(done.stdout)["lcy02"]
        self.assertEqual(ours["cores"], {"limit": limits["maxTotalCores"], "used": limits["totalCoresUsed"]})
        self.assertEqual(ours["ram-gb"], {"limit": limits["maxTotalRAMSize"] // 1024, "used": limits["totalRAMUsed"] // 1024})
        self.assertEqual(ours["instances"], {"limit": limits["maxTotalInstances"], "used": limits["totalInstancesUsed"]})
        self.assertEqual(ours["volume-gb"], {"limit": limits["maxTotalVolumeGigabytes"], "used": limits["totalGigabytesUsed"]})

    # ---- the command line

    def test_wrong_usage_is_told(self) -> None:
        for words, message in ((["open"], "open needs --rc"), (["fly"], "expected one of open"), ([], "expected one of open"),
                               (["open", "--timeout=0"], "--timeout: expected a whole number from 1 to 1700"),
                               (["open", "--rc=x", "--model=m", "--unit=u", "--worker=w", "--image=i", "--flavor=f", "--key=k", "--name=a b"],
                                "--name: expected letters, digits and dashes"),
                               (["open", "--no-such"], "see autopkgtest-nova-setup --help")):
            done = subprocess.run([PROGRAM, *words], capture_output=True, text=True)
            self.assertEqual(done.returncode, 64)
            self.assertIn(message, done.stderr)
        for word in ("--help", "--version"):
            done = subprocess.run([PROGRAM, word], capture_output=True, text=True)
            self.assertEqual(done.returncode, 0)
            self.assertIn("autopkgtest-nova-setup", done.stdout)


if __name__ == "__main__":
    counted.main()
