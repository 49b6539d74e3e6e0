# SPDX-License-Identifier: GPL-3.0-only
"""What almost every hook does: bring haproxy to what the relations say now, and say where it is reached."""
from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
from typing import Any

from services import Bags, collect, configuration

CONFIGURATION = pathlib.Path("/etc/haproxy/haproxy.cfg")


def ask(*command: str) -> Any:
    return json.loads(subprocess.run([command[0], "--format=json", *command[1:]], check=True, capture_output=True, text=True).stdout)


def tell(*command: str) -> None:
    subprocess.run(command, check=True)


def bags() -> Bags:
    """What the units of every reverseproxy relation have written, but for a unit and a relation that go away in this hook."""
    hook, here = os.environ.get("JUJU_HOOK_NAME", ""), os.environ.get("JUJU_RELATION_ID")
    found = {}
    for relation in ask("relation-ids", "reverseproxy"):
        if relation == here and hook.endswith("-broken"):
            continue
        for unit in ask("relation-list", "-r", relation):
            if relation == here and hook.endswith("-departed") and unit == os.environ.get("JUJU_DEPARTING_UNIT"):
                continue
            found[unit] = ask("relation-get", "-r", relation, "-", unit) or {}
    return found


def apply(text: str) -> None:
    """Asks haproxy whether it takes the configuration before it gets it; connections that are open go on."""
    if text == CONFIGURATION.read_text(encoding="utf-8"):
        tell("systemctl", "start", "haproxy")
        return
    new = CONFIGURATION.with_suffix(".new")
    new.write_text(text, encoding="utf-8")
    tell("haproxy", "-q", "-c", "-f", str(new))
    new.rename(CONFIGURATION)
    tell("systemctl", "reload-or-restart", "haproxy")


def publish() -> None:
    address = ask("network-get", "--ingress-address", "reverseproxy")
    for relation in ask("relation-ids", "reverseproxy"):
        tell("relation-set", "-r", relation, f"public-address={address}")
    for relation in ask("relation-ids", "website"):
        tell("relation-set", "-r", relation, f"hostname={address}", "port=80")


def main() -> int:
    found = bags()
    services = collect(found)
    apply(configuration(services))
    publish()
    ports = {str(s["service_port"]) for s in services.values()}
    for port in (p.partition("/")[0] for p in ask("opened-ports")):
        if port not in ports:
            tell("close-port", f"{port}/tcp")
    for port in ports:
        tell("open-port", f"{port}/tcp")
    count = sum(len(s["servers"]) for s in services.values())
    tell("status-set", *(("active", f"{count} servers") if count else ("waiting", "waiting for servers")))
    return 0


if __name__ == "__main__":
    sys.exit(main())
