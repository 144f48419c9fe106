"""From which partitions a poller claims in its next pass."""

from __future__ import annotations

import pytest

from scheduler.poller.due import LOOK_AGAIN, TOGETHER, DueTimes

COUNT = 16
NOW = 1000.0


@pytest.fixture
def due() -> DueTimes:
    """All were claimed from at NOW, and nothing is scheduled."""
    it = DueTimes()
    assert sorted(it.take(COUNT, NOW)) == list(range(COUNT))
    it.told(dict.fromkeys(range(COUNT)), [], NOW)
    return it


def test_what_a_claim_has_told_is_claimed_at_its_moment(due: DueTimes) -> None:
    due.told({3: 0.1, 4: 0.2}, [], NOW)
    assert due.next(COUNT) == pytest.approx(NOW + 0.1)
    assert due.take(COUNT, NOW + 0.1) == [3]
    assert due.take(COUNT, NOW + 0.2) == [4]


def test_where_it_rang_is_claimed_from_at_once_and_nowhere_else(due: DueTimes) -> None:
    due.rang(7, NOW + 0.05)
    assert due.next(COUNT) == NOW + 0.05
    assert due.take(COUNT, NOW + 0.05) == [7]


def test_a_ring_during_a_claim_is_not_forgotten_for_what_the_claim_tells(due: DueTimes) -> None:
    due.rang(7, NOW + 0.05)
    assert due.take(COUNT, NOW + 0.05) == [7]
    due.rang(7, NOW + 0.06)  # the claim has looked by now
    due.told({7: None}, [], NOW + 0.07)
    assert due.take(COUNT, NOW + 0.07) == [7]


def test_of_several_rings_the_earliest_counts(due: DueTimes) -> None:
    due.rang(7, NOW + 0.05)
    due.rang(7, NOW + 0.06)
    assert due.next(COUNT) == NOW + 0.05


def test_each_is_looked_at_once_a_second_and_all_that_are_to_be_soon_in_the_same_pass(due: DueTimes) -> None:
    first = due.next(COUNT)
    assert NOW + LOOK_AGAIN - TOGETHER <= first <= NOW + LOOK_AGAIN
    assert due.take_idle(COUNT, first) == list(range(COUNT))
    for _ in range(20):
        now = due.next(COUNT)
        assert LOOK_AGAIN - TOGETHER <= now - first <= LOOK_AGAIN
        assert len(due.take_idle(COUNT, now)) == COUNT
        first = now


def test_what_was_claimed_from_a_moment_ago_is_not_looked_at_with_the_others(due: DueTimes) -> None:
    due.rang(7, NOW + 0.5)
    assert due.take(COUNT, NOW + 0.5) == [7]
    assert due.take_idle(COUNT, NOW + LOOK_AGAIN) == [it for it in range(COUNT) if it != 7]


def test_what_is_known_to_be_due_is_claimed_and_not_looked_at_first(due: DueTimes) -> None:
    due.told({3: 0.1}, [], NOW)
    due.rang(4, NOW + 0.2)
    assert due.take_idle(COUNT, NOW + LOOK_AGAIN) == [it for it in range(COUNT) if it not in (3, 4)]
    due.peeked({5: 0.0, 6: None}, NOW + LOOK_AGAIN)
    assert sorted(due.take(COUNT, NOW + LOOK_AGAIN)) == [3, 4, 5]


def test_of_partitions_that_had_more_than_was_claimed_each_is_claimed_from_alone_and_in_turn(due: DueTimes) -> None:
    due.told(dict.fromkeys(range(COUNT), 0.0), [], NOW)
    seen = list[int]()
    for turn in range(COUNT):
        seen += due.take(COUNT, NOW + turn)
        due.told({seen[-1]: 0.0}, [], NOW + turn + 0.5)
    assert sorted(seen) == list(range(COUNT))


def test_those_with_a_little_are_claimed_from_beside_one_that_had_more(due: DueTimes) -> None:
    due.told({3: 0.0, 4: 0.0, 5: 0.1, 6: 0.1}, [], NOW)
    assert due.take(COUNT, NOW + 0.1) == [3, 5, 6]
    due.told({3: None, 5: None, 6: None}, [], NOW + 0.1)
    assert due.take(COUNT, NOW + 0.1) == [4]


def test_before_the_time_of_a_look_and_of_a_single_one_nothing_is_looked_at(due: DueTimes) -> None:
    assert due.take_idle(COUNT, NOW + LOOK_AGAIN - 2 * TOGETHER) == []
    assert DueTimes().take_idle(1, NOW) == []


def test_those_for_which_there_was_no_room_are_due_still_the_longest_due_first(due: DueTimes) -> None:
    due.told({3: 0.1, 4: 0.2}, [], NOW)
    assert due.take(COUNT, NOW + 0.3) == [3, 4]
    due.told({3: 0.0}, [4], NOW + 0.3)
    assert set(due.take(COUNT, NOW + 0.3)) == {3, 4}


def test_a_pass_looks_at_one_in_any_case_and_a_single_one_is_looked_at_in_every_pass(due: DueTimes) -> None:
    assert len(due.take(COUNT, NOW)) == 1
    alone = DueTimes()
    assert alone.take(1, NOW) == [0]
    alone.told({0: None}, [], NOW)
    assert alone.take(1, NOW) == [0]
    assert alone.next(1) == float("inf")  # its poller sleeps for a second at most


def test_all_are_due_where_timers_may_wait_for_room_also_those_that_had_more(due: DueTimes) -> None:
    due.told({3: 0.0, 4: 0.0}, [], NOW)
    due.all(COUNT, NOW)
    assert len(due.take(COUNT, NOW)) == COUNT
