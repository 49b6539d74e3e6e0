# SPDX-License-Identifier: GPL-3.0-only
"""Testbeds of every kind, all made from one root file system: the base of juju-local's machines."""
from __future__ import annotations

import base64
import contextlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import qemu_image

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tools"))
sys.path.insert(0, str(ROOT / "tests/support"))
from juju_local import machines  # noqa: E402
from juju_local.machines import base  # noqa: E402
from openstack_cloud import Cloud  # noqa: E402

# A release of our own, so that nothing of the host's has the same name.
RELEASE, ARCH = "testbed", "amd64"
NAME = f"{RELEASE}-{ARCH}"
QEMU_IMAGE = pathlib.Path(f"/var/lib/autopkgtest-cloud/images/qemu-{NAME}.qcow2")
PACKAGES = ("dpkg-dev", "apt-utils", "openssh-server", "python3-minimal")


def run(*argv: str | pathlib.Path, **options: object) -> None:
    subprocess.run(argv, check=True, **options)  # type: ignore[call-overload]


def root_folder() -> pathlib.Path:
    """The root file system; nobody may write to it."""
    made = base.Base(packages=tuple(sorted(PACKAGES)), deb_src=True)
    return base.ensure(made, lambda line: print(f"        {line}", flush=True))


@contextlib.contextmanager
def schroot() -> Iterator[None]:
    """A schroot called as the worker's default expects it."""
    conf = pathlib.Path("/etc/schroot/chroot.d") / NAME
    conf.write_text(f"[{NAME}]\ntype=directory\ndirectory={root_folder()}\nunion-type=overlay\nprofile=minimal\n"
                    "root-users=root\nroot-groups=root\n")
    try:
        yield
    finally:
        conf.unlink()


@contextlib.contextmanager
def podman(folder: pathlib.Path, env: dict[str, str]) -> Iterator[str]:
    """A storage of our own with the image in it; what the worker has to be told of it goes into `env`."""
    (folder / "storage.conf").write_text(
        f'[storage]\ndriver = "overlay"\ngraphroot = "{folder}/graph"\nrunroot = "{folder}/run"\n')
    # what a host like this one allows
    (folder / "containers.conf").write_text(
        '[containers]\ndefault_ulimits = ["nofile=20000:20000", "nproc=30000:30000"]\npids_limit = 0\nnetns = "host"\n'
        '[engine]\ncgroup_manager = "cgroupfs"\n')
    env |= {"CONTAINERS_STORAGE_CONF": str(folder / "storage.conf"), "CONTAINERS_CONF": str(folder / "containers.conf")}
    image = f"localhost/autopkgtest/systemd/ubuntu:{RELEASE}"
    with subprocess.Popen(["tar", "-C", root_folder(), "--one-file-system", "-c", "."], stdout=subprocess.PIPE) as tar:
        run("podman", "import", "-q", "-", image, stdin=tar.stdout, stdout=subprocess.DEVNULL, env=env)
    try:
        yield image
    finally:
        run(ROOT / "tests/rigs/cgroup2", "podman", "rm", "--all", "--force", env=env, stdout=subprocess.DEVNULL)
        run("podman", "rmi", "--all", "--force", env=env, stdout=subprocess.DEVNULL)


@contextlib.contextmanager
def lxc() -> Iterator[None]:
    """A container that the worker's default copies for each test."""
    folder = pathlib.Path("/var/lib/lxc") / f"autopkgtest-{NAME}"
    folder.mkdir(parents=True)
    try:
        run("cp", "-a", root_folder(), folder / "rootfs")
        shutil.copy("/etc/resolv.conf", folder / "rootfs/etc/resolv.conf")
        (folder / "config").write_text(
            "lxc.include = /usr/share/lxc/config/common.conf\nlxc.arch = linux64\nlxc.net.0.type = none\n"
            f"lxc.apparmor.profile = unconfined\nlxc.rootfs.path = dir:{folder}/rootfs\nlxc.uts.name = {NAME}\n")
        yield
    finally:
        shutil.rmtree(folder)
        assert os.path.isdir(folder.parent)


@contextlib.contextmanager
def qemu(folder: pathlib.Path, env: dict[str, str], package: str) -> Iterator[None]:
    """An image where the worker's default expects it; `env` gets a QEMU of its own, and the folder of temporary files."""
    QEMU_IMAGE.parent.mkdir(parents=True, exist_ok=True)
    for made in ("bin", "tmp"):
        (folder / made).mkdir()
    (folder / "bin/qemu-system-x86_64").symlink_to(ROOT / "tests/rigs/qemu-tcg")
    env |= {"PATH": f"{folder}/bin:{env['PATH']}", "QEMU_BOOT": str(folder), "TMPDIR": str(folder / "tmp")}
    try:
        apt = qemu_image.Apt(root_folder(), folder / "apt")
        qemu_image.make_boot(apt, folder)
        qemu_image.make_image(apt, root_folder(), package, folder, QEMU_IMAGE)
        yield
    finally:
        QEMU_IMAGE.unlink(missing_ok=True)
        for parent in QEMU_IMAGE.parents[:2]:
            with contextlib.suppress(OSError):  # others are in there
                parent.rmdir()


