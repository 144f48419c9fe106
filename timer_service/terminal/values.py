"""Reads arguments of the command line into what the client takes. Each refusal says what would be right."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final, Literal, TypeVar

import click
from click.shell_completion import CompletionItem

from scheduler import duration, origin, rfc3339
from timer_service.client import Rate, Timer, TimerClient, TimerServiceError, When
from timer_service.terminal import local_time, tables
from timer_service.terminal.service_command import LOCAL, connect

T = TypeVar("T")


def when(text: str) -> When:
    """As `delay` or `due_at`, in the words in which it was written."""
    if _parsed(duration.parse, text) is not None:
        return {"delay": text}
    if _parsed(rfc3339.parse, text) is not None:
        return {"due_at": text}
    local = local_time.parse(text, datetime.now())
    if local is None:
        raise click.BadParameter(
            f"{text!r} is neither a length such as 90s, 10m, 1h30m, PT30M nor a moment such as "
            "2026-03-01T09:00:00+01:00, or in local time 2026-03-01T09:00 or 'tomorrow 9:00'."
        )
    click.echo(f"{text!r} is taken as local time: {tables.local(local)}, {local.isoformat()}.", err=True)
    return {"due_at": local.isoformat()}


def moment(text: str) -> datetime | str:
    """A moment; a length is from now, by this machine's clock."""
    given = when(text)
    if "due_at" in given:
        return given["due_at"]
    return datetime.now(UTC) + timedelta(milliseconds=duration.parse(text))


def seconds(text: str) -> float:
    if re.fullmatch(r"\d{1,9}(\.\d{1,9})?", text, re.ASCII):
        return float(text)
    ms = _parsed(duration.parse, text)
    if ms is None:
        raise click.BadParameter(f"{text!r} is no time such as 10, 10s or 500ms.")
    return ms / 1000


def length(text: str) -> str:
    """A length with its unit, in the words in which it was written."""
    if _parsed(duration.parse, text) is None:
        raise click.BadParameter(f"{text!r} is no length such as 90s, 15m, 1h30m or PT30M.")
    return text


#: In the place of a limit: that there is none.
NONE: Final = "none"


def rate(text: str) -> Rate | Literal["none"]:
    """`10/1s`, or `10/s`."""
    if text == NONE:
        return NONE
    requests, slash, per = text.replace(" ", "").partition("/")
    per = f"1{per}" if per.isalpha() else per
    if not (slash and re.fullmatch(r"[0-9]{1,12}", requests, re.ASCII)) or _parsed(duration.parse, per) is None:
        raise click.BadParameter(f"{text!r} is no rate such as 10/1s, 600/10m or 100/d, nor none.")
    return {"requests": int(requests), "per": per}


def at_once(text: str) -> int | Literal["none"]:
    if text == NONE:
        return NONE
    if not re.fullmatch(r"[0-9]{1,12}", text, re.ASCII):
        raise click.BadParameter(f"{text!r} is no whole number, nor none.")
    return int(text)


def destination_id(text: str) -> str:
    """Of a URL, that of its origin; anything else as it is, for the service to judge."""
    if "://" not in text:
        return text
    try:
        return origin.destination(text)
    except ValueError:
        raise click.BadParameter(f"{text!r} is no URL.") from None


def backoff(text: str) -> list[float] | dict[str, float]:
    """A list of steps, or the three numbers by name."""
    parts = [part.strip() for part in text.split(",")]
    if not any("=" in part for part in parts):
        return [seconds(part) for part in parts]
    named = {name: value for name, _, value in (part.partition("=") for part in parts)}
    return {name: seconds(value) for name, value in named.items()}


def json_body(text: str) -> dict[str, Any]:
    """As it is, or with `@` before it from a file, or from stdin."""
    raw = _read(text[1:]) if text.startswith("@") else text
    try:
        # Its numbers are sent in the digits in which they are written.
        return {"body": json.loads(raw, parse_float=Decimal, parse_int=_integer)}
    except (ValueError, ArithmeticError, RecursionError) as error:
        raise click.BadParameter(f"this is not JSON: {error}.") from None


def text_body(text: str) -> dict[str, Any]:
    return {"body": text.encode()}


def file_body(name: str) -> dict[str, Any]:
    return {"body": _read(name)}


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
    if ctx.params.get("by_key"):
        return waiting_keys(ctx, param, incomplete)
    return _offered(((timer.id, timer) for timer in _waiting(ctx)), incomplete)


def waiting_keys(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    return _offered(((timer.key, timer) for timer in _waiting(ctx) if timer.key), incomplete)


def schedule_names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The first hundred schedules, by their names."""
    found = _asked(ctx, lambda client: client.schedule_page(limit=100).schedules)
    return [CompletionItem(each.name, help=each.description) for each in found if each.name.startswith(incomplete)]


def destination_ids(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The first hundred destinations: those that are limited or held, then the busiest."""
    found = _asked(ctx, lambda client: client.destination_page(limit=100).destinations)
    return [CompletionItem(each.id, help=each.state) for each in found if each.id.startswith(incomplete)]


def _offered(named: Iterable[tuple[str, Timer]], incomplete: str) -> list[CompletionItem]:
    return [
        CompletionItem(name, help=f"{timer.method} {timer.url}") for name, timer in named if name.startswith(incomplete)
    ]


def _waiting(ctx: click.Context) -> Sequence[Timer]:
    return _asked(ctx, lambda client: client.page(limit=100).timers)


def _asked(ctx: click.Context, ask: Callable[[TimerClient], Sequence[T]]) -> Sequence[T]:
    """Nothing if the service does not answer soon."""
    try:
        with connect(ctx.params.get("server") or LOCAL, timeout=3, retries=0) as client:
            return ask(client)
    except (TimerServiceError, click.UsageError):
        return []


def _read(name: str) -> bytes:
    try:
        with click.open_file(name, "rb") as file:
            return bytes(file.read())
    except OSError as error:
        raise click.BadParameter(f"{name or 'no file'}: {error.strerror}.") from None


def _integer(digits: str) -> int | Decimal:
    return Decimal(digits) if digits == "-0" else int(digits)


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
