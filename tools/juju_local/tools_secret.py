# SPDX-License-Identifier: GPL-3.0-only
"""Hook tools of secrets."""
from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

from . import secrets
from .errors import ToolError, usage
from .flags import Flag
from .formats import Struct, Time
from .model import Model, Secret, Unit, unit_tag
from .resolver import owned_by
from .toolkit import PLAIN, SMART, Call, Raw, Tool
from .tools_relation import APP_NAME, UNIT_NAME, relation_flag

# What the controller does after all else of a hook, in this order (apiserver/facades/agent/uniter, commitHookChangesForOneUnit).
LATE = ("", "grant", "revoke", "remove")


def _own(call: Call, model: Model | None = None) -> list[Secret]:
    """Secrets this unit manages."""
    model = model or call.ctx.draft
    return [s for s in model.secrets.values() if owned_by(model, s, model.units[
        call.ctx.unit_name])]


def _not_found(uri: str) -> ToolError:
    return ToolError(f'secret "{uri}" not found')


def _owned(call: Call, secret_id: str, model: Model | None = None) -> Secret:
    secret = (model or call.ctx.draft).secrets.get(secret_id)
    if secret is None:
        raise _not_found(secret_id)
    if secret not in _own(call, model):
        raise ToolError("permission denied")
    return secret


def _later(call: Call, secret_id: str, change: Callable[[Model], None], turn: int = 0) -> None:
    """A change of a secret that the controller judges at the end of the hook, when it is asked for one that is not there."""
    ctx = call.ctx

    def judged(model: Model) -> None:
        if model is not ctx.draft:
            _owned(call, secret_id, model)
        if secret_id in model.secrets:
            change(model)
    ctx.later(judged, turn)


def _options(call: Call) -> list[Flag]:
    return [Flag((name,), default=None) for name in (
        "label", "description", "rotate", "expire", "owner", "file")]


def _fields(call: Call) -> dict[str, Any]:
    """The metadata a caller gave, checked."""
    p = call.parsed
    if p.rotate and p.rotate not in secrets.ROTATE:
        raise usage(f'rotate policy "{p.rotate}" not valid')
    if p.owner is not None and p.owner not in ("application", "unit"):
        raise usage(f'secret owner "{p.owner}" not valid')
    out = {k: getattr(p, k) for k in ("label", "description", "rotate")
           if getattr(p, k) is not None and (k != "rotate" or p.rotate)}
    if p.expire:
        out["expire"] = secrets.parse_expire(p.expire)
    return out


def secret_add(call: Call) -> Raw:
    p, ctx = call.parsed, call.ctx
    if not call.args and not p.file:
        raise usage("missing secret value or filename")
    fields = _fields(call)
    content = secrets.parse_content(call.args, _file(call))
    if not content:
        raise ToolError("empty secret value not valid")
    owner = unit_tag(ctx.unit_name) if p.owner == "unit" else f"application-{ctx.app_name}"
    if p.owner != "unit" and not ctx.leader():
        raise ToolError("this unit is not the leader")
    label = fields.get("label", "")
    if label and any(s.label == label and s.owner == owner for s in ctx.draft.secrets.values()):
        raise ToolError(f'secret with label "{label}" already exists')
    secret_id = secrets.new_id()

    def change(model: Model) -> None:
        if owner.startswith("application-") and not model.is_leader(ctx.unit_name):
            raise ToolError("this unit is not the leader")
        secret = secrets.create(model, secret_id, owner, content, **fields)
        if model is ctx.draft:
            secret.next_rotate = ""  # the controller's to say
    ctx.later(change)
    return Raw(f"secret:{secret_id}\n".encode())


def _file(call: Call) -> str:
    return str(call.ctx.named_path(call.parsed.file)) if call.parsed.file else ""


def _find(call: Call, uri: str, label: str) -> Secret:
    """By URI, or by label: a consumer's own label first, then the owner's."""
    ctx, model = call.ctx, call.ctx.draft
    if uri:
        secret_id = secrets.parse_uri(uri)
        if secret_id not in model.secrets:
            raise _not_found(secret_id)
        return model.secrets[secret_id]
    for secret in model.secrets.values():
        consumer = secret.consumers.get(ctx.unit_name)
        if consumer and consumer.label == label:
            return secret
    for secret in model.secrets.values():
        if secret.label == label and secret.owner in (unit_tag(ctx.unit_name),
                                                      f"application-{ctx.app_name}"):
            return secret
    raise ToolError(f'consumer label "{label}" not found')


