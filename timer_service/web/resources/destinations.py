"""/destinations: where timers are sent, what limits that, and how it goes."""

from __future__ import annotations

from typing import Any

from flask import g, request
from marshmallow import ValidationError

from scheduler import OLD_FOR, Destination, NewSecret, ResumeAt, VersionChanged
from timer_service.web import idempotency
from timer_service.web.access.authentication import charge
from timer_service.web.access.list_limit import limit_lists
from timer_service.web.destination_answers import UNSET, DestinationOut, DestinationsOut, NewSecretOut
from timer_service.web.input.arguments import Blueprint
from timer_service.web.input.destination_fields import (
    DestinationChange,
    ResumeDestinationIn,
    RotateSecretIn,
    changed_settings,
)
from timer_service.web.input.destination_id import DestinationId
from timer_service.web.input.destination_queries import DestinationsIn, place_cursor
from timer_service.web.input.invalid import invalid
from timer_service.web.input.schedule_fields import PauseIn
from timer_service.web.next_page import link_to_next
from timer_service.web.openapi import DESTINATION_IF_MATCH, IDEMPOTENCY_KEY
from timer_service.web.problems import Problem
from timer_service.web.services import store

bp = Blueprint("destinations", __name__, description="Where timers are sent: how fast, how many, whether at all")

_Answer = tuple[Destination, int, dict[str, str]]
_ID = DestinationId()
#: Of an answer with a secret: nothing on its way keeps it.
_NOT_KEPT = {"Cache-Control": "no-store"}


@bp.route("/destinations", methods=["GET"])
@limit_lists
@bp.arguments(DestinationsIn, location="query")
@bp.response(200, DestinationsOut)
@bp.doc(operationId="list_destinations")
def index(query: dict[str, Any]) -> tuple[dict[str, Any], int, dict[str, str]]:
    """A page of destinations: those that are limited or held first, then the busiest."""
    charge(query["limit"])
    page = store().destinations.page(query.pop("cursor", None), **query)
    following = place_cursor(page.next)
    return {"data": page.destinations, "next_cursor": following}, 200, link_to_next(following)


@bp.route("/destinations/<destination:id>", methods=["GET"])
@bp.response(200, DestinationOut)
@bp.doc(operationId="get_destination")
def show(id: str) -> _Answer:
    """One destination as it stands."""
    return _told(_found(_checked(id)))


@bp.route("/destinations/<destination:id>", methods=["PATCH"])
@bp.arguments(DestinationChange, content_type="application/merge-patch+json")
@bp.response(200, DestinationOut)
@bp.doc(operationId="change_destination", parameters=[DESTINATION_IF_MATCH])
def change(patch: dict[str, Any], id: str) -> _Answer:
    """Change what limits it (RFC 7396), also before anything was sent there."""
    _checked(id)
    store().destinations.change(id, changed_settings(patch), _expected_version(id))
    return _told(store().destinations.get(id))


@bp.route("/destinations/<destination:id>/pause", methods=["POST"])
@bp.arguments(PauseIn, required=False)
@bp.response(200, DestinationOut)
@bp.doc(operationId="pause_destination")
def pause(said: dict[str, Any], id: str) -> _Answer:
    """Send nothing there from now on: no attempt begins later than 2 s after the answer. Timers wait."""
    _checked(id)
    until = said.get("until")
    if until is not None and until <= store().destinations.rule(id).read_at:
        raise invalid({"until": ["Must be later than now."]})
    store().destinations.pause(id, said["reason"], g.get("credential", ""), until)
    return _told(store().destinations.get(id))


@bp.route("/destinations/<destination:id>/resume", methods=["POST"])
@bp.arguments(ResumeDestinationIn, required=False)
@bp.response(200, DestinationOut)
@bp.doc(operationId="resume_destination")
def resume(said: dict[str, Any], id: str) -> _Answer:
    """End a pause, or a Retry-After, slowly unless said; of a broken one, try at once whether it is back."""
    _found(_checked(id))
    rule = store().destinations.rule(id)
    if "at" in said and rule.pause is None and rule.broken is not None:
        raise Problem(
            409,
            "The destination is broken, not paused: it is tried at once, and goes on slowly when it is back. "
            "Leave `at` out.",
            name="destination-broken",
        )
    store().destinations.resume(id, said.get("at", ResumeAt.SLOW))
    return _told(store().destinations.get(id))


@bp.route("/destinations/<destination:id>/rotate-secret", methods=["POST"])
@bp.arguments(RotateSecretIn, required=False)
@bp.response(200, NewSecretOut)
@bp.doc(operationId="rotate_secret", parameters=[IDEMPOTENCY_KEY])
def rotate_secret(said: dict[str, Any], id: str) -> tuple[NewSecret, int, dict[str, str]]:
    """Make a secret of its own, told by this answer alone; those before it go on signing for a while.

    It signs once `signing` is `own`. The same Idempotency-Key again: the same secret, and no other is made.
    """
    _checked(id)
    begun = idempotency.begin()
    if begun is not None and begun.answer is not None:
        found = store().destinations.made_secret(id, begun.seed)
        if found is None:
            raise Problem(409, "The secret that was made is not in use any more.", name="secret-replaced")
        return found, 200, {**_NOT_KEPT, **idempotency.REPLAYED}
    with idempotency.undone_if_refused(begun):
        made = store().destinations.rotate_secret(id, said.get("old_for", OLD_FOR), begun.seed if begun else "")
    idempotency.keep(begun, True)
    return made, 200, {**_NOT_KEPT}


def _checked(id: str) -> str:
    """Raises Problem."""
    try:
        return _ID.deserialize(id)
    except ValidationError as error:
        raise invalid({"id": error.messages}) from None


def _found(id: str) -> Destination:
    """Raises Problem."""
    found = store().destinations.find(id)
    if found is None:
        raise Problem(
            404, "Nothing was sent to this destination, and nothing was set for it.", name="unknown-destination"
        )
    return found


def _told(destination: Destination) -> _Answer:
    return destination, 200, {"ETag": f'"{destination.version or UNSET}"'}


def _expected_version(id: str) -> str | None:
    """The version that If-Match allows to change, of those that it names; None where it is not sent.

    One that nobody has spoken of is of the version of those for which nothing was set, but it is none of `*`.
    Raises VersionChanged.
    """
    if "If-Match" not in request.headers:
        return None
    found = store().destinations.find(id)
    version = found.version if found else ""
    if not request.if_match.contains(version or UNSET) or (found is None and request.if_match.star_tag):
        raise VersionChanged(id)
    return version
