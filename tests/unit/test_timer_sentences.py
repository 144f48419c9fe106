"""What the page says of one timer: a sentence, why it is so and what comes next, and the rail from set to ended."""

from __future__ import annotations

import shlex
from typing import Any

import pytest

from scheduler import Attempt, Backoff, Delivery, Outcome, Reason, Redelivery, Status, Timer, Webhook, rfc3339
from timer_service.web.pages.timer import standing, timeline
from timer_service.web.pages.timer.view import actions
from timer_service.web.pages.timers import filters
from timer_service.web.pages.words import outcomes, waits
from timer_service.web.pages.words.commands import Terminal, list_commands

#: 2026-01-01T12:00:00Z.
NOON = 1_767_268_800_000
URL = "https://hooks.example/v1?token=x"


def a_timer(status: Status = Status.SCHEDULED, **said: Any) -> Timer:
    webhook = Webhook(URL, **{name: said.pop(name) for name in Webhook._fields if name in said})
    given = {"created_at": NOON - 60_000, "due_at": NOON + 42_600, "read_at": NOON, **said}
    given.setdefault("attempts_since_due", given.get("attempts", 0))
    return Timer(id="0" * 22, webhook=webhook, status=status, **given)


def an_attempt(number: int = 1, outcome: Outcome | None = Outcome.RETRYABLE, **said: Any) -> Attempt:
    given = {"started_at": NOON - 10_000, "lateness_ms": 1, "duration_ms": 200, "poller": "vm-1", **said}
    return Attempt(number=number, outcome=outcome, **given)


BUSY = an_attempt(4, status_code=503, next_attempt_at=NOON + 42_600)
LOST = Attempt(number=1, outcome=None, error="lease-lost")


def said(timer: Timer, **more: Any) -> str:
    it = standing.sentence(timer, **more)
    return f"{it.kind}{f' in {it.until - timer.read_at} ms.' if it.until else it.rest}"


@pytest.mark.parametrize(
    ("timer", "sentence"),
    [
        (a_timer(), "Scheduled: first attempt in 42600 ms."),
        (
            a_timer(attempts=4, next_attempt_at=NOON + 42_600, last_attempt=BUSY),
            "Scheduled: attempt 5 of 8 in 42600 ms.",
        ),
        (
            a_timer(attempts=8, attempts_since_due=0),
            "Scheduled: attempt 9, 1 of 8 since it was set anew in 42600 ms.",
        ),
        (a_timer(due_at=NOON - 3200), "Waits for room at its destination, or for a poller. Due since 3.2 s."),
        (
            a_timer(Status.DELIVERING, attempts=2, due_at=NOON - 9000, last_attempt=BUSY._replace(number=1)),
            "Being delivered: attempt 2 of 8, which was due 0 ms ago.",
        ),
        (
            a_timer(Status.DELIVERING, attempts=1, due_at=NOON - 400),
            "Being delivered: attempt 1 of 8, which was due 400 ms ago.",
        ),
        (
            a_timer(Status.DELIVERED, attempts=2, last_attempt=an_attempt(2, Outcome.DELIVERED, status_code=204)),
            "Delivered at attempt 2, 1 ms after its moment.",
        ),
        (a_timer(Status.DELIVERED, attempts=1), "Delivered."),
        (a_timer(Status.CANCELLED), "Cancelled before it was sent."),
        (a_timer(Status.CANCELLED, attempts=1), "Cancelled after 1 attempt."),
        (a_timer(unreadable=True), "Scheduled, but this version cannot read it."),
    ],
)
def test_one_sentence_says_how_a_timer_stands(timer: Timer, sentence: str) -> None:
    assert said(timer) == sentence


