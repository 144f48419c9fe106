"""What limits a destination: every rule of what a client may set there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from marshmallow import Schema, ValidationError, fields

from scheduler import LONGEST_OLD_FOR, OLD_FOR, BreakerMode, DestinationSettings, Rate, ResumeAt, Signing, duration
from timer_service.web.input.fields import Choice, Length, Whole
from timer_service.web.input.invalid import invalid

#: Attempts in the time that a rate says, up to one in each microsecond.
MOST_REQUESTS = 1_000_000
#: ms of that time.
SHORTEST_PER, LONGEST_PER = 1000, 86_400_000
#: Attempts at once, of a burst and of a concurrency.
MOST_AT_ONCE = 10_000
#: Members of an answer that no request has.
ONLY_ANSWERED = frozenset(
    {
        *("id", "state", "since", "because", "next_at", "paused", "version"),
        *("waiting", "oldest_waiting_at", "in_flight", "attempts", "failures", "duration_ms"),
        *("last_attempt_at", "last_error", "last_error_at", "secrets"),
    }
)
#: What a destination has of which nothing was set.
DEFAULTS = DestinationSettings()
_PER = Rate(1).per_ms


class RateChange(Schema):
    requests = Whole(1, MOST_REQUESTS, "attempts, retries among them, evenly spread")
    per = Length(
        SHORTEST_PER,
        LONGEST_PER,
        allow_none=True,
        description=f"in this time; null for {duration.text(_PER)}",
    )
    burst = Whole(
        1, MOST_AT_ONCE, "so many at once; null for one, or what falls into 10 ms where that is more", allow_none=True
    )


class BreakerChange(Schema):
    mode = Choice(
        BreakerMode,
        allow_none=True,
        description="`auto`: a destination that fails again and again gets nothing but probes until it is back",
    )


class ObjectOrNull(fields.Nested):
    """An object within a request, or null for its default."""

    def __init__(self, schema: type[Schema], description: str) -> None:
        super().__init__(schema, allow_none=True, metadata={"description": description})

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> Any:
        if not isinstance(value, dict):
            raise ValidationError("Must be an object, or null.")
        return super()._deserialize(value, *args, **kwargs)


class DestinationChange(Schema):
    """A merge patch of what is set for a destination: null takes a field back to its default."""

    rate = ObjectOrNull(RateChange, "no more attempts than these; null for any number")
    concurrency = Whole(
        1, MOST_AT_ONCE, "attempts under way at once, over all pollers; null for any number", allow_none=True
    )
    breaker = ObjectOrNull(
        BreakerChange, "whether it is left alone for a while when it fails again and again; null for `auto`"
    )
    signing = Choice(
        Signing,
        allow_none=True,
        description="whose secrets sign what is sent there: those of the service, or its own; null for `service`",
    )

    def handle_error(self, error: ValidationError, data: Any, **_: Any) -> None:
        for name in ONLY_ANSWERED.intersection(error.messages_dict):
            error.messages_dict[name] = ["Told in answers only: leave it out."]


class RotateSecretIn(Schema):
    may_be_left_out = True

    old_for = Length(
        0,
        LONGEST_OLD_FOR,
        description="so long the secrets before it sign beside it, or less if they were to end before; 0: they end now",
        default=duration.text(OLD_FOR),
    )


class ResumeDestinationIn(Schema):
    may_be_left_out = True

    at = Choice(
        ResumeAt,
        description="`slow`: one a second at first, twice as many in each following second, for 15 s",
        default=ResumeAt.SLOW.value,
    )


def changed_settings(patch: Mapping[str, Any]) -> Callable[[DestinationSettings], DestinationSettings]:
    """A function that applies this patch, as DestinationChange reads it. It raises Problem for a rate of nothing."""

    def changed(before: DestinationSettings) -> DestinationSettings:
        return DestinationSettings(
            rate=_rate(before.rate, patch["rate"]) if "rate" in patch else before.rate,
            concurrency=patch.get("concurrency", before.concurrency),
            breaker=_breaker(before.breaker, patch["breaker"]) if "breaker" in patch else before.breaker,
            signing=patch.get("signing", before.signing) or DEFAULTS.signing,
        )

    return changed


def _rate(before: Rate | None, said: Mapping[str, Any] | None) -> Rate | None:
    if said is None:
        return None
    requests = said.get("requests", before and before.requests)
    if requests is None:
        raise invalid({"rate": {"requests": ["Say how many requests."]}})
    per_ms = said.get("per", before and before.per_ms)
    return Rate(requests, per_ms or _PER, said.get("burst", before and before.burst))


def _breaker(before: BreakerMode, said: Mapping[str, Any] | None) -> BreakerMode:
    mode: BreakerMode | None = None if said is None else said.get("mode", before)
    return mode or DEFAULTS.breaker
