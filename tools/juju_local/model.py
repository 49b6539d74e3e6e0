# SPDX-License-Identifier: GPL-3.0-only
"""The model: what a Juju controller would keep in its database, and each agent's own memory.

Plain dataclasses that turn into JSON and back. They hold no behaviour beyond small look-ups;
controller.py and commit.py change them, resolver.py reads them.
"""
from __future__ import annotations

import dataclasses
import datetime
import functools
import types
import typing
from dataclasses import dataclass, field
from typing import Any

FORMAT = 1


def now() -> str:
    """The time as status reports show it."""
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M:%SZ")


@dataclass
class Status:
    status: str = "unknown"
    message: str = ""
    since: str = ""
    data: dict[str, Any] = field(default_factory=dict)


@dataclass
class Machine:
    id: str
    kind: str
    name: str
    status: str = "pending"
    message: str = ""
    address: str = ""
    since: str = ""
    keep: bool = False
    options: dict[str, Any] = field(default_factory=dict)


@dataclass
class Application:
    name: str
    charm: str
    config: dict[str, Any] = field(default_factory=dict)
    leader: str = ""
    next_unit: int = 0
    life: str = "alive"
    trust: bool = False
    subordinate: bool = False
    version: str = ""
    status: Status | None = None
    storage: dict[str, str] = field(default_factory=dict)
    resources: dict[str, str] = field(default_factory=dict)
    resource_revision: int = 0
    leader_settings: dict[str, str] = field(default_factory=dict)
    leader_settings_version: int = 1
    machine_kind: str = ""
    machine_options: dict[str, Any] = field(default_factory=dict)


@dataclass
class Hook:
    """One run of a hook, planned, under way or failed."""
    name: str
    kind: str
    state: str = "queued"  # queued, running, failed
    relation: int | None = None
    remote_unit: str = ""
    remote_app: str = ""
    departing: str = ""
    storage: str = ""
    secret: str = ""
    secret_label: str = ""
    secret_revision: int | None = None
    version: int = 0
    stamp: str = ""
    fired: bool = False
    context: str = ""  # id of the run under way, to find what it left behind


@dataclass
class RelationMemory:
    """What a unit's agent remembers of one relation."""
    created: bool = False
    members: dict[str, int] = field(default_factory=dict)
    apps: dict[str, int] = field(default_factory=dict)
    owed: str = ""
    dying: bool = False  # as it was when the agent joined it or last started


@dataclass
class Agent:
    charm: str = ""
    files: list[str] = field(default_factory=list)
    installed: bool = False
    started: bool = False
    stopped: bool = False
    removed: bool = False
    leader: bool = False
    leader_settings_version: int = 0
    rebooted: bool = False
    config_stamp: str = ""
    upgraded: bool = False
    resource_revision: int = 0
    pending: Hook | None = None
    relations: dict[str, RelationMemory] = field(default_factory=dict)
    storage: list[str] = field(default_factory=list)
    secrets: dict[str, int] = field(default_factory=dict)
    secrets_gone: list[str] = field(default_factory=list)


@dataclass
class PortRange:
    endpoint: str
    protocol: str
    first: int
    last: int


@dataclass
class Unit:
    name: str
    app: str
    machine: str
    principal: str = ""
    life: str = "alive"
    agent_status: Status = field(default_factory=Status)
    workload: Status = field(default_factory=Status)
    charm_set_status: bool = False
    resolved: str = ""  # "", retry, skip
    force_upgrade: bool = False
    ports: list[PortRange] = field(default_factory=list)
    state: dict[str, str] = field(default_factory=dict)
    agent: Agent = field(default_factory=Agent)


@dataclass
class Bag:
    settings: dict[str, str] = field(default_factory=dict)
    version: int = 0
    in_scope: bool = False


@dataclass
class Endpoint:
    app: str
    name: str
    role: str
    interface: str
    scope: str = "global"


@dataclass
class Relation:
    id: int
    endpoints: list[Endpoint]
    life: str = "alive"
    units: dict[str, Bag] = field(default_factory=dict)
    apps: dict[str, Bag] = field(default_factory=dict)

    def endpoint_of(self, app: str) -> Endpoint | None:
        return next((e for e in self.endpoints if e.app == app), None)

    def peer(self) -> bool:
        return len(self.endpoints) == 1

    def remote_app(self, app: str) -> str:
        return next((e.app for e in self.endpoints if e.app != app), app)

    def key(self) -> str:
        order = {"requirer": 0, "provider": 1, "peer": 2}
        ends = sorted(self.endpoints, key=lambda e: order[e.role])
        return " ".join(f"{e.app}:{e.name}" for e in ends)

    def tag(self) -> str:
        """As secret-info-get names what a grant holds for."""
        return "relation-" + self.key().replace(":", ".").replace(" ", "#")


