"""/timers/cancel and /timers/replay: the same for many, by ids or by filter, a bounded number a call."""

from __future__ import annotations

from typing import Any

from scheduler import Query, Status
from timer_service.web import many
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
    done = many.cancel(selection["ids"]) if "ids" in selection else many.cancel_page(_query(selection))
    return _told(done, "cancelled", cursor(done.next))


@bp.route("/timers/replay", methods=["POST"])
@limit_lists
@bp.arguments(BulkIn)
@bp.response(200, ReplayedOut)
@bp.doc(operationId="replay_timers")
def replay(selection: dict[str, Any]) -> dict[str, Any]:
    """Send finished timers once more: failed ones, unless a status or ids are given."""
    charge(len(selection.get("ids", ())) or selection["limit"])
    if "ids" in selection:
        found = store().timers.standings(selection["ids"])
        done = many.replay(found, len(set(selection["ids"])))
    else:
        _, began_at = selection.get("cursor", (None, 0))
        done = many.replay_page(_query({"status": Status.FAILED, **selection}), began_at)
    return _told(done, "replayed", cursor(done.next, done.began_at))


def _told(done: many.Changed, word: str, following: str | None) -> dict[str, Any]:
    skipped = done.matched - done.changed
    return {"matched": done.matched, word: done.changed, "skipped": skipped, "next_cursor": following}


def _query(selection: dict[str, Any]) -> Query:
    filters = dict(selection)
    after, _ = filters.pop("cursor", (None, 0))
    return Query(after=after, **filters)
