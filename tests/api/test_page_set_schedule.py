"""The form that sets and changes schedules: its rules are those of the API, and errors stay at their fields."""

from __future__ import annotations

import html
import json
import re
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from scheduler import Plan, Schedule, ScheduleDraft, Settings, Webhook
from tests.api.page_schedules import put, signed_in
from tests.bench.store import Bench
from tests.bench.visitor import Visitor, sentences
from tests.store.schedules import DAY, HOUR
from timer_service import create_app

PATH = "/ui/set-schedule"
GIVEN = {"name": "report", "cron": "0 9 * * MON-FRI", "time_zone": "Europe/Berlin", "url": "http://localhost:9000/hook"}


def fields(page: str) -> dict[str, str]:
    """What a browser would send of the form of a page, as it was loaded."""
    form = re.search(r'<form method="post" action="/ui/set-schedule.*?</form>', page, re.DOTALL)
    assert form
    found = dict(re.findall(r'<input[^>]* name="(\w+)" value="([^"]*)"', form[0]))
    found |= dict(re.findall(r'<textarea[^>]* name="(\w+)"[^>]*>\n(.*?)</textarea>', form[0], re.DOTALL))
    for name, options in re.findall(r'<select[^>]* name="(\w+)"[^>]*>(.*?)</select>', form[0], re.DOTALL):
        chosen = re.search(r'<option(?: value="([^"]*)")? selected>([^<]*)', options)
        first = re.search(r'<option(?: value="([^"]*)")?>([^<]*)', options)
        it = chosen or first
        assert it
        found[name] = it[1] if it[1] is not None else it[2]
    return {name: html.unescape(value) for name, value in found.items()}


def send(http: FlaskClient, path: str = PATH, do: str = "set", **changed: Any) -> TestResponse:
    """Load the form, change some fields, and send it."""
    visitor = Visitor(http)
    given = fields(visitor.get(path).text)
    given.pop("token")
    return visitor.post(path, {**given, "do": do, **changed})


def changed(http: FlaskClient, bench: Bench, **given: Any) -> Schedule:
    answer = send(http, f"{PATH}?name=report", **given)
    assert answer.status_code == 303, sentences(answer)
    return bench.schedules.get("report")


def full(bench: Bench) -> Schedule:
    """One with all that a schedule can have."""
    webhook = Webhook(
        url="http://localhost:9000/hook?a=1&b=2",
        method="PUT",
        headers={"Authorization": "Bearer s3cret", "X-Own": "kept", "X-A": "1"},
        body=b'{"n":1.50}',
        timeout=2.5,
        max_attempts=3,
        metadata={"note": "kept"},
        write_only=("X-Own",),
    )
    plan = Plan(cron="30 2 * * *", time_zone="America/New_York", starts_at=bench.now + DAY, ends_at=bench.now + 9 * DAY)
    draft = ScheduleDraft(name="report", plan=plan, webhook=webhook, tags=("a", "b"), spread_ms=5000, max_runs=7)
    schedule, _ = bench.schedules.put(draft)
    return schedule


def test_a_schedule_is_set_by_its_name_when_and_what(http: FlaskClient, bench: Bench) -> None:
    answer = send(http, **GIVEN, body='{"n": 1.50}', headers="X-A: 1\r\nX-B: a: b", tags="x, y", max_runs="3")
    assert (answer.status_code, answer.location) == (303, "/ui/schedules/report")
    assert "It is set." in sentences(http.get(answer.location))
    draft = bench.schedules.get("report").draft
    assert (draft.plan.cron, draft.plan.time_zone, draft.max_runs) == ("0 9 * * MON-FRI", "Europe/Berlin", 3)
    assert (draft.webhook.body, draft.webhook.headers) == (b'{"n":1.50}', {"X-A": "1", "X-B": "a: b"})
    assert draft.tags == ("x", "y")


def test_it_is_what_the_api_sets_of_the_same_words(http: FlaskClient, bench: Bench) -> None:
    send(http, **GIVEN)
    body = {**GIVEN, "timer": {"url": GIVEN["url"]}}
    del body["name"], body["url"]
    headers = {"Content-Type": "application/json"}
    answer = http.put("/schedules/report", data=json.dumps(body), headers=headers)
    assert answer.status_code == 200
    assert answer.headers["ETag"] == f'"{bench.schedules.get("report").version}"'  # it stood so already


def test_every_and_a_start_are_taken_as_typed(http: FlaskClient, bench: Bench) -> None:
    answer = send(http, name="r", every="1h30m", url="http://localhost/", starts_at="2026-03-01T09:00", spread="5m")
    assert answer.status_code == 303
    draft = bench.schedules.get("r").draft
    assert (draft.plan.every_ms, draft.spread_ms) == (90 * 60_000, 300_000)
    assert draft.plan.starts_at == 1_772_355_600_000


