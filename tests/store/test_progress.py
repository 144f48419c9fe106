"""What is kept of a timer once it was claimed: words in any order, unknown ones kept, attempts in their order."""

from __future__ import annotations

from typing import Any

import pytest

from scheduler import Attempt, Claim, Outcome, Settlement, Status, Timer
from scheduler.store.record import encode
from tests.bench.store import KEEP, LEASE, START, Bench


def _words(bench: Bench, timer: Timer) -> dict[str, str]:
    line = bench.client.hget(f"{bench.prefix(timer.id)}progress", timer.id).split(b"\n")[0].decode()
    return dict(word.split("=") for word in line.split(" "))


def _shuffle(bench: Bench, timer: Timer, *more: str) -> None:
    """Write the words in another order, with these among them."""
    line, *attempt = bench.client.hget(f"{bench.prefix(timer.id)}progress", timer.id).split(b"\n", 1)
    first, *others = line.decode().split(" ")
    words = [first, *reversed(others)]
    words[1:1] = more
    bench.client.hset(f"{bench.prefix(timer.id)}progress", timer.id, b"\n".join([" ".join(words).encode(), *attempt]))


def _claim(bench: Bench) -> Claim:
    (claim,) = bench.claims.claim(1).claims
    return claim


def _end(bench: Bench, claim: Claim, outcome: Outcome, retry_ms: int | None = None) -> bool:
    attempt = Attempt(
        number=claim.number, outcome=outcome, started_at=bench.now, response_body=f"answer {claim.number}"
    )
    return not bench.claims.settle([Settlement(claim.id, claim.fence, attempt, retry_ms)])


def _numbers(bench: Bench, timer: Timer) -> list[int]:
    return [attempt.number for attempt in bench.timers.attempts(timer.id)]


def test_the_first_attempt_needs_no_list_and_later_ones_stand_after_it(bench: Bench) -> None:
    timer = bench.schedule()
    attempts = f"{bench.prefix(timer.id)}attempts:{timer.id}"
    for number in range(1, 13):
        assert _end(bench, _claim(bench), Outcome.RETRYABLE, retry_ms=1)
        found = bench.timers.get(timer.id).last_attempt
        assert found is not None
        assert (found.number, found.response_body, found.final) == (number, f"answer {number}", False)
        assert _numbers(bench, timer) == list(range(max(1, number - 9), number + 1))
        assert bench.client.exists(attempts) == (number > 1)
        bench.advance(1)
    assert _end(bench, _claim(bench), Outcome.DELIVERED)
    assert _numbers(bench, timer) == list(range(4, 14))
    bench.advance(KEEP)
    bench.claims.claim(1)
    assert (bench.client.exists(attempts), bench.client.hlen(f"{bench.prefix(timer.id)}progress")) == (0, 0)


def test_an_attempt_given_back_and_one_lost_with_its_poller_are_noted_once_each(bench: Bench) -> None:
    timer = bench.schedule()
    bench.claims.release([_claim(bench)])
    assert (_numbers(bench, timer), bench.timers.get(timer.id).attempts) == ([], 0)
    bench.poller("doomed").claim(1)
    bench.alive(LEASE + 1)
    assert _end(bench, _claim(bench), Outcome.DELIVERED)
    assert [(it.number, it.error) for it in bench.timers.attempts(timer.id)] == [(1, "lease-lost"), (2, None)]
    bench.check()


