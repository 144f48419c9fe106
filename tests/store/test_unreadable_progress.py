"""Progress and attempts with what no version of ours writes: one such timer stops no script, and so no other timer."""

from __future__ import annotations

import pytest

from scheduler import Attempt, Outcome, Query, Redelivery, Settlement, Standing, Status, Timer
from scheduler.rfc3339 import LATEST
from tests.bench.store import LEASE, START, Bench

_NINES = "9" * 5000
WORDS = [
    "",
    "garbage = x== y",
    "attempts=abc due=xyz claim=c",
    "attempts=nan due=nan lost=inf planned=1e400 claim=c",
    "attempts=-3 due=-5 lost=0x2 since=1.5 planned=abc claim=c",
    f"attempts={_NINES} due={_NINES} planned={_NINES} claim=c",
    f"attempts=1 due={LATEST + 1} lost=2 claim=c",
    "attempts=1 due=\u0663 claim=c",
    "attempts=2 lost=2 claim=c ended=abc reason=later",
    "attempts=1 why=lease-expired claim=c\nno JSON\n claim=d named=1 ended=4",
]
ATTEMPTS = [
    "",
    "[]",
    "{}",
    "[" * 100_000,
    '{"number":"x","outcome":null}',
    '{"number":1,"outcome":"later"}',
    '{"number":1,"outcome":null,"started_at":1e400}',
    f'{{"number":1,"outcome":null,"next_attempt_at":{LATEST + 1}}}',
    '{"number":1,"outcome":null,"response_body":[5]}',
]


def _plant(bench: Bench, timer: Timer, progress: str) -> None:
    bench.client.hset(f"{bench.prefix(timer.id)}progress", timer.id, progress)


def _read(bench: Bench, timer: Timer) -> Timer:
    """By every way there is to read it."""
    for query in (Query(any_status=True), Query(tag="t"), Query(status=Status.FAILED, due_after=5)):
        bench.listing.page(query)
        bench.listing.count(query)
    bench.timers.attempts(timer.id)
    bench.timers.stats()
    return bench.timers.get(timer.id)


@pytest.mark.one_partition
@pytest.mark.parametrize("words", WORDS, ids=range(len(WORDS)))
@pytest.mark.parametrize("status", [Status.SCHEDULED, Status.DELIVERING, Status.FAILED])
def test_it_is_told_and_the_timers_beside_it_are_sent(bench: Bench, words: str, status: Status) -> None:
    timer = bench.schedule(tags=("t",))
    if status is not Status.SCHEDULED:
        (claim,) = bench.claims.claim(1).claims
        if status is Status.FAILED:
            bench.claims.settle([Settlement(claim.id, claim.fence, Attempt(1, Outcome.PERMANENT), None)])
    _plant(bench, timer, words)
    found = _read(bench, timer)
    assert (found.status, 0 <= found.due_at <= LATEST, found.attempts in (0, 1, 2)) == (status, True, True)
    if status is Status.SCHEDULED:
        assert bench.timers.set(bench.draft(0)._replace(id=timer.id))[0].created_at == timer.created_at
    bench.alive(LEASE + 1)
    other = bench.schedule(url="http://other/")
    claims = {claim.id: claim for _ in range(2) for claim in bench.claims.claim(10).claims}
    assert other.id in claims
    bench.claims.release(list(claims.values()))
    bench.timers.replay_each([Standing(timer.id, Status.FAILED, 0, timer.due_at)])
    bench.timers.cancel_each([timer.id])
    _read(bench, timer)


@pytest.mark.one_partition
@pytest.mark.parametrize("due", ["", "abc", "-5", "5 lost=1", "1e3"])
@pytest.mark.parametrize("named", ["", " named=1"])
def test_a_moment_that_is_none_is_not_kept_by_whoever_ends_the_timer(bench: Bench, due: str, named: str) -> None:
    """Red where what stands between the other words of a first claim is taken for its moment as it is."""
    timer = bench.schedule(tags=("t",) if named else ())
    (claim,) = bench.claims.claim(1).claims
    _plant(bench, timer, f"attempts=1 due={due} claim={claim.fence}{named}")
    bench.claims.settle([Settlement(claim.id, claim.fence, Attempt(1, Outcome.DELIVERED), None)])
    words = bench.client.hget(f"{bench.prefix(timer.id)}progress", timer.id).split(b"\n")[0].split()
    assert bench.timers.get(timer.id).status is Status.DELIVERED
    assert dict(it.split(b"=") for it in words)[b"due"].isdigit()


@pytest.mark.parametrize("attempt", ATTEMPTS, ids=range(len(ATTEMPTS)))
def test_an_attempt_that_cannot_be_read_says_so(bench: Bench, attempt: str) -> None:
    timer = bench.schedule()
    _plant(bench, timer, f"attempts=1 due={START}\n{attempt}")
    (told,) = bench.timers.attempts(timer.id)
    assert (told.number, told.error) == (0, "unreadable")


def test_why_a_timer_is_sent_again_may_be_a_reason_of_a_later_version(bench: Bench) -> None:
    timer = bench.schedule()
    _plant(bench, timer, f"attempts=1 due={START} settled=c why=later")
    (claim,) = bench.claims.claim(1).claims
    assert (claim.number, claim.redelivery) == (2, Redelivery.RETRY)


@pytest.mark.parametrize("seconds", ["NaN", "1e308", "-1", "0"])
def test_a_timeout_that_no_attempt_could_keep_is_unreadable(bench: Bench, seconds: str) -> None:
    timer = bench.schedule()
    bench.client.set(f"{bench.prefix(timer.id)}timer:{timer.id}", f'5 tag\n{{"url":"http://a/","timeout":{seconds}}}\n')
    assert bench.timers.get(timer.id).unreadable
    assert bench.claims.claim(1).claims == []


def test_a_first_line_that_is_too_long_for_scripts_is_not_cut(bench: Bench) -> None:
    timer = bench.schedule(1000, body=b"x" * 4000)
    name = f"{bench.prefix(timer.id)}timer:{timer.id}"
    first, rest = bench.client.get(name).split(b"\n", 1)
    record = first + b" later=" + b"x" * 3000 + b"\n" + rest
    bench.client.set(name, record)
    bench.timers.cancel(timer.id)
    assert bench.client.get(name) == record
    assert bench.timers.get(timer.id).status is Status.CANCELLED


def test_leases_are_taken_back_after_the_clock_was_years_ahead(bench: Bench) -> None:
    bench.claims.claim(0)
    bench.advance(10**11)
    bench.claims.claim(0)
    bench.set_clock(START)
    bench.schedule()
    (claim,) = bench.claims.claim(1).claims
    bench.alive(3 * LEASE)
    assert [it.id for it in bench.poller("two").claim(1).claims] == [claim.id]
