"""/schedules: plans that make timers again and again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flask import g, request
from marshmallow import ValidationError

from scheduler import (
    NO_VERSION,
    PlanError,
    Schedule,
    ScheduleDraft,
    Timer,
    TimerTooLarge,
    UnknownSchedule,
    VersionChanged,
)
from timer_service.web import idempotency
from timer_service.web.access.authentication import charge
from timer_service.web.access.list_limit import limit_lists
from timer_service.web.answers import TimerOut
from timer_service.web.input.arguments import Blueprint, json_object
from timer_service.web.input.invalid import invalid
from timer_service.web.input.schedule_fields import DeleteIn, NewSchedule, PauseIn, ResumeIn
from timer_service.web.input.schedule_patch import schedule_merge
from timer_service.web.input.schedule_queries import SchedulesIn, name_cursor
from timer_service.web.input.webhook_fields import Key
from timer_service.web.next_page import link_to_next
from timer_service.web.openapi import IDEMPOTENCY_KEY, IF_MATCH, IF_NONE_MATCH, SCHEDULE_MERGE_PATCH
from timer_service.web.problems import Problem, of_schedule
from timer_service.web.receipts import asked_durability, with_schedule_receipt
from timer_service.web.schedule_answers import ScheduleOut, SchedulesOut
from timer_service.web.services import new_schedule, store

bp = Blueprint("schedules", __name__, description="Timers again and again")

_Answer = tuple[Schedule, int, dict[str, str]]


@bp.route("/schedules", methods=["POST"])
@bp.arguments(NewSchedule)
@bp.response(201, ScheduleOut)
@bp.doc(operationId="create_schedule", parameters=[IDEMPOTENCY_KEY])
def create(fields: dict[str, Any]) -> _Answer:
    """Set a schedule under a name that it is given. What only answers tell is passed over."""
    if "name" in g.request_fields:
        raise invalid({"name": ["It is given one here: PUT /schedules/{name} sets one under a name of yours."]})
    with store().writes(asked_durability(fields)) as writes:
        begun = idempotency.begin()
        name = idempotency.new_id(begun, 0, None)
        where = {"Location": f"/schedules/{name}"}
        if begun is not None and begun.answer is not None:
            schedule = with_schedule_receipt(writes.schedules.get(name), writes)
            return schedule, 201, {**where, **_etag(schedule), **idempotency.REPLAYED}
        with idempotency.undone_if_refused(begun), _refused_by_field():
            schedule, _ = writes.schedules.put(ScheduleDraft(name=name, **fields))
        idempotency.keep(begun, name)
        return with_schedule_receipt(schedule, writes), 201, {**where, **_etag(schedule)}


@bp.route("/schedules", methods=["GET"])
@limit_lists
@bp.arguments(SchedulesIn, location="query")
@bp.response(200, SchedulesOut)
@bp.doc(operationId="list_schedules")
def index(query: dict[str, Any]) -> tuple[dict[str, Any], int, dict[str, str]]:
    """A page of schedules, by their names."""
    charge(query["limit"])
    page = store().schedules.page(after=query.pop("cursor", ""), **query)
    following = name_cursor(page.next)
    return {"data": page.schedules, "next_cursor": following}, 200, link_to_next(following)


@bp.route("/schedules/<schedule:name>", methods=["PUT"])
@bp.arguments(NewSchedule)
@bp.response(200, ScheduleOut)
@bp.alt_response(201, schema=ScheduleOut)
@bp.doc(operationId="put_schedule", parameters=[IF_MATCH, IF_NONE_MATCH])
def put(fields: dict[str, Any], name: str) -> _Answer:
    """Set the schedule of this name, or replace it; one that stands so already is left as it is.

    What only answers tell is passed over, so that an answer can be changed and sent back."""
    try:
        Key().deserialize(name)
    except ValidationError as error:
        raise invalid({"name": error.messages}) from None
    if g.request_fields.get("name", name) != name:
        raise invalid({"name": ["Not the name in the URL: a schedule keeps its name."]})
    version = NO_VERSION if _must_be_new() else _expected_version(name)
    with store().writes(asked_durability(fields)) as writes:
        with _refused_by_field():
            schedule, is_new = writes.schedules.put(ScheduleDraft(name=name, **fields), version)
        schedule = with_schedule_receipt(schedule, writes)
    if not is_new:
        return schedule, 200, _etag(schedule)
    return schedule, 201, {"Location": f"/schedules/{name}", **_etag(schedule)}


@bp.route("/schedules/<schedule:name>", methods=["GET"])
@bp.response(200, ScheduleOut)
@bp.doc(operationId="get_schedule")
def show(name: str) -> _Answer:
    """One schedule as it stands."""
    schedule = store().schedules.get(name)
    return schedule, 200, _etag(schedule)


@bp.route("/schedules/<schedule:name>", methods=["PATCH"])
@bp.response(200, ScheduleOut)
@bp.doc(operationId="change_schedule", parameters=[IF_MATCH], requestBody=SCHEDULE_MERGE_PATCH)
def change(name: str) -> _Answer:
    """Change what was asked for (RFC 7396)."""
    merge = schedule_merge(json_object(), new_schedule())
    with _refused_by_field():
        schedule = store().schedules.change(name, merge, _expected_version(name))
    return schedule, 200, _etag(schedule)


@bp.route("/schedules/<schedule:name>", methods=["DELETE"])
@bp.arguments(DeleteIn, location="query")
@bp.response(204)
@bp.doc(operationId="delete_schedule", parameters=[IF_MATCH])
def delete(query: dict[str, Any], name: str) -> None:
    """Delete a schedule; runs that were made ahead vanish, and what is in flight goes on."""
    store().schedules.delete(name, query["open"], _expected_version(name))


@bp.route("/schedules/<schedule:name>/pause", methods=["POST"])
@bp.arguments(PauseIn, required=False)
@bp.response(200, ScheduleOut)
@bp.doc(operationId="pause_schedule")
def pause(said: dict[str, Any], name: str) -> _Answer:
    """Make no runs from now on, until it is resumed or until then; moments meanwhile are skipped and counted."""
    until = said.get("until")
    if until is not None and until <= store().schedules.get(name).read_at:
        raise invalid({"until": ["Must be later than now."]})
    schedule = store().schedules.pause(name, said["reason"], g.get("credential", ""), until)
    return schedule, 200, _etag(schedule)


@bp.route("/schedules/<schedule:name>/resume", methods=["POST"])
@bp.arguments(ResumeIn, required=False)
@bp.response(200, ScheduleOut)
@bp.doc(operationId="resume_schedule")
def resume(said: dict[str, Any], name: str) -> _Answer:
    """End a pause; one that is not paused is left as it is."""
    schedule = store().schedules.resume(name, said.get("catch_up"))
    return schedule, 200, _etag(schedule)


@bp.route("/schedules/<schedule:name>/fire", methods=["POST"])
@bp.response(201, TimerOut)
@bp.doc(operationId="fire_schedule", parameters=[IDEMPOTENCY_KEY])
def fire(name: str) -> tuple[Timer, int, dict[str, str]]:
    """Make one run now, beside all others, also of a paused or ended schedule."""
    g.request_fields = {}
    _refuse_a_body()
    begun = idempotency.begin()
    timer_id = idempotency.new_id(begun, 0, name)
    where = {"Location": f"/timers/{timer_id}"}
    if begun is not None and begun.answer is not None:
        return store().timers.get(timer_id), 201, {**where, **idempotency.REPLAYED}
    with idempotency.undone_if_refused(begun):
        timer = store().schedules.fire(name, timer_id)
    idempotency.keep(begun, timer_id)
    return timer, 201, where


def _refuse_a_body() -> None:
    """Raises Problem. An empty object says nothing, and is what some clients send as none."""
    if (request.content_length or "Transfer-Encoding" in request.headers) and json_object():
        detail = "A run sends what its schedule says. Change that, or set a timer of your own."
        raise Problem(422, "A run made by hand takes no fields.", errors=[("", detail)])


@contextmanager
def _refused_by_field() -> Iterator[None]:
    """Raises what the store refuses of a schedule as a problem of its fields."""
    try:
        yield
    except (PlanError, TimerTooLarge) as error:
        raise of_schedule(error) from error


def _etag(schedule: Schedule) -> dict[str, str]:
    return {"ETag": f'"{schedule.version}"'}


def _must_be_new() -> bool:
    """Whether If-None-Match asks that there is none of this name. Raises Problem for any other condition."""
    if "If-None-Match" not in request.headers:
        return False
    if not request.if_none_match.star_tag or "If-Match" in request.headers:
        raise Problem(400, "If-None-Match: only * is known, and not beside If-Match.")
    return True


def _expected_version(name: str) -> str | None:
    """The version that If-Match allows to change, of those that it names; None where it is not sent.

    Raises VersionChanged.
    """
    if "If-Match" not in request.headers:
        return None
    try:
        version = store().schedules.get(name).version
    except UnknownSchedule:
        raise VersionChanged(name) from None
    if not request.if_match.contains(version):
        raise VersionChanged(name)
    return version
