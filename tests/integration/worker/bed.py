# SPDX-License-Identifier: GPL-3.0-only
"""What the worker's tests run on: a broker of their own, settings, workers, requests, and what came out."""
from __future__ import annotations

import json
import os
import pathlib
import signal
import subprocess
import sys
import time
import urllib.error
import uuid
from typing import Any, Callable

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[2]
sys.path.insert(0, str(ROOT / "tests/support"))
from broker import Broker  # noqa: E402  (the path comes first)
from waiting import WAIT_S, wait_for  # noqa: E402

BUILD = (ROOT / os.environ.get("BUILD", "build")).resolve()
COMPLETE = "test.complete"
STATUS = "test.status"


# What a test does that runs until Bed.go().
HOLD = 'while [ ! -e "$FAKE_DIR/go" ]; do sleep 0.05; done\n'
ATTEMPTS = 40


class TooSlow(Exception):
    """The machine was too busy for what this attempt had to show."""


class Skip(Exception):
    """This machine does not let the case be; the message says why."""


class Worker:
    """One autopkgtest-worker process; its log is kept."""

    def __init__(self, bed: "Bed", name: str) -> None:
        self.bed, self.name = bed, name
        self.log = bed.dir / f"{name}.log"
        self.earlier = len(self.text()) if self.log.exists() else 0  # characters of those before it
        with open(self.log, "ab") as log:
            command = [*bed.prefix, bed.program, *bed.worker_options, "--name", name]
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=bed.env)

    def text(self) -> str:
        return self.log.read_text(errors="replace")

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def wait(self, seconds: float = WAIT_S) -> int:
        return self.process.wait(seconds)

    def stop(self) -> int:
        if self.process.poll() is None:
            self.signal(signal.SIGTERM)
        return self.wait()