def secret_get(call: Call) -> Any:
    p, ctx = call.parsed, call.ctx
    args = list(call.args)
    uri = args.pop(0) if args else ""
    if uri:
        secrets.parse_uri(uri)
    if not uri and not p.label:
        raise usage("require either a secret URI or label")
    key = args.pop(0) if args else ""
    if args:
        raise usage(f'unrecognized args: ["{args[0]}"]')
    if p.peek and p.refresh:
        raise usage("specify one of --peek or --refresh but not both")
    secret = _find(call, uri, p.label or "")
    unit: Unit = ctx.unit
    if not secrets.may_read(ctx.draft, secret, unit):
        raise ToolError("permission denied")
    revision = _consume(call, secret)
    if revision is None:
        raise _not_found(secret.id)
    name, _, suffix = key.partition("#")
    if key:
        if name not in revision:
            raise ToolError(f'secret key value "{name}" not found')
        return revision[name] if suffix == "base64" else _text(revision[name])
    return {k: _text(v) for k, v in revision.items()}


def _consume(call: Call, secret: Secret) -> dict[str, str] | None:
    p, ctx = call.parsed, call.ctx
    label = p.label if p.label and call.args and call.args[0].startswith("secret:") else ""
    if label and secret in _own(call):  # an owner has one label for it
        label, stored = "", secret.id in ctx.store.read().secrets
        (ctx.now if stored else ctx.later)(lambda model: setattr(model.secrets[secret.id], "label", p.label))
    real = ctx.store.read().secrets.get(secret.id)
    pending = real is None or real.latest != secret.latest

    def change(model: Model) -> None:
        if secret.id in model.secrets:
            secrets.consume(model.secrets[secret.id], model.units[ctx.unit_name], p.refresh,
                            p.peek, label)
    if pending and (p.peek or p.refresh or real is None):
        ctx.later(change)
    elif not p.peek:
        ctx.now(change)
    draft = ctx.draft.secrets[secret.id]
    number = draft.latest
    if not p.peek and ctx.unit_name in draft.consumers:
        number = draft.consumers[ctx.unit_name].revision
    found = draft.revisions.get(str(number))
    return found.data if found else None


def _text(encoded: str) -> str:
    return base64.b64decode(encoded).decode("utf-8", "surrogateescape")


def secret_info_get(call: Call) -> Any:
    p = call.parsed
    wanted = secrets.parse_uri(call.args[0]) if call.args else ""
    if call.args and p.label:
        raise usage("specify either a secret URI or label but not both")
    if not call.args and not p.label:
        raise usage("require either a secret URI or label")
    call.at_most(1)
    for secret in _own(call):
        if secret.id == wanted or (p.label and secret.label == p.label):
            return {secret.id: _info(secret)}
    raise ToolError(f'secret "{wanted or p.label}" not found')


def _info(secret: Secret) -> Struct:
    latest = secret.revisions.get(str(secret.latest))
    out = Struct(revision=secret.latest, label=secret.label, owner=secret.owner.partition("-")[0])
    optional = {"description": secret.description, "rotation": secret.rotate,
                "expiry": Time(latest.expire if latest else ""), "rotates": Time(secret.next_rotate)}
    out.update({k: v for k, v in optional.items() if v})
    if secret.access:
        out["access"] = [Struct(target=k, **v) for k, v in sorted(secret.access.items())]
    return out


def secret_ids(call: Call) -> list[str] | None:
    call.at_most(0)
    found = [secret.id for secret in _own(call)]
    return found if found or call.parsed.format != "json" else None


def secret_set(call: Call) -> None:
    if not call.args:
        raise usage("missing secret URI")
    fields = _fields(call)
    secret_id = secrets.parse_uri(call.args[0])
    content = secrets.parse_content(call.args[1:], _file(call))
    new = secret_id not in call.ctx.store.read().secrets  # of this hook, so it has one revision at its end

    def change(model: Model) -> None:
        secret = model.secrets[secret_id]
        values = dict(fields)
        expire = values.pop("expire", "")
        if content and new:
            secret.revisions[str(secret.latest)].data = content
        elif content:
            secrets.add_revision(secret, content, expire)
        if expire:
            secret.revisions[str(secret.latest)].expire = expire
        for name, value in values.items():
            setattr(secret, name, value)
        if "rotate" in values:
            secret.next_rotate = secrets.next_rotation(secret.rotate)
    _later(call, secret_id, change)


def secret_remove(call: Call) -> None:
    if not call.args:
        raise usage("missing secret URI")
    secret_id = secrets.parse_uri(call.args[0])
    call.at_most(1)
    revision = call.parsed.revision

    def change(model: Model) -> None:
        secret = model.secrets[secret_id]
        if revision:
            secret.revisions.pop(str(revision), None)
        if not revision or not secret.revisions:
            del model.secrets[secret_id]
    _later(call, secret_id, change, LATE.index("remove"))


