#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-only
"""Keystone and odd answers for the tests of lib/net/openstack; it prints its port.

The first token it gives is refused once. /compute/…/status/N answers with that status and the words of the query, /list
gives pages whose links lead to an address that nobody has, /loop pages without end, /text no JSON.
"""
from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

given: list[str] = []


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def answer(self, status: int, body: object, **headers: str) -> None:
        data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def token(self, asked: dict[str, dict[str, dict[str, object]]]) -> None:
        identity = asked["auth"]["identity"]
        who = identity.get("application_credential") or identity["password"]
        if "secret" not in json.dumps(who):
            return self.answer(401, {})
        given.append(f"token-{len(given)}")
        base = f"http://127.0.0.1:{self.server.server_port}"
        catalog = [{"type": kind, "endpoints": [{"interface": "public", "region_id": "r", "url": url}]}
                   for kind, url in (("compute", base + "/compute/v2.1/"), ("image", base + "/image"), ("block-storage", base + "/volume/v3"),
                                     ("network", "ftp://x"))]
        return self.answer(201, {"token": {"catalog": catalog}}, X_Subject_Token=given[-1])

    def handle_any(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        url = urlsplit(self.path)
        words = url.path.strip("/").split("/")
        query = {key: values[0] for key, values in parse_qs(url.query).items()}
        if url.path == "/v3/auth/tokens":
            return self.token(json.loads(body))
        if self.headers.get("X-Auth-Token") in ("token-0", None):
            return self.answer(401, {"error": {"message": "expired"}})
        if words[-2] == "status":
            return self.answer(int(words[-1]), {query.get("kind", "fault"): {"message": query.get("m", "")}} if query else "")
        if words[-1] == "list":
            at = int(query.get("marker", "0"))
            rest = {"things_links": [{"rel": "next", "href": f"http://unreachable.example/x?marker={at + 1}"}]} if at < 2 else {}
            return self.answer(200, {"things": [{"id": str(at)}]} | rest)
        if words[-1] == "glance":
            return self.answer(200, {"things": [{"id": query.get("marker", "0")}]} | ({} if query else {"next": "/v2/glance?marker=1"}))
        if words[-1] == "loop":
            return self.answer(200, {"things": [{}], "next": "/loop?x=1"})
        if words[-1] == "text":
            return self.answer(200, "no JSON")
        return self.answer(200, {"method": self.command, "path": self.path, "body": body.decode()})

    do_GET = do_POST = do_DELETE = handle_any


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(server.server_port, flush=True)
    server.serve_forever()
