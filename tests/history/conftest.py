from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from tests.once import databases
from timer_service.history.engine import engine_of


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    it = databases.postgres()
    yield it.database.url.replace("+psycopg", "")
    it.remove()


@pytest.fixture(params=("sqlite", "postgres"))
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/folder/history.sqlite"
    found: str = request.getfixturevalue("postgres_url")
    engine = engine_of(found)
    with engine.begin() as connection:
        for name in ("timer_history", "timer_history_tags", "timer_history_attempts", "timer_history_version"):
            connection.execute(text(f"DROP TABLE IF EXISTS {name}"))
    engine.dispose()
    return found
