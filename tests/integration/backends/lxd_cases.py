# SPDX-License-Identifier: GPL-3.0-only
"""Containers of a remote LXD: tests in them, what is left of them, and the images that they are made of."""
from __future__ import annotations

import json
import subprocess
import time

import testbeds
from backend_cases import ALIVE, SECONDS, listed, tested
from bed import BUILD, Bed
from control_cases import cli
from testbeds import RELEASE

MODEL = "5e1b5a0e-7b52-4f0e-8f6e-2f4b0f3c9d11"


def marks(mark: str, model: str) -> list[str]:
    """How an instance tells whose it is."""
    return [word for key, value in (("", mark), ("-model", model)) if value for word in ("-c", f"user.autopkgtest-cloud{key}={value}")]


def cleaned(bed: Bed, remote: str) -> None:
    """What is stale goes, whether it runs or not; nothing else does: what this unit has left is, whenever that was."""
    run = "20261126_181500_ccccc@"
    (bed.dir / f"work/local-amd64-2/{run}").mkdir(parents=True)
    image = f"{remote}:{testbeds.tiny_image(bed.dir, bed.env, remote)}"
    ended = "lxd-1-amd64-1-20261126-181447-aaaaa"
    for name, mark, model in (("ours", "autopkgtest-cloud/0/local-amd64-2-20261126-181500-ccccc", MODEL), ("stopped", f"autopkgtest-cloud/0/{ended}", MODEL),
                              ("other-model-s", f"autopkgtest-cloud/0/{ended}", "other"), ("other-application-s", f"autopkgtest/0/{ended}", MODEL),
                              ("other-unit-s", f"autopkgtest-cloud/1/{ended}", MODEL), ("somebody-s", "", "")):
        testbeds.run("lxc", "-q", "init", image, f"{remote}:{name}", *marks(mark, model), env=bed.env)
    testbeds.run("lxc", "-q", "config", "set", f"{remote}:other-unit-s", f"{ALIVE}={int(time.time()) + 86400}", env=bed.env)
    testbeds.run("lxc", "-q", "image", "alias", "delete", image, env=bed.env)
    testbeds.run("lxc", "-q", "launch", "--ephemeral", f"{remote}:autopkgtest/ubuntu/{RELEASE}/amd64", f"{remote}:running",
                 *marks(f"autopkgtest-cloud/1/{ended}", MODEL), env=bed.env)

    def clean(*words: str) -> tuple[set[str], int]:
        done = json.loads(cli(bed, "remote", "clean", "--format=json", *words, remote.removeprefix("lxd-")))[remote.removeprefix("lxd-")]
        assert "why" not in done, done
        return set(done["instances"]), len(done["images"])

    def names() -> set[str]:
        return set(listed(bed, "lxc", "list", f"{remote}:", "--format=csv", "--columns=n").split())

    everything = names()
    assert clean("--dry-run") == ({"stopped"}, 0), "those of other units are too young, and so is the image"
    gone = {"stopped", "running"}
    assert clean("--dry-run", "--older=0") == (gone, 1)
    assert names() == everything
    assert clean("--older=0") == (gone, 1)
    assert names() == everything - gone
    assert clean("--older=0") == (set(), 0)


def images_made(bed: Bed, remote: str) -> None:
    """The image is replaced by one that the program of the service makes, and stays when that fails."""
    name, alias = f"{remote}-{RELEASE}-amd64", f"autopkgtest/ubuntu/{RELEASE}/amd64"
    folder = bed.dir / "images"
    folder.mkdir()
    before = listed(bed, "lxc", "list", f"{remote}:", "--format=csv", "--columns=n")

    def make(source: str, setup: str) -> str:
        script = folder / "setup"
        script.write_text(setup)
        done = subprocess.run([testbeds.ROOT / "services/image/autopkgtest-image", name], text=True, capture_output=True, timeout=SECONDS, check=False, env=bed.env | {
            "AUTOPKGTEST_IMAGES": str(folder), "AUTOPKGTEST_LXD_SOURCE": f"{remote}:{source}", "AUTOPKGTEST_SETUP": str(script),
            "AUTOPKGTEST_MIRROR": "http://mirror.example/"})
        assert listed(bed, "lxc", "list", f"{remote}:", "--format=csv", "--columns=n") == before, "an instance is left"
        if done.returncode == 0:
            assert not (folder / f"{name}.failed").exists()
            return (folder / f"{name}.lxd").read_text().strip()
        assert done.returncode == (1 if (folder / f"{name}.lxd").exists() else 69), done
        return (folder / f"{name}.failed").read_text()

    def images() -> dict[str, str]:
        lines = listed(bed, "lxc", "image", "alias", "list", f"{remote}:", "--format=csv").splitlines()
        return {line.split(",")[0]: line.split(",")[1] for line in lines}

    def count() -> int:
        return len(json.loads(listed(bed, "lxc", "image", "list", f"{remote}:", "--format=json")))

    testbeds.run("lxc", "-q", "image", "alias", "create", f"{remote}:base", images()[alias], env=bed.env)
    kept, number = images(), count()
    failure = make("nothing", "true\n")
    assert failure.startswith(f"launching {remote}:nothing on {remote}: ") and "not found" in failure, failure
    failure = make("base", "echo E: no archive >&2; exit 1\n")
    assert failure == "preparing it: E: no archive\n", failure
    assert (images(), count()) == (kept, number), "nothing has changed"
    first = make("base", "echo $RELEASE $MIRROR >/prepared\n")
    assert images() == kept | {alias: first[:12]}
    second = make("base", "echo again >/prepared\n")
    assert images() == kept | {alias: second[:12]} and second != first
    assert count() == number + 1, "the old one is gone"
    assert make("base", "exit 1\n").startswith("preparing it: ")
    assert images()[alias] == second[:12]
    image = listed(bed, "lxc", "image", "info", f"{remote}:{alias}")
    assert f"description: autopkgtest ubuntu {RELEASE} amd64" in image, image


def test_lxd(bed: Bed) -> None:
    """With the worker's own arguments. The instance of another unit stays."""
    folder = bed.dir / "lxd"
    folder.mkdir()
    with testbeds.lxd(folder, bed.env, BUILD / "bin/autopkgtest-cloud") as remote:
        listing = ("lxc", "list", f"{remote}:", "--format=csv", f"--columns=n,user.autopkgtest-cloud,{ALIVE}")
        testbeds.run("lxc", "-q", "init", f"{remote}:autopkgtest/ubuntu/{RELEASE}/amd64", f"{remote}:others",
                     "-c", "user.autopkgtest-cloud=autopkgtest-cloud/10/testremote-amd64-1-20261126-181447-b9b95", env=bed.env)
        log = tested(bed, "lxd", listing, cloud=remote, model=MODEL, lease_ttl=20)  # and as often a sign of life
        assert "limits.memory=4GiB" in log
        assert f"user.autopkgtest-cloud-model={MODEL}" in log
        assert listed(bed, *listing).startswith("others,"), "nothing but the other unit's is there"
        cleaned(bed, remote)
        images_made(bed, remote)
