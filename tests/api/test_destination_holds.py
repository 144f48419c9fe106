"""/destinations: pause and resume, lists, metrics, and what is told of timers that are held."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from flask.testing import FlaskClient

from scheduler import DestinationSettings, HeldBy, Rate, StoreUnavailable
from scheduler.destinations import Break
from scheduler.holds.sums import Sum
from scheduler.store.record import destination_tag, tag_of
from scheduler.store.rule_record import state_fields
from scheduler.store.rules import Fields
from tests.api.test_metrics import read, value
from tests.bench.store import START, Bench

ID = "https:api.example.com:443"
URL = "https://api.example.com/hook"
PATH = f"/destinations/{ID}"


def broken(bench: Bench, id: str = ID, because: str = "10 attempts in a row failed, the last one: connect") -> None:
    """As a poller writes it."""
    it = Break(bench.now, because, bench.now + 5000)
    bench.claims.rules.change(tag_of(id), lambda rule: {"id": id, **state_fields(replace(rule, broken=it))})


def seen(bench: Bench, url: str, attempts: int) -> None:
    bench.claims.observe([Sum(destination_tag(url), url, attempts, 0, 10 * attempts, None, 0)])


def listed(http: FlaskClient, query: str = "") -> list[str]:
    """Ids of all pages."""
    found, path = [], f"/destinations?{query}"
    while path:
        answer = http.get(path)
        assert answer.status_code == 200, answer.text
        found += [it["id"] for it in answer.get_json()["data"]]
        path = answer.headers.get("Link", "").partition(">")[0].removeprefix("<")
        assert bool(path) is (answer.get_json()["next_cursor"] is not None)
    return found


def test_a_pause_tells_who_why_and_until_when_and_needs_no_body(http: FlaskClient, bench: Bench) -> None:
    told = http.post(f"{PATH}/pause").get_json()
    assert (told["state"], told["because"], told["next_at"]) == ("paused", "paused", None)
    assert told["paused"] == {"reason": "", "by": "", "at": "2026-01-01T00:00:00.000Z", "until": None}
    bench.advance(1000)
    again = {"reason": "büro ☎\n<b>", "until": "2026-01-01T02:00:00+01:00"}
    told = http.post(f"{PATH}/pause/", json=again).get_json()
    assert (told["paused"]["reason"], told["because"]) == (again["reason"], f"paused: {again['reason']}")
    assert told["next_at"] == told["paused"]["until"] == "2026-01-01T01:00:00.000Z"
    assert told["since"] == "2026-01-01T00:00:00.000Z"
    assert http.get(PATH).get_json() == told


@pytest.mark.parametrize(
    ("said", "pointer", "words"),
    [
        ({"until": "2026-01-01T00:00:00.000Z"}, "/until", "later than now"),
        ({"until": "2020-01-01T00:00:00Z"}, "/until", "later than now"),
        ({"until": "tomorrow"}, "/until", "RFC 3339"),
        ({"until": 5}, "/until", "string"),
        ({"reason": None}, "/reason", "null"),
        ({"reason": ["x"]}, "/reason", "string"),
        ({"by": "me"}, "/by", "Unknown"),
    ],
)
def test_a_pause_that_cannot_be_is_pointed_at(http: FlaskClient, said: Any, pointer: str, words: str) -> None:
    answer = http.post(f"{PATH}/pause", json=said)
    assert answer.status_code == 422
    (error,) = answer.get_json()["errors"]
    assert error["pointer"] == pointer
    assert words in error["detail"]
    assert http.get(PATH).status_code == 404


def test_a_resume_goes_on_slowly_unless_it_says_otherwise(http: FlaskClient, bench: Bench) -> None:
    for said, state, until in (
        ({}, "limited", "2026-01-01T00:00:15.000Z"),
        ({"at": "slow"}, "limited", "2026-01-01T00:00:15.000Z"),
        ({"at": "full"}, "flowing", None),
    ):
        http.post(f"{PATH}/pause")
        told = http.post(f"{PATH}/resume", json=said).get_json()
        assert (told["state"], told["next_at"], told["paused"]) == (state, until, None)
    refused = http.post(f"{PATH}/resume", json={"at": "once"}).get_json()["errors"]
    assert refused == [{"pointer": "/at", "detail": "Must be one of: slow, full."}]


def test_one_that_goes_on_slowly_goes_on_at_full_speed_once_that_is_asked_for(http: FlaskClient, bench: Bench) -> None:
    bench.schedule(url=URL)
    http.post(f"{PATH}/pause", json={"until": "2026-01-01T00:00:01Z"})
    assert bench.claims.claim(5).claims == []
    bench.advance(2000)  # its pause has ended by itself
    assert http.get(PATH).get_json()["state"] == "limited"
    assert http.post(f"{PATH}/resume").get_json()["state"] == "limited"
    for _ in range(2):
        assert http.post(f"{PATH}/resume", json={"at": "full"}).get_json()["state"] == "flowing"
    assert len(bench.claims.claim(5).claims) == 1


def test_a_resume_of_one_whose_receiver_asked_to_be_left_alone_is_as_slow_as_it_says(
    http: FlaskClient, bench: Bench
) -> None:
    asked: Fields = {"id": ID, "retry_until": bench.now + 60_000, "slow_since": ""}
    for said, state, until in (
        ({}, "limited", "2026-01-01T00:00:15.000Z"),
        ({"at": "full"}, "flowing", None),
        ({"at": "slow"}, "limited", "2026-01-01T00:00:15.000Z"),
    ):
        bench.claims.rules.change(tag_of(ID), lambda _: asked)
        assert http.get(PATH).get_json()["next_at"] == "2026-01-01T00:01:00.000Z"
        told = http.post(f"{PATH}/resume", json=said).get_json()
        assert (told["state"], told["next_at"]) == (state, until)


def test_a_broken_one_is_tried_at_once_and_takes_no_speed(http: FlaskClient, bench: Bench) -> None:
    broken(bench)
    told = http.get(PATH).get_json()
    assert (told["state"], told["next_at"]) == ("broken", "2026-01-01T00:00:05.000Z")
    assert told["because"] == "10 attempts in a row failed, the last one: connect"
    for at in ("slow", "full"):
        answer = http.post(f"{PATH}/resume", json={"at": at})
        assert (answer.status_code, answer.get_json()["type"]) == (409, "/problems/destination-broken")
    assert http.get(PATH).get_json() == told
    told = http.post(f"{PATH}/resume").get_json()
    assert (told["state"], told["next_at"]) == ("broken", "2026-01-01T00:00:00.000Z")


def test_of_one_that_is_paused_and_broken_the_pause_ends(http: FlaskClient, bench: Bench) -> None:
    broken(bench)
    http.post(f"{PATH}/pause", json={"reason": "we look"})
    assert http.get(PATH).get_json()["state"] == "paused"
    assert http.post(f"{PATH}/resume", json={"at": "full"}).get_json()["state"] == "broken"


def test_a_timer_that_is_held_says_by_what_until_when_and_why(http: FlaskClient, bench: Bench) -> None:
    timer = bench.schedule(url=URL)
    later = bench.schedule(60_000, url=URL)
    assert http.get(f"/timers/{timer.id}").get_json()["held"] is None
    http.post(f"{PATH}/pause", json={"reason": "they are down", "until": "2026-01-01T00:05:00Z"})
    for _ in range(2):
        told = http.get(f"/timers/{timer.id}").get_json()
        assert told["held"] == {
            "by": "pause",
            "until": "2026-01-01T00:05:00.000Z",
            "because": "paused: they are down",
        }
        assert (told["expected_at"], told["status"], told["attempts"]) == ("2026-01-01T00:05:00.000Z", "scheduled", 0)
        bench.claims.claim(9)  # and where it waits behind its destination
    assert http.get(f"/timers/{later.id}").get_json()["held"] is None
    by_id = {it["id"]: it for it in http.get("/timers").get_json()["data"]}
    assert (by_id[timer.id]["held"], by_id[timer.id]["expected_at"]) == (told["held"], told["expected_at"])
    assert (by_id[later.id]["held"], by_id[later.id]["expected_at"]) == (None, None)
    assert http.get(PATH).get_json()["waiting"] == 1
    http.post(f"{PATH}/resume", json={"at": "full"})
    assert http.get(f"/timers/{timer.id}").get_json()["held"] is None


def test_held_by_a_rate_it_says_when_its_turn_is_and_by_a_concurrency_that_nobody_knows(
    http: FlaskClient, bench: Bench
) -> None:
    timers = [bench.schedule(n, url=URL) for n in range(5)]
    bench.advance(10)
    http.patch(PATH, json={"rate": {"requests": 1}})
    bench.claims.claim(9)
    expected = [http.get(f"/timers/{it.id}").get_json()["expected_at"] for it in timers]
    assert expected == [f"2026-01-01T00:00:0{n}.010Z" for n in range(5)]
    held = http.get(f"/timers/{timers[0].id}").get_json()["held"]
    assert held == {"by": "rate", "until": None, "because": "at most 1 in 1 s"}
    http.patch(PATH, json={"rate": None, "concurrency": 2})
    told = http.get(f"/timers/{timers[0].id}").get_json()
    assert (told["held"]["by"], told["held"]["until"], told["expected_at"]) == ("concurrency", None, None)


def test_those_with_rules_or_holds_come_first_then_the_busiest_page_by_page(http: FlaskClient, bench: Bench) -> None:
    for number in range(5):
        seen(bench, f"http://h{number}/", 10 + number)
    http.post("/destinations/http:h1:80/pause")
    http.patch("/destinations/http:new:80", json={"concurrency": 1})
    for limit in (1, 2, 3, 100):
        ids = listed(http, f"limit={limit}")
        assert {*ids[:2]} == {"http:h1:80", "http:new:80"}
        assert ids[2:] == ["http:h4:80", "http:h3:80", "http:h2:80", "http:h0:80"]


def test_a_list_can_be_of_one_state(http: FlaskClient, bench: Bench) -> None:
    for number in range(5):
        seen(bench, f"http://h{number}/", 10 + number)
    http.post("/destinations/http:h1:80/pause")
    http.patch("/destinations/http:h2:80", json={"rate": {"requests": 1}})
    http.patch("/destinations/http:h3:80", json={"concurrency": 1})
    broken(bench, "http:h4:80")
    states = {"paused": ["h1"], "limited": ["h2", "h3"], "broken": ["h4"], "probing": [], "flowing": ["h0"]}
    for limit in (1, 100):
        found = {state: sorted(listed(http, f"state={state}&limit={limit}")) for state in states}
        assert found == {state: [f"http:{name}:80" for name in names] for state, names in states.items()}


@pytest.mark.parametrize(
    "query",
    [
        *(
            "state=x",
            "state=",
            "limit=0",
            "limit=101",
            "limit=x",
            "limit=1_0",
            "cursor=x",
            "cursor=é",
            "cursor=aGVsZDo=",
            "page=2",
        ),
        *("cursor=" + "YQ" * 4000, "cursor=YnVzeTo5OTk5OTk5OTk5OTk5OTk5OTk5OTphYWFhYWFhYQ=="),
    ],
)
def test_a_list_that_cannot_be_is_pointed_at(http: FlaskClient, query: str) -> None:
    answer = http.get(f"/destinations?{query}")
    assert answer.status_code == 422
    assert answer.get_json()["errors"][0]["pointer"] == f"/{query.partition('=')[0]}"


def test_one_whose_hold_has_ended_by_itself_is_in_the_list_of_how_it_stands_now(
    http: FlaskClient, bench: Bench
) -> None:
    """No poller has noted that it has ended. Red where the hold that was says in which lists it is."""
    asked: Fields = {"id": "http:b:80", "retry_until": bench.now + 60_000}
    bench.claims.rules.change(tag_of("http:b:80"), lambda _: asked)
    http.post(f"{PATH}/pause", json={"until": "2026-01-01T00:01:00Z"})
    http.post("/destinations/http:c:80/pause")
    states = ("paused", "limited", "flowing")
    for ms, found in (
        (0, [[ID, "http:c:80"], ["http:b:80"], []]),
        (61_000, [["http:c:80"], [ID], ["http:b:80"]]),
        (75_000, [["http:c:80"], [], [ID, "http:b:80"]]),
    ):
        bench.advance(ms - (bench.now - START))
        assert [sorted(listed(http, f"state={state}")) for state in states] == [sorted(it) for it in found]


def test_of_thousands_of_destinations_each_is_listed_once(http: FlaskClient, bench: Bench) -> None:
    for first in range(0, 3000, 250):
        urls = [f"http://h{first + number}/" for number in range(250)]
        bench.claims.observe([Sum(destination_tag(url), url, 1, 0, 10, None, 0) for url in urls])
    for number in range(150):
        bench.destinations.pause(f"http:h{number * 7}:80", "down", "ann")
    ids = listed(http)
    assert len(ids) == len({*ids}) == 3000
    assert {*ids[:150]} == {f"http:h{number * 7}:80" for number in range(150)}
    assert len(listed(http, "state=paused&limit=40")) == 150


def test_where_rules_cannot_be_read_the_other_metrics_are_told_all_the_same(
    http: FlaskClient, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their slot may be away, or an access list of before not allow it."""
    http.post(f"{PATH}/pause")

    run = bench.link.run_on

    def refused(script: str, key: str | list[str], args: Any = ()) -> Any:
        if not isinstance(key, str) or key.startswith("timers:destination:"):
            raise StoreUnavailable("away")
        return run(script, key, args)

    monkeypatch.setattr(bench.link, "run_on", refused)
    monkeypatch.setattr(bench.link, "run_on_each", refused)
    series = read(http)
    assert (value(series, "timer_store_up"), value(series, "timer_scheduled")) == (1, 0)
    assert not any(name.startswith("timer_destination_") for name, _ in series)
    for answer in (http.get("/destinations"), http.get(PATH), http.post(f"{PATH}/pause")):
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")


