#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-only
"""A broker of AMQP 0-9-1 for the tests of lib/net/amqp: as much of one as the link uses, and on
demand the misbehaviour that a real one shows rarely. Frames as in the specification, section 4.2.

It prints its port. User "u" with password "secret" may use vhost "/". Queues are kept in memory and
are there once declared. What a publication to these routing keys brings about:

refuse      basic.nack                  hold N      no confirm until N were published, then one
close       connection.close 320                    for all of them
blocked     connection.blocked, silence drop        the socket is closed
silent      no confirm                  cancel TAG  basic.cancel of that consumer, and a confirm
stall       nothing is read any more

An exchange "absent" closes the channel. Passive declarations of a queue named "garbage", "early",
"stray" or "silent" bring a broken frame, a body without a header, an answer nobody asked for, or
nothing. The argument is the heartbeat to propose, "mute" (heartbeat 1, then never a frame again) or
"deaf" (accepts and says nothing).
"""

from __future__ import annotations

import socket
import socketserver
import struct
import sys
import time

METHOD, HEADER, BODY, HEARTBEAT = 1, 2, 3, 8
MODE = sys.argv[1] if len(sys.argv) > 1 and sys.argv[1] else "0"

Message = tuple[str, str, bytes, bytes]  # exchange, routing key, properties, body


def shortstr(text: str) -> bytes:
    return bytes([len(text.encode())]) + text.encode()


class Reader:
    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, form: str) -> int:
        (value,) = struct.unpack_from(">" + form, self.data, self.at)
        self.at += struct.calcsize(">" + form)
        return int(value)

    def bytes(self, size: int) -> bytes:
        self.at += size
        return self.data[self.at - size : self.at]

    def shortstr(self) -> str:
        return self.bytes(self.take("B")).decode()

    def longstr(self) -> bytes:
        return self.bytes(self.take("I"))


class Closed(Exception):
    pass


