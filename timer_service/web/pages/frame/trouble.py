"""Under /ui, every problem is a page in words: people do not read JSON."""

from __future__ import annotations

from flask import Response

from timer_service.web.pages.frame.frame import show
from timer_service.web.present import present_request

#: Of a problem's headers, those that a page of it says too.
_KEPT = ("Allow", "Retry-After")


def is_of_page(path: str) -> bool:
    return path.startswith("/ui") and (path == "/ui" or path[3] == "/")


def in_words(answer: Response) -> Response:
    """The page of a problem, whatever raised it: a view, the routing, or what looks at requests before they come."""
    if not is_of_page(present_request().path) or answer.mimetype != "application/problem+json":
        return answer
    problem = answer.get_json()
    page = show(
        "pages/problem.html",
        view="",
        title=problem["title"],
        status=answer.status_code,
        problem=problem,
    )
    for name in _KEPT:
        if name in answer.headers:
            page.headers[name] = answer.headers[name]
    return page
