"""/stats: how many timers, and how punctual."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from timer_service.web.answers import StatsOut
from timer_service.web.input.arguments import Blueprint
from timer_service.web.services import store

bp = Blueprint("stats", __name__, description="Counts")


@bp.route("/stats", methods=["GET"])
@bp.response(200, StatsOut)
@bp.doc(operationId="get_stats")
def stats() -> dict[str, Any]:
    """Counts by status, and the lateness of the last 1,000 attempts."""
    usage = store().capacity.usage()
    return {**asdict(store().timers.stats()), "used_bytes": usage.used, "max_bytes": usage.most}
