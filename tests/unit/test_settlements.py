"""What an ended attempt comes to: again, another try, or the end and why."""

from __future__ import annotations

import json
from typing import Any

import pytest

from scheduler import Backoff, Claim, Delivery, Outcome, Reason, Reschedule
from scheduler.delivery.transport import Answer
from scheduler.poller.settlements import settlement
from tests.bench.claims import a_claim

AT = 1_767_225_600_000
ONCE = {"delivery": Delivery.AT_MOST_ONCE}


def ended_claim() -> Claim:
    return a_claim(due_at=AT, planned_at=AT)


def ended(status: int | None = 204, error: str | None = None, *, asks: str | None = None, **more: Any) -> Any:
    """`asks`: the answer's timer-reschedule; `more` is the webhook's, `reschedules`: how often it was obeyed before."""
    reschedules = more.pop("reschedules", 0)
    claim = a_claim(number=3, due_at=AT, planned_at=AT, occurrence=1 + reschedules, reschedules=reschedules, **more)
    headers = {} if asks is None else {"timer-reschedule": asks}
    answer = Answer(claim=claim, started_at=AT, status_code=status, error=error, headers=headers)
    return settlement(answer, AT, "p")


@pytest.mark.parametrize(("most", "reschedules"), [(2, 0), (3, 1), (10_000, 9_998)])
@pytest.mark.parametrize("asks", ["60", "1h", "9999-12-31T23:59:59.999Z"])
def test_a_receiver_gets_it_again_while_the_timer_has_occurrences_left(most: int, reschedules: int, asks: str) -> None:
    found = ended(asks=asks, max_occurrences=most, reschedules=reschedules)
    assert isinstance(found.reschedule, Reschedule)
    assert (found.reason, found.attempt.final, found.attempt.asked_reschedule) == (None, False, None)
    assert found.attempt.occurrence == reschedules + 1


@pytest.mark.parametrize(
    "limits",
    [
        {},
        {"max_attempts": 1},
        {"max_occurrences": 1},
        {"max_occurrences": 3, "reschedules": 2},
        # It was lowered while the timer waited.
        {"max_occurrences": 2, "reschedules": 5},
        # No API makes such a timer.
        {"max_occurrences": 9, **ONCE},
    ],
)
def test_with_none_left_it_is_delivered_and_says_what_was_asked(limits: dict[str, Any]) -> None:
    found = ended(asks=" 1h30m ", **limits)
    assert (found.reschedule, found.retry_ms, found.reason) == (None, None, Reason.DELIVERED)
    assert (found.attempt.final, found.attempt.asked_reschedule) == (True, "1h30m")


@pytest.mark.parametrize(
    ("asks", "noted"), [("soon", "soon"), ("-1", "-1"), ("x" * 9000, "x" * 64), ("", None), (" ", None)]
)
def test_nonsense_is_noted_and_not_obeyed(asks: str, noted: str | None) -> None:
    found = ended(asks=asks, max_occurrences=9)
    assert (found.reschedule, found.reason, found.attempt.asked_reschedule) == (None, Reason.DELIVERED, noted)


@pytest.mark.parametrize("status", [301, 410, 500])
def test_only_a_receiver_that_accepts_can_ask_for_it_again(status: int) -> None:
    found = ended(status, asks="60", max_occurrences=9)
    assert (found.reschedule, found.attempt.asked_reschedule) == (None, None)


@pytest.mark.parametrize(
    ("status", "error", "webhook", "reason"),
    [
        (204, None, {}, Reason.DELIVERED),
        (503, None, {"max_attempts": 1}, Reason.ATTEMPTS_EXHAUSTED),
        (404, None, {"max_attempts": 1}, Reason.ATTEMPTS_EXHAUSTED),
        (None, "dns", {"max_attempts": 1}, Reason.ATTEMPTS_EXHAUSTED),
        (410, None, {}, Reason.PERMANENT),
        (489, None, {}, Reason.PERMANENT),
        (503, None, ONCE, Reason.PERMANENT),
        (None, "blocked", {}, Reason.BLOCKED),
        (None, "timeout", ONCE, Reason.OUTCOME_UNKNOWN),
        (200, "reset", ONCE, Reason.OUTCOME_UNKNOWN),
    ],
)
def test_a_final_attempt_gives_the_reason(
    status: int | None, error: str | None, webhook: dict[str, Any], reason: Reason
) -> None:
    found = ended(status, error, **webhook)
    assert (found.reason, found.attempt.final) == (reason, True)


@pytest.mark.parametrize(("status", "error"), [(503, None), (404, None), (None, "dns"), (200, "protocol")])
def test_one_that_is_followed_by_another_is_neither_final_nor_a_reason(status: int | None, error: str | None) -> None:
    found = ended(status, error)
    assert found.retry_ms is not None
    assert (found.reason, found.attempt.final, found.attempt.outcome) == (None, False, Outcome.RETRYABLE)


@pytest.mark.parametrize(
    ("error", "takes_ms", "left_ms", "reason"),
    [
        ("timeout", 0, 1000, None),
        ("timeout", 0, 999, Reason.EXPIRED),
        ("timeout", 4000, 5000, None),
        ("timeout", 4000, 4999, Reason.EXPIRED),
        ("blocked", 0, 1, Reason.BLOCKED),
    ],
)
def test_it_ends_at_once_if_the_next_attempt_would_be_too_late(
    error: str, takes_ms: int, left_ms: int, reason: Reason | None
) -> None:
    claim = a_claim(due_at=AT, planned_at=AT, backoff=Backoff(steps=(1,)))._replace(expires_at=AT + left_ms)
    found = settlement(Answer(claim, AT, takes_ms, error=error), AT, "p")
    assert (found.reason, found.attempt.final) == (reason, reason is not None)
    assert (found.retry_ms is None) is (reason is not None)


@pytest.mark.parametrize(("asks", "obeyed"), [("60", True), ("3h", False), ("9999-12-31T23:59:59.999Z", False)])
def test_no_receiver_sets_a_timer_to_a_moment_after_its_expires_at(asks: str, obeyed: bool) -> None:
    found = ended(asks=asks, max_occurrences=9, expires_at=AT + 3_600_000)
    assert (found.reschedule is not None, found.attempt.asked_reschedule) == (obeyed, None if obeyed else asks)
    assert isinstance(ended(asks=asks, max_occurrences=9, max_lateness=5).reschedule, Reschedule)


KEPT = 4096


@pytest.mark.parametrize(
    "piece",
    [
        b"a",
        b"\0",
        b"\x1b[2J",
        b'"',
        b"\\",
        b"\n",
        b"\x7f",
        "é".encode(),
        "€".encode(),
        "🎉".encode(),
        b"\xff",
        b"\xe2\x82",
        b"ab\0",
    ],
)
@pytest.mark.parametrize("size", [0, 1, 682, 683, KEPT - 1, KEPT, KEPT + 1, 65_536])
def test_what_is_kept_of_an_answer_is_4_kib_at_most_as_it_is_stored(piece: bytes, size: int) -> None:
    body = (piece * (size // len(piece) + 1))[:size]
    answer = Answer(claim=ended_claim(), started_at=AT, status_code=200, body=body)
    text = settlement(answer, AT, "p").attempt.response_body or ""
    whole = body.decode("utf-8", "replace")
    stored = json.dumps(text, ensure_ascii=False).encode()
    assert len(stored) <= KEPT + len('""')
    assert whole.startswith(text.rstrip("\ufffd"))
    if len(json.dumps(whole, ensure_ascii=False).encode()) <= KEPT:
        assert text == whole
    elif size > KEPT:
        assert len(stored) > KEPT - 12
