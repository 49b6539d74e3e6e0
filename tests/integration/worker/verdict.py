# SPDX-License-Identifier: GPL-3.0-only
"""What the chaos test must have left behind: of each request one result, and nothing else."""
from __future__ import annotations

import dataclasses
import io
import json
import math
import pathlib
import re
import tarfile
from typing import Iterable

NOTICED_S = 3.0  # the clock of a log is that of its reader, who may be late on a busy machine


@dataclasses.dataclass
class Interruption:
    """A worker (UNIT/NAME) could not be asked, or forgot: from when until when, by time.time()."""
    what: str
    holders: frozenset[str]
    start: float
    end: float = math.inf


@dataclasses.dataclass(frozen=True)
class Stored:
    """A result.tar of the store."""
    run_id: str
    path: str  # CONTAINER/RELEASE/…/RUNID
    uuid: str
    exitcode: int
    at: float

    @staticmethod
    def read(store: pathlib.Path, tar_file: pathlib.Path) -> "Stored":
        with tarfile.open(fileobj=io.BytesIO(tar_file.read_bytes())) as tar:
            uuid, code = (tar.extractfile(name).read().decode().strip() for name in ("uuid", "exitcode"))  # type: ignore[union-attr]
        folder = tar_file.parent
        return Stored(folder.name, str(folder.relative_to(store)), uuid, int(code), tar_file.stat().st_mtime)


def read_store(store: pathlib.Path) -> list[Stored]:
    return [Stored.read(store, path) for path in sorted(store.glob("*autopkgtest-*/**/result.tar"))]


class Verdict:
    def __init__(self, requested: dict[str, tuple[int, ...]], store: pathlib.Path, announcements: Iterable[str],
                 logs: dict[str, list[tuple[float, str]]], interruptions: list[Interruption]) -> None:
        """requested: by uuid the exit codes it may have. logs: by worker, what it said and when."""
        self.requested, self.logs, self.interruptions = requested, logs, interruptions
        self.stored = {stored.path: stored for stored in read_store(store)}
        self.announced: dict[str, int] = {}  # path: how often
        for text in announcements:
            message = json.loads(text)
            path = f"{message['container']}/{message['swift_dir']}"
            self.announced[path] = self.announced.get(path, 0) + 1
        self.results: dict[str, list[Stored]] = {}
        for stored in self.stored.values():
            self.results.setdefault(stored.uuid, []).append(stored)
        self.faults: list[str] = []

    def holders(self, run_id: str, pattern: str) -> list[tuple[float, str]]:
        """Who said that of a run, and when."""
        look = re.compile(pattern.replace("RUN", re.escape(run_id)))
        return [(at, key) for key, lines in self.logs.items() for at, text in lines if look.search(text)]

    def interrupted(self, first: Stored, second: Stored) -> str | None:
        """What kept the holder of the first result, once that was stored, from being asked before the second was."""
        holders = {key for _, key in self.holders(first.run_id, "RUN: (exit code|test of)|run RUN: its worker")}
        for i in self.interruptions:
            if i.holders & holders and i.start <= second.at + NOTICED_S and i.end >= first.at - NOTICED_S:
                return i.what
        return None

    def judge_results(self, uuid: str, results: list[Stored]) -> None:
        results.sort(key=lambda stored: stored.at)
        if len(results) > 2:
            self.faults.append(f"{uuid}: {len(results)} results: {[r.run_id for r in results]}")
        elif len(results) == 2 and not self.interrupted(*results):
            self.faults.append(f"{uuid}: two results, and nothing was in the way: {[r.run_id for r in results]}")
        for result in results:
            if result.exitcode not in self.requested[uuid]:
                self.faults.append(f"{uuid}: {result.run_id} ended with {result.exitcode}, expected {self.requested[uuid]}")

    def judge(self) -> list[str]:
        """What is wrong; nothing when all is well."""
        for uuid in self.requested:
            if uuid not in self.results:
                self.faults.append(f"{uuid}: lost")
        for uuid, results in self.results.items():
            self.judge_results(uuid, results)
        self.faults += [f"announced, but not stored: {path}" for path in self.announced if path not in self.stored]
        self.faults += [f"stored, but not announced: {path}" for path in self.stored if path not in self.announced]
        for key, lines in self.logs.items():
            self.faults += [f"{key}: {text}" for _, text in lines if "mistake in this program" in text or "AddressSanitizer" in text]
        return self.faults

    def figures(self) -> str:
        doubled = sum(1 for results in self.results.values() if len(results) > 1)
        return (f"{len(self.requested)} requests, {sum(self.announced.values())} announcements of {len(self.announced)} results, "
                f"{doubled} requests with two results")


def everything_of(words: list[str], logs: dict[str, list[tuple[float, str]]], start: float) -> str:
    """The lines of all logs with one of the words, in order of time."""
    lines = sorted((at, key, text) for key, lines in logs.items() for at, text in lines if any(word in text for word in words))
    return "\n".join(f"{at - start:7.2f} {key} {text}" for at, key, text in lines)


