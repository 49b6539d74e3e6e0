# SPDX-License-Identifier: GPL-3.0-only
"""A server on 127.0.0.1 that answers like Launchpad's web service API 1.0: publications, upload rights, teams."""
from __future__ import annotations

import json
import urllib.parse
from typing import Any

import served


class Launchpad(served.Served):
    """`published`: (archive, series, source, version) and its component, an archive being "primary" or "USER/NAME".
    Of a PPA that has nothing published there is none, but for `empty`. `uploaders`: (person, series, component, source). `teams`: person and names. `status`: answered to everything instead."""

    def __init__(self) -> None:
        launchpad = self
        self.published: dict[tuple[str, str, str, str], str] = {}
        self.empty: set[str] = set()
        self.uploaders: set[tuple[str, str, str, str]] = set()
        self.teams: dict[str, list[str]] = {}
        self.status = 0
        self.asked: list[str] = []

        class Handler(served.Handler):
            def do_GET(self) -> None:
                launchpad.asked.append(self.path)
                status, body = (launchpad.status, "oops") if launchpad.status else launchpad.answer(self.path)
                self.reply(status, (body if isinstance(body, str) else json.dumps(body)).encode())

        super().__init__(Handler)
        self.url += "/1.0/"

    def link(self, text: str, kind: str) -> str:
        """The name in a link to a thing of that kind, given as JSON."""
        value: str = json.loads(text)
        if not value.startswith(self.url + kind):
            raise ValueError(value)
        return value.removeprefix(self.url + kind)

    def answer(self, path: str) -> tuple[int, Any]:
        parts = urllib.parse.urlsplit(path.removeprefix("/1.0/"))
        query = dict(urllib.parse.parse_qsl(parts.query))
        place = urllib.parse.unquote(parts.path)
        try:
            if place.endswith("/super_teams"):
                person = place.split("/")[0].removeprefix("~")
                if person not in self.teams:
                    return 404, "Object: <...>, name: '~" + person + "'"
                entries: list[Any] = [{"name": name, "self_link": self.url + "~" + name} for name in self.teams[person]]
                return 200, {"start": 0, "total_size": len(entries), "entries": entries}
            if query.get("ws.op") == "getPublishedSources":
                return self.publications(place, query)
            if query.get("ws.op") == "checkUpload" and place == "ubuntu/+archive/primary":
                wanted = (self.link(query["person"], "~"), self.link(query["distroseries"], "ubuntu/"), query["component"],
                          json.loads(query["sourcepackagename"]))
                return (200, "null") if wanted in self.uploaders and query["pocket"] == "Proposed" else (403, "The signer of this package has no upload rights")
        except (KeyError, ValueError) as why:
            return 400, str(why)
        return 404, "Not Found"

    def publications(self, place: str, query: dict[str, str]) -> tuple[int, Any]:
        words = place.split("/")
        archive = "primary" if place == "ubuntu/+archive/primary" else f"{words[0].removeprefix('~')}/{words[3]}"
        source, series = json.loads(query["source_name"]), self.link(query["distro_series"], "ubuntu/")
        version = json.loads(query["version"]) if "version" in query else None
        if query["exact_match"] != "true":
            raise ValueError("exact_match")
        if archive not in {"primary"} | self.empty | {a for a, _, _, _ in self.published}:
            return 404, f"Object: <...>, name: '{words[-1]}'"
        entries = [{"component_name": component, "source_package_name": s, "source_package_version": v}
                   for (a, r, s, v), component in self.published.items() if (a, r, s) == (archive, series, source) and version in (None, v)]
        return 200, {"start": 0, "total_size": len(entries), "entries": entries[:int(query["ws.size"])]}
