"""/schedules: what is set is told again, whole; what is wrong is pointed at."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from scheduler import Outcome, Plan, ScheduleDraft, Settings, Webhook
from tests.api.conftest import HOOK, settle
from tests.bench.store import Bench
from timer_service import create_app
from timer_service.web.access.api_keys import new_key

DAILY: dict[str, Any] = {"cron": "0 9 * * *", "time_zone": "Europe/Berlin", "timer": HOOK}
EVERY: dict[str, Any] = {"every": "15m", "timer": HOOK}
#: None of it is the default.
WHOLE: dict[str, Any] = {
    "cron": "30 2 * * *",
    "time_zone": "Europe/Berlin",
    "starts_at": "2026-02-01T00:00:00.000Z",
    "ends_at": "2027-02-01T00:00:00.000Z",
    "max_runs": 7,
    "overlap": "skip",
    "catch_up": "all",
    "catch_up_window": "2d12h",
    "gap": "skip",
    "fold": "last",
    "spread": "5m",
    "pause_after_failures": 3,
    "timer": {
        "url": "https://example.com/hook?x=1",
        "method": "PUT",
        "headers": {"Authorization": "Bearer abc", "X-Trace": "1"},
        "body": {"a": 1},
        "timeout": 2.5,
        "max_attempts": 3,
        "backoff": [5, 30],
        "delivery": "at_least_once",
        "max_occurrences": 2,
        "metadata": {"order": 17},
        "write_only": ["X-Trace"],
        "tags": ["reports"],
        "on_delivered": None,
        "on_failed": {"url": "https://example.com/failed", "headers": {"X-Trace": "2"}},
    },
}


def put(http: FlaskClient, name: str = "report", **asked: Any) -> dict[str, Any]:
    answer = http.put(f"/schedules/{name}", json=asked or DAILY)
    assert answer.status_code in (200, 201), answer.text
    found: dict[str, Any] = answer.get_json()
    return found


def test_a_schedule_is_set_under_its_name_and_told_with_its_next_five_runs(http: FlaskClient) -> None:
    answer = http.put("/schedules/report/", json=DAILY)
    assert (answer.status_code, answer.headers["Location"]) == (201, "/schedules/report")
    told = answer.get_json()
    assert told["next"][:2] == [
        {"utc": "2026-01-01T08:00:00.000Z", "local": "2026-01-01T09:00:00.000+01:00"},
        {"utc": "2026-01-02T08:00:00.000Z", "local": "2026-01-02T09:00:00.000+01:00"},
    ]
    assert len(told["next"]) == 5
    assert told["description"] == "at 09:00, in Europe/Berlin, from 2026-01-01T00:00:00.000Z"
    assert (told["name"], told["status"], told["created_at"]) == ("report", "active", "2026-01-01T00:00:00.000Z")
    assert (told["previous"], told["runs"], told["paused"]) == ([], 0, None)
    assert told["skipped"] == {"overlap": 0, "missed": 0, "paused": 0, "gap": 0}
    assert answer.headers["ETag"] == f'"{told["version"]}"'
    assert http.get("/schedules/report").get_json() == told


def test_every_field_is_told_as_it_was_asked_for_with_its_secrets_hidden(http: FlaskClient, bench: Bench) -> None:
    told = put(http, **WHOLE)
    headers = {"Authorization": "***", "X-Trace": "***"}
    on_failed = {"url": "https://example.com/failed", "headers": {"X-Trace": "***"}}
    assert told["timer"] == {**WHOLE["timer"], "headers": headers, "on_failed": on_failed}
    assert {name: told[name] for name in WHOLE} == {**WHOLE, "timer": told["timer"]}
    assert bench.schedules.get("report").draft.webhook.headers["Authorization"] == "Bearer abc"


def test_no_value_of_the_table_is_the_default(http: FlaskClient) -> None:
    plain = put(http)
    assert [name for name in WHOLE if name != "time_zone" and plain[name] == WHOLE[name]] == []


def test_a_put_of_the_same_changes_nothing_and_of_another_gives_another_version(http: FlaskClient) -> None:
    first = put(http, **WHOLE)
    again = http.put("/schedules/report", json=WHOLE)
    assert (again.status_code, again.get_json()) == (200, first)
    assert put(http, **{**WHOLE, "max_runs": 8})["version"] != first["version"]


def test_an_interval_is_told_as_text_whichever_way_it_was_written(http: FlaskClient) -> None:
    for written in ("90m", 5400, "PT1H30M"):
        assert put(http, every=written, timer=HOOK)["every"] == "1h30m"


def test_intervals_can_be_counted_from_the_first_moment_of_all(http: FlaskClient, bench: Bench) -> None:
    bench.advance(1)
    told = put(http, every="1d", starts_at="1970-01-01T00:00:00Z", timer=HOOK)
    assert told["next"][0]["utc"] == "2026-01-02T00:00:00.000Z"


def test_a_schedule_without_a_name_is_given_one_and_a_repeat_makes_no_other(http: FlaskClient) -> None:
    headers = {"Idempotency-Key": "k"}
    first, again = (http.post("/schedules", json=EVERY, headers=headers) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.get_json() == again.get_json()
    assert (first.headers.get("Idempotent-Replayed"), again.headers["Idempotent-Replayed"]) == (None, "true")
    assert again.headers["Location"] == f"/schedules/{first.get_json()['name']}"
    assert http.post("/schedules", json=DAILY, headers=headers).status_code == 422
    assert http.post("/schedules", json=EVERY).get_json()["name"] != first.get_json()["name"]


@pytest.mark.parametrize(
    ("change", "pointer", "words"),
    [
        ({"cron": "0 9 * *"}, "/cron", "4 fields; there are five: minute"),
        ({"cron": "0 0 9 * * *"}, "/cron", '`"every": "10s"` is'),
        ({"cron": "0 25 * * *"}, "/cron", "hour"),
        ({"cron": "0 0 31 4 *"}, "/cron", "month 4 has no day 31"),
        ({"cron": 5}, "/cron", "string"),
        ({"cron": None}, "/cron", "Say when"),
        ({"cron": None, "every": None}, "/cron", "Say when"),
        ({"every": "1h"}, "/every", "either"),
        ({"cron": ..., "every": "999ms"}, "/every", "Must be from 1s"),
        ({"cron": ..., "every": 0}, "/every", "Must be from 1s"),
        ({"cron": ...}, "/cron", "Say when"),
        ({"time_zone": "Berlin"}, "/time_zone", "no such time zone"),
        ({"time_zone": "europe/berlin"}, "/time_zone", "did you mean Europe/Berlin?"),
        ({"starts_at": "2027-01-01T00:00:00Z", "ends_at": "2026-01-01T00:00:00Z"}, "/ends_at", "Earlier"),
        ({"starts_at": "tomorrow"}, "/starts_at", "RFC 3339"),
        ({"spread": "25h"}, "/spread", "Must be from 0s to 1d."),
        ({"catch_up_window": "367d"}, "/catch_up_window", "Must be from 0s to 366d."),
        ({"max_runs": 0}, "/max_runs", "from 1"),
        ({"pause_after_failures": 1.5}, "/pause_after_failures", "whole number"),
        ({"overlap": "queue"}, "/overlap", "Must be one of"),
        ({"gap": "x"}, "/gap", "Must be one of"),
        ({"cronn": "* * * * *"}, "/cronn", "Unknown"),
        ({"timer": ...}, "/timer", "Missing"),
        ({"timer": 5}, "/timer", "object"),
        ({"timer": {}}, "/timer/url", "Missing"),
        ({"timer": {"url": "ftp://x/"}}, "/timer/url", "http"),
        ({"timer": {**HOOK, "delay": 5}}, "/timer/delay", "Unknown"),
        ({"timer": {**HOOK, "key": "k"}}, "/timer/key", "Unknown"),
        ({"timer": {**HOOK, "headers": {"Host": "x"}}}, "/timer/headers/Host", ""),
        ({"timer": {**HOOK, "headers": {"Authorization": "***"}}}, "/timer/headers/Authorization", "mark"),
    ],
)
def test_what_is_wrong_is_pointed_at_with_its_reason(
    http: FlaskClient, change: dict[str, Any], pointer: str, words: str
) -> None:
    asked = {name: value for name, value in {**DAILY, **change}.items() if value is not ...}
    answer = http.put("/schedules/report", json=asked)
    assert (answer.status_code, answer.mimetype) == (422, "application/problem+json")
    (error,) = answer.get_json()["errors"]
    assert error["pointer"] == pointer
    assert words in error["detail"]
    assert http.get("/schedules/report").status_code == 404


def test_an_answer_can_be_sent_back_with_one_field_changed_less_what_only_answers_tell(http: FlaskClient) -> None:
    for asked in (DAILY, EVERY):
        told = put(http, **asked)
        refused = http.put("/schedules/report", json=told).get_json()["errors"]
        assert {error["detail"] for error in refused} == {"Told in answers only: leave it out."}
        back = {name: value for name, value in told.items() if f"/{name}" not in {it["pointer"] for it in refused}}
        assert None in back.values()
        assert put(http, **back) == told
        assert http.post("/schedules", json=back).status_code == 201
        changed = put(http, **{**back, "overlap": "skip"})
        assert {name for name in back if changed[name] != told[name]} == {"overlap"}
        plan = {name: back[name] for name in ("cron", "every", "time_zone", "starts_at", "ends_at", "gap", "fold")}
        previewed = http.post("/schedules/preview", json=plan).get_json()
        assert previewed["description"] == told["description"]


def test_what_is_too_large_of_its_runs_is_pointed_at(http: FlaskClient) -> None:
    put(http)
    large = {"body": "x" * 300_000}
    for answer in (
        http.put("/schedules/report", json={**DAILY, "timer": {**HOOK, **large}}),
        http.post("/schedules", json={**DAILY, "timer": {**HOOK, **large}}, headers={"Idempotency-Key": "k"}),
        http.patch("/schedules/report", json={"timer": large}),
    ):
        assert (answer.status_code, answer.get_json()["errors"][0]["pointer"]) == (413, "/timer/body")
    assert len(http.get("/schedules").get_json()["data"]) == 1


@pytest.mark.parametrize("name", ["a b", "a%2Fb", "..", "é", "x" * 129])
def test_a_name_has_the_characters_of_a_key(http: FlaskClient, name: str) -> None:
    answer = http.put(f"/schedules/{name}", json=DAILY)
    assert answer.status_code in (404, 422)
    if answer.status_code == 422:
        assert answer.get_json()["errors"][0]["pointer"] == "/name"


def test_a_change_under_if_match_is_made_only_of_that_version(http: FlaskClient) -> None:
    old = put(http)
    new = put(http, **EVERY)
    stale, current = ({"If-Match": f'"{it["version"]}"'} for it in (old, new))
    for method, said in (("PUT", DAILY), ("PATCH", {"max_runs": 5}), ("DELETE", None)):
        answer = http.open("/schedules/report", method=method, json=said, headers=stale)
        assert (answer.status_code, answer.get_json()["type"]) == (412, "/problems/version-changed")
        assert http.get("/schedules/report").get_json() == new
    changed = http.patch("/schedules/report", json={"max_runs": 5}, headers=current)
    assert changed.status_code == 200
    assert http.delete("/schedules/report", headers=current).status_code == 412
    assert http.delete("/schedules/report", headers={"If-Match": changed.headers["ETag"]}).status_code == 204
    assert http.put("/schedules/report", json=DAILY, headers={"If-Match": "*"}).status_code == 412


def test_a_put_that_asks_for_a_new_one_changes_none_that_stands(http: FlaskClient) -> None:
    new = {"If-None-Match": "*"}
    first = http.put("/schedules/report", json=DAILY, headers=new)
    assert first.status_code == 201
    for asked in (DAILY, EVERY):
        answer = http.put("/schedules/report", json=asked, headers=new)
        assert (answer.status_code, answer.get_json()["type"]) == (412, "/problems/schedule-exists")
    assert http.get("/schedules/report").get_json() == first.get_json()
    both = {**new, "If-Match": first.headers["ETag"]}
    for headers in (both, {"If-None-Match": first.headers["ETag"]}):
        answer = http.put("/schedules/other", json=EVERY, headers=headers)
        assert (answer.status_code, "If-None-Match" in answer.get_json()["detail"]) == (400, True)
    assert http.get("/schedules/other").status_code == 404


def test_a_patch_changes_what_it_names_and_keeps_the_rest_secrets_included(http: FlaskClient, bench: Bench) -> None:
    before = put(http, **WHOLE)
    change = {"overlap": "allow", "max_runs": None, "timer": {"headers": {"X-Other": "3"}, "body": {"b": 2}}}
    after = http.patch("/schedules/report", json=change).get_json()
    assert (after["overlap"], after["max_runs"], after["timer"]["body"]) == ("allow", None, {"a": 1, "b": 2})
    kept = {*WHOLE} - {"overlap", "max_runs", "timer"}
    assert {name: after[name] for name in kept} == {name: before[name] for name in kept}
    headers = bench.schedules.get("report").draft.webhook.headers
    assert headers == {"Authorization": "Bearer abc", "X-Trace": "1", "X-Other": "3"}


def test_a_patch_of_nothing_changes_nothing(http: FlaskClient) -> None:
    before = put(http, **WHOLE)
    assert http.patch("/schedules/report", json={}).get_json() == before


def test_an_interval_takes_the_place_of_a_cron_expression_and_the_other_way_round(http: FlaskClient) -> None:
    put(http, **WHOLE)
    changed = http.patch("/schedules/report", json={"every": "1h"}).get_json()
    assert (changed["cron"], changed["every"]) == (None, "1h")
    changed = http.patch("/schedules/report", json={"cron": "@daily"}).get_json()
    assert (changed["cron"], changed["every"]) == ("@daily", None)


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"cron": None}, "/cron"),
        ({"timer": None}, "/timer"),
        ({"timer": {"url": None}}, "/timer/url"),
        ({"timer": {"write_only": None}}, "/timer/write_only"),
        ({"timer": {"headers": {"X-Trace": "***"}}}, "/timer/headers/X-Trace"),
        ({"name": "other"}, "/name"),
    ],
)
def test_a_patch_to_what_could_not_be_set_is_refused(http: FlaskClient, change: dict[str, Any], pointer: str) -> None:
    before = put(http, **WHOLE)
    answer = http.patch("/schedules/report", json=change)
    assert (answer.status_code, [it["pointer"] for it in answer.get_json()["errors"]]) == (422, [pointer])
    assert http.get("/schedules/report").get_json() == before


def test_an_unknown_schedule_is_a_problem_of_its_own(http: FlaskClient) -> None:
    for answer in (
        http.get("/schedules/x"),
        http.patch("/schedules/x", json={}),
        http.delete("/schedules/x"),
        http.post("/schedules/x/pause", json={}),
        http.post("/schedules/x/resume", json={}),
        http.post("/schedules/x/fire"),
    ):
        assert (answer.status_code, answer.get_json()["type"]) == (404, "/problems/unknown-schedule")


def test_runs_are_listed_by_their_schedule_and_say_it(http: FlaskClient, bench: Bench) -> None:
    put(http, every="1m", timer=HOOK)
    put(http, "other", every="1m", timer=HOOK)
    bench.look()
    for _ in range(2):
        bench.advance(60_000)
        bench.look()
    listed = http.get("/timers?schedule=report").get_json()["data"]
    assert {it["schedule"] for it in listed} == {"report"}
    told = http.get("/schedules/report").get_json()
    assert [it["timer_id"] for it in told["previous"]] == [it["id"] for it in reversed(listed)]
    assert (told["runs"], told["previous"][0]["due_at"]) == (2, "2026-01-01T00:02:00.000Z")
    assert http.get("/timers/count?schedule=report").get_json()["count"] == 2
    assert http.get("/timers?schedule=report&status=delivered").get_json()["data"] == []
    assert http.get("/timers?schedule=report&tag=x").status_code == 422
    assert http.post("/timers", json={**HOOK, "delay": 5}).get_json()["schedule"] is None


def test_a_list_of_timers_is_of_a_schedule_or_of_a_tag_and_never_of_both(http: FlaskClient) -> None:
    for path in ("/timers", "/timers/count"):
        answer = http.get(f"{path}?schedule=report&tag=a")
        assert (answer.status_code, answer.get_json()["errors"][0]["pointer"]) == (422, "/tag")


def test_how_a_run_ended_is_told_among_the_previous(http: FlaskClient, bench: Bench) -> None:
    put(http)
    http.post("/schedules/report/fire")
    settle(bench, Outcome.DELIVERED)
    assert http.get("/schedules/report").get_json()["previous"][0]["status"] == "delivered"


def test_with_a_deleted_schedule_its_open_runs_are_cancelled_or_kept(http: FlaskClient) -> None:
    for name, query, status in (("a", "", "cancelled"), ("b", "?open=keep", "scheduled")):
        put(http, name)
        run = http.post(f"/schedules/{name}/fire").get_json()
        assert http.delete(f"/schedules/{name}{query}").status_code == 204
        assert http.get(f"/timers/{run['id']}").get_json()["status"] == status
        assert http.get(f"/schedules/{name}").status_code == 404
    assert http.delete("/schedules/a?open=maybe").get_json()["errors"][0]["pointer"] == "/open"


def test_a_pause_is_told_with_its_reason_and_a_resume_ends_it(http: FlaskClient) -> None:
    put(http)
    asked = {"reason": "the receiver moves", "until": "2026-01-03T00:00:00Z"}
    told = http.post("/schedules/report/pause", json=asked).get_json()
    assert (told["status"], told["next"][0]["utc"]) == ("paused", "2026-01-03T08:00:00.000Z")
    assert told["paused"] == {
        "reason": "the receiver moves",
        "by": "",
        "at": "2026-01-01T00:00:00.000Z",
        "until": "2026-01-03T00:00:00.000Z",
    }
    told = http.post("/schedules/report/resume", json={"catch_up": "all"}).get_json()
    assert (told["status"], told["paused"]) == ("active", None)


@pytest.mark.parametrize(
    ("call", "asked", "pointer"),
    [
        ("pause", {"until": "2025-01-01T00:00:00Z"}, "/until"),
        ("pause", {"reason": "x" * 501}, "/reason"),
        ("pause", {"for": "1h"}, "/for"),
        ("resume", {"catch_up": "some"}, "/catch_up"),
    ],
)
def test_a_pause_or_resume_that_makes_no_sense_is_refused(
    http: FlaskClient, call: str, asked: dict[str, Any], pointer: str
) -> None:
    put(http)
    answer = http.post(f"/schedules/report/{call}", json=asked)
    assert (answer.status_code, answer.get_json()["errors"][0]["pointer"]) == (422, pointer)
    assert http.get("/schedules/report").get_json()["status"] == "active"


def test_a_run_by_hand_is_made_once_under_one_key(http: FlaskClient) -> None:
    put(http)
    headers = {"Idempotency-Key": "k"}
    first, again = (http.post("/schedules/report/fire", headers=headers) for _ in range(2))
    assert (first.status_code, first.get_json()["schedule"]) == (201, "report")
    assert first.headers["Location"] == again.headers["Location"] == f"/timers/{first.get_json()['id']}"
    assert again.headers["Idempotent-Replayed"] == "true"
    assert http.get("/schedules/report").get_json()["runs"] == 1
    assert http.post("/schedules/report/fire").get_json()["id"] != first.get_json()["id"]


def test_a_list_goes_on_after_each_page_until_all_are_told(http: FlaskClient) -> None:
    for name in ("c", "a", "b"):
        put(http, name)
    names, path = [], "/schedules?limit=2"
    while path:
        answer = http.get(path)
        names += [it["name"] for it in answer.get_json()["data"]]
        path = answer.headers.get("Link", "").partition(">")[0].removeprefix("<")
        assert bool(path) is (answer.get_json()["next_cursor"] is not None)
    assert names == ["a", "b", "c"]


def test_a_list_can_be_of_one_status_or_of_a_tag(http: FlaskClient) -> None:
    put(http, "a", **{**DAILY, "timer": {**HOOK, "tags": ["x"]}})
    put(http, "b")
    http.post("/schedules/b/pause", json={})
    names = {query: [it["name"] for it in http.get(f"/schedules?{query}").get_json()["data"]] for query in QUERIES}
    assert names == {"status=active": ["a"], "status=paused": ["b"], "status=ended": [], "tag=x": ["a"]}
    for query in ("status=x", "limit=0", "limit=101", "cursor=x", "cursor=é", "page=2"):
        assert http.get(f"/schedules?{query}").get_json()["errors"][0]["pointer"] == f"/{query.partition('=')[0]}"


QUERIES = ("status=active", "status=paused", "status=ended", "tag=x")


def test_a_key_that_may_only_read_changes_no_schedule_and_sees_no_query_of_a_url(bench: Bench) -> None:
    (reader, reads), (writer, writes) = new_key("reader", "read"), new_key("writer", "write")
    http = create_app(Settings(api_keys=f"{reads},{writes}"), bench.link).test_client()
    may_read, may_write = ({"Authorization": f"Bearer {it}"} for it in (reader, writer))
    assert http.put("/schedules/report", json=WHOLE, headers=may_write).status_code == 201
    for method, path in (
        ("PUT", ""),
        ("PATCH", ""),
        ("DELETE", ""),
        ("POST", "/pause"),
        ("POST", "/resume"),
        ("POST", "/fire"),
    ):
        answer = http.open(f"/schedules/report{path}", method=method, json=DAILY, headers=may_read)
        assert answer.status_code == 403
    for path in ("/schedules/preview", "/schedules/preview/"):
        assert http.post(path, json={"cron": "@daily"}, headers=may_read).status_code == 200
    told = http.get("/schedules/report", headers=may_read).get_json()
    assert told["timer"]["url"] == "https://example.com/hook?x=***"
    paused = http.post("/schedules/report/pause", json={"reason": "x"}, headers=may_write).get_json()
    assert paused["paused"]["by"] == "writer"


def test_a_schedule_of_a_later_version_says_so(http: FlaskClient, bench: Bench) -> None:
    put(http)
    key = "timers:{0}:schedule:report"
    bench.client.hset(key, "plan", bench.client.hget(key, "plan").replace(b'"allow"', b'"queue"'))
    for answer in (http.get("/schedules/report"), http.get("/schedules"), http.put("/schedules/report", json=DAILY)):
        assert (answer.status_code, answer.get_json()["type"]) == (503, "/problems/later-format")
        assert "report" in answer.get_json()["detail"]


@pytest.mark.parametrize("plan", [Plan(cron="0 9 * * *", time_zone="Mars/Base"), Plan(cron="0 9 * * SOL")])
def test_a_plan_that_cannot_be_followed_any_more_is_told_without_moments_and_hides_no_other(
    http: FlaskClient, bench: Bench, plan: Plan
) -> None:
    """Zones go, and servers have different lists of them. Red with an answer that lets PlanError through."""
    bench.schedules.put(ScheduleDraft(name="lost", plan=plan, webhook=Webhook(url="https://example.com/")))
    put(http)
    told = http.get("/schedules/lost")
    assert (told.status_code, told.get_json()["next"]) == (200, [])
    assert told.get_json()["cron"] == plan.cron
    assert [it["name"] for it in http.get("/schedules").get_json()["data"]] == ["lost", "report"]
    for path in ("/schedules", "/schedules/lost", "/set-schedule?name=lost"):
        assert http.get(f"/ui{path}").status_code == 200, path
    for method, path in (("POST", "/pause"), ("POST", "/resume"), ("POST", "/fire"), ("DELETE", "")):
        answer = http.open(f"/schedules/lost{path}", method=method, json={} if method == "POST" else None)
        assert answer.status_code in (200, 201, 204), path
