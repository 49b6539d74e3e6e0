# SPDX-License-Identifier: GPL-3.0-only
"""One case for each backend of autopkgtest."""
from __future__ import annotations

import contextlib
import json
import os
import pathlib
import re
import signal
import subprocess
import time
from typing import Any

import testbeds
from bed import BUILD, ROOT, Bed, Worker
from control_cases import kill
from testbeds import NAME, RELEASE
from unit import LIFE, end_marked, marked
from waiting import wait_for

PACKAGE = "gzip"
QUEUE = f"debci-{NAME}"
SECONDS = 900  # an end for what hangs
ALIVE = "user.autopkgtest-cloud-alive"  # when a worker was last at work in an instance


def listed(bed: Bed, *command: str) -> str:
    return subprocess.run([*bed.prefix, *command], env=bed.env, stdout=subprocess.PIPE, text=True, check=True).stdout


def testbed_of(run: pathlib.Path) -> str:
    """The end of its name, or of its mark."""
    return "-amd64-1-" + run.name.rstrip("@").replace("_", "-")


def kill_hard(pids: set[int] | list[int]) -> None:
    """Some end with the others."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def consoles(bed: Bed) -> str:
    """What autopkgtest has said of the tests that run; a folder may be moved meanwhile."""
    said = ""
    for path in bed.dir.glob("work/*/*/console"):
        with contextlib.suppress(FileNotFoundError):
            said += path.read_text(errors="replace")
    return said


def kill_in_the_middle(bed: Bed, worker: Worker, *listing: str) -> Worker:
    """The worker and all that it started are killed while its testbed is there; another life of it removes that. `listing` shows testbeds."""
    if ALIVE in " ".join(listing):
        wait_for("a sign of life", lambda: re.search(r",[0-9]{10}$", listed(bed, *listing), re.M), SECONDS)
    wait_for("the testbed", lambda: "testbed dpkg architecture" in consoles(bed), SECONDS)
    worker.kill()
    kill_hard(marked(bed.env[LIFE]))  # as systemd does; a virtualisation server that lives on would clean up
    wait_for("the end of all", lambda: not marked(bed.env[LIFE]))
    assert testbed_of(next(bed.dir.glob("work/*/*@"))) in listed(bed, *listing), "it went by itself"
    worker = bed.ready_worker()
    wait_for("the removal", lambda: "was left behind, and is removed" in worker.text())
    return worker


def tested(bed: Bed, backend: str, listing: tuple[str, ...] = (), **settings: Any) -> str:
    """Tests the package once, for real; returns the log. With `listing` its worker is killed first in another test of it."""
    bed.configure(releases=RELEASE, autopkgtest="/usr/bin/autopkgtest", backend=backend, retry_delay=3600, **settings)
    bed.env[LIFE] = f"{backend}-{time.monotonic()}"
    worker = bed.ready_worker()
    bed.publish(PACKAGE, QUEUE)
    if listing:
        worker = kill_in_the_middle(bed, worker, *listing)
    start = time.monotonic()
    wait_for("the test to end", lambda: bed.stored() or "testbed failure" in worker.text(), SECONDS)
    assert bed.stored(), "testbed failure"
    done = bed.completions(1)[0]
    print(f"        {backend}: {time.monotonic() - start:.1f} s", flush=True)
    run = bed.stored()[0]
    log = (run / "log").read_text(errors="replace")
    assert done["exitcode"] == 0, log
    assert done["testpkg_version"].startswith("1."), done
    assert "dpkg\t" in (run / "output/testbed-packages").read_text()
    assert f"-- {backend} " in log.replace("'", ""), log  # the command line that autopkgtest notes
    assert worker.stop() == 0
    assert not listing or testbed_of(run) not in listed(bed, *listing)
    return log


def test_schroot(bed: Bed) -> None:
    with testbeds.schroot():
        tested(bed, "schroot", ("schroot", "--list", "--all-sessions"))


def test_podman(bed: Bed) -> None:
    folder = bed.dir / "podman"
    folder.mkdir()
    with testbeds.podman(folder, bed.env) as image:
        bed.prefix = [str(ROOT / "tests/rigs/cgroup2")]
        tested(bed, "podman", ("podman", "ps", "--all", "--format", "{{.Names}}"),
               args=f"--init {image} -- --privileged --name $NAME")


def test_lxc(bed: Bed) -> None:
    with testbeds.lxc():
        bed.prefix = [str(ROOT / "tests/rigs/cgroup2")]
        tested(bed, "lxc", ("lxc-ls", "-1"))


def test_ssh(bed: Bed) -> None:
    """A machine that the setup script makes, and destroys in the end."""
    state = bed.dir / "machines"
    tested(bed, "ssh", args=f"-s {ROOT}/tests/rigs/ssh-machine -- {state} testbed")
    assert not list(state.glob("machines/*"))


def test_nova(bed: Bed) -> None:
    """Instances of a cloud's double, which are real machines. A worker that is killed leaves one, which the next life of it finds, also when its
    disk was lost; another owner's stays."""
    folder = bed.dir / "cloud"
    folder.mkdir()
    with testbeds.openstack(folder) as cloud:
        args = (f"-s {BUILD}/bin/autopkgtest-nova-setup -- --rc={folder}/region.rc --name=$NAME --model=11f2 --unit=$UNIT --worker=local-amd64-1 "
                f"--size=$PACKAGESIZE --key={folder}/keys/id --login=root --image=(.*/)?ubuntu-$RELEASE-daily-$HOSTARCH-server-.* "
                "--flavor=cpu2-ram4-disk20 --network=net_tests --security-group=autopkgtest --mirror=$MIRROR")
        bed.configure(releases=RELEASE, autopkgtest="/usr/bin/autopkgtest", backend="ssh", args=args)
        bed.env[LIFE] = f"nova-{time.monotonic()}"
        worker = bed.ready_worker()
        bed.publish(PACKAGE, QUEUE)
        wait_for("an instance", lambda: [server for server in cloud.servers.values() if server["status"] == "ACTIVE"], SECONDS)
        worker.kill()
        for pid in marked(bed.env[LIFE]):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        wait_for("the end of all", lambda: not marked(bed.env[LIFE]))
        assert len(cloud.servers) == 1, "it went by itself"
        lost = cloud.add_server("lost", {"autopkgtest-cloud-model": "11f2", "autopkgtest-cloud-unit": "autopkgtest-cloud/0",
                                         "autopkgtest-cloud-worker": "local-amd64-1", "autopkgtest-cloud-run": "of-a-lost-disk"})
        other = cloud.add_server("other", {"autopkgtest-cloud-unit": "autopkgtest-cloud/0"})
        log = tested(bed, "ssh", args=args)
        assert "Quota" not in log and "hidden" not in log, log
        wait_for("the end of all but one", lambda: list(cloud.servers) == [other])
        assert lost not in cloud.servers
        assert "testbeds of an earlier life were left behind, and are removed" in bed.workers[-1].text() or \
            "was left behind, and is removed" in bed.workers[-1].text()


