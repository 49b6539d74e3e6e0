"""Results to look at: completion messages into the database, and the files of one run into the store."""

# SPDX-License-Identifier: GPL-3.0-only
from __future__ import annotations

import gzip
import io
import json
import subprocess
import tarfile
import time

from webserver import WebServer, build_dir

RUN = "20260115_101500_abcde@"
FOLDER = f"noble/amd64/g/gzip/{RUN}"
LOG = """autopkgtest [10:15:00]: starting date and time: 2026-01-15 10:15:00+0000
autopkgtest [10:15:00]: version 5.28
autopkgtest [10:15:01]: @@@@@@@@@@@@@@@@@@@@ test bed setup
Get:1 http://archive.ubuntu.com/ubuntu noble InRelease [256 kB]
autopkgtest [10:15:20]: @@@@@@@@@@@@@@@@@@@@ apt-source gzip
autopkgtest [10:15:22]: test simple-gzip: preparing testbed
Reading package lists...
autopkgtest [10:15:30]: test simple-gzip: [-----------------------
compressing <b>not bold</b> & "quoted"
\x1b[31mred\x1b[0m and a very long line {long}
autopkgtest [10:15:31]: test simple-gzip: -----------------------]
autopkgtest [10:15:31]: test simple-gzip:  - - - - - - - - - - results - - - - - - - - - -
simple-gzip          PASS
autopkgtest [10:15:32]: test upstream: [-----------------------
make: *** [Makefile:2130: check] Error 1
autopkgtest [10:15:40]: test upstream: -----------------------]
autopkgtest [10:15:40]: test upstream:  - - - - - - - - - - results - - - - - - - - - -
upstream             FAIL non-zero exit status 2
autopkgtest [10:15:41]: @@@@@@@@@@@@@@@@@@@@ summary
simple-gzip          PASS
upstream             FAIL non-zero exit status 2
""".replace("{long}", "x" * 300)
SUMMARY = "simple-gzip          PASS\nupstream             FAIL non-zero exit status 2\n"


PACKAGES = "bash\t5.2\nlibc6\t2.39-0ubuntu8\nzlib1g\t1.3.1\nnewcomer\t1\n"
PASSED = "20251228_070000_00037@"  # the pass before RUN


def message(package: str, release: str, arch: str, run: str, code: int, **more: str) -> dict[str, object]:
    prefix = package[:4] if package.startswith("lib") else package[:1]
    return {"architecture": arch, "container": f"autopkgtest-{release}", "duration": 40 + 7 * (code + len(package)),
            "exitcode": code, "package": package, "testpkg_version": f"1.12-1ubuntu{code + 1}",
            "release": release, "requester": more.get("requester", ""),
            "swift_dir": f"{release}/{arch}/{prefix}/{package}/{run}",
            "triggers": more.get("triggers", "glibc/2.39-0ubuntu8"), "env": more.get("env", "")}


def messages() -> list[dict[str, object]]:
    rows = [message("gzip", "noble", "amd64", RUN, 4, requester="someone", triggers="gzip/1.12-1ubuntu5")]
    for number, code in enumerate((0, 0, 2, 4, 0, 16, 0, 8, 0, 20, 0, 99) * 5):
        rows.append(message("gzip", "noble", "amd64", f"202512{number % 28 + 1:02}_{number % 24:02}0000_{number:05x}@", code))
    names = ("libfoo-perl", "a-package-with-a-name-that-is-rather-long", "systemd", "glibc", "r-cran-data.table")
    for number, name in enumerate(names * 5):
        rows.append(message(name, ("noble", "jammy")[number % 2], ("amd64", "arm64", "s390x")[number % 3],
                            f"20260110_{number % 24:02}3000_{number:05x}@", (0, 4, 0, 16, 8, 2, 20)[number % 7],
                            triggers="glibc/2.39-0ubuntu8 linux-signed-hwe-6.8/6.8.0-31.31~22.04.1+really1"))
    rows += [message("bash", "noble", "amd64", run_of_day(days_ago), 4 if days_ago % 3 == 1 else 0)
             for days_ago in range(20)]
    rows += [{**message("gzip", "noble", "amd64", run_of_day(days_ago), 0, requester="someone"), "container": "autopkgtest-noble-someone-tools"}
             for days_ago in range(3)]
    return rows


