# SPDX-License-Identifier: GPL-3.0-only
"""A charm as Juju reads it: archive or folder, metadata, options, actions.

Unpacking is in unpack.py, the schema of actions in schema.py.
"""
from __future__ import annotations

import functools
import io
import re
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from . import metadata
from .errors import JujuLocalError
from .schema import check_schema

UNIT_HOOKS = ("install", "start", "config-changed", "upgrade-charm", "stop", "remove",
              "update-status", "leader-elected", "leader-settings-changed", "secret-changed",
              "secret-rotate", "secret-expired", "secret-remove")
RELATION_HOOKS = ("created", "joined", "changed", "departed", "broken")
STORAGE_HOOKS = ("attached", "detaching")
OPTION_TYPES = {"string": str, "int": int, "integer": int, "float": float, "boolean": bool,
                "secret": str}
_READ = ("metadata.yaml", "config.yaml", "actions.yaml", "manifest.yaml", "lxd-profile.yaml", "version", "revision")
_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]*[a-z][a-z0-9]*)*")
_ACTION = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")


@dataclass(frozen=True)
class CharmEndpoint:
    name: str
    role: str  # provider, requirer, peer
    interface: str
    limit: int = 0
    optional: bool = False
    scope: str = "global"


@dataclass(frozen=True)
class CharmStorage:
    name: str
    type: str
    minimum: int = 1
    maximum: int = 1  # -1: no limit
    location: str = ""
    multiple: bool = False


@dataclass(frozen=True)
class CharmOption:
    name: str
    type: str
    default: Any = None
    description: str = ""


@dataclass
class Charm:
    path: Path
    name: str
    summary: str = ""
    subordinate: bool = False
    endpoints: dict[str, CharmEndpoint] = field(default_factory=dict)
    storage: dict[str, CharmStorage] = field(default_factory=dict)
    resources: dict[str, dict[str, Any]] = field(default_factory=dict)
    bindings: list[str] = field(default_factory=list)
    options: dict[str, CharmOption] = field(default_factory=dict)
    actions: dict[str, dict[str, Any]] = field(default_factory=dict)
    bases: list[str] = field(default_factory=list)
    version: str = ""
    only4: str = ""  # why Juju 3 refuses it

    def hooks(self) -> list[str]:
        """Every hook name this charm can be asked to run."""
        names = list(UNIT_HOOKS)
        for endpoint in self.endpoints:
            names += [f"{endpoint}-relation-{event}" for event in RELATION_HOOKS]
        for store in self.storage:
            names += [f"{store}-storage-{event}" for event in STORAGE_HOOKS]
        return names


def _fail(path: Path, message: str) -> JujuLocalError:
    return JujuLocalError(f'invalid charm "{path}": {message}')


def _yaml(path: Path, name: str, data: bytes) -> dict[str, Any]:
    try:
        value = yaml.safe_load(io.BytesIO(data))
    except yaml.YAMLError as error:
        raise _fail(path, f"{name}: {' '.join(str(error).split())}") from None
    if value is None:
        value = {}
    if not isinstance(value, dict):
        raise _fail(path, f"{name}: expected a map at the top")
    return value


@functools.lru_cache(maxsize=64)
def _load_stamped(path: Path, stamp: tuple[int, int]) -> Charm:
    del stamp
    with zipfile.ZipFile(path) as archive:
        first: dict[str, bytes] = {}
        names = [info.filename for info in archive.infolist()]
        for info in archive.infolist():  # of duplicate entries the first is read
            if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) or info.flag_bits & 1:
                raise _fail(path, f"{info.filename}: zip: unsupported compression algorithm")
            if info.filename not in first and info.filename in _READ:
                first[info.filename] = archive.read(info)
    if "metadata.yaml" not in first:
        raise _fail(path, 'archive file "metadata.yaml" not found (it must be at the root, '
                          'with exactly that name)')
    in_hooks = [n for n in names if re.fullmatch(r"hooks/[^/]+", n)]
    if not in_hooks and not any("dispatch" in n for n in names):
        raise _fail(path, "has no hooks nor dispatch file")
    parts = {name: _yaml(path, name, data) for name, data in first.items() if name.endswith(".yaml")}
    charm = _metadata(path, parts["metadata.yaml"])
    if "config.yaml" in parts:
        charm.options = _options(path, parts["config.yaml"])
        charm.only4 = next((f'invalid config: option "{name}" has unknown type "integer"' for name, entry in (
            parts["config.yaml"]["options"] or {}).items() if (entry or {}).get("type") == "integer"), "")
    if "actions.yaml" in parts:
        charm.actions = _actions(path, charm.name, parts["actions.yaml"])
    if "manifest.yaml" in parts:
        charm.bases = _bases(path, parts["manifest.yaml"])
    wrong = metadata.check_format(parts["metadata.yaml"], parts.get("manifest.yaml")) or metadata.check_lxd_profile(parts.get("lxd-profile.yaml", {}))
    if "revision" in first and not re.match(rb"\s*[-+]?\d", first["revision"]):
        wrong = "invalid revision file"
    if wrong:
        raise _fail(path, wrong)
    version = first.get("version", b"").decode("utf-8", "replace").split("\n")[0].removesuffix("\r")
    charm.version = version.removeprefix("revision-id: ")[:100]
    return charm


