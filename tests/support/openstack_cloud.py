# SPDX-License-Identifier: GPL-3.0-only
"""A server that answers like an OpenStack region: Keystone v3, Nova 2.1, Glance v2, Neutron v2.0, Cinder v3.

What an instance does is up to the test: `launch` is called for each with its description and gives its address, `destroy`
ends it, `console` tells what it has printed. Both may take their time; meanwhile the server is in state BUILD, or being deleted.
"""
from __future__ import annotations

import base64
import itertools
import json
import re
import threading
import urllib.parse
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import served

USER, PASSWORD, PROJECT = "me", "hidden-password", "tests"
PAGE = 2  # of listings: small, so that every test sees several
START = datetime(2026, 11, 1, tzinfo=timezone.utc)
Answer = tuple[int, Any]


def fault(status: int, kind: str, message: str) -> Answer:
    return status, {kind: {"code": status, "message": message}}


class Cloud(served.Served):
    """`servers`, `images`, `groups` … are what is there, by id. `refuse` holds what the next POSTs of a server get: an HTTP answer, or a
    fault that the server then has. `calls` are all requests, as "METHOD PATH"."""

    def __init__(self, launch: Callable[[dict[str, Any]], str] = lambda server: "127.0.0.1",
                 destroy: Callable[[dict[str, Any]], None] = lambda server: None,
                 console: Callable[[dict[str, Any]], str] = lambda server: "booting\nready\n",
                 address: str = "127.0.0.1") -> None:
        self.launch, self.destroy, self.console = launch, destroy, console
        self.lock = threading.RLock()
        self.numbers = itertools.count(1)
        self.tokens: set[str] = set()
        self.calls: list[str] = []
        self.refuse: list[Answer | str] = []
        self.links = "http://unreachable.example"  # where the addresses in answers lead; who follows them wants `url`
        self.down = False  # every service but Keystone answers 503
        self.most = 0      # servers at a time
        self.servers: dict[str, dict[str, Any]] = {}
        self.images: dict[str, dict[str, Any]] = {}
        self.groups: dict[str, dict[str, Any]] = {}
        self.keypairs: dict[str, dict[str, Any]] = {}
        self.flavors = {str(n): {"id": str(n), "name": name, "vcpus": cpus, "ram": ram, "disk": disk} for n, (name, cpus, ram, disk) in
                        enumerate([("m1.tiny", 1, 512, 1), ("cpu2-ram4-disk20", 2, 4096, 20), ("cpu4-ram8-disk100", 4, 8192, 100)], 1)}
        self.networks = {key: {"id": key, "name": name} for key, name in (("net-a", "public"), ("net-b", "net_tests"), ("net-c", "other"))}
        self.limits = {"maxTotalCores": 20, "totalCoresUsed": 0, "maxTotalRAMSize": 51200, "totalRAMUsed": 0, "maxTotalInstances": 10,
                       "totalInstancesUsed": 0}
        self.volume_limits = {"maxTotalVolumeGigabytes": 1000, "totalGigabytesUsed": 40}
        self.endpoints = {"compute": "/compute/v2.1", "image": "/image", "network": "/network/", "volumev3": "/volume/v3/p"}
        self.add_group("default", "Default security group")
        cloud = self

        class Handler(served.Handler):
            def handle_any(self) -> None:
                status, answer, headers = cloud.answer(self.command, self.path, self.headers.get("X-Auth-Token", ""), self.body())
                self.reply(status, b"" if answer is None else json.dumps(answer).encode(), headers | ({} if answer is None else {"Content-Type": "application/json"}))

            do_GET = do_POST = do_DELETE = do_PUT = handle_any

        super().__init__(Handler, address)

    # ---- what is there

    def rc(self, region: str = "RegionOne") -> str:
        """An account in it, as an .rc file."""
        return (f"export OS_AUTH_URL={self.url}/v3\nexport OS_USERNAME={USER}\nexport OS_PASSWORD='{PASSWORD}'\nexport OS_PROJECT_NAME={PROJECT}\n"
                f"export OS_USER_DOMAIN_NAME=Default\nexport OS_PROJECT_DOMAIN_NAME=Default\nexport OS_REGION_NAME={region}\n")

    def add_image(self, name: str, status: str = "active") -> str:
        key = str(uuid.uuid4())
        created = START + timedelta(hours=next(self.numbers))
        self.images[key] = {"id": key, "name": name, "status": status, "created_at": created.strftime("%Y-%m-%dT%H:%M:%SZ")}
        return key

    def add_group(self, name: str, description: str = "") -> str:
        key = str(uuid.uuid4())
        self.groups[key] = {"id": key, "name": name, "description": description, "security_group_rules": []}
        return key

    def add_server(self, name: str, metadata: dict[str, str], status: str = "ACTIVE") -> str:
        key = str(uuid.uuid4())
        self.servers[key] = {"id": key, "name": name, "status": status, "metadata": metadata, "addresses": {}, "image": {"id": "gone"}, "flavor": {"id": "1"}}
        return key

    # ---- requests

    def answer(self, method: str, target: str, token: str, body: bytes) -> tuple[int, Any, dict[str, str]]:
        url = urllib.parse.urlsplit(target)
        query = {key: values[0] for key, values in urllib.parse.parse_qs(url.query).items()}
        document = json.loads(body) if body else {}
        with self.lock:
            self.calls.append(f"{method} {target}")
        if url.path.startswith("/v3"):
            return self.keystone(method, url.path.removeprefix("/v3").rstrip("/"), document)
        if method == "GET" and url.path.strip("/") in ("image", "network"):
            return *self.versions(url.path.strip("/")), {}
        if token not in self.tokens:
            return *fault(401, "unauthorized", "The request you have made requires authentication."), {}
        if self.down:
            return *fault(503, "serviceUnavailable", "The server is currently unavailable."), {}
        for service, prefix in self.endpoints.items():
            prefix = {"image": "/image/v2", "network": "/network/v2.0"}.get(service, prefix)
            if url.path.startswith(prefix):
                words = [urllib.parse.unquote(word) for word in url.path.removeprefix(prefix).strip("/").split("/")]
                return *getattr(self, service)(method, words, query, document), {}
        return *fault(404, "itemNotFound", "The resource could not be found."), {}

    def keystone(self, method: str, path: str, document: Any) -> tuple[int, Any, dict[str, str]]:
        if method == "GET":  # what OpenStack's own clients ask first
            return 200, {"version": {"id": "v3.14", "status": "stable", "links": [{"rel": "self", "href": f"{self.url}/v3/"}]}}, {}
        if path != "/auth/tokens":
            return *fault(404, "error", "Not found"), {}
        user = document["auth"]["identity"]["password"]["user"]
        project = document["auth"]["scope"]["project"]
        if (user["name"], user["password"], project["name"]) != (USER, PASSWORD, PROJECT):
            return *fault(401, "error", "The request you have made requires authentication."), {}
        token = uuid.uuid4().hex
        self.tokens.add(token)
        catalog = [{"type": kind, "name": kind, "endpoints": [
            {"interface": interface, "region_id": region, "region": region, "url": url} for interface, region, url in (
                ("admin", "RegionOne", "http://127.0.0.1:1/"), ("public", "RegionTwo", "http://127.0.0.1:1/"),
                ("public", "RegionOne", self.url + path))]} for kind, path in self.endpoints.items()]
        until = (datetime.now(timezone.utc) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%S.000000Z")
        return 201, {"token": {"catalog": catalog, "expires_at": until, "methods": ["password"], "project": {"id": "p", "name": PROJECT},
                               "user": {"id": "u", "name": USER}, "issued_at": until}}, {"X-Subject-Token": token}

    def versions(self, service: str) -> Answer:
        """What there is below an endpoint that names no version; nobody has to log in for that."""
        numbers = {"image": [("v2.9", "CURRENT", "v2"), ("v2.8", "SUPPORTED", "v2")], "network": [("v2.0", "CURRENT", "v2.0")]}[service]
        return 300 if service == "image" else 200, {"versions": [
            {"id": number, "status": status, "links": [{"rel": "self", "href": f"{self.url}/{service}/{path}/"}]} for number, status, path in numbers]}

    def page(self, key: str, items: list[dict[str, Any]], path: str, query: dict[str, str]) -> Answer:
        """One page of a listing; Glance's link to the next is a path, the others' are whole addresses."""
        ids = [item["id"] for item in items]
        first = ids.index(query["marker"]) + 1 if "marker" in query else 0
        some = items[first:first + PAGE]
        body: dict[str, Any] = {key: some}
        if first + PAGE < len(items):
            link = f"{path}?{urllib.parse.urlencode(query | {'marker': some[-1]['id']})}"
            if key == "images":
                body["next"] = link
            else:
                body[f"{key}_links"] = [{"rel": "next", "href": f"{self.links}{link}"}]
        return 200, body

    # ---- Glance, Neutron, Cinder

    def image(self, method: str, words: list[str], query: dict[str, str], _: Any) -> Answer:
        if (method, words) != ("GET", ["images"]):
            return fault(404, "error", "Not found")
        return self.page("images", [i for i in self.images.values() if query.get("status", i["status"]) == i["status"]], "/v2/images", query)

    def network(self, method: str, words: list[str], query: dict[str, str], document: Any) -> Answer:
        if (method, words) == ("GET", ["networks"]):
            return self.page("networks", list(self.networks.values()), "/network/v2.0/networks", query)
        if (method, words) == ("GET", ["security-groups"]):
            return self.page("security_groups", list(self.groups.values()), "/network/v2.0/security-groups", query)
        if (method, words) == ("POST", ["security-groups"]):
            asked = document["security_group"]
            return 201, {"security_group": self.groups[self.add_group(asked["name"], asked["description"])]}
        if (method, words) == ("POST", ["security-group-rules"]):
            rule = document["security_group_rule"]
            rules = self.groups[rule["security_group_id"]]["security_group_rules"]
            if rule in rules:
                return 409, {"NeutronError": {"type": "SecurityGroupRuleExists", "message": "Security group rule already exists.", "detail": ""}}
            rules.append(rule)
            return 201, {"security_group_rule": rule}
        return 404, {"NeutronError": {"type": "NotFound", "message": "not found", "detail": ""}}

    def volumev3(self, method: str, words: list[str], _: dict[str, str], __: Any) -> Answer:
        if (method, words) != ("GET", ["limits"]):
            return fault(404, "itemNotFound", "not found")
        return 200, {"limits": {"rate": [], "absolute": self.volume_limits}}

    # ---- Nova

    def compute(self, method: str, words: list[str], query: dict[str, str], document: Any) -> Answer:
        match method, words:
            case "GET", [""]:
                return 200, {"version": {"id": "v2.1", "status": "CURRENT", "version": "2.90", "min_version": "2.1", "links": []}}
            case "GET", ["limits"]:
                return 200, {"limits": {"rate": [], "absolute": self.limits}}
            case "GET", ["flavors"] | ["flavors", "detail"]:
                return self.page("flavors", list(self.flavors.values()), "/compute/v2.1/flavors", query)
            case "GET", ["flavors", _, "os-extra_specs"]:
                return 200, {"extra_specs": {}}
            case _, ["os-keypairs", *_]:
                return self.keypair(method, words[1:], document)
            case "GET", ["servers", "detail"]:
                with self.lock:
                    found = [server for server in self.servers.values() if re.search(query.get("name", ""), server["name"])]
                return self.page("servers", found, "/compute/v2.1/servers/detail", query)
            case "POST", ["servers"]:
                return self.create(document["server"])
            case _, ["servers", key, *_]:
                if key not in self.servers:
                    return fault(404, "itemNotFound", f"Instance {key} could not be found.")
                return self.server(method, self.servers[key], words[2:], document)
        return fault(404, "itemNotFound", "The resource could not be found.")

    def keypair(self, method: str, words: list[str], document: Any) -> Answer:
        if method == "GET":
            return (200, {"keypair": self.keypairs[words[0]]}) if words[0] in self.keypairs else \
                fault(404, "itemNotFound", f"Keypair {words[0]} not found for user u")
        asked = document["keypair"]
        self.keypairs[asked["name"]] = asked
        return 200, {"keypair": asked}

    def create(self, asked: dict[str, Any]) -> Answer:
        missing = [key for key in ("name", "imageRef", "flavorRef") if key not in asked]
        if missing or asked["imageRef"] not in self.images or asked["flavorRef"] not in self.flavors:
            return fault(400, "badRequest", f"Invalid input for server: {missing}")
        base64.b64decode(asked["user_data"], validate=True)
        refused = self.refuse.pop(0) if self.refuse else None
        if isinstance(refused, tuple):
            return refused
        key = str(uuid.uuid4())
        server = asked | {"id": key, "status": "BUILD", "addresses": {}, "tenant_id": "p", "user_id": "u", "image": {"id": asked["imageRef"]},
                          "flavor": {"id": asked["flavorRef"]}}
        with self.lock:
            self.servers[key] = server
            self.most = max(self.most, len(self.servers))
        threading.Thread(target=self.boot, args=(server, refused), daemon=True).start()
        if refused == "lost":  # it is made, and nobody hears of it
            return fault(504, "error", "Gateway timeout")
        return 202, {"server": {"id": key, "links": [], "OS-DCF:diskConfig": "MANUAL", "adminPass": "hidden-admin-password"}}

    def boot(self, server: dict[str, Any], refused: str | None) -> None:
        if refused and refused != "lost":
            server.update(status="ERROR", fault={"code": 500, "message": refused})
            return
        address = self.launch(server)
        server["addresses"] = {"net_tests": [
            {"addr": "fe80::1", "version": 6, "OS-EXT-IPS:type": "fixed", "OS-EXT-IPS-MAC:mac_addr": "fa:16:3e:00:00:01"},
            {"addr": address, "version": 4, "OS-EXT-IPS:type": "fixed", "OS-EXT-IPS-MAC:mac_addr": "fa:16:3e:00:00:01"}]}
        server["status"] = "ACTIVE"

    def end(self, server: dict[str, Any]) -> None:
        self.destroy(server)
        with self.lock:
            self.servers.pop(server["id"], None)

    def server(self, method: str, server: dict[str, Any], words: list[str], document: Any) -> Answer:
        match method, words:
            case "GET", []:
                return 200, {"server": server}
            case "DELETE", []:
                if not server.get("OS-EXT-STS:task_state"):
                    server["OS-EXT-STS:task_state"] = "deleting"
                    threading.Thread(target=self.end, args=(server,), daemon=True).start()
                return 204, None
            case "POST", ["metadata"]:
                server["metadata"].update(document["metadata"])
                return 200, {"metadata": server["metadata"]}
            case "POST", ["action"] if "os-getConsoleOutput" in document:
                return 200, {"output": self.console(server)}
        return fault(400, "badRequest", "There is no such action")
