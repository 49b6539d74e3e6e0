# SPDX-License-Identifier: GPL-3.0-only
"""A real OpenID 2.0 provider (python3-openid's server) on an address of this machine, whose users need no password: its page asks who one is."""
from __future__ import annotations

import html
import http.client
import logging
import urllib.parse
from typing import Any

import served
from openid.extensions import sreg
from openid.server.server import Server
from openid.store.memstore import MemoryStore

logging.getLogger("openid").setLevel(logging.CRITICAL)  # it tells of every login that it refuses
NS_TEAMS = "http://ns.launchpad.net/2007/openid-teams"


class OpenIdProvider(served.Served):
    """`users` are names and the teams they are in. `broken` makes the endpoint answer with status 500; `refuses` makes it confirm nothing."""

    def __init__(self, users: dict[str, list[str]], address: str = "127.0.0.1") -> None:
        provider = self
        self.users, self.broken, self.refuses = users, False, False

        class Handler(served.Handler):
            def do_GET(self) -> None:
                query = dict(urllib.parse.parse_qsl(self.path.partition("?")[2]))
                self.answer(*provider.show(query))

            def do_POST(self) -> None:
                query = dict(urllib.parse.parse_qsl(self.body().decode(), keep_blank_values=True))
                self.answer(*(provider.decide(query) if self.path == "/decide" else provider.direct(query)))

            def answer(self, status: int, headers: dict[str, str], text: str) -> None:
                self.reply(status, text.encode(), headers)

        super().__init__(Handler, address)
        self.address = address
        self.url += "/openid"
        self.server = Server(MemoryStore(), self.url)

    def show(self, query: dict[str, str]) -> tuple[int, dict[str, str], str]:
        """The page that asks who one is."""
        hidden = "".join(f'<input type="hidden" name="{html.escape(k)}" value="{html.escape(v)}">' for k, v in query.items())
        buttons = "".join(f'<button name="user" value="{name}">{name}</button>' for name in [*self.users, "nobody"])
        page = f'<!DOCTYPE html><html lang="en"><title>Who are you?</title><form action="/decide" method="post">{hidden}{buttons}</form>'
        return 200, {"Content-Type": "text/html"}, page

    def decide(self, form: dict[str, str]) -> tuple[int, dict[str, str], str]:
        user = form.pop("user")
        request = self.server.decodeRequest(form)
        if user == "nobody":
            answer = request.answer(False)
        else:
            identity = f"{self.url}/~{user}"
            answer = request.answer(True, identity=identity, claimed_id=identity)
            wanted = sreg.SRegRequest.fromOpenIDRequest(request)
            answer.addExtension(sreg.SRegResponse.extractResponse(wanted, {"nickname": user}))
            teams = [t for t in form.get("openid.lp.query_membership", "").split(",") if t in self.users[user]]
            if teams:
                answer.fields.namespaces.addAlias(NS_TEAMS, "lp")
                answer.fields.setArg(NS_TEAMS, "is_member", ",".join(teams))
        return self.web(self.server.encodeResponse(answer))

    def direct(self, query: dict[str, str]) -> tuple[int, dict[str, str], str]:
        if self.broken:
            return 500, {}, "it is broken"
        if self.refuses:
            return 200, {}, "ns:http://specs.openid.net/auth/2.0\nis_valid:false\n"
        return self.web(self.server.encodeResponse(self.server.handleRequest(self.server.decodeRequest(query))))

    @staticmethod
    def web(answer: Any) -> tuple[int, dict[str, str], str]:
        body = answer.body if isinstance(answer.body, str) else answer.body.decode()
        return answer.code, dict(answer.headers), body

    def log_in(self, address: str, user: str) -> str:
        """What a browser does that was sent to `address`, by somebody who says to be `user`: where it is sent back to."""
        query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(address).query))
        connection = http.client.HTTPConnection(self.address, self.httpd.server_port, timeout=60)
        connection.request("POST", "/decide", urllib.parse.urlencode(query | {"user": user}))
        answer = connection.getresponse()
        answer.read()
        connection.close()
        return answer.headers["Location"]
