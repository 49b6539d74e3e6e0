# SPDX-License-Identifier: GPL-3.0-only
"""Output of the hook tools: smart, json and yaml exactly as Juju's Go code writes them.

Numbers reach a charm as float64, JSON has Go's HTML escaping, YAML looks like yaml.v2.
"""
from __future__ import annotations

import base64
import datetime
import json
import math
import re
from typing import Any

import yaml

_YAML_WORDS = frozenset(
    word for base in ("true", "false", "yes", "no", "on", "off", "null")
    for word in (base, base.capitalize(), base.upper())) | {
        "", "~", "y", "Y", "n", "N", ".nan", ".NaN", ".NAN",
        ".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF", "-.inf", "-.Inf", "-.INF"}
_YAML_NUMBER = re.compile(
    r"[-+]?(0b[01_]+|0o?[0-7_]+|0x[0-9a-fA-F_]+|[1-9][0-9_]*|0)"
    r"|[-+]?(0|[1-9][0-9_]*)?(\.[0-9][0-9_]*)?([eE][-+][0-9]+)?"
    r"|[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?")
# With a blank before it, a time has no zone, or it is no time to yaml.v2.
_YAML_TIME = re.compile(r"\d{4}-\d\d?-\d\d?([Tt]\d\d?:\d\d?:\d\d?(\.\d+)?(Z|[+-]\d\d:\d\d)| \d\d?:\d\d?:\d\d?(\.\d+)?)?")
_KEY_PARTS = re.compile(r"(\d+)")


class Time(str):
    """What Go's code has as a time: YAML takes it for one and does not quote it."""


class Items(list[Any]):
    """A list that Go's code has of values of any kind: smart takes it for YAML, though they all may be strings."""


class Struct(dict[str, Any]):
    """A map that Go's code has as a struct: its keys come out as they were put in, those of any other map sorted."""


def go_float(value: float) -> str:
    """strconv.FormatFloat(value, 'g', -1, 64)."""
    if math.isinf(value):
        return ".inf" if value > 0 else "-.inf"
    if math.isnan(value):
        return ".nan"
    if value == 0:
        return "-0" if math.copysign(1, value) < 0 else "0"
    sign, digits, exponent = _decimal(value)
    if exponent < -4 or exponent >= 6:
        mantissa = digits[0] + ("." + digits[1:] if len(digits) > 1 else "")
        return f"{sign}{mantissa}e{'-' if exponent < 0 else '+'}{abs(exponent):02d}"
    return sign + _positional(digits, exponent)


def _decimal(value: float) -> tuple[str, str, int]:
    """The shortest digits of a number and the exponent of the first one."""
    mantissa, _, exponent = f"{float(value)!r}".partition("e")
    sign = "-" if mantissa.startswith("-") else ""
    whole, _, fraction = mantissa.lstrip("-").partition(".")
    digits = (whole + fraction).lstrip("0")
    leading = len(whole + fraction) - len(digits)
    first = len(whole) - 1 - leading + int(exponent or 0)
    return sign, digits.rstrip("0"), first


def _positional(digits: str, exponent: int) -> str:
    if exponent < 0:
        return "0." + "0" * (-exponent - 1) + digits
    if len(digits) <= exponent + 1:
        return digits + "0" * (exponent + 1 - len(digits))
    return digits[:exponent + 1] + "." + digits[exponent + 1:]


def _json_number(value: float) -> str:
    if not math.isfinite(value):
        raise ValueError("json: unsupported value")
    if value == 0:
        return "0"
    sign, digits, exponent = _decimal(value)
    if exponent < -6 or exponent >= 21:
        mantissa = digits[0] + ("." + digits[1:] if len(digits) > 1 else "")
        mark = "-" if exponent < 0 else "+"
        return f"{sign}{mantissa}e{mark}{abs(exponent)}"
    return sign + _positional(digits, exponent)


def _json_string(text: str) -> str:
    text = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    out = json.dumps(text, ensure_ascii=False)
    for char in "<>&\u2028\u2029":
        out = out.replace(char, f"\\u{ord(char):04x}")
    return out.replace("\\b", "\\u0008").replace("\\f", "\\u000c")


