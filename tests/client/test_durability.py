"""What a client asks of durability, what it is told, and how it learns that it was not reached."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from click.testing import CliRunner

from tests.client.test_retries import answer, answering
from tests.unit.test_field_places import ANSWER
from timer_service.cli import main
from timer_service.client import NotDurable, Receipt, Unavailable, schedule_calls, timer_calls
from timer_service.client.answers import Timer
from timer_service.client.call import Call
from timer_service.client.errors import from_answer

PROBLEM = {
    **{"type": "/problems/not-durable", "title": "Service Unavailable", "status": 503, "detail": "It was stored."},
    **{"instance": "1", "timer_id": "0" * 22},
    "durability": {"asked": "fsync", "reached": {"fsync": False, "replicas": 0}},
}


def bodies(steps: Any) -> Iterator[Any]:
    """Of each call that many timers take; nothing is answered but that nothing was made."""
    try:
        call = next(steps)
        while True:
            yield json.loads(call.body)
            call = steps.send([])
    except StopIteration:
        return


@pytest.mark.parametrize("asked", [None, "fsync", "replicas:2"])
def test_each_call_that_sets_something_asks_for_it_or_says_nothing(asked: str | None) -> None:
    timer: dict[str, Any] = {"url": "http://h/", "delay": 1}
    schedule: dict[str, Any] = {"every": 60, "timer": {"url": "http://h/"}}
    calls: list[Call[Any]] = [
        timer_calls.create(**timer, durability=asked),
        timer_calls.put("key", **timer, durability=asked),
        schedule_calls.set_schedule("name", **schedule, durability=asked),
        schedule_calls.create_schedule(**schedule, durability=asked),
    ]
    sent = [json.loads(call.body or b"") for call in calls]
    sent += bodies(timer_calls.create_many([timer] * 1500, durability=asked))  # type: ignore[list-item]
    assert len(sent) == len(calls) + 2
    assert [it.get("durability") for it in sent] == [asked] * len(sent)


def test_a_receipt_says_what_was_reached() -> None:
    told = {"asked": "fsync", "reached": {"fsync": True, "replicas": 1}}
    timer = Timer.from_json({**ANSWER, "durability": told})
    assert timer.durability == Receipt(asked="fsync", fsync=True, replicas=1)
    assert str(timer.durability) == "on disk and on 1 replica"
    assert Timer.from_json(ANSWER).durability is None


def test_what_was_not_reached_is_an_error_of_its_own_that_names_the_timer() -> None:
    error = from_answer(503, json.dumps(PROBLEM).encode(), "1")
    assert isinstance(error, NotDurable)
    assert isinstance(error, Unavailable)
    assert (error.timer_id, error.retry_after) == ("0" * 22, 1)
    assert not isinstance(from_answer(503, b"{}"), NotDurable)


def test_the_command_line_asks_for_it_and_says_what_was_reached_or_what_was_not() -> None:
    receipt = {"asked": "replicas:1", "reached": {"fsync": False, "replicas": 1}}
    words = ["timer", "set", "10m", "http://h/", "--durability", "replicas:1"]
    with answering(answer(201, {**ANSWER, "durability": receipt})) as (_, service):
        done = CliRunner().invoke(main, words, env={"TIMER_URL": service.url})
        assert done.exit_code == 0, done.output
        assert done.stdout.rstrip().endswith(", on 1 replica")
        assert json.loads(service.requests[0].partition(b"\r\n\r\n")[2])["durability"] == "replicas:1"
    refused = answer(503, PROBLEM)
    with answering(refused) as (_, service):
        done = CliRunner().invoke(main, [*words, "--key", "k", "--replace"], env={"TIMER_URL": service.url})
        assert done.exit_code != 0
        assert "It was stored." in done.stderr
        assert len(service.requests) == 1, "a put is not repeated by itself"