def test_nova_reboot(bed: Bed) -> None:
    """The setup script alone: it waits until the machine's next kernel answers, and no shorter."""
    folder = bed.dir / "cloud"
    folder.mkdir()

    def setup(verb: str) -> str:
        return subprocess.run([BUILD / "bin/autopkgtest-nova-setup", verb, f"--rc={folder}/region.rc", "--name=reboot", "--unit=u", "--worker=w",
                               f"--key={folder}/keys/id", "--login=root", "--image=.*", "--flavor=cpu2-ram4-disk20"],
                              stdout=subprocess.PIPE, text=True, check=True, timeout=SECONDS).stdout

    with testbeds.openstack(folder) as cloud:
        address = dict(line.split("=", 1) for line in setup("open").splitlines())["hostname"]
        (server,) = cloud.servers.values()
        before = server["metadata"]["autopkgtest-cloud-boot"]
        ssh = ["ssh", "-F", "/dev/null", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o",
               "LogLevel=ERROR", "-i", str(folder / "keys/id"), f"root@{address}"]
        subprocess.run([*ssh, "systemctl reboot"], check=False, timeout=SECONDS)  # the connection may end with it
        setup("wait-reboot")
        now = subprocess.run([*ssh, "cat /proc/sys/kernel/random/boot_id"], stdout=subprocess.PIPE, text=True, check=True, timeout=SECONDS).stdout.strip()
        assert before != now == server["metadata"]["autopkgtest-cloud-boot"], (before, now)
        setup("cleanup")
        assert cloud.servers == {}


def machines(bed: Bed) -> list[int]:
    """The processes of QEMU that its worker started."""
    found = []
    for pid in marked(bed.env[LIFE]):
        with contextlib.suppress(FileNotFoundError):  # it has just ended
            found += [pid] if "qemu-system" in os.readlink(f"/proc/{pid}/exe") else []
    return found


def start_machine(bed: Bed) -> str:
    """The UUID of a request whose machine is there."""
    assert machines(bed) == []
    uuid = bed.request(PACKAGE, QUEUE)
    wait_for("the machine", lambda: machines(bed), SECONDS)
    return uuid


def kill_machines(bed: Bed) -> None:
    """Neither an operator who ends a test nor a virtualisation server that is killed leaves a machine running."""
    worker = bed.ready_worker()
    uuid = start_machine(bed)
    assert "the request is dropped" in kill(bed, uuid)
    assert machines(bed) == []
    start_machine(bed)
    kill_hard(set(marked(bed.env[LIFE])) - {worker.process.pid, *machines(bed)})
    assert bed.completions(1)[0]["exitcode"] == 20
    assert machines(bed) == []
    assert worker.stop() == 0


def test_qemu(bed: Bed) -> None:
    """With the worker's own arguments, and a processor that is emulated: it needs no /dev/kvm."""
    folder = bed.dir / "qemu"
    folder.mkdir()
    with testbeds.qemu(folder, bed.env, PACKAGE):
        tested(bed, "qemu")
        info = json.loads((bed.stored()[0] / "output/testinfo.json").read_text())
        assert info["virt_server"] == f"autopkgtest-virt-qemu --cpus=2 --ram-size=4096 --timeout-reboot=300 {testbeds.QEMU_IMAGE}", info
        assert info["cpu_model"].startswith("QEMU Virtual CPU"), info
        assert list((folder / "tmp").iterdir()) == []
        try:
            kill_machines(bed)
            assert list((folder / "tmp").iterdir()) == []
        finally:
            end_marked(bed.env[LIFE])