def to_json(value: Any) -> str:
    """One line, no newline at the end."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return _json_number(float(value))
    if isinstance(value, str):
        return _json_string(value)
    if isinstance(value, dict):
        items = value.items() if isinstance(value, Struct) else sorted(value.items())
        return "{" + ",".join(f"{_json_string(str(k))}:{to_json(v)}" for k, v in items) + "}"
    return "[" + ",".join(to_json(v) for v in value) + "]"


_STR = "tag:yaml.org,2002:str"


class _Dumper(yaml.SafeDumper):
    """PyYAML's emitter is libyaml's, as yaml.v2's is; only the choice of style differs."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _utf8(raw: bytes) -> bool:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True


def _is_time(text: str) -> bool:
    """Of those that look like one, those whose month and day there are."""
    if not _YAML_TIME.fullmatch(text):
        return False
    try:
        datetime.date(*(int(part) for part in re.findall(r"\d+", text)[:3]))
    except ValueError:
        return False
    return True


def _represent_str(dumper: _Dumper, text: str) -> yaml.Node:
    style = None
    raw = text.encode("utf-8", "surrogateescape")
    if not _utf8(raw):
        return dumper.represent_scalar("tag:yaml.org,2002:binary", base64.b64encode(raw).decode())
    if text in _YAML_WORDS or (_YAML_NUMBER.fullmatch(text) and text.strip("+-")) or _is_time(text):
        style = '"'
    elif "\n" in text:
        style = "|"
    return dumper.represent_scalar(_STR, text, style=style)


def _represent_number(dumper: _Dumper, value: float) -> yaml.Node:
    return dumper.represent_scalar(_STR, go_float(float(value)))


def _represent_bool(dumper: _Dumper, value: bool) -> yaml.Node:
    return dumper.represent_scalar(_STR, "true" if value else "false")


def _represent_none(dumper: _Dumper, _: None) -> yaml.Node:
    return dumper.represent_scalar(_STR, "null")


def natural_key(key: Any) -> list[Any]:
    """Sorts a2 before a10, as yaml.v2 sorts the keys of a map."""
    parts = _KEY_PARTS.split(str(key))
    return [(0, int(p), "") if p.isdigit() else (1, 0, p) for p in parts if p]


def _represent_struct(dumper: _Dumper, value: Struct) -> yaml.Node:
    return dumper.represent_mapping("tag:yaml.org,2002:map", value.items())


def _represent_dict(dumper: _Dumper, value: dict[Any, Any]) -> yaml.Node:
    items = sorted(value.items(), key=lambda item: natural_key(item[0]))
    return dumper.represent_mapping("tag:yaml.org,2002:map", items)


_Dumper.add_representer(str, _represent_str)
_Dumper.add_representer(int, _represent_number)
_Dumper.add_representer(float, _represent_number)
_Dumper.add_representer(dict, _represent_dict)
_Dumper.add_representer(Struct, _represent_struct)
_Dumper.add_representer(Items, _Dumper.represent_list)
_Dumper.add_representer(Time, lambda dumper, value: dumper.represent_scalar(_STR, str(value)))
_Dumper.add_representer(bool, _represent_bool)
_Dumper.add_representer(type(None), _represent_none)
# Every scalar is a string to the emitter, whose text and style were chosen above.
_Dumper.yaml_implicit_resolvers = {}


def to_yaml(value: Any) -> str:
    """With its newline at the end."""
    text = yaml.dump(value, Dumper=_Dumper, default_flow_style=False, allow_unicode=True,
                     width=80, sort_keys=False)
    text = re.sub(r"!!binary '([0-9A-Za-z+/=]*)'", r"!!binary \1", text)  # base64 needs no quotes
    return text.removesuffix("...\n").rstrip("\n") + "\n"


def to_smart(value: Any) -> str:
    """What cmd's FormatSmart gives, without the newline the caller adds."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "True" if value else "False"
    if isinstance(value, str):
        return value
    if isinstance(value, (list, tuple)) and not isinstance(value, Items):
        if all(isinstance(v, str) for v in value):
            return "\n".join(value)
    return to_yaml(value).removesuffix("\n")


def render(value: Any, style: str) -> bytes:
    """The bytes a tool prints for value."""
    if style == "json":
        return (to_json(value) + "\n").encode("utf-8", "surrogateescape")
    if style == "yaml":
        text = "" if value is None else to_yaml(value)
        return text.encode("utf-8", "surrogateescape")
    text = to_smart(value)
    return (text + "\n" if text else "").encode("utf-8", "surrogateescape")
