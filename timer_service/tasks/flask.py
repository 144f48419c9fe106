"""Tasks as a blueprint of a Flask application."""

from __future__ import annotations

from flask import Blueprint, Response, request
from werkzeug.exceptions import RequestEntityTooLarge

from timer_service.tasks.body import MOST_BYTES
from timer_service.tasks.serving import too_large
from timer_service.tasks.tasks import Tasks

#: All but POST are answered 405, as the other adapters do.
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


def blueprint(tasks: Tasks, url: str = "/tasks", name: str = "timer_tasks") -> Blueprint:
    """`app.register_blueprint(blueprint(tasks))` serves them at `url`: the path of TIMER_TASKS_URL.

    They run within the application's and the request's context, as every view does. It needs no login, and no check of
    CSRF: what is not signed by the service is refused.
    """
    found = Blueprint(name, __name__)

    @found.route(url, methods=_METHODS, provide_automatic_options=False)
    def call() -> Response:
        raw = _body()
        answer = too_large() if raw is None else tasks.serve(request.method, dict(request.headers), raw)
        return Response(answer.body, answer.status, list(answer.headers))

    return found


def _body() -> bytes | None:
    """None of one that is too large. What hooks before have read is there again, unless they parsed it as a form."""
    request.max_content_length = MOST_BYTES
    try:
        return request.get_data()
    except RequestEntityTooLarge:
        return None