@pytest.mark.parametrize("named", [{}, {"key": "k", "tags": ("t",)}])
@pytest.mark.parametrize("more", [(), ("colour=blue", "cb_of=1.2")])
def test_words_in_another_order_with_unknown_ones_among_them_mean_the_same(
    bench: Bench, more: tuple[str, ...], named: dict[str, Any]
) -> None:
    """Tried: claimed, renewed, released, retried, settled again by a repeat, ended, replayed."""
    timer = bench.schedule(**named)
    claim = _claim(bench)
    _shuffle(bench, timer, *more)
    assert bench.claims.renew([(claim, LEASE)]) == set()
    bench.claims.release([claim])
    _shuffle(bench, timer)
    claim = _claim(bench)
    assert (claim.number, claim.due_at, claim.planned_at, claim.redelivery) == (1, START, START, None)
    _shuffle(bench, timer)
    assert _end(bench, claim, Outcome.RETRYABLE, retry_ms=500)
    _shuffle(bench, timer)
    assert _end(bench, claim, Outcome.RETRYABLE, retry_ms=500)  # a repeat is known, and changes nothing
    assert bench.timers.get(timer.id).next_attempt_at == START + 500
    bench.advance(500)
    claim = _claim(bench)
    _shuffle(bench, timer)
    assert (claim.number, claim.due_at, claim.planned_at, claim.redelivery) == (2, START, START + 500, "retry")
    assert _end(bench, claim, Outcome.DELIVERED)
    _shuffle(bench, timer)
    found = bench.timers.get(timer.id)
    assert (found.status, found.ended_at, found.reason, found.due_at) == (
        Status.DELIVERED,
        START + 500,
        "delivered",
        START,
    )
    bench.timers.replay(found)
    _shuffle(bench, timer)
    claim = _claim(bench)
    assert (claim.number, claim.attempts_since_due, claim.occurrence, claim.redelivery) == (3, 1, 2, "replay")
    assert _end(bench, claim, Outcome.PERMANENT)
    said = _words(bench, timer)
    assert {word.partition("=")[0]: word.partition("=")[2] for word in more}.items() <= said.items()
    assert {"claim", "planned", "why"} & said.keys() == set()
    bench.check()


def test_of_what_is_ended_no_word_speaks_of_an_attempt_to_come(bench: Bench) -> None:
    timer = bench.schedule()
    bench.poller("doomed").claim(1)
    bench.alive(LEASE + 1)
    assert _end(bench, _claim(bench), Outcome.RETRYABLE, retry_ms=5000)
    bench.timers.cancel(timer.id)
    said = _words(bench, timer)
    assert said.keys() == {"attempts", "due", "settled", "ended", "reason"}
    assert (said["ended"], said["reason"], said["attempts"]) == (str(bench.now), "cancelled", "2")


def test_an_answer_that_looks_like_words_is_no_word(bench: Bench) -> None:
    timer = bench.schedule()
    claim = _claim(bench)
    text = " claim=x settled=y attempts=9 ended=1 reason=z\n named=1"
    attempt = Attempt(number=1, outcome=Outcome.RETRYABLE, response_body=text)
    assert bench.claims.settle([Settlement(claim.id, claim.fence, attempt, 1)]) == []
    bench.advance(1)
    assert bench.claims.renew([(claim._replace(fence="x"), LEASE)]) == {timer.id}
    found = bench.timers.get(timer.id)
    assert (found.attempts, found.status, found.ended_at) == (1, Status.SCHEDULED, None)
    assert found.last_attempt is not None
    assert found.last_attempt.response_body == text
    assert _claim(bench).number == 2


def test_a_put_that_stopped_half_way_leaves_one_timer_when_it_is_repeated(bench: Bench) -> None:
    """As after a store that refused a command in the script's middle: the new timer stands, and the old one too."""
    old = bench.schedule(key="k", tags=("t",))
    assert _end(bench, _claim(bench), Outcome.RETRYABLE, retry_ms=5000)
    new = bench.draft(9000, key="k", tags=("t",), body=b"new")
    root, record = bench.prefix(old.id), encode(new.webhook, "k", ("t",))
    bench.client.set(f"{root}timer:{new.id}", f"{START} ".encode() + record)
    bench.client.hset(f"{root}keys", "k", new.id)
    for name in ("tag:t", "scheduled"):
        bench.client.zadd(root + name, {new.id: START + 9000})
    args: list[str | int | bytes] = [old.id, 1, KEEP, new.id, START + 9000, record]
    assert bench.link.run("supersede", bench.partition(old.id), args) == b"done"
    assert bench.timers.get(old.id).status is Status.CANCELLED
    assert bench.timers.get(new.id).status is Status.SCHEDULED
    assert bench.link.run("supersede", bench.partition(old.id), args) == b"done"
    bench.check()
