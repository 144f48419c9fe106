"""What a client may set is kept through every change of something else, whatever is added to it.

A new field of NewTimer fails here until it stands in the table, and then until PATCH, PUT and the store keep it.
"""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient
from marshmallow import Schema

from scheduler import (
    Attempt,
    Draft,
    Durability,
    HeldBy,
    Hold,
    Outcome,
    Reason,
    Receipt,
    Status,
    Webhook,
)
from tests.api.conftest import HOOK
from tests.bench.store import START, Bench
from timer_service.web.answers import TimerOut
from timer_service.web.input.redaction import for_reader
from timer_service.web.input.schemas import NewTimer
from timer_service.web.input.when_fields import WHEN

#: None of it is the default. What excludes each other stands in two timers.
COMMON: dict[str, Any] = {
    "due_at": "2026-05-01T00:00:00.000Z",
    "url": "https://example.com/hook?x=1",
    "method": "PUT",
    "headers": {"Authorization": "Bearer abc", "X-Trace": "1"},
    "timeout": 2.5,
    "max_attempts": 3,
    "backoff": [5, 30, 120],
    "priority": 30,
    "metadata": {"order": 17},
    "write_only": ["X-Trace"],
    "key": "order:17",
    "tags": ["orders", "de"],
    "on_delivered": {"url": "https://example.com/delivered", "headers": {"X-Trace": "2", "X-Order": "17"}},
    "on_failed": {"url": "https://example.com/failed?x=1", "headers": {}},
}
TIMERS: dict[str, dict[str, Any]] = {
    "sent once, with a value": {
        **{**COMMON, "body": {"a": 1}, "delivery": "at_most_once"},
        "expires_at": "2026-07-01T00:00:00.000Z",
    },
    "sent again, with bytes": {**COMMON, "body_base64": "AAH/", "max_occurrences": 3, "max_lateness": 3600},
}
#: Another value for each.
OTHERS: dict[str, Any] = {
    "due_at": "2026-06-01T00:00:00.000Z",
    "url": "https://example.org/",
    "method": "PATCH",
    "headers": {"X-More": "2"},
    "body": [2],
    "body_base64": "/w==",
    "timeout": 3,
    "max_attempts": 4,
    "backoff": {"initial": 2},
    "delivery": "at_least_once",
    "max_occurrences": 4,
    "priority": 60,
    "expires_at": "2026-08-01T00:00:00.000Z",
    "max_lateness": 60.5,
    "metadata": {"more": 18},
    "write_only": ["X-Trace", "X-Other"],
    "tags": ["other"],
    "on_delivered": {"url": "https://example.org/delivered"},
    "on_failed": {"url": "https://example.org/failed"},
}
#: Sent once is not sent again: the other timer has a value for each.
EXCLUDED = {"sent once, with a value": "max_occurrences", "sent again, with bytes": "delivery"}
#: Each takes the place of the other.
PAIRS = (("body", "body_base64"), ("expires_at", "max_lateness"))
#: What a merge of an object keeps.
MERGED = ("headers", "metadata", "backoff", "on_delivered", "on_failed")
#: Fields of a timer in the store, and what of a client's own they are made of.
STORED = {"body_is_json": "body_base64"}


def test_the_table_has_every_field_that_a_client_may_set() -> None:
    fields = NewTimer().fields.keys() - (set(WHEN) - {"due_at"}) - {"durability"}  # which is of the request alone
    assert {name for timer in TIMERS.values() for name in timer} == fields
    assert OTHERS.keys() == fields - {"key"}
    of_calls = {"trace"}  # of the request's header
    assert {STORED.get(name, name) for name in Webhook._fields} - of_calls <= fields
    assert fields <= TimerOut().fields.keys()


@pytest.mark.parametrize("which", TIMERS)
def test_no_value_of_the_table_is_the_default(http: FlaskClient, which: str) -> None:
    plain = http.post("/timers", json={**HOOK, "seconds": 1}).get_json()
    shown = http.post("/timers", json=TIMERS[which]).get_json()
    assert [name for name in TIMERS[which] if shown[name] == plain.get(name)] == []


@pytest.mark.parametrize("which", TIMERS)
def test_a_change_of_one_field_keeps_every_other(http: FlaskClient, bench: Bench, which: str) -> None:
    timer = http.post("/timers", json=TIMERS[which]).get_json()
    path = f"/timers/{timer['id']}"
    for name, value in OTHERS.items():
        if name == EXCLUDED[which]:
            continue
        before, stored = http.get(path).get_json(), bench.timers.get(timer["id"])
        after = http.patch(path, json={name: value}).get_json()
        hidden = {"time_left", name, *(other for pair in PAIRS if name in pair for other in pair)}
        for other in before.keys() | after.keys():
            assert other in hidden or before.get(other) == after.get(other), (name, other)
        if name in MERGED:
            assert after[name].items() >= {**(before[name] if isinstance(before[name], dict) else {}), **value}.items()
        else:
            assert after[name] == value
        if name != "headers":
            assert bench.timers.get(timer["id"]).webhook.headers == stored.webhook.headers
    bench.check()


@pytest.mark.parametrize("which", TIMERS)
def test_a_put_by_key_and_a_change_of_nothing_keep_every_field(http: FlaskClient, bench: Bench, which: str) -> None:
    asked = {name: value for name, value in TIMERS[which].items() if name != "key"}
    path = f"/timers/by-key/{COMMON['key']}"
    made = http.put(path, json={**HOOK, "seconds": 1}).get_json()
    put = http.put(path, json=asked).get_json()
    alone = http.post("/timers", json=asked).get_json()
    own = {"id", "key", "created_at"}
    assert {**put, **dict.fromkeys(own)} == {**alone, **dict.fromkeys(own)}
    stored = bench.timers.get(put["id"])
    assert http.patch(f"/timers/{put['id']}", json={}).get_json() == put == http.get(path).get_json()
    assert bench.timers.get(put["id"]) == stored
    assert put["id"] == made["id"]


@pytest.mark.parametrize("given", [*TIMERS.values(), {"url": "https://example.com/", "delay": "1h"}])
def test_a_valid_timer_is_read_as_marshmallow_alone_reads_it(given: dict[str, Any]) -> None:
    assert NewTimer().load(given) == Schema.load(NewTimer(), given)


@pytest.mark.parametrize("given", [*TIMERS.values(), {"url": "https://example.com/", "delay": "1h"}])
@pytest.mark.parametrize("is_reader", [False, True])
def test_a_timer_is_written_as_marshmallow_alone_writes_it(
    http: FlaskClient, bench: Bench, given: dict[str, Any], is_reader: bool
) -> None:
    set_now = NewTimer().load(given)
    timer = Draft(id=bench.timers.new_id(), **set_now).stored(START, START + 3_600_000)
    ended = timer._replace(
        status=Status.FAILED,
        attempts=2,
        last_attempt=Attempt(
            number=2, outcome=Outcome.PERMANENT, started_at=START, error="tls", detail="expired \u00e9"
        ),
        occurrence=3,
        ended_at=START + 5,
        reason=Reason.PERMANENT,
        held=Hold(HeldBy.PAUSE, START, "a reason"),
        expected_at=START + 7,
        callback_for=timer.id,
        schedule="daily",
        receipt=Receipt(Durability(fsync=True), fsync=True),
        unreadable=True,
    )
    for_reader.set(is_reader)
    dumps = http.application.json.dumps
    for it in (timer, ended):
        alone = dumps(Schema.dump(TimerOut(), it), separators=(",", ":"))
        assert dumps(TimerOut().dump(it)) == alone
    for_reader.set(False)
