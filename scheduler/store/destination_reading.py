"""How destinations stand: one of them, a page of them, and what is held."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from scheduler.destinations import (
    Destination,
    DestinationPage,
    DestinationState,
    HeldDestinations,
    Rule,
    SecretUse,
)
from scheduler.hold import HeldBy
from scheduler.holds.holding import standing_of
from scheduler.store.busiest import busiest
from scheduler.store.held_tags import NO_TAGS, HeldTags, read_tags
from scheduler.store.link import Link
from scheduler.store.observing import read_observed
from scheduler.store.record import tag_of
from scheduler.store.rules import Rules

#: Destinations that one call tells of: 1 ms.
_AT_ONCE = 200
#: Held ones that are asked what waits there, to find those with most: 5 ms.
_MOST_ASKED = 1000
#: Of the busiest, those that one page looks at, for all may be held that would follow: 10 calls.
_MOST_LOOKED = 2000
#: What lets nothing pass, and what lets some.
_STOPS = (HeldBy.BREAKER, HeldBy.PAUSE, HeldBy.RETRY_AFTER)
_LIMITS = (HeldBy.RATE, HeldBy.CONCURRENCY)
#: By what a destination is held that stands so; by nothing where it flows.
_HELD_BY: Mapping[DestinationState, Sequence[HeldBy]] = {
    DestinationState.FLOWING: (),
    DestinationState.LIMITED: (HeldBy.RATE, HeldBy.CONCURRENCY, HeldBy.RETRY_AFTER),
    DestinationState.PAUSED: (HeldBy.PAUSE,),
    DestinationState.BROKEN: (HeldBy.BREAKER,),
    DestinationState.PROBING: (HeldBy.BREAKER,),
}
#: By what one was held that stands so now, if that has ended by itself and no poller has noted it yet.
_WAS_HELD_BY: Mapping[DestinationState, Sequence[HeldBy]] = {
    DestinationState.FLOWING: (HeldBy.PAUSE, HeldBy.RETRY_AFTER, HeldBy.RATE),
    DestinationState.LIMITED: (HeldBy.PAUSE,),
}


class DestinationReading:
    """The calls of Destinations that change nothing: shared by threads; each raises StoreUnavailable."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._rules = Rules(link)
        #: As they were at the last look; replaced as a whole, for other threads read it.
        self._held = NO_TAGS

    def get(self, destination: str) -> Destination:
        """As it stands; one that nobody has set anything for, and to which nothing was sent, flows."""
        it = self._one(destination)
        return it if it.id else replace(it, id=destination)

    def find(self, destination: str) -> Destination | None:
        """The same; None of one that nobody has set anything for, and to which nothing was sent."""
        it = self._one(destination)
        return it if it.id else None

    def _one(self, destination: str) -> Destination:
        tag = tag_of(destination)
        return _destination(self._rules.read(tag), self._rows([tag])[tag])

    def held(self) -> Counter[HeldBy]:
        """How many destinations are held, by what."""
        return self._look().counts()

    def page(
        self, after: str | None = None, limit: int = 100, state: DestinationState | None = None
    ) -> DestinationPage:
        """Those that are held first, then the busiest. `after`: the `next` of the page before.

        Of one `state` alone, if it is given; then a page can be short, or empty, and not be the last.
        """
        after, held, tags = after or "held:", self._look(), list[str]()
        if after.startswith("held:"):
            kinds = tuple(HeldBy) if state is None else _HELD_BY[state]
            ended = () if state is None else _WAS_HELD_BY.get(state, ())
            tags = held.after(after.removeprefix("held:"), kinds, ended, limit + 1)
            after = f"held:{tags[:limit][-1]}" if tags else after
        following = after if len(tags) > limit else None
        tags = tags[:limit]
        if following is None and state in (None, DestinationState.FLOWING):
            others, following = self._others(after, limit - len(tags), held)
            tags += others
        found = self._stand(tags, self._rows(tags))
        return DestinationPage([it for it in found if state in (None, it.state)], following)

    def _others(self, after: str, most: int, held: HeldTags) -> tuple[list[str], str | None]:
        """So many of the busiest that are not held, and where to go on; None at the end."""
        found: list[str] = []
        kind, *place = after.split(":")
        for looked, (attempts, tag) in enumerate(busiest(self._link, *(place if kind == "busy" else ()))):
            if looked == _MOST_LOOKED or (tag not in held and len(found) == most):
                return found, after
            if tag not in held:
                found.append(tag)
            after = f"busy:{attempts}:{tag}"
        return found, None

    def _stand(self, tags: Sequence[str], rows: Mapping[str, _Row]) -> list[Destination]:
        return [_destination(rule, rows[tag]) for tag, rule in zip(tags, self._rules.read_each(tags), strict=True)]

    def _rows(self, tags: Sequence[str]) -> dict[str, _Row]:
        rows = {tag: _Row() for tag in tags}
        for partition in range(self._link.partitions if tags else 0):
            for first in range(0, len(tags), _AT_ONCE):
                share = tags[first : first + _AT_ONCE]
                values = self._link.run("destinations", partition, share)
                for tag, (words, count, due) in zip(share, zip(*[iter(values)] * 3, strict=True), strict=True):
                    rows[tag] = rows[tag].joined(words, count, None if due < 0 else due)
        return rows

    def _look(self) -> HeldTags:
        self._held = read_tags(self._link, self._held)
        return self._held

    def holds(self, most: int) -> HeldDestinations:
        """What is held at all, and `most` of those that get nothing."""
        held = self._look()
        asked = dict(held.first((*_STOPS, *_LIMITS), _MOST_ASKED))
        rows = self._rows(list(asked))
        waiting: Counter[HeldBy] = Counter()
        for tag, by in asked.items():
            waiting[by] += rows[tag].waiting
        stopped = sorted((tag for tag, by in asked.items() if by in _STOPS), key=lambda tag: -rows[tag].waiting)[:most]
        found = self._stand(stopped, rows)
        counts = held.counts()
        return HeldDestinations(counts=counts, waiting=waiting, more=counts.total() > len(asked), stopped=found)

    def rule(self, destination: str) -> Rule:
        """What limits it; that of one of which nobody has said anything limits nothing."""
        return self._rules.read(tag_of(destination))


class _Row(NamedTuple):
    """What partitions know of a destination."""

    observed: bytes = b""
    waiting: int = 0
    oldest_waiting_at: int | None = None

    def joined(self, observed: bytes, waiting: int, oldest: int | None) -> _Row:
        both = [it for it in (self.oldest_waiting_at, oldest) if it is not None]
        return _Row(self.observed or observed, self.waiting + waiting, min(both, default=None))


def _destination(rule: Rule, row: _Row) -> Destination:
    seen_id, observed = read_observed(row.observed)
    standing = standing_of(rule)
    return Destination(
        id=rule.id or seen_id,
        settings=rule.settings,
        version=rule.version,
        read_at=rule.read_at,
        state=standing.state,
        since=standing.since,
        because=standing.because,
        next_at=standing.next_at,
        pause=rule.pause if standing.state is DestinationState.PAUSED else None,
        waiting=row.waiting,
        oldest_waiting_at=row.oldest_waiting_at,
        in_flight=rule.permits,
        observed=observed,
        secrets=tuple(SecretUse(it.since, it.until) for it in rule.secrets if it.signs(rule.read_at)),
    )
