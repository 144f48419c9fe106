"""/problems/{name}: what each kind of failure means."""

from __future__ import annotations

from flask import Blueprint, Response

from timer_service.problems import PAGES, Problem

bp = Blueprint("pages", __name__)


@bp.get("/problems/<name>")
def problem(name: str) -> Response:
    for status, (page, text) in PAGES.items():
        if page == name:
            return Response(f"{status} {page}\n\n{text}\n", mimetype="text/plain")
    raise Problem(404, "There is no such problem.")
