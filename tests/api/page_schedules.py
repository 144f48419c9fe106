"""What the tests of the views of schedules are told in."""

from __future__ import annotations

from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from scheduler import Schedule, Settings
from tests.bench.store import Bench
from tests.bench.visitor import Visitor, sentences
from tests.store.schedules import HOUR, draft
from timer_service import create_app
from timer_service.web.access.api_keys import new_key


def put(bench: Bench, name: str = "report", every_ms: int = HOUR, **said: Any) -> Schedule:
    """A schedule, every hour unless it says otherwise, that a poller has looked at."""
    bench.schedules.put(draft(name, every_ms, **said))
    bench.look()
    return bench.schedules.get(name)


def get(http: FlaskClient, path: str = "/ui/schedules") -> str:
    answer = http.get(path)
    assert answer.status_code == 200
    return sentences(answer)


def signed_in(bench: Bench, scope: str) -> Visitor:
    key, entry = new_key("oncall", scope)
    visitor = Visitor(create_app(Settings(api_keys=entry), bench.link).test_client())
    assert visitor.post("/ui/sign-in", {"key": key, "to": "/ui"}).status_code == 303
    return visitor


def do(http: FlaskClient, what: str, name: str = "report", **fields: Any) -> TestResponse:
    return Visitor(http).post(f"/ui/schedules/{name}", {"do": what, **fields})
