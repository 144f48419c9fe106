"""/stats: how many timers, and how punctual."""

from __future__ import annotations

from scheduler import Stats
from timer_service.arguments import Blueprint
from timer_service.parts import timers
from timer_service.schemas import StatsOut

bp = Blueprint("stats", __name__, description="Counts")


@bp.route("/stats", methods=["GET"])
@bp.response(200, StatsOut)
def stats() -> Stats:
    """Counts by status, and the lateness of the last 1,000 attempts."""
    return timers().stats()
