"""Lists of destinations: page by page, and of those that are held how many, and where most waits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from scheduler.destinations import Destination, DestinationPage, DestinationState, HeldDestinations
from scheduler.hold import HeldBy
from scheduler.store.busiest import busiest
from scheduler.store.destination_rows import Row, destination_of, read_rows
from scheduler.store.held_tags import NO_TAGS, HeldTags, read_tags
from scheduler.store.link import Link
from scheduler.store.rules import Rules

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


class DestinationLists:
    """Remembers what is held, for the next look. Shared by threads; each call raises StoreUnavailable."""

    def __init__(self, link: Link, rules: Rules) -> None:
        self._link = link
        self._rules = rules
        #: As they were at the last look; replaced as a whole, for other threads read it.
        self._held = NO_TAGS

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
        found = self._stand(tags, read_rows(self._link, tags))
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

    def _stand(self, tags: Sequence[str], rows: Mapping[str, Row]) -> list[Destination]:
        return [destination_of(rule, rows[tag]) for tag, rule in zip(tags, self._rules.read_each(tags), strict=True)]

    def _look(self) -> HeldTags:
        self._held = read_tags(self._link, self._held)
        return self._held

    def holds(self, most: int) -> HeldDestinations:
        """What is held at all, and `most` of those that get nothing."""
        held = self._look()
        asked = dict(held.first((*_STOPS, *_LIMITS), _MOST_ASKED))
        rows = read_rows(self._link, list(asked))
        waiting: Counter[HeldBy] = Counter()
        for tag, by in asked.items():
            waiting[by] += rows[tag].waiting
        stopped = sorted((tag for tag, by in asked.items() if by in _STOPS), key=lambda tag: -rows[tag].waiting)[:most]
        found = self._stand(stopped, rows)
        counts = held.counts()
        return HeldDestinations(counts=counts, waiting=waiting, more=counts.total() > len(asked), stopped=found)
