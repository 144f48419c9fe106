"""/timers: set, look at, cancel."""

from __future__ import annotations

from typing import Any

from flask import url_for

from scheduler import Attempt, Draft, Timer
from timer_service.arguments import Blueprint
from timer_service.parts import timers
from timer_service.schemas import AttemptsOut, NewTimer, TimerOut

bp = Blueprint("timers", __name__, description="Requests that will be sent")


@bp.route("/timers", methods=["POST"])
@bp.arguments(NewTimer)
@bp.response(201, TimerOut)
def create(asked: dict[str, Any]) -> tuple[Timer, int, dict[str, str]]:
    """Set a timer."""
    store = timers()
    (timer,) = store.schedule(Draft(id=store.new_id(), **asked))
    return timer, 201, {"Location": url_for("timers.show", timer_id=timer.id)}


@bp.route("/timers/<timer_id>", methods=["GET"])
@bp.response(200, TimerOut)
def show(timer_id: str) -> Timer:
    """One timer as it stands."""
    return timers().get(timer_id)


@bp.route("/timers/<timer_id>", methods=["DELETE"])
@bp.response(204)
def cancel(timer_id: str) -> None:
    """Withdraw a timer; after the 204 no attempt is started."""
    timers().cancel(timer_id)


@bp.route("/timers/<timer_id>/attempts", methods=["GET"])
@bp.response(200, AttemptsOut)
def attempts(timer_id: str) -> dict[str, list[Attempt]]:
    """The last ten attempts that have ended, oldest first."""
    return {"data": timers().attempts(timer_id)}