@pytest.mark.parametrize(
    ("reason", "last", "sentence"),
    [
        (Reason.ATTEMPTS_EXHAUSTED, BUSY._replace(number=8), "Failed: 8 of 8 attempts, the last answered 503."),
        (Reason.ATTEMPTS_EXHAUSTED, None, "Failed: 8 of 8 attempts."),
        (
            Reason.PERMANENT,
            an_attempt(8, Outcome.PERMANENT, status_code=410),
            "Failed: its receiver refused it for good, answered 410.",
        ),
        (Reason.BLOCKED, an_attempt(8, error="blocked"), "Failed: its address is not allowed."),
        (Reason.LEASE_LOST, LOST, "Failed: three times a poller had it and was not heard of again."),
        (Reason.OUTCOME_UNKNOWN, LOST, "Failed: it may have arrived, and is sent at most once."),
        (Reason.EXPIRED, BUSY, "Failed: it was too late to send it."),
        (Reason.EXPIRED, None, "Failed: it was too late to send it."),
        (Reason.UNSENDABLE, None, "Failed: what is stored cannot be read."),
        (None, None, "Failed: the reason is not known to this version."),
    ],
)
def test_a_failed_timer_says_why_in_words(reason: Reason | None, last: Attempt | None, sentence: str) -> None:
    timer = a_timer(Status.FAILED, attempts=8, reason=reason, last_attempt=last, ended_at=NOON)
    assert said(timer) == sentence
    assert "It is sent no more unless it is replayed" in standing.lede(timer)


def test_one_whose_moment_has_passed_is_not_said_to_wait_for_a_replay() -> None:
    timer = a_timer(Status.FAILED, reason=Reason.EXPIRED, ended_at=NOON, expires_at=NOON)
    assert "It is sent no more, for it was not to be sent later than" in standing.lede(timer)
    assert actions(timer) == ("clone",)
    assert actions(a_timer(Status.FAILED, reason=Reason.EXPIRED, ended_at=NOON, max_lateness=1)) == ("replay", "clone")


def test_a_scheduled_timer_ends_by_its_expiry_whatever_attempts_it_has_left() -> None:
    timer = a_timer(due_at=NOON + 60_000, max_lateness=120)
    assert "ends failed by" in (said := standing.lede(timer))
    assert rfc3339.rfc3339(NOON + 180_000)[11:16] in said


def test_every_reason_has_words() -> None:
    assert all(outcomes.ending(reason) for reason in Reason)


@pytest.mark.parametrize(
    ("error", "status_code", "words"),
    [
        (None, 503, "answered 503"),
        ("timeout", None, "no answer in 15 s"),
        ("timeout", 200, "answered 200, then not whole in time"),
        ("blocked", None, "address not allowed"),
        ("lease-lost", None, "its end was never noted"),
    ],
)
def test_an_attempt_that_failed_is_told_in_words(error: str | None, status_code: int | None, words: str) -> None:
    assert outcomes.failure(error, status_code, 15) == words


def test_sent_at_most_once_is_given_as_the_reason_where_it_is() -> None:
    last = an_attempt(1, Outcome.PERMANENT, status_code=500)
    timer = a_timer(
        Status.FAILED, attempts=1, delivery=Delivery.AT_MOST_ONCE, reason=Reason.PERMANENT, last_attempt=last
    )
    assert said(timer) == "Failed: answered 500, and it is sent at most once."


def test_a_timer_that_is_due_says_what_it_waits_for() -> None:
    due = a_timer(due_at=NOON - 60_000)
    for last_poller_at in (None, NOON - 60_000):
        around = standing.Around(last_poller_at, is_full=False)
        assert said(due, around=around) == "No poller is there to send it. Due since 1 min."
    assert said(due, around=standing.Around(NOON - 900, is_full=False)) == "Waits for a poller. Due since 1 min."
    assert said(due, around=standing.Around(NOON, is_full=True)).startswith("Waits for room at its destination.")


def text(markup: Any) -> str:
    return str(markup.striptags())


def test_the_words_below_say_why_not_yet_where_to_and_when_it_gives_up() -> None:
    asked = BUSY._replace(number=1, started_at=NOON - 10_000, next_attempt_at=NOON + 50_000)
    timer = a_timer(attempts=1, next_attempt_at=NOON + 50_000, last_attempt=asked)
    assert text(standing.lede(timer)) == (
        "Not yet, because the last attempt failed (answered 503) and its receiver asked to wait 59.8 s. "
        "It goes to https:hooks.example:443 at 12:00:50.000 UTC. "
        "If no attempt succeeds, it ends failed by 13:33 UTC, unless its receiver asks to wait longer."
    )


