"""Every change of clocks from 2020 to 2037 in every zone of the installed tzdata, those of the same rules once."""

from __future__ import annotations

from collections import Counter

import pytest

from benchmarks.recurrence import Change, daily, distinct_rules, ours, quarters
from scheduler.recurrence import zone_of


@pytest.fixture(scope="module")
def rules() -> dict[tuple[Change, ...], str]:
    return distinct_rules()


def test_a_daily_time_fires_once_around_each_change_in_every_zone(rules: dict[tuple[Change, ...], str]) -> None:
    counts = Counter(daily(ours, zone_of(zone), change) for changes, zone in rules.items() for change in changes)
    assert counts == {"right": sum(map(len, rules))}


def test_wildcards_keep_real_intervals_through_each_change_in_every_zone(rules: dict[tuple[Change, ...], str]) -> None:
    counts = Counter(quarters(ours, zone_of(zone), change) for changes, zone in rules.items() for change in changes)
    assert counts == {"right": sum(map(len, rules))}


def test_the_changes_that_are_tried_are_those_that_matter(rules: dict[tuple[Change, ...], str]) -> None:
    assert len(rules) > 40
    kinds = {change.after - change.before for changes in rules for change in changes}
    assert {"1:00:00", "0:30:00", "-1 day, 23:00:00", "-1 day, 23:30:00"} <= {str(it) for it in kinds}
