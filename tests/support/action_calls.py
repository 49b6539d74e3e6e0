# SPDX-License-Identifier: GPL-3.0-only
"""Runs of every action, good and bad, and what each gives: played on real units by tests/machine/test-actions and test-lxd. The documents'
examples are held against the same results (tests/tools/test_actions_documented.py).

In parameters, keys and values `{name}` stands for what the unit is like (`arch`, `release` …) or what an earlier run has given (`keep`).
"""
from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, NamedTuple, Union

Params = dict[str, str]
Known = dict[str, str]


class Requests:
    """A list of requests, one a line: `PACKAGE JSON`. What each request gets by itself, its uuid and time, is left out."""

    def __init__(self, *requests: tuple[str, dict[str, Any]]) -> None:
        self.requests = list(requests)

    def __repr__(self) -> str:
        return f"Requests{tuple(self.requests)}"

    def fits(self, text: str) -> bool:
        found = []
        for line in text.splitlines():
            package, params = line.split(" ", 1)
            found.append((package, {k: v for k, v in json.loads(params).items() if k not in ("uuid", "submit-time")}))
        return found == self.requests


Expected = Union[str, re.Pattern[str], Requests]


class Good(NamedTuple):
    """A run that succeeds, with exactly these results."""
    action: str
    params: Params
    results: dict[str, Expected]
    keep: Params = {}  # a name that later runs use: the result it is


class Bad(NamedTuple):
    """A run that fails with all of this in its message, which names the bad parameters; where it does not, `of` is the bad one."""
    action: str
    params: Params
    says: tuple[str, ...]
    of: str = ""


class Step(NamedTuple):
    """What has to be so before the next run: a method of the test."""
    name: str


Row = Union[Good, Bad, Step]


def misfit(expected: Expected, text: str, known: Known) -> bool:
    if isinstance(expected, Requests):
        return not expected.fits(text)
    return not expected.fullmatch(text) if isinstance(expected, re.Pattern) else expected.format_map(known) != text


def compare(row: Good, results: Params, known: Known) -> str:
    """What is not as the row has it, or the empty string."""
    wanted = {key.format_map(known): value for key, value in row.results.items()}
    wrong = {key: (results.get(key), expected) for key, expected in wanted.items() if key not in results or misfit(expected, results[key], known)}
    wrong |= {key: (value, None) for key, value in results.items() if key not in wanted}
    return "; ".join(f"{key}: {got!r} and not {expected!r}" for key, (got, expected) in wrong.items())


def play(test: Any, rows: list[Row], known: Known, run: Callable[..., dict[str, Any]]) -> None:
    """Runs them one after the other. `run` is `juju run` of an action: its task."""
    for row in rows:
        if isinstance(row, Step):
            getattr(test, row.name)()
            continue
        with test.subTest(action=row.action, params=row.params):
            task = run(row.action, *(f"{key}={value.format_map(known)}" for key, value in row.params.items()))
            if isinstance(row, Bad):
                test.assertEqual(task["status"], "failed", task)
                for word in row.says:
                    test.assertIn(word.format_map(known), task["message"])
                test.assertNotIn("exit status", task["message"])
                continue
            test.assertEqual(task["status"], "completed", task)
            results = {key: value for key, value in task["results"].items() if key != "return-code"}
            if wrong := compare(row, results, known):
                test.fail(wrong)
            known.update({name: results[key] for name, key in row.keep.items()})


NUMBER = re.compile(r"\d+")
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
FIGURES = ("wanted", "running", "busy", "drained", "paused", "offline")


def target(local: int, alpha: int, counts: str = "options", **others: int) -> dict[str, Expected]:
    """What show-target-config says of a unit with so many workers; `local_drained=2`: so many of these are drained."""
    figures = {"local": dict.fromkeys(FIGURES, 0) | {"wanted": local, "running": local},
               "alpha": dict.fromkeys(FIGURES, 0) | {"wanted": alpha, "running": alpha}}
    for name, value in others.items():
        place, figure = name.split("_")
        figures[place][figure] = value
    found: dict[str, Expected] = {"roles": "worker web", "releases": "{release}", "counts-from": counts}
    for figure in FIGURES:
        found |= {f"{place}-{{arch}}-{figure}".replace("alpha", "{region}"): str(figures[place][figure]) for place in figures}
        found[f"workers-{figure}"] = str(sum(figures[place][figure] for place in figures))
    return found


def unknown(action: str) -> Bad:
    """Juju lets no parameter pass that actions.yaml does not have."""
    return Bad(action, {"nonsense": "1"}, ('additional property "nonsense" is not allowed',))


