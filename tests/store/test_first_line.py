"""The first line of a record: words in any order, of which the unknown ones outlive whatever this version does.

Tried with words and members of the JSON line that no version has yet: a change, a PUT by key that rewrites its timer or
makes another in its place, a retry, a replay, and a cancel that drops the body.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from scheduler import Attempt, Delivery, Draft, LaterFormat, Outcome, Settlement, Status, Timer
from scheduler.store.record import FORMAT
from tests.bench.store import LEASE, Bench

LATER_WORDS = {"mood=good", "age=1", "like=abc.1.2"}
LATER_MEMBERS = {"colour": "blue", "shade": {"a": [1.50, {}]}}


def _name(bench: Bench, timer: Timer) -> str:
    return f"{bench.prefix(timer.id)}timer:{timer.id}"


def _record(bench: Bench, timer: Timer) -> list[bytes]:
    """Its first line, its second, and its body."""
    found: list[bytes] = bench.client.get(_name(bench, timer)).split(b"\n", 2)
    return found


def _plant(bench: Bench, timer: Timer, words: str, members: dict[str, Any] | None = None) -> None:
    """Write these after the created_at and the destination, and these members into the JSON line."""
    first, line, body = _record(bench, timer)
    created, destination, *_ = first.decode().split()
    if members is not None:
        said = json.loads(line) if line.startswith(b"{") else {"url": line.decode()}
        line = json.dumps({**said, **members}, separators=(",", ":")).encode()
    bench.client.set(_name(bench, timer), b"\n".join([f"{created} {destination} {words}".encode(), line, body]))


def _later(bench: Bench, delay_ms: int = 0, **webhook: Any) -> Timer:
    """A timer with what no version has yet between what this one knows."""
    timer = bench.schedule(delay_ms, key="k", tags=("a", "b"), **webhook)
    _plant(bench, timer, "mood=good tags=a,b age=1 key=k like=abc.1.2", LATER_MEMBERS)
    return timer


def _is_kept(bench: Bench, timer: Timer) -> bool:
    first, line, _ = _record(bench, timer)
    said = json.loads(line)
    return (
        set(first.decode().split()) >= LATER_WORDS and {name: said.get(name) for name in LATER_MEMBERS} == LATER_MEMBERS
    )


def _draft(timer: Timer, **webhook: Any) -> Draft:
    return Draft(id=timer.id, webhook=timer.webhook._replace(**webhook), delay_ms=500, key=timer.key, tags=timer.tags)


def _attempt(bench: Bench, outcome: Outcome, retry_ms: int | None = None) -> None:
    (claim,) = bench.claims.claim(1).claims
    attempt = Attempt(number=claim.number, outcome=outcome)
    bench.claims.settle([Settlement(timer_id=claim.id, fence=claim.fence, attempt=attempt, retry_ms=retry_ms)])


@pytest.mark.parametrize(
    "words", ["once=1 key=k tags=a,b", "tags=a,b once=1 key=k", "x=1 key=k nonce=0 tags=a,b once=1"]
)
def test_words_are_known_in_any_order(bench: Bench, words: str) -> None:
    timer = bench.schedule(key="k", tags=("a", "b"), delivery=Delivery.AT_MOST_ONCE)
    _plant(bench, timer, words)
    found = bench.timers.get(timer.id)
    assert (found.key, found.tags, found.webhook.delivery) == ("k", ("a", "b"), Delivery.AT_MOST_ONCE)
    bench.check()
    (claim,) = bench.claims.claim(1).claims
    assert (claim.key, claim.webhook.delivery, claim.destination) == (
        "k",
        Delivery.AT_MOST_ONCE,
        _destination(bench, timer),
    )
    bench.alive(LEASE + 1)
    bench.claims.claim(1)
    assert bench.timers.get(timer.id).reason == "outcome-unknown"
    bench.check()


def _destination(bench: Bench, timer: Timer) -> str:
    return _record(bench, timer)[0].decode().split()[1]


def test_a_line_that_only_resembles_once_may_be_sent_again(bench: Bench) -> None:
    timer = bench.schedule()
    _plant(bench, timer, "once=10 nonce=1 at=once=1x")
    assert bench.timers.get(timer.id).webhook.delivery is Delivery.AT_LEAST_ONCE
    bench.claims.claim(1)
    bench.alive(LEASE + 1)
    (claim,) = bench.claims.claim(1).claims
    assert (claim.id, claim.number) == (timer.id, 2)


def test_a_change_keeps_what_it_does_not_know(bench: Bench) -> None:
    timer = _later(bench, 1000)
    assert _is_kept(bench, timer)
    bench.changes.change(timer.id, lambda it: _draft(it, url="http://other/", headers={"x": "y"}, body=b"new"))
    found = bench.timers.get(timer.id)
    assert (found.webhook.url, found.webhook.body, found.key, found.tags) == ("http://other/", b"new", "k", ("a", "b"))
    assert _is_kept(bench, timer)
    bench.check()


def test_a_change_rewrites_numbers_it_does_not_know_as_they_were_written(bench: Bench) -> None:
    timer = bench.schedule(1000)
    first, _, body = _record(bench, timer)
    bench.client.set(_name(bench, timer), first + b'\n{"url":"http://a/","metadata":{"b":1.10},"exact":1.50}\n' + body)
    bench.changes.change(timer.id, lambda it: _draft(it, timeout=3))
    assert b'"exact":1.50' in _record(bench, timer)[1]


def test_a_put_by_key_keeps_what_it_does_not_know(bench: Bench) -> None:
    timer = _later(bench, 1000)
    bench.changes.put("k", _draft(timer, body=b"new"))
    assert _is_kept(bench, timer)


def test_a_timer_put_in_the_place_of_one_that_was_sent_takes_over_what_is_not_known(bench: Bench) -> None:
    timer = _later(bench)
    _attempt(bench, Outcome.RETRYABLE, retry_ms=5000)
    draft = _draft(bench.timers.get(timer.id), body=b"new")._replace(id=bench.timers.new_id("k"))
    found, is_new = bench.changes.put("k", draft)
    assert (found.id, is_new) == (draft.id, True)
    assert _is_kept(bench, found)
    bench.check()


def test_a_delivered_timer_that_is_replayed_has_all_its_words(bench: Bench) -> None:
    timer = _later(bench)
    _attempt(bench, Outcome.DELIVERED)
    bench.timers.replay(bench.timers.get(timer.id))
    assert _is_kept(bench, timer)
    _attempt(bench, Outcome.DELIVERED)
    bench.check()


@pytest.mark.parametrize("header", ["short", "x" * 3000])
def test_a_cancel_that_drops_the_body_drops_no_word(bench: Bench, header: str) -> None:
    timer = _later(bench, 1000, body=b"x" * 4000, headers={"x": header})
    bench.timers.cancel(timer.id)
    first, line, body = _record(bench, timer)
    assert {*LATER_WORDS, "cut=1", "key=k", "tags=a,b"} <= set(first.decode().split())
    assert (body, len(line) < 2500) == (b"", True)
    _plant(bench, timer, "cut=1 mood=good key=k tags=a,b")
    found = bench.timers.get(timer.id)
    assert (found.status, found.key, found.webhook.body) == (Status.CANCELLED, "k", None)
    bench.check()


def test_what_needs_a_later_format_is_told_by_its_first_line_and_not_rewritten(bench: Bench) -> None:
    timer = bench.schedule(1000, key="k", tags=("a",))
    _plant(bench, timer, f"key=k v={FORMAT + 1} tags=a")
    before = _record(bench, timer)
    found = bench.timers.get(timer.id)
    assert (found.key, found.tags, found.created_at, found.due_at) == ("k", ("a",), timer.created_at, timer.due_at)
    with pytest.raises(LaterFormat):
        bench.changes.change(timer.id, lambda it: _draft(it, body=b"new"))
    assert _record(bench, timer) == before


def test_a_timer_that_says_nothing_more_has_two_words_and_its_bare_url(bench: Bench) -> None:
    timer = bench.schedule(body=b"{}")
    first, line, body = _record(bench, timer)
    assert (first.decode().split()[:1], len(first.split())) == ([str(timer.created_at)], 2)
    assert (line, body) == (b"http://receiver/hook", b"{}")
