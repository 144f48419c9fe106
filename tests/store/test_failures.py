"""What failed, in groups; and where attempts fail, or wait for room, now."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from scheduler import Attempt, Claim, FailingDestination, FailureGroup, Outcome, Reason, Settlement
from scheduler.hold import HeldBy, Hold
from scheduler.store import keys
from scheduler.store.record import destination_tag
from scheduler.store.room import BATCH
from scheduler.store.rule_record import hold_args
from tests.bench.servers import Server
from tests.bench.store import KEEP, LEASE, START, Bench, HandSetRedis

A, B = "http://a/hook", "https://b:8443/hook"
DAY = 86_400_000


def claimed(bench: Bench) -> list[Claim]:
    """All that is due."""
    found: list[Claim] = []
    while more := bench.claims.claim(100).claims:
        found += more
    return sorted(found, key=lambda it: it.due_at)


def failed(it: Claim, status: int | None = 500, error: str | None = None, text: str = "") -> Settlement:
    attempt = Attempt(
        it.number, Outcome.RETRYABLE, START, 1, 1, status, text, error, None, "p", detail="it did" if error else None
    )
    return Settlement(it.id, it.fence, attempt, None, reason=Reason.ATTEMPTS_EXHAUSTED)


def retried(it: Claim, status: int | None = 500, error: str | None = None) -> Settlement:
    return failed(it, status, error)._replace(retry_ms=DAY, reason=None)


def delivered(it: Claim) -> Settlement:
    attempt = Attempt(it.number, Outcome.DELIVERED, START, 1, 1, 204, "")
    return Settlement(it.id, it.fence, attempt, None, reason=Reason.DELIVERED)


def ended(bench: Bench, *settlements: Settlement) -> None:
    for _ in range(2):  # a repeat changes nothing
        assert bench.claims.settle(settlements) == []


def groups(bench: Bench) -> list[FailureGroup]:
    return bench.activity.failures().groups


def failing(bench: Bench) -> list[FailingDestination]:
    found = bench.activity.failing()
    assert found == bench.activity.failures().failing
    return found


def test_where_nothing_failed_nothing_is_told(bench: Bench) -> None:
    found = bench.activity.failures()
    assert (found.looked, found.more, found.groups, found.failing) == (0, False, [], [])
    assert found.read_at == bench.now


def test_timers_that_failed_in_the_same_way_at_one_destination_are_a_group(bench: Bench) -> None:
    for number in range(5):
        bench.schedule(number, url=f"{A}/{number}")
    bench.schedule(5, url=B)
    bench.advance(5)
    for number, it in enumerate(claimed(bench)):
        bench.advance(1)
        ended(bench, failed(it, 503) if number < 3 else failed(it, None, "timeout"))
    found = groups(bench)
    said = [(it.newest.webhook.url, it.reason, it.error, it.status_code, len(it.ids)) for it in found]
    assert said[0] == (f"{A}/2", Reason.ATTEMPTS_EXHAUSTED, None, 503, 3)
    assert said[1] == (f"{A}/4", Reason.ATTEMPTS_EXHAUSTED, "timeout", None, 2)
    assert said[2] == (B, Reason.ATTEMPTS_EXHAUSTED, "timeout", None, 1)
    assert (found[0].newest.ended_at, found[0].oldest_ended_at) == (START + 8, START + 6)
    assert found[0].ids[0] == found[0].newest.id
    assert len({timer_id for it in found for timer_id in it.ids}) == 6
    assert (bench.activity.failures().looked, bench.activity.failures().more) == (6, False)


@pytest.mark.parametrize(
    "text", [',"error":"dns"', '","status_code":204,"error":"', "\\", "\0", '"}{"number":1,"error":"tls"']
)
@pytest.mark.parametrize("attempts", [1, 3])
def test_what_a_receiver_answers_is_never_taken_for_our_own_words(bench: Bench, text: str, attempts: int) -> None:
    bench.schedule(url=A)
    for _ in range(attempts - 1):
        (it,) = claimed(bench)
        ended(bench, retried(it, None, "connect")._replace(retry_ms=1))
        bench.advance(1)
    (it,) = claimed(bench)
    ended(bench, failed(it, 500, None, text))
    (group,) = groups(bench)
    assert (group.error, group.status_code) == (None, 500)
    (place,) = failing(bench)
    assert (place.error, place.status_code, place.failures) == (None, 500, attempts)


def test_lost_leases_and_timers_that_were_never_sent_are_groups_and_say_nothing_of_their_destination(
    bench: Bench,
) -> None:
    bench.schedule(url=A)
    for _ in range(3):
        claimed(bench)
        bench.alive(LEASE + 1)
    claimed(bench)
    bench.schedule(url=B)
    (it,) = claimed(bench)
    attempt = Attempt(it.number, Outcome.PERMANENT, START, 0, 0, error="blocked")
    ended(bench, Settlement(it.id, it.fence, attempt, None, reason=Reason.BLOCKED))
    assert {(it.newest.webhook.url, it.reason, it.error, it.status_code) for it in groups(bench)} == {
        (A, Reason.LEASE_LOST, "lease-lost", None),
        (B, Reason.BLOCKED, "blocked", None),
    }
    assert failing(bench) == []


@pytest.mark.one_partition
def test_a_destination_fails_since_its_first_failed_attempt_until_one_is_delivered(bench: Bench) -> None:
    for _ in range(5):
        bench.schedule(url=A)
    one, two, three, four, five = claimed(bench)
    ended(bench, retried(one, 503))
    bench.advance(10)
    ended(bench, retried(two, None, "timeout"), retried(three, None, "connect"))
    (it,) = failing(bench)
    assert (it.sample.webhook.url, it.since, it.last_at, it.failures) == (A, START, START + 10, 3)
    assert (it.error, it.status_code, it.waiting, it.oldest_waiting_at) == ("connect", None, 0, None)
    bench.advance(5)
    ended(bench, delivered(four), retried(five, 500))  # in the order of their ends
    (it,) = failing(bench)
    assert (it.since, it.last_at, it.failures, it.status_code) == (START + 15, START + 15, 1, 500)
    bench.schedule(url=A)
    (more,) = claimed(bench)
    ended(bench, delivered(more))
    assert failing(bench) == []
    root = keys.prefix(bench.home)
    assert (bench.client.exists(f"{root}failing", f"{root}failures")) == 0


def test_one_destination_that_is_delivered_to_clears_no_other(bench: Bench) -> None:
    bench.schedule(url=A)
    (it,) = claimed(bench)
    ended(bench, retried(it))
    for _ in range(8):
        bench.schedule(url=B)
    ended(bench, *map(delivered, claimed(bench)))
    assert [it.sample.webhook.url for it in failing(bench)] == [A]


@pytest.mark.one_partition
def test_what_did_not_fail_for_a_day_is_forgotten_by_the_next_settle(bench: Bench) -> None:
    bench.schedule(url=A)
    bench.schedule(url=B)
    one, two = sorted(claimed(bench), key=lambda it: it.webhook.url)
    ended(bench, retried(one))
    bench.set_clock(START + DAY + 1)
    assert bench.client.zcard(f"{keys.prefix(bench.home)}failing") == 1
    bench.claims.settle([delivered(two)])
    assert bench.client.exists(f"{keys.prefix(bench.home)}failing", f"{keys.prefix(bench.home)}failures") == 0


@pytest.mark.one_partition
def test_a_thousand_failing_destinations_are_remembered_and_the_longest_silent_goes(bench: Bench) -> None:
    root = keys.prefix(bench.home)
    bench.client.zadd(f"{root}failing", {f"tag{number}": START + number for number in range(1000)})
    bench.advance(5000)
    bench.schedule(url=A)
    ended(bench, retried(claimed(bench)[0]))
    assert bench.client.zcard(f"{root}failing") == 1000
    assert bench.client.zscore(f"{root}failing", "tag0") is None
    (it,) = failing(bench)  # the others have no timer to show
    assert it.sample.webhook.url == A


def test_a_failing_destination_whose_timer_is_forgotten_is_shown_by_another_or_not_at_all(bench: Bench) -> None:
    bench.schedule(url=A)
    bench.schedule(1, url=f"{A}/later")
    bench.advance(1)
    first, last = claimed(bench)
    ended(bench, failed(first))
    bench.advance(KEEP // 2)
    ended(bench, failed(last))
    assert [it.sample.id for it in failing(bench)] == [last.id]
    for timer_id in (last.id, first.id):
        bench.client.delete(f"{bench.prefix(timer_id)}timer:{timer_id}")
        found = bench.activity.failures()
        assert [it.sample.id for it in found.failing] == ([first.id] if timer_id == last.id else [])
    assert (found.looked, found.groups) == (2, [])


def test_a_timer_of_which_no_destination_can_be_read_stands_for_none(bench: Bench) -> None:
    bench.schedule(url=A)
    (it,) = claimed(bench)
    ended(bench, retried(it))
    bench.client.set(f"{bench.prefix(it.id)}timer:{it.id}", f"{START} {destination_tag(A)} v=99\n{{\n")
    assert failing(bench) == []


def test_destinations_behind_which_due_timers_wait_are_told_those_with_most_first(bench: Bench) -> None:
    for number in range(3):
        bench.schedule(number, url=A)
    bench.schedule(1, url=B)
    bench.advance(3)
    for _ in range(bench.partitions):
        bench.claims.claim(100, [destination_tag(A), destination_tag(B)])
    one, two = failing(bench)
    assert (one.sample.webhook.url, one.waiting, one.oldest_waiting_at) == (A, 3, START)
    assert (one.since, one.last_at, one.failures, one.error, one.status_code) == (None, None, 0, None, None)
    assert (two.sample.webhook.url, two.waiting, two.oldest_waiting_at) == (B, 1, START + 1)


@pytest.mark.one_partition
def test_suspects_and_what_waits_for_a_later_version_are_no_destinations(bench: Bench) -> None:
    root = keys.prefix(bench.home)
    for tag in ("!suspects", "!v2"):
        timer = bench.schedule(1000, url=A)
        bench.client.zadd(f"{root}waiting", {tag: START})
        bench.client.zadd(f"{root}waiting:{tag}", {timer.id: START})
    assert failing(bench) == []


def test_timers_and_attempts_that_this_version_cannot_read_break_nothing(bench: Bench) -> None:
    for _ in range(3):
        bench.schedule(url=A)
    one, two, three = claimed(bench)
    ended(bench, failed(one), failed(two), failed(three))
    bench.client.set(f"{bench.prefix(one.id)}timer:{one.id}", "no record \xff\n")
    bench.client.set(f"{bench.prefix(two.id)}timer:{two.id}", f"{START} {destination_tag(A)} v=99\n{{\n")
    for it, words in ((two, b"attempts=1 due=1 reason=gone-fishing ended=x\nnot json"), (three, b"\xff\xfe")):
        bench.client.hset(f"{bench.prefix(it.id)}progress", it.id, words)
    found = bench.activity.failures()
    assert found.looked == 3
    assert sum(len(it.ids) for it in found.groups) == 3
    assert {it.reason for it in found.groups} == {None, Reason.ATTEMPTS_EXHAUSTED}
    assert [it.newest.unreadable for it in found.groups if two.id in it.ids] == [True]


def test_each_partition_knows_of_its_own_and_what_was_over_before_is_not_joined(bench: Bench, partitions: int) -> None:
    if partitions == 1:
        pytest.skip("it has one partition")
    tag = destination_tag(A)
    timers = [bench.timers.set(bench.draft(DAY, url=A)._replace(id=keys.id_in(slot)))[0] for slot in range(3)]
    for slot, (since, at, failures) in enumerate([(0, 900, 40), (1000, 1500, 2), (1200, 1400, 3)]):
        root = keys.prefix(slot)
        bench.client.zadd(f"{root}failing", {tag: START + at})
        words = f"since={START + since} failures={failures} id={timers[slot].id} status=50{slot}"
        bench.client.hset(f"{root}failures", tag, words)
    (it,) = failing(bench)
    assert (it.since, it.last_at, it.failures, it.status_code) == (START + 1000, START + 1500, 5, 501)


@pytest.fixture
def large(server: Server) -> Iterator[Bench]:
    bench = Bench(HandSetRedis(unix_socket_path=str(server.socket)))
    yield bench
    bench.client.close()


def test_the_newest_two_thousand_are_looked_at_and_it_is_said_that_there_are_more(large: Bench) -> None:
    count = 2040
    large.timers.set(*(large.draft(0, url=f"http://h{number % 120}/") for number in range(count)))
    oldest: list[str] = []
    claims = large.poller("one", keep_finished=count)
    while taken := claims.claim(BATCH).claims:
        oldest = oldest or [it.id for it in taken]
        claims.settle([failed(it, 500 + number % 3) for number, it in enumerate(taken)])
        large.advance(1)
    found = large.activity.failures()
    assert (found.looked, found.more, len(found.groups)) == (2000, True, 100)
    told = [timer_id for it in found.groups for timer_id in it.ids]
    assert len(told) == len(set(told)) > 100 * 2000 / 360
    assert len(set(told) & set(oldest)) <= BATCH - 40
    assert [len(it.ids) for it in found.groups] == sorted((len(it.ids) for it in found.groups), reverse=True)
    assert len(found.failing) == 100


def test_large_timers_are_told_as_far_as_their_bytes_go(large: Bench) -> None:
    for number in range(60):
        large.schedule(url=f"http://h{number}/", body=bytes(200_000))
    while taken := large.claims.claim(BATCH).claims:
        large.claims.settle([failed(it) for it in taken])
    found = large.activity.failures()
    assert found.looked == 60
    assert 4_000_000 // 200_000 <= len(found.groups) < 30


@pytest.mark.parametrize("by", [HeldBy.BREAKER, HeldBy.PAUSE])
def test_what_waits_because_a_failing_destination_is_held_is_counted_there_and_nothing_of_one_that_does_not_fail(
    bench: Bench, by: HeldBy
) -> None:
    bench.schedule(url=A)
    bench.schedule(url=B)
    ended(bench, *(failed(it) if it.webhook.url == A else delivered(it) for it in claimed(bench)))
    for partition in range(bench.partitions):
        for url in (A, B):
            hold = Hold(by, START + DAY, "10 attempts in a row failed")
            bench.link.run("hold", partition, hold_args(destination_tag(url), hold, 1))
    for delay_ms in (3, 1, 2):
        for url in (A, A, B):
            bench.schedule(delay_ms, url=url)
    bench.advance(5)
    for _ in range(bench.partitions):
        assert claimed(bench) == []
    (place,) = failing(bench)
    assert (place.sample.webhook.url, place.failures) == (A, 1)
    assert (place.waiting, place.held, place.oldest_waiting_at) == (6, 6, START + 1)
