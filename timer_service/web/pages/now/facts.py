"""What proves the sentence of the view Now, row by row: what a label says, in words, and where its list is. Pure."""

from __future__ import annotations

from typing import NamedTuple

from scheduler import HeldBy, Minute, StoreState
from timer_service.web.pages.figures.snapshot import Figures
from timer_service.web.pages.words.values import number, size, span

_FSYNC = {
    "always": "kept, to the disk at each write",
    "everysec": "kept, to the disk each second",
    "no": "kept, to the disk when the system likes",
}


_HELD = {
    HeldBy.PAUSE: "Held by a pause",
    HeldBy.RETRY_AFTER: "Held as receivers asked",
    HeldBy.RATE: "Held by a rate",
    HeldBy.CONCURRENCY: "Held by a number at once",
}
#: Of the destinations where they wait.
_STATE = {HeldBy.PAUSE: "paused", **dict.fromkeys((HeldBy.RETRY_AFTER, HeldBy.RATE, HeldBy.CONCURRENCY), "limited")}


class Fact(NamedTuple):
    """A label and what it says; '' is not known."""

    label: str
    text: str
    #: Where what it counts is listed.
    href: str = ""
    #: `late` or `bad` where it needs somebody.
    mark: str = ""


def lateness(it: Figures) -> list[Fact]:
    """Late, due within the last second, and held are what /stats calls overdue, in parts.

    Where more destinations are held than were asked what waits there, it is not known how many of those are held.
    """
    held = [(by, count) for by, count in it.held.waiting.items() if count and by is not HeldBy.BREAKER]
    due_now = _some(max(0, it.stats.overdue - it.late - sum(count for _, count in held)))
    least = "at least " if it.held.more else ""
    oldest = span(it.oldest_late_ms) if it.late else "none"
    return [
        Fact("Late now", _some(it.late), "/ui/timers" if it.late else "", "late" if it.late else ""),
        Fact("The oldest", oldest),
        Fact("Due within the last second", "" if it.held.more else due_now),
        *(Fact(_HELD[by], f"{least}{number(count)}", f"/ui/destinations?state={_STATE[by]}") for by, count in held),
        Fact("Waiting to be sent again", "" if it.stats.tried_before is None else _some(it.stats.tried_before)),
        Fact("Being sent", _some(it.stats.delivering), "/ui/timers?status=delivering" if it.stats.delivering else ""),
    ]


def rates(it: Figures) -> list[Fact]:
    """Of this minute and the last one: of one alone there is little to tell when it has just begun."""
    counted_in = it.minutes.minutes[:2]
    seconds = max(1.0, (it.minutes.read_at - counted_in[-1].at) / 1000)
    total = Minute(counted_in[-1].at, *(sum(both) for both in zip(*(one[1:7] for one in counted_in), strict=True)))
    return [
        Fact("Set", rate(total.set, seconds), "/ui/timers" if total.set else ""),
        Fact("Delivered", rate(total.delivered, seconds), "/ui/timers?status=delivered" if total.delivered else ""),
        Fact("Attempts that failed", rate(total.failed_attempts, seconds)),
        _ended_failed(total.failed, it.stats.failed),
    ]


def store(it: StoreState) -> list[Fact]:
    return [
        Fact("Writes", *_writes(it)),
        Fact("Memory", _memory(it)),
        Fact("When full", *_when_full(it)),
        Fact("Append-only file", *_append_only(it)),
        *(Fact("Warning", text, mark="bad") for text in it.warnings),
    ]


def rate(count: int, seconds: float) -> str:
    """`47.3 a second`, `3.1 a minute`: never 0 for what is only rare."""
    if not count:
        return "none"
    each = count / seconds
    return f"{each:,.1f} a second" if each >= 0.1 else f"{60 * each:.1f} a minute"


def _ended_failed(count: int, now: int) -> Fact:
    """Some may have been replayed since, and others failed before: the view Failed has those that are failed now."""
    if not count:
        return Fact("Ended failed", "none")
    if not now:
        return Fact("Ended failed", f"{number(count)}; none is failed now")
    verb = "is" if now == 1 else "are"
    return Fact("Ended failed", f"{number(count)}; {number(now)} {verb} failed now", "/ui/failed")


def _some(count: int) -> str:
    return number(count) if count else "none"


def _writes(it: StoreState) -> tuple[str, str, str]:
    if it.write_ms is None:
        return f"refused: {it.write_problem}" if it.write_problem else "", "", "bad"
    return f"answered in {it.write_ms:.1f} ms", "", ""


def _memory(it: StoreState) -> str:
    if it.used_bytes is None:
        return ""
    if not it.max_bytes:
        return f"{size(it.used_bytes)}, no limit"
    return f"{size(it.used_bytes)} of {size(it.max_bytes)}, {100 * it.used_bytes // it.max_bytes} %"


def _when_full(it: StoreState) -> tuple[str, str, str]:
    if it.may_evict is None:
        return "", "", ""
    return ("throws timers away", "", "bad") if it.may_evict else ("refuses, never drops", "", "")


def _append_only(it: StoreState) -> tuple[str, str, str]:
    if it.append_only is None:
        return "", "", ""
    if not it.append_only:
        return "none: a restart loses timers", "", "late"
    if it.append_ok is False:
        return "its last write failed", "", "bad"
    return _FSYNC.get(it.append_fsync or "", "kept"), "", ""
