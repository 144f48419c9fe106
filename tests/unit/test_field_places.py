"""The places that a new field of a timer must reach. A field of NewTimer is red here, place by place, until it has.

That changes of other fields keep it is told by tests/api/test_every_field.py, whose table of values is used here.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from scheduler import Backoff, Callback, Delivery, Draft, Settings, Webhook
from scheduler.store import record
from scheduler.store.defaults import DEFAULTS
from tests.api.test_every_field import COMMON, OTHERS, STORED, TIMERS
from tests.bench.store import Bench, HandSetFake
from tests.store import test_defaults
from tests.store.formats import kinds
from timer_service import create_app
from timer_service.client import request_fields
from timer_service.client.answers import Timer
from timer_service.terminal.commands import set_
from timer_service.terminal.tables import detail_rows
from timer_service.web.answers import TimerOut
from timer_service.web.input.schemas import NewTimer
from timer_service.web.input.when_fields import WHEN

ROOT = Path(__file__).parents[2]
#: What a client may set of a timer, without the other words for due_at. What it asks of the request is not stored.
FIELDS = NewTimer().fields.keys() - (set(WHEN) - {"due_at"}) - {"durability"}
#: A webhook of which nothing is the default, and an answer that says nothing but what it must.
WEBHOOK = Webhook(
    url="https://example.com/",
    method="PUT",
    headers={"x-a": "1"},
    body=b"\0",
    body_is_json=False,
    timeout=3,
    max_attempts=3,
    backoff=Backoff(steps=(7,)),
    delivery=Delivery.AT_MOST_ONCE,
    max_occurrences=4,
    priority=30,
    expires_at=1,
    max_lateness=2.5,
    metadata={"a": 1},
    write_only=("x-a",),
    on_delivered=Callback("http://a/", {"x-a": "1"}, 3, 4),
    on_failed=Callback("https://b/é"),
    trace="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
)
ANSWER: Mapping[str, Any] = {
    **{"id": "0" * 22, "status": "scheduled", "time_left": 5, "attempts": 0, "occurrence": 1, "url": "http://h/"},
    **dict.fromkeys(("due_at", "created_at"), "2026-01-01T00:00:00.000Z"),
    **dict.fromkeys(("last_attempt", "next_attempt_at", "ended_at", "reason", "key")),
    **{"method": "POST", "headers": {}, "timeout": 15, "max_attempts": 8, "backoff": {"initial": 5}},
    **{"delivery": "at_least_once", "max_occurrences": 1, "tags": [], "metadata": {}, "write_only": []},
    **dict.fromkeys(("on_delivered", "on_failed", "callback_for")),
}


def in_the_store() -> set[str]:
    return {STORED.get(name, name) for name in Webhook._fields} | set(Draft._fields)


def in_records() -> set[str]:
    read = record.decode(b"1 " + record.encode(WEBHOOK))[1]
    assert [name for name in Webhook._fields if getattr(WEBHOOK, name) == getattr(DEFAULTS, name, None)] == []
    kept = {name for name in Webhook._fields if getattr(read, name) == getattr(WEBHOOK, name)}
    return {STORED.get(name, name) for name in kept} | {"body"}


def in_stored_releases() -> set[str]:
    """What some timer that tests/store/formats/make.py writes has set."""
    bench = Bench(HandSetFake())
    kinds.make(bench)
    webhooks, words = [], set[str]()
    for name in bench.client.scan_iter("timers:*:timer:*"):
        first_line, webhook = record.decode(bench.client.get(name))
        webhooks.append(webhook)
        words |= {word.partition("=")[0] for word in first_line[2:]}
    said = {
        name
        for name, default in zip(Webhook._fields, DEFAULTS, strict=True)
        if any(getattr(webhook, name) != default for webhook in webhooks)
    }
    return {STORED.get(name, name) for name in said} | words


def in_frozen_defaults() -> set[str]:
    """Those of which the default can never change, and of which it is tried what happens if the program's does."""
    return {STORED.get(name, name) for name in test_defaults.FORMAT_1.keys() & {"url", *test_defaults.CHANGED}}


def in_the_description(name: str) -> set[str]:
    described = create_app(Settings()).test_client().get("/openapi.json").get_json()
    return set(described["components"]["schemas"][name]["properties"])


def in_the_reference() -> set[str]:
    """Rows of tables in docs/api.md."""
    rows = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", (ROOT / "docs/api.md").read_text(), re.MULTILINE)
    return {name for row in rows for name in re.findall(r"\w+", row)}


def shown() -> set[str]:
    """What changes the lines of `timer show`."""
    plain = list(detail_rows(Timer.from_json(ANSWER)))
    values = {**COMMON, **TIMERS["sent again, with bytes"], **TIMERS["sent once, with a value"]}
    return {name for name in values if list(detail_rows(Timer.from_json({**ANSWER, name: values[name]}))) != plain}


def typed(kind: Any) -> set[str]:
    return set(kind.__required_keys__ | kind.__optional_keys__)


#: Place -> what finds the fields that it has, and those that stand there under another name or need not stand there.
PLACES: dict[str, tuple[Callable[[], set[str]], set[str]]] = {
    "Webhook or Draft in scheduler/timer.py": (in_the_store, {"due_at"}),
    "encode and decode in scheduler/store/record.py": (in_records, {"due_at", "key", "tags"}),
    "a timer of tests/store/formats/kinds.py": (in_stored_releases, {"due_at"}),
    "both tables of tests/store/test_defaults.py": (in_frozen_defaults, {"due_at", "key", "tags"}),
    "the answer, TimerOut": (lambda: set(TimerOut().fields), set()),
    "NewTimer in /openapi.json": (lambda: in_the_description("NewTimer"), set()),
    "TimerChange in /openapi.json, for PATCH": (lambda: in_the_description("TimerChange"), {"key"}),
    "KeyedTimer in /openapi.json, for PUT": (lambda: in_the_description("KeyedTimer"), {"key"}),
    "TimerOut in /openapi.json": (lambda: in_the_description("TimerOut"), set()),
    "docs/api.md, a row of a table": (in_the_reference, set()),
    "the values of tests/api/test_every_field.py": (lambda: {name for it in TIMERS.values() for name in it}, set()),
    "other values of tests/api/test_every_field.py": (lambda: set(OTHERS), {"key"}),
    # Bytes are a body in Python.
    "NewTimer of the client": (lambda: typed(request_fields.NewTimer), {"body_base64"}),
    "Changes of the client": (lambda: typed(request_fields.Changes), {"body_base64", "key"}),
    "Timer of the client": (lambda: {it.name for it in dataclasses.fields(Timer)}, {"body_base64"}),
    # --json, --data, --data-file.
    "options of `timer set`": (lambda: {it.name or "" for it in set_.params}, {"due_at", "body", "body_base64"}),
    "lines of `timer show`": (shown, set()),
}


@pytest.mark.parametrize("place", PLACES)
def test_each_field_of_a_timer_has_reached(place: str) -> None:
    has, need_not = PLACES[place]
    assert FIELDS - has() - need_not == set(), f"not in {place} yet"


def test_what_need_not_stand_somewhere_is_a_field() -> None:
    for place, (_, need_not) in PLACES.items():
        assert need_not <= FIELDS, place
