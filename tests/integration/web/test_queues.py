#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-only
"""Long queues: pages have all of it, workers miss nothing of it, whatever happens to who reads it."""
from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path
from typing import Any

import amqp

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "worker"), str(HERE.parents[1] / "support")]
import counted  # noqa: E402  (the path comes first)
from broker import Broker  # noqa: E402
from proxy import Proxy  # noqa: E402
from waiting import WAIT_S, wait_for  # noqa: E402
from webserver import ROOT, WebServer, build_dir  # noqa: E402

KEYS = ("RABBIT_HOST", "RABBIT_PORT", "RABBIT_USER", "RABBIT_PASSWORD", "RABBIT_VHOST")
LONG, SHORT, BUSY, QUORUM = (f"debci-noble-{arch}" for arch in ("amd64", "arm64", "s390x", "riscv64"))
MANY = 20_000


def setUpModule() -> None:
    targets = [str(build_dir() / "bin" / name) for name in ("autopkgtest-web", "autopkgtest-cloud")]
    subprocess.run(["make", "--no-print-directory", "-s", "-C", str(ROOT), f"BUILD={build_dir()}", *targets], check=True)


def body(number: int) -> str:
    return f'pkg{number}\n{{"triggers": ["glibc/2.39-{number}"], "uuid": "{number:08x}"}}'


def numbers(bodies: list[str]) -> list[int]:
    return [int(text.split("\n")[0].removeprefix("pkg")) for text in bodies]


def text_of(message: amqp.Message) -> str:
    return message.body.decode() if isinstance(message.body, bytes) else str(message.body)


class Client:
    """A connection of its own to the broker; what it took and did not acknowledge goes back at its end."""

    def __init__(self, broker: Broker) -> None:
        s = broker.settings
        self.connection = amqp.Connection(f"{s['RABBIT_HOST']}:{s['RABBIT_PORT']}", s["RABBIT_USER"], s["RABBIT_PASSWORD"])
        self.connection.connect()
        self.channel = self.connection.channel()

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()

    def waiting(self, queue: str) -> int:
        return int(self.channel.queue_declare(queue, passive=True).message_count)

    def take(self, queue: str) -> str | None:
        message = self.channel.basic_get(queue)
        if not message:
            return None
        self.channel.basic_ack(message.delivery_tag)
        return text_of(message)

    def lock(self, queue: str) -> None:
        """Nobody else looks into the queue from then on, until this ends, nor has any of its requests in hand."""
        def is_locked() -> bool:
            try:
                self.channel.queue_declare(f"autopkgtest.reading.{queue}", exclusive=True)
            except amqp.exceptions.ResourceLocked:
                self.channel = self.connection.channel()
                return False
            return True
        wait_for("nobody to look into it", is_locked)

    def see(self, queue: str) -> list[str]:
        self.lock(queue)
        bodies: list[str] = []
        wanted = self.waiting(queue)
        self.channel.basic_consume(queue, callback=lambda message: bodies.append(text_of(message)))
        while len(bodies) < wanted:
            self.connection.drain_events(timeout=WAIT_S)
        return bodies


class Worker(threading.Thread):
    """Takes one request after the other, in a hurry, until it is told to stop."""

    def __init__(self, broker: Broker, queue: str) -> None:
        super().__init__(daemon=True)
        self.broker, self.queue = broker, queue
        self.ended = threading.Event()
        self.taken: list[str] = []

    def run(self) -> None:
        with Client(self.broker) as client:
            while not self.ended.is_set():
                if body := client.take(self.queue):
                    self.taken.append(body)
                time.sleep(0.005)

    def __enter__(self) -> "Worker":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        self.join()


