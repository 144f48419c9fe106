"""What is written on the command line, as the client takes it. Each refusal says what would do."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import click
from click.shell_completion import CompletionItem

from scheduler import duration
from scheduler import moment as rfc3339
from timer_service.client import TimerServiceError, When
from timer_service.terminal.talking import LOCAL, connect


def when(text: str) -> When:
    """As `delay` or `due_at`, in the words in which it was written."""
    if _parsed(duration.parse, text) is not None:
        return {"delay": text}
    if _parsed(rfc3339.parse, text) is not None:
        return {"due_at": text}
    raise click.BadParameter(
        f"{text!r} is neither a length such as 90s, 10m, 1h30m, PT30M nor a moment such as 2026-03-01T09:00:00+01:00."
    )


def moment(text: str) -> datetime | str:
    """The same, as a moment: a length is from now, by this machine's clock."""
    said = when(text)
    return said["due_at"] if "due_at" in said else datetime.now(UTC) + timedelta(milliseconds=duration.parse(text))


def seconds(text: str) -> float:
    if re.fullmatch(r"\d{1,9}(\.\d{1,9})?", text, re.ASCII):
        return float(text)
    ms = _parsed(duration.parse, text)
    if ms is None:
        raise click.BadParameter(f"{text!r} is no time such as 10, 10s or 500ms.")
    return ms / 1000


def backoff(text: str) -> list[float] | dict[str, float]:
    """A list of steps, or the three numbers by name."""
    parts = [part.strip() for part in text.split(",")]
    if not any("=" in part for part in parts):
        return [seconds(part) for part in parts]
    named = {name: value for name, _, value in (part.partition("=") for part in parts)}
    return {name: seconds(value) for name, value in named.items()}


def json_body(text: str) -> dict[str, Any]:
    try:
        return {"body": json.loads(text)}
    except ValueError as error:
        raise click.BadParameter(f"this is not JSON: {error}.") from None


def text_body(text: str) -> dict[str, Any]:
    return {"body": text.encode()}


def file_body(name: str) -> dict[str, Any]:
    try:
        with click.open_file(name, "rb") as file:
            return {"body": file.read()}
    except OSError as error:
        raise click.BadParameter(f"{name}: {error.strerror}.") from None


def header(text: str) -> tuple[str, str]:
    return _pair(text, ":")


def note(text: str) -> tuple[str, str]:
    return _pair(text, "=")


def mapping(ctx: click.Context, param: click.Parameter, value: tuple[tuple[str, str], ...]) -> Mapping[str, str] | None:
    """As a callback: repeated pairs as one mapping, in which nothing is lost."""
    named = dict(value)
    if len(named) < len(value):
        raise click.BadParameter("the same name is given twice.", ctx, param)
    return named or None


def waiting_ids(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """For the shell's completion: the next timers; nothing if the service does not answer soon."""
    try:
        with connect(ctx.params.get("server") or LOCAL, timeout=3, retries=0) as client:
            timers = client.page(limit=100).timers
    except (TimerServiceError, click.UsageError):
        return []
    return [
        CompletionItem(timer.id, help=f"{timer.method} {timer.url}")
        for timer in timers
        if timer.id.startswith(incomplete)
    ]


def _pair(text: str, separator: str) -> tuple[str, str]:
    name, found, value = text.partition(separator)
    if not found or not name.strip():
        raise click.BadParameter(f"{text!r} is not NAME{separator}VALUE.")
    return name.strip(), value.strip()


def _parsed(parse: Any, text: str) -> int | None:
    try:
        ms: int = parse(text)
    except ValueError:
        return None
    return ms