@dataclass
class Storage:
    id: str
    name: str
    kind: str
    app: str
    unit: str = ""
    location: str = ""
    directive: str = ""
    life: str = "alive"


@dataclass
class SecretRevision:
    data: dict[str, str]  # base64
    created: str = ""
    expire: str = ""


@dataclass
class SecretConsumer:
    revision: int
    label: str = ""


@dataclass
class Secret:
    id: str
    owner: str  # "application-x", "unit-x-0", "model"
    label: str = ""
    description: str = ""
    rotate: str = ""  # none asked for: never
    next_rotate: str = ""
    latest: int = 1
    created: str = ""
    updated: str = ""
    auto_prune: bool = False
    revisions: dict[str, SecretRevision] = field(default_factory=dict)
    consumers: dict[str, SecretConsumer] = field(default_factory=dict)
    access: dict[str, dict[str, str]] = field(default_factory=dict)


@dataclass
class Task:
    id: str
    unit: str
    kind: str  # action, exec
    name: str
    params: dict[str, Any] = field(default_factory=dict)
    command: str = ""
    context: str = ""
    status: str = "pending"
    message: str = ""
    results: dict[str, Any] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)
    enqueued: str = ""
    started: str = ""
    completed: str = ""


@dataclass
class Model:
    format: int = FORMAT
    name: str = "local"
    uuid: str = ""
    config: dict[str, Any] = field(default_factory=dict)
    applications: dict[str, Application] = field(default_factory=dict)
    units: dict[str, Unit] = field(default_factory=dict)
    machines: dict[str, Machine] = field(default_factory=dict)
    relations: dict[str, Relation] = field(default_factory=dict)
    storage: dict[str, Storage] = field(default_factory=dict)
    secrets: dict[str, Secret] = field(default_factory=dict)
    tasks: dict[str, Task] = field(default_factory=dict)
    counters: dict[str, int] = field(default_factory=dict)

    def next(self, what: str) -> int:
        """The next number of a series that starts at 0."""
        value = self.counters.get(what, 0)
        self.counters[what] = value + 1
        return value

    def units_of(self, app: str) -> list[Unit]:
        mine = [u for u in self.units.values() if u.app == app]
        return sorted(mine, key=lambda u: unit_number(u.name))

    def relations_of(self, app: str) -> list[Relation]:
        mine = [r for r in self.relations.values() if r.endpoint_of(app)]
        return sorted(mine, key=lambda r: r.id)

    def is_leader(self, unit: str) -> bool:
        app = self.applications.get(unit.rpartition("/")[0])
        return app is not None and app.leader == unit


def unit_number(name: str) -> int:
    return int(name.rpartition("/")[2])


def unit_tag(name: str) -> str:
    """app/0 as a file name: unit-app-0."""
    return "unit-" + name.replace("/", "-")


def encode(value: Any) -> Any:
    """A dataclass tree as what json.dump takes."""
    if dataclasses.is_dataclass(value):
        return {f.name: encode(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {k: encode(v) for k, v in value.items()}
    if isinstance(value, list):
        return [encode(v) for v in value]
    return value


@functools.lru_cache(maxsize=None)
def _hints(cls: type) -> dict[str, Any]:
    return typing.get_type_hints(cls)


def decode(kind: Any, value: Any) -> Any:
    """The inverse of encode, led by the type hints."""
    if dataclasses.is_dataclass(kind):
        hints = _hints(typing.cast(type, kind))
        return typing.cast(Any, kind)(
            **{k: decode(hints[k], v) for k, v in value.items() if k in hints})
    origin = typing.get_origin(kind)
    if origin is types.UnionType:
        inner = [a for a in typing.get_args(kind) if a is not type(None)]
        return None if value is None else decode(inner[0], value)
    if origin is dict:
        inner_kind = typing.get_args(kind)[1]
        if inner_kind in (Any, str, int):
            return value
        return {k: decode(inner_kind, v) for k, v in value.items()}
    if origin is list:
        inner_kind = typing.get_args(kind)[0]
        return [decode(inner_kind, v) for v in value]
    return value
