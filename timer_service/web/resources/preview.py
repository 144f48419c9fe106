"""/schedules/preview: the moments that a plan would name. It stores nothing."""

from __future__ import annotations

from itertools import islice
from typing import Any

from scheduler import recurrence
from timer_service.web.input.arguments import Blueprint
from timer_service.web.input.plan_fields import take_plan
from timer_service.web.input.schedule_fields import PreviewIn
from timer_service.web.schedule_answers import PreviewOut, local
from timer_service.web.services import store

bp = Blueprint("preview", __name__, description="Timers again and again")

#: Moments told unless said.
_COUNT = 10


@bp.route("/schedules/preview", methods=["POST"])
@bp.arguments(PreviewIn)
@bp.response(200, PreviewOut)
@bp.doc(operationId="preview_schedule")
def preview(said: dict[str, Any]) -> dict[str, Any]:
    """The moments that a plan would name, over changes of clocks too. It stores nothing."""
    count = said.pop("count", _COUNT)
    after = said.pop("from_", None)
    if after is None:
        after = store().schedules.now()
    plan = take_plan(said, starts_at=after)
    found = islice(recurrence.moments(plan, after), count)
    moments = [{"utc": it.at, "local": local(it.at, plan.time_zone), "note": it.note} for it in found]
    return {"description": recurrence.describe(plan), "moments": moments}