def needed(action: str, *params: str) -> Bad:
    return Bad(action, {}, tuple(f'"{param}" property is missing and required' for param in params))


def orders(workers: int, drained: int, changed: bool, said: str) -> dict[str, Expected]:
    return {"workers": str(workers), "drained": str(drained), "changed": str(changed).lower(), "orders": said}


WORKERS: list[Row] = [
    Step("workers_wait"),
    Good("show-target-config", {}, target(1, 1)),
    unknown("show-target-config"),
    Good("set-worker-count", {"arch": "{arch}", "count": "2", "virt": '"null"'}, {"cloud": "local", "arch": "{arch}", "virt": "null", "count": "2"}),
    Good("set-worker-count", {"cloud": "{region}", "arch": "{arch}", "count": "2"}, {"cloud": "{region}", "arch": "{arch}", "count": "2"}),
    Bad("set-worker-count", {"arch": "No!", "count": "1"}, ('arch: expected an architecture, got "No!"',)),
    needed("set-worker-count", "arch", "count"),
    Bad("set-worker-count", {"arch": "{arch}", "count": "1001"}, ("count : must be less than or equal to 1000",)),
    Bad("set-worker-count", {"arch": "{arch}", "count": "ten"}, ("count : must be of type integer",)),
    Bad("set-worker-count", {"arch": "{arch}", "count": "1", "virt": "null"}, ("virt : must be of type string",)),  # YAML's null is nothing
    Bad("set-worker-count", {"arch": "{arch}", "count": "1", "virt": "docker"}, ("virt: expected null, unshare, qemu, schroot, podman or lxc",)),
    Bad("set-worker-count", {"arch": "sparc", "count": "1"}, ("virt: sparc has no workers yet: name one",)),
    Bad("set-worker-count", {"cloud": "{region}", "arch": "{arch}", "count": "1", "virt": "lxc"}, ("virt: workers of {region} are all of one kind",)),
    Bad("set-worker-count", {"cloud": "beta", "arch": "{arch}", "count": "1"}, ("cloud: beta has no workers for {arch} here; there are local, {region} ({arch})",)),
    Step("workers_wait"),
    Good("show-target-config", {}, target(2, 2, "set-worker-count")),
    Good("reload-units", {}, {"reloaded": "4"}),
    unknown("reload-units"),
    Good("drain", {"cloud": "{region}"}, orders(2, 2, True, "{region}:all")),
    Good("drain", {"cloud": "{region}"}, orders(2, 2, False, "{region}:all")),
    Good("drain", {"cloud": "local", "arch": "{arch}"}, orders(2, 2, True, "{region}:all local:{arch}")),
    Step("all_drained"),
    Good("show-target-config", {}, target(2, 2, "set-worker-count", local_drained=2, alpha_drained=2)),
    Bad("drain", {"cloud": "beta"}, ("no worker of this unit",)),
    Bad("drain", {"arch": "sparc"}, ("no worker of this unit",)),
    Bad("drain", {"cloud": "../alpha"}, ("cloud: expected the name of a cloud, such as local",)),
    Bad("drain", {"arch": "No!"}, ("arch: expected an architecture",)),
    Good("resume", {"cloud": "{region}"}, orders(2, 0, True, "local:{arch}")),
    Bad("resume", {"cloud": "../alpha"}, ("cloud: expected the name of a cloud, such as local",)),
    Bad("resume", {"arch": "No!"}, ("arch: expected an architecture",)),
    Good("resume", {"cloud": "local", "arch": "{arch}"}, orders(2, 0, True, "")),
    Good("drain", {"arch": "{arch}"}, orders(4, 4, True, "all:{arch}")),
    Good("resume", {}, orders(4, 0, True, "")),
    Good("set-worker-count", {"cloud": "{region}", "arch": "{arch}", "count": "1"}, {"cloud": "{region}", "arch": "{arch}", "count": "1"}),
    Good("set-worker-count", {"arch": "{arch}", "count": "1"}, {"cloud": "local", "arch": "{arch}", "virt": "null", "count": "1"}),
    Step("workers_wait"),
]

QUEUED: dict[str, Expected] = {"queued": "1", "queues": "{queue}", "uuids": UUID}
KILLED: dict[str, Expected] = {"uuid": "{uuid}", "package": "gzip", "worker": re.compile(r"autopkgtest-cloud/0/(local|alpha)-\w+-1")}

