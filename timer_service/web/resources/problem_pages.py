"""/problems/{name}: what each kind of failure means."""

from __future__ import annotations

from flask import Response

from timer_service.web.input.arguments import Blueprint
from timer_service.web.problems import MORE_PAGES, PAGES, Problem

bp = Blueprint("pages", __name__, description="What problems mean")


@bp.route("/problems/<name>", methods=["GET"])
@bp.response(200, {"type": "string"}, content_type="text/plain")
@bp.doc(operationId="get_problem_page")
def problem(name: str) -> Response:
    """What a kind of problem means."""
    pages = {page: (status, text) for status, (page, text) in PAGES.items()} | MORE_PAGES
    if name in pages:
        status, text = pages[name]
        return Response(f"{status} {name}\n\n{text}\n", mimetype="text/plain")
    raise Problem(404, "There is no such problem.")
