"""When a destination is left alone: by its own failures, and not by those of one of its tenants."""

from __future__ import annotations

import sys

import pytest

from scheduler.holds.breaker import Answered, Failing, Result, Watch, probe_wait
from scheduler.holds.sums import Sums

#: Its path is not one that a test has, and it was a moment ago.
OTHER = Answered(path=1, ms_ago=3000)
ANSWERED, UNREACHED, UNANSWERED, REFUSED = Result.ANSWERED, Result.UNREACHED, Result.UNANSWERED, Result.REFUSED


class Times:
    """A watch, and a clock that goes by so many seconds each attempt."""

    def __init__(self, step: float = 1.0) -> None:
        self.watch = Watch()
        self.now = 0.0
        self.step = step

    def note(self, *results: Result, path: str = "/") -> list[str]:
        return [failing.because for failing in self.failing(*results, path=path)]

    def failing(self, *results: Result, path: str = "/") -> list[Failing]:
        found = []
        for result in results:
            self.now += self.step
            found.append(self.watch.note("tag", f"http://h{path}", result, "said", self.now))
        return [failing for failing in found if failing]

    def others_are_answered(self, told: Answered | None) -> bool:
        return self.watch.others_are_answered("tag", told, self.now)


def test_ten_that_nobody_answered_in_a_row_open_it_however_long_that_takes() -> None:
    it = Times(step=100)
    assert it.note(*[UNREACHED] * 9) == []
    assert it.note(UNREACHED) == ["10 attempts in a row failed, the last one: said"]


def test_one_answer_begins_the_row_anew() -> None:
    it = Times(step=100)
    assert it.note(*[UNREACHED] * 9, ANSWERED, *[UNREACHED] * 9) == []


def test_nine_of_ten_in_ten_seconds_open_it_and_eight_do_not() -> None:
    assert Times(0.5).note(*[UNREACHED] * 4, ANSWERED, *[UNREACHED] * 5)[0].startswith("9 of 10 attempts in 10 s")
    assert Times(0.5).note(*[UNREACHED] * 4, ANSWERED, ANSWERED, *[UNREACHED] * 4) == []


def test_refusals_of_one_path_do_not_open_an_origin_whose_other_paths_answer() -> None:
    """One gateway serves hundreds of tenants. Red without the look at paths."""
    it = Times(0.1)
    assert it.note(ANSWERED, path="/other?x=1") == []
    assert it.note(*[REFUSED] * 60, path="/tenant") == []


def test_refusals_of_the_only_path_open_it() -> None:
    assert len(Times(0.1).note(*[REFUSED] * 10, path="/hook")) == 1


def test_refusals_of_three_paths_open_it_though_another_answered_before() -> None:
    it = Times(0.1)
    it.note(ANSWERED, path="/well")
    found = []
    for number in range(12):
        found += it.note(REFUSED, path=f"/{number % 3}")
    assert len(found) == 1


def test_many_paths_of_one_tenant_that_refuse_at_once_do_not_open_an_origin_that_answers_others() -> None:
    """He had twenty timers due at once, each with a path of its own; between them nobody else's turn came."""
    it = Times(0.4)
    assert it.note(*[ANSWERED] * 3, path="/other") == []
    it.step = 0.001
    assert [it.note(REFUSED, path=f"/tenant/orders/{number}") for number in range(100)] == [[]] * 100
    it.step = 0.4
    assert it.note(ANSWERED, path="/another") == []


@pytest.mark.parametrize("result", [UNANSWERED, REFUSED])
def test_what_fails_at_once_opens_no_origin_that_has_just_answered_another(result: Result) -> None:
    """Thirty timers of one tenant that were due at once, and whose deadlines pass at once."""
    it = Times(0.4)
    it.note(*[ANSWERED] * 3, path="/other")
    for burst in range(3):
        it.step = 0.001
        assert [it.note(result, path=f"/tenant/{burst}/{number}") for number in range(30)] == [[]] * 30
        it.step = 0.02
        assert it.note(*[ANSWERED] * 60, path="/other") == []


def test_an_origin_that_leaves_nearly_all_unanswered_is_left_alone_though_it_answers_some() -> None:
    it = Times(0.02)
    found = []
    for number in range(100):
        found += it.note(ANSWERED if number % 20 == 0 else UNANSWERED, path=f"/{number}")
    assert len(found) >= 1


def test_one_that_was_answering_and_is_not_to_be_reached_is_left_alone_at_once() -> None:
    it = Times(0.001)
    it.note(*[ANSWERED] * 30, path="/well")
    assert len(it.note(*[UNREACHED] * 10)) == 1


def test_one_that_was_answering_and_answers_no_more_is_left_alone_once_deadlines_pass() -> None:
    it = Times(0.001)
    it.note(*[ANSWERED] * 30, path="/well")
    it.now += 5
    assert len(it.note(*[UNANSWERED] * 10, path="/well")) == 1


def test_an_origin_whose_paths_all_refuse_is_left_alone_a_second_after_its_last_answer() -> None:
    it = Times(0.01)
    it.note(*[ANSWERED] * 3, path="/well")
    found = []
    for number in range(105):
        found += it.note(REFUSED, path=f"/{number % 5}")
    assert len(found) == 1


def test_refusals_by_all_that_a_poller_has_seen_may_be_of_one_tenant_and_other_failures_are_not() -> None:
    assert [it.may_be_one_tenant for it in Times().failing(*[REFUSED] * 10)] == [True]
    it = Times(0.001)
    each_its_path = [failing for number in range(100) for failing in it.failing(REFUSED, path=f"/{number}")]
    assert {it.may_be_one_tenant for it in each_its_path} == {True}
    assert {it.may_be_one_tenant for it in Times().failing(*[UNREACHED] * 10)} == {False}
    assert {it.may_be_one_tenant for it in Times().failing(*[UNANSWERED] * 10)} == {False}


