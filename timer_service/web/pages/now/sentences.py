"""The sentence that the view Now begins with: how the service stands. Pure.

Several kinds may hold at once. The first of these is the sentence: what is first for whoever is on call. The others are
named behind it.

away                 the store does not answer, or cannot be read: nothing is set and nothing is sent
refuses-writes       the store can be read, but takes no writes: the same
no-poller            nothing is sent
full                 clients' timers are refused; what is stored is sent
late                 timers are late: by a destination, by pollers without room, or by no known cause
was-emptied          the store came back empty: timers were lost
may-evict            the store throws timers away once it is full
broken               a destination is left alone, because it fails
failing              nothing is late, but attempts at a destination fail
paused               somebody has paused a destination
left-alone           a receiver has asked to be left alone, and timers wait for that
nearly-full          clients' timers will be refused
append-only-failing  the store cannot write its file, and may soon refuse writes
no-append-only       a restart of the store loses timers
on-time
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from markupsafe import Markup

from timer_service.web.pages.figures.readings import Reading
from timer_service.web.pages.figures.snapshot import Figures
from timer_service.web.pages.now import held_kinds, kinds
from timer_service.web.pages.now.sentence import Sentence

_ORDER: tuple[Callable[[Figures], Sentence | None], ...] = (
    kinds.refuses_writes,
    kinds.no_poller,
    kinds.full,
    kinds.late,
    kinds.was_emptied,
    kinds.may_evict,
    held_kinds.broken,
    kinds.failing,
    held_kinds.paused,
    held_kinds.left_alone,
    kinds.nearly_full,
    kinds.append_only_failing,
    kinds.no_append_only,
    kinds.on_time,
)


def sentence(reading: Reading[Figures]) -> Sentence:
    """What is first, with the others that hold at the end of its lede."""
    if reading.value is None or reading.away:
        return kinds.away(reading)
    first, *others = (found for of in _ORDER if (found := of(reading.value)))
    told = first.say
    for it in others:
        if it.kind != "on-time" and it.say not in told:
            told = f"{told} {it.aside}"
    asides = told[len(first.say) :]
    return replace(first, lede=Markup("{} Also:{}").format(first.lede, asides)) if asides else first
