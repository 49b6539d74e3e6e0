# SPDX-License-Identifier: GPL-3.0-only
"""Bundles: several applications and their relations in one YAML file, overlays after --- or in files of their own."""
from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from . import controller
from .errors import JujuLocalError
from .model import Application, Model
from .verbs import Session, included

_APP_KEYS = {"charm", "num_units", "options", "to", "trust", "storage", "resources",
             "constraints", "annotations", "expose", "base", "series", "channel", "revision",
             "scale", "machine-kind", "machine-options"}
_MACHINE_KEYS = {"constraints", "annotations", "base", "series", "machine-kind"}
_REFUSED = {"saas": "has one model", "offers": "has one model", "bindings": "has no spaces",
            "devices": "has no Kubernetes", "placement": "has no Kubernetes"}


def is_bundle(path: Path) -> bool:
    return path.suffix in (".yaml", ".yml") and path.is_file() or (
        path.is_dir() and (path / "bundle.yaml").is_file()
        and not (path / "metadata.yaml").exists())


def _refuse(where: str, entry: dict[str, Any], known: set[str] | None) -> None:
    for key, value in entry.items():
        if key in _REFUSED:
            if value:
                raise JujuLocalError(f"{where}: juju-local {_REFUSED[key]} and cannot do {key}")
        elif known is not None and key not in known:
            raise JujuLocalError(f'{where}: juju-local does not know "{key}"')


def _documents(path: Path) -> list[dict[str, Any]]:
    try:
        documents = [d for d in yaml.safe_load_all(path.read_text()) if d]
    except (OSError, yaml.YAMLError) as error:
        raise JujuLocalError(f"{path}: {' '.join(str(error).split())}") from None
    for document in documents:
        if not isinstance(document, dict):
            raise JujuLocalError(f"{path}: expected a map at the top")
        _refuse(str(path), document, None)
        for key in ("applications", "services", "machines"):
            if not isinstance(document.get(key) or {}, dict):
                raise JujuLocalError(f"{path}: {key}: expected a map")
        if not isinstance(document.get("relations") or [], list):
            raise JujuLocalError(f"{path}: relations: expected a list")
    return documents


def _own(path: Path, name: str, entry: Any) -> dict[str, Any]:
    """An application's entry; what is a path in it is made one that does not depend on where the file is."""
    if not isinstance(entry, dict):
        raise JujuLocalError(f'{path}: application "{name}": expected a map')
    _refuse(f'{path}: application "{name}"', entry, _APP_KEYS)
    own, folder = dict(entry), path.parent
    if str(own.get("charm", "")).startswith("."):
        own["charm"] = str((folder / own["charm"]).resolve())
    own["options"] = {k: included(v, folder) if isinstance(v, str) else v
                      for k, v in (own.get("options") or {}).items()}
    own["resources"] = {k: str((folder / v).resolve()) if isinstance(v, str) else v
                        for k, v in (own.get("resources") or {}).items()}
    return own


def _load(paths: list[Path]) -> dict[str, Any]:
    """The bundle with its overlays laid over it: maps are merged, an application that is null goes with its relations."""
    merged: dict[str, Any] = {"applications": {}, "relations": [], "machines": {}}
    for path, document in ((p, d) for p in paths for d in _documents(p)):
        for name, entry in (document.get("applications") or document.get("services")
                            or {}).items():
            if entry is None:
                merged["applications"].pop(name, None)
                merged["relations"] = [pair for pair in merged["relations"]
                                       if name not in _applications(pair)]
                continue
            own = _own(path, name, entry)
            known = merged["applications"].setdefault(name, {})
            for key in ("options", "resources"):
                own[key] = {**(known.get(key) or {}), **own[key]}
            known.update(own)
        merged["relations"] += document.get("relations") or []
        merged["machines"].update(document.get("machines") or {})
    if not merged["applications"]:
        raise JujuLocalError(f"{paths[0]}: the bundle has no applications")
    for name, machine in merged["machines"].items():
        if not str(name).isdigit():
            raise JujuLocalError(f'bundle: machines: expected a number, got "{name}"')
        _refuse(f'bundle: machine "{name}"', machine or {}, _MACHINE_KEYS)
    merged["machines"] = {str(name): machine or {} for name, machine in merged["machines"].items()}
    return merged


