"""How many there are, and all of them: `/timers/count` and `status=any`; and what lists may cost others.

Tried: every filter alone and together, timers in every status, waiting ones, several pages, both orders, a
cursor at the border of two statuses, a count that stops looking; no turn for lists, counts and bulk; a weighed rate.
"""

from __future__ import annotations

import threading
from functools import partial
from typing import Any
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient

from scheduler import Outcome, Settings
from scheduler.store import listing
from scheduler.store.record import destination_tag
from tests.api.conftest import HOOK, settle
from tests.bench.store import Bench
from timer_service import create_app
from timer_service.web.access import authentication, list_limit
from timer_service.web.access.api_keys import new_key
from timer_service.web.access.rate_limit import Rates


@pytest.fixture
def ids(bench: Bench) -> dict[str, list[str]]:
    """Two of every status; those that wait for a moment, and one behind its destination."""
    found: dict[str, list[str]] = {"delivered": [], "failed": [], "cancelled": []}
    for status, outcome in (("delivered", Outcome.DELIVERED), ("failed", Outcome.PERMANENT)):
        for _ in range(2):
            found[status].append(bench.schedule().id)
            settle(bench, outcome)
            bench.advance(1)
    for _ in range(2):
        timer = bench.schedule(1000, tags=("t",))
        bench.timers.cancel(timer.id)
        found["cancelled"].append(timer.id)
        bench.advance(1)
    bench.schedule(), bench.schedule()
    found["delivering"] = [it.id for it in bench.claims.claim(2).claims]
    late = bench.schedule(url="http://busy/")
    bench.advance(1)
    bench.claims.claim(1, {destination_tag("http://busy/")})
    found["scheduled"] = [late.id, *(bench.schedule(delay, tags=("t",)).id for delay in (500, 1000))]
    return found


def count(http: FlaskClient, query: str = "") -> tuple[int, bool]:
    answer = http.get(f"/timers/count{query}")
    assert answer.status_code == 200, answer.text
    assert answer.get_json().keys() == {"count", "exact"}
    return answer.get_json()["count"], answer.get_json()["exact"]


def pages(http: FlaskClient, query: str) -> list[str]:
    found: list[str] = []
    path: str | None = f"/timers{query}"
    while path:
        answer = http.get(path).get_json()
        found += [timer["id"] for timer in answer["data"]]
        following = answer["next_cursor"]
        path = following and f"/timers{query}&cursor={quote(following)}"
    return found


def test_a_count_has_the_filters_of_a_list(http: FlaskClient, ids: dict[str, list[str]]) -> None:
    assert count(http) == (3, True)
    for status, those in ids.items():
        assert count(http, f"?status={status}") == (len(those), True), status
    assert count(http, "?status=any") == (11, True)
    assert count(http, "?tag=t") == (4, True)
    assert count(http, "?tag=t&status=any") == (4, True)
    assert count(http, "?tag=t&status=cancelled") == (2, True)
    assert count(http, "?destination=http://busy/x") == (1, True)
    assert count(http, "?status=any&destination=http://receiver/") == (10, True)
    assert count(http, "?due_before=2026-01-01T00:00:00.600Z") == (2, True)
    assert count(http, "?status=any&due_after=2026-01-01T00:00:00.900Z") == (3, True)


@pytest.mark.parametrize("query", ["?status=some", "?limit=1", "?cursor=x", "?order=asc", "?nix=1"])
def test_what_a_count_cannot_have_is_refused(http: FlaskClient, query: str) -> None:
    assert http.get(f"/timers/count{query}").status_code == 422


def test_a_count_that_has_looked_long_enough_says_so(
    http: FlaskClient, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "_COUNT_LOOK", 400)
    bench.timers.set(*(bench.draft(number) for number in range(1000)))
    assert count(http) == (1000, True)  # one look at the index tells
    assert count(http, "?destination=http://receiver/") == (400, False)


@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize("limit", [1, 2, 3, 100])
def test_any_lists_all_one_status_after_the_other_each_in_its_own_order(
    http: FlaskClient, ids: dict[str, list[str]], order: str, limit: int
) -> None:
    found = pages(http, f"?status=any&order={order}&limit={limit}")
    statuses = ("delivering", "scheduled", "failed", "delivered", "cancelled")
    assert [sorted(found[at - len(ids[it]) : at]) for it, at in _ends(ids, statuses)] == [
        sorted(ids[it]) for it in statuses
    ]
    for status in ("failed", "delivered", "scheduled"):
        assert [it for it in found if it in ids[status]] == (ids[status] if order == "asc" else ids[status][::-1])
    assert len(found) == 11


def _ends(ids: dict[str, list[str]], statuses: tuple[str, ...]) -> list[tuple[str, int]]:
    ends, at = [], 0
    for status in statuses:
        at += len(ids[status])
        ends.append((status, at))
    return ends


def test_any_goes_with_filters_and_not_with_a_bulk_action(http: FlaskClient, ids: dict[str, list[str]]) -> None:
    assert pages(http, "?status=any&destination=http://busy&limit=2") == ids["scheduled"][:1]
    assert len(pages(http, "?status=any&tag=t&limit=3")) == 4
    assert http.post("/timers/cancel", json={"status": "any"}).status_code == 422


def test_what_lists_wait_for_is_their_turn_and_nobody_elses(
    bench: Bench, http: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(list_limit, "_free", threading.Semaphore(0))
    http.application.extensions["settings"] = Settings(store_timeout=0.05)
    for method, path, body in (
        ("GET", "/timers", None),
        ("GET", "/timers/count", None),
        ("POST", "/timers/replay", {"status": "failed"}),
    ):
        answer = http.open(path, method=method, json=body)
        assert (answer.status_code, answer.headers["Retry-After"]) == (429, "1")
    assert http.post("/timers", json={**HOOK, "seconds": 60}).status_code == 201


def test_a_call_about_many_timers_counts_as_many_requests(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(authentication, "Rates", partial(Rates, clock=lambda: 0.0))
    token, entry = new_key("me", "write")
    settings = Settings(api_keys=entry, rate_limit=20)
    headers = {"Authorization": f"Bearer {token}"}

    def granted(**asked: Any) -> int:
        """Of 25 calls at once."""
        http = create_app(settings, bench.link).test_client()
        return [http.open(headers=headers, **asked).status_code for _ in range(25)].count(200)

    assert granted(path="/timers") == 20
    assert granted(path="/timers?limit=1000") == 2
    assert granted(path="/timers/count") == 2
    assert granted(path="/timers/batch", method="POST", json={"timers": [{**HOOK, "seconds": 60}] * 500}) == 4
    assert granted(path="/timers/cancel", method="POST", json={"ids": ["0" * 22] * 200}) == 10