# ---------------------------------------------------------------- LXD

BRIDGE = "10.72.8"
IN_MACHINE = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND": "noninteractive", "HOME": "/root", "LANG": "C.UTF-8"}
PRESEED = f"""config: {{core.https_address: ":8443", images.auto_update_interval: "0", images.compression_algorithm: none}}
networks: [{{name: lxdbr0, type: bridge, config: {{ipv4.address: {BRIDGE}.1/24, ipv4.nat: "true", ipv6.address: none}}}}]
storage_pools: [{{name: default, driver: dir}}]
profiles: [{{name: default, devices: {{root: {{path: /, pool: default, type: disk}},
  eth0: {{name: eth0, network: lxdbr0, type: nic}}}}}}]
"""


def lxd_image(folder: pathlib.Path) -> pathlib.Path:
    """A unified image: the root file system, with an address by DHCP."""
    image, added = folder / "image.tar", folder / "added"
    network = added / "rootfs/etc/systemd/network"
    wants = added / "rootfs/etc/systemd/system/multi-user.target.wants"
    for made in (network, wants):
        made.mkdir(parents=True)
    (added / "metadata.yaml").write_text("architecture: x86_64\ncreation_date: 1700000000\nproperties: {description: testbed}\n")
    (network / "10-eth0.network").write_text("[Match]\nName=eth0\n[Network]\nDHCP=ipv4\n")
    (wants / "systemd-networkd.service").symlink_to("/lib/systemd/system/systemd-networkd.service")
    (added / "rootfs/etc/resolv.conf").write_text(f"nameserver {BRIDGE}.1\n")
    (added / "rootfs/etc/hosts").write_text("127.0.0.1 localhost\n")
    run("tar", "-C", root_folder(), "--numeric-owner", "--one-file-system", "--exclude=./etc/systemd/system/systemd-networkd*",
        "--exclude=./var/cache/apt/archives/*.deb", "--exclude=./etc/hosts", "--exclude=./dev/*",
        "--transform=s,^\\.,rootfs,rSh", "-cf", image, ".")
    run("tar", "-C", added, "--owner=0", "--group=0", "--numeric-owner", "-rf", image, "metadata.yaml", "rootfs")
    return image


def tiny_image(folder: pathlib.Path, env: dict[str, str], remote: str) -> str:
    """An image of nothing, called as autopkgtest-build-lxd does it; its alias."""
    made = folder / "tiny"
    (made / "rootfs").mkdir(parents=True)
    description = f"autopkgtest Test {RELEASE} {ARCH}"
    (made / "metadata.yaml").write_text(f"architecture: x86_64\ncreation_date: 1700000000\nproperties: {{description: {description}}}\n")
    run("tar", "-C", made, "-cf", folder / "tiny.tar", "metadata.yaml", "rootfs")
    run("lxc", "-q", "image", "import", folder / "tiny.tar", f"{remote}:", "--alias=tiny", env=env)
    return "tiny"


def trusted(env: dict[str, str], cli: pathlib.Path, address: str, new_token: Callable[[], str]) -> str:
    """Lets the host trust us by a token, and tries what it must refuse."""
    def remote(*words: str, stdin: str = "", status: int = 0) -> str:
        done = subprocess.run([cli, "remote", *words], env=env, input=stdin, capture_output=True, text=True)
        assert done.returncode == status, (words, done)
        return done.stdout if status == 0 else done.stderr

    servers = pathlib.Path(env["LXD_CONF"]) / "servercerts"
    refused = json.loads(remote("check", "--format=json", address, f"{address}:1"))
    assert refused[address] == {"name": f"lxd-{address}", "ready": False, "refused": True, "why": "it does not trust this unit"}, refused
    assert refused[f"{address}:1"]["refused"] is False and "port 1" in refused[f"{address}:1"]["why"], refused
    assert "no token" in remote("trust", address, stdin="bm8=", status=65)
    token = new_token()
    other = json.loads(base64.b64decode(token)) | {"fingerprint": "0" * 64}
    impostor = base64.b64encode(json.dumps(other).encode()).decode()
    assert "another certificate" in remote("trust", address, stdin=impostor, status=75)
    assert list(servers.iterdir()) == [], "nothing is kept of a host that is not trusted, or does not trust us"
    done = json.loads(remote("trust", "--format=json", stdin=f" {token}\n"))  # the address is in it
    assert done["address"] == address and not done["trusted-before"], done
    assert [path.name for path in servers.iterdir()] == [f"{done['name']}.crt"]
    assert json.loads(remote("check", "--format=json", address))[address]["ready"]
    certificate = pathlib.Path(env["LXD_CONF"]) / "client.crt"
    kept = certificate.read_bytes(), certificate.with_suffix(".key").read_bytes()
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:secp384r1", "-nodes", "-days", "2", "-subj", "/CN=other",
        "-keyout", certificate.with_suffix(".key"), "-out", certificate, stderr=subprocess.DEVNULL)
    assert "does not take the token" in remote("trust", address, stdin=token, status=77), "it was used before"
    certificate.write_bytes(kept[0])
    certificate.with_suffix(".key").write_bytes(kept[1])
    # Another host at its address, from now on.
    (servers / f"{done['name']}.crt").write_bytes(kept[0])
    assert not json.loads(remote("check", "--format=json", address))[address]["ready"]
    (servers / f"{done['name']}.crt").unlink()
    assert json.loads(remote("check", "--format=json", address))[address]["ready"]
    return str(done["name"])


