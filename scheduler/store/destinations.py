"""The API's side of destinations: read, limit, pause and resume them."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

from scheduler.destinations import (
    Destination,
    DestinationPage,
    DestinationSettings,
    DestinationState,
    HeldDestinations,
    NewSecret,
    ResumeAt,
    Rule,
    Signing,
)
from scheduler.errors import NoOwnSecret, TooManySecrets, VersionChanged
from scheduler.hold import HeldBy
from scheduler.holds import rule_changes
from scheduler.holds.sums import Sum
from scheduler.own_secrets import MOST_SECRETS, OLD_FOR, Secret, rotated
from scheduler.signing_keys import new_secret
from scheduler.store.destination_lists import DestinationLists
from scheduler.store.destination_rows import destination_of, read_rows
from scheduler.store.link import Link
from scheduler.store.observing import report
from scheduler.store.record import tag_of
from scheduler.store.rule_record import secrets_fields, settings_fields, state_fields
from scheduler.store.rules import Fields, Rules


class Destinations:
    """Destinations by their ids, as `https:api.example.com:443`. Shared by threads; owns nothing to close.

    Every call is repeatable: made again after a lost reply, it changes nothing more. Each raises StoreUnavailable; then
    some partitions may know of the change and others not, until the call is repeated.
    """

    def __init__(self, link: Link) -> None:
        self._link = link
        self._rules = Rules(link)
        self._lists = DestinationLists(link, self._rules)

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
        return destination_of(self._rules.read(tag), read_rows(self._link, [tag])[tag])

    def rule(self, destination: str) -> Rule:
        """What limits it; that of one of which nobody has said anything limits nothing."""
        return self._rules.read(tag_of(destination))

    def page(
        self, after: str | None = None, limit: int = 100, state: DestinationState | None = None
    ) -> DestinationPage:
        """Those that are held first, then the busiest. `after`: the `next` of the page before.

        Of one `state` alone, if it is given; then a page can be short, or empty, and not be the last.
        """
        return self._lists.page(after, limit, state)

    def held(self) -> Counter[HeldBy]:
        """How many destinations are held, by what."""
        return self._lists.held()

    def holds(self, most: int) -> HeldDestinations:
        """What is held at all, and `most` of those that get nothing."""
        return self._lists.holds(most)

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


def _made_for(rule: Rule, request: str) -> Secret | None:
    return next((it for it in rule.secrets if request and it.request == request and it.signs(rule.read_at)), None)


def _new_secret(rule: Rule, made: Secret) -> NewSecret:
    ends = [it.until for it in rule.secrets if it.until is not None and it.signs(rule.read_at)]
    return NewSecret(made, rule.settings.signing, max(ends, default=None))


def _url(destination: str) -> str:
    """One whose destination this is."""
    scheme, _, rest = destination.partition(":")
    return f"{scheme}://{rest}/"
