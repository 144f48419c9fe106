"""The API's side of destinations: read, limit, pause and resume them."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from scheduler.destinations import (
    Destination,
    DestinationPage,
    DestinationSettings,
    DestinationState,
    HeldDestinations,
    NewSecret,
    ResumeAt,
    Rule,
    SecretUse,
    Signing,
)
from scheduler.errors import NoOwnSecret, TooManySecrets, VersionChanged
from scheduler.hold import HeldBy
from scheduler.holds import rule_changes
from scheduler.holds.holding import standing_of
from scheduler.holds.sums import Sum
from scheduler.own_secrets import MOST_SECRETS, OLD_FOR, Secret, rotated
from scheduler.signing_keys import new_secret
from scheduler.store.held import NO_HOLDS, read_holds
from scheduler.store.link import Link
from scheduler.store.observing import read_observed, report
from scheduler.store.record import tag_of
from scheduler.store.rule_record import held_by, secrets_fields, settings_fields, state_fields
from scheduler.store.rules import Fields, Rules

#: Destinations that one call tells of: 1 ms.
_AT_ONCE = 200
#: Held ones that are asked what waits there, to find those with most: 5 ms.
_MOST_ASKED = 1000
#: What lets nothing pass; the others let some.
_STOPS = (HeldBy.PAUSE, HeldBy.BREAKER, HeldBy.RETRY_AFTER)
#: By what a destination is held that stands so; by nothing where it flows.
_HELD_BY: Mapping[DestinationState, Sequence[HeldBy]] = {
    DestinationState.FLOWING: (),
    DestinationState.LIMITED: (HeldBy.RATE, HeldBy.CONCURRENCY, HeldBy.RETRY_AFTER),
    DestinationState.PAUSED: (HeldBy.PAUSE,),
    DestinationState.BROKEN: (HeldBy.BREAKER,),
    DestinationState.PROBING: (HeldBy.BREAKER,),
}


class Destinations:
    """Destinations by their ids, as `https:api.example.com:443`. Shared by threads; owns nothing to close.

    Every call is repeatable: made again after a lost reply, it changes nothing more. Each raises StoreUnavailable; then
    some partitions may know of the change and others not, until the call is repeated.
    """

    def __init__(self, link: Link) -> None:
        self._link = link
        self._rules = Rules(link)
        #: As they were at the last look; replaced as a whole, for other threads read it.
        self._holds = NO_HOLDS

    def get(self, destination: str) -> Destination:
        """As it stands; one that nobody has set anything for, and to which nothing was sent, flows."""
        (it,) = self._told([tag_of(destination)])
        return it if it.id else replace(it, id=destination)

    def find(self, destination: str) -> Destination | None:
        """The same; None of one that nobody has set anything for, and to which nothing was sent."""
        (it,) = self._told([tag_of(destination)])
        return it if it.id else None

    def held(self) -> Counter[HeldBy]:
        """How many destinations are held, by what."""
        return Counter(held_by(raw) for raw in self._all_holds().values())

    def page(
        self, after: str | None = None, limit: int = 100, state: DestinationState | None = None
    ) -> DestinationPage:
        """Those that are held first, then the busiest. `after`: the `next` of the page before.

        Of one `state` alone, if it is given; then a page can be short, or empty, and not be the last.
        """
        kind, _, place = (after or "held:").partition(":")
        tags: list[str] = []
        known = self._all_holds()
        if kind == "held":
            by = HeldBy if state is None else _HELD_BY[state]
            tags = sorted(tag for tag, raw in known.items() if tag > place and held_by(raw) in by)[: limit + 1]
            place = ":"
        following = f"held:{tags[limit - 1]}" if len(tags) > limit else None
        tags = tags[:limit]
        if following is None and state in (None, DestinationState.FLOWING):
            attempts, _, last = place.partition(":")
            found = [(count, tag) for count, tag in self._busiest(attempts, last, limit + 1)]
            rest = found[: limit - len(tags)]
            tags += [tag for _, tag in rest if tag not in known]
            if len(found) > len(rest):
                following = f"busy:{rest[-1][0]}:{rest[-1][1]}" if rest else f"held:{tags[-1]}"
        return DestinationPage([it for it in self._told(tags) if state in (None, it.state)], following)

    def _busiest(self, attempts: str, tag: str, limit: int) -> list[tuple[int, str]]:
        """So many with most attempts, of all partitions, after those with more or as many and a greater tag."""
        found: list[tuple[int, str]] = []
        for partition in range(self._link.partitions):
            values = self._link.run("busiest", partition, [attempts, tag, limit])
            found += [(int(count), it.decode()) for it, count in zip(*[iter(values)] * 2, strict=True)]
        return sorted(found, reverse=True)[:limit]

    def _told(self, tags: Sequence[str]) -> list[Destination]:
        rows = self._rows(tags)
        return [_destination(self._rules.read(tag), rows[tag]) for tag in tags]

    def _rows(self, tags: Sequence[str]) -> dict[str, _Row]:
        rows = {tag: _Row() for tag in tags}
        for partition in range(self._link.partitions if tags else 0):
            for first in range(0, len(tags), _AT_ONCE):
                share = tags[first : first + _AT_ONCE]
                values = self._link.run("destinations", partition, share)
                for tag, (words, count, due) in zip(share, zip(*[iter(values)] * 3, strict=True), strict=True):
                    rows[tag] = rows[tag].joined(words, count, None if due < 0 else due)
        return rows

    def _all_holds(self) -> Mapping[str, bytes]:
        """By tag, in what has changed since the last look; each partition has them all."""
        self._holds = read_holds(self._link, 0, self._holds)
        return self._holds.by_tag

    def holds(self, most: int) -> HeldDestinations:
        """What is held at all, and `most` of those that get nothing."""
        by = {tag: held_by(raw) for tag, raw in self._all_holds().items()}
        asked = sorted(by, key=lambda tag: by[tag] not in _STOPS)[:_MOST_ASKED]
        rows = self._rows(asked)
        waiting: Counter[HeldBy] = Counter()
        for tag in asked:
            waiting[by[tag]] += rows[tag].waiting
        stopped = sorted((tag for tag in asked if by[tag] in _STOPS), key=lambda tag: -rows[tag].waiting)[:most]
        found = [_destination(self._rules.read(tag), rows[tag]) for tag in stopped]
        return HeldDestinations(counts=Counter(by.values()), waiting=waiting, more=len(by) > len(asked), stopped=found)

    def rule(self, destination: str) -> Rule:
        """What limits it; that of one of which nobody has said anything limits nothing."""
        return self._rules.read(tag_of(destination))

    def put(self, destination: str, settings: DestinationSettings, if_version: str | None = None) -> Rule:
        """Set what a client wants there; equal settings change nothing.

        Raises VersionChanged if `if_version` is given and they are of another, and NoOwnSecret if its own secrets are
        to sign and none was made.
        """
        return self.change(destination, lambda _: settings, if_version)

    def change(
        self,
        destination: str,
        changed: Callable[[DestinationSettings], DestinationSettings],
        if_version: str | None = None,
    ) -> Rule:
        """The same with what `changed` makes of the settings; it is called again if another was first."""

        def fields(rule: Rule) -> Fields | None:
            if if_version is not None and rule.version != if_version:
                raise VersionChanged(destination)
            settings = changed(rule.settings)
            if settings.signing is Signing.OWN and not rule.secrets:
                raise NoOwnSecret(destination)
            if rule.version and rule.settings == settings:
                return None
            return {"id": destination, **settings_fields(settings, secrets.token_urlsafe(9))}

        after = self._rules.change(tag_of(destination), fields)
        self._note(destination)
        return after

    def rotate_secret(self, destination: str, old_for: int = OLD_FOR, request: str = "") -> NewSecret:
        """Make a secret of its own, which is told once. Those before it sign beside it for `old_for` ms, or less if
        they were to end before. It signs nothing as long as the settings say that the service's secrets do.

        `request`: names what asked; the same again gets the same secret while that is in use. Without one, each call
        makes another. Raises TooManySecrets.
        """
        value = new_secret()
        mine: Secret | None = None

        def fields(rule: Rule) -> Fields | None:
            nonlocal mine
            mine = _made_for(rule, request)
            if mine is not None:
                return None
            mine = Secret(value, rule.read_at, None, request)
            after = rotated(rule.secrets, mine, old_for)
            if len(after) > MOST_SECRETS:
                raise TooManySecrets(destination)
            return {"id": destination, **secrets_fields(after)}

        after = self._rules.change(tag_of(destination), fields)
        self._note(destination)
        assert mine is not None
        return _new_secret(after, mine)

    def made_secret(self, destination: str, request: str) -> NewSecret | None:
        """The secret that was made for this request; None once that is not in use any more."""
        rule = self.rule(destination)
        mine = _made_for(rule, request)
        return None if mine is None else _new_secret(rule, mine)

    def _note(self, destination: str) -> None:
        """It is told of from now on, whether or not anything was sent there or is held."""
        report(self._link, "", [Sum(tag_of(destination), _url(destination), 0, 0, 0, None, 0)])

    def pause(self, destination: str, reason: str, by: str, until: int | None = None) -> Rule:
        """Nothing is sent there from now on: no attempt begins later than 2 s after this returns. Timers wait.

        What is under way is not cut. One that is paused already is so for another reason, and until then. `until`: ms.
        """

        after = self._become(destination, lambda rule: rule_changes.paused(rule, reason, by, until))
        self._note(destination)
        return after

    def resume(self, destination: str, at: ResumeAt = ResumeAt.SLOW) -> Rule:
        """End a pause; slowly, unless `at` says otherwise. Of one that is broken, and not paused, it is tried at once
        whether it is back, unless that is being tried; one whose receiver has asked to be left alone goes on. Any other
        is left as it is."""

        return self._become(destination, lambda rule: rule_changes.resumed(rule, at))

    def _become(self, destination: str, changed: Callable[[Rule], Rule | None]) -> Rule:
        def fields(rule: Rule) -> Fields | None:
            after = changed(rule)
            return None if after is None else {"id": destination, **state_fields(after)}

        return self._rules.change(tag_of(destination), fields)


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


def _made_for(rule: Rule, request: str) -> Secret | None:
    return next((it for it in rule.secrets if request and it.request == request and it.signs(rule.read_at)), None)


def _new_secret(rule: Rule, made: Secret) -> NewSecret:
    ends = [it.until for it in rule.secrets if it.until is not None and it.signs(rule.read_at)]
    return NewSecret(made, rule.settings.signing, max(ends, default=None))


def _url(destination: str) -> str:
    """One whose destination this is."""
    scheme, _, rest = destination.partition(":")
    return f"{scheme}://{rest}/"