TESTS: list[Row] = [
    Good("request-test", {"package": "gzip", "triggers": "gzip/1"}, QUEUED, {"uuid": "uuids"}),
    Step("a_test_runs"),
    Bad("kill-test", {"uuid": "nobody"}, ("no worker has the request",)),
    Bad("kill-test", {"uuid": "-x"}, ("uuid: expected the uuid of a request",)),
    Bad("kill-test", {"uuid": "{uuid}", "requeue": "perhaps"}, ("requeue : must be of type boolean",)),
    needed("kill-test", "uuid"),
    Good("kill-test", {"uuid": "{uuid}", "requeue": "true"}, {**KILLED, "outcome": "returned"}),
    Step("a_test_runs"),
    Good("kill-test", {"uuid": "{uuid}"}, {**KILLED, "outcome": "killed"}),
    Step("nothing_is_left"),
    Good("request-test", {"package": "gzip", "triggers": "gzip/2"}, QUEUED),
    Step("a_test_passes"),
]

# What request-test is asked for with everything, and what then waits.
ORDER = {"package": "gzip", "release": "{release}", "arch": "{arch}", "triggers": "gzip/1 bash/2", "env": "A=b c;D=e", "testname": "simple",
         "requester": "tester", "readable-by": "one two", "all-proposed": "true", "bulk": "true"}
ORDERED = {"triggers": ["gzip/1", "bash/2"], "env": ["A=b c", "D=e"], "testname": "simple", "requester": "tester", "readable-by": ["one", "two"],
           "all-proposed": True}
FROM_PPA = {"triggers": ["gzip/3"], "ppas": ["one/tools", "two/tools"], "requester": "root"}
FROM_TREE = {"triggers": ["gzip/4"], "test-git": "https://git.example/gzip", "requester": "root"}
BUILT = {"triggers": ["gzip/5"], "build-git": "https://git.example/gzip#main", "requester": "root"}
PLAIN = {"triggers": ["bash/6"], "requester": "root"}


def listed(queue: str, *requests: tuple[str, dict[str, Any]]) -> dict[str, Expected]:
    return {"queue": queue, "listed": str(len(requests)), "requests": Requests(*requests)}


def filtered(verb: str, queue: str, *requests: tuple[str, dict[str, Any]], saved: bool = False) -> dict[str, Expected]:
    place = re.compile(r"/var/lib/autopkgtest-cloud/removed/debci-\S+-\d{8}-\d{6}\.jsonl")
    return {"queue": queue, verb: str(len(requests)), "requests": Requests(*requests)} | ({"saved": place} if saved else {})


def selections(action: str, more: Params) -> list[Row]:
    """What both list-queue and filter-queue refuse."""
    return [
        Bad(action, {"queue": "gzip"}, ("queue: expected a queue, such as debci-noble-amd64",)),
        Bad(action, {"queue": "{queue}", "pattern": "("} | more, ("missing closing parenthesis",), "pattern"),
        Bad(action, {"queue": "{queue}", "package": "1", "trigger": "1", "ppa": "1", "uuid": "1", "requester": "1"} | more,
            ("package : must be of type string", "trigger : must be of type string", "ppa : must be of type string",
             "uuid : must be of type string", "requester : must be of type string")),
        Bad(action, {"queue": "debci-{release}-sparc", "package": "gzip"} | more, ("debci-{release}-sparc",)),
    ]