@pytest.mark.parametrize(
    ("given", "field", "error"),
    [
        ({"name": ""}, "name", "Must be 1 to 128"),
        ({"name": "a b"}, "name", "Must be 1 to 128"),
        ({"name": "preview"}, "name", "No schedule can be called preview"),
        ({"cron": ""}, "cron", "Say when: cron"),
        ({"cron": "0 9 * *"}, "cron", "4 fields"),
        ({"every": "5m"}, "every", "either cron or every"),
        ({"time_zone": "Mars"}, "time_zone", "There is no such time zone"),
        ({"time_zone": "europe/berlin"}, "time_zone", "did you mean Europe/Berlin"),
        ({"url": ""}, "url", "Missing"),
        ({"url": "ftp://x"}, "url", ""),
        ({"url": "http://169.254.169.254/"}, "url", ""),
        ({"body": "{"}, "body", ""),
        ({"headers": "x"}, "headers", "A header is written as"),
        ({"headers": "a: 1\na: 2"}, "headers", "given twice"),
        ({"headers": "host: x"}, "headers", "host"),
        ({"tags": "a, b!"}, "tags", ""),
        ({"overlap": "x"}, "overlap", ""),
        ({"catch_up": "x"}, "catch_up", ""),
        ({"catch_up_window": "soon"}, "catch_up_window", ""),
        ({"starts_at": "2026-02-30T00:00"}, "starts_at", "There is no such moment."),
        ({"ends_at": "2020-01-01T00:00", "starts_at": "2026-01-01T00:00"}, "ends_at", "Earlier than starts_at"),
        ({"ends_at": "2025-12-31T00:00", "starts_at": "2025-12-30T00:00"}, "ends_at", "Must be later than now"),
        ({"max_runs": "0"}, "max_runs", "whole number"),
        ({"max_runs": "many"}, "max_runs", "whole number"),
        ({"gap": "x"}, "gap", ""),
        ({"fold": "x"}, "fold", ""),
        ({"spread": "2d"}, "spread", ""),
        ({"pause_after_failures": "-1"}, "pause_after_failures", "whole number"),
        ({"timeout": "1e9"}, "timeout", "Must be a number"),
        ({"timeout": "true"}, "timeout", "Must be a number"),
        ({"max_attempts": "9" * 5000}, "max_attempts", "whole number"),
        ({"method": "BREW"}, "method", ""),
    ],
)
def test_what_cannot_be_used_is_told_at_its_field_and_stays(
    http: FlaskClient, bench: Bench, given: dict[str, str], field: str, error: str
) -> None:
    answer = send(http, **{**GIVEN, **given})
    assert answer.status_code == 422
    assert error in html.unescape(re.findall(rf'id="{field}-err">([^<]+)<', answer.text)[0])
    assert re.search(rf'name="{field}"[^>]*aria-invalid="true" aria-describedby="{field}-err" autofocus', answer.text)
    if field not in ("overlap", "catch_up", "gap", "fold", "method"):
        assert fields(answer.text)[field] == given[field]
    assert bench.schedules.page().schedules == []


def test_a_form_that_is_sent_twice_sets_one_and_says_the_same(http: FlaskClient, bench: Bench) -> None:
    visitor = Visitor(http)
    for _ in range(2):
        assert visitor.post(PATH, {**GIVEN, "do": "set"}).status_code == 303
        version = bench.schedules.get("report").version
        bench.advance(5000)
    assert bench.schedules.get("report").version == version


def test_a_name_that_another_has_is_told_at_its_field(http: FlaskClient, bench: Bench) -> None:
    before = put(bench)
    answer = send(http, **GIVEN)
    assert answer.status_code == 409
    assert "Another schedule has this name" in re.findall(r'id="name-err">([^<]+)<', answer.text)[0]
    assert bench.schedules.get("report").version == before.version


def test_its_next_moments_are_shown_before_it_is_set_and_nothing_is_stored(http: FlaskClient, bench: Bench) -> None:
    answer = send(http, do="preview", **GIVEN)
    said = sentences(answer)
    assert answer.status_code == 200
    assert "At 09:00, on Monday to Friday" in said.replace("09:00, Monday", "09:00, on Monday")
    assert "Thu 1 Jan, 09:00 +01:00" in said
    assert "Nothing is stored yet." in said
    assert fields(answer.text)["cron"] == GIVEN["cron"]
    assert bench.schedules.page().schedules == []


def test_a_form_that_changes_nothing_changes_nothing(http: FlaskClient, bench: Bench) -> None:
    before = full(bench)
    assert changed(http, bench) == before


def test_a_change_of_one_field_leaves_all_others_secrets_too(http: FlaskClient, bench: Bench) -> None:
    before = full(bench)
    page = http.get(f"{PATH}?name=report").text
    assert "s3cret" not in page
    assert fields(page)["headers"] == "Authorization: ***\nX-Own: ***\nX-A: 1"
    assert "metadata" in page
    after = changed(http, bench, cron="45 3 * * *", headers="Authorization: ***\nX-Own: ***\nX-B: 2")
    assert after.draft.plan.cron == "45 3 * * *"
    assert after.draft.webhook.headers == {"Authorization": "Bearer s3cret", "X-Own": "kept", "X-B": "2"}
    assert after.draft.webhook._replace(headers={}) == before.draft.webhook._replace(headers={})
    assert (after.draft.tags, after.draft.max_runs) == (before.draft.tags, before.draft.max_runs)


