"""What this version cannot read, or only in part, is never a 500, hides nothing else, and fails no timer.

Tried: members of tomorrow in a record, its first line and an attempt; broken JSON, another type, a record
without lines, bytes that are no text; attempts and progress likewise; GET, by key, lists of status and tag, attempts,
PATCH, PUT.
"""

from __future__ import annotations

import logging
from typing import Any

import pytest
from flask.testing import FlaskClient

from scheduler import Outcome
from scheduler.store import reading
from tests.api.conftest import HOOK, settle
from tests.bench.store import Bench

PROGRESS = "timers:{0}:progress"
LATER = {**HOOK, "hours": 1, "key": "k", "tags": ["t"], "headers": {"x-a": "1"}}


def record_of(bench: Bench, timer_id: str) -> tuple[str, bytes]:
    name = f"timers:{{0}}:timer:{timer_id}"
    return name, bench.client.get(name)


@pytest.fixture
def timer(http: FlaskClient) -> str:
    found: str = http.post("/timers", json=LATER).get_json()["id"]
    return found


def test_members_of_tomorrow_are_passed_over(http: FlaskClient, bench: Bench, timer: str) -> None:
    name, record = record_of(bench, timer)
    first, line, body = record.split(b"\n", 2)
    line = line[:-1] + b',"colour":"blue","shade":{"a":[1]}}'
    bench.client.set(name, b"\n".join([first + b" mood=good word", line, body]))
    said = http.get(f"/timers/{timer}").get_json()
    assert (said["url"], said["headers"], said["key"], said["tags"]) == (HOOK["url"], {"x-a": "1"}, "k", ["t"])
    assert http.post(f"/timers/{timer}/fire").status_code == 202
    settle(bench, Outcome.DELIVERED)
    words, attempt = bench.client.hget(PROGRESS, timer).split(b"\n")
    bench.client.hset(PROGRESS, timer, words + b" mood=good\n" + attempt[:-1] + b',"colour":"blue"}')
    said = http.get(f"/timers/{timer}").get_json()
    assert (said["status"], said["last_attempt"]["outcome"]) == ("delivered", "delivered")


@pytest.mark.parametrize(
    "rest",
    [
        b'{"url": \n',
        b"[]\n",
        b"5\n",
        b'{"method":"POST"}\n',
        b'{"url":5}\n',
        b'{"url":"http://h/","headers":5}\n',
        b'{"url":"http://h/","headers":{"a":1}}\n',
        b'{"url":"http://h/","backoff":{}}\n',
        b'{"url":"http://h/","timeout":"long"}\n',
        b"\xff\xfe\n",
        b"",
    ],
)
def test_what_cannot_be_read_is_shown_by_its_first_line(
    http: FlaskClient, bench: Bench, timer: str, rest: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    other = http.post("/timers", json={**HOOK, "hours": 2, "tags": ["t"]}).get_json()["id"]
    name, record = record_of(bench, timer)
    bench.client.set(name, record.split(b"\n")[0] + b"\n" + rest)
    reading._logged_at = float("-inf")
    with caplog.at_level(logging.WARNING):
        for path in (f"/timers/{timer}", "/timers/by-key/k"):
            said = http.get(path).get_json()
            assert (said["id"], said["status"], said["key"], said["tags"]) == (timer, "scheduled", "k", ["t"])
            assert (said["url"], said["created_at"] < said["due_at"], said["unreadable"]) == ("", True, True)
        for query in ("", "?tag=t", "?status=any"):
            listed = [it["id"] for it in http.get(f"/timers{query}").get_json()["data"]]
            assert listed == [timer, other]
    assert sum("cannot be read" in it.getMessage() for it in caplog.records) == 1
    for method, path in (("PATCH", f"/timers/{timer}"), ("PUT", "/timers/by-key/k")):
        asked: Any = {"hours": 3} if method == "PATCH" else LATER
        assert http.open(path, method=method, json=asked).status_code == 409
    assert http.delete(f"/timers/{timer}").status_code == 204
    assert http.get(f"/timers/{timer}").get_json()["status"] == "cancelled"


@pytest.mark.parametrize("raw", [b"{", b"[]", b"7", b'{"number":1}', b'{"number":1,"outcome":"perhaps"}', b"\xff"])
def test_an_attempt_that_cannot_be_read_says_so(http: FlaskClient, bench: Bench, raw: bytes) -> None:
    timer = bench.schedule().id
    settle(bench, Outcome.DELIVERED)
    words, _ = bench.client.hget(PROGRESS, timer).split(b"\n")
    bench.client.hset(PROGRESS, timer, words + b"\n" + raw)
    assert http.get(f"/timers/{timer}").get_json()["last_attempt"]["error"] == "unreadable"
    assert http.get(f"/timers/{timer}/attempts").get_json()["data"][0]["error"] == "unreadable"
    assert http.get("/timers?status=delivered").status_code == 200


@pytest.mark.parametrize(
    "raw", [b"", b"1 2", b"attempts=1 due=5 ended=6 reason=new more=1", b"attempts=x due= =", b"\xff"]
)
def test_progress_that_cannot_be_read_hides_nothing_else(http: FlaskClient, bench: Bench, raw: bytes) -> None:
    timer = bench.schedule().id
    settle(bench, Outcome.DELIVERED)
    bench.client.hset(PROGRESS, timer, raw)
    assert http.get(f"/timers/{timer}").get_json()["status"] == "delivered"
    assert len(http.get("/timers?status=delivered").get_json()["data"]) == 1
    assert http.get("/stats").status_code == 200


def test_a_poller_sends_what_has_members_of_tomorrow(bench: Bench) -> None:
    timer = bench.schedule(headers={"x-a": "1"})
    name, record = record_of(bench, timer.id)
    bench.client.set(name, record.replace(b'"headers"', b'"colour":1,"headers"'))
    (claim,) = bench.claims.claim(1).claims
    assert claim.webhook.headers == {"x-a": "1"}
