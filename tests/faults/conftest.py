from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults.checker import check
from tests.faults.field import Field
from tests.faults.history import Bounds
from tests.faults.scenarios import LATE, LEASE


@pytest.fixture
def field(tmp_path: Path) -> Iterator[Field]:
    it = Field(tmp_path, Bounds(lease=LEASE, late=LATE))
    yield it
    it.remove()


@pytest.fixture
def judged(field: Field) -> Callable[[], None]:
    """Wait until every timer has ended, and let the checker judge what happened."""

    def judge() -> None:
        assert field.settled(120), field.timers.stats()
        assert check(field.history()) == []

    return judge
