"""TimerClient: one method for each route."""

from __future__ import annotations

import builtins
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Literal, Self, Unpack
from uuid import uuid4

import requests

from timer_service.client.activity import Forecast, Minutes, Pollers, Step, StoreState
from timer_service.client.answers import Attempt, Page, Readiness, Status, Timer, aware
from timer_service.client.batches import bodies
from timer_service.client.bulk import change_many
from timer_service.client.clock import Advance
from timer_service.client.counts import Changed, Count, Stats
from timer_service.client.destination_calls import DestinationCalls
from timer_service.client.errors import TimerServiceError, Unavailable, from_problem
from timer_service.client.failures import Failures
from timer_service.client.request_fields import (
    Changes,
    Filters,
    KeyedOptions,
    NewTimer,
    Options,
    ReadFilters,
    Seconds,
    When,
    given,
    to_json,
)
from timer_service.client.schedule_calls import ScheduleCalls
from timer_service.client.wire import Wire, encode, idempotency_header, read_nothing, segment


class TimerClient(ScheduleCalls, DestinationCalls):
    """A timer service, from Python. Each call is one request, or as many as it says.

    Reading, cancelling by id, creating, setting, firing or deleting a schedule, and what limits, pauses or resumes a
    destination are repeated by themselves when no answer came, or a 429 or 503; creating and firing carry an
    Idempotency-Key, so that a repeat makes no second timer. Everything else is repeated only if it certainly was not
    done: a connection that never came about, a 429. Waits double from 0.1 s; Retry-After is obeyed up to 10 s, and
    raised at once where it is longer.

    Threads may share a client. It is a context manager; close() ends its connections, but not a `session` that was
    given. Every method raises TimerServiceError, or ValueError for what no service would take. Proxies and CA bundles
    of the environment count, as they do for requests; to say otherwise, give a `session`.
    """

    def __init__(
        self,
        base_url: str = "http://127.0.0.1:8000",
        api_key: str | None = None,
        *,
        timeout: Seconds = 30,
        retries: int = 4,
        session: requests.Session | None = None,
        loads: Callable[[bytes], Any] = json.loads,
    ) -> None:
        """`timeout` is for the connection, and for each silence of the service while it takes a call and answers.
        `loads` reads the JSON of answers, where numbers are to stay in the digits in which they came."""
        seconds = timeout.total_seconds() if isinstance(timeout, timedelta) else timeout
        self._wire = Wire(base_url, api_key, seconds, retries, session, loads)

    def close(self) -> None:
        self._wire.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def create(self, url: str, *, idempotency_key: str | None = None, **options: Unpack[KeyedOptions]) -> Timer:
        """Set a timer: `create("https://...", delay=timedelta(minutes=10), body={"a": 1})`.

        Raises Conflict, with the `timer_id` that has it, if its `key` is taken.
        """
        headers = idempotency_header(idempotency_key or uuid4().hex)
        body = encode({"url": url, **to_json(options)})
        return self._wire.call("POST", "/timers", Timer.from_json, body=body, headers=headers, repeatable=True)

    def create_many(
        self, timers: Iterable[NewTimer], *, idempotency_key: str | None = None
    ) -> builtins.list[Timer | TimerServiceError]:
        """Set any number of timers, a thousand a call. In their order: the timer, or the error of this one alone.

        If a call as a whole fails, that is raised; what earlier calls made stays. With an `idempotency_key` of your own
        the same timers can then be given again: those that exist are answered as they were, and made once.
        """
        made: list[Timer | TimerServiceError] = []
        idempotency_key = idempotency_key or uuid4().hex
        for number, body in enumerate(bodies(encode(to_json(timer)) for timer in timers)):
            headers = idempotency_header(f"{idempotency_key}.{number}")
            made += self._wire.call("POST", "/timers/batch", _results, body=body, headers=headers, repeatable=True)
        return made

    def get(self, timer_id: str) -> Timer:
        return self._wire.call("GET", _timer(timer_id), Timer.from_json, repeatable=True)

    def get_by_key(self, key: str) -> Timer:
        """The unfinished timer of this key."""
        return self._wire.call("GET", _by_key(key), Timer.from_json, repeatable=True)

    def attempts(self, timer_id: str) -> builtins.list[Attempt]:
        """The last ten that have ended, oldest first."""
        return self._wire.call("GET", f"{_timer(timer_id)}/attempts", _attempts, repeatable=True)

    def page(
        self,
        *,
        order: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
        **filters: Unpack[ReadFilters],
    ) -> Page:
        """One page of a list: scheduled timers, soonest first, unless said otherwise."""
        query = {"order": order, "limit": limit, "cursor": cursor, **to_json(filters)}
        return self._wire.call("GET", "/timers", Page.from_json, query=query, repeatable=True)

    def list(
        self, *, order: str | None = None, page_size: int | None = None, **filters: Unpack[ReadFilters]
    ) -> Iterator[Timer]:
        """Every timer that matches, page by page as you go on."""
        cursor = None
        while True:
            page = self.page(order=order, limit=page_size, cursor=cursor, **filters)
            yield from page.timers
            cursor = page.next_cursor
            if cursor is None:
                return

    def count(self, **filters: Unpack[ReadFilters]) -> Count:
        """How many a list would show, without the list."""
        return self._wire.call("GET", "/timers/count", Count.from_json, query=to_json(filters), repeatable=True)

    def reschedule(self, timer_id: str, **when: Unpack[When]) -> Timer:
        """Move a timer that waits; its attempts begin anew. Conflict while it is delivering, or once it has ended."""
        return self.update(timer_id, **when)

    def update(self, timer_id: str, **changes: Unpack[Changes]) -> Timer:
        """Change a timer that waits. What is sent cannot be changed once an attempt was made: Conflict."""
        headers = {"Content-Type": "application/merge-patch+json"}
        body = encode(to_json(changes))
        return self._wire.call("PATCH", _timer(timer_id), Timer.from_json, body=body, headers=headers)

    def put(self, key: str, url: str, **options: Unpack[Options]) -> Timer:
        """Create the timer of this key, or replace it where it waits.

        Again and again it is a debounce, or a dead man's switch, which `cancel_by_key` disarms.
        Raises Conflict, with `retry_after`, while it is delivering.
        """
        return self._wire.call("PUT", _by_key(key), Timer.from_json, body=encode({"url": url, **to_json(options)}))

    def cancel(self, timer_id: str) -> None:
        """After it returns, no attempt is started. It may be repeated; Conflict while delivering, or once sent."""
        self._wire.call("DELETE", _timer(timer_id), read_nothing, repeatable=True)

    def cancel_by_key(self, key: str) -> None:
        """Disarm: NotFound if no unfinished timer has this key."""
        self._wire.call("DELETE", _by_key(key), read_nothing)

    def fire(self, timer_id: str) -> Timer:
        """Make it due now."""
        return self._wire.call("POST", f"{_timer(timer_id)}/fire", Timer.from_json)

    def replay(self, timer_id: str) -> Timer:
        """Send a delivered or failed timer once more, under the same id."""
        return self._wire.call("POST", f"{_timer(timer_id)}/replay", Timer.from_json)

    def cancel_many(self, ids: Iterable[str] | None = None, **filters: Unpack[Filters]) -> Changed:
        """Cancel these, or all that match; at least one filter must be given."""
        return change_many(self._wire, "cancel", "cancelled", ids, filters)

    def replay_many(self, ids: Iterable[str] | None = None, **filters: Unpack[Filters]) -> Changed:
        """Replay these, or all that match: failed ones unless a `status` says otherwise."""
        return change_many(self._wire, "replay", "replayed", ids, filters)

    def schedule_runs(self, name: str, *, status: Status | Literal["any"] = "any") -> Iterator[Timer]:
        """The timers that a schedule has made."""
        return self.list(schedule=name, status=status)

    def stats(self) -> Stats:
        return self._wire.call("GET", "/stats", Stats.from_json, repeatable=True)

    def pollers(self) -> Pollers:
        """The pollers seen in the last hour, with what each had under way."""
        return self._wire.call("GET", "/pollers", Pollers.from_json, repeatable=True)

    def store(self) -> StoreState:
        """Whether the store takes writes, its memory, its append-only file."""
        return self._wire.call("GET", "/store", StoreState.from_json, repeatable=True)

    def minutes(self, minutes: int = 60) -> Minutes:
        """What happened in each of so many minutes up to now, 1 to 1,440."""
        return self._wire.call("GET", "/stats/minutes", Minutes.from_json, query={"minutes": minutes}, repeatable=True)

    def forecast(
        self, *, from_: datetime | str | None = None, to: datetime | str | None = None, by: Step = "minute"
    ) -> Forecast:
        """How many timers fall due in each of at most 1,440 buckets: the next 60 of them, unless said otherwise."""
        query = {**to_json({"from": from_, "to": to}), "by": by}
        return self._wire.call("GET", "/forecast", Forecast.from_json, query=query, repeatable=True)

    def failures(self) -> Failures:
        """The newest failed timers, by destination and error, and the destinations where attempts fail now."""
        return self._wire.call("GET", "/failures", Failures.from_json, repeatable=True)

    def clock(self) -> datetime:
        """What the time is for a service whose clock can be turned; NotFound where it is real."""
        return self._wire.call("GET", "/clock", _now, repeatable=True)

    def advance_clock(self, *, by: Seconds | str | None = None, to: datetime | str | None = None) -> Advance:
        """Turn the clock, by so long or to a moment. What falls due on the way has been sent when it returns, in order,
        unless `stopped_by` says why not: then go on with the same `to`. Conflict while another call turns it."""
        body = encode(given(by=by, to=to))
        return self._wire.call("POST", "/clock/advance", Advance.from_json, body=body)

    def ready(self) -> Readiness:
        """Whether a timer set now would be kept. Asks once; no answer is a no."""
        try:
            return self._wire.call("GET", "/readyz", _ready, retries=0)
        except Unavailable as error:
            return Readiness(ready=False, warnings=_texts(error.problem.get("warnings")), detail=error.detail)


def _now(answer: Any) -> datetime:
    return aware(answer["now"])


def _timer(timer_id: str) -> str:
    return f"/timers/{segment(timer_id)}"


def _by_key(key: str) -> str:
    return f"/timers/by-key/{segment(key)}"


def _results(answer: Any) -> builtins.list[Timer | TimerServiceError]:
    return [_made(result) for result in answer["results"]]


def _made(result: Mapping[str, Any]) -> Timer | TimerServiceError:
    if "timer" in result:
        return Timer.from_json(result["timer"])
    return from_problem(int(result["status"]), dict(result["problem"]))


def _attempts(answer: Any) -> builtins.list[Attempt]:
    return [Attempt.from_json(attempt) for attempt in answer["data"]]


def _ready(answer: Any) -> Readiness:
    return Readiness(ready=answer["status"] == "ok", warnings=_texts(answer["warnings"]))


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(map(str, value)) if isinstance(value, list) else ()
