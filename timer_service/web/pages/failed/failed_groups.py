"""What failed, grouped, as the view Failed shows it. Pure."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

from scheduler import FailingDestination, FailureGroup, Failures, Timer
from timer_service.web.pages.failed import before_replay
from timer_service.web.pages.failed.terminal import ForTerminal, for_terminal
from timer_service.web.pages.timers.bulk import needs_number
from timer_service.web.pages.words.commands import Terminal
from timer_service.web.pages.words.failure_words import Words
from timer_service.web.pages.words.outcomes import ending
from timer_service.web.pages.words.places import Place, how_failed, place_of


class Shown(NamedTuple):
    """A group."""

    #: What a form says to mean it.
    name: str
    timers: int
    place: Place
    how: Words
    why: str
    advice: list[str]
    newest: Timer
    #: ms.
    first: int
    last: int | None
    #: Whether all failed timers of its destination are in it, so that a list by destination has these and no others.
    is_whole: bool
    terminal: ForTerminal

    @property
    def list_href(self) -> str:
        return self.place.timers(status="failed")

    @property
    def must_type(self) -> bool:
        return needs_number(self.timers, exact=True)


def shown(failures: Failures, shell: Terminal) -> list[Shown]:
    now = {place_of(it.sample).name: it for it in failures.failing}
    there = Counter[str]()
    for it in failures.groups:
        there[place_of(it.newest).name] += len(it.ids)
    # Groups that are left out may be anywhere.
    is_all = not failures.more and failures.looked == there.total()
    return [_shown(it, now, there, is_all, shell) for it in failures.groups]


def find(failures: Failures, name: str) -> FailureGroup | None:
    """The group that a form means."""
    return next((it for it in failures.groups if name_of(it) == name), None)


def name_of(group: FailureGroup) -> str:
    """The same as long as there are such timers, in every process."""
    # Of what cannot be read no destination is known: there may be several such groups.
    place = group.ids[-1] if group.newest.unreadable else place_of(group.newest).name
    said = "\n".join(map(str, (place, group.reason, group.error, group.status_code)))
    return hashlib.blake2b(said.encode(), digest_size=8).hexdigest()


def _shown(
    it: FailureGroup, now: Mapping[str, FailingDestination], there: Counter[str], is_all: bool, shell: Terminal
) -> Shown:
    """`now`, `there`: by the names of destinations; `is_all`: no others failed."""
    place = place_of(it.newest)
    return Shown(
        name=name_of(it),
        timers=len(it.ids),
        place=place,
        how=how_failed(it),
        why=ending(it.reason),
        advice=before_replay.advice(it, now.get(place.name)),
        newest=it.newest,
        first=it.oldest_ended_at,
        last=it.newest.ended_at,
        is_whole=is_all and there[place.name] == len(it.ids),
        terminal=for_terminal(shell, it, place, there[place.name], exact=is_all),
    )
