# SPDX-License-Identifier: GPL-3.0-only
"""A TCP proxy between the workers and their broker that can cut connections and swallow what they carry."""
from __future__ import annotations

import selectors
import socket
import threading
from typing import Callable


class Proxy:
    """One thread for all connections. `target` is asked anew for each, as a broker may come back elsewhere."""

    def __init__(self, target: Callable[[], tuple[str, int]], address: str = "127.0.0.1",
                 watch: Callable[[object, bool, bytes], None] = lambda connection, from_client, data: None) -> None:
        """`watch` sees what is forwarded: of which connection, whether from its client, and what."""
        self.target, self.watch = target, watch
        self.server = socket.create_server((address, 0))
        self.port = self.server.getsockname()[1]
        self.peers: dict[socket.socket, socket.socket] = {}
        self.clients: set[socket.socket] = set()
        self.lock = threading.RLock()
        self.swallowing = False
        self.open = True
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.server, selectors.EVENT_READ)
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self) -> None:
        while self.open:
            for key, _ in self.selector.select(0.1):
                with self.lock:
                    if key.fileobj is self.server:
                        self.accept()
                    elif key.fileobj in self.peers:
                        self.forward(key.fileobj)  # type: ignore[arg-type]

    def accept(self) -> None:
        client, _ = self.server.accept()
        try:
            upstream = socket.create_connection(self.target(), 2)
        except OSError:
            client.close()
            return
        self.clients.add(client)
        for one, other in ((client, upstream), (upstream, client)):
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            one.settimeout(5)
            self.peers[one] = other
            self.selector.register(one, selectors.EVENT_READ)

    def forward(self, source: socket.socket) -> None:
        try:
            data = source.recv(65536)
            if data and not self.swallowing:
                from_client = source in self.clients
                self.watch(source if from_client else self.peers[source], from_client, data)
                self.peers[source].sendall(data)
        except OSError:
            data = b""
        if not data:
            self.drop(source)

    def drop(self, one: socket.socket) -> None:
        other = self.peers[one]
        for end in (one, other):
            del self.peers[end]
            self.clients.discard(end)
            self.selector.unregister(end)
            end.close()

    def cut(self, chance: Callable[[], float], share: float) -> None:
        """Ends about that share of the connections."""
        with self.lock:
            for one in list(self.peers):
                if one in self.peers and chance() < share:
                    self.drop(one)

    def swallow(self, on: bool) -> None:
        """What is sent is lost, and nobody is told; when that ends the streams are of no use any more."""
        with self.lock:
            if self.swallowing and not on:
                for one in list(self.peers):
                    if one in self.peers:
                        self.drop(one)
            self.swallowing = on

    def close(self) -> None:
        self.open = False
        self.thread.join()
        with self.lock:
            for one in list(self.peers):
                if one in self.peers:
                    self.drop(one)
        self.server.close()
        self.selector.close()
