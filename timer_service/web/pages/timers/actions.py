"""What the view Timers does to those that are ticked, or to all that match its filters."""

from __future__ import annotations

from flask import Response, request

from timer_service.web.pages.figures.snapshot import expire
from timer_service.web.pages.frame import forms
from timer_service.web.pages.frame.frame import bp
from timer_service.web.pages.timers import bulk, filters
from timer_service.web.pages.timers.view import url, view
from timer_service.web.problems import Problem
from timer_service.web.services import store

#: Timers that can be ticked: those of a page.
_MOST_TICKED = filters.LIMIT


@bp.post("/timers")
def act_on_many() -> Response:
    asked = filters.read(request.args)
    action = bulk.action_on(asked)
    if asked.query is None or action is None:
        return view(request.args, refused=Problem(422, "These timers cannot be changed together. Nothing was done."))
    if request.form.get("do") == "all":
        return _all(action, asked)
    ticked = list(dict.fromkeys(request.form.getlist("ids")))
    if not 0 < len(ticked) <= _MOST_TICKED:
        problem = "No timer is ticked." if not ticked else f"More than {_MOST_TICKED} are ticked."
        return view(request.args, refused=Problem(422, f"{problem} Nothing was done."))
    text = bulk.told(action, bulk.change_ticked(action, ticked))
    expire()
    return forms.done(url(asked.link), text)


def _all(action: bulk.Action, asked: filters.Filters) -> Response:
    assert asked.query is not None
    count, as_of = forms.whole("count"), forms.whole("as_of")
    exact, typed = "at_least" not in request.form, request.form.get("sure", "")
    if not (count and as_of):
        problem = "The form does not say how many match, and when it was loaded. Nothing was done."
        return view(request.args, refused=Problem(422, problem))
    if bulk.needs_number(count, exact=exact) and not bulk.is_number(typed, count):
        error = f"Type {count} to {action.verb} them all."
        return view(request.args, errors={"sure": error}, sure=typed)
    result = bulk.change_all(action, asked.query, count if exact else None, as_of)
    expire()
    text = bulk.told(action, result)
    if not result.is_over:
        left = store().listing.count(asked.query)
        text += f" Time was up: {'' if left.exact else 'at least '}{left.count:,} match still. Go on below."
    return forms.done(url(asked.link), text, matched=result.matched, **asked.asked)
