"""The view of one destination: how it stands and why, what waits there, what was seen of it, what limits it, and who
signs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from flask import Response

from scheduler import Destination, DestinationState, NewSecret, Query, Status, Timer
from timer_service.web.pages.destinations import settings_form
from timer_service.web.pages.destinations.commands import calls
from timer_service.web.pages.destinations.rows import row
from timer_service.web.pages.destinations.signing import USUAL_OLD_FOR, newest
from timer_service.web.pages.destinations.standing import sentence
from timer_service.web.pages.frame import live
from timer_service.web.pages.frame.frame import bp, show
from timer_service.web.pages.frame.terminal import terminal
from timer_service.web.pages.frame.viewer import viewer
from timer_service.web.pages.words.holds import goes_on_slowly, is_left_alone
from timer_service.web.pages.words.places import id_of, place
from timer_service.web.pages.words.reasons import ended, is_long
from timer_service.web.problems import Problem
from timer_service.web.services import store

#: Timers that wait and are shown.
_WAITING = 5


@bp.get("/destinations/<name>")
def destination_view(name: str) -> Response:
    return view(find(name))


def find(name: str) -> Destination:
    """As it stands, also if nothing is known of it. Raises Problem."""
    try:
        return store().destinations.get(id_of(name))
    except ValueError as error:
        raise Problem(404, f"This is no destination. {error}") from None


def view(
    it: Destination,
    *,
    refused: Problem | None = None,
    errors: Mapping[str, str] | None = None,
    typed: Mapping[str, str] | None = None,
    made: NewSecret | None = None,
) -> Response:
    """`errors` and `typed`, what stood there: by the fields of all forms.

    `made`: the secret that was made just now, which this answer alone tells.
    """
    told = row(it)
    typed = typed or {}
    form = {name: typed.get(name, value) for name, value in settings_form.shown(it.settings).items()}
    old_for = typed.get("old_for") or USUAL_OLD_FOR
    is_broken = it.state in (DestinationState.BROKEN, DestinationState.PROBING)
    return show(
        "pages/destination.html",
        view="Destinations",
        title=f"{it.state.capitalize()} · {it.id}",
        as_of=it.read_at,
        status=422 if errors else 200,
        refused=refused,
        address=told.path if refused or errors or made else "",
        it=it,
        row=told,
        said=sentence(it, told),
        reason=ended(told.reason) if is_long(told.reason) else "",
        is_broken=is_broken,
        is_left_alone=is_left_alone(it),
        is_slow=goes_on_slowly(it),
        waiting=_waiting(it),
        form=form,
        errors={name: errors[name] for name in (*_PAUSE, "old_for", *form, "") if name in errors} if errors else {},
        pause={name: typed.get(name, "") for name in _PAUSE},
        made=made,
        newest=newest(it),
        old_for=old_for,
        is_live=live.is_asked(),
        calls=tuple(calls(terminal(), it, settings_form.as_patch(form), old_for, may_write=viewer().may_write)),
    )


#: Fields of the form that pauses.
_PAUSE = ("reason", "until")


def _waiting(it: Destination) -> Sequence[Timer]:
    """The first of those that wait; of due timers alone, for among all that are to come many would be looked at."""
    if not it.waiting:
        return ()
    where = place(it.id).origin
    asked = Query(status=Status.SCHEDULED, destination=where, due_before=it.read_at + 1, limit=_WAITING)
    return store().listing.page(asked).timers
