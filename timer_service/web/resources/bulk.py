"""/timers/cancel and /timers/replay: the same for many, by ids or by filter, a bounded number a call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from scheduler import Page, Query, Standing, Status, Timer
from timer_service.web.access.authentication import charge
from timer_service.web.access.list_limit import limit_lists
from timer_service.web.answers import CancelledOut, ReplayedOut
from timer_service.web.input.arguments import Blueprint
from timer_service.web.input.queries import BulkIn, cursor
from timer_service.web.services import store

bp = Blueprint("bulk", __name__, description="Actions on many timers")


@bp.route("/timers/cancel", methods=["POST"])
@limit_lists
@bp.arguments(BulkIn)
@bp.response(200, CancelledOut)
@bp.doc(operationId="cancel_timers")
def cancel(selection: dict[str, Any]) -> dict[str, Any]:
    """Withdraw timers."""
    charge(len(selection.get("ids", ())) or selection["limit"])
    if "ids" in selection:
        ids = list(dict.fromkeys(selection["ids"]))
        following, matched = None, len(ids)
    else:
        page = _page(selection)
        ids = [timer.id for timer in page.timers if timer.status is Status.SCHEDULED]
        following, matched = cursor(page.next), len(page.timers)
    cancelled = store().timers.cancel_each(ids).count("cancelled")
    return {"matched": matched, "cancelled": cancelled, "skipped": matched - cancelled, "next_cursor": following}


@bp.route("/timers/replay", methods=["POST"])
@limit_lists
@bp.arguments(BulkIn)
@bp.response(200, ReplayedOut)
@bp.doc(operationId="replay_timers")
def replay(selection: dict[str, Any]) -> dict[str, Any]:
    """Send finished timers once more: failed ones, unless a status or ids are given."""
    charge(len(selection.get("ids", ())) or selection["limit"])
    if "ids" in selection:
        found: Sequence[Timer | Standing] = store().timers.standings(selection["ids"])
        following, matched = None, len(set(selection["ids"]))
    else:
        _, began_at = selection.get("cursor", (None, 0))
        page = _page({"status": Status.FAILED, **selection})
        began_at = began_at or page.read_at
        # One that was replayed since this action began is due later than that: it is not replayed twice.
        found = [timer for timer in page.timers if timer.due_at < began_at]
        following, matched = cursor(page.next, began_at), len(found)
    finished = [timer for timer in found if timer.status in (Status.DELIVERED, Status.FAILED)]
    replayed = store().timers.replay_each(finished).count("done")
    return {"matched": matched, "replayed": replayed, "skipped": matched - replayed, "next_cursor": following}


def _page(selection: dict[str, Any]) -> Page:
    filters = dict(selection)
    after, _ = filters.pop("cursor", (None, 0))
    return store().listing.page(Query(after=after, **filters))
