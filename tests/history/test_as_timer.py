"""A timer that was told as JSON, and read again."""

from __future__ import annotations

import json

import pytest

from scheduler import Attempt, Backoff, Callback, Delivery, Outcome, Reason, Redelivery, Status, Timer, Webhook
from scheduler.callback_body import timer_as_told
from scheduler.exact_numbers import dumps
from tests.history.ended import MARCH, attempt, ended
from timer_service.history.as_timer import as_timer

TIMERS = {
    "plain": ended(),
    "with everything": ended(
        webhook=Webhook(
            url="https://a.example/hook?code=***",
            method="PUT",
            headers={"x-mine": "1", "authorization": "***"},
            body=b'{"a": [1.10, 1E+2, null], "b": "\\u0000"}',
            timeout=2.5,
            max_attempts=3,
            backoff=Backoff(steps=(1, 2.5)),
            delivery=Delivery.AT_MOST_ONCE,
            max_occurrences=3,
            priority=30,
            expires_at=MARCH + 1,
            metadata={"number": 3},
            write_only=("x-own",),
            on_delivered=Callback("https://a.example/done", {"x-a": "b"}),
            on_failed=Callback("https://a.example/failed"),
        ),
        status=Status.FAILED,
        reason=Reason.ATTEMPTS_EXHAUSTED,
        key="k",
        tags=("a", "b"),
        attempts=3,
        occurrence=2,
        schedule="nightly",
        callback_for="0" * 22,
        last_attempt=attempt(3, outcome=Outcome.RETRYABLE, redelivery=Redelivery.RETRY, error="timeout", final=True),
    ),
    "bytes": ended(webhook=Webhook(url="https://a.example/", body=b"\xff\0", body_is_json=False, max_lateness=90.0)),
    "cancelled": ended(status=Status.CANCELLED, reason=Reason.CANCELLED, attempts=0, last_attempt=None),
    "lost": ended(last_attempt=Attempt(number=3, outcome=None, error="lease-lost")),
    "unreadable": ended(webhook=Webhook(url=""), unreadable=True, reason=None, last_attempt=None),
}


@pytest.mark.parametrize("timer", TIMERS.values(), ids=list(TIMERS))
def test_it_is_told_again_in_the_same_words(timer: Timer) -> None:
    told = dumps(timer_as_told(timer))
    again = as_timer(told, timer.read_at)
    assert json.loads(dumps(timer_as_told(again))) == json.loads(told)
    if timer.webhook.body and timer.webhook.body_is_json:
        assert again.webhook.body == b'{"a":[1.10,1E+2,null],"b":"\\u0000"}'  # its digits too
