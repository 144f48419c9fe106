"""Callbacks as a client sees them: asked for, refused, hidden, changed; the service's own; what their body tells.

Tried: each field of a timer in the body beside its own GET; every rule of a webhook's url and headers; null; PATCH.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask.testing import FlaskClient

from scheduler import Outcome, Settings, SettingsError
from tests.api.conftest import HOOK
from tests.api.test_every_field import TIMERS
from tests.bench.store import Bench
from tests.store.test_callbacks import claim_one, settlement_of
from timer_service import create_app

HERE = "http://93.184.216.34/ended"


@pytest.fixture
def own(bench: Bench) -> FlaskClient:
    """An API with callbacks of its own for timers that say nothing of them."""
    settings = Settings(on_failed=f"{HERE}?token=abc", on_delivered=HERE, timeout=9, max_attempts=3)
    return create_app(settings, bench.link).test_client()


def _set(http: FlaskClient, **fields: Any) -> Any:
    answer = http.post("/timers", json={**HOOK, "seconds": 0, **fields})
    assert answer.status_code == 201, answer.get_json()
    return answer.get_json()


def _refusal(answer: Any) -> str:
    assert answer.status_code == 422, answer.get_json()
    (error,) = answer.get_json()["errors"]
    return str(error["pointer"])


def test_a_url_alone_is_short_for_one_without_headers(http: FlaskClient) -> None:
    assert _set(http, on_failed=HERE)["on_failed"] == {"url": HERE, "headers": {}}
    assert _set(http)["on_failed"] is None


@pytest.mark.parametrize(
    ("value", "pointer"),
    [
        (17, "/on_failed"),
        ([HERE], "/on_failed"),
        ({}, "/on_failed/url"),
        ({"headers": {}}, "/on_failed/url"),
        ({"url": 5}, "/on_failed/url"),
        ({"url": HERE, "on_failed": HERE}, "/on_failed/on_failed"),
        ({"url": HERE, "method": "GET"}, "/on_failed/method"),
        ({"url": "http://user:pass@93.184.216.34/"}, "/on_failed/url"),
        ({"url": "http://127.0.0.1/"}, "/on_failed/url"),
        ({"url": "ftp://93.184.216.34/"}, "/on_failed/url"),
        ({"url": f"{HERE}?token=***"}, "/on_failed/url"),
        ({"url": HERE, "headers": {"Host": "x"}}, "/on_failed/headers/Host"),
        ({"url": HERE, "headers": {"webhook-id": "x"}}, "/on_failed/headers/webhook-id"),
        ({"url": HERE, "headers": {"X-A": "a\r\nb: c"}}, "/on_failed/headers/X-A"),
        ({"url": HERE, "headers": {"Authorization": "***"}}, "/on_failed/headers/Authorization"),
        ({"url": HERE, "headers": {f"x-{n}": "" for n in range(101)}}, "/on_failed/headers"),
        ("http://169.254.169.254/", "/on_failed"),
    ],
)
def test_what_a_webhook_could_not_be_a_callback_cannot_be_and_the_pointer_says_where(
    http: FlaskClient, value: Any, pointer: str
) -> None:
    asked = {**HOOK, "seconds": 1, "on_failed": value}
    assert _refusal(http.post("/timers", json=asked)) == pointer
    assert _refusal(http.put("/timers/by-key/k", json=asked)) == pointer
    (result,) = http.post("/timers/batch", json={"timers": [asked]}).get_json()["results"]
    assert result["problem"]["errors"][0]["pointer"] == pointer
    timer = _set(http, seconds=60)
    patched = http.patch(f"/timers/{timer['id']}", json={"on_failed": value})
    assert _refusal(patched) == pointer


def test_its_secrets_are_told_to_nobody_and_a_query_to_no_key_that_may_only_read(http: FlaskClient) -> None:
    headers = {"Authorization": "Bearer abc", "X-Customer": "17", "X-Trace": "1"}
    asked = {"url": HERE, "headers": headers}
    shown = _set(http, on_failed=asked, on_delivered=asked, write_only=["x-customer"])
    hidden = {"url": HERE, "headers": {"Authorization": "***", "X-Customer": "***", "X-Trace": "1"}}
    assert shown["on_failed"] == shown["on_delivered"] == hidden


def test_a_patch_makes_no_hidden_header_of_a_callback_be_told(http: FlaskClient) -> None:
    timer = _set(http, seconds=60, on_failed={"url": HERE, "headers": {"X-Customer": "17"}}, write_only=["x-customer"])
    path = f"/timers/{timer['id']}"
    assert _refusal(http.patch(path, json={"write_only": []})) == "/write_only"
    marked = http.patch(path, json={"on_failed": {"headers": {"X-Customer": "***"}}})
    assert _refusal(marked) == "/on_failed/headers/X-Customer"
    assert http.patch(path, json={"write_only": [], "on_failed": HERE}).status_code == 200


def test_a_patch_merges_replaces_and_takes_away(http: FlaskClient, bench: Bench) -> None:
    timer = _set(http, seconds=60, on_failed={"url": HERE, "headers": {"X-A": "1", "Authorization": "abc"}})
    path = f"/timers/{timer['id']}"
    merged = http.patch(path, json={"on_failed": {"headers": {"x-a": "2", "X-B": "3"}}}).get_json()
    assert merged["on_failed"] == {"url": HERE, "headers": {"Authorization": "***", "x-a": "2", "X-B": "3"}}
    kept = bench.timers.get(timer["id"]).webhook.on_failed
    assert kept is not None
    assert kept.headers["Authorization"] == "abc"
    assert http.patch(path, json={"on_failed": f"{HERE}/2"}).get_json()["on_failed"]["headers"] == {}
    assert http.patch(path, json={"on_failed": None}).get_json()["on_failed"] is None
    bench.check()


def test_the_services_own_are_stored_with_new_timers_that_say_nothing(own: FlaskClient, http: FlaskClient) -> None:
    timer = _set(own)
    assert (timer["on_failed"]["url"], timer["on_delivered"]["url"]) == (f"{HERE}?token=abc", HERE)
    assert http.get(f"/timers/{timer['id']}").get_json()["on_failed"] == timer["on_failed"]
    said = _set(own, on_failed=f"{HERE}/mine", on_delivered=None)
    assert (said["on_failed"]["url"], said["on_delivered"]) == (f"{HERE}/mine", None)
    (batched,) = own.post("/timers/batch", json={"timers": [{**HOOK, "seconds": 1}]}).get_json()["results"]
    assert batched["timer"]["on_delivered"]["url"] == HERE


def test_a_change_of_something_else_gives_no_old_timer_the_services_own(own: FlaskClient, http: FlaskClient) -> None:
    timer = _set(http, seconds=60)
    assert own.patch(f"/timers/{timer['id']}", json={"timeout": 3}).get_json()["on_failed"] is None


@pytest.mark.parametrize("variable", ["TIMER_ON_FAILED", "TIMER_ON_DELIVERED"])
@pytest.mark.parametrize("url", ["http://127.0.0.1/", "no url", "http://user@93.184.216.34/"])
def test_the_services_own_that_may_not_be_called_are_refused_at_the_start(variable: str, url: str) -> None:
    with pytest.raises(SettingsError, match=f"^{variable} is refused: [^\n]+$"):
        create_app(Settings.from_env({variable: url}))


@pytest.mark.parametrize("which", TIMERS)
def test_its_body_tells_all_that_an_answer_tells_at_that_end_and_no_secret(
    http: FlaskClient, bench: Bench, which: str
) -> None:
    asked = {name: value for name, value in TIMERS[which].items() if name != "due_at"}
    timer = _set(http, **{**asked, "seconds": 0, "metadata": {"exact": 1.5}, "url": f"{HERE}?key=abc"})
    claim = claim_one(bench)
    bench.claims.settle([settlement_of(claim, Outcome.DELIVERED, status_code=204, response_body="ok", poller="one")])
    answer = http.get(f"/timers/{timer['id']}").get_json()
    (made,) = http.get("/timers").get_json()["data"]
    body = made["body"]
    assert (made["callback_for"], body["type"]) == (timer["id"], "timer.delivered")
    assert made["write_only"] == ["X-Trace"]
    assert made["headers"] == {"X-Trace": "***", "X-Order": "17"}
    hidden = {"url": f"{HERE}?key=***", "on_failed": {"url": "https://example.com/failed?x=***", "headers": {}}}
    assert body["timer"] == {**answer, **hidden}
    assert body["last_attempt"] == answer["last_attempt"]
    assert "Bearer abc" not in json.dumps(body)
    sent = json.loads(claim_one(bench).webhook.body or b"")
    assert sent == body


def test_its_numbers_stay_as_they_were_written(http: FlaskClient, bench: Bench) -> None:
    text = (
        json.dumps({**HOOK, "seconds": 0, "on_failed": HERE})[:-1] + ', "body": {"n": 1.50}, "metadata": {"m": 2.50}}'
    )
    assert http.post("/timers", data=text, content_type="application/json").status_code == 201
    bench.claims.settle([settlement_of(claim_one(bench), Outcome.PERMANENT)])
    sent = claim_one(bench).webhook.body or b""
    assert b'"n":1.50' in sent
    assert b'"m":2.50' in sent


def test_a_callback_has_none_itself_neither_by_a_patch_nor_by_the_services_own(own: FlaskClient, bench: Bench) -> None:
    _set(own)
    bench.claims.settle([settlement_of(claim_one(bench), Outcome.PERMANENT)])
    (made,) = own.get("/timers").get_json()["data"]
    path = f"/timers/{made['id']}"
    assert (made["on_failed"], made["on_delivered"], made["timeout"], made["max_attempts"]) == (None, None, 9, 3)
    assert _refusal(own.patch(path, json={"on_failed": HERE})) == "/on_failed"
    changed = own.patch(path, json={"timeout": 4, "on_failed": None}).get_json()
    assert (changed["on_failed"], changed["on_delivered"], changed["callback_for"]) == (
        None,
        None,
        made["callback_for"],
    )
    assert changed["body"] == made["body"]
    claim = claim_one(bench)
    assert (claim.id, claim.callback_for) == (made["id"], made["callback_for"])
    bench.claims.settle([settlement_of(claim, Outcome.PERMANENT)])
    assert own.get("/timers").get_json()["data"] == []
    bench.check()
