"""What receivers do in these tests: a row for each time that they act, from which is seen how often they did."""

from __future__ import annotations

from typing import cast

from sqlalchemy import Connection, Engine, String, Table, func, insert, select, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from tests.bench.processes import wait_until
from timer_service.once.sqlalchemy import MARKS


class Base(DeclarativeBase):
    pass


class Effect(Base):
    __tablename__ = "effects"
    __table_args__ = {"mysql_engine": "InnoDB"}  # noqa: RUF012

    id: Mapped[int] = mapped_column(primary_key=True)
    webhook_id: Mapped[str] = mapped_column(String(255))


EFFECTS = cast(Table, Effect.__table__)


def act(connection: Connection, webhook_id: str) -> None:
    connection.execute(insert(EFFECTS).values(webhook_id=webhook_id))


def stored(engine: Engine) -> tuple[int, int]:
    """How many effects, how many marks."""
    with engine.connect() as connection:
        effects = connection.scalar(select(func.count()).select_from(EFFECTS))
        marks = connection.scalar(select(func.count()).select_from(MARKS))
    return effects or 0, marks or 0


#: How many transactions wait for another, by dialect. SQLite does not tell.
_WAITING = {
    "postgresql": "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'",
    "mysql": "SELECT count(*) FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'",
}


def one_waits(engine: Engine) -> None:
    """Return once a transaction waits for another; at once where the database does not tell."""
    asked = _WAITING.get(engine.dialect.name)
    if asked is None:
        return

    def waiting() -> bool:
        with engine.connect() as connection:
            return bool(connection.scalar(text(asked)))

    wait_until(waiting, 20, "a transaction that waits")
