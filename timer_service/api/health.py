"""/livez: this process runs. /readyz: a timer set now would be kept."""

from __future__ import annotations

from typing import Any

from scheduler import StoreUnsuitable
from timer_service.arguments import Blueprint
from timer_service.parts import health
from timer_service.problems import Problem
from timer_service.schemas import HealthOut

bp = Blueprint("health", __name__, description="For probes")


@bp.route("/livez", methods=["GET"])
@bp.response(200, HealthOut)
def livez() -> dict[str, str]:
    """This process runs."""
    return {"status": "ok"}


@bp.route("/readyz", methods=["GET"])
@bp.response(200, HealthOut)
def readyz() -> dict[str, Any]:
    """A timer set now would be kept."""
    try:
        report = health().check()
    except StoreUnsuitable as error:
        raise Problem(503, f"Not ready: {error}.") from error
    if report.may_evict:
        raise Problem(503, "Not ready: the store may evict timers.", more={"warnings": list(report.warnings)})
    return {"status": "ok", "warnings": list(report.warnings)}