def test_metrics_count_the_held_by_what_holds_them_and_tell_of_a_bounded_number(
    http: FlaskClient, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("timer_service.web.resources.destination_metrics.MOST_TOLD", 3)
    assert not any(name.startswith("timer_destination_") for name, _ in read(http))
    seen(bench, "http://healthy/", 10**6)
    seen(bench, URL, 5)
    bench.schedule(url=URL)
    bench.advance(2500)
    http.post(f"{PATH}/pause")
    bench.claims.claim(9)
    series = read(http)
    assert value(series, "timer_held_destinations", by="pause") == 1
    assert [value(series, "timer_held_destinations", by=by) for by in HeldBy if by is not HeldBy.PAUSE] == [0] * 4
    assert value(series, "timer_destination_state", destination=ID, state="paused") == 1
    assert value(series, "timer_destination_waiting", destination=ID) == 1
    assert value(series, "timer_destination_oldest_waiting_seconds", destination=ID) == 2.5
    assert value(series, "timer_destination_attempts_total", destination=ID) == 5
    assert value(series, "timer_destination_failures_total", destination=ID) == 0
    for number in range(5):
        bench.destinations.put(f"http:h{number}:80", DestinationSettings(rate=Rate(1)))
    told = [{labels for name, labels in read(http) if name == "timer_destination_waiting"} for _ in range(2)]
    assert told[0] == told[1]
    assert len(told[0]) == 3
    assert value(read(http), "timer_held_destinations", by="rate") == 5
