"""What one client sends takes bounded time and memory: values are counted before anything is built of them.

Tried beside the cases: arrays, objects, numbers, strings and names without number; names and strings that are one
mebibyte long; depth; metadata, headers, tags, ids, backoff with too many members; escapes, digits, open strings.
"""

from __future__ import annotations

import json
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from scheduler import Attempt, Outcome, Settlement
from tests.api.conftest import HOOK
from tests.bench.store import Bench
from timer_service.web.input import memory
from timer_service.web.input.budget import Budget
from timer_service.web.input.json_size import holds_more_than

JSON = {"content-type": "application/json"}
MIB = 2**20


def _array(item: str, size: int) -> str:
    return "[" + ",".join([item] * (size // (len(item) + 1))) + "]"


def _members(count: int, value: str = "1") -> str:
    return "{" + ",".join(f'"a{number}":{value}' for number in range(count)) + "}"


#: (path, body) of which nothing is to be built: 413.
FLOODS = {
    **{
        f"8 MiB of {item}": ("/timers/batch", f'{{"timers":{_array(item, 8 * MIB - 100)}}}')
        for item in ("[]", "{}", "1", '""', '{"":0}', '"\\""')
    },
    "a thousand timers of 899 unknown names": ("/timers/batch", f'{{"timers":[{",".join([_members(899)] * 1000)}]}}'),
    "1 MiB of []": ("/timers", _array("[]", MIB)),
    "1 MiB of [] in a body": ("/timers", f'{{"url":"http://h/","seconds":1,"body":{_array("[]", MIB - 100)}}}'),
    "1 MiB of ids": ("/timers/cancel", f'{{"ids":{_array(chr(34) * 2, MIB - 100)}}}'),
    "1 MiB of one name": ("/timers", "{" + '"a":1,' * 170_000 + '"a":1}'),
}


@pytest.mark.parametrize("name", FLOODS)
def test_more_values_than_a_request_may_hold_are_refused_without_building_them(http: FlaskClient, name: str) -> None:
    path, body = FLOODS[name]
    raw = body.encode()
    tracemalloc.start()
    try:
        answer = http.post(path, data=raw, headers=JSON)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (answer.status_code, answer.get_json()["errors"][0]["pointer"]) == (413, "")
    assert peak < 4 * len(raw), "its values alone would take ten times its bytes"


#: As many as may be, each wrong in as many ways as may be: 200 or 422, in bounded time and with a bounded answer.
WRONG = {
    "a thousand timers of 240 unknown names": ("/timers/batch", f'{{"timers":[{",".join([_members(240)] * 1000)}]}}'),
    "a thousand long names": (
        "/timers/batch",
        json.dumps({"timers": [{"é" * 4000: 1}] * 1000}, ensure_ascii=False),
    ),
    "wrong headers": (
        "/timers/batch",
        json.dumps({"timers": [{**HOOK, "headers": {f"h {n}": "" for n in range(100)}}] * 1000}),
    ),
    "unknown parts of backoff": (
        "/timers/batch",
        json.dumps({"timers": [{**HOOK, "backoff": {f"h{n}": 1 for n in range(200)}}] * 1000}),
    ),
    "90,000 unknown names": ("/timers", _members(90_000)),
    "100,000 ids": ("/timers/cancel", f'{{"ids":{_array("1", 200_000)}}}'),
    "100,000 timers": ("/timers/batch", f'{{"timers":{_array("{}", 300_000)}}}'),
    "a name of 1 MiB": ("/timers", json.dumps({"~" * (MIB - 100): 1})),
}


@pytest.mark.clock
@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_in_many_ways_is_told_shortly(http: FlaskClient, name: str) -> None:
    path, body = WRONG[name]
    answers: list[TestResponse] = []
    spent = fastest(lambda: answers.append(http.post(path, data=body.encode(), headers=JSON)))
    assert {answer.status_code for answer in answers} <= {200, 422}
    assert len(answers[0].data) < 1.5 * MIB
    # 20 parses are 0.06 to 1 s here, the answers are 0.02 to 0.3; the second is for the smallest of them.
    assert spent < 1 + 20 * fastest(lambda: json.loads(body))


def fastest(work: Callable[[], object]) -> float:
    """Seconds of CPU that this thread needs for it, of three times."""

    def once() -> float:
        begun = time.thread_time()
        work()
        return time.thread_time() - begun

    return min(once() for _ in range(3))


def test_a_timer_with_as_many_values_as_its_bytes_hold_is_taken(http: FlaskClient) -> None:
    """And a batch of which each text is full of commas, brackets and quotes."""
    flat = [1] * 130_000
    assert http.post("/timers", json={**HOOK, "seconds": 1, "body": flat}).get_json()["body"] == flat
    text = '{"a":[1,2,"\\"",{}],' * 400
    batch = http.post("/timers/batch", json={"timers": [{**HOOK, "seconds": 1, "body": text}] * 500}).get_json()
    assert {result["status"] for result in batch["results"]} == {201}


@pytest.mark.parametrize("text", ["[1,2,3]", '{"a":1,"b":2,"c":3}', "[[],[],[]]", "[{},{},{}]", '["a,","b[","c{"]'])
def test_values_are_counted_without_what_stands_in_strings(text: str) -> None:
    assert [holds_more_than(most, text.encode()) for most in (2, 3, 4, 8)][-1] is False
    assert holds_more_than(2, text.encode())


def test_large_requests_at_once_share_a_budget_and_small_ones_pass(http: FlaskClient) -> None:
    assert isinstance(http.application, Flask)
    budgets: dict[str, Budget] = http.application.extensions["budgets"]
    large = {**HOOK, "seconds": 1, "body": "x" * 200_000}
    for purpose, total in memory.TOTALS.items():
        none = budgets[purpose] = Budget(total, patience=0)
        assert none.take(total)
        answer = http.post("/timers", json=large)
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
        assert http.post("/timers", json={**HOOK, "seconds": 1}).status_code == 201
        none.give_back(total)
        assert http.post("/timers", json=large).status_code == 201


def test_a_request_gives_back_what_it_held_however_it_ends(http: FlaskClient) -> None:
    assert isinstance(http.application, Flask)
    budgets: dict[str, Budget] = http.application.extensions["budgets"]
    text = json.dumps("x" * 200_000)
    for body in (text, text[:-1], f'{{"url":"http://h/","seconds":1,"body":{text}}}', f'{{"timers":[{text}]}}'):
        for path in ("/timers", "/timers/batch", "/timers/cancel"):
            http.post(path, data=body, headers=JSON)
    assert all(budgets[purpose].take(total) for purpose, total in memory.TOTALS.items())


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_a_page_of_timers_with_long_answers_is_short_and_the_next_goes_on(
    http: FlaskClient, bench: Bench, order: str
) -> None:
    """A thousand of them are 24 MiB; a page tells 4 MiB of records and answers, and what they grow by as JSON."""
    count = 300
    for _ in range(count):
        bench.schedule(max_attempts=1)
    ended = Attempt(number=1, outcome=Outcome.PERMANENT, response_body="\0" * 4096)
    while claims := bench.claims.claim(count).claims:
        bench.claims.settle([Settlement(timer_id=it.id, fence=it.fence, attempt=ended, retry_ms=None) for it in claims])
    seen: list[str] = []
    path: str | None = f"/timers?status=failed&limit=1000&order={order}"
    while path:
        answer = http.get(path)
        assert len(answer.data) < 5 * MIB
        page: dict[str, Any] = answer.get_json()
        seen += [timer["id"] for timer in page["data"]]
        cursor = page["next_cursor"]
        path = cursor and f"/timers?status=failed&limit=1000&order={order}&cursor={cursor}"
    assert len(seen) == len(set(seen)) == count
