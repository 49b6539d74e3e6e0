# SPDX-License-Identifier: GPL-3.0-only
"""What hook tools are given: KEY=VALUE arguments and YAML maps of strings."""
from __future__ import annotations

from typing import Any

import yaml

from .errors import ToolError, usage


def _scalar(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


class _Text(yaml.SafeLoader):
    """Scalars as they were written: yaml.v2 decodes into a map of strings."""


_Text.yaml_implicit_resolvers = {
    first: [(tag, regexp) for tag, regexp in rules if tag == "tag:yaml.org,2002:null"]
    for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()}


def _not_a_string(node: yaml.Node) -> str:
    """What yaml.v2 says of a value that is no scalar; "" for a scalar."""
    if isinstance(node, yaml.ScalarNode):
        return ""
    kind = "!!map" if isinstance(node, yaml.MappingNode) else "!!seq"
    return f"\n  line {node.start_mark.line + 1}: cannot unmarshal {kind} into string"


def string_map(data: bytes, kind: str = "map[string]string") -> dict[str, str]:
    """A YAML map of scalars; kind is the Go type that messages name."""
    try:
        raw = yaml.load(data, Loader=_Text)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ToolError(f"yaml: {' '.join(str(error).split())}") from None
    if raw is None:
        return {}
    if not isinstance(raw, dict):
        raise ToolError(f"yaml: unmarshal errors:\n  line 1: cannot unmarshal {'!!seq' if isinstance(raw, list) else f'!!str `{raw}`'} into {kind}")
    wrong = "".join(_not_a_string(node) for _, node in yaml.compose(data, Loader=_Text).value)
    if wrong:
        raise ToolError(f"yaml: unmarshal errors:{wrong}")
    return {str(k): _scalar(v) for k, v in raw.items()}


def key_values(args: list[str]) -> dict[str, str]:
    """KEY=VALUE, with no blanks around either."""
    out: dict[str, str] = {}
    for arg in filter(None, args):
        key, equals, value = (part.strip() for part in arg.partition("="))
        if not equals or not key:
            shown = f"{key}={value}" if equals else arg
            raise usage(f'expected "key=value", got "{shown}"')
        if key in out:
            raise usage(f'key "{key}" specified more than once')
        out[key] = value
    return out
