# SPDX-License-Identifier: GPL-3.0-only
"""Calls of every hook tool as no charm of ours makes them, for the comparison with Juju's own tools: values that YAML, JSON and
options could take for something else, arguments in every order, and mistakes. Only recorded here; juju-tools is the judge."""
from __future__ import annotations

import contextlib
import itertools
import json
import shlex
import sys
import unittest
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))
from juju_local_support import METADATA, Context, Hook, JujuLocalTest, ToolError  # noqa: E402

STORAGE = METADATA + """
storage:
  data: {type: filesystem, multiple: {range: 0-2}}
"""
STRINGS = ["", " ", " a", "a ", "a: b", "a:b", "- x", "-x", "#c", "a #b", "'", '"', "it's", "\\", "é", "☃", "tab\there", "line\n", "a\nb",
           "a\n\n", "\n", "\na", " a\nb", "0", "00", "012", "08", "0o7", "0b1", "1_000", "1:30", "1:99", "12e03", ".5", "5.", "-", "--", "---", "?",
           "? a", "!tag", "&a", "*a", "%x", "@x", "`x", "{a}", "{}", "[a]", "[]", ",", ":", "yes", "No", "y", "N", "on", "OFF", "~", "null", "Null",
           "nULL", ".nan", ".inf", "-.Inf", "0x1F", "+1", "-1", "1.", "1e5", "=", "<<", "2024-01-02", "2024-1-2", "2024-13-02", "2024-01-02 03:04:05",
           "a\r\nb", "\r", "\x7f", "\x01", "\ufeff", "word " * 60, "x" * 300, "<a href='&'>", "a\tb: c", "key=value", "True", "tRUE", "..."]
NUMBERS: list[Any] = [0, -1, 7, 999999, 1000000, 1234567, -1000000, 2**53, 10**15, 10**21, 0.1, 1e-5, 1e20, 1e21, 3.0, 1.5e6, -0.5, 123456.789, 1e100]
FILES = [b"", b"{}", b"null", b"- a", b"a", b"a: 1", b"a: 0x10\nb: yes\nc: null\nd: ~\ne: '1'\nf: 1.50\nh: 2024-01-02\n", b"g: |\n  x\n  y\n", b"? i\n: j\n",
         b"a: {b: c}", b"a: [1]\nb: {c: d}\n", b"1: 2\n", b"true: x\n", b"a: b\na: c\n", b"a: 'x\n  y'\n", b"a: !!str 12\n", b"a: &x 1\nb: *x\n",
         b'{"a": "x\\ny", "b": "\\u00e9", "c": 12, "d": true, "e": null, "f": 1e3}', b"a: ''\nb: \"\"\n", b"---\na: b\n"]
PORTS = ["0", "1", "65535", "65536", "70000", "-1", "1-", "-5", "5-1", "1-2-3", "tcp", "/tcp", "80/", "80/TCP", "ICMP", "icmp/", "icmp/icmp", "80-80",
         " 80", "80 /tcp", "0x10", "+80", "", "0-5", "80/tcp/udp", "8080-8090/udp", "8085/udp", "8085/tcp", "80-x", "x-80", "1/sctp", "80 81"]
OVERLAP = ("0-5", "8085/udp")  # of a range that was opened in the same hook
RELATIONS = ["db:0", "0", "db:1", "1", "want:1", "want:0", "7", "db:7", "db", "", "x:y", "-1", "db:", ":0", "mates:0", "mates:2", "2", "01", "db:01"]
OPTIONS = ["--format", "--format=", "--format=JSON", "--format json", "--format=yaml --format=json", "--cheese", "-x", "--", "---x", "--=x", "-r", "-r=0",
           "-r0", "--relation", "--relation=0", "--app", "--app=false", "--app=x", "-a", "-o", "-a=1", "-", "--format=smart x", "x y z"]