def test_a_field_that_is_emptied_goes_back_to_what_is_usual(http: FlaskClient, bench: Bench) -> None:
    full(bench)
    after = changed(
        http, bench, body="", tags="", ends_at="", max_runs="", spread="", max_attempts="", timeout=""
    ).draft
    assert (after.webhook.body, after.tags, after.plan.ends_at, after.max_runs) == (None, (), None, None)
    assert (after.spread_ms, after.webhook.max_attempts, after.webhook.timeout) == (0, 8, 15)


def test_an_interval_takes_the_place_of_an_expression(http: FlaskClient, bench: Bench) -> None:
    full(bench)
    plan = changed(http, bench, cron="", every="2h").draft.plan
    assert (plan.cron, plan.every_ms) == (None, 2 * HOUR)


def test_a_body_that_is_no_json_stays_unless_another_is_typed(http: FlaskClient, bench: Bench) -> None:
    put(bench, webhook=Webhook(url="http://localhost/", body=b"\xff", body_is_json=False))
    assert "body_base64" in http.get(f"{PATH}?name=report").text
    assert changed(http, bench, every="2h").draft.webhook.body == b"\xff"
    after = changed(http, bench, body="[1]").draft.webhook
    assert (after.body, after.body_is_json) == (b"[1]", True)


def test_a_change_of_what_was_changed_meanwhile_is_refused(http: FlaskClient, bench: Bench) -> None:
    put(bench)
    visitor = Visitor(http)
    given = fields(visitor.get(f"{PATH}?name=report").text)
    given.pop("token")
    put(bench, every_ms=2 * HOUR)
    answer = visitor.post(f"{PATH}?name=report", {**given, "do": "set", "every": "3h"})
    assert (answer.status_code, "It was changed after" in sentences(answer)) == (412, True)
    assert bench.schedules.get("report").draft.plan.every_ms == 2 * HOUR


def test_an_error_of_a_change_stays_at_its_field(http: FlaskClient, bench: Bench) -> None:
    before = full(bench)
    answer = send(http, f"{PATH}?name=report", cron="0 0 31 4 *", url="")
    assert answer.status_code == 422
    assert 'id="cron-err"' in answer.text
    assert 'id="url-err"' in answer.text
    assert 'data-address="/ui/set-schedule?name=report"' in answer.text  # where it is loaded again
    assert bench.schedules.get("report").version == before.version


@pytest.mark.parametrize("name", ["none", "%00", "a%20b"])
def test_a_schedule_that_is_not_there_cannot_be_changed(http: FlaskClient, name: str) -> None:
    assert http.get(f"{PATH}?name={name}").status_code == 404
    assert Visitor(http).post(f"{PATH}?name={name}", {**GIVEN, "version": "x", "do": "set"}).status_code == 404


def test_a_key_that_may_only_read_gets_no_form(bench: Bench) -> None:
    put(bench)
    reader = signed_in(bench, "read")
    assert reader.get(PATH).status_code == 403
    assert reader.get(f"{PATH}?name=report").status_code == 403
    assert reader.post(PATH, {**GIVEN, "do": "set"}).status_code == 403
    for path in ("/ui/schedules", "/ui/schedules/report"):
        assert "set-schedule" not in reader.get(path).text


@pytest.mark.parametrize(
    "text", ["</textarea><script>alert(1)</script>", "'\"><img src=x onerror=alert(1)>", "{{ 7*7 }}"]
)
def test_what_was_typed_comes_back_as_text(http: FlaskClient, text: str) -> None:
    answer = send(
        http, **dict.fromkeys(("name", "cron", "time_zone", "url", "body", "headers", "tags", "timeout"), text)
    )
    assert answer.status_code == 422
    assert "<script>alert" not in answer.text
    assert "<img" not in answer.text
    assert fields(answer.text)["cron"] == text


def test_runs_that_are_too_large_are_told_at_the_field_that_makes_them_so(http: FlaskClient, bench: Bench) -> None:
    answer = send(http, **GIVEN, body=json.dumps("x" * 300_000))
    assert answer.status_code == 413
    assert "The largest part." in re.findall(r'id="body-err">([^<]+)<', answer.text)[0]
    assert bench.schedules.page().schedules == []


def test_while_the_store_is_nearly_full_what_was_typed_stays(bench: Bench) -> None:
    http = create_app(Settings(max_bytes=1), bench.link).test_client()
    answer = send(http, **GIVEN)
    assert (answer.status_code, "nearly full" in sentences(answer)) == (503, True)
    assert fields(answer.text)["cron"] == GIVEN["cron"]
