# SPDX-License-Identifier: GPL-3.0-only
"""Workers of a cluster of three real RabbitMQs, whose nodes are lost."""
from __future__ import annotations

import contextlib
import json
import re
import shutil
import signal
import time
import urllib.error
import urllib.request
from collections.abc import Iterator

from bed import WAIT_S, Bed, Broker, wait_for
from webstore import WebStore

QUEUE = "debci-noble-amd64"
UNANSWERED = "this queue does not answer"


def knows_quorum_leases(broker: Broker) -> bool:
    """Whether the broker has quorum queues whose messages expire: from 3.10 on."""
    return tuple(map(int, broker.api("GET", "/overview")["rabbitmq_version"].split(".")[:2])) >= (3, 10)


@contextlib.contextmanager
def cluster(bed: Bed) -> Iterator[tuple[Bed, dict[str, Broker]]]:
    """Three brokers by address, and a bed on the first."""
    first = bed.dir / "a"
    join = ("--join", str(first / "rabbitmq"))
    with contextlib.ExitStack() as stack:
        brokers = [stack.enter_context(Broker(first)),
                   stack.enter_context(Broker(bed.dir / "b", *join)), stack.enter_context(Broker(bed.dir / "c", *join))]
        if not knows_quorum_leases(brokers[0]):  # as rabbitmq-server's charm does for all queues
            brokers[0].api("PUT", "/policies/%2F/leases", {"pattern": r"^autopkgtest\.lease", "apply-to": "queues",
                                                          "definition": {"ha-mode": "all", "ha-sync-mode": "automatic"}})
        inner = Bed(bed.dir / "bed", brokers[0])
        try:
            yield inner, {broker.settings["RABBIT_HOST"]: broker for broker in brokers}
        finally:
            for worker in inner.workers:
                bed.workers.append(worker)
                if worker.process.poll() is None:
                    worker.kill()


def use_hosts(bed: Bed, *hosts: str) -> None:
    """The order in which workers that start from now on try the brokers."""
    path = bed.dir / "conf/rabbitmq.cred"
    lines = [line for line in path.read_text().splitlines() if not line.startswith("RABBIT_HOST")]
    path.write_text("\n".join([*lines, f"RABBIT_HOST={hosts[0]}", f"RABBIT_HOSTS={' '.join(hosts)}", ""]))


def home(bed: Bed, queue: str) -> str:
    """The node on which a queue lives (a quorum queue: its leader)."""
    return str(bed.broker.api("GET", f"/queues/%2F/{queue}")["node"])


def test_in_a_cluster_a_request_outlives_its_unit_and_the_broker_with_its_lease(outer: Bed) -> None:
    with cluster(outer) as (bed, brokers):
        bed.broker.declare_queue(QUEUE)  # lives on the first
        bed.configure(lease_ttl=6)
        use_hosts(bed, "127.0.0.2", "127.0.0.3", "127.0.0.1")
        worker, uuid = bed.leased_test()
        lease = bed.broker.api("GET", "/queues/%2F/autopkgtest.lease.autopkgtest-cloud-0.local-amd64-1")
        if knows_quorum_leases(bed.broker):
            assert lease["type"] == "quorum" and lease["arguments"]["x-dead-letter-strategy"] == "at-least-once", lease
            assert len(lease["members"]) == 3, lease
        else:
            assert lease["type"] == "classic" and len(lease["slave_nodes"]) == 2, lease
        worker.signal(signal.SIGKILL)
        brokers["127.0.0.2"].rig("kill")
        shutil.rmtree(bed.dir / "work")
        wait_for("the copy is back", lambda: any(uuid in text for text in bed.peek(QUEUE)))
        bed.go()
        bed.configure(unit="autopkgtest-cloud/1")  # its own lease holds, however long two brokers take to agree
        use_hosts(bed, "127.0.0.2", "127.0.0.3", "127.0.0.1")
        bed.worker(2)
        bed.completions(1)
        bed.no_more_completions()
        assert len(bed.runs()) == 2