QUEUES: list[Row] = [
    Good("drain", {}, orders(2, 2, True, "all:all")),
    Step("all_drained"),
    Good("list-queue", {}, {"waiting": "0", "idle-workers": "0"}),
    Good("request-test", {"package": "bash", "triggers": "bash/6"}, QUEUED),
    Good("list-queue", {}, {"waiting": "1", "idle-workers": "0", "{queue}": "1"}),
    Good("request-test", ORDER, {**QUEUED, "queues": "{huge}"}, {"bulk": "uuids"}),
    Good("request-test", {"package": "gzip", "triggers": "gzip/3", "ppas": "one/tools two/tools"}, {**QUEUED, "queues": "{ppa}"}),
    Good("request-test", {"package": "gzip", "triggers": "gzip/4", "test-git": "https://git.example/gzip"}, {**QUEUED, "queues": "{upstream}"}),
    Good("request-test", {"package": "gzip", "triggers": "gzip/5", "build-git": "https://git.example/gzip#main"}, {**QUEUED, "queues": "{upstream}"}),
    Bad("request-test", {"package": "-gzip"}, ("package: expected the name of a source package",)),
    needed("request-test", "package"),
    Bad("request-test", {"package": "gzip", "release": "No!"}, ("release: expected the name of a release",)),
    Bad("request-test", {"package": "gzip", "release": "warty", "triggers": "gzip/1"}, ("there is no queue debci-warty-{arch}",)),
    Bad("request-test", {"package": "gzip", "arch": "No!"}, ("arch: expected an architecture",)),
    Bad("request-test", {"package": "gzip", "triggers": "gzip"}, ("triggers[0]: expected source/version",)),
    Bad("request-test", {"package": "gzip", "ppas": "tools"}, ("ppas[0]: expected",)),
    Bad("request-test", {"package": "gzip", "env": "A"}, ("env[0]: expected VAR=value",)),
    Bad("request-test", {"package": "gzip", "test-git": "gzip"}, ("test-git: expected",)),
    Bad("request-test", {"package": "gzip", "build-git": "gzip"}, ("build-git: expected",)),
    Bad("request-test", {"package": "gzip", "test-git": "https://a.example/b", "build-git": "https://a.example/b"}, ("exclude each other",)),
    Bad("request-test", {"package": "gzip", "testname": "1", "readable-by": "1", "requester": "1", "all-proposed": "perhaps", "bulk": "perhaps"},
        ("testname : must be of type string", "readable-by : must be of type string", "requester : must be of type string",
         "all-proposed : must be of type boolean", "bulk : must be of type boolean")),
    Good("list-queue", {}, {"waiting": "5", "idle-workers": "0", "{queue}": "1", "{huge}": "1", "{ppa}": "1", "{upstream}": "2"}),
    Good("list-queue", {"queue": "{huge}"}, listed("{huge}", ("gzip", ORDERED))),
    Good("list-queue", {"queue": "{huge}", "uuid": "{bulk}", "requester": "tester"}, listed("{huge}", ("gzip", ORDERED))),
    Good("list-queue", {"queue": "{huge}", "requester": "root"}, listed("{huge}")),
    Good("list-queue", {"queue": "{ppa}", "ppa": '"*/tools"'}, listed("{ppa}", ("gzip", FROM_PPA))),
    Good("list-queue", {"queue": "{ppa}", "ppa": "three/*"}, listed("{ppa}")),
    Good("list-queue", {"queue": "{upstream}"}, listed("{upstream}", ("gzip", FROM_TREE), ("gzip", BUILT))),
    Good("list-queue", {"queue": "{upstream}", "limit": "1"}, listed("{upstream}", ("gzip", FROM_TREE))),
    Good("list-queue", {"queue": "{upstream}", "trigger": "g*/5"}, listed("{upstream}", ("gzip", BUILT))),
    Good("list-queue", {"queue": "{upstream}", "pattern": "build-git.*main"}, listed("{upstream}", ("gzip", BUILT))),
    Good("list-queue", {"queue": "{queue}", "package": "ba*"}, listed("{queue}", ("bash", PLAIN))),
    *selections("list-queue", {}),
    Bad("list-queue", {"package": "gzip"}, ("queue: is missing",)),
    Bad("list-queue", {"queue": "{queue}", "limit": "0"}, ("limit : must be greater than or equal to 1",)),
    Good("filter-queue", {"queue": "{upstream}", "trigger": "g*/5", "dry-run": "true"}, filtered("would-remove", "{upstream}", ("gzip", BUILT))),
    Good("filter-queue", {"queue": "{upstream}", "trigger": "g*/5", "pattern": "main"}, filtered("removed", "{upstream}", ("gzip", BUILT), saved=True),
         {"saved": "saved"}),
    Step("what_was_removed_is_put_back"),
    Good("list-queue", {"queue": "{upstream}"}, listed("{upstream}", ("gzip", FROM_TREE), ("gzip", BUILT))),
    Good("filter-queue", {"queue": "{huge}", "uuid": "{bulk}", "requester": "tester", "forget": "true"}, filtered("removed", "{huge}", ("gzip", ORDERED))),
    Good("filter-queue", {"queue": "{ppa}", "ppa": "one/*", "forget": "true"}, filtered("removed", "{ppa}", ("gzip", FROM_PPA))),
    Good("filter-queue", {"queue": "{queue}", "package": "gzip", "forget": "true"}, filtered("removed", "{queue}")),
    Good("filter-queue", {"queue": "{queue}", "all": "true", "forget": "true"}, filtered("removed", "{queue}", ("bash", PLAIN))),
    Good("filter-queue", {"queue": "{upstream}", "all": "true", "forget": "true"}, filtered("removed", "{upstream}", ("gzip", FROM_TREE), ("gzip", BUILT))),
    *selections("filter-queue", {"dry-run": "true"}),
    Bad("filter-queue", {"queue": "{queue}"}, ("say which requests", "all=true")),
    needed("filter-queue", "queue"),
    Bad("filter-queue", {"queue": "{queue}", "all": "perhaps", "dry-run": "perhaps", "forget": "perhaps"},
        ("all : must be of type boolean", "dry-run : must be of type boolean", "forget : must be of type boolean")),
    Good("list-queue", {}, {"waiting": "0", "idle-workers": "0"}),
    Good("resume", {}, orders(2, 0, True, "")),
]