@contextlib.contextmanager
def lxd(folder: pathlib.Path, env: dict[str, str], cli: pathlib.Path) -> Iterator[str]:
    """A real LXD in a machine that trusts us, with the image in it; the name of the remote. The settings are as the charm makes them."""
    conf = pathlib.Path(env["AUTOPKGTEST_CLOUD_CONFIG"]) / "lxd"
    env["LXD_CONF"] = str(conf)
    (conf / "servercerts").mkdir(parents=True)
    machine = machines.create("system", "lxd", folder / "machines", {"packages": list(PACKAGES), "deb_src": True})

    def inside(script: str, stdin: bytes | None = None) -> str:
        said: list[str] = []
        if machine.exec(["sh", "-ec", script], env=IN_MACHINE, cwd="/", stdin=stdin, on_line=lambda _, line: said.append(line.decode())):
            raise AssertionError("\n".join([script, *said[-15:]]))
        return said[-1] if said else ""

    try:
        machine.start(lambda line: None)
        inside("apt-get -q -y install --no-install-recommends lxd lxd-client dnsmasq-base nftables xz-utils")
        inside("systemctl start lxd.socket lxd.service; lxd waitready --timeout=600; lxd init --preseed", PRESEED.encode())
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:secp384r1", "-nodes", "-days", "2", "-subj", "/CN=worker",
            "-keyout", conf / "client.key", "-out", conf / "client.crt", stderr=subprocess.DEVNULL)
        remote = trusted(env, cli, machine.address, lambda: inside("lxc config trust add --name worker"))
        (conf / "config.yml").write_text(f'remotes:\n  "{remote}": {{addr: "https://{machine.address}:8443", auth_type: tls, protocol: lxd}}\n')
        run("lxc", "-q", "image", "import", lxd_image(folder), f"{remote}:", f"--alias=autopkgtest/ubuntu/{RELEASE}/{ARCH}", env=env)
        yield remote
    finally:
        machines.reap_all(folder / "machines")


# ---------------------------------------------------------------- OpenStack


class Instances:
    """Machines in the place of Nova's instances. What cloud-init would do with the user data is done here: the key of the user root."""

    def __init__(self, state: pathlib.Path) -> None:
        self.state = state

    def machine(self, server: dict[str, Any]) -> machines.Machine:
        return machines.create("system", "i" + server["id"][:8], self.state, {"packages": list(PACKAGES), "deb_src": True})

    def launch(self, server: dict[str, Any]) -> str:
        config = json.loads(base64.b64decode(server["user_data"]).removeprefix(b"#cloud-config\n"))
        machine = self.machine(server)
        machine.start(lambda line: None)
        script = ("mkdir -p /root/.ssh; cat >/root/.ssh/authorized_keys; chmod -R go= /root/.ssh; ssh-keygen -A >/dev/null; systemctl restart ssh")
        assert not machine.exec(["sh", "-ec", script], env=IN_MACHINE, cwd="/", stdin="\n".join(config["ssh_authorized_keys"]).encode())
        return machine.address

    def destroy(self, server: dict[str, Any]) -> None:
        self.machine(server).destroy()


@contextlib.contextmanager
def openstack(folder: pathlib.Path) -> Iterator[Cloud]:
    """A cloud with an image; its instances are machines."""
    instances = Instances(folder / "instances")
    try:
        with Cloud(instances.launch, instances.destroy) as cloud:
            cloud.add_image(f"ubuntu/ubuntu-{RELEASE}-daily-{ARCH}-server-20261120-disk1.img")
            (folder / "region.rc").write_text(cloud.rc())
            yield cloud
    finally:
        machines.reap_all(folder / "instances")
