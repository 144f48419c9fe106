"""What the service tells of itself: pollers, minutes, forecast, failures, store.

Tried: no poller, no timer, no store; moments at both ends of the calendar, in another order, without an offset, with a
leap second; minutes that are none; thousands of failed timers of as many kinds, with hostile errors; records that
cannot be read; keys that may only read, and that ask too often.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest
from flask.testing import FlaskClient

from scheduler import Attempt, Outcome, Settings, Settlement
from scheduler.rfc3339 import rfc3339
from scheduler.store import keys
from scheduler.store.room import Load
from tests.api.conftest import HOOK, settle
from tests.bench import activity as told
from tests.bench.store import START, Bench
from timer_service import create_app
from timer_service.web import activity_answers as answers
from timer_service.web.access.api_keys import new_key

PATHS = ["/pollers", "/store", "/stats/minutes", "/forecast", "/failures"]
HOUR = 3_600_000


def fail(bench: Bench, url: str, **attempt: Any) -> str:
    """A timer that has failed there."""
    timer = bench.schedule(0, url=url)
    settle(bench, Outcome.PERMANENT, started_at=bench.now, **attempt)
    return timer.id


def claim_all(bench: Bench) -> None:
    """Pollers take all that they may."""
    for _ in range(bench.partitions):
        bench.claims.claim(50)


# Pollers.


def test_pollers_are_listed_by_name_with_what_they_had_under_way(http: FlaskClient, bench: Bench) -> None:
    assert http.get("/pollers").get_json() == {"read_at": rfc3339(START), "data": []}
    for name, load in (("b", Load(3, 64)), ("a", Load(0, 2048))):
        bench.poller(name).claim(0, load=load)
        bench.advance(1500)
    assert http.get("/pollers").get_json() == {
        "read_at": rfc3339(START + 3000),
        "data": [
            {"name": "a", "seen_at": rfc3339(START + 1500), "in_flight": 0, "slots": 2048},
            {"name": "b", "seen_at": rfc3339(START), "in_flight": 3, "slots": 64},
        ],
    }


# Minutes.


def test_each_minute_tells_what_happened_in_it(http: FlaskClient, bench: Bench) -> None:
    bench.schedule(0)
    settle(bench, Outcome.DELIVERED, started_at=bench.now, lateness_ms=3)
    bench.advance(60_000)
    fail(bench, "http://h/", lateness_ms=7, status_code=410)
    bench.timers.cancel(bench.schedule(HOUR).id)
    found = http.get("/stats/minutes?minutes=3").get_json()
    assert found["read_at"] == rfc3339(START + 60_000)
    now, before, earlier = found["data"]
    assert [minute["at"] for minute in found["data"]] == [rfc3339(START + ms) for ms in (60_000, 0, -60_000)]
    assert {name: now[name] for name in ("set", "attempts", "failed_attempts", "failed", "cancelled", "delivered")} == {
        **{"set": 2, "attempts": 1, "failed_attempts": 1, "failed": 1, "cancelled": 1, "delivered": 0},
    }
    assert (before["set"], before["delivered"], before["failed_attempts"]) == (1, 1, 0)
    assert (before["lateness_ms"]["worst"], now["lateness_ms"]["worst"]) == (3, 7)
    assert earlier["lateness_ms"] == {"p50": None, "p99": None, "worst": None}


def test_an_hour_of_minutes_is_told_unless_more_or_less_is_asked_for(http: FlaskClient) -> None:
    assert len(http.get("/stats/minutes").get_json()["data"]) == 60
    assert len(http.get("/stats/minutes?minutes=1").get_json()["data"]) == 1
    assert len(http.get("/stats/minutes?minutes=1440").get_json()["data"]) == 1440


@pytest.mark.parametrize(
    "minutes", ["0", "-1", "1441", "1.5", "x", "", "9" * 5000, "null", "1&minutes=2", "1_0", "%201", "%D9%A1"]
)
def test_minutes_that_are_none_or_too_many_are_refused_by_name(http: FlaskClient, minutes: str) -> None:
    assert refused(http, f"/stats/minutes?minutes={minutes}") == ["/minutes"]


def refused(http: FlaskClient, path: str) -> list[str]:
    """The fields for which a call is answered with 422."""
    answer = http.get(path)
    assert answer.status_code == 422, answer.text
    assert answer.mimetype == "application/problem+json"
    return [error["pointer"] for error in answer.get_json()["errors"]]


# Forecast.


def test_a_forecast_counts_what_falls_due_in_each_minute_of_the_next_hour(http: FlaskClient, bench: Bench) -> None:
    for delay_ms in (0, 1, 59_999, 60_000, 61_000, HOUR - 1, HOUR):
        bench.schedule(delay_ms)
    found = http.get("/forecast").get_json()
    assert (found["read_at"], found["by"], len(found["data"])) == (rfc3339(START), "minute", 60)
    counts = [bucket["count"] for bucket in found["data"]]
    assert (counts[0], counts[1], counts[59], sum(counts)) == (2, 2, 1, 5)
    assert [found["data"][at]["at"] for at in (0, 1)] == [rfc3339(START), rfc3339(START + 60_000)]


@pytest.mark.parametrize(("by", "ms"), [("second", 1000), ("minute", 60_000), ("hour", HOUR), ("day", 24 * HOUR)])
def test_a_forecast_is_by_second_minute_hour_or_day_between_two_moments(
    http: FlaskClient, bench: Bench, by: str, ms: int
) -> None:
    bench.schedule(2 * ms)
    query = {"from": rfc3339(START + ms), "to": rfc3339(START + 4 * ms), "by": by}
    found = http.get("/forecast", query_string=query).get_json()
    assert [(it["at"], it["count"]) for it in found["data"]] == [
        (rfc3339(START + step * ms), int(step == 2)) for step in (1, 2, 3)
    ]
    assert found["by"] == by
    assert len(http.get("/forecast", query_string={"by": by}).get_json()["data"]) == 60


def test_as_many_buckets_as_there_may_be_are_told_and_no_more(http: FlaskClient) -> None:
    for query in ({"from": rfc3339(START)}, {}):
        most = {**query, "to": rfc3339(START + 1440 * 1000), "by": "second"}
        assert len(http.get("/forecast", query_string=most).get_json()["data"]) == 1440
        assert http.get("/forecast", query_string={**most, "to": rfc3339(START + 1_440_001)}).status_code == 422


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        ("from=2026-01-01T00:00:00Z&to=2026-01-02T00:00:00Z&by=second", ["/to"]),
        ("from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z", ["/to"]),
        ("from=2026-01-02T00:00:00Z&to=2026-01-02T00:00:00Z", ["/to"]),
        ("to=2025-12-31T23:00:00Z", ["/to"]),
        ("to=9999-12-31T23:59:59Z&by=day", ["/to"]),
        ("to=9999-12-31T23:59:59-01:00", ["/to"]),
        ("from=0000-01-01T00:00:00Z", ["/from"]),
        ("from=2026-01-01T00:00:00", ["/from"]),
        ("from=2026-01-01", ["/from"]),
        ("from=1767225600", ["/from"]),
        ("from=60", ["/from"]),
        ("to=2026-12-31T23:59:60Z", ["/to"]),
        ("from=&to=", ["/from", "/to"]),
        ("by=week", ["/by"]),
        ("by=", ["/by"]),
        ("by=day&by=hour", ["/by"]),
        ("minutes=60", ["/minutes"]),
        ("from_=2026-01-01T00:00:00Z", ["/from_"]),
    ],
)
def test_a_span_that_makes_no_sense_is_refused_by_the_name_of_its_field(
    http: FlaskClient, query: str, fields: list[str]
) -> None:
    assert refused(http, f"/forecast?{query}") == fields


@pytest.mark.parametrize("by", ["second", "minute", "hour", "day"])
def test_a_forecast_ends_with_the_calendar(http: FlaskClient, bench: Bench, by: str) -> None:
    due = "9999-12-31T23:59:59.999Z"
    http.post("/timers", json={**HOOK, "due_at": due})
    for query in ({"from": "9999-12-31T23:59:58Z"}, {"from": "9999-12-31T23:59:58Z", "to": due}):
        found = http.get("/forecast", query_string={**query, "by": by}).get_json()
        assert sum(bucket["count"] for bucket in found["data"]) == 1
        assert all(bucket["at"].startswith("9999-12-31") for bucket in found["data"])


def test_a_forecast_says_when_what_is_held_is_expected_and_of_how_many_nobody_knows(
    http: FlaskClient, bench: Bench
) -> None:
    for host, delay_ms in (("a", 0), ("a", 0), ("b", 0), ("a", 60_000)):
        bench.schedule(delay_ms, url=f"http://{host}/")
    for host, until in (("a", rfc3339(START + 120_000)), ("b", None)):
        pause = {"reason": "they move", "until": until}
        assert http.post(f"/destinations/http:{host}:80/pause", json=pause).status_code == 200
    claim_all(bench)
    found = http.get("/forecast").get_json()
    told = [(bucket["count"], bucket["held"]) for bucket in found["data"]]
    assert told == [(0, 0), (1, 0), (0, 2), *[(0, 0)] * 57]
    assert (found["held_undated"], found["exact"]) == (1, True)


# Failures.


def test_failures_are_grouped_by_destination_and_error_the_largest_group_first(http: FlaskClient, bench: Bench) -> None:
    assert http.get("/failures").get_json() == {
        "read_at": rfc3339(START), "looked": 0, "more": False, "data": [], "failing": [],
    }  # fmt: skip
    oldest = fail(bench, "https://api.example.com/a", status_code=410)
    bench.advance(1000)
    fail(bench, "http://[::1]:8080/", error="connect")
    newest = fail(bench, "https://API.example.com:443/b?c", status_code=410)
    found = http.get("/failures").get_json()
    assert (found["read_at"], found["looked"], found["more"]) == (rfc3339(START + 1000), 3, False)
    one, two = found["data"]
    assert one == {
        "destination": "https:api.example.com:443",
        "reason": "permanent",
        "error": None,
        "status_code": 410,
        "count": 2,
        "ids": [newest, oldest],
        "newest": http.get(f"/timers/{newest}").get_json(),
        "oldest_ended_at": rfc3339(START),
    }
    assert (two["destination"], two["error"], two["count"]) == ("http:[::1]:8080", "connect", 1)
    assert {it["destination"]: (it["failures"], it["error"], it["status_code"]) for it in found["failing"]} == {
        "https:api.example.com:443": (2, None, 410),
        "http:[::1]:8080": (1, "connect", None),
    }
    first = found["failing"][0]
    assert (first["failing_since"], first["waiting"], first["oldest_waiting_at"]) == (rfc3339(START), 0, None)


def test_a_key_that_may_only_read_sees_no_secret_of_the_newest_timer(bench: Bench) -> None:
    (write, writer), (read, reader) = new_key("w", "write"), new_key("r", "read")
    http = create_app(Settings(api_keys=f"{writer},{reader}"), bench.link).test_client()
    fail(bench, "http://h/?key=s3cr3t", status_code=410)
    for token, url in ((read, "http://h/?key=***"), (write, "http://h/?key=s3cr3t")):
        answer = http.get("/failures", headers={"Authorization": f"Bearer {token}"})
        assert [group["newest"]["url"] for group in answer.get_json()["data"]] == [url]
        assert ("s3cr3t" in answer.text) == (token == write)


HOSTILE = '\x1b[2J"\u202e'


def test_thousands_that_failed_in_as_many_ways_are_a_bounded_answer(http: FlaskClient, bench: Bench) -> None:
    """And their errors, of whatever version wrote them, do not break it."""
    drafts = [
        bench.draft(0, url=f"http://h{number % 300}/", body=b"x" * 10_000, body_is_json=False) for number in range(2500)
    ]
    for at in range(0, len(drafts), 250):
        bench.timers.set(*drafts[at : at + 250])
    poller = bench.poller("two", keep_finished=5000)
    for number in count():
        failed = [
            Settlement(
                timer_id=it.id,
                fence=it.fence,
                attempt=Attempt(number=it.number, outcome=Outcome.PERMANENT, error=f"e{number}", detail=HOSTILE),
                retry_ms=None,
            )
            for it in poller.claim(250).claims
        ]
        if not failed:
            break
        poller.settle(failed)
    answer = http.get("/failures")
    found = answer.get_json()
    assert (found["looked"], found["more"]) == (2000, True)
    assert 1 < len(found["data"]) <= 100
    assert len(answer.data) < 8_000_000
    assert [it["count"] for it in found["data"]] == sorted((it["count"] for it in found["data"]), reverse=True)


def test_timers_that_cannot_be_read_are_among_the_failures(http: FlaskClient, bench: Bench) -> None:
    timer_id = fail(bench, "http://h/", status_code=410)
    key = f"{keys.prefix(0)}timer:{timer_id}"
    head = bench.client.get(key).partition(b"\n")[0]
    bench.client.set(key, head + b"\n\xff{")
    (group,) = http.get("/failures").get_json()["data"]
    assert (group["destination"], group["count"], group["newest"]["unreadable"]) == (None, 1, True)
    bench.client.set(key, head + b'\n{"url":"http://[","body":null}\n')
    (group,) = http.get("/failures").get_json()["data"]
    assert (group["destination"], group["newest"]["url"]) == (None, "http://[")


# The store.


def test_the_store_tells_its_server_its_memory_and_its_file(http: FlaskClient, bench: Bench) -> None:
    found = http.get("/store").get_json()
    assert found["server"].startswith("valkey ")
    assert (found["write"]["ok"], found["write"]["problem"]) == (True, None)
    assert found["write"]["ms"] >= 0
    assert found["memory"]["used_bytes"] > 0
    assert (found["memory"]["max_bytes"], found["memory"]["when_full"]) == (None, "refuses")
    assert found["append_only"] == {"enabled": True, "fsync": "everysec", "ok": True}
    assert found["warnings"] == []
    bench.client.config_set("maxmemory", 100_000_000)
    bench.client.config_set("maxmemory-policy", "allkeys-lru")
    try:
        assert http.get("/store").get_json()["memory"]["when_full"] == "evicts"
    finally:
        bench.client.config_set("maxmemory-policy", "noeviction")
        bench.client.config_set("maxmemory", 0)


# Counts.


def test_timers_that_wait_to_be_sent_again_are_counted_among_the_scheduled(http: FlaskClient, bench: Bench) -> None:
    bench.schedule(HOUR)
    assert http.get("/stats").get_json()["tried_before"] == 0
    bench.schedule(0)
    settle(bench, Outcome.RETRYABLE, retry_ms=5000)
    stats = http.get("/stats").get_json()
    assert (stats["scheduled"], stats["tried_before"]) == (2, 1)


# All of them.


@pytest.fixture
def away() -> FlaskClient:
    """The API of a store that is not there."""
    return create_app(Settings(redis_url="redis://127.0.0.1:1/0", store_timeout=0.2)).test_client()


def test_a_store_that_is_away_is_a_503_but_for_the_call_that_tells_of_it(away: FlaskClient) -> None:
    for path in PATHS:
        answer = away.get(path)
        if path != "/store":
            assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
            assert answer.mimetype == "application/problem+json"
    found = away.get("/store").get_json()
    assert (found["server"], found["write"]["ok"], found["memory"]["when_full"]) == (None, False, None)
    assert found["write"]["problem"]


@pytest.mark.parametrize("path", PATHS)
def test_each_call_takes_a_slash_a_head_and_nothing_else(http: FlaskClient, path: str) -> None:
    assert http.get(f"{path}/").status_code == 200
    head = http.head(path)
    assert (head.status_code, head.data) == (200, b"")
    assert http.post(path, json={}).status_code == 405
    assert set(http.delete(path).headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS"}
    assert f'route="{path}"' in http.get("/metrics").text


@pytest.mark.parametrize("path", PATHS)
def test_a_parameter_that_nobody_knows_is_refused_by_name(http: FlaskClient, path: str) -> None:
    assert refused(http, f"{path}?of_tomorrow=1") == ["/of_tomorrow"]


@pytest.mark.parametrize("path", PATHS)
def test_each_call_wants_a_key_where_there_are_any(bench: Bench, path: str) -> None:
    token, entry = new_key("r", "read")
    http = create_app(Settings(api_keys=entry), bench.link).test_client()
    assert http.get(path).status_code == 401
    assert http.get(path, headers={"Authorization": f"Bearer {token}"}).status_code == 200


@pytest.mark.parametrize("path", ["/failures", "/stats/minutes?minutes=1440", "/forecast?to=2026-01-01T23:59:00Z"])
def test_a_call_that_makes_the_store_work_costs_as_much_as_several(bench: Bench, path: str) -> None:
    token, entry = new_key("r", "read")
    http = create_app(Settings(api_keys=entry, rate_limit=5), bench.link).test_client()
    headers = {"Authorization": f"Bearer {token}"}
    assert [http.get(path, headers=headers).status_code for _ in range(2)] == [200, 429]


SCHEMAS = {
    "/pollers": answers.PollersOut,
    "/store": answers.StoreOut,
    "/stats/minutes": answers.MinutesOut,
    "/forecast": answers.ForecastOut,
    "/failures": answers.FailuresOut,
}


@pytest.mark.parametrize("path", PATHS)
def test_each_answer_has_the_members_that_are_described_and_that_its_example_shows(
    http: FlaskClient, bench: Bench, path: str
) -> None:
    bench.poller("a").claim(0)
    fail(bench, "http://h/", status_code=410)
    described = http.get("/openapi.json").get_json()
    content = described["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]
    answer = http.get(path).get_json()
    for shown in (answer, content["example"]):
        differences = list(unlike(shown, content["schema"], described["components"]["schemas"]))
        assert differences == []


def unlike(value: Any, schema: dict[str, Any], schemas: dict[str, Any], where: str = "") -> Iterator[str]:
    """Where a value has other members than a schema says, or the schema has none for it."""
    if "$ref" in schema:
        schema = schemas[schema["$ref"].rsplit("/", 1)[1]]
    if isinstance(value, dict) and "properties" in schema:
        if not set(schema["required"]) <= value.keys() <= schema["properties"].keys():
            yield f"{where}: {sorted(value.keys() ^ schema['properties'].keys())}"
        for name, inner in value.items():
            yield from unlike(inner, schema["properties"].get(name, {}), schemas, f"{where}/{name}")
    for item in value if isinstance(value, list) else ():
        yield from unlike(item, schema["items"], schemas, f"{where}/0")


def test_the_answers_are_what_the_nouns_of_the_engine_say() -> None:
    """Members that a small store has no value for."""
    nouns = (told.POLLERS, told.STORE, told.MINUTES, told.FORECAST, told.FAILURES)
    dumps = create_app(Settings()).json.dumps
    written = [json.loads(dumps(SCHEMAS[path]().dump(noun))) for path, noun in zip(PATHS, nouns, strict=True)]
    assert written[1]["append_only"] == {"enabled": True, "fsync": "everysec", "ok": True}
    assert written[2]["data"][0]["lateness_ms"] == {"p50": 1, "p99": 20, "worst": 1234}
    down, slow = written[4]["failing"]
    assert down == {
        "destination": "http:[2001:db8::1]:80",
        "failing_since": rfc3339(START - 60_000),
        "last_failed_at": rfc3339(START - 100),
        "failures": 7,
        "error": "timeout",
        "status_code": None,
        "waiting": 12,
        "oldest_waiting_at": rfc3339(START - 30_000),
    }
    assert (slow["failing_since"], slow["last_failed_at"], slow["failures"]) == (None, None, 0)