def run_of_day(days_ago: int) -> str:
    """A run of these days, which statistics count."""
    return time.strftime(f"%Y%m%d_000000_{days_ago:05x}@", time.gmtime(time.time() - 86400 * days_ago))


def fill_database(server: WebServer, rows: list[dict[str, object]] | None = None) -> None:
    text = "".join(json.dumps(row) + "\n" for row in (messages() if rows is None else rows))
    subprocess.run([str(build_dir() / "tests/bench/fill_results"), f"{server.dir}/results.db"], input=text,
                   text=True, check=True)


def result_tar(code: int = 4, packages: str = PACKAGES) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, text in (("exitcode", f"{code}\n"), ("summary", SUMMARY), ("testbed-packages", packages)):
            info = tarfile.TarInfo(name)
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text.encode()))
    return out.getvalue()


def archive(members: list[tuple[str, bytes] | tuple[str, bytes, bytes, str]]) -> bytes:
    """A tar.gz of (name, content) or (name, content, type, target)."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz", compresslevel=1) as tar:
        for name, content, *special in members:
            info = tarfile.TarInfo(name)
            info.size, info.mtime = len(content), 1768472000
            if special:
                info.type, info.linkname = special  # type: ignore[assignment]
            tar.addfile(info, io.BytesIO(content))
    return out.getvalue()


def artifacts() -> bytes:
    """What a test may leave, of all kinds, and what nobody should."""
    return archive([("./", b"", tarfile.DIRTYPE, ""), ("./empty", b""), ("reports/", b"", tarfile.DIRTYPE, ""),
                    ("reports/index.html", b"<script>alert(1)</script>"), ("reports/core", b"\x7fELF\0\1\2"),
                    ("reports/latest", b"", tarfile.SYMTYPE, "../../etc/passwd"), ("reports/hard", b"", tarfile.LNKTYPE, "reports/index.html"),
                    ("null", b"", tarfile.CHRTYPE, ""), ("../../etc/cron.d/x", b"evil"), ("/etc/passwd", b"root"), ("b&<i>ü %41.txt", b"x"),
                    *((f"many/file-{n:04}.log", b"line\n") for n in range(700))])


def fill_log(server: WebServer, compressed: bytes) -> None:
    put(server, {"X-Auth-Token": server.token()}, "log.gz", compressed, {"Content-Type": "text/plain; charset=UTF-8", "Content-Encoding": "gzip"})


def put(server: WebServer, signed: dict[str, str], name: str, body: bytes, headers: dict[str, str]) -> None:
    """A file of the run's."""
    status, _, _ = server.request("PUT", f"/swift/v1/autopkgtest-noble/{FOLDER}/{name}", body, signed | headers)
    assert status == 201, status


def fill_store(server: WebServer, log: bytes | None = None) -> None:
    signed = {"X-Auth-Token": server.token()}
    server.request("PUT", "/swift/v1/autopkgtest-noble", None, signed | {"X-Container-Read": ".r:*,.rlistings"})
    server.request("PUT", "/swift/v1/private-autopkgtest-noble", None, signed)
    fill_log(server, log if log is not None else gzip.compress(LOG.encode()))
    put(server, signed, "artifacts.tar.gz", artifacts(), {"Content-Type": "application/gzip"})
    put(server, signed, "result.tar", result_tar(), {"Content-Type": "application/x-tar"})
    packages = "libc6\t2.39-0ubuntu7\nbash\t5.2\nzlib1g\t1.3\nleaver\t2\n"
    server.request("PUT", f"/swift/v1/autopkgtest-noble/noble/amd64/g/gzip/{PASSED}/result.tar", result_tar(0, packages), signed)
    server.request("PUT", "/swift/v1/private-autopkgtest-noble/secret", b"secret", signed)
