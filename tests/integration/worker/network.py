# SPDX-License-Identifier: GPL-3.0-only
"""Network namespaces on a bridge of their own, which can be cut off without anybody being told."""
from __future__ import annotations

import os
import subprocess

from bed import wait_for

NOWHERE = "02:00:00:00:00:01"  # no interface has this address: what is sent there is lost


def ip(*words: str) -> str:
    return subprocess.run(["ip", *words], check=True, stdout=subprocess.PIPE, text=True).stdout


class Namespace:
    """A network namespace; it is gone when the last process in it has ended."""

    def __init__(self, network: "Network", number: int) -> None:
        self.network, self.address = network, f"{network.prefix}.{number}"
        self.holder = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", "unshare", "--net", "sleep", "infinity"])
        self.path = f"/proc/{self.holder.pid}/ns/net"
        wait_for("the namespace", lambda: os.readlink(self.path) != os.readlink("/proc/self/ns/net"))
        self.outside = f"{network.bridge}n{number}"
        ip("link", "add", self.outside, "master", network.bridge, "up", "type", "veth", "peer", "name", "eth0", "netns", str(self.holder.pid))
        for words in (("addr", "add", f"{self.address}/24", "dev", "eth0"), ("link", "set", "lo", "up"), ("link", "set", "eth0", "up")):
            self.ip(*words)
        self.mac = self.ip("-br", "link", "show", "eth0").split()[2]

    def command(self, *words: str) -> list[str]:
        """The command line that runs words in here, as the same process."""
        return ["nsenter", f"--net={self.path}", *words]

    def ip(self, *words: str) -> str:
        return subprocess.run(self.command("ip", *words), check=True, stdout=subprocess.PIPE, text=True).stdout

    def point(self, unit: str, host: str) -> None:
        """Where the frames go from here to the host, and from there to here."""
        self.ip("neigh", "replace", self.network.host, "lladdr", host, "dev", "eth0", "nud", "permanent")
        ip("neigh", "replace", self.address, "lladdr", unit, "dev", self.network.bridge, "nud", "permanent")

    def cut(self) -> None:
        """From now on all that is sent is lost, in both directions; connections stay open."""
        self.point(NOWHERE, NOWHERE)

    def heal(self) -> None:
        self.point(self.mac, self.network.mac)

    def close(self) -> None:
        """The interface goes at once, the rest when the kernel has time."""
        if self.holder.poll() is None:
            self.holder.kill()
            self.holder.wait()
            subprocess.run(["ip", "link", "delete", self.outside], stderr=subprocess.DEVNULL, check=False)


class Network:
    """A bridge with an address of the range for benchmarks (RFC 2544) that is free here."""

    def __init__(self) -> None:
        used = ip("-o", "-4", "addr")
        self.prefix = next(p for i in range(250) if f"{(p := f'198.18.{(os.getpid() + i) % 250}')}." not in used)
        self.host, self.bridge = f"{self.prefix}.1", f"chaos{self.prefix.split('.')[2]}"
        self.count = 1
        ip("link", "add", self.bridge, "type", "bridge")
        ip("addr", "add", f"{self.host}/24", "dev", self.bridge)
        ip("link", "set", self.bridge, "up")
        self.mac = ip("-br", "link", "show", self.bridge).split()[2]
        ip("link", "set", self.bridge, "address", self.mac)  # it stays when ports come and go
        self.members: list[Namespace] = []

    def namespace(self) -> Namespace:
        self.count += 1
        self.members.append(Namespace(self, self.count))
        return self.members[-1]

    def close(self) -> None:
        for member in self.members:
            member.close()
        ip("link", "delete", self.bridge)
