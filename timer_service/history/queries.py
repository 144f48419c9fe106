"""What is asked of a history, and what it answers: frozen data, no I/O."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class HistoryPlace(NamedTuple):
    """Where a page ended."""

    #: ms
    ended_at: int
    id: str


class HistoryQuery(NamedTuple):
    """Which ended timers, the newest end first. Moments in ms."""

    #: Included.
    ended_after: int | None = None
    #: Not included.
    ended_before: int | None = None
    status: str | None = None
    reason: str | None = None
    #: As `https:api.example.com:443`.
    destination: str | None = None
    tag: str | None = None
    schedule: str | None = None
    key: str | None = None
    limit: int = 100
    after: HistoryPlace | None = None


class HistoryPage(NamedTuple):
    """Timers as JSON: as GET told them when they ended, secrets hidden."""

    timers: Sequence[str]
    #: Theirs, in the same order.
    ids: Sequence[str]
    next: HistoryPlace | None
