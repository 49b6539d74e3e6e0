# SPDX-License-Identifier: GPL-3.0-only
"""Bundles: several applications and their relations in one YAML file, overlays after ---."""
from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from . import controller
from .errors import JujuLocalError
from .model import Model
from .verbs import Session, included

_APP_KEYS = {"charm", "num_units", "options", "to", "trust", "storage", "resources",
             "constraints", "annotations", "expose", "base", "series", "channel", "revision",
             "bindings", "scale", "machine-kind", "machine-options"}


def is_bundle(path: Path) -> bool:
    return path.suffix in (".yaml", ".yml") and path.is_file() or (
        path.is_dir() and (path / "bundle.yaml").is_file()
        and not (path / "metadata.yaml").exists())


def _load(path: Path) -> dict[str, Any]:
    try:
        documents = [d for d in yaml.safe_load_all(path.read_text()) if d]
    except (OSError, yaml.YAMLError) as error:
        raise JujuLocalError(f"{path}: {' '.join(str(error).split())}") from None
    merged: dict[str, Any] = {"applications": {}, "relations": [], "machines": {}}
    for document in documents:
        if not isinstance(document, dict):
            raise JujuLocalError(f"{path}: expected a map at the top")
        for key in ("saas", "offers"):
            if document.get(key):
                raise JujuLocalError(f"{path}: juju-local has one model and cannot do {key}")
        for name, entry in (document.get("applications") or document.get("services")
                            or {}).items():
            if entry is None:
                merged["applications"].pop(name, None)
                continue
            known = merged["applications"].setdefault(name, {})
            options = {**(known.get("options") or {}), **(entry.get("options") or {})}
            known.update(entry)
            known["options"] = options
        merged["relations"] += document.get("relations") or []
        merged["machines"].update(document.get("machines") or {})
    if not merged["applications"]:
        raise JujuLocalError(f"{path}: the bundle has no applications")
    return merged


def deploy_bundle(session: Session, path: Path, kind: str, trust: bool) -> None:
    """Adds what the bundle names and is not there yet; what is there gets its options."""
    if path.is_dir():
        path = path / "bundle.yaml"
    raw = _load(path)
    with session.store.change() as model:
        places: dict[str, str] = {}
        for name, entry in raw["applications"].items():
            _application(session, model, path.parent, name, entry, kind, trust)
        for name, entry in raw["applications"].items():
            _units(session, model, name, entry, places, raw["machines"], kind)
        for pair in raw["relations"]:
            for one, two in _pairs(path, pair):
                try:
                    relation = controller.integrate(session.store, model, one, two)
                except JujuLocalError as error:
                    if "already exists" in str(error):
                        continue
                    raise
                session.console.say("relation", f"{relation.id}: {relation.key()}")


def _pairs(path: Path, pair: Any) -> list[tuple[str, str]]:
    if not isinstance(pair, list) or len(pair) != 2:
        raise JujuLocalError(f"{path}: relations: expected a list of two endpoints, got {pair!r}")
    seconds = pair[1] if isinstance(pair[1], list) else [pair[1]]
    return [(str(pair[0]), str(second)) for second in seconds]


def _application(session: Session, model: Model, folder: Path, name: str, entry: dict[str, Any],
                 kind: str, trust: bool) -> None:
    for key in entry:
        if key not in _APP_KEYS:
            raise JujuLocalError(f'bundle: application "{name}": juju-local does not know "{key}"')
    options = {k: included(v, folder) if isinstance(v, str) else v
               for k, v in (entry.get("options") or {}).items()}
    if name not in model.applications:
        source = str(entry.get("charm", ""))
        if not source.startswith((".", "/")):
            raise JujuLocalError(f'bundle: application "{name}": charm "{source}" is no local path '
                                 "(start it with ./ or /); juju-local has no charm store")
        key = controller.add_charm(session.store, model, folder / source)
        chosen = entry.get("machine-kind") or kind or model.config["default-machine-kind"]
        app = controller.deploy(session.store, model, key, name, chosen)
        app.machine_options = dict(entry.get("machine-options") or {})
        app.trust = bool(entry.get("trust", trust))
        charm = controller.charm_of(session.store, app)
        for store_name, directive in (entry.get("storage") or {}).items():
            controller.check_storage(charm, store_name, str(directive))
            app.storage[store_name] = str(directive)
        for resource, value in (entry.get("resources") or {}).items():
            if not isinstance(value, str):
                raise JujuLocalError(f'bundle: resource "{resource}": only local files')
            app.resources[resource] = str((folder / value).resolve())
        session.console.say(name, f"deploying local charm {charm.name}")
    app = model.applications[name]
    controller.set_config(controller.charm_of(session.store, app), app, options)


def _units(session: Session, model: Model, name: str, entry: dict[str, Any],
           places: dict[str, str], machines: dict[str, Any], kind: str) -> None:
    app = model.applications[name]
    if app.subordinate:
        return
    targets = entry.get("to") or []
    targets = [str(t) for t in (targets if isinstance(targets, list) else [targets])]
    count = int(entry.get("num_units", entry.get("scale", 0)) or 0)
    for index in range(len(model.units_of(name)), count):
        target = targets[min(index, len(targets) - 1)] if targets else ""
        place = ""
        if target and target != "new":
            if "/" in target:
                place = controller.unit(model, target).machine
            elif target in model.applications:
                place = model.units_of(target)[0].machine
            else:
                if target not in places:
                    wanted = (machines.get(target) or machines.get(int(target))
                              if target.isdigit() else machines.get(target)) or {}
                    places[target] = controller.add_machine(
                        model, wanted.get("machine-kind") or kind or app.machine_kind,
                        app.machine_options).id
                place = places[target]
        controller.add_unit(session.store, model, app, place)
