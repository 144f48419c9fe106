"""Moments, and pauses with theirs, as text for people: here and in UTC. Pure, but for the local zone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from timer_service.client import Pause
from timer_service.terminal.tables import local


def utc(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def here_and_utc(moment: datetime) -> str:
    here, there = local(moment), utc(moment)
    return here if here == there else f"{here}, {there}"


def pause_rows(pause: Pause | None) -> Iterator[Sequence[str]]:
    if pause:
        until = f", until {here_and_utc(pause.until)}" if pause.until else ", until it is resumed"
        by = f" by {pause.by}" if pause.by else ""
        yield "paused", f"{local(pause.at)}{by}{until}"
        if pause.reason:
            yield "reason", pause.reason
