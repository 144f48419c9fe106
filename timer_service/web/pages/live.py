"""What the script of the page fetches every two seconds, with `?live`: the same view, without the frame around it."""

from __future__ import annotations

from flask import request
from markupsafe import Markup

from timer_service.web.pages import words


def is_asked() -> bool:
    return "live" in request.args


def countdown(due_ms: int, as_of: int) -> Markup:
    """How long until then, which the script counts down; `due` once it has passed.

    The live part says the moment only: it stays the same, so that nothing is sent again while only time passes.
    """
    left = due_ms - as_of
    text = "" if is_asked() else words.span(left) if left > 0 else "due"
    return Markup('<span class="nw" data-count-down="{}">{}</span>').format(due_ms, text)