def rebuilt(runs: int, missing: int, added: int) -> dict[str, Expected]:
    return {"runs": str(runs), "missing": str(missing), "added": str(added), "incomplete": "0", "unreadable": "0"}


def seeded(copied: int, missing: int = 1) -> dict[str, Expected]:
    return {"runs": "1", "missing": str(missing), "copied": str(copied), "incomplete": "0"}


def forgotten(results: int, containers: int, objects: int) -> dict[str, Expected]:
    return {"requests": "0", "queues": "0", "results": str(results), "containers": str(containers), "objects": str(objects)}


BACKUP = "autopkgtest-cloud-0/before.db.gz"

DATABASE: list[Row] = [
    Good("rebuild-index", {"release": "{release}"}, rebuilt(1, 0, 0)),
    Good("seed-new-release", {"old": "{release}", "new": "warty", "dry-run": "true"}, seeded(0)),
    Good("seed-new-release", {"old": "{release}", "new": "warty", "artifacts": "true"}, seeded(1)),
    Good("seed-new-release", {"old": "{release}", "new": "warty"}, seeded(0, missing=0)),
    Bad("seed-new-release", {"old": "No!", "new": "warty"}, ("old: expected the name of a release",)),
    Bad("seed-new-release", {"old": "{release}", "new": "No!"}, ("new: expected the name of a release",)),
    Bad("seed-new-release", {"old": "hoary", "new": "warty"}, ("the database has no results of hoary",)),
    needed("seed-new-release", "old", "new"),
    Bad("seed-new-release", {"old": "{release}", "new": "warty", "artifacts": "perhaps", "dry-run": "perhaps"},
        ("artifacts : must be of type boolean", "dry-run : must be of type boolean")),
    Good("backup-db", {"name": "before"}, {"object": BACKUP, "bytes": NUMBER}),
    Good("backup-db", {}, {"object": "autopkgtest-cloud-0/results.db.gz", "bytes": NUMBER}),
    Bad("backup-db", {"name": "../before"}, ("name: expected letters, digits",)),
    Bad("remove-release", {"release": "{release}"}, ("{release} is tested here",)),
    needed("remove-release", "release"),
    Bad("remove-release", {"release": "No!"}, ("release: expected the name of a release",)),
    Bad("remove-release", {"release": "warty", "store": "perhaps", "dry-run": "perhaps"},
        ("store : must be of type boolean", "dry-run : must be of type boolean")),
    Good("remove-release", {"release": "warty", "dry-run": "true"}, forgotten(1, 0, 0)),
    Good("remove-release", {"release": "warty"}, forgotten(1, 0, 0)),
    Good("restore-db", {"name": "before", "unit": "autopkgtest-cloud/0"}, {"object": BACKUP, "results": "2", "added": "1"}),
    Good("restore-db", {"name": "before"}, {"object": BACKUP, "results": "2", "added": "0"}),
    Bad("restore-db", {"name": "never"}, ("never",)),
    Bad("restore-db", {"name": "../before"}, ("name: expected letters, digits",)),
    Bad("restore-db", {"unit": "autopkgtest-cloud"}, ("unit: expected a unit, such as autopkgtest-web/0",)),
    Bad("restore-db", {"unit": "autopkgtest-cloud/7"}, ("autopkgtest-cloud-7/results.db.gz",)),
    Good("remove-release", {"release": "warty"}, forgotten(1, 0, 0)),
    Good("rebuild-index", {"release": "warty", "dry-run": "true"}, rebuilt(1, 1, 0)),
    Good("rebuild-index", {"restart": "true"}, rebuilt(2, 1, 1)),
    Bad("rebuild-index", {"release": "No!"}, ("release: expected the name of a release",)),
    Bad("rebuild-index", {"dry-run": "perhaps", "restart": "perhaps"}, ("dry-run : must be of type boolean", "restart : must be of type boolean")),
    Good("remove-release", {"release": "warty", "store": "true"}, forgotten(1, 1, 3)),
    Good("rebuild-index", {"release": "warty"}, rebuilt(0, 0, 0)),
]


