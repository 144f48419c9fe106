"""Each call about timers, described once for both clients: methods of TimerClient and AsyncTimerClient."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal, Unpack
from uuid import uuid4

from timer_service.client.answers import Attempt, Page, Status, Timer
from timer_service.client.batches import bodies
from timer_service.client.bulk import change_many
from timer_service.client.call import Call, Several, Walk, read_nothing
from timer_service.client.counts import Changed, Count
from timer_service.client.encoding import MERGE_PATCH, encode, idempotency_header, segment
from timer_service.client.errors import TimerServiceError, from_problem
from timer_service.client.request_fields import (
    Changes,
    Durability,
    Filters,
    KeyedOptions,
    NewTimer,
    Options,
    ReadFilters,
    When,
    given,
    to_json,
)


def create(
    url: str,
    *,
    idempotency_key: str | None = None,
    durability: Durability = None,
    **options: Unpack[KeyedOptions],
) -> Call[Timer]:
    """Set a timer: `create("https://...", delay=timedelta(minutes=10), body={"a": 1})`.

    Raises Conflict, with the `timer_id` that has it, if its `key` is taken; NotDurable if it was set, but `durability`
    was not reached in time.
    """
    headers = idempotency_header(idempotency_key or uuid4().hex)
    body = encode({"url": url, **to_json(options), **given(durability=durability)})
    return Call("POST", "/timers", Timer.from_json, body=body, headers=headers, repeatable=True)


def create_many(
    timers: Iterable[NewTimer], *, idempotency_key: str | None = None, durability: Durability = None
) -> Several[list[Timer | TimerServiceError]]:
    """Set any number of timers, a thousand a call. In their order: the timer, or the error of this one alone.

    If a call as a whole fails, that is raised; what earlier calls made stays. With an `idempotency_key` of your own
    the same timers can then be given again: those that exist are answered as they were, and made once.
    """
    made: list[Timer | TimerServiceError] = []
    idempotency_key = idempotency_key or uuid4().hex
    encoded = (encode(to_json(timer)) for timer in timers)
    for number, body in enumerate(bodies(encoded, given(durability=durability))):
        headers = idempotency_header(f"{idempotency_key}.{number}")
        made += yield from Call("POST", "/timers/batch", _results, body=body, headers=headers, repeatable=True)
    return made


def get(timer_id: str) -> Call[Timer]:
    """The timer of this id."""
    return Call("GET", _timer(timer_id), Timer.from_json, repeatable=True)


def get_by_key(key: str) -> Call[Timer]:
    """The unfinished timer of this key."""
    return Call("GET", _by_key(key), Timer.from_json, repeatable=True)


def attempts(timer_id: str) -> Call[list[Attempt]]:
    """The last ten that have ended, oldest first."""
    return Call("GET", f"{_timer(timer_id)}/attempts", _attempts, repeatable=True)


def page(
    *, order: str | None = None, limit: int | None = None, cursor: str | None = None, **filters: Unpack[ReadFilters]
) -> Call[Page]:
    """One page of a list: scheduled timers, soonest first, unless said otherwise."""
    query = {"order": order, "limit": limit, "cursor": cursor, **to_json(filters)}
    return Call("GET", "/timers", Page.from_json, query=query, repeatable=True)


def list_(
    *, order: str | None = None, page_size: int | None = None, **filters: Unpack[ReadFilters]
) -> Walk[Page, Timer]:
    """Every timer that matches, page by page as you go on."""
    return Walk(lambda cursor: page(order=order, limit=page_size, cursor=cursor, **filters), lambda it: it.timers)


def schedule_runs(name: str, *, status: Status | Literal["any"] = "any") -> Walk[Page, Timer]:
    """The timers that a schedule has made."""
    return list_(schedule=name, status=status)


def count(**filters: Unpack[ReadFilters]) -> Call[Count]:
    """How many a list would show, without the list."""
    return Call("GET", "/timers/count", Count.from_json, query=to_json(filters), repeatable=True)


def reschedule(timer_id: str, **when: Unpack[When]) -> Call[Timer]:
    """Move a timer that waits; its attempts begin anew. Conflict while it is delivering, or once it has ended."""
    return update(timer_id, **when)


def update(timer_id: str, **changes: Unpack[Changes]) -> Call[Timer]:
    """Change a timer that waits. What is sent cannot be changed once an attempt was made: Conflict."""
    return Call("PATCH", _timer(timer_id), Timer.from_json, body=encode(to_json(changes)), headers=MERGE_PATCH)


def put(key: str, url: str, *, durability: Durability = None, **options: Unpack[Options]) -> Call[Timer]:
    """Create the timer of this key, or replace it where it waits.

    Again and again it is a debounce, or a dead man's switch, which `cancel_by_key` disarms.
    Raises Conflict, with `retry_after`, while it is delivering; NotDurable as `create` does.
    """
    body = encode({"url": url, **to_json(options), **given(durability=durability)})
    return Call("PUT", _by_key(key), Timer.from_json, body=body)


def cancel(timer_id: str) -> Call[None]:
    """After it returns, no attempt is started. It may be repeated; Conflict while delivering, or once sent."""
    return Call("DELETE", _timer(timer_id), read_nothing, repeatable=True)


def cancel_by_key(key: str) -> Call[None]:
    """Disarm: NotFound if no unfinished timer has this key."""
    return Call("DELETE", _by_key(key), read_nothing)


def fire(timer_id: str) -> Call[Timer]:
    """Make it due now."""
    return Call("POST", f"{_timer(timer_id)}/fire", Timer.from_json)


def replay(timer_id: str) -> Call[Timer]:
    """Send a delivered or failed timer once more, under the same id."""
    return Call("POST", f"{_timer(timer_id)}/replay", Timer.from_json)


def cancel_many(ids: Iterable[str] | None = None, **filters: Unpack[Filters]) -> Several[Changed]:
    """Cancel these, or all that match; at least one filter must be given."""
    return change_many("cancel", "cancelled", ids, filters)


def replay_many(ids: Iterable[str] | None = None, **filters: Unpack[Filters]) -> Several[Changed]:
    """Replay these, or all that match: failed ones unless a `status` says otherwise."""
    return change_many("replay", "replayed", ids, filters)


def _timer(timer_id: str) -> str:
    return f"/timers/{segment(timer_id)}"


def _by_key(key: str) -> str:
    return f"/timers/by-key/{segment(key)}"


def _results(answer: Any) -> list[Timer | TimerServiceError]:
    return [_made(result) for result in answer["results"]]


def _made(result: Mapping[str, Any]) -> Timer | TimerServiceError:
    if "timer" in result:
        return Timer.from_json(result["timer"])
    return from_problem(int(result["status"]), dict(result["problem"]))


def _attempts(answer: Any) -> list[Attempt]:
    return [Attempt.from_json(attempt) for attempt in answer["data"]]
