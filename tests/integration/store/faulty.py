# SPDX-License-Identifier: GPL-3.0-only
"""An HTTP proxy that notes what goes through it and does wrong what it is told to."""
from __future__ import annotations

import http.client
import http.server
import pathlib
import socket
import ssl
import subprocess
import threading
from typing import Any, Callable
from urllib.parse import unquote, urlsplit

BLOCK = 65536

tokens: set[str] = set()  # all that went through any of the proxies


class Fault:
    """What to do with the next requests of a method whose path ends so: answer `status` in place of the store;
    with `cut`, end the connection after so many bytes of the request's body; or call `before` and go on. After the
    store did it, `answer` tells what becomes of its answer: "lost", cut "short" in its body, or "late" (never)."""

    def __init__(self, method: str, ending: str, times: int = 1000, status: int = 0, cut: int | None = None,
                 before: Callable[[], Any] | None = None, answer: str = "", **headers: str) -> None:
        self.method, self.ending, self.times, self.status = method, ending, times, status
        self.cut, self.before, self.answer, self.headers = cut, before, answer, headers


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "FaultyProxy"

    def log_message(self, format: str, *args: object) -> None:
        pass

    def handle_any(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.server.seen.append((self.command, path, dict(self.headers)))
        self.note_token(self.headers)
        fault = self.server.take(self.command, path)
        self.answer = fault.answer if fault else ""
        if fault and fault.cut is not None:
            self.rfile.read(fault.cut)
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        if fault and fault.before:
            fault.before()
        if fault and fault.status:
            self.reply(fault.status, [(k.replace("_", "-"), v) for k, v in fault.headers.items()], b"no\n")
            return
        self.forward()

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = handle_any

    def note_token(self, headers: Any) -> None:
        tokens.update(filter(None, (headers.get(name) for name in ("X-Auth-Token", "X-Subject-Token"))))

    def handle_expect_100(self) -> bool:
        return True  # forward() asks the store itself

    def reply(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.close_connection = True
        if self.answer == "late":
            self.server.over.wait()
        if self.answer in ("late", "lost"):
            return
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in ("transfer-encoding", "content-length", "connection"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body[:len(body) // 2] if self.answer == "short" else body)

    def forward(self) -> None:
        url = urlsplit(self.path)
        upstream = http.client.HTTPConnection(url.hostname or "", url.port, timeout=60)
        target = url.path + (f"?{url.query}" if url.query else "")
        left = int(self.headers.get("Content-Length") or 0)
        try:
            upstream.putrequest(self.command, target, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() not in ("expect", "proxy-connection", "connection"):
                    upstream.putheader(name, value)
            upstream.endheaders()
            if left and "Expect" in self.headers:
                self.send_response_only(100)
                self.end_headers()
            while left > 0:
                block = self.rfile.read(min(BLOCK, left))
                if not block:
                    return
                left -= len(block)
                upstream.send(block)
            answer = upstream.getresponse()
            self.note_token(answer.headers)
            self.reply(answer.status, answer.getheaders(), answer.read())
        except OSError:
            if left == 0:
                self.reply(502, [], b"the store is out of reach\n")
            self.close_connection = True
        finally:
            upstream.close()


class FaultyProxy(http.server.ThreadingHTTPServer):
    """`with FaultyProxy(Fault(…)) as proxy:` serves until the end; proxy.env leads programs there."""

    daemon_threads = True
    handler = Handler

    def __init__(self, *faults: Fault) -> None:
        super().__init__(("127.0.0.1", 0), self.handler)
        self.faults = list(faults)
        self.seen: list[tuple[str, str, dict[str, str]]] = []
        self.lock = threading.Lock()
        self.over = threading.Event()
        self.env = {"http_proxy": f"http://127.0.0.1:{self.server_address[1]}"}
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    def __exit__(self, *_: Any) -> None:
        self.over.set()
        self.shutdown()
        self.server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # a client that went away

    def take(self, method: str, path: str) -> Fault | None:
        with self.lock:
            for fault in self.faults:
                if fault.method == method and path.endswith(fault.ending) and fault.times > 0:
                    fault.times -= 1
                    return fault
        return None

    def count(self, method: str, ending: str) -> int:
        return sum(1 for m, path, _ in self.seen if m == method and path.endswith(ending))


class TlsHandler(Handler):
    server: "TlsFront"

    def handle_any(self) -> None:
        self.path = self.server.store + self.path
        self.headers["X-Forwarded-Proto"] = "https"
        super().handle_any()

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = handle_any


class TlsFront(FaultyProxy):
    """What many put before their store: it speaks TLS, with a certificate of its own making in DIRECTORY."""

    handler = TlsHandler

    def __init__(self, store: str, directory: pathlib.Path) -> None:
        self.store = store
        self.certificate = directory / "front.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=front",
                        "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", directory / "front.key",
                        "-out", self.certificate], check=True, stderr=subprocess.DEVNULL)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(self.certificate, directory / "front.key")
        super().__init__()
        self.url = f"https://127.0.0.1:{self.server_address[1]}"

    def finish_request(self, request: Any, client_address: Any) -> None:
        with self.context.wrap_socket(request, server_side=True) as wrapped:
            super().finish_request(wrapped, client_address)
