"""What an answer means for its timer."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler import Claim, Delivery, Outcome, Redelivery, Reschedule, Signer, duration
from scheduler.delivery.judge import asked_reschedule, judge, retry_after
from scheduler.delivery.request import build
from scheduler.delivery.transport import Answer
from tests.bench.claims import a_claim

NOW = 1_767_225_600_000  # 2026-01-01T00:00:00Z


UNSIGNED = Signer("")


def claim(**webhook: Any) -> Claim:
    said = {"url": "http://h/", **webhook}
    second: dict[str, Any] = {
        "number": 2,
        "attempts_since_due": 2,
        "due_at": NOW - 7000,
        "planned_at": NOW - 5,
        "redelivery": Redelivery.RETRY,
    }
    return a_claim(**second, **said)


def answer(status: int | None = None, *, error: str | None = None, sent: bool = True, **more: object) -> Answer:
    headers = more.pop("headers", {})
    return Answer(
        claim=claim(**more),
        started_at=NOW,
        status_code=status,
        error=error,
        sent=sent,
        headers=headers,  # type: ignore[arg-type]
    )


@pytest.mark.parametrize("status", [200, 201, 204, 299])
def test_2xx_is_delivered(status: int) -> None:
    assert judge(answer(status)) == (Outcome.DELIVERED, None)


@pytest.mark.parametrize("status", [301, 302, 307, 400, 401, 404, 408, 425, 429, 500, 503, 599])
def test_every_other_status_is_tried_again(status: int) -> None:
    assert judge(answer(status)) == (Outcome.RETRYABLE, None)


@pytest.mark.parametrize("status", [410, 489])
def test_gone_and_unsubscribed_end_the_timer(status: int) -> None:
    assert judge(answer(status)) == (Outcome.PERMANENT, None)


def test_a_refusal_counts_even_if_the_rest_of_the_answer_never_came() -> None:
    assert judge(answer(410, error="protocol")) == (Outcome.PERMANENT, "protocol")
    assert judge(answer(500, error="timeout", delivery=Delivery.AT_MOST_ONCE)) == (Outcome.PERMANENT, "timeout")


def test_blocked_is_final() -> None:
    assert judge(answer(error="blocked", sent=False)) == (Outcome.PERMANENT, "blocked")


def test_a_2xx_that_broke_off_is_not_delivered() -> None:
    assert judge(answer(200, error="timeout")) == (Outcome.RETRYABLE, "timeout")


@pytest.mark.parametrize("error", ["dns", "connect", "tls", "timeout", "reset", "protocol"])
def test_no_answer_is_tried_again(error: str) -> None:
    assert judge(answer(error=error)) == (Outcome.RETRYABLE, error)


def test_at_most_once_is_tried_again_only_if_nothing_was_sent() -> None:
    assert judge(answer(error="connect", sent=False, delivery=Delivery.AT_MOST_ONCE)) == (Outcome.RETRYABLE, "connect")
    assert judge(answer(error="reset", delivery=Delivery.AT_MOST_ONCE)) == (Outcome.PERMANENT, "outcome-unknown")
    assert judge(answer(503, delivery=Delivery.AT_MOST_ONCE)) == (Outcome.PERMANENT, None)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("5", 5),
        ("0", 0),
        ("999999999999999999999", 9_999_999_999),
        ("Thu, 01 Jan 2026 00:01:00 GMT", 60),
        ("Thu, 01 Jan 2025 00:01:00 GMT", 0),
        ("-5", None),
        ("5.5", None),
        ("junk", None),
        ("", None),
        ("٣", None),
    ],
)
def test_retry_after_is_a_number_or_a_date_and_nonsense_is_nothing(value: str, seconds: float | None) -> None:
    assert retry_after(answer(503, headers={"retry-after": value}), NOW) == seconds


def test_retry_after_counts_on_429_and_503_alone() -> None:
    assert retry_after(answer(500, headers={"retry-after": "5"}), NOW) is None


@pytest.mark.parametrize(
    ("value", "reschedule"),
    [
        ("60", Reschedule(delay_ms=60_000)),
        ("1h30m", Reschedule(delay_ms=5_400_000)),
        ("PT1M", Reschedule(delay_ms=60_000)),
        ("2026-01-01T00:00:00Z", Reschedule(due_at=NOW)),
        ("9999999999d", Reschedule(delay_ms=duration.MAX_DELAY)),
        ("soon", None),
        ("-5", None),
        ("", None),
    ],
)
def test_a_receiver_can_ask_for_the_timer_again(value: str, reschedule: Reschedule | None) -> None:
    assert asked_reschedule(answer(200, headers={"timer-reschedule": value})) == reschedule


@given(st.text() | st.from_regex(r"\A\w{3}, \d+ \w{3} \d+ \d+:\d+:\d+ .*\Z"))
def test_no_retry_after_breaks_the_poller(value: str) -> None:
    found = retry_after(answer(429, headers={"retry-after": value}), NOW)
    assert found is None or found >= 0


def test_a_request_tells_who_it_is_and_how_late() -> None:
    request = build(claim(headers={"X-Own": "1"}, body=b"[1]"), NOW, UNSIGNED)
    assert request.headers == {
        "user-agent": request.headers["user-agent"],
        "content-type": "application/json",
        "X-Own": "1",
        "webhook-id": "0" * 22,
        "webhook-timestamp": str(NOW // 1000),
        "timer-id": "0" * 22,
        "timer-attempt": "2",
        "timer-due-at": "2025-12-31T23:59:53.000Z",
        "timer-lateness-ms": "5",
        "timer-redelivery": "retry",
    }


@pytest.mark.parametrize(
    ("occurrence", "webhook_id"), [(1, "0" * 22), (2, f"{'0' * 22}-2"), (10_000, f"{'0' * 22}-10000")]
)
def test_each_occurrence_has_a_webhook_id_of_its_own_which_is_what_is_signed(occurrence: int, webhook_id: str) -> None:
    it = claim(body=b"[1]")._replace(occurrence=occurrence)
    signer = Signer("whsec_" + "a" * 32)
    headers = build(it, NOW, signer).headers
    assert (headers["webhook-id"], headers["timer-id"]) == (webhook_id, "0" * 22)
    assert headers.get("timer-occurrence") == (str(occurrence) if occurrence > 1 else None)
    assert headers["webhook-signature"] == signer.sign(webhook_id, NOW // 1000, b"[1]")
    assert build(it, NOW, UNSIGNED).headers["timer-id"] == "0" * 22


@pytest.mark.parametrize("missed", [0, 7])
def test_a_run_says_its_schedule_and_how_many_missed_moments_it_stands_for(missed: int) -> None:
    headers = build(claim()._replace(schedule="report", missed=missed), NOW, UNSIGNED).headers
    assert (headers["timer-schedule"], headers.get("timer-missed")) == ("report", str(missed) if missed else None)
    assert not {"timer-schedule", "timer-missed"} & build(claim(), NOW, UNSIGNED).headers.keys()


def test_a_timer_without_a_body_tells_its_id_whatever_the_occurrence() -> None:
    assert build(claim()._replace(occurrence=2), NOW, UNSIGNED).body == b'{"id": "%s"}' % (b"0" * 22)


def test_a_clients_own_content_type_and_user_agent_win() -> None:
    headers = build(claim(headers={"Content-Type": "text/x", "USER-AGENT": "me"}, body=b"x"), NOW, UNSIGNED).headers
    assert (headers["Content-Type"], headers["USER-AGENT"]) == ("text/x", "me")
    assert not {"content-type", "user-agent"} & headers.keys()


@pytest.mark.parametrize(
    ("method", "body"),
    [
        ("POST", b'{"id": "%s"}' % (b"0" * 22)),
        ("PUT", b""),
        ("PATCH", b""),
        ("GET", None),
        ("HEAD", None),
        ("DELETE", None),
    ],
)
def test_without_a_body_a_post_carries_its_id_and_the_others_nothing(method: str, body: bytes | None) -> None:
    assert build(claim(method=method), NOW, UNSIGNED).body == body
