"""The fields of destinations in Python's types. The names are those of the API."""

from __future__ import annotations

from typing import Literal, TypedDict

from timer_service.client.request_fields import Seconds

DestinationState = Literal["flowing", "limited", "paused", "broken", "probing"]
BreakerMode = Literal["auto", "off"]
ResumeAt = Literal["slow", "full"]
Signing = Literal["service", "own"]


class Rate(TypedDict, total=False):
    """No more attempts than `requests` in `per`, evenly spread. Of a change, what is not given stays."""

    requests: int
    #: A timedelta, seconds, or text with units: `"1m"`; a second unless said, a day at most.
    per: Seconds | str | None
    #: So many at once.
    burst: int | None


class Breaker(TypedDict, total=False):
    mode: BreakerMode | None


class DestinationChanges(TypedDict, total=False):
    """What is given is replaced; None takes back to the default, which limits nothing."""

    rate: Rate | None
    #: Attempts under way at once, over all pollers.
    concurrency: int | None
    #: Whether a destination that fails again and again gets nothing but probes until it is back.
    breaker: Breaker | None
    #: Whose secrets sign what is sent there; its own only once `rotate_secret` has made one.
    signing: Signing | None


class DestinationFilters(TypedDict, total=False):
    state: DestinationState
