"""A timer from set to ended, as entries of a rail: what happened when, and what lay between. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from scheduler import Attempt, Outcome, Redelivery, Status, Timer
from timer_service.web.pages.words.outcomes import ending, outcome
from timer_service.web.pages.words.values import span
from timer_service.web.pages.words.waits import cause, planned_at

#: ms of lateness from which it is marked.
_LATE = 1000
#: Bytes of an answer that a poller keeps, as JSON writes them; a character of them takes at most 12.
_KEPT, _LONGEST_CHARACTER = 4096, 12

_HOW = {
    None: "",
    Redelivery.RETRY: ", a retry",
    Redelivery.REPLAY: ", a replay",
    Redelivery.LEASE_EXPIRED: ", a repeat",
    Redelivery.RESCHEDULED: ", set to this moment anew",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One stop of the rail."""

    icon: str
    #: Set in bold, then the rest of its line.
    name: str
    rest: str = ""
    #: How it went, in words; the colour and shape that these have.
    went: str = ""
    tone: str = ""
    #: ms; None where nobody noted it.
    at: int | None = None
    #: Its moment is to come: how long until then is said too.
    is_ahead: bool = False
    #: Its moment has another day than that of the entry before.
    new_day: bool = False
    #: What lay between the entry before and this one; '' for nothing.
    wait: str = ""
    #: (what, how much, whether it is late)
    facts: tuple[tuple[str, str, bool], ...] = ()
    hint: str = ""
    #: The header that told the receiver of a repeat.
    marked: str = ""
    answer: str | None = None
    #: Bytes of the answer that are kept, and whether there may have been more.
    answer_bytes: int = 0
    answer_cut: bool = False
    #: Shown unfolded.
    open: bool = False


def rail(timer: Timer, attempts: Sequence[Attempt]) -> list[Entry]:
    """All that is known, oldest first. `attempts` are the last ten that have ended."""
    found: list[Entry] = []
    day = None
    for entry in _entries(timer, attempts):
        its_day = day if entry.at is None else entry.at // 86_400_000
        found.append(replace(entry, new_day=its_day != day))
        day = its_day
    return found


def _entries(timer: Timer, attempts: Sequence[Attempt]) -> Iterator[Entry]:
    known = [it for it in attempts if it.number]
    first_due = timer.due_at
    if known and known[0].number == 1 and (planned := _planned(known[0])) is not None:
        first_due = planned
    was_moved = bool(timer.attempts) and not (known and known[0].number == 1)
    if timer.created_at:
        rest = "" if was_moved or first_due < timer.created_at else f", to be sent {_later(first_due, timer)}"
        yield Entry(icon="set", name="Set", rest=rest, at=timer.created_at)
    hidden = (known[0].number if known else timer.attempts + 1 - (timer.status is Status.DELIVERING)) - 1
    if hidden > 0:
        many = "Attempt 1 is" if hidden == 1 else f"Attempts 1 to {hidden:,} are"
        yield Entry(icon="due", name=f"{many} not shown", rest=": only the last ten are kept")
    before: Attempt | None = None
    since_due = _since_due(timer, known)
    for number, attempt in enumerate(attempts):
        yield from _due(attempt, before, first_due if attempt.number == 1 else None)
        yield _attempt(timer, attempt, before, since_due, is_last=number == len(attempts) - 1)
        before = attempt
    yield from _end(timer, before, since_due)


def _due(attempt: Attempt, before: Attempt | None, first_due: int | None) -> Iterator[Entry]:
    """The moment of an attempt, where it is not just that of a retry."""
    if before is None and first_due is not None:
        yield Entry(icon="due", name="Due", at=first_due, wait="")
    elif attempt.redelivery is Redelivery.REPLAY:
        yield Entry(icon="set", name="Replayed", at=_planned(attempt))
    elif attempt.redelivery is Redelivery.RESCHEDULED:
        asked = before is not None and before.outcome is Outcome.DELIVERED
        rest = ", as its receiver asked by timer-reschedule" if asked else ", moved to this moment"
        yield Entry(icon="due", name="Due", rest=rest, at=_planned(attempt))


def _attempt(
    timer: Timer, attempt: Attempt, before: Attempt | None, since_due: dict[int, int], *, is_last: bool
) -> Entry:
    if not attempt.number:
        return Entry(icon="failed", name="An attempt", rest=" that this version cannot read", tone="failed")
    is_lost = attempt.error == "lease-lost"
    body = attempt.response_body
    stored = 0 if body is None else len(json.dumps(body, ensure_ascii=False).encode()) - 2
    went_well = attempt.outcome is Outcome.DELIVERED
    return Entry(
        icon="delivering" if is_lost else "delivered" if went_well else "failed",
        name=f"Attempt {attempt.number:,}",
        rest=_HOW[attempt.redelivery] + (f", occurrence {attempt.occurrence:,}" if attempt.occurrence > 1 else ""),
        went=outcome(attempt, timer.webhook.timeout),
        tone="late" if is_lost else "delivered" if went_well else "failed",
        at=attempt.started_at,
        wait=_between(timer, before, attempt, since_due),
        facts=tuple(_facts(attempt)),
        hint=_hint(attempt),
        marked="timer-redelivery: lease-expired" if attempt.redelivery is Redelivery.LEASE_EXPIRED else "",
        answer=body or None,
        answer_bytes=len((body or "").encode("utf-8", "surrogatepass")),
        answer_cut=stored > _KEPT - _LONGEST_CHARACTER,
        open=is_last and not went_well,
    )


