"""The API's side of destinations: read, limit, pause and resume them."""

from __future__ import annotations

import secrets
from dataclasses import replace

from scheduler.destinations import DestinationSettings, ResumeAt, Rule
from scheduler.errors import VersionChanged
from scheduler.schedules import Pause
from scheduler.store.link import Link
from scheduler.store.record import tag_of
from scheduler.store.rule_record import settings_fields, state_fields
from scheduler.store.rules import Fields, Rules


class Destinations:
    """Destinations by their ids, as `https:api.example.com:443`. Shared by threads; owns nothing to close.

    Every call is repeatable: made again after a lost reply, it changes nothing more. Each raises StoreUnavailable; then
    some partitions may know of the change and others not, until the call is repeated.
    """

    def __init__(self, link: Link) -> None:
        self._rules = Rules(link)

    def rule(self, destination: str) -> Rule:
        """What limits it; that of one of which nobody has said anything limits nothing."""
        return self._rules.read(tag_of(destination))

    def put(self, destination: str, settings: DestinationSettings, if_version: str | None = None) -> Rule:
        """Set what a client wants there; equal settings change nothing.

        Raises VersionChanged if `if_version` is given and they are of another.
        """

        def fields(rule: Rule) -> Fields | None:
            if if_version is not None and rule.version != if_version:
                raise VersionChanged(destination)
            if rule.version and rule.settings == settings:
                return None
            return {"id": destination, **settings_fields(settings, secrets.token_urlsafe(9))}

        return self._rules.change(tag_of(destination), fields)

    def pause(self, destination: str, reason: str, by: str, until: int | None = None) -> Rule:
        """Nothing is sent there from now on: no attempt begins later than 2 s after this returns. Timers wait.

        What is under way is not cut. One that is paused already is so for another reason, and until then. `until`: ms.
        """

        def fields(rule: Rule) -> Fields:
            at = rule.pause.at if rule.pause else rule.read_at
            return _fields(destination, replace(rule, pause=Pause(reason, by, at, until)))

        return self._rules.change(tag_of(destination), fields)

    def resume(self, destination: str, at: ResumeAt = ResumeAt.SLOW) -> Rule:
        """End a pause; slowly, unless `at` says otherwise. Of one that is broken, and not paused, it is tried at once
        whether it is back; one whose receiver has asked to be left alone goes on. Any other is left as it is."""

        def fields(rule: Rule) -> Fields | None:
            if rule.pause is None and rule.broken is not None:
                broken = rule.broken._replace(probe_at=rule.read_at, probe=None, probing_until=None)
                return _fields(destination, replace(rule, broken=broken))
            if rule.pause is None and rule.retry_after is None:
                return None
            if rule.pause is None:
                return _fields(destination, replace(rule, retry_after=None))
            slow_since = rule.read_at if at is ResumeAt.SLOW else None
            return _fields(destination, replace(rule, pause=None, slow_since=slow_since))

        return self._rules.change(tag_of(destination), fields)


def _fields(destination: str, rule: Rule) -> Fields:
    return {"id": destination, **state_fields(rule)}