class Bed:
    def __init__(self, directory: pathlib.Path, broker: Broker, **settings: Any) -> None:
        self.dir, self.broker = directory, broker
        self.program = BUILD / "bin/autopkgtest-worker"
        self.fake = directory / "fake"
        self.prefix: list[str] = []  # of the workers' command lines: a program that executes the rest in its place
        self.workers: list[Worker] = []
        self.worker_options: list[str] = []
        for name in ("conf", "fake", "lists"):
            (directory / name).mkdir(parents=True)
        self.env = dict(os.environ, AUTOPKGTEST_CLOUD_CONFIG=str(directory / "conf"), FAKE_DIR=str(self.fake))
        self.configure(**settings)
        for queue, exchange, kind, durable in ((COMPLETE, "testcomplete.fanout", "fanout", True), (STATUS, "teststatus.fanout", "fanout", False)):
            broker.api("PUT", f"/exchanges/%2F/{exchange}", {"type": kind, "durable": durable})
            broker.declare_queue(queue)
            broker.api("POST", f"/bindings/%2F/e/{exchange}/q/{queue}", {})

    def configure(self, **settings: Any) -> None:
        self.write_settings(self.dir / "conf", **settings)
        self.broker.write_credentials(self.dir / "conf")

    def write_settings(self, conf: pathlib.Path, unit: str = "autopkgtest-cloud/0", releases: str = "noble jammy", cloud: str = "local",
                       backend: str = "null", args: str = "", workers: int = 8, **settings: Any) -> None:
        values = {
            "unit": unit, "releases": releases, "autopkgtest": HERE / "fake-autopkgtest", "upload": HERE / "fake-upload",
            "work-dir": self.dir / "work", "spool-dir": self.dir / "spool", "lists-dir": self.dir / "lists",
            "drain-dir": self.dir / "drained",
            "retry-delay": 1, "lease-ttl": 60,
        } | {key.replace("_", "-"): value for key, value in settings.items()}
        lines = ["[worker]"] + [f"{key} = {value}" for key, value in values.items()]
        for number in range(1, workers + 1):
            lines += [f"[local-amd64-{number}]", f"cloud = {cloud}", "arch = amd64", f"backend = {backend}"]
            lines += [f"args = {args}"] if args else []
        (conf / "worker.conf").write_text("\n".join(lines) + "\n")

    def write_broker(self, port: int, host: str = "127.0.0.1") -> None:
        """The workers reach their broker there; configure() undoes it."""
        path = self.dir / "conf/rabbitmq.cred"
        lines = [line for line in path.read_text().splitlines() if not line.startswith(("RABBIT_HOST=", "RABBIT_PORT="))]
        path.write_text("\n".join([*lines, f"RABBIT_HOST={host}", f"RABBIT_PORT={port}", ""]))

    def worker(self, number: int = 1) -> Worker:
        worker = Worker(self, f"local-amd64-{number}")
        self.workers.append(worker)
        return worker

    def ready_worker(self, number: int = 1) -> Worker:
        worker = self.worker(number)
        wait_for("connected", lambda: "connected to the broker" in worker.text()[worker.earlier:])
        return worker

    def attempts(self, attempt: Callable[["Bed"], None]) -> None:
        """Until one of them, each on a bed of its own, is not too slow."""
        for number in range(ATTEMPTS):
            bed = Bed(self.dir / str(number), self.broker)
            try:
                attempt(bed)
                return
            except TooSlow as reason:
                print(f"        once more: {reason}", flush=True)
            finally:
                bed.close()
                self.workers += bed.workers
        raise AssertionError(f"too slow {ATTEMPTS} times")

    def close(self) -> None:
        for worker in self.workers:
            if worker.process.poll() is None:
                worker.kill()
        for queue in self.broker.api("GET", "/queues?disable_stats=true"):
            if queue.get("exclusive") or queue.get("owner_pid_details"):
                continue  # of a program that has just ended; it goes by itself
            try:
                self.broker.api("DELETE", "/queues/%2F/" + queue["name"].replace("/", "%2F"))
            except urllib.error.HTTPError as error:
                if error.code != 404:  # that one has gone by itself
                    raise

    # ---- requests and results

    def behave(self, script: str, which: str = "behave") -> None:
        new = self.fake / f".{which}"
        new.write_text(script)
        new.rename(self.fake / which)

    def publish(self, body: str, queue: str = "debci-noble-amd64") -> None:
        self.broker.declare_queue(queue)
        self.broker.publish(body, queue)

    def request(self, package: str = "gzip", queue: str = "debci-noble-amd64", **params: Any) -> str:
        params = {"triggers": ["gzip/1.12-1"], "uuid": str(uuid.uuid4())} | params
        self.publish(f"{package}\n{json.dumps(params)}", queue)
        return str(params["uuid"])

    def get(self, queue: str) -> list[str]:
        return self.broker.take(queue)

    def peek(self, queue: str) -> list[str]:
        return self.broker.peek(queue)

    def go(self) -> None:
        (self.fake / "go").touch()

    def leased_test(self, **params: Any) -> tuple[Worker, str]:
        """Worker 1 with a test that runs until go(), its request leased and acknowledged; and the request's uuid."""
        self.behave(HOLD)
        worker = self.ready_worker()
        request = self.request(**params)
        self.wait_leased()
        return worker, request

    def wait_leased(self, runs: int = 1) -> None:
        self.wait_runs(runs)
        wait_for("the lease", lambda: len(self.leases()) == 1)
        # It comes by the channel of the acknowledgement, and after it.
        wait_for("the first word of the test", lambda: self.peek(STATUS))

    def unacknowledged(self, queue: str) -> int:
        """How many messages of the queue are in somebody's hands."""
        lines = self.broker.rig("ctl", "list_queues", "-q", "--no-table-headers", "name", "messages_unacknowledged").splitlines()
        return int(dict(line.split("\t") for line in lines)[queue])

    def lease_outlives(self, seconds: float) -> None:
        """Waits until the lease of a running test has held for so long: a busy machine may lose one now and then."""
        start = time.monotonic()
        end = start + ATTEMPTS * seconds
        while time.monotonic() < start + seconds:
            assert time.monotonic() < end, "leases run out again and again"
            if self.get("debci-noble-amd64"):
                start = time.monotonic()
            time.sleep(0.2)

    def completions(self, count: int, seconds: float = WAIT_S) -> list[dict[str, Any]]:
        got: list[dict[str, Any]] = []

        def enough() -> bool:
            got.extend(json.loads(text) for text in self.get(COMPLETE))
            return len(got) >= count

        wait_for(f"{count} completion messages", enough, seconds)
        assert len(got) == count, got
        return got

    def no_more_completions(self) -> None:
        time.sleep(0.5)
        assert self.get(COMPLETE) == []

    def runs(self) -> list[str]:
        path = self.fake / "runs"
        return path.read_text().splitlines() if path.exists() else []

    def wait_runs(self, count: int, seconds: float = WAIT_S) -> list[str]:
        return wait_for(f"{count} runs of autopkgtest", lambda: len(self.runs()) >= count and self.runs(), seconds)

    def stored(self) -> list[pathlib.Path]:
        store = self.fake / "store"
        return sorted(store.iterdir()) if store.exists() else []

    def leases(self, number: int = 1, unit: str = "autopkgtest-cloud-0") -> list[str]:
        try:
            return self.peek(f"autopkgtest.lease.{unit}.local-amd64-{number}")
        except urllib.error.HTTPError as error:
            if error.code != 404:  # an empty one that nobody uses goes by itself, after eight times as long as a lease holds
                raise
            return []

    def spooled(self) -> list[str]:
        spool = self.dir / "spool"
        return sorted(p.name for p in spool.iterdir()) if spool.exists() else []

    def assert_clean(self, *numbers: int, seconds: float = WAIT_S) -> None:
        """Nothing is left of finished requests: no lease, no folder, no request."""
        for number in numbers or (1,):
            wait_for("no lease left", lambda: self.leases(number) == [], seconds)
        wait_for("an empty spool", lambda: self.spooled() == [], seconds)

        def left() -> list[pathlib.Path]:
            return [p for p in (self.dir / "work").glob("*/*") if not p.name.startswith(".")]

        wait_for("empty work folders", lambda: left() == [], seconds)
        assert self.peek("debci-noble-amd64") == []