def _facts(attempt: Attempt) -> Iterator[tuple[str, str, bool]]:
    if attempt.lateness_ms is not None:
        yield "Lateness", span(attempt.lateness_ms), attempt.lateness_ms >= _LATE
    if attempt.duration_ms is not None:
        yield "Took", span(attempt.duration_ms), False
    if attempt.poller is not None:
        yield "Poller", attempt.poller, False
    if attempt.error is not None and attempt.error != "lease-lost":
        yield "Error", attempt.error, False
    if attempt.asked_reschedule is not None:
        yield "Asked for again, not obeyed", attempt.asked_reschedule, False


def _hint(attempt: Attempt) -> str:
    if attempt.error == "lease-lost":
        return "The poller stopped, or was cut off, while this was under way. The receiver may have got it."
    return attempt.detail or ""


def _between(timer: Timer, before: Attempt | None, attempt: Attempt, since_due: dict[int, int]) -> str:
    """What lay between the entry before this attempt's, which is the attempt before or its moment, and its sending."""
    if attempt.started_at is None:
        return ""
    if attempt.number == 1 or attempt.redelivery in (Redelivery.REPLAY, Redelivery.RESCHEDULED):
        return span(attempt.lateness_ms) if attempt.lateness_ms is not None else ""
    if before is None:
        return ""
    if before.error == "lease-lost":
        return "until the lease of the attempt before had run out"
    if before.started_at is None:
        return ""
    length = attempt.started_at - before.started_at - (before.duration_ms or 0)
    why = cause(timer, before, since_due.get(before.number))
    return f"{span(length)}, {why}" if why else span(length)


def _end(timer: Timer, before: Attempt | None, since_due: dict[int, int]) -> Iterator[Entry]:
    """What is under way or to come, or how it ended."""
    at, now = planned_at(timer), timer.read_at
    if timer.status is Status.SCHEDULED:
        number = timer.attempts + 1
        is_retry = before is not None and timer.next_attempt_at is not None and before.next_attempt_at == at
        wait = ""
        if is_retry and before is not None and before.started_at is not None:
            length = at - before.started_at - (before.duration_ms or 0)
            why = cause(timer, before, since_due.get(before.number))
            wait = ", ".join(filter(None, (span(length), why)))
        elif before is None:
            wait = span(at - timer.created_at) if at > timer.created_at else ""
        rest = f" of {_most(timer):,}" + ("" if at > now else f", due since {span(now - at)}")
        name = f"Attempt {number:,}"
        yield Entry(icon="scheduled", name=name, rest=rest, at=at, is_ahead=at > now, wait=wait)
    elif timer.status is Status.DELIVERING:
        rest = f" of {_most(timer):,}, under way; it was due then"
        yield Entry(icon="delivering", name=f"Attempt {timer.attempts:,}", rest=rest, tone="delivering", at=at)
    elif timer.status is not Status.DELIVERED:
        word = timer.status.capitalize()
        rest = "" if timer.status is Status.CANCELLED else f": {ending(timer.reason)}"
        yield Entry(icon=timer.status, name=word, rest=rest, at=timer.ended_at, tone=str(timer.status))


def _most(timer: Timer) -> int:
    """The number that the last attempt would have."""
    return timer.attempts - timer.attempts_since_due + timer.webhook.max_attempts


def _planned(attempt: Attempt) -> int | None:
    """When an attempt was to be sent."""
    return None if attempt.started_at is None else attempt.started_at - (attempt.lateness_ms or 0)


def _later(due: int, timer: Timer) -> str:
    delay = due - timer.created_at
    return f"{span(delay)} later" if delay else "at once"


def _since_due(timer: Timer, attempts: Sequence[Attempt]) -> dict[int, int]:
    """Numbers of attempts, counted since due_at was set before each, where that is known."""
    found: dict[int, int] = {}
    base = 0 if attempts and attempts[0].number == 1 else None
    latest = timer.attempts - timer.attempts_since_due
    for attempt in attempts:
        if attempt.redelivery in (Redelivery.REPLAY, Redelivery.RESCHEDULED):
            base = attempt.number - 1
        if attempt.number > latest:
            base = latest
        if base is not None:
            found[attempt.number] = attempt.number - base
    return found
