# SPDX-License-Identifier: GPL-3.0-only
"""An archive on 127.0.0.1 that counts what is asked for, and whose downloads can be made to fail."""
from __future__ import annotations

import email.utils
import gzip
import http.server
import lzma
import threading
import time
from collections import Counter


def stanzas(packages: dict[str, str], extra: str = "") -> str:
    return "".join(f"Package: {name}\nBinary: {name}\nVersion: {version}\nPackage-List:\n {name} deb\n{extra}\n"
                   for name, version in packages.items())


class Archive:
    """`with Archive() as archive:`; files are set with put(), behave differently with `faults`."""

    def __init__(self) -> None:
        self.files: dict[str, tuple[bytes, int]] = {}  # path: content, modified
        self.faults: dict[str, str] = {}  # path: cut, cut-silently, 503, page, hang
        self.counts: Counter[tuple[str, int]] = Counter()  # (path, status)
        self.bytes = 0
        self.clock = 1_700_000_000
        self.hanging = threading.Event()  # somebody hangs
        self.release = threading.Event()  # and may go on
        archive = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: object) -> None:
                pass

            def do_GET(self) -> None:
                archive.serve(self)

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> "Archive":
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.release.set()
        self.server.shutdown()
        self.server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}/ubuntu"

    def put(self, suite: str, component: str, text: str, form: str = "xz") -> str:
        path = f"/ubuntu/dists/{suite}/{component}/source/Sources.{form}"
        self.clock += 60
        data = lzma.compress(text.encode()) if form == "xz" else gzip.compress(text.encode())
        self.files[path] = (data, self.clock)
        return path

    def forget_counts(self) -> None:
        self.counts.clear()
        self.bytes = 0

    def asked(self, status: int) -> list[str]:
        """What was answered so, as SUITE/COMPONENT.FORM, sorted."""
        found = []
        for (path, code), n in self.counts.items():
            parts = path.split("/")
            if code == status:
                found += [f"{parts[3]}/{parts[4]}.{path.rpartition('.')[2]}"] * n
        return sorted(found)

    def serve(self, request: http.server.BaseHTTPRequestHandler) -> None:
        path = request.path
        fault = self.faults.get(path)
        if fault == "503" or path not in self.files:
            self.answer(request, 503 if fault else 404)
        elif fault == "page":
            self.answer(request, 200, b"<html><body>log in first</body></html>\n")
        elif fault == "hang":
            self.hanging.set()
            self.release.wait(60)
        else:
            self.send(request, *self.files[path], fault)

    def answer(self, request: http.server.BaseHTTPRequestHandler, status: int, body: bytes = b"") -> None:
        self.counts[request.path, status] += 1
        request.send_response(status)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    def send(self, request: http.server.BaseHTTPRequestHandler, data: bytes, modified: int, fault: str | None) -> None:
        since = request.headers.get("If-Modified-Since")
        if since and email.utils.parsedate_to_datetime(since).timestamp() >= modified:
            self.counts[request.path, 304] += 1
            request.send_response(304)
            request.end_headers()
            return
        self.counts[request.path, 200] += 1
        request.send_response(200)
        request.send_header("Last-Modified", email.utils.formatdate(modified, usegmt=True))
        if fault == "cut-silently":
            request.send_header("Connection", "close")
        else:
            request.send_header("Content-Length", str(len(data)))
        request.end_headers()
        sent = data[:len(data) // 2] if fault else data
        request.wfile.write(sent)
        self.bytes += len(sent)
        if fault == "slow":
            request.wfile.flush()
            self.hanging.set()
            self.release.wait(60)
        if fault:
            request.close_connection = True
            time.sleep(0.05)