class Queues(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.tmp = tempfile.TemporaryDirectory(prefix="web-queues-")
        cls.broker = Broker(Path(cls.tmp.name))
        cls.broker.start()
        cls.addClassCleanup(cls.tmp.cleanup)
        cls.addClassCleanup(cls.broker.rig, "destroy")
        cls.broker.write_credentials(Path(cls.tmp.name))
        cls.fill(LONG, 0, MANY)
        cls.fill(SHORT, 0, 150)
        cls.fill(BUSY, 0, 3000)

    @classmethod
    def cli(cls, *words: str) -> str:
        env = dict(os.environ, AUTOPKGTEST_CLOUD_CONFIG=cls.tmp.name)
        return subprocess.run([build_dir() / "bin/autopkgtest-cloud", "queue", *words], env=env, check=True, stdout=subprocess.PIPE, text=True).stdout

    @classmethod
    def fill(cls, queue: str, first: int, end: int, arguments: dict[str, object] | None = None) -> None:
        cls.broker.declare_queue(queue, arguments)
        lines = Path(cls.tmp.name) / "lines"
        lines.write_text("".join(json.dumps({"queue": queue, "body": body(n)}) + "\n" for n in range(first, end)))
        cls.cli("put", str(lines))

    @classmethod
    def order(cls, queue: str) -> list[int]:
        with Client(cls.broker) as client:
            return numbers(client.see(queue))

    def setUp(self) -> None:
        self.serve("amd64 arm64 s390x riscv64")

    def serve(self, architectures: str, **other: str) -> None:
        """By a server that knows nothing of the queues yet; `other`: how it reaches the broker, where that is not as others do."""
        self.server = WebServer({"architectures": architectures}, {key: self.broker.settings[key] for key in KEYS} | other)
        self.addCleanup(self.server.__exit__)
        self.start()

    def start(self) -> None:
        self.server.start()
        self.server.wait_for_broker()

    def get(self, path: str) -> Any:
        return json.loads(self.server.request("GET", path, None, {"Accept": "application/json"})[2])

    def shown(self, arch: str) -> list[int]:
        """Once the queue has answered: a broker that is busy may be too slow for a moment."""
        def bodies() -> list[list[str]]:
            seen = self.get("/queues.json")["ubuntu"]["noble"][arch]
            return [seen] if "this queue does not answer" not in seen else []
        return numbers(wait_for("the queue", bodies)[0])

    def metric(self, name: str) -> float:
        text = self.server.request("GET", "/metrics")[2].decode()
        return next(float(line.split()[1]) for line in text.splitlines() if line.startswith(name + " "))

    def test_a_long_queue_is_shown_whole_and_stays_as_it_was(self) -> None:
        self.assertEqual(self.shown("amd64"), list(range(MANY)))
        self.assertGreater(self.metric("autopkgtest_queue_look_held_seconds"), 0)
        self.assertEqual(self.order(LONG), list(range(MANY)))
        self.assertEqual(self.order(SHORT), list(range(150)))

    def test_a_queue_that_is_known_is_not_read_again(self) -> None:
        seen = bytearray()  # of what the broker sends
        proxy = Proxy(lambda: ("127.0.0.1", int(self.broker.settings["RABBIT_PORT"])), watch=lambda _, sent, data: None if sent else seen.extend(data))
        self.addCleanup(proxy.close)
        self.serve("arm64", RABBIT_PORT=str(proxy.port))
        self.assertEqual(self.shown("arm64"), list(range(150)))
        self.assertGreaterEqual(seen.count(b"glibc/2.39-"), 150)
        seen.clear()
        with Client(self.broker) as client:
            client.lock(SHORT)
            self.broker.take(SHORT, 2)  # by a worker
        wait_for("the queue without them", lambda: self.shown("arm64") == list(range(2, 150)))
        self.assertLess(seen.count(b"glibc/2.39-"), 100, "it was read once more")
        self.fill(SHORT, 150, 152)
        wait_for("the queue with two more", lambda: self.shown("arm64") == list(range(2, 152)))
        self.assertEqual(self.order(SHORT), list(range(2, 152)))
        with Client(self.broker) as client:
            client.lock(SHORT)
            self.broker.purge(SHORT)
        self.fill(SHORT, 0, 150)
        wait_for("another queue of nearly the same length", lambda: self.shown("arm64") == list(range(150)))

    def test_one_reads_a_queue_at_a_time(self) -> None:
        def asks() -> threading.Thread | None:
            """Who asks a server for the queue, which it holds a part of; None: it has been too fast to be seen with it."""
            self.server.stop()
            self.start()
            asking = threading.Thread(target=lambda: self.shown("amd64"))
            asking.start()
            wait_for("it to hold some", lambda: client.waiting(LONG) < MANY - 2000 or not asking.is_alive())
            return asking if asking.is_alive() else None

        with Client(self.broker) as client:
            asking = wait_for("a server at work", asks)
        env = dict(os.environ, AUTOPKGTEST_CLOUD_CONFIG=self.tmp.name)
        done = subprocess.run([build_dir() / "bin/autopkgtest-cloud", "queue", "filter", "--all", "--dry-run", LONG], env=env, check=True,
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self.assertEqual(done.stderr, f"{MANY} requests would be removed from {LONG}\n")
        asking.join()
        self.assertEqual(len(self.shown("amd64")), MANY)
        with Client(self.broker) as client:  # another, for long
            client.lock(SHORT)
            self.broker.take(SHORT, 3)
            wait_for("its length", lambda: "147" in self.server.request("GET", "/queues", None, {"Accept": "text/html"})[2].decode())
            self.assertEqual(len(self.shown("arm64")), 150)
        wait_for("what is left of it", lambda: self.shown("arm64") == list(range(3, 150)))
        with Client(self.broker) as client:
            client.lock(SHORT)
            self.broker.purge(SHORT)
        self.fill(SHORT, 0, 150)

    def test_a_queue_that_does_not_keep_its_order_is_not_looked_into(self) -> None:
        self.fill(QUORUM, 0, 40, {"x-queue-type": "quorum", "x-delivery-limit": 2})
        page = "/queues?context=ubuntu&release=noble&arch=riscv64"
        for left in (40, 39, 38, 37):
            wait_for("as many", lambda: self.get("/queues.json")["ubuntu"]["noble"]["riscv64"] == ["request in a queue that is not a classic one"] * left)
            self.assertIn(f"{left} requests wait. Which ones is not shown", self.server.request("GET", page, None, {"Accept": "text/html"})[2].decode())
            self.assertEqual(numbers(self.broker.take(QUORUM, 1)), [40 - left])
        self.assertEqual(self.shown("arm64"), list(range(150)), "the others are shown")
        env = dict(os.environ, AUTOPKGTEST_CLOUD_CONFIG=self.tmp.name)
        done = subprocess.run([build_dir() / "bin/autopkgtest-cloud", "queue", "filter", "--all", "--dry-run", QUORUM], env=env, check=False, text=True, capture_output=True)
        self.assertEqual((done.returncode, done.stdout), (69, ""))
        self.assertIn(f"{QUORUM} is not a classic queue", done.stderr)
        self.assertIn(f"rabbitmqctl delete_queue {QUORUM} --if-empty", done.stderr)
        self.assertEqual(numbers(self.broker.take(QUORUM)), list(range(4, 40)))
        self.broker.api("DELETE", f"/queues/%2F/{QUORUM}")

    def test_a_broker_that_is_busy_for_a_moment_is_not_away(self) -> None:
        let_through = threading.Event()
        proxy = Proxy(lambda: ("127.0.0.1", int(self.broker.settings["RABBIT_PORT"])), watch=lambda _, sent, data: None if sent else let_through.wait(WAIT_S))
        self.addCleanup(proxy.close)
        self.addCleanup(let_through.set)

        def shown() -> Any:
            """What is shown after a broker that said nothing for longer than a queue that is away is waited for; None: for so long that it is away."""
            let_through.set()
            self.serve("arm64", RABBIT_PORT=str(proxy.port))
            let_through.clear()
            answers: list[Any] = []
            asking = threading.Thread(target=lambda: answers.append(self.get("/queues.json")))
            asking.start()
            time.sleep(1.5)
            let_through.set()
            asking.join()
            return answers[0].get("ubuntu")
        self.assertEqual(numbers(wait_for("a broker that is not away", shown)["noble"]["arm64"]), list(range(150)))

    def test_pages_lead_to_every_request(self) -> None:
        seen: list[int] = []
        path = "/queues?context=ubuntu&release=noble&arch=arm64"
        page = self.get(path)
        while True:
            seen += [row["position"] for row in page["requests"]]
            if "next" not in page:
                break
            page = self.get(f"{path}&from={page['next']}")
        self.assertEqual((seen, page["queued"], page["previous"]), (list(range(1, 151)), 150, 0))
        html = self.server.request("GET", path, None, {"Accept": "text/html"})[2].decode()
        self.assertIn('<a rel="next" href="?context=ubuntu&amp;release=noble&amp;arch=arm64&amp;from=100">', html)
        self.assertEqual(self.get(f"{path}&from=99999")["requests"], [])
        self.assertEqual(self.server.request("GET", f"{path}&from=x")[0], 400)

    def test_workers_take_requests_while_it_is_read(self) -> None:
        self.broker.purge(BUSY)
        self.fill(BUSY, 0, 3000)
        with Worker(self.broker, BUSY) as worker:
            wait_for("a request that was taken", lambda: worker.taken)
            reader = WebServer({"architectures": "s390x"}, {key: self.broker.settings[key] for key in KEYS})
            with reader:
                wait_for("the queue", lambda: b"pkg2999" in reader.request("GET", "/queues.json")[2])
        rest = self.order(BUSY)
        self.assertEqual(sorted(numbers(worker.taken) + rest), list(range(3000)), "none is lost, none is doubled")
        self.assertEqual(rest, sorted(rest))

    def test_a_reader_that_is_killed_loses_nothing(self) -> None:
        for held in (1, MANY // 2, MANY * 3 // 4):
            with Client(self.broker) as client:
                wait_for("its end in the middle", lambda: self.is_killed_with(held, client))
                wait_for("the broker to have them all", lambda: client.waiting(LONG) == MANY)
                self.assertEqual(self.order(LONG), list(range(MANY)))
                self.start()

    def is_killed_with(self, held: int, client: Client) -> bool:
        """A reader is killed when it holds so many; false: it had done its work before that was seen."""
        answers: list[Any] = []

        def ask() -> None:
            with contextlib.suppress(OSError):
                answers.append(self.get("/queues.json"))

        if not self.server.process:
            self.start()
        asking = threading.Thread(target=ask)
        asking.start()
        wait_for("it to hold so many", lambda: client.waiting(LONG) <= MANY - held or not asking.is_alive())
        self.server.stop(signal.SIGKILL)
        asking.join()
        return not answers


if __name__ == "__main__":
    counted.main()
