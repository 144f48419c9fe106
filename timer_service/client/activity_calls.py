"""Each call about the service itself, described once for both clients: methods of TimerClient and AsyncTimerClient."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from timer_service.client.activity import Forecast, Minutes, Pollers, Step, StoreState
from timer_service.client.answers import Readiness, aware
from timer_service.client.call import Call, Several
from timer_service.client.clock import Advance
from timer_service.client.counts import Stats
from timer_service.client.encoding import encode
from timer_service.client.errors import Unavailable
from timer_service.client.failures import Failures
from timer_service.client.request_fields import Seconds, given, to_json


def stats() -> Call[Stats]:
    """How many timers there are of each status, and how punctual the last thousand attempts were."""
    return Call("GET", "/stats", Stats.from_json, repeatable=True)


def pollers() -> Call[Pollers]:
    """The pollers seen in the last hour, with what each had under way."""
    return Call("GET", "/pollers", Pollers.from_json, repeatable=True)


def store() -> Call[StoreState]:
    """Whether the store takes writes, its memory, its append-only file."""
    return Call("GET", "/store", StoreState.from_json, repeatable=True)


def minutes(minutes: int = 60) -> Call[Minutes]:
    """What happened in each of so many minutes up to now, 1 to 1,440."""
    return Call("GET", "/stats/minutes", Minutes.from_json, query={"minutes": minutes}, repeatable=True)


def forecast(
    *, from_: datetime | str | None = None, to: datetime | str | None = None, by: Step = "minute"
) -> Call[Forecast]:
    """How many timers fall due in each of at most 1,440 buckets: the next 60 of them, unless said otherwise."""
    query = {**to_json({"from": from_, "to": to}), "by": by}
    return Call("GET", "/forecast", Forecast.from_json, query=query, repeatable=True)


def failures() -> Call[Failures]:
    """The newest failed timers, by destination and error, and the destinations where attempts fail now."""
    return Call("GET", "/failures", Failures.from_json, repeatable=True)


def clock() -> Call[datetime]:
    """What the time is for a service whose clock can be turned; NotFound where it is real."""
    return Call("GET", "/clock", _now, repeatable=True)


def advance_clock(*, by: Seconds | str | None = None, to: datetime | str | None = None) -> Call[Advance]:
    """Turn the clock, by so long or to a moment. What falls due on the way has been sent when it returns, in order,
    unless `stopped_by` says why not: then go on with the same `to`. Conflict while another call turns it."""
    return Call("POST", "/clock/advance", Advance.from_json, body=encode(given(by=by, to=to)))


def ready() -> Several[Readiness]:
    """Whether a timer set now would be kept. Asks once; no answer is a no."""
    try:
        return (yield from Call("GET", "/readyz", _ready, retries=0))
    except Unavailable as error:
        return Readiness(ready=False, warnings=_texts(error.problem.get("warnings")), detail=error.detail)


def _now(answer: Any) -> datetime:
    return aware(answer["now"])


def _ready(answer: Any) -> Readiness:
    return Readiness(ready=answer["status"] == "ok", warnings=_texts(answer["warnings"]))


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(map(str, value)) if isinstance(value, list) else ()