TOOLS = """action-fail action-get action-log action-set application-version-set close-port config-get credential-get goal-state is-leader juju-log
leader-get leader-set network-get open-port opened-ports relation-get relation-ids relation-list relation-model-get relation-set secret-add
secret-get secret-grant secret-ids secret-info-get secret-remove secret-revoke secret-set state-delete state-get state-set status-get status-set
storage-add storage-get storage-list unit-get""".split()
LINES = """
action-get deep
action-get deep.inner
action-get deep.inner.x
action-get deep.nope
action-get .
action-get ""
action-get who extra
action-get times --format=json
action-get --format=yaml
action-set
action-set a=1 b.c=2 b.d=3
action-set b=4
action-set b.c=5
action-set A=1
action-set a-=1
action-set -- -a=1
action-set a..b=1
action-set =1
action-set a
action-set a=
action-set a=b=c
action-set stdout=1
action-set x.stderr=1
action-set stdout-encoding.x=1
action-set good=1 Bad=2
action-set return-code=3
action-set a_b=1
action-fail
action-fail ""
action-fail one two
action-fail -- -x
action-log
action-log a "b  c" d
application-version-set
application-version-set ""
application-version-set 1 2
application-version-set -- -1
config-get nope
config-get ""
config-get -a greeting
config-get --all --format=json
config-get -a
config-get key
config-get greeting empty
juju-log
juju-log ""
juju-log -l
juju-log -l trace x
juju-log --log-level=Critical a b
juju-log -l loud x
juju-log --debug x
juju-log --debug -l ERROR x
juju-log --format=x y
leader-get
leader-get -
leader-get a
leader-get a b
leader-set
leader-set a=1 b=
leader-set a
leader-set =1
network-get
network-get ""
network-get nope
network-get juju-info
network-get admin
network-get db want
network-get db --primary-address
network-get db --primary-address --bind-address
network-get db --bind-address --ingress-address
network-get db --bind-address --format=json
network-get db --egress-subnets
network-get db --egress-subnets --ingress-address --format=json
network-get db -r 0
network-get want -r 0
network-get db -r nope
relation-get
relation-get -
relation-get ""
relation-get - nope/0
relation-get - two
relation-get - two/0
relation-get - one/0
relation-get - one
relation-get - one/9
relation-get - two/9
relation-get - --app
relation-get - two --app
relation-get - two/0 --app
relation-get - one --app
relation-get - one/0 --app
relation-get - three --app
relation-get - "x y"
relation-get - two/00
relation-get egress-subnets two/0 extra
relation-get private-address
relation-get private-address one/0 --format=json
relation-get nope one/0
relation-ids
relation-ids db
relation-ids nope
relation-ids ""
relation-ids db want
relation-ids db --format=yaml
relation-list --app
relation-list x
relation-list --app --format=json
relation-model-get
relation-model-get x
relation-set
relation-set a
relation-set =1
relation-set a=1 a=2
relation-set a=
relation-set --app a=1
relation-set a=1 --format=json
relation-set --file nope
relation-set --file nope a=1
relation-set --file ""
relation-set -- -a=1
secret-add
secret-add a
secret-add ab=1
secret-add abc
secret-add abc=
secret-add abc=1 abc=2
secret-add abc#base64=!!
secret-add abc#base64=YQ==
secret-add abc#base64=YQ
secret-add abc#nope=1
secret-add abc#file=/nope
secret-add --file /nope
secret-add --file nope abc=1
secret-add Abc=1
secret-add a.c=1
secret-add a-b-c=1
secret-add a--c=1
secret-add 1abc=1
secret-add abc=1 --rotate never
secret-add abc=1 --rotate hourly
secret-add abc=1 --rotate often
secret-add abc=1 --rotate ""
secret-add abc=1 --expire 1h
secret-add abc=1 --expire -1h
secret-add abc=1 --expire soon
secret-add abc=1 --expire 2020-01-01
secret-add abc=1 --expire 2040-01-01T00:00:00Z
secret-add abc=1 --expire ""
secret-add abc=1 --owner unit
secret-add abc=1 --owner application --label lab
secret-add abc=1 --owner me
secret-add abc=1 --label lab
secret-add abc=1 --description "a b"
secret-get
secret-get nope
secret-get secret:nope
secret-get secret://x/y
secret-get secret:00000000000000000000
secret-get 00000000000000000000 key
secret-get secret:00000000000000000000 key extra
secret-get secret://00000000-0000-0000-0000-000000000000/00000000000000000000
secret-get --label nope
secret-get --label lab
secret-get --label lab abc
secret-get --label lab abc#base64
secret-get --label lab nope
secret-get --label lab --peek
secret-get --label lab --refresh --peek
secret-get --label lab --format=json
secret-get --label lab --format=smart
secret-grant
secret-grant nope
secret-grant secret:00000000000000000000
secret-grant secret:00000000000000000000 -r 0
secret-grant secret:00000000000000000000 -r 7
secret-grant secret:00000000000000000000 -r 0 --unit two/0
secret-grant secret:00000000000000000000 -r 0 --unit three/0
secret-grant secret:00000000000000000000 x
secret-info-get
secret-info-get nope
secret-info-get 00000000000000000000
secret-info-get --label nope
secret-info-get 00000000000000000000 --label x
secret-ids x
secret-remove
secret-remove nope
secret-remove 00000000000000000000
secret-remove 00000000000000000000 x
secret-remove 00000000000000000000 --revision x
secret-revoke
secret-revoke nope
secret-revoke 00000000000000000000
secret-revoke 00000000000000000000 --app two
secret-revoke 00000000000000000000 --unit two/0
secret-revoke 00000000000000000000 --app two --unit two/0
secret-revoke 00000000000000000000 -r 0
secret-revoke 00000000000000000000 -r 0 --app two
secret-revoke 00000000000000000000 -r 0 --unit three/0
secret-set
secret-set nope abc=1
secret-set 00000000000000000000
secret-set 00000000000000000000 abc=1
secret-set 00000000000000000000 a
secret-set 00000000000000000000 --rotate often
state-get
state-get nope
state-get nope --strict
state-get -
state-get ""
state-get a b
state-get --format=json
state-get nope --format=json
state-set
state-set a
state-set =1
state-set a=
state-set a=1 a=2
state-set a=1 b.c=2
state-get a
state-get a --format=json
state-delete
state-delete ""
state-delete nope
state-delete a
state-delete a b
state-get a --strict
status-get
status-get --include-data
status-get --application
status-get --application --include-data
status-get x
status-get --format=yaml
status-get --application --format=json
status-set
status-set x
status-set error
status-set unknown
status-set active
status-set active ""
status-set active "a b"
status-set active a b
status-set --application active x
status-set blocked -- -x
status-set ACTIVE
storage-add
storage-add data
storage-add data=0
storage-add data=x
storage-add data=-1
storage-add data=
storage-add data=1
storage-add data=1,1G
storage-add data=5
storage-add nope
storage-add =1
storage-get
storage-get -s data/0
storage-get -s data/0 kind
storage-get -s data/0 location
storage-get -s data/0 nope
storage-get -s data/0 kind x
storage-get -s data/9
storage-get -s data
storage-get -s ""
storage-get kind -s data/0 --format=json
storage-get location
storage-list
storage-list data
storage-list nope
storage-list data x
unit-get
unit-get nope
unit-get ""
unit-get private-address public-address
unit-get public-address --format=json
unit-get private-address
"""


