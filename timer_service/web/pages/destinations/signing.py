"""Who signs what is sent to a destination: whether its own secrets do, and new ones, each told by one answer alone."""

from __future__ import annotations

from dataclasses import replace

from flask import request
from marshmallow import ValidationError

from scheduler import OLD_FOR, Destination, NewSecret, Signing, duration
from timer_service.web.input.destination_fields import RotateSecretIn
from timer_service.web.input.invalid import invalid
from timer_service.web.pages.frame import forms
from timer_service.web.problems import Problem
from timer_service.web.services import store

#: For so long those before a new secret sign beside it, where nobody types anything else.
USUAL_OLD_FOR = duration.text(OLD_FOR)
_ROTATE = RotateSecretIn()


def newest(it: Destination) -> int:
    """ms at which the newest of its own secrets was made; 0 without one."""
    return it.secrets[0].since if it.secrets else 0


def sign_with_own(found: Destination) -> str:
    _set(found, Signing.OWN)
    return "Its own secrets sign what is sent there, and no others."


def sign_with_service(found: Destination) -> str:
    _set(found, Signing.SERVICE)
    return "The secrets of the service sign what is sent there."


def make_secret(found: Destination) -> NewSecret:
    """Raises Problem, also for a form that was sent before: loading its answer again would make another secret."""
    if forms.whole("newest") != newest(found):
        raise Problem(
            409,
            "A secret was made after this page had been loaded, and told then; nothing tells it again. "
            "Nothing was done: if nobody has it, make another.",
        )
    try:
        said = _ROTATE.load({"old_for": request.form.get("old_for", "").strip() or USUAL_OLD_FOR})
    except ValidationError as error:
        raise invalid(error.messages) from None
    return store().destinations.rotate_secret(found.id, said["old_for"])


def _set(found: Destination, signing: Signing) -> None:
    """Raises NoOwnSecret."""
    store().destinations.change(found.id, lambda before: replace(before, signing=signing))
