"""Which files are imported for a part of the tests: all that may have some of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import layers

TESTS = Path(__file__).parents[1]
WATCHES = TESTS / "client/test_retries.py"
WATCHES_NOT = TESTS / "unit/test_keys.py"


@pytest.mark.parametrize("marks", ["clock", "clock and (quick or servers or processes)", "clock and (not elsewhere)"])
def test_for_what_watches_a_clock_only_files_that_say_so_are_imported(marks: str) -> None:
    assert layers.may_have(marks, WATCHES)
    assert not layers.may_have(marks, WATCHES_NOT)
    assert layers.may_have(marks, TESTS / "conftest.py")
    assert layers.may_have(marks, TESTS / "unit")


@pytest.mark.parametrize("marks", ["", "not clock", "clock or quick", "clock and (slow) or quick", "quick"])
def test_for_what_may_be_in_any_file_each_is_imported(marks: str) -> None:
    assert layers.may_have(marks, WATCHES_NOT)


def test_a_test_that_watches_a_clock_and_is_not_marked_in_its_file_ends_the_run(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Red without `check_clock`: such a test would run in no stage of `make test`."""
    item = request.node
    layers.check_clock(item)
    item.add_marker("clock")
    monkeypatch.setattr(item, "path", WATCHES_NOT)
    with pytest.raises(pytest.UsageError, match="is marked `clock` elsewhere"):
        layers.check_clock(item)


def test_every_long_file_is_there() -> None:
    assert [file for file in layers._LONG if not (TESTS / file).is_file()] == []
