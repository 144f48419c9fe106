"""Timers that the store has forgotten, as the API tells them."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from scheduler import Outcome, Settings
from tests.api.conftest import HOOK, settle
from tests.bench.store import START, Bench
from tests.history.ended import attempt, ended, timer_id
from timer_service import create_app
from timer_service.history.database import History, open_history

#: ms; 2025-12-01: before anything ends in the store under test.
EARLIER = START - 31 * 86_400_000


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    it = open_history(f"sqlite:///{tmp_path}/history.sqlite")
    it.write(
        [
            (ended(number, at=EARLIER + number, tags=("a",), occurrence=1 + number), [attempt(1, final=True)])
            for number in range(3)
        ]
    )
    yield it
    it.close()


@pytest.fixture
def http(bench: Bench, history: History, tmp_path: Path) -> FlaskClient:
    settings = Settings(history_url=f"sqlite:///{tmp_path}/history.sqlite")
    return create_app(settings, bench.link).test_client()


def ids(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.get_json()
    return [it["id"] for it in answer.get_json()["data"]]


def test_a_timer_that_the_store_has_forgotten_is_told_from_the_history(http: FlaskClient) -> None:
    answer = http.get(f"/timers/{timer_id(1)}")
    assert (answer.status_code, answer.get_json()["from"], answer.get_json()["status"]) == (200, "history", "delivered")
    attempts = http.get(f"/timers/{timer_id(1)}/attempts").get_json()
    assert (attempts["from"], [it["number"] for it in attempts["data"]]) == ("history", [1])


def test_what_the_store_knows_is_told_from_there_and_has_the_same_members(http: FlaskClient, bench: Bench) -> None:
    made = http.post("/timers", json={**HOOK, "seconds": 0}).get_json()
    settle(bench, Outcome.DELIVERED, status_code=204)
    stored = http.get(f"/timers/{made['id']}").get_json()
    assert "from" not in stored
    assert http.get(f"/timers/{timer_id(1)}").get_json().keys() - {"from"} == stored.keys()


@pytest.mark.parametrize(("webhook_id", "status"), [("-2", 200), ("-3", 404), ("-1", 404), ("-0", 404), ("-x", 404)])
def test_a_webhook_id_finds_its_timer_if_it_came_to_that_occurrence(
    http: FlaskClient, webhook_id: str, status: int
) -> None:
    for path in ("", "/attempts"):
        assert http.get(f"/timers/{timer_id(1)}{webhook_id}{path}").status_code == status


@pytest.mark.parametrize("unknown", [timer_id(77), "nonsense", "%00" * 22, "%ed%a0%80", timer_id(1) + "%0a"])
def test_what_neither_knows_is_not_found(http: FlaskClient, unknown: str) -> None:
    for path in ("", "/attempts"):
        assert http.get(f"/timers/{unknown}{path}").status_code == 404


def test_a_timer_that_only_the_history_tells_can_be_read_and_that_is_all(http: FlaskClient) -> None:
    replay = http.post(f"/timers/{timer_id(1)}/replay")
    assert (replay.status_code, "Set a new one" in replay.get_json()["detail"]) == (409, True)
    assert http.post(f"/timers/{timer_id(77)}/replay").status_code == 404
    assert http.post(f"/timers/{timer_id(1)}/fire").status_code == 404
    assert http.delete(f"/timers/{timer_id(1)}").status_code == 404


def test_the_history_is_listed_by_page_the_latest_end_first(http: FlaskClient) -> None:
    first = http.get("/history?limit=2")
    assert ids(first) == [timer_id(2), timer_id(1)]
    assert {it["from"] for it in first.get_json()["data"]} == {"history"}
    assert 'rel="next"' in first.headers["Link"]
    last = http.get("/history", query_string={"limit": 2, "cursor": first.get_json()["next_cursor"]})
    assert (ids(last), last.get_json()["next_cursor"]) == ([timer_id(0)], None)


@pytest.mark.parametrize(
    "query",
    [
        {"tag": "a", "status": "delivered", "reason": "delivered", "destination": "https://api.example.com"},
        {"destination": "https:api.example.com:443", "from": "2025-12-01T00:00:00Z", "to": "2025-12-01T00:01:00Z"},
    ],
)
def test_filters_go_together(http: FlaskClient, query: dict[str, str]) -> None:
    assert len(ids(http.get("/history", query_string=query))) == 3
    assert ids(http.get("/history", query_string={**query, "tag": "b"})) == []


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("status=scheduled", "/status"),
        ("from=yesterday", "/from"),
        ("cursor=x", "/cursor"),
        ("limit=0", "/limit"),
        ("x=1", "/x"),
    ],
)
def test_a_wrong_filter_is_named(http: FlaskClient, query: str, pointer: str) -> None:
    answer = http.get(f"/history?{query}")
    assert (answer.status_code, [it["pointer"] for it in answer.get_json()["errors"]]) == (422, [pointer])


@pytest.mark.parametrize("score", ["9999999999999999", "-1", "0"])
@pytest.mark.parametrize("query", ["history?limit=9", "timers?status=delivered&order=desc"])
def test_a_cursor_that_nobody_gave_out_reads_as_much_as_it_says(http: FlaskClient, query: str, score: str) -> None:
    made = urlsafe_b64encode(f"{score} {timer_id(0)} 0 history".encode()).decode()
    found = ids(http.get(f"/{query}&cursor={made}"))
    assert len(found) == (3 if score == "9999999999999999" else 0)


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999Z", "1969-12-31T23:59:59.999Z"])
def test_any_moment_may_be_asked_for(http: FlaskClient, moment: str) -> None:
    for bound in ("from", "to"):
        assert http.get("/history", query_string={bound: moment}).status_code == 200


def test_a_list_of_ended_timers_goes_on_into_the_history_without_telling_any_twice(
    http: FlaskClient, bench: Bench, history: History
) -> None:
    for _ in range(2):
        http.post("/timers", json={**HOOK, "seconds": 0})
        settle(bench, Outcome.DELIVERED, status_code=204)
    kept = bench.timers.get(ids(http.get("/timers?status=delivered"))[0])
    history.write([(kept._replace(ended_at=EARLIER + 1), [])])  # as it ended before it was replayed
    found: list[str] = []
    cursor = None
    while True:
        query = {"status": "delivered", "order": "desc", "limit": 1} | ({"cursor": cursor} if cursor else {})
        answer = http.get("/timers", query_string=query)
        found += ids(answer)
        cursor = answer.get_json()["next_cursor"]
        if cursor is None:
            break
    assert found[2:] == [timer_id(2), timer_id(1), timer_id(0)]
    assert len(set(found)) == 5


def test_without_a_history_the_setting_is_named(bench: Bench) -> None:
    answer = create_app(Settings(), bench.link).test_client().get("/history")
    assert (answer.status_code, answer.get_json()["type"]) == (404, "/problems/no-history")
    assert "TIMER_HISTORY_URL" in answer.get_json()["detail"]


def test_while_its_database_is_away_what_the_store_knows_is_told_all_the_same(bench: Bench) -> None:
    http = create_app(Settings(history_url="postgresql://me:sesame@127.0.0.1:1/db"), bench.link).test_client()
    made = http.post("/timers", json={**HOOK, "seconds": 60}).get_json()
    assert http.get(f"/timers/{made['id']}").status_code == 200
    for path in ("/history", f"/timers/{timer_id(1)}"):
        answer = http.get(path)
        assert (answer.status_code, answer.get_json()["type"]) == (503, "/problems/history-unavailable")
        assert (answer.headers["Retry-After"], "sesame" in answer.text) == ("1", False)
