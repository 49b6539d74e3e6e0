# SPDX-License-Identifier: GPL-3.0-only
"""What Juju's charm library (github.com/juju/charm/v12, meta.go, assumes/, extra_bindings.go, lxdprofile.go) checks of metadata.yaml beyond
the kind of each value: which of the two formats it is in, what it assumes, names that are kept for Juju, bindings; and lxd-profile.yaml.

Each function takes files as YAML has them and returns what is wrong in Juju's words, "" for nothing."""
from __future__ import annotations

import re
from typing import Any

_FEATURE = re.compile(r"[a-z][a-z0-9-]*?[a-z0-9]+(\s*(>=|<)\s*\d+(\.\d+){0,2}([-.]\w+)*)?")
_SERIES = re.compile(r"[a-z]+([a-z0-9]+)?")
_DEVICES = ("unix-char", "unix-block", "gpu", "usb")
_NOT_OF_CHARMS = ("boot", "limits", "migration")
# What Juju 4 deploys on (core/base/supportedbases.go).
SUPPORTED = ("ubuntu@20.04", "ubuntu@22.04", "ubuntu@24.04", "ubuntu@26.04")


def check_format(raw: dict[str, Any], manifest: dict[str, Any] | None) -> str:
    """The first format has series or neither; the second has bases in manifest.yaml, and what came with them."""
    if raw.get("series") or not (manifest and manifest.get("bases")):
        if raw.get("assumes") is not None:
            return "assumes in metadata v1 not valid"
        if raw.get("containers"):
            return "containers in metadata v1 not valid" if manifest is not None else "containers without a manifest.yaml not valid"
        wrong = next((s for s in raw.get("series") or [] if not _SERIES.fullmatch(str(s))), None)
        return f'charm "{raw["name"]}" declares invalid series: "{wrong}"' if wrong is not None else ""
    for key in ("min-juju-version", "deployment"):
        if raw.get(key):
            return f"{key} in metadata v2 not valid"
    return ""


def _expression(value: Any) -> str:
    if isinstance(value, str):
        return "" if _FEATURE.fullmatch(value.strip()) else f'malformed feature expression "{value.strip()}"'
    if not isinstance(value, dict):
        return 'expected a feature, "any-of" or "all-of" expression'
    if len(value) != 1:
        return "malformed composite expression"
    ((kind, parts),) = value.items()
    if kind not in ("any-of", "all-of"):
        return 'malformed composite expression; expected an "any-of" or "all-of" block'
    if not isinstance(parts, list):
        return f'malformed "{kind}" expression; expected a list of sub-expressions'
    wrong = next(filter(None, map(_expression, parts)), "")
    return f'parsing "{kind}" expression: {wrong}' if wrong else ""


def check_assumes(value: Any) -> str:
    if value is None:
        return ""
    if not isinstance(value, list):
        return f"metadata: assumes: expected list, got {value!r}"
    for number, part in enumerate(value, 1):
        if wrong := _expression(part):
            return f'parsing expression {number} in top level "assumes" block: {wrong}'
    return ""


def reserved(charm: str, name: str) -> bool:
    return not charm.startswith("juju-") and (name == "juju" or name.startswith("juju-"))


def check_names(raw: dict[str, Any], endpoints: dict[str, Any]) -> str:
    """endpoints: name -> with attributes role, interface and scope."""
    charm = raw["name"]
    for name, end in endpoints.items():
        # A subordinate asks its principal for what every unit has.
        if reserved(charm, name) and not (raw.get("subordinate") and end.role == "requirer" and end.scope == "container"):
            return f'charm "{charm}" using a reserved relation name: "{name}"'
        if end.role != "requirer" and reserved(charm, end.interface):
            return f'charm "{charm}" relation "{name}" using a reserved interface: "{end.interface}"'
    return _check_bindings(raw, endpoints)


def _check_bindings(raw: dict[str, Any], endpoints: dict[str, Any]) -> str:
    bindings = raw.get("extra-bindings")
    if bindings is None:
        return ""
    if not isinstance(bindings, dict) or any(value is not None for value in bindings.values()):
        return "metadata: extra-bindings: expected a map of names without values"
    wrong = ""
    if not bindings:
        wrong = "extra bindings cannot be empty when specified"
    elif both := sorted(set(bindings) & set(endpoints)):
        wrong = f"relation names ({', '.join(both)}) cannot be used in extra bindings"
    return wrong and f'charm "{raw["name"]}" has invalid extra bindings: {wrong}'


def check_lxd_profile(raw: dict[str, Any]) -> str:
    for device in (raw.get("devices") or {}).values():
        if device.get("type", "usb") not in _DEVICES:
            return f'invalid lxd-profile.yaml: contains device type "{device["type"]}"'
    for key in raw.get("config") or {}:
        if str(key).startswith(_NOT_OF_CHARMS):
            return f'invalid lxd-profile.yaml: contains config value "{key}"'
    return ""
