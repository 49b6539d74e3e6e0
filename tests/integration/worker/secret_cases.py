# SPDX-License-Identifier: GPL-3.0-only
"""Secrets stay where they belong: a whole life of requests that carry some, with everything failing once, and then
a look at all that is left behind and at all that could be seen meanwhile."""
from __future__ import annotations

import contextlib
import json
import pathlib
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from typing import Iterator

import planted
from bed import BUILD, COMPLETE, HOLD, STATUS, WAIT_S, Bed, Worker, wait_for
from planted import SECRETS
from webstore import WebStore, use_real_upload

PPA = f"bob:{SECRETS['token of a PPA']}@alice/private"
PRIVATE = [
    {"ppas": [PPA + ":0123ABCD"], "triggers": ["gzip/1.12-1"]},
    {"swiftuser": SECRETS["Swift user"], "env": [f"KEY={SECRETS['variable of a private run']}"], "testname": "smoke"},
    {"test-git": f"https://bob:{SECRETS['token in a URL']}@example.org/gzip.git main"},
    {"build-git": f"https://{SECRETS['token in a URL']}@example.org/gzip.git#main", "ppas": ["alice/open"]},
]
BAD = SECRETS["secret of a malformed request"]
MALFORMED = [
    f'gzip\n{{"ppas": ["bob:{BAD}@alice"]}}',
    f'gzip\n{{"ppas": ["{BAD}"]}}',
    f'gzip\n{{"env": ["{BAD}"], "swiftuser": "alice"}}',
    f'gzip\n{{"swiftuser": "a,{BAD}"}}',
    f'gzip\n{{"build-git": "bob:{BAD}@example.org"}}',
    f'gzip\n{{"swift\\u0075ser": "alice", "uuid": 7, "env": ["KEY={BAD}"]}}',
    f'gzip\n{{"env": ["KEY={BAD}" "x"], "swiftuser": "alice"}}',
    f'gzip\n{{"env": ["KEY={BAD}"',
]
PAGES = ["/", "/running", "/running.json", "/queues.json", "/recent", "/packages/gzip", "/packages/gzip/noble/amd64", "/healthz",
         "/request", "/swift/v1/private-autopkgtest-noble", "/results/private-autopkgtest-noble/"]


class Life:
    """All programs of a deployment, with secrets in their settings; what they print is kept."""

    def __init__(self, bed: Bed) -> None:
        self.bed = bed
        self.store: WebStore = use_real_upload(bed)
        self.conf = bed.dir / "conf"
        for name in ("swift.cred", "store.cred"):
            self.replace(name, "sesame", SECRETS["password of the store"])
        self.replace("web.conf", "authorization = open", f"authorization = api-key\napi-keys-file = {self.conf}/keys.json")
        (self.conf / "keys.json").write_text(json.dumps({"ann": SECRETS["API key"]}))
        bed.worker_options = ["--verbose"]
        self.said: list[str] = []  # what was printed, sent or shown

    def replace(self, name: str, old: str, new: str) -> None:
        path = self.conf / name
        path.write_text(path.read_text().replace(old, new))

    def start_indexer(self) -> subprocess.Popen[bytes]:
        with open(self.bed.dir / "indexer.log", "ab") as log:
            return subprocess.Popen([BUILD / "bin/autopkgtest-indexer"], env=self.bed.env, stdout=log, stderr=log)

    def cli(self, *words: str, text: str = "") -> int:
        done = subprocess.run([BUILD / "bin/autopkgtest-cloud", *words], env=self.bed.env, input=text, capture_output=True,
                              text=True, timeout=300)
        self.said += [done.stdout, done.stderr]
        return done.returncode

    def request(self, params: dict[str, object]) -> int:
        return self.cli("request", "--series", "noble", "-a", "amd64", "--params", "-", "gzip", text=json.dumps(params))

    def page(self, path: str, key: str = "", data: dict[str, str] | None = None) -> int:
        body = urllib.parse.urlencode(data).encode() if data else None
        ask = urllib.request.Request(f"http://127.0.0.1:{self.store.port}{path}", data=body, headers={"X-Api-Key": key} if key else {})
        try:
            with urllib.request.urlopen(ask, timeout=WAIT_S) as answer:
                status, headers, text = answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as error:
            status, headers, text = error.code, error.headers, error.read()
        self.said += [str(headers), text.decode(errors="replace")]
        return status

    def look_at_everything(self) -> None:
        for path in PAGES:
            self.page(path)
        for words in (["queue", "--requests"], ["running", "--log", "--seconds", "1"], ["result", "gzip"]):
            self.cli(*words)


@contextlib.contextmanager
def living(bed: Bed) -> Iterator[tuple[Life, planted.Watcher]]:
    life = Life(bed)
    watcher = planted.Watcher(life.conf)
    watcher.start()
    indexer = life.start_indexer()
    try:
        wait_for("the indexer", lambda: bed.broker.is_bound("testcomplete.fanout") and (bed.dir / "results.db").exists())
        life.store.start()
        yield life, watcher
    finally:
        watcher.end()
        indexer.kill()
        indexer.wait()
        life.store.kill()