def test_refusals_of_three_paths_are_not_of_one_tenant_where_another_path_was_seen_to_answer() -> None:
    it = Times(0.2)
    it.note(ANSWERED, path="/well")
    found = [failing for number in range(12) for failing in it.failing(REFUSED, path=f"/{number % 3}")]
    assert [failing.may_be_one_tenant for failing in found] == [False]


def test_what_others_have_told_to_answer_is_for_a_minute_as_if_it_were_seen_here() -> None:
    """By a poller that has just begun, and has got nothing but what one tenant refuses."""
    it = Times(0.1)
    assert len(it.failing(*[REFUSED] * 10)) == 1
    assert it.others_are_answered(OTHER)
    assert it.failing(*[REFUSED] * 500) == []
    it.now += 10
    assert [failing.may_be_one_tenant for failing in it.failing(*[REFUSED] * 10)] == [True]


def test_an_origin_all_of_whose_paths_refuse_is_left_alone_a_second_after_others_have_told_of_an_answer() -> None:
    it = Times(0.01)
    found = [failing for number in range(10) for failing in it.failing(REFUSED, path=f"/{number}")]
    assert [failing.may_be_one_tenant for failing in found] == [True]
    assert it.others_are_answered(OTHER)
    assert [failing for number in range(99) for failing in it.failing(REFUSED, path=f"/{number % 5}")] == []
    found = [failing for number in range(10) for failing in it.failing(REFUSED, path=f"/{number % 5}")]
    assert [failing.may_be_one_tenant for failing in found] == [False]


@pytest.mark.parametrize("ms_ago", [60_001, -400 * 86_400_000])
def test_an_answer_of_more_than_a_minute_ago_or_of_a_clock_that_was_ahead_says_nothing(ms_ago: int) -> None:
    it = Times(0.1)
    it.note(*[REFUSED] * 10)
    assert not it.others_are_answered(Answered(1, ms_ago))
    assert not it.others_are_answered(None)


def test_an_answer_of_a_path_that_fails_by_now_says_nothing() -> None:
    """The only tenant there is."""
    it = Times(0.1)
    it.note(ANSWERED, path="/hook?x=1")
    answered = it.watch.last_answered("tag", it.now)
    assert [failing.may_be_one_tenant for failing in it.failing(*[REFUSED] * 10, path="/hook?x=2")] == [True]
    assert answered is not None
    assert not it.others_are_answered(answered._replace(ms_ago=1000))


def test_an_answer_that_a_poller_has_after_the_failures_is_one_it_need_not_be_told_of() -> None:
    it = Times(0.001)
    assert len(it.note(*[REFUSED] * 10, path="/tenant")) == 1
    it.note(ANSWERED, path="/other")
    assert it.others_are_answered(None)


def test_what_others_have_told_is_not_told_on() -> None:
    it = Times(0.1)
    it.note(*[REFUSED] * 10)
    assert it.others_are_answered(OTHER)
    assert it.watch.last_answered("tag", it.now) is None
    it.note(ANSWERED, path="/mine")
    mine = it.watch.last_answered("tag", it.now + 2)
    assert mine is not None
    assert mine.ms_ago == 2000
    assert it.watch.last_answered("tag", it.now + 61) is None


def test_a_path_that_was_last_seen_more_than_a_minute_ago_says_nothing() -> None:
    it = Times(0.1)
    it.note(ANSWERED, path="/well")
    it.now += 61
    assert len(it.note(*[REFUSED] * 10, path="/hook")) == 1


def test_a_path_is_the_same_whatever_its_query() -> None:
    it = Times(0.1)
    it.note(ANSWERED, path="/well")
    assert [it.note(REFUSED, path=f"/one?n={number}") for number in range(30)] == [[]] * 30


def test_refusals_that_do_not_count_end_a_row_of_failures_for_somebody_has_answered() -> None:
    it = Times(100)
    it.note(ANSWERED, path="/well")
    it.step = 1
    it.note(*[UNREACHED] * 9)
    it.note(ANSWERED, path="/well")
    assert it.note(REFUSED, *[UNREACHED] * 9) == []


def test_when_it_has_opened_it_counts_anew() -> None:
    it = Times(0.1)
    assert len(it.note(*[UNREACHED] * 19)) == 1
    assert len(it.note(UNREACHED)) == 1


def test_any_number_of_destinations_and_paths_is_remembered_within_bounds() -> None:
    watch = Watch()
    for number in range(5000):
        watch.note(f"tag{number}", f"http://h/{number}", UNREACHED, "connect", number)
        watch.note("same", f"http://h/{number}", ANSWERED, "", number)
    assert len(watch._seen) <= 2048
    assert len(watch._seen["same"].paths) <= 64


def test_however_long_paths_are_a_destination_takes_little_memory() -> None:
    watch = Watch()
    for number in range(64):
        watch.note("tag", f"http://h/{number:08000}", UNREACHED, "connect", number)
    assert sum(map(sys.getsizeof, watch._seen["tag"].paths)) < 64 * 50


def test_sums_of_any_number_of_destinations_are_kept_within_bounds_until_they_are_reported() -> None:
    sums = Sums()
    for number in range(25_000):
        sums.add(f"tag{number}", f"http://h{number}/{number:08000}", 1, "dns", 1)
    assert len(sums.seen) == 10_000
    assert sums.take(1)[0].url == "http://h15000"


def test_probes_follow_at_twice_the_time_each_up_to_a_minute() -> None:
    assert [probe_wait(probes) // 1000 for probes in range(7)] == [5, 10, 20, 40, 60, 60, 60]