def _check_names(app: str, unit: str) -> None:
    if app and not APP_NAME.fullmatch(app):
        raise usage(f'application "{app}" not valid')
    if unit and not UNIT_NAME.fullmatch(unit):
        raise usage(f'unit "{unit}" not valid')


def _check_unit_in(app: str, unit: str) -> None:
    _check_names("", unit)
    if unit.rpartition("/")[0] != app:
        raise usage(f'cannot specify unit "{unit}" in relation to application "{app}"')


def _granted(access: dict[str, dict[str, str]], target: str, grant: dict[str, str]) -> bool:
    """Whether nothing is left to do, by what was granted before this hook for the same relation."""
    same = [name for name, given in access.items() if given == grant]
    if target in same or any(name.startswith("application-") for name in same):
        return True
    if same and target.startswith("application-"):
        raise ToolError("any unit level grants need to be revoked before granting access to the corresponding application")
    return False


def secret_grant(call: Call) -> None:
    if not call.args:
        raise usage("missing secret URI")
    p, ctx = call.parsed, call.ctx
    secret_id = secrets.parse_uri(call.args[0])
    if p.relation is None:
        raise usage("no relation id specified")
    call.at_most(1)
    relation = ctx.relation(p.relation)
    remote = relation.remote_app(ctx.app_name)
    if p.unit:
        _check_unit_in(remote, p.unit)
    secret = ctx.draft.secrets.get(secret_id)
    if secret is None or secret not in _own(call):
        raise _not_found(secret_id)
    target = unit_tag(p.unit) if p.unit else f"application-{remote}"
    grant = {"scope": relation.tag(), "role": "view"}
    before = ctx.snapshot.secrets.get(secret_id)
    if before and _granted(before.access, target, grant):
        return
    asked = (secret_id, relation.id)
    ctx.grants[asked] = target

    def change(model: Model) -> None:
        # A hook does not see it; of several for one relation the last counts.
        if secret_id in model.secrets and model is not ctx.draft and ctx.grants[asked] == target:
            model.secrets[secret_id].access[target] = dict(grant)
    ctx.later(change, LATE.index("grant"))


def secret_revoke(call: Call) -> None:
    if not call.args:
        raise usage("missing secret URI")
    p, ctx = call.parsed, call.ctx
    secret_id = secrets.parse_uri(call.args[0])
    _check_names(p.application, p.unit)
    if p.application and p.unit:
        raise usage("specify only one of application or unit")
    if p.relation is not None and p.application:  # in a relation's hook there always is one
        raise usage("do not specify both relation and app")
    app = p.application
    if p.relation is not None:
        app = ctx.relation(p.relation).remote_app(ctx.app_name)
    if not app and not p.unit:
        raise usage("missing relation or application or unit")
    call.at_most(1)
    target = unit_tag(p.unit) if p.unit else f"application-{app}"

    def change(model: Model) -> None:
        if model is ctx.draft:
            return
        model.secrets[secret_id].access.pop(target, None)
    _later(call, secret_id, change, LATE.index("revoke"))


def _revision(text: str) -> int:
    if not text.isdigit() or text == "0":
        raise ValueError(f'strconv.ParseInt: parsing "{text}": invalid syntax')
    return int(text)


TOOLS = {
    "secret-add": Tool(secret_add, "[key[#base64|#file]=value...]", _options),
    "secret-get": Tool(secret_get, "<ID> [key[#base64]]", lambda call: [
        Flag(("label",), default=""),
        Flag(("peek",), "the latest revision, this once", switch=True, default=False),
        Flag(("refresh",), "the latest revision, from now on", switch=True, default=False)],
        PLAIN),
    "secret-info-get": Tool(secret_info_get, "<ID>", lambda call: [
        Flag(("label",), default="")], PLAIN),
    "secret-ids": Tool(secret_ids, formats=SMART),
    "secret-set": Tool(secret_set, "<ID> [key[#base64]=value...]", _options),
    "secret-remove": Tool(secret_remove, "<ID>", lambda call: [
        Flag(("revision",), default=0, parse=_revision)]),
    "secret-grant": Tool(secret_grant, "<ID>", lambda call: [
        relation_flag(call), Flag(("unit",), default="")]),
    "secret-revoke": Tool(secret_revoke, "<ID>", lambda call: [
        relation_flag(call), Flag(("app", "application"), default=""),
        Flag(("unit",), default="")]),
}
