"""The access log: one line a request."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from flask.testing import FlaskClient

from scheduler import Settings
from tests.bench.store import Bench
from timer_service import create_app
from timer_service.web.access.api_keys import new_key


@pytest.fixture(autouse=True)
def _listening(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "timer_service.web.access.access_log")


def said(record: logging.LogRecord) -> dict[str, Any]:
    found: dict[str, Any] = record.__dict__["fields"]
    assert found.pop("duration_ms") >= 0
    return found


def test_a_timer_that_was_set_is_one_line_with_its_id(http: FlaskClient, caplog: pytest.LogCaptureFixture) -> None:
    answer = http.post("/timer?token=secret", json={"url": "http://h/", "seconds": 1}, headers={"X-Request-Id": "mine"})
    assert answer.json is not None
    (line,) = caplog.records
    assert said(line) == {
        "request_id": "mine",
        "method": "POST",
        "path": "/timers",
        "status": 201,
        "timer_id": answer.json["id"],
    }


@pytest.mark.parametrize("path", ["/timers/x", "/nowhere", "/timers/%0A"])
def test_a_refused_request_is_a_line_too(http: FlaskClient, caplog: pytest.LogCaptureFixture, path: str) -> None:
    http.get(path)
    (line,) = caplog.records
    assert said(line)["status"] == 404


def test_a_line_names_the_key_that_asked_and_never_holds_it(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    token, entry = new_key("reader", "read")
    guarded = create_app(Settings(api_keys=entry), bench.link).test_client()
    guarded.get("/stats", headers={"Authorization": f"Bearer {token}"})
    guarded.post("/timers", headers={"Authorization": f"Bearer {token}"})
    guarded.get("/stats", headers={"Authorization": f"Bearer {token}x"})
    allowed, forbidden, unknown = (said(line) for line in caplog.records)
    assert (allowed["key"], allowed["status"]) == ("reader", 200)
    assert (forbidden["key"], forbidden["status"]) == ("reader", 403)
    assert ("key" in unknown, unknown["status"]) == (False, 401)
