#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-only
"""A small HTTP server for the tests of lib/net/http and lib/net/swift.

It prints its port and serves odd answers (see Handler.odd), TempAuth at /auth/v1.0, Keystone at
/v3, and an object store in memory at /v1/. Containers named "down", "lies" and "odd" misbehave.
User "u" with password "secret" may enter; a token is good for as many requests as the argument
says (default: any). The users of INFO get the same store at an address that tells something else
at /info than /v1/ does.
"""

from __future__ import annotations

import hashlib
import json
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

TOKEN_LIFE = int(sys.argv[1]) if len(sys.argv) > 1 and sys.argv[1] else 1 << 30

INFO: dict[str, tuple[int, str]] = {
    "u": (200, '{"swift": {"max_file_size": 1048576}, "slo": {"max_manifest_segments": 4}}'),
    "silent": (404, ""),
    "garbled": (200, '{"swift": ['),
    "small": (200, '{"swift": {"max_file_size": 1048576}}'),
    "blind": (200, '{"swift": {"max_file_size": 1048576}, "slo": {}}'),  # but it knows no manifests
    "busy": (503, ""),
}

containers: dict[str, dict[str, bytes]] = {}
acls: dict[str, str] = {}
tokens: dict[str, int] = {}
counters: dict[str, int] = {}
barriers: dict[str, threading.Barrier] = {}
lock = threading.Lock()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: object) -> None:
        pass

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def handle_any(self) -> None:
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.url = urlsplit(self.path)
        path = self.url.path
        if path == "/auth/v1.0":
            self.tempauth()
        elif path == "/v3/auth/tokens":
            self.keystone()
        elif path.endswith("/info"):
            status, body = INFO[path.split("/")[1] if path != "/info" else "u"]
            self.answer(status, body.encode(), Retry_After="3600")
        elif path == "/v1":
            self.account()
        elif "/v1/" in path:
            self.store(path.partition("/v1/")[2])
        else:
            self.odd(path.strip("/").split("/"))

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = handle_any

    def odd(self, words: list[str]) -> None:
        number = int(words[1]) if len(words) > 1 else 0
        count = counters[self.path] = counters.get(self.path, 0) + 1
        match words[0]:
            case "echo":
                told = {"method": self.command, "path": self.path, "body": self.body.decode(),
                        "headers": {k.lower(): v for k, v in self.headers.items()},
                        "peer": self.client_address[1]}
                self.answer(200, json.dumps(told).encode(), X_Mixed_Case=" spaced ")
            case "status":
                self.answer(number)
            case "flaky":
                self.answer(503 if count <= number else 200, str(count).encode())
            case "later":
                self.answer(503 if count == 1 else 200, Retry_After=words[1])
            case "large":
                self.answer(200, b"x" * number)
            case "headers":
                self.answer(200, **{f"X_{i}": "y" * 1000 for i in range(number)})
            case "redirect":
                self.answer(302, b"moved", Location="/echo")
            case "away":
                self.answer(302, b"", Location="file:///etc/passwd")
            case "together":  # with so many others
                with lock:
                    barrier = barriers.setdefault(self.path, threading.Barrier(number))
                barrier.wait()
                self.answer(200)
            case "slow":
                time.sleep(number)
                self.answer(200)
            case "close":
                self.close_connection = True
            case "garbage":
                self.wfile.write(b"\x00\x01 no HTTP\r\n\r\n")
                self.close_connection = True
            case "short":
                self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort")
                self.close_connection = True
            case _:
                self.answer(404)

    def base(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    def new_token(self) -> str:
        token = f"token-{len(tokens)}"
        tokens[token] = TOKEN_LIFE
        return token

    def tempauth(self) -> None:
        user, key = self.headers.get("X-Auth-User"), self.headers.get("X-Auth-Key")
        if user == "bare":
            return self.answer(200)
        if user == "lost":
            return self.answer(200, X_Auth_Token="t", X_Storage_Url="ftp://elsewhere")
        if user == "broken":
            return self.answer(500 if key == "secret" else 404)
        if user not in INFO or key != "secret":
            return self.answer(401)
        place = "/v1/" if user == "u" else f"/{user}/v1/"
        self.answer(200, X_Auth_Token=self.new_token(), X_Storage_Url=self.base() + place)

    def keystone(self) -> None:
        auth = json.loads(self.body)["auth"]
        user = auth["identity"]["password"]["user"]
        if user["password"] != "secret" or user["domain"]["name"] != "Default":
            return self.answer(401)
        if auth["scope"]["project"] != {"name": "p", "domain": {"name": "d"}}:
            return self.answer(401)
        if user["name"] == "bare":
            return self.answer(201, b"{}")
        if user["name"] == "broken":
            return self.answer(201, b"{}", X_Subject_Token="t")
        url = self.base() + "/v1"
        catalog = [
            {"type": "identity", "endpoints": []},
            {"type": "object-store", "endpoints": [
                {"interface": "admin", "region_id": "two", "url": "http://127.0.0.1:1/"},
                {"interface": "public", "region_id": "one", "url": "http://127.0.0.1:1/"},
                {"interface": "public", "region_id": "two", "url": url}]}]
        body = json.dumps({"token": {"catalog": catalog}}).encode()
        self.answer(201, body, X_Subject_Token=self.new_token())

    def store(self, path: str) -> None:
        token = self.headers.get("X-Auth-Token", "")
        if tokens.get(token, 0) <= 0:
            return self.answer(401)
        tokens[token] -= 1
        container, _, name = path.partition("/")
        container, name = unquote(container), unquote(name)
        if container == "down":
            return self.answer(503, Retry_After="3600")
        if container == "odd":
            return self.answer(418)
        if container == "closed":
            return self.answer(403)
        if name:
            self.object(container, name)
        else:
            self.container(container)

    def account(self) -> None:
        if tokens.get(self.headers.get("X-Auth-Token", ""), 0) <= 0:
            return self.answer(401)
        query = {key: values[0] for key, values in parse_qs(self.url.query).items()}
        names = [{"name": name} for name in sorted(containers)
                 if name.startswith(query.get("prefix", "")) and name > query.get("marker", "")]
        return self.answer(200, json.dumps(names[:2]).encode())  # a small page

    def container(self, container: str) -> None:
        if self.command == "PUT":
            containers.setdefault(container, {})
            acls[container] = self.headers["X-Container-Read"]
            return self.answer(201)
        if container == "garbled":
            return self.answer(200, b"[{")
        if container == "nameless":
            return self.answer(200, b"[{}]")
        if container not in containers:
            return self.answer(404)
        if self.command == "HEAD":
            return self.answer(204, X_Container_Read=acls[container])
        if self.url.query == "acl":
            return self.answer(200, acls[container].encode())
        query = {key: values[0] for key, values in parse_qs(self.url.query).items()}
        names: list[dict[str, str]] = []
        prefix, delimiter = query.get("prefix", ""), query.get("delimiter")
        for name in sorted(containers[container]):
            if not name.startswith(prefix) or name <= query.get("marker", ""):
                continue
            end = name.find(delimiter, len(prefix)) if delimiter else -1
            entry = {"subdir": name[: end + 1]} if end >= 0 else {"name": name}
            if entry not in names:
                names.append(entry)
        names = names[: int(query["limit"])]
        self.answer(200 if names else 204, json.dumps(names).encode() if names else b"")

    def joined(self, manifest: list[dict[str, str | int]]) -> tuple[str, bytes]:
        """ETag and content of a Static Large Object; nothing when a segment is not as it says."""
        etags, body = "", b""
        for segment in manifest:
            container, _, name = str(segment["path"]).lstrip("/").partition("/")
            part = containers[container].get(name, b"")
            etag = hashlib.md5(part).hexdigest()
            if (etag, len(part)) != (segment["etag"], segment["size_bytes"]):
                return "", b""
            etags, body = etags + etag, body + part
        return hashlib.md5(etags.encode()).hexdigest(), body

    def object(self, container: str, name: str) -> None:
        if container not in containers:
            return self.answer(404)
        objects = containers[container]
        if self.command == "PUT":
            etag = hashlib.md5(self.body).hexdigest()
            if self.url.query == "multipart-manifest=put" and not self.path.startswith("/blind"):
                etag, self.body = self.joined(json.loads(self.body))
                if not etag:
                    return self.answer(400)
            if self.headers.get("ETag") != etag or name == "changed":
                return self.answer(422)
            objects[name] = self.body
            if "Content-Type" in self.headers:
                objects[name + ".type"] = self.headers["Content-Type"].encode()
            return self.answer(201, ETag="0" * 32 if container == "lies" else f'"{etag}"')
        if name not in objects:
            return self.answer(404)
        if self.command == "DELETE":
            del objects[name]
            return self.answer(204)
        self.answer(200, objects[name])


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        pass  # a client that hangs up early is part of the tests


if __name__ == "__main__":
    server = Server(("127.0.0.1", 0), Handler)
    print(server.server_port, flush=True)
    server.serve_forever()
