"""/pollers, /store, /stats/minutes, /forecast, /failures: how the service does, and what goes wrong."""

from __future__ import annotations

from typing import Any

from scheduler import Failures, Forecast, Minutes, Pollers, StoreState
from timer_service.web import activity_examples as examples
from timer_service.web.access.authentication import charge
from timer_service.web.access.list_limit import limit_lists
from timer_service.web.activity_answers import FailuresOut, ForecastOut, MinutesOut, PollersOut, StoreOut
from timer_service.web.input.activity_queries import STEPS, ForecastIn, MinutesIn, NothingIn
from timer_service.web.input.arguments import Blueprint
from timer_service.web.input.invalid import invalid
from timer_service.web.services import store

bp = Blueprint("activity", __name__, description="How the service does")

#: Timers of a list that the failures cost as much as.
_FAILURES_AS = 1000


@bp.route("/pollers", methods=["GET"])
@bp.arguments(NothingIn, location="query")
@bp.response(200, PollersOut, example=examples.POLLERS)
@bp.doc(operationId="list_pollers")
def pollers(_: dict[str, Any]) -> Pollers:
    """The pollers seen in the last hour, by name, with what each had under way."""
    return store().activity.pollers()


@bp.route("/store", methods=["GET"])
@bp.arguments(NothingIn, location="query")
@bp.response(200, StoreOut, example=examples.STORE)
@bp.doc(operationId="get_store")
def state(_: dict[str, Any]) -> StoreState:
    """How the store is: whether it takes writes, its memory, its append-only file; also while it is away."""
    return store().health.state()


@bp.route("/stats/minutes", methods=["GET"])
@limit_lists
@bp.arguments(MinutesIn, location="query")
@bp.response(200, MinutesOut, example=examples.MINUTES)
@bp.doc(operationId="list_minutes")
def minutes(asked: dict[str, Any]) -> Minutes:
    """What happened in each of the last minutes, the latest first, also in those in which nothing did."""
    charge(asked["minutes"])
    return store().activity.minutes(asked["minutes"])


@bp.route("/forecast", methods=["GET"])
@limit_lists
@bp.arguments(ForecastIn, location="query")
@bp.response(200, ForecastOut, example=examples.FORECAST)
@bp.doc(operationId="get_forecast")
def forecast(asked: dict[str, Any]) -> Forecast:
    """How many scheduled timers fall due in each second, minute, hour or day to come, in at most 1,440 of them."""
    try:
        found = store().activity.forecast(asked.get("from_"), asked.get("to"), STEPS[asked["by"]])
    except ValueError as error:
        raise invalid({"to": [f"{error}.".capitalize()]}) from error
    charge(len(found.buckets))
    return found


@bp.route("/failures", methods=["GET"])
@limit_lists
@bp.arguments(NothingIn, location="query")
@bp.response(200, FailuresOut, example=examples.FAILURES)
@bp.doc(operationId="list_failures")
def failures(_: dict[str, Any]) -> Failures:
    """The newest failed timers by destination and error, and the destinations where attempts fail now."""
    charge(_FAILURES_AS)
    return store().activity.failures()
