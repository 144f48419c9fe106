"""What our application leaves out of Flask and Werkzeug changes no answer: the same is asked of theirs."""

from __future__ import annotations

from typing import Any

import flask
import pytest
from werkzeug.exceptions import HTTPException
from werkzeug.test import EnvironBuilder

from scheduler import Settings
from timer_service.web.app import create_app
from timer_service.web.flask_app import App, AppResponse

_POST: dict[str, Any] = {"method": "POST", "path": "/timers", "base_url": "http://timers.example:8000"}


@pytest.mark.parametrize("status", [100, 200, 201, 202, 204, 302, 304, 404, 503])
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Location": "/timers/06StIzCFXfeQYHRe8t1Ktk"},
        {"Location": "/schedules/a.b~c_d-e", "ETag": '"0123456789abcdef"', "Idempotent-Replayed": "true"},
        {"Location": "/ui/sign-in?to=/ui/timers?tag=a b&status=ä"},
        {"Location": "//elsewhere.example/ä"},
        {"Location": "http://bücher.example/a b"},
        {"Content-Location": "/timers/ä"},
        {"Content-Length": "5", "Allow": "GET"},
        {"content-type": "text/plain", "last-modified": "Sat, 28 Nov 2026 07:17:18 GMT"},
    ],
)
@pytest.mark.parametrize("body", ["{}\n", "", ["a", "b"], None])
def test_an_answer_has_the_headers_that_werkzeug_would_give_it(status: int, headers: dict[str, str], body: Any) -> None:
    environ = EnvironBuilder(**_POST).get_environ()
    ours, theirs = AppResponse(body, status, headers), flask.Response(body, status, headers)
    assert ours.get_wsgi_headers(environ).to_wsgi_list() == theirs.get_wsgi_headers(environ).to_wsgi_list()


@pytest.mark.parametrize("method", ["POST", "HEAD"])
@pytest.mark.parametrize("status", [100, 200, 204, 304, 404])
@pytest.mark.parametrize("body", ["{}\n", "", b"{}", ["a", b"b"], [], None, ("a", "b")])
def test_an_answer_has_the_body_that_werkzeug_would_give_it(method: str, status: int, body: Any) -> None:
    environ = EnvironBuilder(**{**_POST, "method": method}).get_environ()
    assert _sent(AppResponse(body, status), environ) == _sent(flask.Response(body, status), environ)


def test_what_is_to_be_done_after_an_answer_is_done() -> None:
    done: list[str] = []
    answer = AppResponse("{}")
    answer.call_on_close(lambda: done.append("closed"))
    _sent(answer, EnvironBuilder(**_POST).get_environ())
    assert done == ["closed"]


def _sent(answer: flask.Response, environ: dict[str, Any]) -> bytes:
    """As a server sends it (PEP 3333)."""
    pieces = answer.get_app_iter(environ)
    whole = b"".join(pieces)
    if hasattr(pieces, "close"):
        pieces.close()
    return whole


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"query_string": "limit=5&tag=%C3%A4"},
        {"path": "/timers/ä%2F//x/", "method": "get"},
        {"base_url": "https://timers.example:443/mounted/here/"},
        {"base_url": "http://[::1]:8000"},
        {"headers": {"Host": "TIMERS.Example:8000"}},
        {"headers": {"Host": "bücher.example"}},
        {"headers": {"Host": f"{'a' * 64}.example"}},
        {"headers": {"Host": "no host"}},
        {"headers": {"Host": ""}},
        {"headers": {"Connection": "keep-alive, upgrade"}},
    ],
)
def test_a_request_is_looked_up_where_flask_would_look(asked: dict[str, Any]) -> None:
    app = App("ours")
    environ = EnvironBuilder(**{**_POST, **asked}).get_environ()
    assert _looked_up(app.create_url_adapter, environ) == _looked_up(super(App, app).create_url_adapter, environ)


def _looked_up(create_url_adapter: Any, environ: dict[str, Any]) -> Any:
    try:
        found = vars(create_url_adapter(flask.Request(environ)))
    except HTTPException as error:
        return type(error)
    return {name: value for name, value in found.items() if name != "map"}


def test_no_blueprint_has_hooks_which_would_not_be_called() -> None:
    app = create_app(Settings())
    for hooks in (app.before_request_funcs, app.after_request_funcs, app.url_value_preprocessors):
        assert hooks.keys() <= {None}
