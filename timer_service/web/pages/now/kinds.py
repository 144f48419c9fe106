"""How the service may stand: each kind of sentence, or None where it does not hold. Pure."""

from __future__ import annotations

from dataclasses import replace

from markupsafe import Markup

from scheduler import Count, Usage
from timer_service.web.pages.figures.failing import said_to_fail
from timer_service.web.pages.figures.readings import Reading
from timer_service.web.pages.figures.snapshot import Figures
from timer_service.web.pages.now import held_kinds, ledes
from timer_service.web.pages.now.sentence import Sentence
from timer_service.web.pages.words.places import how_failing, place_of
from timer_service.web.pages.words.values import counted, number, span

#: Part of all pollers' slots in use from which they have no room.
_NO_ROOM = 0.9


def away(reading: Reading[Figures]) -> Sentence:
    assert reading.away
    it = reading.away
    return Sentence(
        kind="away",
        severity="bad",
        title="Store away" if it.kind == "away" else "Store refuses",
        say="The store does not answer" if it.kind == "away" else "The store refuses to be read",
        next=Markup(" since {}; nothing is sent, nothing is lost that was answered 201.").format(
            ledes.at(it.since, it.since)
        ),
        lede=ledes.away(it, has_figures=reading.value is not None),
    )


def refuses_writes(it: Figures) -> Sentence | None:
    if it.store.write_problem is None:
        return None
    return Sentence(
        kind="refuses-writes",
        severity="bad",
        title="Store refuses writes",
        say="The store refuses writes",
        next="; nothing is sent, nothing is lost that was answered 201.",
        lede=ledes.refuses_writes(it.store.write_problem),
    )


def no_poller(it: Figures) -> Sentence | None:
    if it.running:
        return None
    seen = it.poller_seen_at
    return Sentence(
        kind="no-poller",
        severity="bad",
        title="No poller",
        say="Nothing is sent: no poller has been seen",
        next=" in the last hour." if seen is None else Markup(" since {}.").format(ledes.at(seen, it.read_at)),
        lede=ledes.no_poller(it),
    )


def full(it: Figures) -> Sentence | None:
    if not _usage(it).is_full:
        return None
    return Sentence(
        kind="full",
        severity="bad",
        title="Store full",
        say="The store is full",
        next="; nothing can be set, and what is stored is sent.",
        lede=ledes.full(it),
    )


def late(it: Figures) -> Sentence | None:
    if not it.late:
        return None
    count = f"{number(it.late)} late, the oldest {span(it.oldest_late_ms)}: "
    return replace(_why_late(it), kind="late", title=f"{number(it.late)} late", count=count)


def _why_late(it: Figures) -> Sentence:
    """The cause as a sentence of its own."""
    if it.store.write_problem is not None:
        return _late_by("the store takes no writes", ledes.refuses_writes(it.store.write_problem))
    if not it.running:
        return _late_by("no poller takes them", ledes.no_poller(it))
    cause = next((found for found in it.failing if found.waiting > found.held), None)
    stopped = held_kinds.most_behind_broken(it)
    if stopped and (cause is None or stopped.waiting >= cause.waiting):
        return replace(held_kinds.broken_at(it, stopped), next=".")
    if cause and cause.failures:
        say = f"{place_of(cause.sample).name} {how_failing(cause).now}"
        it_fails = _late_by(say, ledes.late_behind(it, cause))
        return replace(it_fails, severity="bad", subject=place_of(cause.sample), offers=("pause",))
    if cause:
        is_slow = _late_by(f"{place_of(cause.sample).name} is slow", ledes.late_behind(it, cause))
        return replace(is_slow, subject=place_of(cause.sample))
    if _in_use(it) >= _NO_ROOM:
        return _late_by("the pollers have no room", ledes.no_room(it))
    return _late_by("no cause is known", ledes.late_by_nothing(it))


def _late_by(say: str, lede: Markup) -> Sentence:
    return Sentence(kind="late", severity="late", title="", say=say, lede=lede)


def was_emptied(it: Figures) -> Sentence | None:
    if not it.store.was_emptied:
        return None
    return Sentence(
        kind="was-emptied",
        severity="bad",
        title="Timers were lost",
        count="On time, but ",
        say="the store came back empty",
        next=": what it held before is lost.",
        lede=ledes.was_emptied(it),
    )


def may_evict(it: Figures) -> Sentence | None:
    if not it.store.may_evict:
        return None
    return Sentence(
        kind="may-evict",
        severity="bad",
        title="Timers may be lost",
        count="On time, but ",
        say="the store throws timers away when it is full",
        lede=ledes.may_evict(),
    )


def failing(it: Figures) -> Sentence | None:
    failing = said_to_fail(it.failing, it.held.stopped, it.read_at)
    if not failing:
        return None
    worst = failing[0]
    others = len(failing) - 1
    ended = f"; {_at_least(it.ended_failed)} ended failed" if it.ended_failed.count else ""
    more = f"; {counted(others, 'more destination')} {'fails' if others == 1 else 'fail'}" if others else ""
    return Sentence(
        kind="failing",
        severity="bad",
        title=f"{counted(len(failing), 'destination')} {'fails' if len(failing) == 1 else 'fail'}",
        count="On time, but ",
        say=f"{place_of(worst.sample).name} {how_failing(worst).now}",
        subject=place_of(worst.sample),
        offers=("pause",),
        next=f": {counted(worst.failures, 'attempt')} in a row failed{ended}{more}.",
        lede=ledes.failing(it, worst),
    )


def nearly_full(it: Figures) -> Sentence | None:
    usage = _usage(it)
    if not usage.is_near or not usage.most or usage.used is None:
        return None
    return Sentence(
        kind="nearly-full",
        severity="late",
        title="Store nearly full",
        count="All on time, but ",
        say="the store is nearly full",
        next=f": it holds {100 * usage.used // usage.most} % of what it may.",
        lede=ledes.nearly_full(it),
    )


def append_only_failing(it: Figures) -> Sentence | None:
    if it.store.append_ok is not False:
        return None
    return Sentence(
        kind="append-only-failing",
        severity="late",
        title="Store cannot write its file",
        count="All on time, but ",
        say="the store failed to write its append-only file",
        lede=ledes.append_only_failing(),
    )


def no_append_only(it: Figures) -> Sentence | None:
    if it.store.append_only is not False:
        return None
    return Sentence(
        kind="no-append-only",
        severity="late",
        title="On time",
        count="All on time, but ",
        say="a restart of the store would lose timers",
        lede=ledes.no_append_only(it),
    )


def on_time(it: Figures) -> Sentence:
    return Sentence(
        kind="on-time", severity="good", title="On time", say="All on time", next=_next(it), lede=ledes.on_time(it)
    )


def _next(it: Figures) -> str:
    if not it.next:
        return "; nothing is scheduled."
    wait = (it.next[0].next_attempt_at or it.next[0].due_at) - it.read_at
    return f"; the next in {span(wait)}." if wait > 0 else "; the next is due now."


def _at_least(it: Count) -> str:
    """`3 timers`, and where nobody counted them all `at least 2,000 timers`."""
    return ("" if it.exact else "at least ") + counted(it.count, "timer")


def _in_use(it: Figures) -> float:
    """Part of all slots of the pollers that run."""
    slots = sum(found.slots for found in it.running)
    return sum(found.in_flight for found in it.running) / slots if slots else 0.0


def _usage(it: Figures) -> Usage:
    return Usage(it.store.used_bytes, it.store.max_bytes)
