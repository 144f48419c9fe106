"""Receivers that use `timer_service.once` under faults, and that the same run shows what they would do without it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.faults.once import run
from tests.faults.once_outcome import Outcome, outcome, table


@pytest.mark.timeout(1200)
def test_under_faults_each_acknowledged_timer_has_its_effect_once_though_webhooks_are_sent_again(
    tmp_path: Path,
) -> None:
    """Red with `done.rowcount == 1` of once/sqlalchemy.py made `True`."""
    found = run(tmp_path, seed=20261127, seconds=0, with_helper=True)
    print(table(found))
    assert [it.receiver for it in found] == ["sqlite", "redis"]
    assert all(it.as_it_should_be for it in found), table(found)


@pytest.mark.timeout(1200)
def test_without_the_helper_the_same_faults_double_effects(tmp_path: Path) -> None:
    found = run(tmp_path, seed=20261127, seconds=0, with_helper=False)
    print(table(found))
    assert all(it.effects_doubled > 0 and it.effects_missing == 0 for it in found), table(found)


_ACKNOWLEDGED = {"a": 1, "b": 2, "c": 3}
_NOTES = ["received a", "received b", "received b", "known b", "received c"]


def _judged(effects: list[int], failed: frozenset[str] = frozenset(), *, with_helper: bool = True) -> Outcome:
    return outcome("here", _ACKNOWLEDGED, _NOTES, effects, set(failed), with_helper=with_helper)


def test_a_run_is_good_if_each_timer_has_one_effect_and_a_repeat_was_dropped() -> None:
    good = _judged([1, 2, 3])
    assert good.as_it_should_be
    assert (good.webhooks_received, good.repeats_sent, good.repeats_dropped) == (4, 1, 1)


def test_a_run_is_bad_if_an_effect_is_doubled_or_missing_or_if_it_shows_nothing() -> None:
    assert not _judged([1, 2, 2, 3]).as_it_should_be
    assert _judged([1, 2]).effects_missing == 1
    assert not _judged([1, 2]).as_it_should_be
    assert _judged([1, 2], frozenset("c")).as_it_should_be
    assert not replace(_judged([1, 2, 3]), repeats_sent=0).as_it_should_be
    assert not replace(_judged([1, 2, 3]), repeats_dropped=0).as_it_should_be
    assert not _judged([1, 2, 3], with_helper=False).as_it_should_be
    assert _judged([1, 2, 2, 3], with_helper=False).as_it_should_be
