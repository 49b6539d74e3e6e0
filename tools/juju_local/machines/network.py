# SPDX-License-Identifier: GPL-3.0-only
"""The network of the `system` machines of one state directory: a bridge, a subnet, NAT.

Names come from the state directory, so that several can be in use at once; the subnet is the first
in 10.64.0.0/10 that nothing on the host uses. Whoever changes the host's network holds one lock.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import ipaddress
import json
from collections.abc import Iterator
from pathlib import Path

from .host import MachineError, attempt, run

_LOCK = Path("/run/juju-local.lock")
_FORWARD = Path("/proc/sys/net/ipv4/ip_forward")
_FORWARD_BEFORE = Path("/run/juju-local.ip_forward")
_MTU = "1400"


@contextlib.contextmanager
def locked() -> Iterator[None]:
    with open(_LOCK, "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


class Network:
    """The bridge of a state directory, and the ends of its machines."""

    def __init__(self, state_dir: Path) -> None:
        self.owner = f"juju-local {state_dir.resolve()}"
        digest = hashlib.sha256(self.owner.encode()).hexdigest()
        self.bridge = f"jl{digest[:8]}"
        self.table = f"juju_local_{digest[:8]}"
        self.first_choice = int(digest[:4], 16)

    # ---- bridge

    def subnet(self) -> ipaddress.IPv4Network | None:
        """The bridge's subnet; None when there is no bridge."""
        if not Path(f"/sys/class/net/{self.bridge}").exists():
            return None
        for entry in json.loads(run("ip", "-j", "-4", "addr", "show", "dev", self.bridge)):
            for address in entry.get("addr_info", []):
                return ipaddress.ip_network(f"{address['local']}/{address['prefixlen']}",
                                            strict=False)
        return None

    def _free_subnet(self) -> ipaddress.IPv4Network:
        used = []
        for route in json.loads(run("ip", "-j", "-4", "route", "show", "table", "all")):
            destination = route.get("dst", "default")
            if destination != "default":
                used.append(ipaddress.ip_network(destination, strict=False))
        space = list(ipaddress.ip_network("10.64.0.0/10").subnets(new_prefix=24))
        for i in range(len(space)):
            candidate = space[(self.first_choice + i) % len(space)]
            if not any(candidate.overlaps(other) for other in used):
                return candidate
        raise MachineError("no free /24 is left in 10.64.0.0/10 for the machines' network")

    def up(self) -> ipaddress.IPv4Network:
        """Makes sure of bridge, forwarding and NAT; call it with the lock held."""
        subnet = self.subnet()
        if subnet is None:
            subnet = self._free_subnet()
            attempt("ip", "link", "del", self.bridge)
            run("ip", "link", "add", self.bridge, "type", "bridge")
            run("ip", "link", "set", self.bridge, "alias", self.owner)
            run("ip", "addr", "add", f"{subnet[1]}/24", "dev", self.bridge)
        run("ip", "link", "set", self.bridge, "mtu", _MTU, "up")
        if _FORWARD.read_text().strip() == "0":
            _FORWARD_BEFORE.write_text("0\n")
            _FORWARD.write_text("1\n")
        run("nft", "-f", "-", stdin=f"""
            table ip {self.table}
            delete table ip {self.table}
            table ip {self.table} {{
                chain post {{
                    type nat hook postrouting priority srcnat; policy accept;
                    ip saddr {subnet} ip daddr != {subnet} masquerade
                }}
            }}""")
        return subnet

    def down(self) -> None:
        """Takes bridge and NAT away; forwarding goes back when no other bridge of ours is left."""
        with locked():
            attempt("ip", "link", "del", self.bridge)
            attempt("nft", "delete", "table", "ip", self.table)
            others = [link for link in json.loads(run("ip", "-j", "link", "show"))
                      if str(link.get("ifalias", "")).startswith("juju-local ")]
            if not others and _FORWARD_BEFORE.exists():
                _FORWARD.write_text(_FORWARD_BEFORE.read_text())
                _FORWARD_BEFORE.unlink()

    # ---- one machine's end

    def namespace(self, machine: str) -> str:
        return f"{self.bridge}-{machine}"

    def _port(self, address: str) -> str:
        return f"{self.bridge}v{address.rpartition('.')[2]}"

    def connect(self, machine: str, address: str, subnet: ipaddress.IPv4Network) -> None:
        """A network namespace for the machine with eth0, its address and the way out."""
        self.disconnect(machine, address)
        name, port = self.namespace(machine), self._port(address)
        mac = "02:" + ":".join(f"{octet:02x}" for octet in
                               [0x6A, *ipaddress.ip_address(address).packed])
        run("ip", "netns", "add", name)
        run("ip", "link", "add", port, "mtu", _MTU, "type", "veth", "peer", "name", "eth0",
            "mtu", _MTU, "address", mac, "netns", name)
        run("ip", "link", "set", port, "master", self.bridge, "up")
        run("ip", "-n", name, "-batch", "-", stdin=f"link set lo up\naddr add {address}/24 dev eth0\n"
            f"link set eth0 up\nroute add default via {subnet[1]}\n")

    def disconnect(self, machine: str, address: str) -> None:
        if address:
            attempt("ip", "link", "del", self._port(address))
        name = self.namespace(machine)
        if Path(f"/run/netns/{name}").exists():
            attempt("ip", "netns", "del", name)
