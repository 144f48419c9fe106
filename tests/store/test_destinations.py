"""What is told of destinations: how each stands and why, what waits there, what was seen of it; page by page."""

from __future__ import annotations

import pytest

from scheduler import VersionChanged
from scheduler.destinations import BreakerMode, Destination, DestinationSettings, DestinationState, Rate, ResumeAt
from scheduler.hold import HeldBy
from scheduler.holds.breaker import Answered
from scheduler.holds.slow_start import SECONDS
from scheduler.holds.sums import Sum, Sums
from scheduler.store.record import destination_tag, tag_of
from tests.bench.servers import Server
from tests.bench.store import Bench

ID = "https:api.example.com:443"
URL = "https://api.example.com/hook"
TAG = tag_of(ID)


def seen(bench: Bench, url: str = URL, attempts: int = 1, failures: int = 0, error: str | None = None) -> None:
    it = Sum(destination_tag(url), url, attempts, failures, 10 * attempts, error, bench.now if error else 0)
    bench.claims.observe([it])


def pages(bench: Bench, limit: int) -> list[Destination]:
    found: list[Destination] = []
    after = None
    while True:
        page = bench.destinations.page(after, limit)
        assert len(page.destinations) <= limit
        found += page.destinations
        if page.next is None:
            return found
        after = page.next


def test_a_destination_that_nobody_has_spoken_of_flows(bench: Bench) -> None:
    it = bench.destinations.get(ID)
    assert (it.id, it.state, it.settings, it.waiting) == (ID, DestinationState.FLOWING, DestinationSettings(), 0)
    assert bench.destinations.page().destinations == []


def test_it_tells_what_was_set_and_of_which_version(bench: Bench) -> None:
    settings = DestinationSettings(rate=Rate(10, 60_000, 3), concurrency=7, breaker=BreakerMode.OFF)
    bench.destinations.put(ID, settings)
    it = bench.destinations.get(ID)
    assert (it.settings, it.state, it.because) == (settings, DestinationState.LIMITED, "at most 10 in 60 s, 7 at once")
    with pytest.raises(VersionChanged):
        bench.destinations.put(ID, DestinationSettings(), if_version="another")
    bench.destinations.put(ID, DestinationSettings(), if_version=it.version)
    assert bench.destinations.get(ID).state is DestinationState.FLOWING


def test_it_tells_of_a_pause_and_of_what_waits(bench: Bench) -> None:
    first = bench.schedule(url=URL)
    bench.advance(10)
    bench.schedule(url=URL)
    bench.destinations.pause(ID, "down", "ann", until=bench.now + 5000)
    for _ in range(bench.partitions):
        bench.claims.claim(9)
    it = bench.destinations.get(ID)
    assert (it.state, it.since, it.next_at) == (DestinationState.PAUSED, bench.now, bench.now + 5000)
    assert it.pause is not None
    assert (it.pause.by, it.because) == ("ann", "paused by ann: down")
    assert (it.waiting, it.oldest_waiting_at) == (2, first.due_at)


def test_sums_of_several_reports_are_added_and_the_last_error_stays(bench: Bench) -> None:
    seen(bench, attempts=5, failures=2, error="connect")
    at = bench.now
    bench.advance(1000)
    seen(bench, attempts=3)
    it = bench.destinations.get(ID)
    assert it.id == ID
    assert it.observed == (8, 2, 80, "connect", at, bench.now)


def test_a_report_that_is_made_again_after_a_lost_reply_adds_nothing(bench: Bench) -> None:
    args: list[str | int] = ["one", "report", TAG, ID, 5, 1, 50, "503", bench.now, "", 0]
    for _ in range(2):
        bench.link.run("observe", 0, args)
    assert b"attempts=5 " in bench.client.hget("timers:{0}:observed", TAG)


def test_of_what_pollers_were_answered_the_newest_stays(bench: Bench) -> None:
    bench.claims.claim(0)  # by which it knows the time
    found = []
    for last in (None, Answered(7, 2000), Answered(8, 2001), None, Answered(9, 1999)):
        bench.claims.observe([Sum(TAG, URL, 1, 0, 3, None, 0, last)])
        found.append(bench.claims.last_answered(TAG))
    assert [it and it.path for it in found] == [None, 7, 7, 7, 9]
    assert all(it.ms_ago >= 1999 for it in found if it)
    assert bench.destinations.get(ID).observed.attempts == 5