def _applications(pair: Any) -> list[str]:
    return [end.partition(":")[0] for one, two in _pairs(Path("bundle"), pair) for end in (one, two)]


def deploy_bundle(session: Session, path: Path, overlays: list[str], kind: str,
                  machine_options: dict[str, Any], trust: bool) -> None:
    """Adds what the bundle names and is not there yet; what is there gets its options."""
    if path.is_dir():
        path = path / "bundle.yaml"
    raw = _load([path, *map(Path, overlays)])
    with session.store.change() as model:
        places: dict[str, str] = {}
        for name, entry in raw["applications"].items():
            entry["machine-options"] = {**machine_options, **(entry.get("machine-options") or {})}
            _application(session, model, name, entry, kind, trust)
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


def _application(session: Session, model: Model, name: str, entry: dict[str, Any],
                 kind: str, trust: bool) -> None:
    if name not in model.applications:
        source = str(entry.get("charm", ""))
        if not source.startswith("/"):
            raise JujuLocalError(f'bundle: application "{name}": charm "{source}" is no local path '
                                 "(start it with ./ or /); juju-local has no charm store")
        key = controller.add_charm(session.store, model, Path(source))
        chosen = entry.get("machine-kind") or kind or model.config["default-machine-kind"]
        app = controller.deploy(session.store, model, key, name, chosen)
        app.machine_options = entry["machine-options"]
        app.trust = bool(entry.get("trust", trust))
        charm = controller.charm_of(session.store, app)
        for store_name, directive in (entry.get("storage") or {}).items():
            controller.check_storage(charm, store_name, str(directive))
            app.storage[store_name] = str(directive)
        for resource, value in entry["resources"].items():
            if not isinstance(value, str):
                raise JujuLocalError(f'bundle: resource "{resource}": only local files')
            app.resources[resource] = value
        session.console.say(name, f"deploying local charm {charm.name}")
    app = model.applications[name]
    controller.set_config(controller.charm_of(session.store, app), app, entry["options"])


def _units(session: Session, model: Model, name: str, entry: dict[str, Any],
           places: dict[str, str], machines: dict[str, Any], kind: str) -> None:
    app = model.applications[name]
    if app.subordinate:
        return
    targets = entry.get("to") or []
    targets = [str(t) for t in (targets if isinstance(targets, list) else [targets])]
    count = int(entry.get("num_units", entry.get("scale", 0)) or 0)
    if len(targets) > count:
        raise JujuLocalError(f'bundle: application "{name}": too many units specified in unit placement')
    for index in range(len(model.units_of(name)), count):
        target = targets[min(index, len(targets) - 1)] if targets else ""
        controller.add_unit(session.store, model, app,
                            _place(model, app, target, index, places, machines, kind))


def _place(model: Model, app: Application, target: str, index: int, places: dict[str, str],
           machines: dict[str, Any], kind: str) -> str:
    """The machine of a placement, "" for a new one. The last placement is that of all further units."""
    if target in ("", "new"):
        return ""
    if ":" in target:
        raise JujuLocalError(f'bundle: application "{app.name}": to: juju-local has no containers '
                             f'and cannot do "{target}"')
    if "/" in target:
        return controller.unit(model, target).machine
    if target in model.applications:  # side by side as long as there are some
        beside = model.units_of(target)
        return beside[index].machine if index < len(beside) else ""
    if target not in machines:
        raise JujuLocalError(f'bundle: application "{app.name}": to: "{target}" is neither in the '
                             "bundle's machines nor an application or unit")
    if target not in places:
        places[target] = controller.add_machine(
            model, machines[target].get("machine-kind") or kind or app.machine_kind,
            app.machine_options).id
    return places[target]