def user(name: str, permissions: str, configure: str, write: str, read: str, vhost: str = "/", password: Expected = re.compile("[0-9a-f]{48}"),
         ) -> dict[str, Expected]:
    place = vhost.replace("/", "%2F")
    secret = password.pattern if isinstance(password, re.Pattern) else re.escape(str(password))
    return {"username": name, "permissions": permissions, "configure": configure, "write": write, "read": read, "vhost": vhost, "password": password,
            "uri": re.compile(rf"amqp://{name}:{secret}@[0-9.]+:5672/{place}")}


BROKER: list[Row] = [
    Bad("list-rabbit-users", {}, ("juju integrate autopkgtest-cloud:amqp-admin rabbitmq-server",)),
    Step("there_is_an_administrator"),
    Good("add-rabbit-user", {}, user("test_request", "submit", "", "^amq.default$", ""), {"made": "password"}),
    Good("add-rabbit-user", {"username": "listener", "password": "long-enough-for-it", "permissions": "monitor"},
         user("listener", "monitor", r"^amq\.gen-.*$", r"^amq\.gen-.*$", r"^(amq\.gen-.*|teststatus\.fanout|testcomplete\.fanout)$",
              password="long-enough-for-it")),
    Good("add-rabbit-user", {"username": "other", "vhost": "tests", "permissions": "full"}, user("other", "full", ".*", ".*", ".*", vhost="tests")),
    Good("add-rabbit-user", {"username": "odd", "configure": "^c$", "write": "^w$", "read": "^r$"}, user("odd", "explicit", "^c$", "^w$", "^r$")),
    Good("list-rabbit-users", {}, {"users": "listener odd other test_request", "user-test-request": "submit on /", "user-listener": "monitor on /",
                                   "user-other": "full on tests", "user-odd": 'explicit on / (configure "^c$", write "^w$", read "^r$")'}),
    unknown("list-rabbit-users"),
    Bad("add-rabbit-user", {"username": "-x"}, ("username: expected a name of letters, digits",)),
    Bad("add-rabbit-user", {"username": "autopkgtest"}, ("was not made by this system",)),
    Bad("add-rabbit-user", {"password": "short-one"}, ("password: expected at least 12 characters",)),
    Bad("add-rabbit-user", {"permissions": "admin"}, ("permissions : must match one of the enum values",)),
    Bad("add-rabbit-user", {"configure": "(", "write": "^w$"}, ("configure",), "configure"),
    Bad("add-rabbit-user", {"write": "("}, ("write",), "write"),
    Bad("add-rabbit-user", {"read": "("}, ("read",), "read"),
    Bad("add-rabbit-user", {"vhost": "never"}, ('the broker has no vhost "never"',), "vhost"),
    *(Good("remove-rabbit-user", {"username": name}, {"removed": name}) for name in ("listener", "odd", "other", "test_request")),
    Bad("remove-rabbit-user", {"username": "test_request"}, ("the broker has no user test_request",)),
    Bad("remove-rabbit-user", {"username": "autopkgtest"}, ("was not made by this system",)),
    needed("remove-rabbit-user", "username"),
    Good("list-rabbit-users", {}, {"users": ""}),
]


def needs(suffix: str, cores: int, ram: int, disk: int) -> dict[str, Expected]:
    return {f"cores{suffix}": str(cores), f"ram-gb{suffix}": str(ram), f"disk-gb{suffix}": str(disk)}


