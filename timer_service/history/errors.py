"""What can go wrong with a history."""

from __future__ import annotations


class HistoryError(Exception):
    """The history cannot do what it was asked for."""


class HistoryUnavailable(HistoryError):
    """The database is away, or too slow: trying again later may mend it."""


class HistoryUnsuitable(HistoryError):
    """The URL names no database that can hold a history, or one of a later version."""
