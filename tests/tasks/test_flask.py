"""Tasks as a blueprint of a Flask application."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask, current_app, g, request

from tests.tasks.signed import body, headers
from timer_service.tasks import Tasks
from timer_service.tasks.flask import blueprint


@pytest.fixture
def app(tasks: Tasks) -> Flask:
    it = Flask(__name__)
    it.register_blueprint(blueprint(tasks), url_prefix="/internal")
    return it


def post(app: Flask, raw: bytes, **more: Any) -> Any:
    return app.test_client().post("/internal/tasks", data=raw, headers=headers(raw), **more)


def test_a_task_is_called_in_the_application_s_context(app: Flask, tasks: Tasks) -> None:
    def where(name: str) -> list[str]:
        g.found = name
        return [current_app.name, request.path, g.found]

    tasks.task(name="where")(where)
    answer = post(app, body("where", "x"))
    assert (answer.status_code, answer.json) == (200, [__name__, "/internal/tasks", "x"])
    assert answer.headers["timer-scope"] == "timer"
    assert answer.headers.getlist("content-length") == [str(len(answer.data))]
    assert answer.headers.getlist("content-type") == ["application/json"]


def test_a_body_that_a_hook_has_read_before_is_verified_all_the_same(app: Flask, tasks: Tasks) -> None:
    tasks.task(name="one")(lambda: 1)
    app.before_request(lambda: request.get_data() and None)
    assert post(app, body("one")).json == 1


def test_what_is_not_signed_is_refused(app: Flask) -> None:
    answer = app.test_client().post("/internal/tasks", data=b"{}")
    assert (answer.status_code, answer.headers["timer-scope"]) == (401, "timer")


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "OPTIONS"])
def test_another_method_is_405(app: Flask, method: str) -> None:
    answer = app.test_client().open("/internal/tasks", method=method)
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


def test_a_huge_body_is_413(app: Flask) -> None:
    assert post(app, b"x" * 300_000).status_code == 413


def test_an_application_s_own_handler_of_errors_is_not_asked(app: Flask, tasks: Tasks) -> None:
    def fails() -> None:
        raise ValueError("no")

    tasks.task(name="fails")(fails)
    app.errorhandler(ValueError)(lambda _: ("all is well", 200))
    assert post(app, body("fails")).status_code == 500
