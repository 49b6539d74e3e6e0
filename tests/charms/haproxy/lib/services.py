# SPDX-License-Identifier: GPL-3.0-only
"""From what units have written on the relation reverseproxy to haproxy's configuration, by the public charm's rules."""
from __future__ import annotations

import json
from typing import Any

import yaml

Service = dict[str, Any]
Bags = dict[str, dict[str, str]]  # by unit

DEFAULTS = """global
    log /dev/log local0
    user haproxy
    group haproxy
    stats socket /run/haproxy/admin.sock mode 660 level admin

defaults
    log global
    mode http
    option httplog
    option dontlognull
    retries 3
    timeout queue 20000
    timeout client 50000
    timeout connect 5000
    timeout server 50000
"""
# What units are servers of that do not name services.
DEFAULT_SERVICE = {"service_name": "haproxy_service", "service_host": "0.0.0.0", "service_port": 80,
                   "service_options": ["balance leastconn", "cookie SRVNAME insert"], "server_options": ["maxconn 100", "cookie S{i}", "check"]}
# Options that haproxy takes in a frontend only; every other one goes into the backend.
FRONTEND = ("acl", "bind", "capture", "default_backend", "http-request", "maxconn", "monitor", "option dontlog", "option http-use-proxy-header",
            "option log", "rate-limit", "redirect", "tcp-request", "timeout client", "use_backend")
BOTH = ("mode ", "option httplog", "option tcplog")


def words(value: Any) -> list[str]:
    """A list, or one text with commas."""
    return [w.strip() for w in value.split(",") if w.strip()] if isinstance(value, str) else list(value)


def read_value(text: str) -> Any:
    """Every value is tried as JSON first."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def named(bags: Bags) -> dict[str, Service]:
    """The services that units name; of one that several name the first's options and everybody's servers count."""
    services: dict[str, Service] = {}
    for unit in sorted(bags):
        text = read_value(bags[unit].get("services", ""))
        if not isinstance(text, str):  # safe_load() of a list fails in the public charm's hook as well
            raise TypeError(f"{unit}: services: expected text in YAML, got JSON")
        for service in yaml.safe_load(text) or []:
            known = services.setdefault(service["service_name"], dict(service, servers=[]))
            known["servers"] += [s for s in service.get("servers", []) if s not in known["servers"]]
    return services


def collect(bags: Bags) -> dict[str, Service]:
    """Every service with its servers."""
    services = named(bags)
    if not services:
        services = {"haproxy_service": dict(DEFAULT_SERVICE, servers=[])}
    first = next(iter(services))
    for unit in sorted(bags):
        bag, app = bags[unit], unit.partition("/")[0]
        if "services" in bag or not all(bag.get(key) for key in ("port", "private-address")):
            continue
        wanted = {bag.get("service_name", ""), *bag.get("sitenames", "").split(), app, f"{app}_service"} & set(services)
        if not wanted and bag.get("service_name"):
            continue
        for name in wanted or {first}:
            server = [f"{unit.replace('/', '-')}-{bag['port']}", bag["private-address"], bag["port"], services[name].get("server_options", [])]
            services[name]["servers"].append(server)
    return {name: service for name, service in services.items() if service["servers"]}


def section(service: Service) -> str:
    """A frontend and its backend."""
    options = words(service.get("service_options", []))
    front = [o for o in options if o.startswith((*FRONTEND, *BOTH))]
    back = [o for o in options if not o.startswith(FRONTEND)]
    name, port = service["service_name"], service["service_port"]
    lines = ["", f"frontend haproxy-{port}", f"    bind {service['service_host']}:{port}", f"    default_backend {name}",
             *(f"    {o}" for o in front), "", f"backend {name}", *(f"    {o}" for o in back)]
    for i, (server, address, server_port, server_options) in enumerate(service["servers"]):
        line = f"    server {server} {address}:{server_port} " + (server_options if isinstance(server_options, str) else " ".join(server_options))
        lines.append(line.format(i=i).rstrip())
    return "\n".join(lines) + "\n"


def configuration(services: dict[str, Service]) -> str:
    return DEFAULTS + "".join(section(s) for s in services.values())