def ask_for_all(life: Life) -> int:
    """The requests, by every way there is; gives how many."""
    for params in PRIVATE:
        assert life.request(params) == 0, life.said[-1]
    order = {"release": "noble", "arch": "amd64", "package": "gzip", "ppa": PPA}
    assert life.page("/request.cgi", f"ann:{SECRETS['API key']}", order) == 200, life.said[-1]
    assert life.page("/request.cgi", f"ann:{SECRETS['wrong API key']}", order) == 403
    assert life.page("/request.cgi", f"ann:{SECRETS['API key']}", order | {"ppa": f"bob:{BAD}@alice"}) == 400
    assert life.request({"ppas": [f"bob:{BAD}@alice"]}) == 65
    return len(PRIVATE) + 1


def fail_once(life: Life, worker: Worker) -> Worker:
    """Worker, broker and credentials, while a private test runs and others wait."""
    bed = life.bed
    worker.kill()
    worker = bed.ready_worker()
    bed.broker.rig("kill")
    assert life.request(PRIVATE[0]) == 75, life.said[-2:]
    bed.broker.start()
    wait_for("the broker again", lambda: worker.text().count("connected to the broker") >= 3)
    password = bed.broker.settings["RABBIT_PASSWORD"]
    life.replace("rabbitmq.cred", password, SECRETS["wrong password of the broker"])
    assert life.request(PRIVATE[0]) == 77, life.said[-2:]
    life.replace("rabbitmq.cred", SECRETS["wrong password of the broker"], password)
    life.replace("swift.cred", SECRETS["password of the store"], SECRETS["wrong password of the store"])
    return worker


def only_in_request_files(life: Life, directory: pathlib.Path) -> None:
    for path, names in planted.files_with(directory).items():
        mode = path.stat().st_mode & 0o777
        assert (path.name in ("request", "arguments") or (path.name, names) == ("run.json", ["Swift user"])) and mode in (0o600, 0o640), (path, oct(mode), names)
        assert path.parent.stat().st_mode & 0o007 == 0, path.parent


def in_the_clear(life: Life) -> list[str]:
    """Where a secret is that should not be there."""
    found = [f"what was said: {name} in {text[:300]!r}" for text in life.said for name in planted.found_in(text)]
    for path, names in planted.files_with(life.bed.dir).items():
        inside = path.relative_to(life.bed.dir)
        if inside.parts[0] == "conf" or inside.parts[:2] == ("fake", "told"):
            continue
        if inside.parts[0] == "store" and names == ["Swift user"]:
            continue  # the access list of a private container names its reader
        found.append(f"{inside}: {names}")
    return found


def test_no_secret_is_left_behind_by_a_whole_life(bed: Bed) -> None:
    # The stand-in takes the test for passed when autopkgtest would have been told everything.
    bed.behave('for word; do case $word in @*) cat "${word#@}" >>"$FAKE_DIR/told"; echo >>"$FAKE_DIR/told";; esac; done\n'
               + HOLD)
    with living(bed) as (life, watcher):
        worker = bed.ready_worker()
        count = ask_for_all(life)
        bed.wait_runs(1)
        life.look_at_everything()
        only_in_request_files(life, bed.dir / "work")
        worker = fail_once(life, worker)
        bed.go()
        wait_for("the refusal", lambda: "ended with code 77" in worker.text())
        wait_for("all that were queued", lambda: len(bed.spooled()) == count)
        for body in MALFORMED:  # to a worker that is idle: what others have looked at costs it a second each
            bed.publish(body)
        count += len(MALFORMED)
        wait_for("results that wait", lambda: len(bed.spooled()) == count)
        only_in_request_files(life, bed.dir / "spool")
        life.look_at_everything()
        life.replace("swift.cred", SECRETS["wrong password of the store"], SECRETS["password of the store"])
        done = bed.completions(count, 900)  # the next try comes as late as there were refusals
        assert sum(not d["container"].startswith("private-") for d in done) == 2, [d["container"] for d in done]
        bed.assert_clean()
        life.look_at_everything()
        life.said += [json.dumps(done), *bed.get(STATUS), *bed.get(COMPLETE), *bed.runs()]
        assert worker.stop() == 0
    told = (bed.fake / "told").read_text()
    for name in ("token of a PPA", "variable of a private run", "token in a URL"):
        assert SECRETS[name] in told, (name, told)
    assert any(b"autopkgtest-upload" in line for line in watcher.seen) and len(watcher.seen) > 5, watcher.seen
    assert not watcher.leaks, watcher.leaks
    assert (found := in_the_clear(life)) == [], "\n".join(found)
