#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-only
"""The built-in store is moved to another unit by the command of the manual, and nothing of it changes."""
from __future__ import annotations

import re
import shlex
import subprocess
import sys
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "support")]
import counted  # noqa: E402
from webserver import ROOT, WebServer  # noqa: E402

HOW_TO = ROOT / "docs/how-to/move-the-results.md"
FOLDER = "/var/lib/autopkgtest-cloud"
RUN = "noble/amd64/g/gzip/20240131_120000_abcde@"
SHOWN = ("content-type", "content-encoding", "etag", "last-modified", "content-length", "x-object-meta-of")
PRIVATE = "private-autopkgtest-noble"


def move(old: WebServer, new: WebServer) -> None:
    """The manual's command line, each half on the folder of its unit in place of `juju ssh UNIT -- sudo`."""
    (line,) = re.findall(r"^ +(juju ssh .* tar --create .*)$", HOW_TO.read_text(), re.M)
    halves = []
    for half, unit, server in zip(line.split(" | "), ("autopkgtest-web/0", "autopkgtest-web/1"), (old, new), strict=True):
        words = shlex.split(half)
        head = ["juju", "ssh", "--pty=false", unit, "--", "sudo"]
        assert words[:len(head)] == head, half
        halves.append([word.replace(FOLDER, str(server.dir)) for word in words[len(head):]])
        assert str(server.dir) in " ".join(halves[-1]), half
    with subprocess.Popen(halves[0], stdout=subprocess.PIPE) as sender:
        subprocess.run(halves[1], stdin=sender.stdout, check=True)
    assert sender.returncode == 0


class Move(unittest.TestCase):
    def put(self, server: WebServer, path: str, body: bytes, **headers: str) -> None:
        fields = {name.replace("_", "-"): value for name, value in headers.items()} | {"X-Auth-Token": server.token()}
        self.assertEqual(server.request("PUT", f"/swift/v1/{path}", body, fields)[0], 201, path)

    def fill(self, server: WebServer) -> None:
        for name, acl in (("autopkgtest-noble", ".r:*,.rlistings"), (PRIVATE, "*:alice")):
            self.put(server, name, b"", X_Container_Read=acl)
            self.put(server, f"{name}/{RUN}/log.gz", b"a log", Content_Type="text/plain; charset=UTF-8", Content_Encoding="gzip", X_Object_Meta_Of=name)
            self.put(server, f"{name}/{RUN}/result.tar", b"its verdict" * 1000, Content_Type="application/x-tar")
        self.put(server, "autopkgtest-noble/a%2E//%25odd", b"name")

    def seen(self, server: WebServer, signed: bool) -> list[tuple[object, ...]]:
        """Listings and objects, as this reader sees them."""
        fields = {"X-Auth-Token": server.token()} if signed else {}
        found: list[tuple[object, ...]] = []
        for container in ("autopkgtest-noble", PRIVATE):
            status, headers, body = server.request("GET", f"/swift/v1/{container}", None, fields)
            found.append((container, status, headers.get("x-container-read"), body if status == 200 else b""))
            for name in (f"{RUN}/log.gz", f"{RUN}/result.tar", "a%2E//%25odd"):
                status, headers, body = server.request("GET", f"/swift/v1/{container}/{name}", None, fields)
                found.append((name, status, *((*(headers.get(key) for key in SHOWN), body) if status == 200 else ())))
        return found

    def test_what_readers_see_is_the_same(self) -> None:
        with WebServer() as old, WebServer() as new:
            self.fill(old)
            (old.dir / "store/.uploads").mkdir(exist_ok=True)
            (old.dir / "store/.uploads/half").write_bytes(b"being written")
            before = {signed: self.seen(old, signed) for signed in (True, False)}
            self.assertEqual(sum(entry[1] == 200 for entry in before[True]), 7, before[True])
            self.assertEqual(sum(entry[1] == 200 for entry in before[False]), 4, before[False])
            new.stop()
            move(old, new)
            self.assertFalse((new.dir / "store/.uploads/half").exists())
            new.start()
            self.assertEqual({signed: self.seen(new, signed) for signed in (True, False)}, before)

    def test_what_came_meanwhile_is_moved_by_the_same_command(self) -> None:
        with WebServer() as old, WebServer() as new:
            self.fill(old)
            move(old, new)
            late = "noble/amd64/g/gzip/20240201_120000_abcde@/log.gz"
            self.put(old, f"autopkgtest-noble/{late}", b"later")
            first = (new.dir / "store/autopkgtest-noble" / RUN / "log.gz").stat()
            move(old, new)
            self.assertEqual((new.dir / "store/autopkgtest-noble" / RUN / "log.gz").stat().st_ctime_ns, first.st_ctime_ns, "it is written again")
            self.assertEqual(new.request("GET", f"/swift/v1/autopkgtest-noble/{late}")[::2], (200, b"later"))


if __name__ == "__main__":
    counted.main()