def load(path: Path) -> Charm:
    """Reads and checks an archive."""
    try:
        st = path.stat()
        return _load_stamped(path, (st.st_mtime_ns, st.st_size))
    except FileNotFoundError:
        raise JujuLocalError(f'no charm was found at "{path}"') from None
    except zipfile.BadZipFile as error:
        raise _fail(path, f"{error}") from None


def _endpoint(path: Path, role: str, name: str, raw: Any) -> CharmEndpoint:
    if isinstance(raw, str):
        raw = {"interface": raw}
    if not isinstance(raw, dict) or not isinstance(raw.get("interface"), str):
        raise _fail(path, f"metadata: {role} {name}: expected an interface")
    scope = raw.get("scope", "global")
    if scope not in ("global", "container"):
        raise _fail(path, f'metadata: {role} {name}: scope: unexpected value "{scope}"')
    return CharmEndpoint(name, role, raw["interface"], int(raw.get("limit") or 0),
                         bool(raw.get("optional", False)), scope)


def _storage(path: Path, name: str, raw: Any) -> CharmStorage:
    if not isinstance(raw, dict) or raw.get("type") not in ("block", "filesystem"):
        raise _fail(path, f"metadata: storage.{name}.type: expected block or filesystem")
    if raw.get("location") and raw["type"] != "filesystem":
        raise _fail(path, f"metadata: storage.{name}: location is for filesystems only")
    low, high = 1, 1
    multiple = raw.get("multiple")
    if multiple:
        text = str(multiple.get("range", ""))
        match = re.fullmatch(r"(\d+)(?:([-+])(\d*))?", text)
        if not match:
            raise _fail(path, f'metadata: storage.{name}.multiple.range: "{text}" is no range')
        low = int(match[1])
        if isinstance(multiple.get("range"), int) and low <= 0:
            raise _fail(path, f"metadata: storage.{name}.multiple.range: invalid count {low}")
        high = low if match[2] is None else int(match[3]) if match[3] else -1
    return CharmStorage(name, raw["type"], low, high, str(raw.get("location") or ""),
                        bool(multiple))


def _metadata(path: Path, raw: dict[str, Any]) -> Charm:
    for key in ("name", "summary", "description"):
        if not isinstance(raw.get(key), str):
            raise _fail(path, f"metadata: {key}: expected string, got "
                              f"{'nothing' if raw.get(key) is None else repr(raw[key])}")
    if not _NAME.fullmatch(raw["name"]):
        raise _fail(path, f'metadata: name: "{raw["name"]}" is no charm name')
    charm = Charm(path, raw["name"], raw["summary"], bool(raw.get("subordinate", False)))
    for section, role in (("provides", "provider"), ("requires", "requirer"), ("peers", "peer")):
        for name, entry in (raw.get(section) or {}).items():
            if name in charm.endpoints:
                raise _fail(path, f'charm "{charm.name}" using a duplicated relation name: '
                                  f'"{name}"')
            charm.endpoints[name] = _endpoint(path, role, name, entry)
    if wrong := metadata.check_names(raw, charm.endpoints) or metadata.check_assumes(raw.get("assumes")):
        raise _fail(path, wrong)
    for name, entry in (raw.get("storage") or {}).items():
        charm.storage[name] = _storage(path, name, entry)
    for name, entry in (raw.get("resources") or {}).items():
        entry = {"type": "file", **entry} if isinstance(entry, dict) else {}
        if entry.get("type") not in ("file", "oci-image"):
            raise _fail(path, f"metadata: resources.{name}.type: expected file or oci-image")
        if entry["type"] == "file" and (not entry.get("filename") or "/" in entry["filename"]):
            raise _fail(path, f"metadata: resources.{name}.filename: expected a plain file name")
        charm.resources[name] = entry
    charm.bindings = list(raw.get("extra-bindings") or {})
    if charm.subordinate and not any(
            e.role == "requirer" and e.scope == "container" for e in charm.endpoints.values()):
        raise _fail(path, f'subordinate charm "{charm.name}" lacks "requires" relation with '
                          'container scope')
    return charm


