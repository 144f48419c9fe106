"""Schedules and their last runs as they are told, and those that this version cannot read."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count, islice, pairwise

import pytest

from scheduler import ScheduleStatus, Status, UnreadableSchedule, Webhook
from scheduler.store import keys
from scheduler.store.schedule_rows import ScheduleRow
from tests.bench.store import START, Bench
from tests.store.schedules import DAY, HOUR, MINUTE, draft, end, moments, pass_time, put, runs


def test_schedules_are_listed_by_name_over_all_partitions_in_pages(bench: Bench) -> None:
    names = sorted(f"s{n}" for n in range(45))
    for name in names:
        bench.schedules.put(draft(name, tags=("odd",) if name[-1] in "13579" else ()))
    bench.schedules.pause("s7", "deploy", "ann")
    found, after = [], ""
    while True:
        page = bench.schedules.page(after=after, limit=10)
        found += [it.name for it in page.schedules]
        if page.next is None:
            break
        after = page.next
    assert found == names
    assert [it.name for it in bench.schedules.page(status=ScheduleStatus.PAUSED).schedules] == ["s7"]
    odd = bench.schedules.page(tag="odd").schedules
    assert [it.name for it in odd] == [name for name in names if name[-1] in "13579"]


def test_a_page_stops_short_after_so_many_that_do_not_match_and_the_next_goes_on(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scheduler.store.schedules._PAGE_LOOK", 3)
    for name, tags in (("a", ()), ("b", ()), ("c", ()), ("d", ("t",))):
        bench.schedules.put(draft(name, every_ms=HOUR, tags=tags))
    first = bench.schedules.page(tag="t")
    assert (first.schedules, first.next) == ([], "c")
    (found,) = bench.schedules.page(tag="t", after="c").schedules
    assert found.name == "d"


def test_one_call_tells_no_more_large_schedules_than_a_quarter_of_a_mebibyte_and_a_page_all(bench: Bench) -> None:
    """Red with a call that tells all that it was asked for: 20 of them hold the store for 5 MiB."""
    large = Webhook(url="http://r/", body=b'"' + b"x" * 100_000 + b'"')
    here = (name for n in count() if keys.partition_of_key(name := f"s{n:03}", bench.partitions) == 0)
    names = list(islice(here, 7))
    for name in names:
        bench.schedules.put(draft(name, webhook=large))
    _, *values = bench.link.run("schedules", 0, ["-", "+", 20])
    assert len(values) == 3 * len(ScheduleRow._fields)
    assert [it.name for it in bench.schedules.page().schedules] == names


def test_the_last_ten_runs_are_told_with_how_they_ended_after_they_were_forgotten_too(bench: Bench) -> None:
    put(bench)
    for _ in range(12):
        pass_time(bench, MINUTE)
        end(bench)
    bench.alive(3 * MINUTE)  # they are kept for one
    previous = bench.schedules.get("report").previous
    assert [it.due_at - START for it in previous] == [MINUTE * n for n in range(12, 2, -1)]
    assert {it.status for it in previous} == {Status.DELIVERED}
    bench.check()


def test_one_that_cannot_be_read_is_looked_at_ever_more_rarely_until_it_can_be(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    put(bench)
    (key,) = bench.client.scan_iter("timers:*:schedule:report")
    readable = bench.client.hget(key, "plan")

    def look_for(ms: int) -> list[int]:
        """When it was looked at, in ms from now."""
        begun, looks = bench.now, []
        while bench.now <= begun + ms:
            looks.append(bench.now - begun)
            assert bench.look() == 0
            ((_, planned),) = bench.members("planned")
            bench.set_clock(int(planned))
        return looks

    bench.advance(MINUTE)
    bench.client.hset(key, "plan", readable.replace(b'"allow"', b'"queue"'))
    assert look_for(MINUTE) == [0, 5000, 15_000, 35_000]
    assert max(later - earlier for earlier, later in pairwise(look_for(DAY))) == HOUR, "and not more rarely than that"
    assert len([line for line in caplog.messages if line.startswith("schedule report cannot be read")]) == 1
    assert runs(bench) == []
    bench.client.hset(key, "plan", readable)
    bench.advance(HOUR)
    assert bench.look() >= 1
    assert moments(bench)[-1] > bench.now - START - MINUTE
    bench.advance(MINUTE)
    bench.client.hset(key, "plan", readable.replace(b'"allow"', b'"queue"'))
    bench.set_clock(int(bench.members("planned")[0][1]))
    assert look_for(10_000) == [0, 5000]


def test_a_name_without_a_schedule_is_looked_at_once_and_no_more(bench: Bench) -> None:
    """Half of a delete: each look would take it again at once, for ever."""
    root = keys.prefix(0)
    bench.client.zadd(f"{root}planned", {"gone": bench.now})
    bench.plans.look(0)
    assert bench.members("planned") == []


def test_what_only_a_later_version_can_read_is_neither_told_nor_changed_but_can_be_deleted(bench: Bench) -> None:
    put(bench)
    (key,) = bench.client.scan_iter("timers:*:schedule:report")
    plan = bench.client.hget(key, "plan").replace(b'"allow"', b'"queue"')
    bench.client.hset(key, "plan", plan)
    before = bench.client.hgetall(key)
    calls: list[Callable[[], object]] = [
        lambda: bench.schedules.get("report"),
        bench.schedules.page,
        lambda: bench.schedules.put(draft(every_ms=HOUR)),
        lambda: bench.schedules.change("report", lambda it: it.draft),
        lambda: bench.schedules.pause("report", "", ""),
        lambda: bench.schedules.resume("report"),
    ]
    for call in calls:
        with pytest.raises(UnreadableSchedule, match="report"):
            call()
    assert bench.client.hgetall(key) == before
    bench.schedules.delete("report")
    assert not bench.client.exists(key)
