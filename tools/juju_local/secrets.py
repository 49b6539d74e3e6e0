# SPDX-License-Identifier: GPL-3.0-only
"""Secrets in the model: ids, contents, revisions, grants, who may read what."""
from __future__ import annotations

import base64
import datetime
import os
import re
from pathlib import Path
from typing import Any

from .errors import ToolError, usage
from .inputs import string_map
from .model import Model, Secret, SecretConsumer, SecretRevision, Unit, now, unit_tag

KEY = re.compile(r"[a-z](-?[a-z0-9]){2,}")
ROTATE = {"never": None, "hourly": 1, "daily": 24, "weekly": 24 * 7, "monthly": 24 * 30,
          "quarterly": 24 * 91, "yearly": 24 * 365}
MAX_BYTES = 1_000_000
_DIGITS = "0123456789abcdefghijklmnopqrstuv"
_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}


def new_id() -> str:
    """An xid: twelve bytes in base 32, whose last digit is left with one bit."""
    number = int.from_bytes(os.urandom(12), "big") << 4
    return "".join(_DIGITS[(number >> shift) & 31] for shift in range(95, -1, -5))


def parse_uri(text: str) -> str:
    """The id in secret:ID, secret://MODEL/ID or a bare ID."""
    match = re.fullmatch(r"(?:secret:)?(?://[0-9a-f-]+/)?([0-9a-v]{19}[0g])", text)
    if not match:
        raise usage(f'secret URI "{text}" not valid')
    return match[1]


def next_rotation(policy: str) -> str:
    hours = ROTATE.get(policy)
    if not hours:
        return ""
    return _rfc3339(datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=hours))


def _rfc3339(when: datetime.datetime) -> str:
    """As Go prints it: in UTC, without the zeros at the end of a second's fraction."""
    whole, dot, fraction = when.astimezone(datetime.timezone.utc).isoformat().removesuffix("+00:00").partition(".")
    fraction = fraction.rstrip("0")
    return f"{whole}.{fraction}Z" if fraction else f"{whole}Z"


def parse_expire(text: str) -> str:
    """A Go duration or an RFC 3339 time, as an ISO time."""
    moment = datetime.datetime.now(datetime.timezone.utc)
    match = re.fullmatch(r"([-+]?)((?:\d+(?:\.\d*)?(?:ns|us|µs|ms|s|m|h))+)", text)
    if match:
        seconds = sum(float(n) * _UNITS[u] for n, u in re.findall(
            r"(\d+(?:\.\d*)?)(ns|us|µs|ms|s|m|h)", match[2]))
        if match[1] == "-":
            raise usage(f'negative expire duration "{text}" not valid')
        return _rfc3339(moment + datetime.timedelta(seconds=seconds))
    try:
        when = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
        if when.tzinfo is None or "T" not in text:
            raise ValueError(text)
    except ValueError:
        raise usage(f'expire time or duration "{text}" not valid') from None
    return _rfc3339(when)


def parse_content(args: list[str], file: str = "") -> dict[str, str]:
    """KEY=V, KEY#base64=B, KEY#file=PATH and a YAML or JSON file, as key -> base64."""
    out: dict[str, str] = {}
    if file:
        out.update(_content_file(file))
    for arg in args:
        at = arg.rstrip("=").find("=")  # what is left of base64's padding is no "="
        if at < 1:
            raise usage(f'key value "{arg}" not valid')
        name, value = arg[:at], arg[at + 1:]
        key, _, suffix = name.partition("#")
        if not KEY.fullmatch(key):
            raise usage(f'key "{key}" not valid')
        if suffix == "base64":
            out[key] = value
        elif suffix == "file":
            try:
                _check_file(value)
                data = Path(value).read_bytes()
            except OSError as error:
                raise usage(f'reading content for secret key "{key}": open {value}: '
                            f"{(error.strerror or '').lower()}") from None
            out[key] = base64.b64encode(data).decode()
        elif suffix:
            raise usage(f'key "{name}" not valid')
        else:
            out[key] = base64.b64encode(value.encode("utf-8", "surrogateescape")).decode()
    for key, value in out.items():
        if len(value) > MAX_BYTES:
            raise usage(f'base64 encoded secret content for key "{key}" too large: {len(value)} bytes')
    if (size := sum(map(len, out.values()))) > MAX_BYTES:
        raise usage(f"base64 encoded secret content too large: {size} bytes")
    return out


def _check_file(path: str) -> None:
    if (size := os.stat(path).st_size) > MAX_BYTES:
        raise usage(f'secret content in file "{path}" too large: {size} bytes')


def _content_file(path: str) -> dict[str, str]:
    try:
        _check_file(path)
        raw = string_map(Path(path).read_bytes(), "secrets.SecretData")
    except OSError as error:
        raise usage(f"open {path}: {(error.strerror or '').lower()}") from None
    except ToolError as error:
        raise usage(str(error)) from None
    out = {}
    for name, text in raw.items():
        key, _, suffix = name.partition("#")
        if not KEY.fullmatch(key):
            raise usage(f'key "{key}" not valid')
        out[key] = text if suffix == "base64" else base64.b64encode(text.encode("utf-8", "surrogateescape")).decode()
    return out


def create(model: Model, secret_id: str, owner: str, content: dict[str, str],
           **fields: Any) -> Secret:
    expire = fields.pop("expire", "")
    secret = Secret(secret_id, owner, created=now(), updated=now(), **fields)
    secret.revisions["1"] = SecretRevision(content, now(), expire)
    secret.next_rotate = next_rotation(secret.rotate)
    model.secrets[secret_id] = secret
    return secret


def add_revision(secret: Secret, content: dict[str, str], expire: str = "") -> bool:
    """A new revision unless the content is the latest's own."""
    current = secret.revisions.get(str(secret.latest))
    if current and current.data == content:
        return False
    secret.latest += 1
    secret.revisions[str(secret.latest)] = SecretRevision(content, now(), expire)
    secret.updated = now()
    if secret.auto_prune:
        prune(secret)
    return True


def prune(secret: Secret) -> None:
    tracked = {c.revision for c in secret.consumers.values()}
    for key in list(secret.revisions):
        if int(key) < secret.latest and int(key) not in tracked:
            del secret.revisions[key]


def may_read(model: Model, secret: Secret, unit: Unit) -> bool:
    """Owners and whoever it is granted to, as long as the relation of the grant lives."""
    if secret.owner in (unit_tag(unit.name), f"application-{unit.app}"):
        return True
    for target in (unit_tag(unit.name), f"application-{unit.app}"):
        grant = secret.access.get(target)
        if grant is None:
            continue
        scope = grant.get("scope", "")
        if not scope.startswith("relation-") or any(r.tag() == scope for r in model.relations.values()):
            return True
    return False


def consume(secret: Secret, unit: Unit, refresh: bool, peek: bool,
            label: str = "") -> SecretRevision | None:
    """The revision unit gets; tracks the latest at first sight or when it asks for that."""
    consumer = secret.consumers.get(unit.name)
    if peek:
        return secret.revisions.get(str(secret.latest))
    if consumer is None:
        consumer = secret.consumers[unit.name] = SecretConsumer(secret.latest)
    elif refresh:
        consumer.revision = secret.latest
    if label:
        consumer.label = label
    if secret.auto_prune:
        prune(secret)
    return secret.revisions.get(str(consumer.revision))