UNIT: list[Row] = [
    Good("set-alert", {"level": "warning", "message": "Back at <noon>"}, {"level": "warning", "message": "Back at <noon>"}),
    Step("the_alert_is_on_the_page"),
    Good("set-alert", {"message": "News"}, {"level": "info", "message": "News"}),
    Bad("set-alert", {"level": "loud", "message": "News"}, ("level : must match one of the enum values",)),
    Good("set-alert", {"level": "error", "message": "Away"}, {"level": "error", "message": "Away"}),
    needed("set-alert", "message"),
    Bad("set-alert", {"message": "x" * 2001}, ("message: expected one line of at most 2000 bytes",)),
    Good("remove-alert", {}, {"removed": "true"}),
    Good("remove-alert", {}, {"removed": "false"}),
    Step("no_alert_is_on_the_page"),
    unknown("remove-alert"),
    Good("rotate-login-key", {}, {"rotated": "1"}),
    Good("rotate-login-key", {}, {"rotated": "2"}),
    unknown("rotate-login-key"),
    Good("cowboys", {}, {"cowboys": "0", "files": NUMBER}),
    Step("somebody_changes_the_charm"),
    Good("cowboys", {"diff": "true"}, {"cowboys": "3", "files": NUMBER, "changed": "templates/html/home.mustache", "missing": "LICENSE",
                                       "added": "notes", "diff": re.compile(r"(?s)--- .*\+<!-- quick fix -->.*")}),
    Good("cowboys", {"diff": "false"}, {"cowboys": "3", "files": NUMBER, "changed": "templates/html/home.mustache", "missing": "LICENSE",
                                        "added": "notes"}),
    Step("the_charm_is_as_it_was"),
    Good("cowboys", {"diff": "true"}, {"cowboys": "0", "files": NUMBER, "diff": ""}),
    Bad("cowboys", {"diff": "perhaps"}, ("diff : must be of type boolean",)),
    Step("a_newer_commit"),
    Good("update-sources", {}, {"autopkgtest": "file:///srv/source", "commit": "{commit}", "previous": "{previous}", "changed": "true"}),
    Step("lists_have_a_source"),
    Good("update-sources", {}, {"autopkgtest": "file:///srv/source", "commit": "{commit}", "previous": "{commit}", "changed": "false",
                                "package-configs": "file:///srv/lists", "package-configs-commit": "{commit}"}),
    Step("lists_have_no_source"),
    Good("update-sources", {}, {"autopkgtest": "file:///srv/source", "commit": "{commit}", "previous": "{commit}", "changed": "false"}),
    unknown("update-sources"),
    Step("the_sources_are_gone"),
    Bad("update-sources", {}, ("autopkgtest-source: git clone: fatal: ", "/srv/source")),
    Step("the_sources_are_back"),
    Good("quota", {}, {"runners": "1", "margin": "10", "big-runners": "1", **needs("", 2, 4, 20), **needs("-with-margin", 3, 5, 22),
                       **needs("-with-big", 4, 8, 100),
                       **{f"{{region}}-{figure}-{word}": value for figure, values in
                          {"instances": ("1", "10", "0"), "cores": ("3", "20", "0"), "ram-gb": ("5", "50", "0")}.items()
                          for word, value in zip(("needed", "limit", "used"), values)},
                       "{region}-disk-gb-needed": "22", "{region}-short": "nothing", "short": "nothing"}),
    Good("quota", {"runners": "100", "margin": "50"}, {"runners": "100", "margin": "50", "big-runners": "50", **needs("", 200, 400, 2000),
                                                       **needs("-with-margin", 300, 600, 3000), **needs("-with-big", 300, 600, 6000)}),
    Bad("quota", {"margin": "101"}, ("margin : must be less than or equal to 100",)),
    Bad("quota", {"margin": "ten"}, ("margin : must be of type integer",)),
    Bad("quota", {"runners": "0"}, ("runners : must be greater than or equal to 1",)),
    Bad("build-images", {}, ("tests in no image",)),
]


def remote(arch: str, jobs: int) -> dict[str, Expected]:
    return {"cloud": "{cloud}", "address": "{host}", "arch": arch, "jobs": str(jobs), "fingerprint": re.compile("[0-9a-f]{64}"),
            "lxd-version": re.compile(r"\d+\.\d+(\.\d+)?")}


def userdata(*parts: str) -> re.Pattern[str]:
    return re.compile("(?s)#cloud-config\n.*" + ".*".join(map(re.escape, parts)) + ".*")


BAD_ADDRESS = "address: expected an address such as 10.0.0.1 or lxd.example:8443"
GONE: dict[str, Expected] = {"cloud": "{cloud}", "arch": "armhf", "tests-running": "false"}

IMAGES: list[Row] = [
    Bad("build-images", {"release": "noble"}, ("there is no such image; this unit has {cloud}-{release}-{arch}",), "release"),
    Bad("build-images", {"arch": "armhf"}, ("there is no such image",), "arch"),
    Bad("build-images", {"release": "-x"}, ('release: expected the name of a release, got "-x"',)),
    Bad("build-images", {"arch": "-x"}, ('arch: expected an architecture, got "-x"',)),
    Bad("build-images", {"vm": "perhaps"}, ("vm : must be of type boolean",)),
    Good("build-images", {"release": "{release}", "arch": "{arch}", "vm": "false"}, {"{made}": "made"}),  # with true: images-on-hosts
]

