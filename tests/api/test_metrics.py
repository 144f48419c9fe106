"""/metrics: what Prometheus reads."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from typing import Any

import pytest
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families

from scheduler import POLLER_GONE, Link, Settings, Skipped, connect
from tests.bench import needed
from tests.bench.figures import figures
from tests.bench.store import LEASE, Bench
from tests.store.schedules import put
from timer_service import create_app
from timer_service.web.access.api_keys import new_key
from timer_service.web.access.request_counts import RequestCounts
from timer_service.web.resources.store_metrics import of_state

Series = dict[tuple[str, frozenset[tuple[str, str]]], float]


def read(http: FlaskClient, **headers: str) -> Series:
    answer = http.get("/metrics", headers=headers)
    assert answer.status_code == 200
    families = text_string_to_metric_families(answer.text)
    return {(it.name, frozenset(it.labels.items())): it.value for family in families for it in family.samples}


def value(series: Series, name: str, **labels: str) -> float | None:
    return series.get((name, frozenset(labels.items())))


@pytest.fixture
def away() -> FlaskClient:
    """An API whose store is not there."""
    return create_app(Settings(), Link(connect("unix:///nowhere", 1))).test_client()


def test_requests_are_counted_by_route_method_and_class_of_their_status(http: FlaskClient) -> None:
    for number in range(3):
        http.get(f"/timers/{number}")
    http.post("/timer", json={"url": "http://h/", "seconds": 1})
    http.get("/no/such/page")
    http.open("/livez", method="BREW")
    series = read(http)
    name = "timer_api_requests_total"
    assert value(series, name, route="/timers/<timer_id>", method="GET", status="4xx") == 3
    assert value(series, name, route="/timers", method="POST", status="2xx") == 1
    assert value(series, name, route="none", method="GET", status="4xx") == 1
    assert value(series, name, route="none", method="other", status="4xx") == 1
    assert value(series, name, route="/timers", method="POST", status="5xx") is None


def test_what_workers_have_counted_in_slots_of_their_own_is_told_as_one() -> None:
    counts = RequestCounts()
    counts.name_routes(["/livez"])
    for slot in (0, 3, 255):
        counts.use(slot)
        counts.request("/livez", "GET", 200, 0.25)
        counts.store_error()
    (row,) = counts.rows()
    assert (row.statuses["2xx"], sum(row.durations), row.seconds) == (3, 3, 0.75)
    assert (counts.store_errors(), sum(counts.store_failures().values())) == (3, 0)


def test_durations_fall_into_buckets_that_end_with_all(http: FlaskClient) -> None:
    for _ in range(4):
        http.get("/livez")
    series = read(http)
    where = {"route": "/livez", "method": "GET"}
    assert value(series, "timer_api_request_duration_seconds_count", **where) == 4
    assert value(series, "timer_api_request_duration_seconds_bucket", le="+Inf", **where) == 4
    total = value(series, "timer_api_request_duration_seconds_sum", **where)
    assert total is not None
    assert 0 < total < 4


def test_gauges_say_how_the_store_stands(http: FlaskClient, bench: Bench) -> None:
    for delay_ms in (0, 0, 60_000):
        bench.schedule(delay_ms)
    bench.claims.claim(1)
    bench.advance(LEASE + 1500)
    series = read(http)
    assert value(series, "timer_store_up") == 1
    assert value(series, "timer_scheduled") == 2
    assert value(series, "timer_overdue") == 1
    assert value(series, "timer_oldest_overdue_seconds") == 11.5
    assert value(series, "timer_delivering") == 1
    assert value(series, "timer_oldest_expired_lease_seconds") == 1.5
    assert value(series, "timer_lost_leases_total") == 0


def test_pollers_that_the_store_saw_a_moment_ago_are_counted(http: FlaskClient, bench: Bench) -> None:
    assert value(read(http), "timer_pollers_seen") == 0
    bench.claims.claim(1)
    assert value(read(http), "timer_pollers_seen") == 1
    bench.advance(POLLER_GONE)
    assert value(read(http), "timer_pollers_seen") == 0


def test_moments_that_became_no_run_are_counted_by_why_also_once_their_schedule_is_deleted(
    http: FlaskClient, bench: Bench
) -> None:
    name = "timer_skipped_moments_total"
    assert [value(read(http), name, why=why) for why in Skipped._fields] == [0, 0, 0, 0]
    put(bench, every_ms=60_000)
    bench.advance(10 * 60_000 + 1)
    bench.look()
    bench.schedules.delete("report")
    assert [value(read(http), name, why=why) for why in Skipped._fields] == [0, 9, 0, 0]


@pytest.mark.parametrize(
    ("store", "told"),
    [
        ({}, {"ready": 1, "append_only": 1, "append_ok": 1}),
        ({"write_problem": "MISCONF", "append_ok": False}, {"ready": 0, "append_only": 1, "append_ok": 0}),
        ({"may_evict": True}, {"ready": 0, "append_only": 1, "append_ok": 1}),
        ({"append_only": False, "append_ok": None}, {"ready": 1, "append_only": 0}),
    ],
)
def test_how_the_store_is_shows_and_what_it_does_not_say_is_left_out(
    store: dict[str, Any], told: dict[str, float]
) -> None:
    state = figures(store=store).store
    found = {it.name: it.samples[0].value for it in of_state(replace(state, used_bytes=None, max_bytes=None), 0)}
    assert found == {f"timer_store_{name}": number for name, number in told.items()}


def test_the_most_that_may_be_pending_is_told_where_it_is_set(bench: Bench) -> None:
    limited = create_app(Settings(max_pending=70), bench.link).test_client()
    assert value(read(limited), "timer_max_pending") == 70


def test_without_a_store_it_answers_with_what_it_has(away: FlaskClient) -> None:
    assert away.get("/stats").status_code == 503
    series = read(away)
    assert value(series, "timer_store_up") == 0
    assert value(series, "timer_store_ready") == 0
    assert value(series, "timer_api_store_errors_total") == 1
    assert value(series, "timer_scheduled") is None


def test_it_needs_a_key_as_other_pages_do(bench: Bench) -> None:
    token, entry = new_key("prometheus", "read")
    guarded = create_app(Settings(api_keys=entry), bench.link).test_client()
    assert guarded.get("/metrics").status_code == 401
    assert value(read(guarded, Authorization=f"Bearer {token}"), "timer_store_up") == 1


@pytest.mark.elsewhere
def test_promtool_has_nothing_to_say_against_it(http: FlaskClient) -> None:
    promtool = needed.program("promtool", "prometheus")
    http.get("/livez")
    told = subprocess.run([promtool, "check", "metrics"], input=http.get("/metrics").data, capture_output=True)
    assert (told.returncode, told.stdout + told.stderr) == (0, b"")
