# SPDX-License-Identifier: GPL-3.0-only
"""One case for each backend of autopkgtest."""
from __future__ import annotations

import time
from typing import Any

import testbeds
from bed import ROOT, Bed
from testbeds import NAME, RELEASE
from waiting import wait_for

PACKAGE = "gzip"
QUEUE = f"debci-{NAME}"
SECONDS = 300


def tested(bed: Bed, backend: str, **settings: Any) -> str:
    """Tests the package once, for real; returns the log."""
    bed.configure(releases=RELEASE, autopkgtest="/usr/bin/autopkgtest", backend=backend, retry_delay=3600, **settings)
    worker = bed.ready_worker()
    start = time.monotonic()
    bed.publish(PACKAGE, QUEUE)
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
    return log


def test_schroot(bed: Bed) -> None:
    with testbeds.schroot():
        tested(bed, "schroot")


def test_podman(bed: Bed) -> None:
    folder = bed.dir / "podman"
    folder.mkdir()
    with testbeds.podman(folder, bed.env) as image:
        bed.prefix = [str(ROOT / "tests/rigs/cgroup2")]
        tested(bed, "podman", args=f"--init {image} -- --privileged")


def test_lxc(bed: Bed) -> None:
    with testbeds.lxc():
        bed.prefix = [str(ROOT / "tests/rigs/cgroup2")]
        tested(bed, "lxc")


def test_ssh(bed: Bed) -> None:
    """A machine that the setup script makes, and destroys in the end."""
    state = bed.dir / "machines"
    tested(bed, "ssh", args=f"-s {ROOT}/tests/rigs/ssh-machine -- {state} testbed")
    assert not list(state.glob("machines/*"))


def test_lxd(bed: Bed) -> None:
    """Without --name, which Debian 12's autopkgtest (5.28) does not know for lxd."""
    folder = bed.dir / "lxd"
    folder.mkdir()
    with testbeds.lxd(folder, bed.env):
        tested(bed, "lxd", cloud=testbeds.REMOTE, args="-r $LXD_REMOTE $LXD_REMOTE:autopkgtest/$DISTRIBUTION/$RELEASE/$HOSTARCH$VMFLAG "
                                                       "-c limits.cpu=2 -c limits.memory=2GiB")