class Connection(socketserver.BaseRequestHandler):
    def setup(self) -> None:
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.queues: dict[str, list[Message]] = {}
        self.consumers: dict[str, str] = {}
        self.published = self.delivered = 0
        self.partial: tuple[str, str, bool] | None = None

    # -------------------------------------------------------------- frames

    def recv(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            part = self.request.recv(size - len(data))
            if not part:
                raise Closed
            data += part
        return data

    def frame(self) -> tuple[int, int, bytes]:
        kind, channel, size = struct.unpack(">BHI", self.recv(7))
        payload = self.recv(size)
        self.recv(1)
        return kind, channel, payload

    def send(self, kind: int, channel: int, payload: bytes) -> None:
        self.request.sendall(struct.pack(">BHI", kind, channel, len(payload)) + payload + b"\xce")

    def method(self, channel: int, class_id: int, method_id: int, arguments: bytes = b"") -> None:
        self.send(METHOD, channel, struct.pack(">HH", class_id, method_id) + arguments)

    def expect(self, class_id: int, method_id: int) -> Reader:
        while True:
            kind, _, payload = self.frame()
            reader = Reader(payload)
            if kind == METHOD and (reader.take("H"), reader.take("H")) == (class_id, method_id):
                return reader

    def close_text(self, code: int, text: str) -> bytes:
        return struct.pack(">H", code) + shortstr(text) + struct.pack(">HH", 0, 0)

    def content(self, properties: bytes, body: bytes) -> None:
        self.send(HEADER, 1, struct.pack(">HHQ", 60, 0, len(body)) + properties)
        size = self.frame_max - 8  # without header and end
        for start in range(0, len(body), size):
            self.send(BODY, 1, body[start : start + size])

    # -------------------------------------------------------------- the conversation

    def handle(self) -> None:
        try:
            if MODE == "deaf":
                self.recv(1 << 30)
            if self.login():
                while True:
                    self.turn()
        except (Closed, ConnectionError):
            pass

    def login(self) -> bool:
        self.recv(8)
        table = struct.pack(">I", 0)
        self.method(0, 10, 10, b"\0\x09" + table + struct.pack(">I", 5) + b"PLAIN"
                    + struct.pack(">I", 5) + b"en_US")
        reader = self.expect(10, 11)
        reader.longstr()
        reader.shortstr()
        if reader.longstr() != b"\0u\0secret":
            self.method(0, 10, 50, self.close_text(403, "ACCESS_REFUSED - login was refused"))
            return False
        beat = 1 if MODE == "mute" else int(MODE)
        self.method(0, 10, 30, struct.pack(">HIH", 10, 131072, beat))
        tuned = self.expect(10, 31)
        tuned.take("H")
        self.frame_max = tuned.take("I")
        if self.expect(10, 40).shortstr() != "/":
            self.method(0, 10, 50, self.close_text(530, "NOT_ALLOWED - no such vhost"))
            return False
        self.method(0, 10, 41, shortstr(""))
        return True

    def turn(self) -> None:
        kind, channel, payload = self.frame()
        if kind == HEARTBEAT:
            if MODE != "mute":
                self.send(HEARTBEAT, 0, b"")
        elif kind == METHOD:
            reader = Reader(payload)
            class_id, method_id = reader.take("H"), reader.take("H")
            name = f"on_{class_id}_{method_id}"
            getattr(self, name, lambda channel, reader: None)(channel, reader)
        elif kind == HEADER:
            size, self.properties, self.body = Reader(payload[4:]).take("Q"), payload[12:], b""
            self.left = size
            if size == 0:
                self.publish()
        elif kind == BODY:
            self.body += payload
            self.left -= len(payload)
            if self.left == 0:
                self.publish()

    def on_10_50(self, channel: int, reader: Reader) -> None:
        self.method(0, 10, 51)
        raise Closed

    def on_20_10(self, channel: int, reader: Reader) -> None:
        self.method(channel, 20, 11, struct.pack(">I", 0))

    def on_85_10(self, channel: int, reader: Reader) -> None:
        self.method(channel, 85, 11)

    def channel_close(self, channel: int, code: int, text: str) -> None:
        self.method(channel, 20, 40, self.close_text(code, text))

    # -------------------------------------------------------------- declarations

    def on_40_10(self, channel: int, reader: Reader) -> None:
        reader.take("H")
        if reader.shortstr() == "locked":
            self.channel_close(channel, 405, "RESOURCE_LOCKED - locked")
        else:
            self.method(channel, 40, 11)

    def on_50_10(self, channel: int, reader: Reader) -> None:
        reader.take("H")
        name, passive = reader.shortstr(), reader.take("B") & 1
        if passive and self.misbehave(channel, name):
            return
        if passive and name not in self.queues:
            self.channel_close(channel, 404, f"NOT_FOUND - no queue '{name}'")
        elif name == "other":
            self.channel_close(channel, 406, "PRECONDITION_FAILED - inequivalent arg")
        elif name == "odd":
            self.channel_close(channel, 541, "INTERNAL_ERROR")
        elif name == "forbidden":
            self.channel_close(channel, 403, "ACCESS_REFUSED - forbidden")
        else:
            name = name or "amq.gen-1"
            queue = self.queues.setdefault(name, [])
            consumers = sum(q == name for q in self.consumers.values())
            self.method(channel, 50, 11, shortstr(name) + struct.pack(">II", len(queue), consumers))

    def misbehave(self, channel: int, name: str) -> bool:
        if name == "garbage":
            self.request.sendall(b"\x09" * 64)
        elif name == "early":
            self.send(BODY, 1, b"body")
        elif name == "header":
            self.send(HEADER, 1, struct.pack(">HHQH", 60, 0, 4, 0))
        elif name == "twice":
            for _ in range(2):
                self.method(1, 60, 60, shortstr("c") + struct.pack(">QB", 1, 0) + shortstr("")
                            + shortstr("k"))
        elif name == "unasked":
            self.method(1, 60, 71, struct.pack(">QB", 1, 0) + shortstr("") + shortstr("k")
                        + struct.pack(">I", 0))
        elif name == "long":
            self.method(1, 60, 60, shortstr("c") + struct.pack(">QB", 1, 0) + shortstr("")
                        + shortstr("k"))
            self.send(HEADER, 1, struct.pack(">HHQH", 60, 0, 2, 0))
            self.send(BODY, 1, b"longer")
        elif name == "stray":
            self.method(channel, 50, 41, struct.pack(">I", 0))
        elif name == "strange":
            self.method(0, 10, 41, shortstr(""))
        elif name != "silent":
            return False
        return True

    def on_50_40(self, channel: int, reader: Reader) -> None:
        reader.take("H")
        name = reader.shortstr()
        queue = self.queues.pop(name, [])
        for tag in [tag for tag, queue_of in self.consumers.items() if queue_of == name]:
            del self.consumers[tag]
            self.method(1, 60, 30, shortstr(tag) + b"\x01")
        self.method(channel, 50, 41, struct.pack(">I", len(queue)))

    def on_50_20(self, channel: int, reader: Reader) -> None:
        reader.take("H")
        if reader.shortstr() in self.queues:
            self.method(channel, 50, 21)
        else:
            self.channel_close(channel, 404, "NOT_FOUND - no queue")

    # -------------------------------------------------------------- messages

    def on_60_10(self, channel: int, reader: Reader) -> None:
        self.method(channel, 60, 11)

    def on_60_20(self, channel: int, reader: Reader) -> None:
        reader.take("H")
        queue, tag = reader.shortstr(), reader.shortstr()
        self.consumers[tag] = queue
        self.method(channel, 60, 21, shortstr(tag))
        self.deliver(queue)

    def on_60_30(self, channel: int, reader: Reader) -> None:
        tag = reader.shortstr()
        self.consumers.pop(tag, None)
        self.method(channel, 60, 31, shortstr(tag))

    def on_60_70(self, channel: int, reader: Reader) -> None:
        reader.take("H")
        queue = self.queues[reader.shortstr()]
        if not queue:
            return self.method(channel, 60, 72, shortstr(""))
        exchange, key, properties, body = queue.pop(0)
        self.delivered += 1
        self.method(channel, 60, 71, struct.pack(">QB", self.delivered, 1) + shortstr(exchange)
                    + shortstr(key) + struct.pack(">I", len(queue)))
        self.content(properties, body)

    def on_60_40(self, channel: int, reader: Reader) -> None:
        reader.take("H")
        self.partial = reader.shortstr(), reader.shortstr(), bool(reader.take("B") & 1)

    def deliver(self, name: str) -> None:
        for tag, queue in self.consumers.items():
            while queue == name and self.queues[name]:
                exchange, key, properties, body = self.queues[name].pop(0)
                self.delivered += 1
                self.method(1, 60, 60, shortstr(tag) + struct.pack(">QB", self.delivered, 0)
                            + shortstr(exchange) + shortstr(key))
                self.content(properties, body)

    def confirm(self, multiple: bool = False, tag: int | None = None) -> None:
        number = self.published if tag is None else tag
        self.method(1, 60, 80, struct.pack(">QB", number, multiple))

    def publish(self) -> None:
        assert self.partial
        exchange, key, mandatory = self.partial
        self.published += 1
        word, _, argument = key.partition(" ")
        if exchange == "absent":
            return self.channel_close(1, 404, "NOT_FOUND - no exchange 'absent'")
        match word:
            case "refuse":
                self.method(1, 60, 120, struct.pack(">QB", self.published, 0))
            case "hold":
                if self.published == int(argument):
                    self.confirm(multiple=True)
            case "all":
                self.confirm(multiple=True, tag=0)
            case "bogus":
                self.confirm(tag=1000)
                self.confirm()
                self.confirm()
            case "close":
                self.method(0, 10, 50, self.close_text(320, "CONNECTION_FORCED - shutdown"))
            case "blocked":
                self.method(0, 10, 60, shortstr("low on memory"))
            case "unblocked":
                self.method(0, 10, 60, shortstr("low on memory"))
                self.method(0, 10, 61)
                self.confirm()
            case "cancel":
                self.method(1, 60, 30, shortstr(argument) + b"\0")
                self.confirm()
            case "drop":
                raise Closed
            case "stall":
                time.sleep(60)
            case "silent":
                pass
            case _:
                self.route(exchange, key, mandatory)

    def route(self, exchange: str, key: str, mandatory: bool) -> None:
        if key in self.queues:
            self.queues[key].append((exchange, key, self.properties, self.body))
            self.deliver(key)
        elif mandatory:
            self.method(1, 60, 50, struct.pack(">H", 312) + shortstr("NO_ROUTE")
                        + shortstr(exchange) + shortstr(key))
            self.content(self.properties, self.body)
        self.confirm()


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


if __name__ == "__main__":
    with Server(("127.0.0.1", 0), Connection) as server:
        print(server.server_address[1], flush=True)
        server.serve_forever()
