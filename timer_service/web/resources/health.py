"""/livez: this process runs. /readyz: a timer set now would be kept."""

from __future__ import annotations

from typing import Any

from scheduler import Report, Settings, StoreUnavailable, Usage
from timer_service import supervisor_notes
from timer_service.web.answers import HealthOut
from timer_service.web.input.arguments import Blueprint
from timer_service.web.problems import RETRY_AFTER, Problem
from timer_service.web.services import settings, settings_files, store

bp = Blueprint("health", __name__, description="For probes")


@bp.route("/livez", methods=["GET"])
@bp.response(200, HealthOut)
@bp.doc(operationId="get_liveness")
def livez() -> dict[str, str]:
    """This process runs."""
    return {"status": "ok"}


@bp.route("/readyz", methods=["GET"])
@bp.response(200, HealthOut)
@bp.doc(operationId="get_readiness")
def readyz() -> dict[str, Any]:
    """A timer set now would be kept."""
    try:
        report = store().health.check()
    except StoreUnavailable as error:
        if error.kind == "away":
            raise
        raise _not_ready(f"{error}") from error
    if report.refused:
        raise _not_ready(f"the store refuses {', '.join(report.refused)}", report)
    if report.may_evict:
        raise _not_ready("the store may evict timers", report)
    usage = store().capacity.usage()
    warnings = [*report.warnings, *_of_usage(usage), *_of_signing(settings()), *settings_files().problems()]
    warnings += supervisor_notes.read()
    return {"status": "ok", "warnings": warnings}


def _of_signing(settings: Settings) -> list[str]:
    if settings.signs:
        return []
    return ["webhooks are not signed: set TIMER_SIGNING_SECRETS (`timer-service secret new` makes a secret)"]


def _of_usage(usage: Usage) -> list[str]:
    if not usage.is_near:
        return []
    text = f"the store uses {usage.used} of the {usage.most} bytes that it may (TIMER_MAX_BYTES)"
    return [text + (": nothing can be added" if usage.is_full else "")]


def _not_ready(reason: str, report: Report | None = None) -> Problem:
    more = {} if report is None else {"warnings": list(report.warnings)}
    return Problem(503, f"Not ready: {reason}.", headers={"Retry-After": str(RETRY_AFTER)}, more=more)
