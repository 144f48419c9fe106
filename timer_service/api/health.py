"""/livez: this process runs. /readyz: a timer set now would be kept."""

from __future__ import annotations

from typing import Any

from flask import Blueprint

from scheduler import StoreUnsuitable
from timer_service.parts import health
from timer_service.problems import Problem

bp = Blueprint("health", __name__)


@bp.get("/livez")
def livez() -> dict[str, str]:
    return {"status": "ok"}


@bp.get("/readyz")
def readyz() -> dict[str, Any]:
    try:
        report = health().check()
    except StoreUnsuitable as error:
        raise Problem(503, f"Not ready: {error}.") from error
    if report.may_evict:
        raise Problem(503, "Not ready: the store may evict timers.", more={"warnings": list(report.warnings)})
    return {"status": "ok", "warnings": list(report.warnings)}
