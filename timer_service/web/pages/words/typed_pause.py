"""Why something is paused and until when, as people type it. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from timer_service.web.input.schedule_fields import MOST_REASON
from timer_service.web.pages.words.typed_when import until_when
from timer_service.web.problems import Problem


def pause_of(typed: Mapping[str, str], now: int) -> tuple[str, int | None]:
    """The reason; and ms, None where it is to last until somebody resumes. Raises Problem, which names the field."""
    reason, until = typed["reason"], None
    errors: list[tuple[str, str]] = []
    if len(reason) > MOST_REASON:
        errors.append(("/reason", f"At most {MOST_REASON} characters."))
    if typed["until"]:
        try:
            until = until_when(typed["until"], now)
        except ValueError as error:
            errors.append(("/until", str(error)))
    if errors:
        raise Problem(422, "A field has a value that cannot be used.", errors=errors)
    return reason, until
