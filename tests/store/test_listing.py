"""Lists: pages in order that neither skip nor repeat a timer that stays put, however many share a moment."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest

from scheduler import Query, Status, Timer
from scheduler.store.record import destination_tag
from tests.bench.store import START, Bench


def pages(bench: Bench, **query: Any) -> Iterator[list[Timer]]:
    after = None
    while True:
        page = bench.listing.page(Query(after=after, **query))
        yield page.timers
        after = page.next
        if after is None:
            return


def ids(bench: Bench, **query: Any) -> list[str]:
    return [timer.id for page in pages(bench, **query) for timer in page]


def test_pages_go_by_due_time_in_both_directions(bench: Bench) -> None:
    timers = [bench.schedule(delay) for delay in (50, 10, 30, 20, 40)]
    ordered = [timer.id for timer in sorted(timers, key=lambda timer: timer.due_at)]
    assert ids(bench, limit=2) == ordered
    assert ids(bench, limit=2, descending=True) == ordered[::-1]
    assert bench.listing.page(Query(limit=2)).total == 5


def test_a_window_of_due_times_is_found_without_walking_to_it(bench: Bench) -> None:
    timers = [bench.schedule(delay) for delay in range(0, 100, 10)]
    found = ids(bench, due_after=START + 30, due_before=START + 60, limit=2)
    assert found == [timer.id for timer in timers[3:6]]
    assert ids(bench, due_after=START + 30, due_before=START + 60, limit=2, descending=True) == found[::-1]
    assert bench.listing.page(Query(due_after=START + 30, due_before=START + 60)).total == 3


@pytest.mark.parametrize("descending", [False, True])
def test_among_many_due_in_one_millisecond_none_is_skipped_or_repeated_while_others_move(
    bench: Bench, descending: bool
) -> None:
    # Pages of 7 out of 300 go through the same halving as pages out of 10,000.
    timers = bench.timers.set(*(bench.draft(1000) for _ in range(300)))
    moving = {timer.id for timer in timers[::3]}
    found = []
    for number, page in enumerate(pages(bench, limit=7, descending=descending)):
        found += [timer.id for timer in page]
        for timer_id in list(moving)[: 1 + number % 3]:
            moving.discard(timer_id)
            bench.timers.cancel(timer_id)
    staying = [timer.id for number, timer in enumerate(timers) if number % 3]
    assert [timer_id for timer_id in found if timer_id in set(staying)] == sorted(staying, reverse=descending)
    assert len(found) == len(set(found))


def test_timers_that_wait_behind_their_destination_are_listed_as_scheduled(bench: Bench) -> None:
    timers = [bench.schedule(url=f"http://{name}/") for name in "abcabc"]
    later = bench.schedule(1000)
    bench.advance(1)
    bench.claims.claim(9, [destination_tag(f"http://{name}/") for name in "abc"])
    assert ids(bench, limit=2) == [*sorted(timer.id for timer in timers), later.id]
    assert bench.listing.page(Query()).total == 7
    assert len(ids(bench, destination="http://a/x", limit=1)) == 2


@pytest.mark.parametrize("descending", [False, True])
def test_what_waits_behind_many_destinations_is_one_list_in_order(bench: Bench, descending: bool) -> None:
    """Behind some of them much longer than behind others."""
    chance = random.Random(7)
    hosts = [f"http://{min(chance.randrange(30), chance.randrange(30))}/" for _ in range(150)]
    timers = bench.timers.set(*(bench.draft(chance.randrange(40), url=host) for host in hosts))
    bench.advance(20)
    bench.claims.claim(256, [destination_tag(host) for host in set(hosts)])
    ordered = [timer.id for timer in sorted(timers, key=lambda timer: (timer.due_at, timer.id), reverse=descending)]
    for limit in (1, 7, 1000):
        assert ids(bench, limit=limit, descending=descending) == ordered
    window = {"due_after": START + 5, "due_before": START + 30}
    inside = {timer.id for timer in timers if START + 5 <= timer.due_at < START + 30}
    assert ids(bench, limit=7, descending=descending, **window) == [it for it in ordered if it in inside]
    assert bench.listing.page(Query()).total == 150


def test_a_tag_is_listed_whatever_the_status_and_can_be_filtered_by_it(bench: Bench) -> None:
    bench.schedule(10)
    one, two, three = (bench.schedule(delay, tags=("t",)) for delay in (10, 20, 30))
    bench.timers.cancel(two.id)
    assert ids(bench, tag="t", limit=1) == [one.id, two.id, three.id]
    assert ids(bench, tag="t", status=Status.CANCELLED) == [two.id]
    assert bench.listing.page(Query(tag="t")).total == 3
    assert bench.listing.page(Query(tag="t", status=Status.SCHEDULED)).total is None


@pytest.mark.one_partition
def test_a_filter_looks_at_a_bounded_number_of_entries_and_says_where_to_go_on(bench: Bench) -> None:
    bench.timers.set(*(bench.draft(number, url="http://common/") for number in range(2500)))
    rare = bench.schedule(9999, url="http://rare/")
    page = bench.listing.page(Query(destination="http://rare:80/path"))
    assert (page.timers, page.total) == ([], None)
    assert page.next is not None
    rest = bench.listing.page(Query(destination="http://rare/", after=page.next)).timers
    assert [timer.id for timer in rest] == [rare.id]


def test_finished_timers_are_listed_by_when_they_ended_and_filtered_by_when_they_were_due(bench: Bench) -> None:
    one, two = bench.schedule(500), bench.schedule(100)
    for timer in (one, two):
        bench.advance(1)
        bench.timers.cancel(timer.id)
    assert ids(bench, status=Status.CANCELLED) == [one.id, two.id]
    assert ids(bench, status=Status.CANCELLED, due_before=START + 300) == [two.id]


@pytest.mark.one_partition
def test_a_page_holds_no_more_than_some_megabytes(bench: Bench) -> None:
    for _ in range(20):
        bench.timers.set(*(bench.draft(5, body=bytes(200_000)) for _ in range(2)))
    first = bench.listing.page(Query(limit=1000))
    assert 20 < len(first.timers) < 40
    assert len(ids(bench, limit=1000)) == 40


def test_pages_are_one_list_whatever_the_partitions(bench: Bench) -> None:
    chance = random.Random(7)
    timers = bench.timers.set(*(bench.draft(chance.randrange(50), tags=("t",)) for _ in range(80)))
    ordered = [timer.id for timer in sorted(timers, key=lambda timer: (timer.due_at, timer.id))]
    for query in ({"limit": 7}, {"limit": 7, "tag": "t"}, {"limit": 7, "destination": "http://receiver/"}):
        assert ids(bench, **query) == ordered
        assert ids(bench, **query, descending=True) == ordered[::-1]
    assert bench.listing.page(Query()).total == 80
