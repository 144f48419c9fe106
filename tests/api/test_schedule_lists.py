"""Lists of schedules, and what they tell of those that cannot be read, and to whoever may only read."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from scheduler import Plan, ScheduleDraft, Settings, Webhook
from tests.api.conftest import HOOK
from tests.api.schedules import DAILY, WHOLE, put
from tests.bench.store import Bench
from timer_service import create_app
from timer_service.web.access.api_keys import new_key


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
