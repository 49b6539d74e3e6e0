# SPDX-License-Identifier: GPL-3.0-only
"""No delivery stays unacknowledged for long."""
from __future__ import annotations

import contextlib
import socket
from typing import Iterator

import amqp

from amqp_watch import Held, Watch
from bed import COMPLETE, HOLD, WAIT_S, Bed, Worker, wait_for
from proxy import Proxy

QUEUE = "debci-noble-amd64"


@contextlib.contextmanager
def strict_broker(bed: Bed, timeout_s: int) -> Iterator[None]:
    """A broker that ends whoever holds a delivery for so long, and looks every second."""
    def set_times(timeout_ms: int, look_ms: int) -> None:
        bed.broker.rig("ctl", "eval", f"application:set_env(rabbit, consumer_timeout, {timeout_ms}), "
                                      f"application:set_env(rabbit, channel_tick_interval, {look_ms}).")

    set_times(timeout_s * 1000, 1000)
    try:
        yield
    finally:
        set_times(1800000, 60000)


@contextlib.contextmanager
def client_that_holds(bed: Bed, queue: str) -> Iterator[amqp.Connection]:
    """What a worker must not be: it consumes one message and does not acknowledge it while it works."""
    settings = bed.broker.settings
    bed.publish("held", queue)
    with amqp.Connection(f"{settings['RABBIT_HOST']}:{settings['RABBIT_PORT']}", settings["RABBIT_USER"],
                         settings["RABBIT_PASSWORD"], virtual_host=settings["RABBIT_VHOST"]) as connection:
        got: list[object] = []
        channel = connection.channel()
        channel.basic_consume(queue, callback=got.append)
        while not got:
            connection.drain_events(timeout=WAIT_S)
        yield connection


def is_ended(connection: amqp.Connection) -> bool:
    """Whether the broker closed the channel for the time that the delivery was held."""
    try:
        connection.drain_events(timeout=0.1)
    except amqp.PreconditionFailed as error:
        return "delivery acknowledgement on channel 1 timed out" in str(error)
    except socket.timeout:
        pass
    return False


def long_test(bed: Bed, timeout_s: int, test_s: int) -> None:
    """A test of at least test_s seconds is run once by a broker under whose eyes another client loses its channel for holding on."""
    with strict_broker(bed, timeout_s), client_that_holds(bed, "held-by-the-control") as control:
        bed.configure(lease_ttl=max(3, timeout_s // 2))
        bed.behave(f"sleep {test_s}\n" + HOLD)
        worker = bed.ready_worker()
        bed.request()
        bed.wait_runs(1)
        wait_for("the end of the channel of who holds a delivery", lambda: is_ended(control))
        assert bed.peek(COMPLETE) == [], "the broker was strict only when the test had ended"
        bed.go()
        bed.completions(1, test_s + WAIT_S)
        bed.no_more_completions()
        assert len(bed.runs()) == 1
        assert worker.text().count("connected to the broker") == 1 and "no broker" not in worker.text()
        bed.assert_clean()


def test_no_delivery_is_held_as_long_as_a_test_takes(bed: Bed) -> None:
    long_test(bed, timeout_s=5, test_s=8)


def describe(held: list[Held]) -> str:
    seconds = sorted(h.seconds for h in held if h.seconds is not None)
    return f"{len(seconds)} deliveries held for {1000 * seconds[len(seconds) // 2]:.1f} ms (median), {1000 * seconds[-1]:.1f} ms (most)"


# A test runs until it finds a token, which it takes away.
TAKE_A_TOKEN = 'until rm "$FAKE_DIR/token" 2>"$FAKE_DIR/none"; do sleep 0.05; done\n'


class Deliveries:
    """What is seen on the wire between the workers and their broker."""

    def __init__(self, bed: Bed) -> None:
        settings = bed.broker.settings
        self.bed, self.watch, self.forgiven = bed, Watch(), 0
        self.proxy = Proxy(lambda: (settings["RABBIT_HOST"], int(settings["RABBIT_PORT"])), watch=self.watch.see)
        bed.write_broker(self.proxy.port)

    def of(self, queue: str, redelivered: bool = False) -> list[Held]:
        return [h for h in self.watch.held if h.queue.startswith(queue) and (h.redelivered == redelivered or queue != QUEUE)]

    def unacknowledged(self) -> list[Held]:
        return [h for h in self.watch.held[self.forgiven:] if h.seconds is None]

    def let_one_end(self, count: int) -> None:
        """One test, once that many have begun and nothing is held any more."""
        token = self.bed.fake / "token"
        self.bed.wait_runs(count)
        wait_for("the acknowledgement of all deliveries", lambda: not self.unacknowledged())
        token.touch()
        wait_for("the end of a test", lambda: not token.exists())

    def kill(self, worker: Worker) -> None:
        """What it has in hand when it is killed is not held by it."""
        worker.kill()
        self.bed.ready_worker(int(worker.name[-1]))
        self.forgiven = len(self.watch.held)


def test_no_delivery_stays_unacknowledged_while_a_test_runs(bed: Bed) -> None:
    """New requests, ones delivered before, one whose worker was killed, renewals: all seen on the wire."""
    bed.configure(lease_ttl=3)
    bed.behave(TAKE_A_TOKEN)
    wire = Deliveries(bed)
    try:
        for _ in range(4):
            bed.request()
        bed.peek(QUEUE)  # these are marked as delivered before
        for _ in range(10):
            bed.request()
        first, second = bed.ready_worker(1), bed.ready_worker(2)
        for number in range(14):
            wire.let_one_end(number + 1)
        bed.completions(14)
        bed.request()
        bed.wait_runs(15)
        renewals = len(wire.of("autopkgtest.lease."))
        wait_for("renewals", lambda: len(wire.of("autopkgtest.lease.")) >= renewals + 4)
        wait_for("the lease", lambda: bed.leases(1) or bed.leases(2))
        wire.kill(first if bed.leases(1) else second)
        wire.let_one_end(16)
        bed.completions(1)
        bed.assert_clean(1, 2)
        for worker in bed.workers:
            worker.stop()
    finally:
        wire.proxy.close()
    fresh, redelivered, renewed = wire.of(QUEUE), wire.of(QUEUE, True), wire.of("autopkgtest.lease.")
    for what, held in (("new", fresh), ("redelivered", redelivered), ("leased", renewed)):
        print(f"        {what}: {describe(held)}", flush=True)
    assert len(redelivered) >= 4 and len(fresh) >= 11 and len(renewed) >= 15
    assert wire.unacknowledged() == []
