"""Which server is the primary, by what sentinels say."""

from __future__ import annotations

import pytest

from scheduler.store.sentinel_votes import majority, without_majority
from scheduler.store_address import Host

A, B, C = Host("a", 1), Host("b", 1), Host("a", 2)


@pytest.mark.parametrize(
    ("named", "sentinels", "found"),
    [
        ([A], 1, A),
        ([A, A], 3, A),
        ([A, B, A], 3, A),
        ([A, A, B, B, B], 5, B),
        ([A, C], 2, None),
        ([A], 2, None),
        ([A, A], 4, None),
        ([A, B, C], 3, None),
        ([], 3, None),
    ],
)
def test_more_than_half_of_all_sentinels_decide(named: list[Host], sentinels: int, found: Host | None) -> None:
    assert majority(named, sentinels) == found


@pytest.mark.parametrize(
    ("named", "sentinels", "known", "found"),
    [
        # The others are away. Half of all are believed in anything, fewer only in what is known.
        ([A], 2, B, A),
        ([A, A], 4, B, A),
        ([A], 3, None, A),
        ([A], 3, A, A),
        ([A], 3, B, None),
        ([A, A], 5, B, None),
        # Those who contradict each other are not believed, and those who say nothing have said nothing.
        ([A, B], 2, None, None),
        ([A, B], 3, A, None),
        ([], 3, A, None),
    ],
)
def test_a_part_of_the_sentinels_leads_nobody_away_from_a_primary_unless_it_is_half_of_them_and_agrees(
    named: list[Host], sentinels: int, known: Host | None, found: Host | None
) -> None:
    assert without_majority(named, sentinels, known) == found
