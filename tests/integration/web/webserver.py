"""A real autopkgtest-web on a free port with a state folder of its own, for tests."""

# SPDX-License-Identifier: GPL-3.0-only
from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import tempfile
import zlib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tests/support"))
from ports import claim_port, wait_listening  # noqa: E402  (the path comes first)
from waiting import WAIT_S, wait_for  # noqa: E402

PASSWORD = "built-in-store"


def build_dir() -> Path:
    return Path(os.environ.get("BUILD") or ROOT / "build").absolute()


def read_until(response: http.client.HTTPResponse, mark: bytes, gzipped: zlib._Decompress | None = None) -> bytes:
    """What has come when `mark` has; `gzipped` is what expands it."""
    text = b""
    while mark not in text:
        piece = response.read1()
        assert piece, text[-200:]
        text += gzipped.decompress(piece) if gzipped else piece
    return text


class WebServer:
    """Starts the server; use as a context manager."""

    def __init__(self, settings: dict[str, str] | None = None,
                 broker: dict[str, str] | None = None) -> None:
        self.folder = tempfile.TemporaryDirectory(prefix="web-test-")
        self.dir = Path(self.folder.name)
        self.port = claim_port(self.dir)
        self.settings = settings or {}
        self.broker = broker
        self.program = build_dir() / "bin/autopkgtest-web"
        self.process: subprocess.Popen[bytes] | None = None

    def configure(self) -> None:
        values = {
            "hostname": "localhost", "port": str(self.port), "releases": "noble",
            "architectures": "amd64", "authorization": "open",
            "database": f"{self.dir}/results.db", "store-dir": f"{self.dir}/store",
            "store-credentials": f"{self.dir}/store.cred",
            "store-url": f"http://127.0.0.1:{self.port}/swift/v1",
            "templates-dir": f"{ROOT}/templates", "static-dir": f"{ROOT}/static",
        } | self.settings
        lines = ["[web]"] + [f"{key} = {value}" for key, value in values.items() if value]
        (self.dir / "web.conf").write_text("\n".join(lines) + "\n")
        (self.dir / "store.cred").write_text(
            f"SWIFT_USERNAME=autopkgtest\nSWIFT_PASSWORD={PASSWORD}\n")
        if self.broker:
            (self.dir / "rabbitmq.cred").write_text(
                "".join(f"{key}={value}\n" for key, value in self.broker.items()))

    def start(self) -> None:
        self.configure()
        environment = {**os.environ, "AUTOPKGTEST_CLOUD_CONFIG": str(self.dir)}
        log = open(self.dir / "log", "ab")
        with log:
            self.process = subprocess.Popen([str(self.program)], env=environment, stderr=log)
        wait_listening(self.process, self.port, self.dir / "log")

    def stop(self, number: int = signal.SIGTERM) -> int:
        if not self.process:
            return 0
        self.process.send_signal(number)
        code = self.process.wait(WAIT_S)
        self.process = None
        return code

    def reload(self) -> None:
        """Has it read its settings again, after which it has its broker again, if there is one."""
        assert self.process
        before = self.log().count("settings read again")
        self.process.send_signal(signal.SIGHUP)
        wait_for("the settings", lambda: self.log().count("settings read again") > before)
        if self.broker:
            self.wait_for_broker()

    def wait_for_broker(self) -> None:
        wait_for("the broker", lambda: json.loads(self.request("GET", "/healthz")[2])["checks"]["broker"] == "ok")

    def log(self) -> str:
        return (self.dir / "log").read_text(errors="replace")

    def __enter__(self) -> "WebServer":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.process:
            self.stop()
        self.folder.cleanup()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def request(self, method: str, path: str, body: bytes | None = None,
                headers: dict[str, str] | None = None) -> tuple[int, dict[str, str], bytes]:
        """One request on a connection of its own: status, headers (lower case), body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=WAIT_S)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            fields = {name.lower(): value for name, value in answer.getheaders()}
            return answer.status, fields, answer.read()
        finally:
            connection.close()

    def token(self) -> str:
        status, headers, _ = self.request("GET", "/auth/v1.0", headers={
            "X-Auth-User": "autopkgtest", "X-Auth-Key": PASSWORD})
        if status != 200:
            raise RuntimeError(f"no token: {status}")
        return headers["x-auth-token"]