def _type_name(value: Any) -> str:
    return {bool: "bool", int: "int", float: "float64", str: "string"}.get(
        type(value), type(value).__name__)


def valid_secret_uri(value: str) -> bool:
    return re.fullmatch(r"secret:(//[^/]+/)?[0-9a-v]{20}", value) is not None


def _options(path: Path, raw: dict[str, Any]) -> dict[str, CharmOption]:
    if "options" not in raw:
        raise _fail(path, "config: options: expected map, got nothing")
    out: dict[str, CharmOption] = {}
    for name, entry in (raw["options"] or {}).items():
        entry = {} if entry is None else entry
        if not isinstance(entry, dict):
            raise _fail(path, f"config: options.{name}: expected map")
        kind = entry.get("type", "string")
        if kind not in OPTION_TYPES:
            raise _fail(path, f'invalid config: option "{name}" has unknown type "{kind}"')
        default = entry.get("default")
        kind = "int" if kind == "integer" else kind
        if kind == "float" and isinstance(default, int) and not isinstance(default, bool):
            default = float(default)
        wrong = default is not None and type(default) is not OPTION_TYPES[kind]
        if kind == "secret" and isinstance(default, str) and default:
            wrong = not default.startswith("secret:")
        if wrong:
            raise _fail(path, f'invalid config default: option "{name}" expected {kind}, got '
                              + (f'"{default}"' if isinstance(default, str) else f"{default!r}")
                              + f" ({_type_name(default)})")
        out[name] = CharmOption(name, kind, default, str(entry.get("description") or ""))
    return out


def _actions(path: Path, charm: str, raw: dict[str, Any]) -> dict[str, dict[str, Any]]:
    for name, entry in raw.items():
        if not _ACTION.fullmatch(str(name)):
            raise _fail(path, f"actions: bad action name {name}")
        if metadata.reserved(charm, name):
            raise _fail(path, f"cannot use action name {name}: \"juju-\" is a reserved prefix")
        if entry is not None and not isinstance(entry, dict):
            raise _fail(path, f"actions: {name}: expected a map")
        entry = entry or {}
        for key in ("description", "title"):
            if key in entry and not isinstance(entry[key], str):
                raise _fail(path, f"actions: {name}: {key}: expected string")
        params = entry.get("params") or {}
        if not isinstance(params, dict):
            raise _fail(path, f"actions: {name}: params: expected a map")
        problem = check_schema({"properties": params, **{
            k: entry[k] for k in ("required", "additionalProperties") if k in entry}})
        if problem:
            raise _fail(path, f"actions: {name}: {problem}")
    return {str(k): v or {} for k, v in raw.items()}


def _bases(path: Path, raw: dict[str, Any]) -> list[str]:
    out = []
    for index, base in enumerate(raw.get("bases") or []):
        if not isinstance(base, dict) or not base.get("name") or not base.get("channel"):
            raise _fail(path, f"manifest: bases[{index}]: expected name and channel")
        out.append(f"{base['name']}@{str(base['channel']).split('/')[0]}")
    return out


def parse_option(option: CharmOption, value: Any, parse_strings: bool = True) -> Any:
    """A value for a config option as the given text or YAML value, checked."""
    bad = JujuLocalError(f'option "{option.name}" expected {option.type}, got '
                         + (f'"{value}"' if isinstance(value, str) else f"{value!r}"))
    if option.type in ("string", "secret"):
        if not isinstance(value, str):
            raise bad
        if option.type == "secret" and value and not valid_secret_uri(value):
            raise bad
        return value
    if isinstance(value, str) and not parse_strings:
        raise bad
    try:
        if option.type == "boolean":
            return _parse_bool(value)
        if isinstance(value, bool):
            raise bad
        if option.type == "float":
            return float(value)
        if isinstance(value, float) and not value.is_integer():
            raise bad
        number = int(value, 10) if isinstance(value, str) else int(value)
    except (ValueError, TypeError):
        raise bad from None
    if not -2**63 <= number < 2**63:
        raise bad
    return number


def _parse_bool(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if value in ("1", "t", "T", "true", "TRUE", "True"):
        return True
    if value in ("0", "f", "F", "false", "FALSE", "False"):
        return False
    raise ValueError(value)


def settings(charm: Charm, explicit: dict[str, Any]) -> dict[str, Any]:
    """Every option with its value: set, else default, else None."""
    return {name: explicit.get(name, option.default) for name, option in charm.options.items()}