class OddCalls(JujuLocalTest):
    def setUp(self) -> None:
        super().setUp()
        self.deploy("one", "--storage", "data=1", metadata=STORAGE)
        self.deploy("two", "-n", "2")
        self.juju("integrate", "one:db", "two:want")
        self.juju("integrate", "one:want", "two:db")

    def number(self) -> int:
        """Of the relation one:db two:want."""
        return next(r.id for r in self.model().relations.values() if {(e.app, e.name) for e in r.endpoints} == {("one", "db"), ("two", "want")})

    def contexts(self) -> Iterator[Context]:
        """In a hook without and with a relation, of a leader and of another unit, of storage, and in an action."""
        number = there = self.number()
        joined = Hook("db-relation-changed", "relation-changed", relation=number, remote_unit="two/0", remote_app="two")
        app = Hook("db-relation-changed", "relation-changed", relation=number, remote_app="two")
        other = Hook("want-relation-joined", "relation-joined", relation=there, remote_unit="one/0", remote_app="one")
        for unit, hook in (("one/0", Hook("install", "install")), ("one/0", joined), ("one/0", app), ("two/1", other),
                           ("one/0", Hook("data-storage-attached", "storage-attached", storage="data/0"))):
            yield self.context(unit, hook)
        yield self.context("one/0", action={"who": "a b", "times": 2, "deep": {"inner": "x", "n": 1.5, "list": [1, "b"]}, "list": ["a", "b"]})

    def in_relation(self) -> Context:
        return next(itertools.islice(self.contexts(), 1, None))

    def in_install(self) -> Context:
        return next(self.contexts())

    def test_lines(self) -> None:
        for ctx in self.contexts():
            for line in LINES.strip().splitlines():
                self.tool(ctx, *shlex.split(line))
            self.end(ctx)

    def test_options(self) -> None:
        for ctx in itertools.islice(self.contexts(), 2):
            for tool in TOOLS:
                for words in OPTIONS:
                    self.tool(ctx, tool, *words.split())
            self.end(ctx)

    def test_relations(self) -> None:
        for ctx in itertools.islice(self.contexts(), 4):
            for tool in ("relation-get", "relation-list", "relation-model-get", "relation-set", "network-get"):
                for number in RELATIONS:
                    self.tool(ctx, tool, "-r", number, *(["db"] if tool == "network-get" else ["-", "two/0"] if tool == "relation-get" else []))
            self.end(ctx)

    def test_ports(self) -> None:
        ctx = self.in_install()
        for port in PORTS:
            for tool in ("open-port", "open-port") if port in OVERLAP else ("open-port", "close-port", "open-port"):
                self.tool(ctx, tool, port)
                self.tool(ctx, "opened-ports")
        for words in (["90", "--endpoints", "db"], ["90", "--endpoints", "db,want"], ["91", "--endpoints", "db, want"], ["92", "--endpoints", ""],
                      ["93", "94"]):
            for tool in ("open-port", "open-port", "close-port", "open-port"):
                self.tool(ctx, tool, *words)
                self.tool(ctx, "opened-ports", "--endpoints", "--format=json")
        self.end(ctx)
        self.tool(self.in_install(), "opened-ports")

    def test_strings(self) -> None:
        for text in STRINGS:
            with self.store.change() as model:
                model.applications["one"].config["greeting"] = text
            ctx = self.in_relation()
            for style in ("smart", "yaml", "json"):
                self.tool(ctx, "config-get", "greeting", "--format", style)
            self.tool(ctx, "relation-set", f"key={text}")
            self.tool(ctx, "relation-set", "--app", "--file", "-", stdin=f'"k": {json.dumps(text)}'.encode())
            self.tool(ctx, "relation-get", "-", "one/0")
            self.tool(ctx, "relation-get", "key", "one/0", "--format=yaml")
            self.tool(ctx, "relation-get", "-", "one", "--app", "--format=json")
            self.tool(ctx, "state-set", f"key={text}")
            self.tool(ctx, "state-get")
            self.tool(ctx, "secret-add", f"key={text}")
            self.tool(ctx, "secret-add", "key=x", "--description", text, "--label", text)
            self.tool(ctx, "status-set", "active", "--", text)
            self.tool(ctx, "juju-log", "--", text)
            self.end(ctx)
            with self.store.change() as model:
                model.secrets.clear()

    def test_numbers(self) -> None:
        for number in NUMBERS:
            with self.store.change() as model:
                model.applications["one"].config["ratio"] = number
            ctx = self.in_install()
            for style in ("smart", "yaml", "json"):
                self.tool(ctx, "config-get", "ratio", "--format", style)
                self.tool(ctx, "config-get", "--format", style)

    def test_files(self) -> None:
        for data in FILES:
            ctx = self.in_relation()
            (self.folder / "given").write_bytes(data)
            for words in (["relation-set", "--file", "-"], ["relation-set", "--file", "given"], ["relation-set", "--file", "-", "a=argument"],
                          ["state-set", "--file", "-"], ["state-set", "--file", str(self.folder / "given"), "a=argument"],
                          *([["secret-add", "--file", str(self.folder / "given")]] if data.count(b":") < 2 else []), ["secret-add", f"abc#file={self.folder / 'given'}"]):
                self.tool(ctx, *words, stdin=data if "-" in words else None)
            self.tool(ctx, "relation-get", "-", "one/0")
            self.tool(ctx, "state-get")
            self.end(ctx)

    def test_secrets(self) -> None:
        number = self.number()
        ctx = self.in_relation()
        uri = self.tool(ctx, "secret-add", "key=one", "second#base64=/w==", "--label", "mine", "--rotate", "daily")[1].strip()
        for _ in range(2):
            for line in (f"secret-get {uri}", f"secret-get {uri} key", f"secret-get {uri} second", f"secret-get {uri} second#base64", f"secret-get {uri} --peek",
                         f"secret-get {uri} --refresh", "secret-get --label mine key", f"secret-set {uri} key=two", f"secret-get {uri} --peek key",
                         f"secret-get {uri} key", f"secret-info-get {uri}", "secret-info-get --label mine --format=json", "secret-ids --format=json",
                         f"secret-grant {uri} -r {number}", f"secret-info-get {uri} --format=json", f"secret-set {uri} --description d --label new",
                         f"secret-get {uri} --label other", "secret-get --label new key", f"secret-revoke {uri} --app two", f"secret-grant {uri} -r {number} --unit two/0",
                         f"secret-grant {uri} -r {number} --unit one/0", f"secret-revoke {uri} -r {number}", f"secret-grant {uri} -r {number}"):
                self.tool(ctx, *line.split())
            self.end(ctx)
            ctx = self.in_relation()
        reader = next(itertools.islice(self.contexts(), 3, None))
        for line in (f"secret-get {uri}", f"secret-get {uri} --label mine", "secret-get --label mine", f"secret-info-get {uri}", f"secret-set {uri} key=x",
                     f"secret-remove {uri}", f"secret-grant {uri} -r 0", "secret-ids"):
            self.tool(reader, *line.split())
        self.tool(ctx, "secret-remove", uri, "--revision", "1")
        self.end(ctx)

    def end(self, ctx: Context) -> None:
        with contextlib.suppress(ToolError):
            self.flush(ctx)


if __name__ == "__main__":
    unittest.main()
