# SPDX-License-Identifier: GPL-3.0-only
"""The two stores, and finished runs to put into them."""
from __future__ import annotations

import json
import os
import pathlib
import shlex
import subprocess
import sys
import time
import urllib.error
import urllib.request
from typing import Any, NamedTuple

import faulty
import swiftclient

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[2]
sys.path.insert(0, str(ROOT / "tests/support"))
from ports import claim_port, wait_listening  # noqa: E402  (the path comes first)

BUILD = (ROOT / os.environ.get("BUILD", "build")).resolve()
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Answer(NamedTuple):
    status: int
    headers: Any
    body: bytes


def fetch(url: str, method: str = "GET") -> Answer:
    """Asked as anybody, without credentials."""
    try:
        with DIRECT.open(urllib.request.Request(url, method=method), timeout=180) as answer:
            return Answer(answer.status, answer.headers, answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, error.headers, error.read())


class Store:
    """What both have: a folder, settings for the upload, python-swiftclient as somebody."""

    name = ""

    def __init__(self, directory: pathlib.Path) -> None:
        self.dir = directory
        self.dir.mkdir()
        self.settings: dict[str, str] = {}
        self.url = ""  # of the account

    def write_settings(self, directory: pathlib.Path, **changes: str) -> None:
        values = self.settings | {f"SWIFT_{key.upper()}": value for key, value in changes.items()}
        text = "".join(f"{key}={value}\n" for key, value in values.items() if key != "SWIFT_STORAGE_URL")
        (directory / "swift.cred").write_text(text)

    def client(self, user: str = "autopkgtest") -> swiftclient.Connection:
        raise NotImplementedError


class Swift(Store):
    def __init__(self, directory: pathlib.Path, max_file_size: int = 0) -> None:
        super().__init__(directory)
        self.name = directory.name
        self.options = ["--max-file-size", str(max_file_size)] if max_file_size else []

    def rig(self, *words: str) -> str:
        env = dict(os.environ, SWIFT_RIG_DIR=str(self.dir / "rig"))
        return subprocess.run([ROOT / "tests/rigs/swift", *words], env=env, check=True, text=True,
                              stdout=subprocess.PIPE).stdout

    def lines(self, *words: str) -> dict[str, str]:
        return dict(word.split("=", 1) for word in shlex.split(self.rig(*words)))

    def start(self) -> None:
        self.settings = self.lines("start", *self.options)
        self.url = self.settings["SWIFT_STORAGE_URL"]

    def kill(self, what: str = "proxy") -> None:
        self.rig("kill", what)

    def destroy(self) -> None:
        self.rig("destroy")

    def client(self, user: str = "autopkgtest") -> swiftclient.Connection:
        own = self.settings if user == "autopkgtest" else self.lines("env", user)
        options = {"project_name": "autopkgtest", "project_domain_name": "Default",
                   "user_domain_name": "Default", "region_name": "RegionOne"}
        return swiftclient.Connection(own["SWIFT_AUTH_URL"], user, own["SWIFT_PASSWORD"], auth_version="3",
                                      retries=0, os_options=options)


class BuiltIn(Store):
    name = "built-in"

    def __init__(self, directory: pathlib.Path) -> None:
        super().__init__(directory)
        self.process: subprocess.Popen[bytes] | None = None
        port = claim_port(directory)
        self.url = f"http://127.0.0.1:{port}/swift/v1"
        self.port = port
        self.settings = {"SWIFT_AUTH_URL": f"http://127.0.0.1:{port}/auth/v1.0", "SWIFT_USERNAME": "autopkgtest",
                         "SWIFT_PASSWORD": "built-in-secret"}
        conf = directory / "conf"
        conf.mkdir()
        (directory / "objects").mkdir()
        (conf / "store.cred").write_text("SWIFT_USERNAME=autopkgtest\nSWIFT_PASSWORD=built-in-secret\n")
        (conf / "web.conf").write_text("\n".join([
            "[web]", "hostname = localhost", f"port = {port}", "releases = noble", "architectures = amd64",
            "authorization = open", f"database = {directory}/results.db", f"store-dir = {directory}/objects",
            f"store-credentials = {conf}/store.cred", f"store-url = {self.url}",
            f"templates-dir = {ROOT}/templates", f"static-dir = {ROOT}/static", ""]))

    def start(self) -> None:
        if self.process and self.process.poll() is None:
            return
        env = dict(os.environ, AUTOPKGTEST_CLOUD_CONFIG=str(self.dir / "conf"))
        with open(self.dir / "web.log", "ab") as log:
            self.process = subprocess.Popen([BUILD / "bin/autopkgtest-web"], env=env, stdout=log, stderr=log)
        wait_listening(self.process, self.port, self.dir / "web.log")

    def kill(self, what: str = "proxy") -> None:
        assert self.process
        self.process.kill()
        self.process.wait()

    def destroy(self) -> None:
        if self.process:
            self.kill()

    def client(self, user: str = "autopkgtest") -> swiftclient.Connection:
        return swiftclient.Connection(self.settings["SWIFT_AUTH_URL"], user, self.settings["SWIFT_PASSWORD"],
                                      auth_version="1", retries=0)