def test_when_it_gives_up_counts_every_wait_and_every_timeout_that_is_left() -> None:
    timer = a_timer(timeout=10, max_attempts=3, backoff=Backoff(steps=(1, 2)))
    assert waits.gives_up_at(timer) == timer.due_at + 10_000 + 1000 + 10_000 + 2000 + 10_000
    one_made = timer._replace(attempts=1, attempts_since_due=1)
    assert waits.gives_up_at(one_made) == timer.due_at + 10_000 + 2000 + 10_000
    at_the_end_of_time = timer._replace(due_at=253_402_300_799_999)
    assert "9999-12-31" in text(standing.lede(at_the_end_of_time))


@pytest.mark.parametrize(
    ("attempt", "backoff", "cause"),
    [
        (
            an_attempt(1, status_code=500, next_attempt_at=NOON - 9_800 + 3000),
            Backoff(),
            "at random between 1 s and 5 s",
        ),
        (an_attempt(1, status_code=503, next_attempt_at=NOON - 9_800 + 60_000), Backoff(), "as asked by Retry-After"),
        (an_attempt(1, status_code=500, next_attempt_at=NOON - 9_800 + 60_000), Backoff(), ""),
        (an_attempt(1, status_code=500, next_attempt_at=NOON - 9_800 + 500), Backoff(steps=(0.5,)), "as asked"),
        (
            an_attempt(1, error="reset", next_attempt_at=NOON - 9_800 + 100),
            Backoff(),
            "at once, for an idle connection had been closed",
        ),
        (LOST, Backoff(), ""),
    ],
)
def test_the_cause_of_a_wait_is_told_where_it_can_be(attempt: Attempt, backoff: Backoff, cause: str) -> None:
    assert waits.cause(a_timer(attempts=1, backoff=backoff), attempt, 1) == cause


def names(timer: Timer, *attempts: Attempt) -> list[str]:
    return [f"{it.name}{it.rest}{f': {it.went}' if it.went else ''}" for it in timeline.rail(timer, attempts)]


def test_the_rail_goes_from_set_by_a_lost_lease_its_repeat_and_a_retry_to_what_comes() -> None:
    repeat = an_attempt(2, status_code=503, redelivery=Redelivery.LEASE_EXPIRED, next_attempt_at=NOON + 42_600)
    timer = a_timer(due_at=NOON - 20_000, attempts=2, next_attempt_at=NOON + 42_600, last_attempt=repeat)
    rail = timeline.rail(timer, [LOST, repeat])
    assert names(timer, LOST, repeat) == [
        "Set, to be sent 40.0 s later",
        "Due",
        "Attempt 1: its end was never noted",
        "Attempt 2, a repeat: answered 503",
        "Attempt 3 of 8",
    ]
    assert [it.wait for it in rail][-2:] == [
        "until the lease of the attempt before had run out",
        "52.4 s, as asked by Retry-After",
    ]
    assert rail[2].at is None
    assert "may have got it" in rail[2].hint
    assert rail[3].marked == "timer-redelivery: lease-expired"
    assert rail[4].is_ahead


def test_the_rail_says_how_many_attempts_are_not_kept() -> None:
    kept = [an_attempt(number, status_code=500) for number in range(16, 26)]
    ended = a_timer(Status.FAILED, attempts=25, reason=Reason.ATTEMPTS_EXHAUSTED, ended_at=NOON, max_attempts=25)
    found = names(ended, *kept)
    assert found[:3] == [
        "Set",
        "Attempts 1 to 15 are not shown: only the last ten are kept",
        "Attempt 16: answered 500",
    ]
    assert found[-1] == "Failed: its last attempt failed"


