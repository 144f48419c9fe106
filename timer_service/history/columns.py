"""How moments, texts and JSON stand in the columns of each database."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, DateTime, Dialect, String, Text, cast
from sqlalchemy.types import TypeDecorator, UserDefinedType

from scheduler import rfc3339

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)
_SURROGATE = re.compile("[\ud800-\udfff]")
#: What PostgreSQL takes in no text, and no database in UTF-8.
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


class Moment(TypeDecorator[int]):
    """Integer ms since the epoch; in the database a date and time of UTC, as its own tools know them."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Callable[[Any], Any] | None:
        """In SQLite as its DateTime would write it, at a fourth of the time."""
        return _sqlite_text if dialect.name == "sqlite" else super().bind_processor(dialect)

    def process_bind_param(self, value: int | None, dialect: Dialect) -> datetime | None:
        return None if value is None else _EPOCH + _no_later(value) * _MS

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> int | None:
        return None if value is None else (value.replace(tzinfo=value.tzinfo or UTC) - _EPOCH) // _MS


def _no_later(ms: int) -> int:
    """A cursor may say a moment later than there are."""
    return min(ms, rfc3339.LATEST)


def _sqlite_text(ms: int | None) -> str | None:
    if ms is None:
        return None
    text = rfc3339.rfc3339(_no_later(ms))
    return f"{text[:10]} {text[11:-1]}000"


class Words(TypeDecorator[str]):
    """Text from anywhere: a NUL or half a surrogate pair, which no database takes, becomes U+FFFD."""

    impl = Text()
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return value and _UNSTORABLE.sub("\ufffd", value)


class _PostgresJson(UserDefinedType[str]):
    """PostgreSQL's `json`, which keeps the text as it is: `jsonb` refuses \\u0000 and numbers that it cannot hold."""

    cache_ok = True

    def get_col_spec(self, **_options: Any) -> str:
        return "JSON"

    def column_expression(self, column: ColumnElement[Any]) -> ColumnElement[str]:
        return cast(column, Text)


class JsonText(TypeDecorator[str]):
    """JSON as the text that it is, half a surrogate pair written as an escape."""

    impl = Text().with_variant(_PostgresJson(), "postgresql")
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return value if value is None or value.isascii() else _SURROGATE.sub(_escaped, value)


def _escaped(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"


#: Words of ours, and names whose characters are limited.
NAME = String