# ---- runs

class Upload(NamedTuple):
    code: int
    output: str
    peak_kb: int  # most memory at one moment
    shown: bytes  # what others of the machine could read of it


class Run:
    """A folder of the spool as the worker leaves it."""

    def __init__(self, spool: pathlib.Path, run_id: str = "20261123_101112_0a1b2@", package: str = "gzip",
                 container: str = "autopkgtest-noble", acl: str = ".r:*,.rlistings", exitcode: int = 0,
                 **params: Any) -> None:
        self.dir = spool / run_id
        self.container, self.run_id, self.package = container, run_id, package
        prefix = package[:4] if package.startswith("lib") else package[0]
        self.path = f"noble/amd64/{prefix}/{package}/{run_id}"
        (self.dir / "output/artifacts").mkdir(parents=True)
        body = {"triggers": [f"{package}/1.0"], "uuid": "7b0d8bd0-4c8b-4b8c-9c06-0a1b2c3d4e5f"} | params
        self.write("request", f"{package}\n{json.dumps(body)}")
        self.write("run.json", json.dumps({
            "run-id": run_id, "release": "noble", "arch": "amd64", "container": container, "read-acl": acl,
            "exitcode": exitcode, "duration": 42, "uuid": body["uuid"], "worker": "local-amd64-1",
            "origin-queue": "debci-noble-amd64"}))
        self.write("log", "line 1\nline 2\n")
        self.write("output/testpkg-version", f"{package} 1.0-1\n")
        self.write("output/testinfo.json", '{"virt_server": "autopkgtest-virt-null"}')
        self.write("output/testbed-packages", "dpkg\t1.22\n")
        self.write("output/summary", "smoke PASS\n")
        self.write("output/artifacts/file", "kept\n")

    def write(self, name: str, text: str) -> None:
        (self.dir / name).write_text(text)

    def is_stored(self) -> bool:
        return (self.dir / "stored").exists()


def read(path: str) -> bytes:
    try:
        return pathlib.Path(path).read_bytes()
    except OSError:
        return b""


def peak_kb(pid: int) -> int:
    """The high-water mark of the memory, of this program only (what wait4 tells has its parent's in it)."""
    found = [line.split()[1] for line in read(f"/proc/{pid}/status").splitlines() if line.startswith(b"VmHWM:")]
    return int(found[0]) if found and read(f"/proc/{pid}/comm").startswith(b"autopkgtest") else 0


def check_secrets(run: Run, done: Upload, password: str) -> None:
    """Neither what it says nor what others see of it nor what it leaves behind holds a password or a token."""
    left = b"".join(path.read_bytes() for path in run.dir.rglob("*") if path.is_file() and path.stat().st_size < 1 << 20)
    for secret in faulty.tokens | {password}:
        for what, text in (("output", done.output.encode()), ("/proc", done.shown), ("files", left)):
            assert secret.encode() not in text, f"{what} of the upload: a secret"


def start_upload(store: Store, run: Run, *options: str, env: dict[str, str] | None = None,
                 before: tuple[str, ...] = (), **changes: str) -> subprocess.Popen[str]:
    conf = run.dir.parent.parent / "conf"
    conf.mkdir(exist_ok=True)
    store.write_settings(conf, **changes)
    clean = {key: value for key, value in os.environ.items() if not key.lower().endswith("_proxy")}
    return subprocess.Popen([*before, BUILD / "bin/autopkgtest-upload", *options, run.dir], stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, text=True,
                            env=clean | {"AUTOPKGTEST_CLOUD_CONFIG": str(conf)} | (env or {}))


def upload(store: Store, run: Run, *options: str, **how: Any) -> Upload:
    process = start_upload(store, run, *options, **how)
    peak, shown = 0, b""
    while process.poll() is None:
        peak = max(peak, peak_kb(process.pid))
        if peak:  # it is past its start
            shown = b"".join(read(f"/proc/{process.pid}/{name}") for name in ("cmdline", "environ")) or shown
        time.sleep(0.005)
    done = Upload(process.returncode, process.stdout.read() if process.stdout else "", peak, shown)
    check_secrets(run, done, how.get("password", store.settings["SWIFT_PASSWORD"]))
    return done
