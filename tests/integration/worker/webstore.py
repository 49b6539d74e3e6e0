# SPDX-License-Identifier: GPL-3.0-only
"""The built-in store, which autopkgtest-web serves, for tests of the real upload."""
from __future__ import annotations

import io
import subprocess
import tarfile
import urllib.error
import urllib.request

from bed import BUILD, ROOT, WAIT_S, Bed
from ports import claim_port, wait_listening


class WebStore:
    def __init__(self, bed: Bed) -> None:
        self.bed = bed
        self.process: subprocess.Popen[bytes] | None = None
        self.port = claim_port(bed.dir)
        self.dir = bed.dir / "store"
        self.dir.mkdir()
        self.configure("127.0.0.1", self.port)

    def configure(self, host: str, port: int) -> None:
        """Where workers reach it; that may be a proxy."""
        self.url = f"http://{host}:{port}/swift/v1"
        conf = self.bed.dir / "conf"
        login = "SWIFT_USERNAME=autopkgtest\nSWIFT_PASSWORD=sesame\n"
        (conf / "store.cred").write_text(login)
        (conf / "swift.cred").write_text(f"SWIFT_AUTH_URL=http://{host}:{port}/auth/v1.0\n{login}")
        (conf / "web.conf").write_text("\n".join([
            "[web]", "hostname = localhost", f"port = {self.port}", "releases = noble", "architectures = amd64",
            "authorization = open", f"database = {self.bed.dir}/results.db", f"store-dir = {self.dir}",
            f"store-credentials = {conf}/store.cred", f"store-url = {self.url}",
            f"templates-dir = {ROOT}/templates", f"static-dir = {ROOT}/static", ""]))

    def start(self) -> None:
        with open(self.bed.dir / "web.log", "ab") as log:
            self.process = subprocess.Popen([BUILD / "bin/autopkgtest-web"], env=self.bed.env, stdout=log, stderr=log)
        wait_listening(self.process, self.port, self.bed.dir / "web.log")

    def kill(self) -> None:
        if self.process:
            self.process.kill()
            self.process.wait()

    def result(self, path: str) -> dict[str, str]:
        """The members of a result.tar."""
        status, headers, body = self.get(f"{path}/result.tar")
        assert status == 200 and headers["Content-Type"] == "application/x-tar", (status, headers)
        with tarfile.open(fileobj=io.BytesIO(body)) as tar:
            return {m.name: tar.extractfile(m).read().decode() for m in tar.getmembers()}  # type: ignore[union-attr]

    def get(self, path: str) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body, asked without any credentials."""
        try:
            with urllib.request.urlopen(f"{self.url}/{path}", timeout=WAIT_S) as answer:
                return answer.status, dict(answer.headers), answer.read()
        except urllib.error.HTTPError as error:
            return error.code, dict(error.headers), error.read()


def use_real_upload(bed: Bed, **settings: object) -> WebStore:
    bed.configure(upload=BUILD / "bin/autopkgtest-upload", **settings)
    return WebStore(bed)