def test_the_rail_tells_replays_and_occurrences_apart() -> None:
    first = an_attempt(1, Outcome.DELIVERED, status_code=200, next_attempt_at=NOON)
    again = an_attempt(2, Outcome.DELIVERED, status_code=200, redelivery=Redelivery.RESCHEDULED, occurrence=2)
    replay = an_attempt(3, Outcome.DELIVERED, status_code=200, redelivery=Redelivery.REPLAY, occurrence=3)
    done = a_timer(Status.DELIVERED, attempts=3, attempts_since_due=1, occurrence=3, ended_at=NOON)
    assert names(done, first, again, replay)[2:] == [
        "Attempt 1: accepted with 200",
        "Due, as its receiver asked by timer-reschedule",
        "Attempt 2, set to this moment anew, occurrence 2: accepted with 200",
        "Replayed",
        "Attempt 3, a replay, occurrence 3: accepted with 200",
    ]


def test_a_timer_that_was_moved_after_an_attempt_says_so() -> None:
    moved = an_attempt(2, status_code=500, redelivery=Redelivery.RESCHEDULED)
    timer = a_timer(Status.FAILED, attempts=2, attempts_since_due=1, reason=Reason.ATTEMPTS_EXHAUSTED, ended_at=NOON)
    assert "Due, moved to this moment" in names(timer, an_attempt(1, status_code=500), moved)


def test_an_answer_says_how_long_it_is_and_whether_more_came() -> None:
    timer = a_timer(Status.DELIVERED, attempts=1)
    short, whole = (
        timeline.rail(timer, [an_attempt(1, Outcome.DELIVERED, status_code=200, response_body=body)])[-1]
        for body in ("é" * 5, "x" * 4096)
    )
    assert (short.answer_bytes, short.answer_cut) == (10, False)
    assert (whole.answer_bytes, whole.answer_cut) == (4096, True)


def test_an_attempt_that_cannot_be_read_hides_no_other() -> None:
    broken = Attempt(number=0, outcome=None, error="unreadable")
    assert "An attempt that this version cannot read" in names(a_timer(attempts=2), broken, an_attempt(2))


@pytest.mark.parametrize("value", ["a b; rm -rf /", "$(id)", "`id`", "' || id #", '"', "\\", "-n", "\n", "\u202e"])
def test_commands_hold_every_value_as_one_word(value: str) -> None:
    shell = Terminal("http://127.0.0.1:8000", needs_key=True)
    for command in list_commands(shell, {"status": "scheduled", "tag": value}, "cancel"):
        words = shlex.split(command)
        assert "id" not in words
        assert "rm" not in words
    ours = shlex.split(shell.ours("list", options={"tag": value}))
    assert ours == ["timer-service", "timer", "list", "--tag", value]
    assert '-H "authorization: Bearer $TIMER_API_KEY"' in shell.curl("/timers")


@pytest.mark.parametrize(
    ("typed", "asked"),
    [
        ({"destination": "https:api.example.com:443"}, "https:api.example.com:443"),
        ({"destination": "http:[2001:db8::1f]:8080"}, "http:[2001:db8::1f]:8080"),
        ({"destination": "https://api.example.com/x?y"}, "https://api.example.com/x?y"),
        ({"due_before": "2026-11-26T13:00"}, "2026-11-26T13:00:00Z"),
        ({"due_before": "2026-11-26T13:00:01.5"}, "2026-11-26T13:00:01.5Z"),
        ({"due_after": "2026-11-26T13:00:00+01:00"}, "2026-11-26T13:00:00+01:00"),
    ],
)
def test_a_filter_is_taken_as_it_is_shown_and_as_browsers_write_it(typed: dict[str, str], asked: str) -> None:
    found = filters.read(typed)
    ((name, value),) = typed.items()
    assert found.errors == {}
    assert (found.asked[name], found.typed[name]) == (asked, value)


def test_a_moment_stays_in_its_field_and_what_is_none_stays_as_text() -> None:
    assert filters.local("2026-11-26T13:00:00Z") == "2026-11-26T13:00"
    assert filters.local("2026-11-26T14:00:01+01:00") == "2026-11-26T13:00:01"
    assert filters.local("") == ""
    assert filters.local("tomorrow") is None
