# SPDX-License-Identifier: GPL-3.0-only
"""A server of InfluxDB's write API (1.x) that takes nothing but its line protocol, and records it."""
from __future__ import annotations

import re
import urllib.parse
from typing import NamedTuple

import served

PART = r"(?:[^,= \\\n]|\\[,= \\])+"  # of a tag or a name
LINE = re.compile(rf"({PART})((?:,{PART}={PART})*) value=(-?\d+(?:\.\d+)?(?:e[-+]?\d+)?) (\d+)")


class Point(NamedTuple):
    name: str
    tags: dict[str, str]
    value: float
    seconds: int


def unescape(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


def parse(line: str) -> Point:
    found = LINE.fullmatch(line)
    if not found:
        raise ValueError(f"no line protocol: {line!r}")
    pairs = [re.fullmatch(rf"({PART})=({PART})", pair) for pair in re.findall(rf",({PART}={PART})", found[2])]
    tags = [(unescape(pair[1]), unescape(pair[2])) for pair in pairs if pair]
    if len(dict(tags)) != len(tags):
        raise ValueError(f"a tag is there twice: {line!r}")
    return Point(unescape(found[1]), dict(tags), float(found[3]), int(found[4]))


class InfluxDB(served.Served):
    def __init__(self, database: str, credentials: str = "") -> None:
        self.points: list[Point] = []
        self.wrong: list[str] = []
        self.status = 204
        self.requests = 0

        class Handler(served.Handler):
            def do_POST(handler) -> None:  # noqa: N805
                self.requests += 1
                text = handler.body().decode()
                address = urllib.parse.urlsplit(handler.path)
                status = self.status
                if credentials and handler.headers.get("Authorization") != f"Basic {credentials}":
                    status = 401
                elif address.path != "/write" or urllib.parse.parse_qs(address.query) != {"db": [database], "precision": ["s"]}:
                    status = 404
                    self.wrong.append(handler.path)
                elif status == 204:
                    try:
                        self.points += [parse(line) for line in text.splitlines()]
                    except ValueError as error:
                        self.wrong.append(str(error))
                        status = 400
                handler.reply(status)

        super().__init__(Handler)
        self.start()
