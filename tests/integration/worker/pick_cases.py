# SPDX-License-Identifier: GPL-3.0-only
"""Which queue gets how much of the workers, counted on a real broker."""
from __future__ import annotations

import collections
import math

from bed import Bed, wait_for

PICKS = 240
UPSTREAM_SHARE = 0.2
SIGMAS = 6  # beyond that a true coin falls once in 500 million times
WAITING = {"": 70, "ppa-": 70, "upstream-": 60, "huge-": 5}  # in each queue: more than PICKS can empty


def fill(bed: Bed, releases: list[str], waiting: dict[str, int]) -> None:
    """The package's name tells the queue: RELEASE-CONTEXT."""
    for release in releases:
        for context, count in waiting.items():
            for _ in range(count):
                bed.request(f"{release}-{context}", f"debci-{context}{release}-amd64")


def picked(bed: Bed, releases: list[str], count: int) -> collections.Counter[tuple[str, str]]:
    """How often each queue came, of the first `count` tests."""
    counter: collections.Counter[tuple[str, str]] = collections.Counter()
    for line in bed.runs()[:count]:
        (name,) = [word for word in line.split() if word.startswith(tuple(f"{r}-" for r in releases))]
        release, _, context = name.partition("-")
        counter[release, context] += 1
    return counter


def test_full_queues_get_their_shares_of_two_workers(bed: Bed) -> None:
    releases = ["noble", "jammy"]
    fill(bed, releases, WAITING)
    workers = [bed.worker(1), bed.worker(2)]
    wait_for(f"{PICKS} tests", lambda: len(bed.runs()) >= PICKS, 600)
    for worker in workers:
        assert worker.stop() == 0
    counter = picked(bed, releases, PICKS)
    upstream = [counter[release, "upstream-"] for release in releases]
    others = [counter[release, context] for release in releases for context in ("", "ppa-")]
    print(f"        of {PICKS}: upstream {upstream}, normal and ppa {others}", flush=True)
    assert all(counter[release, "huge-"] == 0 for release in releases), counter
    # In turn: of each worker's picks no queue has more than one more than another.
    assert max(others) - min(others) <= len(workers) and max(upstream) - min(upstream) <= len(workers), counter
    bound = SIGMAS * math.sqrt(PICKS * UPSTREAM_SHARE * (1 - UPSTREAM_SHARE))
    assert abs(sum(upstream) - PICKS * UPSTREAM_SHARE) <= bound, counter


def test_upstream_and_huge_follow_when_the_others_are_empty(bed: Bed) -> None:
    bed.configure(upstream_percentage=0)
    fill(bed, ["noble"], {"huge-": 4, "upstream-": 4, "ppa-": 4, "": 4})
    bed.worker()
    bed.completions(16)
    order = [context for count in range(1, 17) for context in (picked(bed, ["noble"], count) - picked(bed, ["noble"], count - 1))]
    contexts = [context for _, context in order]
    assert contexts[:8] == ["", "ppa-"] * 4, contexts
    assert contexts[8:] == ["upstream-"] * 4 + ["huge-"] * 4, contexts


def test_with_a_hundred_percent_upstream_comes_first(bed: Bed) -> None:
    bed.configure(upstream_percentage=100)
    fill(bed, ["noble"], {"": 4, "upstream-": 4})
    bed.worker()
    bed.completions(8)
    assert picked(bed, ["noble"], 4) == {("noble", "upstream-"): 4}
