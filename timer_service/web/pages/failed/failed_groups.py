"""What failed, grouped, as the view Failed shows it. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

from scheduler import FailingDestination, FailureGroup, Failures, Timer
from timer_service.web.pages.failed import before_replay
from timer_service.web.pages.timers.bulk import needs_number
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

    @property
    def list_href(self) -> str:
        return self.place.timers(status="failed")

    @property
    def must_type(self) -> bool:
        return needs_number(self.timers, exact=True)


def shown(failures: Failures) -> list[Shown]:
    now = {place_of(it.sample).name: it for it in failures.failing}
    places = [place_of(it.newest).name for it in failures.groups]
    return [_shown(it, now.get(place), failures, places) for it, place in zip(failures.groups, places, strict=True)]


def find(failures: Failures, name: str) -> FailureGroup | None:
    """The group that a form means."""
    return next((it for it in failures.groups if name_of(it) == name), None)


def name_of(group: FailureGroup) -> str:
    """The same as long as there are such timers, in every process."""
    # Of what cannot be read no destination is known: there may be several such groups.
    place = group.ids[-1] if group.newest.unreadable else place_of(group.newest).name
    said = "\n".join(map(str, (place, group.reason, group.error, group.status_code)))
    return hashlib.blake2b(said.encode(), digest_size=8).hexdigest()


def filters(groups: Sequence[Shown]) -> dict[str, str]:
    """Of a list, or a replay: all that failed at the destination of the largest group, whatever the error."""
    origin = next((it.place.origin for it in groups if it.place.origin), None)
    return {"status": "failed", **({"destination": origin} if origin else {})}


def _shown(it: FailureGroup, now: FailingDestination | None, failures: Failures, places: Sequence[str]) -> Shown:
    place = place_of(it.newest)
    return Shown(
        name=name_of(it),
        timers=len(it.ids),
        place=place,
        how=how_failed(it),
        why=ending(it.reason),
        advice=before_replay.advice(it, now),
        newest=it.newest,
        first=it.oldest_ended_at,
        last=it.newest.ended_at,
        is_whole=not failures.more and places.count(place.name) == 1,
    )
