"""Tasks as a blueprint of a Flask application."""

from __future__ import annotations

from flask import Blueprint, Response, request

from timer_service.tasks.answers import Answer
from timer_service.tasks.tasks import Tasks
from timer_service.tasks.wsgi import read_body


def blueprint(tasks: Tasks, url: str = "/tasks", name: str = "timer_tasks") -> Blueprint:
    """`app.register_blueprint(blueprint(tasks))` serves them at `url`: the path of TIMER_TASKS_URL.

    They run within the application's and the request's context, as every view does. It needs no login, and no check of
    CSRF: what is not signed by the service is refused.
    """
    found = Blueprint(name, __name__)
    every = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]

    @found.route(url, methods=every, provide_automatic_options=False)
    def call() -> Response:
        raw = read_body(request.environ) if request.method == "POST" else b""
        answer = raw if isinstance(raw, Answer) else tasks.serve(request.method, dict(request.headers), raw)
        return Response(answer.body, answer.status, list(answer.headers))

    return found