def test_an_answer_that_was_noted_by_a_clock_that_was_ahead_gives_way_to_the_next(bench: Bench) -> None:
    bench.advance(86_400_000)
    bench.claims.observe([Sum(TAG, URL, 1, 0, 3, None, 0, Answered(7, 0))])
    bench.advance(-86_400_000)
    bench.claims.observe([Sum(TAG, URL, 1, 0, 3, None, 0, Answered(8, 100))])
    bench.claims.claim(0)
    found = bench.claims.last_answered(TAG)
    assert found is not None
    assert found.path == 8


def test_those_that_are_held_come_first_then_the_busiest_and_each_once(bench: Bench) -> None:
    for number in range(12):
        seen(bench, f"http://h{number}/", attempts=1 + number // 2)
    for number in (3, 7):
        bench.destinations.pause(f"http:h{number}:80", "down", "ann")
    bench.destinations.put("http:never:80", DestinationSettings(breaker=BreakerMode.OFF))
    for limit in (1, 2, 5, 100):
        found = pages(bench, limit)
        ids = [it.id for it in found]
        assert len(ids) == len(set(ids)) == 13
        assert set(ids[:2]) == {"http:h3:80", "http:h7:80"}
        attempts = [it.observed.attempts for it in found[2:]]
        assert attempts == sorted(attempts, reverse=True)
        assert ids[-1] == "http:never:80"


def test_after_a_resume_it_says_that_it_goes_on_slowly_and_until_when(bench: Bench) -> None:
    bench.destinations.pause(ID, "down", "ann")
    bench.destinations.resume(ID, ResumeAt.SLOW)
    it = bench.destinations.get(ID)
    assert (it.state, it.pause, it.next_at) == (DestinationState.LIMITED, None, bench.now + 1000 * SECONDS)
    bench.advance(1000 * SECONDS)
    assert bench.destinations.get(ID).state is DestinationState.FLOWING


def test_the_busiest_are_reported_and_the_others_stay_until_they_are() -> None:
    sums = Sums()
    for number in range(5):
        for _ in range(number + 1):
            sums.add(f"t{number}", f"http://h{number}/", 7, None if number else "connect", 5)
    assert [(it.destination, it.attempts, it.duration_ms) for it in sums.take(2)] == [("t4", 5, 35), ("t3", 4, 28)]
    left = sums.take(9)
    assert [it.destination for it in left] == ["t2", "t1", "t0"]
    assert (left[-1].failures, left[-1].last_error, left[-1].last_error_at) == (1, "connect", 5)
    assert sums.take(9) == []


def test_what_is_no_url_is_not_reported_and_keeps_no_other_from_it(bench: Bench) -> None:
    """A later version may have stored it; it was attempted and could not be sent."""
    bench.claims.observe([Sum("sometag-", "http://h:port/", 1, 1, 0, "protocol", 5), Sum(TAG, URL, 1, 0, 3, None, 0)])
    assert [it.id for it in bench.destinations.page().destinations] == [ID]


def test_in_a_store_that_is_full_destinations_are_limited_paused_and_resumed(own_server: Server) -> None:
    client = own_server.client()
    bench = Bench(client)
    bench.destinations.get(ID)
    client.config_set("maxmemory", 1)
    bench.destinations.put(ID, DestinationSettings(rate=Rate(10)))
    bench.destinations.pause(ID, "it is down", "ann")
    assert bench.destinations.get(ID).state is DestinationState.PAUSED
    bench.destinations.resume(ID, ResumeAt.FULL)
    assert bench.destinations.get(ID).state is DestinationState.LIMITED
    client.config_set("maxmemory", 0)
    client.close()


def test_it_tells_what_is_held_by_what_and_where_most_timers_wait(bench: Bench) -> None:
    def wait_at(host: str, timers: int) -> str:
        for _ in range(timers):
            bench.schedule(url=f"https://{host}/hook")
        return f"https:{host}:443"

    few, many, none, slow = wait_at("few", 1), wait_at("many", 3), wait_at("none", 0), wait_at("slow", 2)
    for name in (few, none, many):
        bench.destinations.pause(name, "", "")
    bench.destinations.put(slow, DestinationSettings(rate=Rate(1, 3_600_000)))
    for _ in range(bench.partitions):
        bench.claims.claim(9)
    found = bench.destinations.holds(2)
    assert (found.counts, found.more) == ({HeldBy.PAUSE: 3, HeldBy.RATE: 1}, False)
    assert found.waiting == {HeldBy.PAUSE: 4, HeldBy.RATE: 2}
    assert [(it.id, it.waiting, it.because) for it in found.stopped] == [(many, 3, "paused"), (few, 1, "paused")]
    for name in (few, none, many):
        bench.destinations.resume(name, ResumeAt.FULL)
    assert bench.destinations.holds(2).counts == {HeldBy.RATE: 1}
