# SPDX-License-Identifier: GPL-3.0-only
"""Verbs about user secrets: add, update, grant, revoke, remove, show, list."""
from __future__ import annotations

import base64
from typing import Any

from . import controller, secrets
from .errors import JujuLocalError, ToolError
from .model import Model, Secret
from .verbs import Arguments, Session, show


def _content(args: Arguments) -> dict[str, str]:
    try:
        return secrets.parse_content(args.values, args.file or "")
    except ToolError as error:
        raise JujuLocalError(str(error)) from None


def _find(model: Model, name: str) -> Secret:
    """By URI, id or name."""
    bare = name.rpartition("/")[2].removeprefix("secret:")
    if bare in model.secrets:
        return model.secrets[bare]
    for secret in model.secrets.values():
        if secret.owner == "model" and secret.label == name:
            return secret
    raise JujuLocalError(f'secret "{name}" not found')


def add_secret(session: Session, args: Arguments) -> int:
    content = _content(args)
    if not content:
        raise JujuLocalError("missing secret value or filename")
    with session.store.change() as model:
        if any(s.owner == "model" and s.label == args.name for s in model.secrets.values()):
            raise JujuLocalError(f'secret with name "{args.name}" already exists')
        secret_id = secrets.new_id()
        secrets.create(model, secret_id, "model", content, label=args.name,
                       description=args.info or "")
    print(f"secret:{secret_id}")
    return 0


def update_secret(session: Session, args: Arguments) -> int:
    content = _content(args)
    with session.store.change() as model:
        secret = _find(model, args.name)
        if args.info is not None:
            secret.description = args.info
        if args.new_name:
            secret.label = args.new_name
        if args.auto_prune is not None:
            secret.auto_prune = args.auto_prune == "true"
        if content:
            secrets.add_revision(secret, content)
    return session.settle()


def grant_secret(session: Session, args: Arguments) -> int:
    return _grant(session, args, True)


def revoke_secret(session: Session, args: Arguments) -> int:
    return _grant(session, args, False)


def _grant(session: Session, args: Arguments, grant: bool) -> int:
    with session.store.change() as model:
        secret = _find(model, args.name)
        for app in args.applications.split(","):
            controller.application(model, app)
            if grant:
                secret.access[f"application-{app}"] = {"scope": "model", "role": "view"}
            else:
                secret.access.pop(f"application-{app}", None)
    return session.settle()


def remove_secret(session: Session, args: Arguments) -> int:
    with session.store.change() as model:
        secret = _find(model, args.name)
        if args.revision:
            if secret.revisions.pop(str(args.revision), None) is None:
                raise JujuLocalError(f'secret "{args.name}" has no revision {args.revision}')
        if not args.revision or not secret.revisions:
            del model.secrets[secret.id]
    return session.settle()


def show_secret(session: Session, args: Arguments) -> int:
    secret = _find(session.store.read(), args.name)
    number = args.revision or secret.latest
    if str(number) not in secret.revisions:
        raise JujuLocalError(f'secret "{args.name}" has no revision {number}')
    out = _about(secret)
    if args.reveal:
        data = secret.revisions[str(number)].data
        out["content"] = {k: base64.b64decode(v).decode("utf-8", "replace")
                          for k, v in data.items()}
    show({secret.id: out}, args.format)
    return 0


def list_secrets(session: Session, args: Arguments) -> int:
    show({s.id: _about(s) for s in session.store.read().secrets.values()}, args.format)
    return 0


def _about(secret: Secret) -> dict[str, Any]:
    out: dict[str, Any] = {
        "revision": secret.latest, "owner": secret.owner, "created": secret.created,
        "updated": secret.updated, ("name" if secret.owner == "model" else "label"): secret.label,
        "description": secret.description, "access": secret.access,
        "consumers": {u: c.revision for u, c in secret.consumers.items()}}
    return {k: v for k, v in out.items() if v not in ("", {})}
