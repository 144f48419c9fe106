"""Each call about schedules, described once for both clients: methods of TimerClient and AsyncTimerClient."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, Unpack
from uuid import uuid4

from timer_service.client.answers import Timer
from timer_service.client.call import Call, Walk, read_nothing
from timer_service.client.encoding import MERGE_PATCH, encode, idempotency_header, if_match_header, segment
from timer_service.client.request_fields import Durability, given, to_json
from timer_service.client.schedule_fields import CatchUp, NewSchedule, Plan, ScheduleChanges, ScheduleFilters
from timer_service.client.schedules import Preview, Schedule, SchedulePage


def set_schedule(
    name: str,
    *,
    if_version: str | None = None,
    only_new: bool = False,
    durability: Durability = None,
    **fields: Unpack[NewSchedule],
) -> Call[Schedule]:
    """Create the schedule of this name, or replace it; one that stands so already is left as it is.

    `set_schedule("daily-report", cron="0 9 * * MON-FRI", time_zone="Europe/Berlin", timer={"url": "https://..."})`.
    With the `version` of one that was read as `if_version`: PreconditionFailed if it was changed since. With
    `only_new`: PreconditionFailed if there is one. `durability` is that of the schedule: NotDurable if it was set, but
    that was not reached in time.
    """
    new = {"If-None-Match": "*"} if only_new else {}
    return Call(
        "PUT",
        _schedule(name),
        Schedule.from_json,
        body=encode(to_json(fields) | given(durability=durability)),
        headers=if_match_header(if_version) | new,
        repeatable=not (if_version or new),  # a repeat would find the version that the first one has made
    )


def create_schedule(
    *, idempotency_key: str | None = None, durability: Durability = None, **fields: Unpack[NewSchedule]
) -> Call[Schedule]:
    """The same under a name that the service makes up."""
    headers = idempotency_header(idempotency_key or uuid4().hex)
    body = encode(to_json(fields) | given(durability=durability))
    return Call("POST", "/schedules", Schedule.from_json, body=body, headers=headers, repeatable=True)


def schedule(name: str) -> Call[Schedule]:
    """The schedule of this name."""
    return Call("GET", _schedule(name), Schedule.from_json, repeatable=True)


def schedule_page(
    *, limit: int | None = None, cursor: str | None = None, **filters: Unpack[ScheduleFilters]
) -> Call[SchedulePage]:
    """One page of a list, by their names."""
    query = {"limit": limit, "cursor": cursor, **filters}
    return Call("GET", "/schedules", SchedulePage.from_json, query=query, repeatable=True)


def schedules(*, page_size: int | None = None, **filters: Unpack[ScheduleFilters]) -> Walk[SchedulePage, Schedule]:
    """Every schedule that matches, page by page as you go on."""
    return Walk(lambda cursor: schedule_page(limit=page_size, cursor=cursor, **filters), lambda it: it.schedules)


def update_schedule(name: str, *, if_version: str | None = None, **changes: Unpack[ScheduleChanges]) -> Call[Schedule]:
    """Change what is given, and nothing else."""
    headers = {**MERGE_PATCH, **if_match_header(if_version)}
    return Call("PATCH", _schedule(name), Schedule.from_json, body=encode(to_json(changes)), headers=headers)


def pause_schedule(name: str, *, reason: str | None = None, until: datetime | str | None = None) -> Call[Schedule]:
    """No runs from now on, until a moment or until it is resumed."""
    body = encode(given(reason=reason, until=until))
    return Call("POST", f"{_schedule(name)}/pause", Schedule.from_json, body=body)


def resume_schedule(name: str, *, catch_up: CatchUp | None = None) -> Call[Schedule]:
    """End a pause. Moments that passed during it stay skipped, unless `catch_up` says otherwise."""
    body = encode(given(catch_up=catch_up))
    return Call("POST", f"{_schedule(name)}/resume", Schedule.from_json, body=body)


def fire_schedule(name: str, *, idempotency_key: str | None = None) -> Call[Timer]:
    """Make one run now, beside all others."""
    headers = idempotency_header(idempotency_key or uuid4().hex)
    return Call("POST", f"{_schedule(name)}/fire", Timer.from_json, headers=headers, repeatable=True)


def delete_schedule(
    name: str, *, open_runs: Literal["cancel", "keep"] | None = None, if_version: str | None = None
) -> Call[None]:
    """`open_runs`: what becomes of those that are due and wait; cancelled unless said.

    NotFound if there is none of this name, but not for a repeat of this call: then the first has deleted it.
    """
    return Call(
        "DELETE",
        _schedule(name),
        read_nothing,
        query={"open": open_runs},
        headers=if_match_header(if_version),
        repeatable=if_version is None,  # a repeat would find no version
        deletes=True,
    )


def preview_schedule(
    *, from_: datetime | str | None = None, count: int | None = None, **plan: Unpack[Plan]
) -> Call[Preview]:
    """Which moments a plan names, up to 50 from a moment or from now on. Stores nothing."""
    body = encode(to_json(plan) | given(**{"from": from_}, count=count))
    return Call("POST", "/schedules/preview", Preview.from_json, body=body, repeatable=True)


def _schedule(name: str) -> str:
    return f"/schedules/{segment(name)}"
