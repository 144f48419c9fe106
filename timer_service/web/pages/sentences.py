"""The sentence that the view Now begins with: how the service stands. Pure.

Several kinds may hold at once. The first of these is the sentence: what is first for whoever is on call. The others are
named behind it.

away                 the store does not answer, or cannot be read: nothing is set and nothing is sent
refuses-writes       the store can be read, but takes no writes: the same
no-poller            nothing is sent
full                 clients' timers are refused; what is stored is sent
late                 timers are late: by a destination, by pollers without room, or by no known cause
may-evict            the store throws timers away once it is full
failing              nothing is late, but attempts at a destination fail
nearly-full          clients' timers will be refused
append-only-failing  the store cannot write its file, and may soon refuse writes
no-append-only       a restart of the store loses timers
on-time
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from markupsafe import Markup

from scheduler import FailingDestination, Usage
from timer_service.web.pages import ledes
from timer_service.web.pages.places import how_failing, place_of
from timer_service.web.pages.readings import Reading
from timer_service.web.pages.snapshot import Figures
from timer_service.web.pages.words import counted, number, span

#: ms for which nothing is seen of a poller before it counts as gone: one that runs is seen once a second at least.
POLLER_GONE = 5000
#: Failed attempts in a row from which a destination is said to fail: a busy one has a single failure now and then.
FAILING_AFTER = 2
#: ms since its last failed attempt after which a destination where nothing waits is no news.
FAILING_FOR = 600_000
#: Part of all pollers' slots in use from which they have no room.
_NO_ROOM = 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentence:
    """`count`, `say` and `next` are read in one. They are text; moments in them are in UTC, and say so."""

    kind: str
    severity: Literal["good", "late", "bad"]
    #: What the title of the document begins with.
    title: str
    #: What changes from look to look: `412 late, the oldest 38 s: `.
    count: str = ""
    #: What a screen reader speaks whenever it changes: the kind, and no number that does.
    say: str
    next: str = "."
    #: Since when, what happens next, and what to do: whole sentences.
    lede: Markup

    @property
    def text(self) -> str:
        return self.count + self.say + self.next

    @property
    def aside(self) -> str:
        """The same behind another sentence, which has said whether timers are late."""
        if self.kind == "late":
            return self.text
        text = self.say + self.next
        return text if self.kind == "failing" else text[0].upper() + text[1:]  # a destination's name stays as it is


def sentence(reading: Reading[Figures]) -> Sentence:
    """What is first, with the others that hold at the end of its lede."""
    if reading.value is None or (reading.away and reading.away.kind == "away"):
        return _away(reading)
    first, *others = (found for of in _ORDER if (found := of(reading.value)))
    told = first.say
    for it in others:
        if it.kind != "on-time" and it.say not in told:
            told = f"{told} {it.aside}"
    asides = told[len(first.say) :]
    return replace(first, lede=Markup("{} Also:{}").format(first.lede, asides)) if asides else first


def _away(reading: Reading[Figures]) -> Sentence:
    assert reading.away
    it = reading.away
    return Sentence(
        kind="away",
        severity="bad",
        title="Store away" if it.kind == "away" else "Store refuses",
        say="The store does not answer" if it.kind == "away" else "The store refuses to be read",
        next=f" since {ledes.clock(it.since, it.since)}; nothing is sent, nothing is lost that was answered 201.",
        lede=ledes.away(it),
    )


def _refuses_writes(it: Figures) -> Sentence | None:
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


def _no_poller(it: Figures) -> Sentence | None:
    seen = max((poller.seen_at for poller in it.pollers.pollers), default=None)
    if seen is not None and it.pollers.read_at - seen < POLLER_GONE:
        return None
    return Sentence(
        kind="no-poller",
        severity="bad",
        title="No poller",
        say="Nothing is sent: no poller has been seen",
        next=" in the last hour." if seen is None else f" since {ledes.clock(seen, it.read_at)}.",
        lede=ledes.no_poller(it),
    )


def _full(it: Figures) -> Sentence | None:
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


def _late(it: Figures) -> Sentence | None:
    if not it.late:
        return None
    cause = next((found for found in it.failing if found.waiting), None)
    if cause and cause.failures:
        say, lede = _fails(cause), ledes.late_behind(it, cause)
    elif cause:
        say, lede = f"{place_of(cause.sample).name} is slow", ledes.late_behind(it, cause)
    elif _in_use(it) >= _NO_ROOM:
        say, lede = "the pollers have no room", ledes.no_room(it)
    else:
        say, lede = "no cause is known", ledes.late_by_nothing(it)
    return Sentence(
        kind="late",
        severity="bad",
        title=f"{number(it.late)} late",
        count=f"{number(it.late)} late, the oldest {span(it.stats.oldest_overdue_ms)}: ",
        say=say,
        lede=lede,
    )


def _may_evict(it: Figures) -> Sentence | None:
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


def _failing(it: Figures) -> Sentence | None:
    failing = _fail(it)
    if not failing:
        return None
    worst = failing[0]
    others = len(failing) - 1
    more = f"; {counted(others, 'more destination')} {'fails' if others == 1 else 'fail'}." if others else "."
    return Sentence(
        kind="failing",
        severity="bad",
        title=f"{counted(len(failing), 'destination')} {'fails' if len(failing) == 1 else 'fail'}",
        count="On time, but ",
        say=_fails(worst),
        next=f": {counted(worst.failures, 'attempt')} in a row failed{more}",
        lede=ledes.failing(it, worst),
    )


def _nearly_full(it: Figures) -> Sentence | None:
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


def _append_only_failing(it: Figures) -> Sentence | None:
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


def _no_append_only(it: Figures) -> Sentence | None:
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


def _on_time(it: Figures) -> Sentence:
    return Sentence(
        kind="on-time", severity="good", title="On time", say="All on time", next=_next(it), lede=ledes.on_time(it)
    )


_ORDER: tuple[Callable[[Figures], Sentence | None], ...] = (
    _refuses_writes,
    _no_poller,
    _full,
    _late,
    _may_evict,
    _failing,
    _nearly_full,
    _append_only_failing,
    _no_append_only,
    _on_time,
)


def _next(it: Figures) -> str:
    if not it.next:
        return "; nothing is scheduled."
    wait = (it.next[0].next_attempt_at or it.next[0].due_at) - it.read_at
    return f"; the next in {span(wait)}." if wait > 0 else "; the next is due now."


def _fail(it: Figures) -> list[FailingDestination]:
    """Those that are said to fail."""
    return [
        found
        for found in it.failing
        if found.failures >= FAILING_AFTER
        and (found.waiting or (found.last_at is not None and it.read_at - found.last_at < FAILING_FOR))
    ]


def _fails(it: FailingDestination) -> str:
    return f"{place_of(it.sample).name} {how_failing(it).now}"


def _in_use(it: Figures) -> float:
    """Part of all slots of the pollers that run."""
    run = [found for found in it.pollers.pollers if it.pollers.read_at - found.seen_at < POLLER_GONE]
    slots = sum(found.slots for found in run)
    return sum(found.in_flight for found in run) / slots if slots else 0.0


def _usage(it: Figures) -> Usage:
    return Usage(it.store.used_bytes, it.store.max_bytes)
