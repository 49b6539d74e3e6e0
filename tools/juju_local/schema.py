# SPDX-License-Identifier: GPL-3.0-only
"""The part of JSON schema (draft 4) that actions.yaml uses: checks, defaults.

A keyword this module does not know is an error when the charm is read, never silently ignored.
"""
from __future__ import annotations

import re
from typing import Any

_ANNOTATIONS = {"title", "description", "default", "examples", "format", "id", "$id"}
_CHECKS = {"type", "enum", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum",
           "minLength", "maxLength", "pattern", "properties", "required",
           "additionalProperties", "items", "minItems", "maxItems", "uniqueItems", "multipleOf",
           "anyOf", "oneOf", "allOf", "not", "minProperties", "maxProperties",
           "parallel", "execution-group"}
_TYPES = {"string", "integer", "number", "boolean", "array", "object", "null"}


def check_schema(schema: Any, where: str = "") -> str:
    """What is wrong with a schema, or the empty string."""
    if not isinstance(schema, dict):
        return f"{where or 'schema'}: expected a map"
    for key, value in schema.items():
        if key in ("$ref", "$schema"):
            return f'{where}: schema key "{key}" not compatible with this version of juju'
        if key not in _ANNOTATIONS | _CHECKS:
            return f'{where}: juju-local does not know the schema keyword "{key}"'
        if key == "type":
            kinds = value if isinstance(value, list) else [value]
            if not set(map(str, kinds)) <= _TYPES:
                return f'{where}: "{value}" is not a valid type -- must be one of {_TYPES}'
        if key == "required" and not (
                isinstance(value, list) and all(isinstance(v, str) for v in value)):
            return f"{where}: required: expected a list of names"
        children: list[tuple[str, Any]] = []
        if key == "properties":
            if not isinstance(value, dict):
                return f"{where}: properties: expected a map"
            children = [(f"{where}.{k}".lstrip("."), v) for k, v in value.items()]
        elif key in ("anyOf", "oneOf", "allOf"):
            children = [(where, v) for v in value]
        elif key in ("not", "items") and isinstance(value, dict):
            children = [(where, value)]
        for name, child in children:
            if problem := check_schema(child, name):
                return problem
    return ""


def _is_type(value: Any, kind: str) -> bool:
    if kind == "boolean":
        return isinstance(value, bool)
    if kind == "integer":
        return (isinstance(value, int) and not isinstance(value, bool)) or (
            isinstance(value, float) and value.is_integer())
    if kind == "number":
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    known = {"string": str, "array": list, "object": dict, "null": type(None)}
    return isinstance(value, known[kind])


def validate(schema: dict[str, Any], value: Any, where: str = "(root)") -> list[str]:
    """Every way in which value breaks schema."""
    out: list[str] = []
    kinds = schema.get("type")
    if kinds is not None:
        kinds = kinds if isinstance(kinds, list) else [kinds]
        if not any(_is_type(value, kind) for kind in kinds):
            return [f"{where} : must be of type {' or '.join(kinds)}, given {value!r}"]
    if "enum" in schema and value not in schema["enum"]:
        out.append(f"{where} : must match one of the enum values {schema['enum']}, "
                   f"given {value!r}")
    if isinstance(value, str):
        out += _string(schema, value, where)
    elif isinstance(value, dict):
        out += _object(schema, value, where)
    elif isinstance(value, list):
        out += _array(schema, value, where)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        out += _number(schema, value, where)
    return out + _combined(schema, value, where)


def _combined(schema: dict[str, Any], value: Any, where: str) -> list[str]:
    out: list[str] = []
    for part in schema.get("allOf", []):
        out += validate(part, value, where)
    if "anyOf" in schema and not any(not validate(p, value) for p in schema["anyOf"]):
        out.append(f"{where} : must validate at least one schema (anyOf)")
    if "oneOf" in schema and sum(not validate(p, value) for p in schema["oneOf"]) != 1:
        out.append(f"{where} : must validate one and only one schema (oneOf)")
    if "not" in schema and not validate(schema["not"], value):
        out.append(f"{where} : must not validate the schema (not)")
    return out


def _string(schema: dict[str, Any], value: str, where: str) -> list[str]:
    out = []
    if len(value) < schema.get("minLength", 0):
        out.append(f"{where} : length must be at least {schema['minLength']}")
    if "maxLength" in schema and len(value) > schema["maxLength"]:
        out.append(f"{where} : length must be at most {schema['maxLength']}")
    if "pattern" in schema and not re.search(schema["pattern"], value):
        out.append(f"{where} : does not match pattern '{schema['pattern']}'")
    return out


def _number(schema: dict[str, Any], value: float, where: str) -> list[str]:
    out = []
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None and (value < low or (value == low and schema.get("exclusiveMinimum"))):
        out.append(f"{where} : must be greater than or equal to {low}")
    if high is not None and (value > high or (value == high and schema.get("exclusiveMaximum"))):
        out.append(f"{where} : must be less than or equal to {high}")
    if schema.get("multipleOf") and value % schema["multipleOf"]:
        out.append(f"{where} : must be a multiple of {schema['multipleOf']}")
    return out


def _array(schema: dict[str, Any], value: list[Any], where: str) -> list[str]:
    out = []
    if len(value) < schema.get("minItems", 0):
        out.append(f"{where} : array must have at least {schema['minItems']} items")
    if "maxItems" in schema and len(value) > schema["maxItems"]:
        out.append(f"{where} : array must have at most {schema['maxItems']} items")
    if schema.get("uniqueItems") and any(v in value[:i] for i, v in enumerate(value)):
        out.append(f"{where} : array items must be unique")
    if isinstance(schema.get("items"), dict):
        for index, item in enumerate(value):
            out += validate(schema["items"], item, f"{where}.{index}")
    return out


def _object(schema: dict[str, Any], value: dict[str, Any], where: str) -> list[str]:
    out = []
    properties = schema.get("properties") or {}
    for name in schema.get("required") or []:
        if name not in value:
            out.append(f'{where} : "{name}" property is missing and required')
    extra = schema.get("additionalProperties", True)
    for name, item in value.items():
        place = name if where == "(root)" else f"{where}.{name}"
        if name in properties:
            out += validate(properties[name], item, place)
        elif extra is False:
            out.append(f'{where} : additional property "{name}" is not allowed, given '
                       f"{item!r}")
        elif isinstance(extra, dict):
            out += validate(extra, item, place)
    if len(value) < schema.get("minProperties", 0):
        out.append(f"{where} : must have at least {schema['minProperties']} properties")
    if "maxProperties" in schema and len(value) > schema["maxProperties"]:
        out.append(f"{where} : must have at most {schema['maxProperties']} properties")
    return out


def with_defaults(schema: dict[str, Any], value: dict[str, Any]) -> dict[str, Any]:
    """value with the defaults of absent properties, also in nested objects which have any."""
    out = dict(value)
    for name, child in (schema.get("properties") or {}).items():
        if name in out:
            if isinstance(out[name], dict) and child.get("properties"):
                out[name] = with_defaults(child, out[name])
        elif "default" in child:
            out[name] = child["default"]
        elif child.get("properties"):
            nested = with_defaults(child, {})
            if nested:
                out[name] = nested
    return out


def action_schema(entry: dict[str, Any], strict: bool) -> dict[str, Any]:
    """The schema an action's parameters are held against; strict: Juju 4's default."""
    return {"type": "object", "properties": entry.get("params") or {},
            "required": entry.get("required") or [],
            "additionalProperties": entry.get("additionalProperties", not strict)}
