"""Numbers, spans of time and moments as the page says them: `128,406`, `1 min 5 s`, `12:03:07`. Pure."""

from __future__ import annotations

from datetime import UTC, datetime

from markupsafe import Markup

_SECOND, _MINUTE, _HOUR, _DAY = 1000, 60_000, 3_600_000, 86_400_000


def number(value: int) -> str:
    """Thousands with commas, never shortened."""
    return f"{value:,}"


def counted(value: int, noun: str) -> str:
    """`1 timer`, `6 timers`."""
    return f"{value:,} {noun}{'' if value == 1 else 's'}"


def span(ms: float) -> str:
    """A length of time in at most two units: `3 ms`, `3.2 s`, `42.6 s`, `1 min 5 s`, `2 h 22 min`, `3 d 4 h`."""
    ms = max(0, ms)
    if ms < _SECOND:
        return f"{ms:.0f} ms"
    if ms < _MINUTE - 50:
        return f"{ms / _SECOND:.1f} s"
    whole = int(ms)
    for unit, name, less, lesser in (
        (_DAY, "d", _HOUR, "h"),
        (_HOUR, "h", _MINUTE, "min"),
        (_MINUTE, "min", _SECOND, "s"),
    ):
        if whole >= unit or unit == _MINUTE:
            count, rest = divmod(max(whole, unit), unit)
            return f"{count:,} {name} {rest // less} {lesser}" if rest // less else f"{count:,} {name}"
    raise AssertionError


def capitalize_first(text: str) -> str:
    """Its first letter large, and all others as they are."""
    return text[:1].upper() + text[1:]


def seconds(value: float) -> str:
    """A length that somebody chose, as it was written: `15 s`, `0.5 s`, `1 h`."""
    return f"{value:g} s" if value < 60 else span(1000 * value)


def days(length: float) -> str:
    """Seconds for which something is kept: in days, if they are whole."""
    count = length / 86_400
    return f"{count:g} days" if count > 1 and count == int(count) else seconds(length)


def size(count: int) -> str:
    """Bytes, in units of 1,000: `412 MB`, `2 GB`, `41 bytes`."""
    if count < 1000:
        return counted(count, "byte")
    value = float(count)
    for unit in ("kB", "MB", "GB", "TB"):
        value /= 1000
        if value < 999.5 or unit == "TB":
            break
    return f"{value:.1f} {unit}" if value < 10 and round(value, 1) != round(value) else f"{value:,.0f} {unit}"


def moment(ms: int, of: str = "ms") -> Markup:
    """A <time> in UTC, to the `ms`, the `s` or the `min`; with the day before it if `day ` stands before these."""
    when = datetime.fromtimestamp(ms / 1000, UTC)
    precise = f"{when:%Y-%m-%dT%H:%M:%S}.{ms % 1000:03d}Z"
    day, _, part = of.rpartition(" ")
    clock = {"ms": f"{when:%H:%M:%S}.{ms % 1000:03d}", "s": f"{when:%H:%M:%S}", "min": f"{when:%H:%M}"}[part]
    return Markup('<time datetime="{}" data-of="{}">{}</time>').format(
        precise, of, f"{when:%Y-%m-%d} {clock}" if day else clock
    )


def with_day(ms: int) -> Markup:
    """A moment to the minute, or to the second where it is at no full minute, with its day before it."""
    return moment(ms, "day min" if ms % _MINUTE == 0 else "day s")


def dated(ms: int, now: int, part: str = "ms") -> Markup:
    """A moment, with its day unless that is the day of `now`."""
    return moment(ms, part if ms // _DAY == now // _DAY else f"day {part}")