def test_in_a_cluster_a_worker_goes_on_with_the_queues_that_are_left(outer: Bed) -> None:
    with cluster(outer) as (bed, brokers):
        bed.broker.declare_queue("debci-jammy-amd64")  # lives on the first; those of noble on the second
        use_hosts(bed, "127.0.0.2", "127.0.0.3", "127.0.0.1")
        bed.configure()
        use_hosts(bed, "127.0.0.2", "127.0.0.3", "127.0.0.1")
        worker = bed.ready_worker(1)
        assert home(bed, QUEUE) != home(bed, "debci-jammy-amd64")
        brokers["127.0.0.2"].rig("kill")
        wait_for("connected to another", lambda: worker.text().count("connected to the broker") >= 2)
        bed.request(queue="debci-jammy-amd64")
        bed.completions(1)
        wait_for("what is missing is said", lambda: QUEUE in worker.text())
        brokers["127.0.0.2"].start()
        wait_for("the queue is back", lambda: bed.broker.api("GET", f"/queues/%2F/{QUEUE}").get("state") == "running")
        bed.request()
        bed.completions(1)
        assert len(bed.runs()) == 2


def test_in_a_cluster_the_pages_go_on_with_the_queues_that_are_left(outer: Bed) -> None:
    with cluster(outer) as (bed, brokers):
        bed.request(queue="debci-jammy-amd64")  # lives on the first
        brokers["127.0.0.2"].declare_queue(QUEUE)
        bed.request()
        assert home(bed, QUEUE) != home(bed, "debci-jammy-amd64")
        web = WebStore(bed)
        conf = bed.dir / "conf/web.conf"
        conf.write_text(conf.read_text().replace("releases = noble", "releases = noble jammy"))
        use_hosts(bed, "127.0.0.1", "127.0.0.2", "127.0.0.3")

        def page(path: str) -> str:
            wanted = urllib.request.Request(f"http://127.0.0.1:{web.port}{path}", headers={"Accept": "text/html"})
            with urllib.request.urlopen(wanted, timeout=WAIT_S) as answer:
                return str(answer.read().decode())

        def queued() -> dict[str, list[str]]:
            """Packages of requests, and what is said instead."""
            releases = json.loads(page("/queues.json"))["ubuntu"]
            return {release: [text.split("\n")[0] for text in archs["amd64"]] for release, archs in releases.items()}

        def is_there(noble: list[str]) -> bool:
            try:
                return queued() == {"noble": noble, "jammy": ["gzip"]}
            except urllib.error.HTTPError as error:  # not connected yet
                assert error.code == 503, error
                return False

        try:
            web.start()
            wait_for("both", lambda: is_there(["gzip"]))
            brokers["127.0.0.2"].rig("kill")
            wait_for("what is left", lambda: is_there(["gzip", UNANSWERED]))
            for _ in range(12):  # until they look again several times
                seen = queued()
                assert seen["noble"] == ["gzip", UNANSWERED] and seen["jammy"][0] == "gzip", seen
                time.sleep(0.5)
            assert "does not answer" in page("/queues") and "a queue that does not answer" in page("/")
            assert "does not answer" in page("/queues?context=ubuntu&release=noble&arch=amd64")
            # What is left answers within a second, but for a moment in which the machine has other things to do.
            wait_for("the page of what is left", lambda: "does not answer" not in page("/queues?context=ubuntu&release=jammy&arch=amd64"))
            wait_for("the figure of what is left", lambda: 'requests{context="ubuntu",release="jammy"' in page("/metrics"))
            assert 'requests{context="ubuntu",release="noble"' not in page("/metrics")
            brokers["127.0.0.2"].start()
            wait_for("all are back", lambda: is_there(["gzip"]))
            log = (bed.dir / "web.log").read_text()
            told = re.findall(f"queue {QUEUE} (does not answer: |answers again)", log)
            assert told and told == ["does not answer: ", "answers again"] * (len(told) // 2), log  # once each time
            assert log.count("connected to the broker") == 1 and "no broker" not in log, log
        finally:
            web.kill()
