# SPDX-License-Identifier: GPL-3.0-only
"""A forward proxy for HTTP, the one way out for machines without a network.

What it is asked for goes to the real host, but for hosts of `sites`, which it answers itself: a folder's files, or, for a name that
begins with git., the repositories in it by git's own HTTP server. While `closed` it refuses everything.
"""
from __future__ import annotations

import http.server
import os
import pathlib
import subprocess
import threading
import urllib.error
import urllib.parse
import urllib.request


class ForwardProxy:
    def __init__(self, address: str, sites: dict[str, pathlib.Path]) -> None:
        self.sites = sites
        self.closed = False
        self.asked: list[tuple[str, str, str]] = []  # host, path, program (the first word of User-Agent, without version)
        proxy = self

        class Handler(_Handler):
            owner = proxy

        self._server = http.server.ThreadingHTTPServer((address, 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://{address}:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def programs(self, host: str) -> set[str]:
        return {program for asked, _, program in self.asked if asked == host}


class _Handler(http.server.BaseHTTPRequestHandler):
    owner: ForwardProxy
    protocol_version = "HTTP/1.1"

    def log_message(self, *words: object) -> None:
        pass

    def answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def forward(self) -> None:
        url = urllib.parse.urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.owner.asked.append((url.hostname or "", url.path, self.headers.get("User-Agent", "").split("/")[0]))
        if self.owner.closed or not url.hostname:
            self.answer(503, b"closed\n", {})
        elif url.hostname.startswith("git.") and url.hostname in self.owner.sites:
            self.git(url, body)
        elif url.hostname in self.owner.sites:
            self.file(self.owner.sites[url.hostname], url.path)
        else:
            self.outside()

    do_GET = do_POST = forward

    def file(self, folder: pathlib.Path, path: str) -> None:
        place = folder / path.lstrip("/")
        there = place.is_file() and place.resolve().is_relative_to(folder.resolve())
        self.answer(200 if there else 404, place.read_bytes() if there else b"", {})

    def git(self, url: urllib.parse.SplitResult, body: bytes) -> None:
        env = {"PATH": os.environ["PATH"], "GIT_PROJECT_ROOT": str(self.owner.sites[url.hostname or ""]), "GIT_HTTP_EXPORT_ALL": "1",
               "PATH_INFO": url.path, "QUERY_STRING": url.query, "REQUEST_METHOD": self.command, "REMOTE_ADDR": self.client_address[0],
               "CONTENT_TYPE": self.headers.get("Content-Type", ""), "CONTENT_LENGTH": str(len(body)),
               "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""), "GIT_PROTOCOL": self.headers.get("Git-Protocol", "")}
        done = subprocess.run(["git", "http-backend"], input=body, env=env, capture_output=True, check=True)
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
        self.answer(int(headers.pop("Status", "200").split()[0]), content, headers)

    def outside(self) -> None:
        kept = {k: v for k, v in self.headers.items() if k.lower() in ("range", "if-modified-since", "if-range", "accept", "user-agent")}
        try:
            with urllib.request.urlopen(urllib.request.Request(self.path, headers=kept), timeout=60) as answer:
                headers = {k: v for k, v in answer.headers.items() if k.lower() in ("last-modified", "content-type", "content-range", "etag")}
                self.answer(answer.status, answer.read(), headers)
        except urllib.error.HTTPError as error:
            self.answer(error.code, error.read(), {})
        except OSError as error:
            self.answer(502, f"{error}\n".encode(), {})
