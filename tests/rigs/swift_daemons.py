#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-only
"""One daemon of the Swift rig in the foreground; started by tests/rigs/swift, not by people.

usage: tests/rigs/swift_daemons.py keystone|account|container|object|proxy DIR

Keystone (Identity API v3) is one thread on SQLite: it makes its database, its users and its catalogue from
DIR/rig.json at the first start and serves until it is told to end. The others are Swift's own servers with
DIR/etc/*.conf; they log to stderr only.
"""

from __future__ import annotations

import json
import logging
import os
import socketserver
import sys
import uuid
import wsgiref.simple_server
from pathlib import Path
from typing import Any

# Who may do what: in project `autopkgtest` the user autopkgtest owns the account, reader only has what lists of
# readers give. Each has a project of its own beside it, so that lists across projects can be tried.
USERS = {
    "swift": {"service": ["admin", "service"]},
    "autopkgtest": {"autopkgtest": ["member"]},
    "reader": {"autopkgtest": ["reader"], "readers": ["member"]},
    "stranger": {"autopkgtest": ["reader"], "strangers": ["member"]},
}
IDLE_S = 10.0  # a client that connects and says nothing must not keep the one thread


def keystone_seed(state: dict[str, Any]) -> dict[str, str]:
    """Makes domain, projects, users, roles and catalogue; returns the projects' ids by name."""
    from keystone.common import provider_api

    api = provider_api.ProviderAPIs
    api.resource_api.create_domain("default", {"id": "default", "name": "Default", "enabled": True})

    def new(create: Any, **fields: Any) -> str:
        identifier = uuid.uuid4().hex
        create(identifier, {"id": identifier, **fields})
        return identifier

    names = {role for grants in USERS.values() for roles in grants.values() for role in roles}
    roles = {name: new(api.role_api.create_role, name=name) for name in names}
    projects: dict[str, str] = {}
    for user, grants in USERS.items():
        made = api.identity_api.create_user({"name": user, "domain_id": "default", "enabled": True,
                                             "password": state["passwords"][user]})
        for project, granted in grants.items():
            if project not in projects:
                projects[project] = new(api.resource_api.create_project, name=project, enabled=True,
                                        domain_id="default")
            for role in granted:
                api.assignment_api.add_role_to_user_and_project(made["id"], projects[project], roles[role])
    proxy = f"http://127.0.0.1:{state['ports']['proxy']}/v1"
    keystone = f"http://127.0.0.1:{state['ports']['keystone']}/v3"
    service = new(api.catalog_api.create_service, type="identity", name="keystone", enabled=True)
    store = new(api.catalog_api.create_service, type="object-store", name="swift", enabled=True)
    # Two regions are two accounts of a project, kept apart by the prefix of their names.
    for region, prefix in (("RegionOne", "AUTH"), ("RegionTwo", "TWO")):
        api.catalog_api.create_region({"id": region, "description": "", "parent_region_id": None})
        for interface in ("admin", "internal", "public"):
            new(api.catalog_api.create_endpoint, service_id=service, region_id=region, interface=interface,
                url=keystone, enabled=True)
            new(api.catalog_api.create_endpoint, service_id=store, region_id=region, interface=interface,
                url=f"{proxy}/{prefix}_%(project_id)s", enabled=True)
    return projects


def keystone(directory: Path) -> None:
    from keystone.server.flask import core

    application = core.initialize_application(name="public", config_files=[str(directory / "etc/keystone.conf")])
    projects = directory / "projects.json"
    state = json.loads((directory / "rig.json").read_text())
    if not projects.exists():
        from keystone.common.sql import upgrades

        (directory / "keystone.db").unlink(missing_ok=True)
        upgrades.offline_sync_database_to_version()
        new = projects.with_suffix(".new")
        new.write_text(json.dumps(keystone_seed(state)))
        new.rename(projects)

    class Handler(wsgiref.simple_server.WSGIRequestHandler):
        timeout = IDLE_S

        def log_message(self, format: str, *args: object) -> None:
            logging.getLogger("access").warning(format, *args)

    class Server(wsgiref.simple_server.WSGIServer):
        request_queue_size = 128

        def server_bind(self) -> None:  # without asking the resolver for the host's name
            socketserver.TCPServer.server_bind(self)
            self.server_name, self.server_port = "127.0.0.1", self.server_address[1]
            self.setup_environ()

    with Server(("127.0.0.1", state["ports"]["keystone"]), Handler) as server:
        server.set_app(application)
        server.serve_forever()


def swift(kind: str, directory: Path) -> None:
    from swift.common import constraints, utils, wsgi

    class NoSyslog(logging.NullHandler):
        """Where there is no /dev/log, Swift would send its log over the network."""

        def __init__(self, *_arguments: Any, **_options: Any) -> None:
            super().__init__()

    utils.ThreadSafeSysLogHandler = NoSyslog
    utils.set_swift_dir(str(directory / "etc"))
    constraints.reload_constraints()  # it read those of the system when it was imported
    extra = {}
    if kind == "object":
        from swift.obj import server

        extra["global_conf_callback"] = server.global_conf_callback
    sys.exit(wsgi.run_wsgi(str(directory / f"etc/{kind}-server.conf"), f"{kind}-server", verbose=True, **extra))


def main() -> int:
    if len(sys.argv) != 3 or sys.argv[1] not in ("keystone", "account", "container", "object", "proxy"):
        print(__doc__, file=sys.stderr)
        return 64
    kind, directory = sys.argv[1], Path(sys.argv[2])
    del sys.argv[1:]  # Keystone would take them for its own
    os.umask(0o077)
    keystone(directory) if kind == "keystone" else swift(kind, directory)
    return 0


if __name__ == "__main__":
    sys.exit(main())
