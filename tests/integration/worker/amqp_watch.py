# SPDX-License-Identifier: GPL-3.0-only
"""What passes between clients and their broker (AMQP 0-9-1): how long each delivery is held; which way a request goes."""
from __future__ import annotations

import dataclasses
import pathlib
import re
import struct
import time
from typing import Iterator

METHOD, BODY = 1, 3  # kinds of frames
CONSUME, PUBLISH, DELIVER, GET, GET_OK, ACK, REJECT, NACK = ((60, n) for n in (20, 40, 60, 70, 71, 80, 90, 120))
CONTENT = (0, 0)  # stands for a piece of a message's body


class Frames:
    """Cuts a stream into frames; gives the methods: (class, method), channel, arguments."""

    def __init__(self) -> None:
        self.rest = b""

    def feed(self, data: bytes) -> Iterator[tuple[tuple[int, int], int, bytes]]:
        self.rest += data
        if self.rest.startswith(b"AMQP") and len(self.rest) >= 8:
            self.rest = self.rest[8:]  # the client's greeting
        while len(self.rest) >= 7:
            kind, channel, size = struct.unpack(">BHI", self.rest[:7])
            if len(self.rest) < size + 8:
                return
            payload, end, self.rest = self.rest[7:7 + size], self.rest[7 + size], self.rest[8 + size:]
            assert end == 0xCE, "no frame of AMQP 0-9-1"
            if kind == METHOD:
                yield struct.unpack(">HH", payload[:4]), channel, payload[4:]
            elif kind == BODY:
                yield CONTENT, channel, payload


def short_string(arguments: bytes, at: int) -> tuple[str, int]:
    end = at + 1 + arguments[at]
    return arguments[at + 1:end].decode(), end


@dataclasses.dataclass
class Held:
    """One delivery: from the broker's word to the client's. `seconds` is None while it is held."""
    queue: str
    redelivered: bool
    start: float
    seconds: float | None = None


class Connection:
    def __init__(self) -> None:
        self.frames = {True: Frames(), False: Frames()}  # from the client; from the broker
        self.consumers: dict[str, tuple[str, bool]] = {}  # tag: queue, and whether nothing is acknowledged
        self.got: tuple[str, bool] = ("", False)  # of the last get
        self.open: dict[tuple[int, int], Held] = {}  # channel, delivery tag

    def see(self, from_client: bool, data: bytes, all_held: list[Held]) -> None:
        for method, channel, arguments in self.frames[from_client].feed(data):
            if from_client:
                self.see_client(method, channel, arguments)
            elif method in (DELIVER, GET_OK):
                self.see_delivery(method, channel, arguments, all_held)

    def see_client(self, method: tuple[int, int], channel: int, arguments: bytes) -> None:
        if method in (CONSUME, GET):
            queue, at = short_string(arguments, 2)
            if method == GET:
                self.got = queue, bool(arguments[at] & 1)
            else:
                tag, at = short_string(arguments, at)
                self.consumers[tag] = queue, bool(arguments[at] & 2)
        elif method in (ACK, NACK, REJECT):
            tag, bits = struct.unpack(">QB", arguments[:9])
            multiple = method != REJECT and bool(bits & 1)
            for key in [k for k in self.open if k[0] == channel and (k[1] == tag or multiple and k[1] <= tag)]:
                held = self.open.pop(key)
                held.seconds = time.monotonic() - held.start

    def see_delivery(self, method: tuple[int, int], channel: int, arguments: bytes, all_held: list[Held]) -> None:
        at, (queue, no_ack) = 0, self.got
        if method == DELIVER:
            consumer, at = short_string(arguments, 0)
            queue, no_ack = self.consumers[consumer]
        tag, redelivered = struct.unpack(">QB", arguments[at:at + 9])
        if not no_ack:
            self.open[channel, tag] = Held(queue, bool(redelivered & 1), time.monotonic())
            all_held.append(self.open[channel, tag])


class Watch:
    """Looks at what a proxy forwards."""

    def __init__(self) -> None:
        self.connections: dict[object, Connection] = {}
        self.held: list[Held] = []

    def see(self, connection: object, from_client: bool, data: bytes) -> None:
        self.connections.setdefault(connection, Connection()).see(from_client, data, self.held)


class Trace:
    """Writes down where each request is published and delivered, and what is acknowledged, for whoever looks for a lost one."""

    def __init__(self, path: pathlib.Path) -> None:
        self.file = open(path, "w", buffering=1)
        self.frames: dict[tuple[object, bool], Frames] = {}
        self.last: dict[tuple[object, bool], str] = {}  # method before the body
        self.names: dict[object, int] = {}

    def see(self, connection: object, from_client: bool, data: bytes) -> None:
        key = connection, from_client
        number = self.names.setdefault(connection, len(self.names) + 1)
        for method, _, arguments in self.frames.setdefault(key, Frames()).feed(data):
            if method == CONTENT and (found := re.search(rb'"uuid": *"([0-9a-f-]+)"', arguments)):
                self.write(number, self.last.get(key, ""), found[1].decode())
            elif method in (ACK, NACK):
                self.write(number, "ack" if method == ACK else "nack", "broker" if not from_client else "client", str(struct.unpack(">Q", arguments[:8])[0]))
            else:
                self.last[key] = self.describe(method, arguments) or self.last.get(key, "")

    @staticmethod
    def describe(method: tuple[int, int], arguments: bytes) -> str:
        if method == PUBLISH:
            exchange, at = short_string(arguments, 2)
            return f"publish to {exchange!r} {short_string(arguments, at)[0]}"
        if method in (DELIVER, GET_OK):
            at = short_string(arguments, 0)[1] if method == DELIVER else 0
            tag, redelivered = struct.unpack(">QB", arguments[at:at + 9])
            exchange, at = short_string(arguments, at + 9)
            return f"delivery {tag} ({redelivered & 1}) of {exchange!r} {short_string(arguments, at)[0]}"
        return ""

    def write(self, *words: object) -> None:
        self.file.write(" ".join([f"{time.time():.3f}", *map(str, words)]) + "\n")
