"""The tables of a history, as docs/history.md describes them for those who query them with tools of their own.

They change by migrations.py alone: what is there was made by some released version.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, MetaData, Table

from timer_service.history.columns import NAME, JsonText, Moment, Words

METADATA = MetaData()

#: One row: how many migrations were made.
VERSION = Table("timer_history_version", METADATA, Column("version", Integer, nullable=False))

#: One row a timer, as it stood at its last end.
TIMERS = Table(
    "timer_history",
    METADATA,
    Column("id", NAME(22), primary_key=True),
    Column("ended_at", Moment, nullable=False),
    Column("status", NAME(9), nullable=False),
    Column("reason", NAME(32), nullable=False),
    Column("due_at", Moment, nullable=False),
    Column("created_at", Moment, nullable=False),
    #: Without the values of its query, which may be secrets.
    Column("url", Words, nullable=False),
    Column("method", NAME(8), nullable=False),
    #: As `https:api.example.com:443`; "" of a timer whose record nobody can read.
    Column("destination", Words, nullable=False),
    Column("key", NAME(128)),
    Column("schedule", NAME(128)),
    Column("callback_for", NAME(40)),
    Column("occurrence", Integer, nullable=False),
    #: How many were made; of these the last ten at each end are rows of timer_history_attempts.
    Column("attempts", Integer, nullable=False),
    #: Of the last attempt.
    Column("lateness_ms", BigInteger),
    Column("status_code", Integer),
    Column("error", Words),
    #: The timer as GET /timers/{id} told it, secrets hidden.
    Column("timer", JsonText, nullable=False),
    # Each filter has an index in the order that is read: by end, then by id.
    Index("timer_history_ended", "ended_at", "id"),
    Index("timer_history_status", "status", "ended_at", "id"),
    Index("timer_history_reason", "reason", "ended_at", "id"),
    Index("timer_history_destination", "destination", "ended_at", "id"),
    Index("timer_history_schedule", "schedule", "ended_at", "id"),
    Index("timer_history_key", "key", "ended_at", "id"),
)

#: One row for each tag of a timer.
TAGS = Table(
    "timer_history_tags",
    METADATA,
    Column("tag", NAME(128), primary_key=True),
    Column("ended_at", Moment, primary_key=True),
    Column("id", NAME(22), primary_key=True),
    Index("timer_history_tags_id", "id"),
)

#: One row an attempt.
ATTEMPTS = Table(
    "timer_history_attempts",
    METADATA,
    Column("id", NAME(22), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("started_at", Moment),
    Column("lateness_ms", BigInteger),
    Column("duration_ms", BigInteger),
    Column("outcome", NAME(16)),
    Column("status_code", Integer),
    Column("response_body", Words),
    Column("error", Words),
    Column("detail", Words),
    Column("redelivery", NAME(16)),
    Column("poller", Words),
    Column("next_attempt_at", Moment),
    Column("final", Boolean, nullable=False),
    Column("occurrence", Integer, nullable=False),
    Column("asked_reschedule", Words),
    Index("timer_history_attempts_started", "started_at"),
)
