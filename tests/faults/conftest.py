from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.faults.checker import check
from tests.faults.field import Field
from tests.faults.history import Bounds
from tests.faults.load import Mix
from tests.faults.report import Report
from tests.faults.run import run
from tests.faults.scenarios import LEASE


@pytest.fixture
def field(tmp_path: Path) -> Iterator[Field]:
    it = Field(tmp_path, Bounds(lease=LEASE))
    yield it
    it.remove()


@pytest.fixture
def judged(field: Field) -> Callable[[], None]:
    """Wait until every timer has ended, and let the checker judge what happened."""

    def judge() -> None:
        assert field.settled(40), field.timers.stats()
        assert check(field.history()) == []

    return judge


@pytest.fixture(scope="session")
def schedule(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Future[Report]]:
    """The two-minute schedule, under way."""
    with ThreadPoolExecutor(1) as one:
        yield one.submit(run, tmp_path_factory.mktemp("schedule"), seed=20261125, seconds=0, mix=Mix(rate=100))


@pytest.fixture(scope="session", autouse=True)
def _schedule_begins_first(request: pytest.FixtureRequest) -> None:
    if any("schedule" in getattr(item, "fixturenames", ()) for item in request.session.items):
        request.getfixturevalue("schedule")
