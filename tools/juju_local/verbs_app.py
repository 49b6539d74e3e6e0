# SPDX-License-Identifier: GPL-3.0-only
"""Verbs about applications: deploy, config, integrate, units, refresh, storage, model-config."""
from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import yaml

from . import controller
from .bundle import deploy_bundle, is_bundle
from .charm import Charm, settings
from .errors import JujuLocalError
from .machinery import KINDS
from .model import Application, Model
from .store import DEFAULT_CONFIG, Store
from .verbs import Arguments, Session, included, key_values, read_yaml, show


def config_words(words: list[str], app: str) -> dict[str, Any]:
    """--config takes key=value and files: {APP: {key: value}} or {key: value}."""
    out: dict[str, Any] = {}
    for word in words:
        if "=" in word:
            out.update(key_values([word]))
        else:
            values = read_yaml(word) or {}
            if isinstance(values.get(app), dict):
                values = values[app]
            folder = Path(word).parent
            out.update({k: included(v, folder) if isinstance(v, str) else v
                        for k, v in values.items()})
    return out


def machine_options(words: list[str]) -> dict[str, Any]:
    return {k: yaml.safe_load(v) for k, v in key_values(words).items()}


def set_resources(store: Store, charm: Charm, app: Application, words: list[str]) -> None:
    for name, path in key_values(words).items():
        if name not in charm.resources:
            raise JujuLocalError(f'unrecognized resource "{name}"; the charm has: '
                                 + (", ".join(charm.resources) or "none"))
        if not Path(path).is_file():
            raise JujuLocalError(f'resource "{name}": there is no file "{path}"')
        kept = store.folder("resources") / f"{app.name}-{name}-{app.resource_revision}"
        shutil.copyfile(path, kept)
        app.resources[name] = str(kept)


def deploy(session: Session, args: Arguments) -> int:
    source = Path(args.charm)
    if is_bundle(source):
        given = [flag for flag, value in (("NAME", args.name), ("--config", args.config), ("--to", args.to), ("--storage", args.storage),
                                          ("--resource", args.resource), ("-n", args.num_units != 1)) if value]
        if given:
            raise JujuLocalError(f"flags provided but not supported when deploying a bundle: {', '.join(given)}")
        deploy_bundle(session, source, args.overlay, args.machine_kind, machine_options(args.machine_option), args.trust)
        return session.settle()
    if args.overlay:
        raise JujuLocalError("flags provided but only supported when deploying a bundle: --overlay")
    with session.store.change() as model:
        kind = args.machine_kind or model.config["default-machine-kind"]
        key = controller.add_charm(session.store, model, source)
        app = controller.deploy(session.store, model, key, args.name or "", kind)
        app.trust = args.trust
        app.machine_options = machine_options(args.machine_option)
        charm = controller.charm_of(session.store, app)
        controller.set_config(charm, app, config_words(args.config, app.name))
        for name, directive in key_values(args.storage).items():
            controller.check_storage(charm, name, directive)
            app.storage[name] = directive
        set_resources(session.store, charm, app, args.resource)
        if not app.subordinate:
            _add_units(session.store, model, app, args.num_units, args.to)
        session.console.say(app.name, f"deploying local charm {charm.name} revision "
                            f"{controller.charm_revision(key)}, {args.num_units} unit(s), "
                            f"kind {kind}")
    return session.settle()


def _add_units(store: Store, model: Model, app: Application, count: int, to: str) -> None:
    places = to.split(",") if to else []
    for index in range(count):
        place = places[index] if index < len(places) else ""
        if place in KINDS:  # --to scratch: a new machine of another kind
            place = controller.add_machine(model, place, app.machine_options).id
        controller.add_unit(store, model, app, place)


def add_unit(session: Session, args: Arguments) -> int:
    with session.store.change() as model:
        app = controller.application(model, args.application)
        _add_units(session.store, model, app, args.num_units, args.to)
    return session.settle()