HOSTS: list[Row] = [
    Bad("add-remote", {"arch": "No!", "address": "{host}"}, ("arch: expected an architecture",)),
    needed("add-remote", "arch"),
    Bad("add-remote", {"arch": "armhf", "address": "a b"}, (BAD_ADDRESS,)),
    Bad("add-remote", {"arch": "armhf"}, ("address: is missing, and there is no token",)),
    Bad("add-remote", {"arch": "armhf", "address": "127.0.0.1"}, ("127.0.0.1: ",)),
    Bad("add-remote", {"arch": "armhf", "address": "{host}", "token": "nonsense"}, ("no token of LXD's",), "token"),
    Bad("add-remote", {"arch": "armhf", "address": "{host}", "jobs": "0"}, ("jobs : must be greater than or equal to 1",)),
    Good("add-remote", {"arch": "armhf", "address": "{host}", "jobs": "2"}, remote("armhf", 2)),
    Good("add-remote", {"arch": "armhf", "address": "{host}"}, remote("armhf", 2)),
    Bad("remove-remote", {"arch": "No!", "address": "{host}"}, ("arch: expected an architecture",)),
    Bad("remove-remote", {"arch": "armhf", "address": "a b"}, (BAD_ADDRESS,)),
    Bad("remove-remote", {"arch": "riscv64", "address": "{host}"}, ("does not test on {host} for riscv64; it does on {host}",)),
    needed("remove-remote", "arch", "address"),
    Good("remove-remote", {"arch": "armhf", "address": "{host}"}, GONE),
    Step("a_token_comes"),
    Good("add-remote", {"arch": "armhf", "token": "{secret}"}, remote("armhf", 1)),
    Good("remove-remote", {"arch": "armhf", "address": "{host}"}, GONE),
    Good("cleanup-remotes", {"dry-run": "true"}, {"stale-instances": "0", "stale-images": "0"}),
    Step("something_is_left"),  # of a run of this unit, and two hours old of another one; another model's; an image without a name
    Good("cleanup-remotes", {"older-than": "3", "dry-run": "true"}, {"stale-instances": "1", "stale-images": "1", "{key}-instances": "own",
                                                                     "{key}-images": "{image}"}),
    Good("cleanup-remotes", {"address": "{host}"}, {"instances": "1", "images": "1", "{key}-instances": "own", "{key}-images": "{image}"}),
    Good("cleanup-remotes", {"older-than": "1"}, {"instances": "1", "images": "0", "{key}-instances": "other"}),
    Step("only_the_other_models_is_left"),
    Bad("cleanup-remotes", {"address": "10.9.9.9"}, ("tests on no LXD host of the address 10.9.9.9",)),
    Bad("cleanup-remotes", {"address": "a b"}, (BAD_ADDRESS,)),
    Bad("cleanup-remotes", {"older-than": "0"}, ("older-than : must be greater than or equal to 1",)),
    Bad("cleanup-remotes", {"dry-run": "perhaps"}, ("dry-run : must be of type boolean",)),
    Good("lxd-node-userdata", {"type": "bootstrap", "name": "lxd-new"},
         {"name": "lxd-new", "user-data": userdata("hostname: lxd-new\n", "BEGIN CERTIFICATE", "server_name: lxd-new", "lxc config trust add")}),
    Good("lxd-node-userdata", {"type": "leader", "join-address": "{host}", "name": "lxd-three", "token": "bm8gdG9rZW4="},
         {"name": "lxd-three", "user-data": userdata("cluster_token: bm8gdG9rZW4=", "lxc cluster set 'lxd-three' scheduler.instance=manual")}),
    Good("lxd-node-userdata", {"type": "node", "join-address": "{host}"},
         {"name": re.compile("lxd-node-[0-9a-f]{6}"), "user-data": userdata("hostname: lxd-node-", "cluster_token: ey")}, {"joining": "user-data"}),
    needed("lxd-node-userdata", "type"),
    Bad("lxd-node-userdata", {"type": "follower"}, ("type : must match one of the enum values",)),
    Bad("lxd-node-userdata", {"type": "leader"}, ("join-address: is missing",)),
    Bad("lxd-node-userdata", {"type": "node", "join-address": "a b"}, ("join-" + BAD_ADDRESS,)),
    Bad("lxd-node-userdata", {"type": "bootstrap", "join-address": "{host}"}, ("join-address: bootstrap makes a cluster and joins none",)),
    Bad("lxd-node-userdata", {"type": "bootstrap", "name": "No_name"}, ("name: expected a host name",)),
    Bad("lxd-node-userdata", {"type": "node", "join-address": "{host}", "token": "no!"}, ("token: expected base64",)),
]

GROUPS: dict[str, list[Row]] = {"workers": WORKERS, "tests": TESTS, "queues": QUEUES, "database": DATABASE, "broker": BROKER, "unit": UNIT,
                              "images": IMAGES, "hosts": HOSTS}
