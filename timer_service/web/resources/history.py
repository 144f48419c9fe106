"""/history: ended timers, also those that the store has forgotten."""

from __future__ import annotations

from typing import Any

from timer_service.history.queries import HistoryQuery
from timer_service.web import past
from timer_service.web.access.authentication import charge
from timer_service.web.answers import HistoryOut
from timer_service.web.input.arguments import Blueprint
from timer_service.web.input.history_queries import HistoryIn
from timer_service.web.input.queries import cursor
from timer_service.web.next_page import link_to_next

bp = Blueprint("history", __name__, description="What has ended")


@bp.route("/history", methods=["GET"])
@bp.arguments(HistoryIn, location="query")
@bp.response(200, HistoryOut)
@bp.doc(operationId="list_history")
def index(query: HistoryQuery) -> tuple[dict[str, Any], int, dict[str, str]]:
    """A page of timers that have ended, the latest end first, each as it stood then; 404 where there is no history."""
    charge(query.limit)
    found = past.needed().page(query)
    following = cursor(past.next_place(found))
    answer = {"data": [past.told(text) for text in found.timers], "next_cursor": following}
    return answer, 200, link_to_next(following)