def remove_unit(session: Session, args: Arguments) -> int:
    with session.store.change() as model:
        for name in args.units:
            unit = controller.unit(model, name)
            if unit.principal:
                raise JujuLocalError(f'unit "{name}" is a subordinate; remove its relation or '
                                     "its principal")
            controller.remove_unit(model, unit)
            if args.force:
                unit.resolved = "skip"
    return session.settle()


def remove_application(session: Session, args: Arguments) -> int:
    with session.store.change() as model:
        for name in args.applications:
            app = controller.application(model, name)
            controller.remove_application(model, app)
            for unit in model.units_of(name):
                unit.resolved = "skip" if args.force else unit.resolved
    return session.settle()


def config(session: Session, args: Arguments) -> int:
    model = session.store.read()
    app = controller.application(model, args.application)
    charm = controller.charm_of(session.store, app)
    words = [w for w in args.words if "=" in w]
    names = [w for w in args.words if "=" not in w]
    if not words and not args.reset and not args.file:
        return _show_config(charm, app, names, args.format)
    if names:
        raise JujuLocalError(f'cannot set and get at once: "{names[0]}" has no "="')
    values: dict[str, Any] = config_words([args.file], app.name) if args.file else {}
    values.update(key_values(words))
    with session.store.change() as model:
        app = controller.application(model, args.application)
        for name in args.reset.split(",") if args.reset else []:
            if name not in charm.options:
                raise JujuLocalError(f'unknown option "{name}"')
            app.config.pop(name, None)
        controller.set_config(charm, app, values)
    return session.settle()


def _show_config(charm: Charm, app: Application, names: list[str], style: str) -> int:
    values = settings(charm, app.config)
    if names:
        if names[0] not in values:
            raise JujuLocalError(f'key "{names[0]}" not found in "{app.name}" application config')
        value = values[names[0]]
        print("" if value is None else str(value).lower() if isinstance(value, bool) else value)
        return 0
    described = {
        name: {"description": option.description, "type": option.type,
               "source": "user" if name in app.config else
               "default" if option.default is not None else "unset", "value": values[name]}
        for name, option in sorted(charm.options.items())}
    show({"application": app.name, "charm": charm.name, "settings": described}, style)
    return 0


def integrate(session: Session, args: Arguments) -> int:
    with session.store.change() as model:
        relation = controller.integrate(session.store, model, args.one, args.two)
        session.console.say("relation", f"{relation.id}: {relation.key()}")
    return session.settle()


def remove_relation(session: Session, args: Arguments) -> int:
    with session.store.change() as model:
        relation = controller.find_relation(model, args.ends)
        controller.remove_relation(model, relation)
    return session.settle()


def refresh(session: Session, args: Arguments) -> int:
    if not args.path and not args.resource:
        raise JujuLocalError("nothing to refresh: give --path CHARM or --resource NAME=FILE")
    with session.store.change() as model:
        app = controller.application(model, args.application)
        if args.path:
            key = controller.add_charm(session.store, model, Path(args.path))
            controller.refresh(session.store, model, app, key, args.force_units)
        charm = controller.charm_of(session.store, app)
        if args.resource:
            app.resource_revision += 1
            set_resources(session.store, charm, app, args.resource)
        controller.set_config(charm, app, config_words(args.config, app.name))
    return session.settle()


def trust(session: Session, args: Arguments) -> int:
    with session.store.change() as model:
        controller.application(model, args.application).trust = not args.remove
    return session.settle()


_PROXIES = ("http", "https", "ftp", "no")


def model_config(session: Session, args: Arguments) -> int:
    words = [w for w in args.words if "=" in w]
    if not words and not args.reset:
        values = session.store.read().config
        wanted = {k: values.get(k, "") for k in args.words} if args.words else values
        if len(args.words) == 1:
            print(wanted[args.words[0]])
        else:
            show(wanted, args.format)
        return 0
    known = set(DEFAULT_CONFIG) | {"availability-zone", "name"}
    known |= {f"{prefix}{p}-proxy" for p in _PROXIES for prefix in ("", "juju-")}
    with session.store.change() as model:
        for key, value in key_values(words).items():
            if key not in known:
                raise JujuLocalError(f'juju-local has no model setting "{key}"; it has: '
                                     + ", ".join(sorted(known)))
            model.config[key] = (yaml.safe_load(value) if key == "automatically-retry-hooks"
                                 else value)
        for key in args.reset.split(",") if args.reset else []:
            model.config.pop(key, None)
            if key in DEFAULT_CONFIG:
                model.config[key] = DEFAULT_CONFIG[key]
        told = [{p for p in _PROXIES if p != "no" and model.config.get(f"{prefix}{p}-proxy")} for prefix in ("", "juju-")]
        if all(told):
            raise JujuLocalError("cannot specify both legacy proxy values and juju proxy values")
        if "name" in model.config:
            model.name = model.config.pop("name")
    return session.settle()


def storage(session: Session, args: Arguments) -> int:
    found = session.store.read().storage.values()
    show({s.id: {"kind": s.kind, "unit": s.unit or "detached", "location": s.location}
          for s in found}, args.format)
    return 0


def add_storage(session: Session, args: Arguments) -> int:
    with session.store.change() as model:
        unit = controller.unit(model, args.unit)
        charm = controller.charm_of(session.store, model.applications[unit.app])
        for word in args.names:
            name, _, directive = word.partition("=")
            if name not in charm.storage:
                raise JujuLocalError(f'charm "{charm.name}" has no store called "{name}"')
            for _ in range(controller.directive_count(directive)):
                controller.add_storage(model, unit, charm.storage[name], directive)
    return session.settle()


def detach_storage(session: Session, args: Arguments) -> int:
    with session.store.change() as model:
        for name in args.storage:
            instance = _instance(model, name)
            if not instance.unit:
                raise JujuLocalError(f'storage "{name}" is not attached')
            charm = controller.charm_of(session.store, model.applications[instance.app])
            held = [s for s in model.storage.values() if s.unit == instance.unit
                    and s.name == instance.name]
            spec = charm.storage.get(instance.name)
            if spec and len(held) <= spec.minimum and not args.force:
                raise JujuLocalError(f'cannot detach storage "{name}": the charm requires '
                                     f'{spec.minimum} of "{spec.name}"; use --force')
            instance.life = "dying"
    return session.settle()


def _instance(model: Model, name: str) -> Any:
    if name not in model.storage:
        raise JujuLocalError(f'storage "{name}" not found; there are: '
                             + (", ".join(model.storage) or "none"))
    return model.storage[name]


def attach_storage(session: Session, args: Arguments) -> int:
    with session.store.change() as model:
        unit = controller.unit(model, args.unit)
        for name in args.storage:
            instance = _instance(model, name)
            if instance.unit:
                raise JujuLocalError(f'storage "{name}" is attached to {instance.unit}')
            if instance.app != unit.app:
                raise JujuLocalError(f'storage "{name}" belongs to {instance.app}')
            instance.unit = unit.name
    return session.settle()


def remove_storage(session: Session, args: Arguments) -> int:
    with session.store.change() as model:
        for name in args.storage:
            if _instance(model, name).unit:
                raise JujuLocalError(f'storage "{name}" is attached; detach it first')
            del model.storage[name]
            shutil.rmtree(session.store.folder("storage") / name.replace("/", "-"),
                          ignore_errors=True)
    return 0


def add_machine(session: Session, args: Arguments) -> int:
    with session.store.change() as model:
        kind = args.machine_kind or model.config["default-machine-kind"]
        machine = controller.add_machine(model, kind, machine_options(args.machine_option), True)
        print(f"created machine {machine.id}")
    return 0
