"""The store against a model in plain Python, under any sequence of calls that hypothesis thinks of."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
import redis
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule, run_state_machine_as_test

from scheduler import (
    Attempt,
    Claim,
    Delivery,
    Draft,
    KeyTaken,
    Outcome,
    Query,
    Reason,
    Reschedule,
    Settlement,
    Status,
    Timer,
    UnknownTimer,
    WrongState,
)
from scheduler.store import keys
from scheduler.store.progress import read_progress
from scheduler.store.record import destination_tag
from scheduler.store.room import SUSPECTS, Load, Room
from tests.bench.store import KEEP, LEASE, START, Bench, HandSetFake, claim_rows

MAX_LOST = 3
SHARE = 2
REASONS: dict[tuple[Outcome | None, str | None], Reason] = {
    (Outcome.DELIVERED, None): Reason.DELIVERED,
    (Outcome.RETRYABLE, None): Reason.ATTEMPTS_EXHAUSTED,
    (Outcome.PERMANENT, None): Reason.PERMANENT,
    (Outcome.PERMANENT, "blocked"): Reason.BLOCKED,
    (Outcome.PERMANENT, "outcome-unknown"): Reason.OUTCOME_UNKNOWN,
}
TAGS = {destination_tag(url): url for url in ("http://a/", "http://b/", "http://c/")}


@dataclass
class Model:
    """One timer, as it must be."""

    id: str
    due: int
    once: bool
    tag: str
    status: Status = Status.SCHEDULED
    #: What it waits behind, if it waits: its destination, or the suspects.
    behind: str | None = None
    #: When it next needs a poller; when its lease ends; when it is forgotten: as the status says.
    score: int = 0
    planned: int = 0
    attempts: int = 0
    base: int = 0
    lost: int = 0
    why: str | None = None
    fence: str | None = None
    settled: str | None = None
    occurrence: int = 1
    #: Attempts before this occurrence.
    before: int = 0
    #: Occurrences that a receiver asked for.
    asked: int = 0
    ended_at: int | None = None
    reason: Reason | None = None
    key: str | None = None
    tags: tuple[str, ...] = ()


@dataclass
class Schedule:
    """The whole store, as it must be."""

    now: int = START
    last_seen: int | None = None
    spared: int = 0
    timers: dict[str, Model] = field(default_factory=dict)
    #: Timers that have ended, by why; forgotten ones too.
    ended: Counter[Reason] = field(default_factory=Counter)

    def of(self, status: Status, behind: str | None = None) -> list[Model]:
        found = [it for it in self.timers.values() if it.status is status and it.behind == behind]
        return sorted(found, key=lambda it: (it.score, it.id))

    def waiting(self) -> list[str]:
        """What is waited behind, the longest wait first."""
        tags = {it.behind for it in self.timers.values() if it.behind}
        return sorted(tags, key=lambda tag: (self.of(Status.SCHEDULED, tag)[0].score, tag))

    def seen(self) -> bool:
        if self.last_seen is not None and self.now - self.last_seen > LEASE / 2:
            self.spared = self.now + LEASE
        self.last_seen = self.now
        return self.now >= self.spared

    def claim(self, fence: str, limit: int, saturated: set[str]) -> list[Model]:
        taken: list[Model] = []
        rooms = {SUSPECTS: 1} | dict.fromkeys(saturated, 0)

        def take(it: Model, tag: str) -> None:
            rooms[tag] = rooms.get(tag, SHARE) - 1
            it.status, it.behind, it.score, it.fence = Status.DELIVERING, None, self.now + LEASE, fence
            it.attempts += 1
            taken.append(it)

        if self.seen():
            for it in [it for it in self.of(Status.DELIVERING) if it.score <= self.now][:limit]:
                it.lost, it.why, it.fence = it.lost + 1, "lease-expired", None
                tag = SUSPECTS if it.lost == MAX_LOST - 1 else it.tag
                if it.once or it.lost >= MAX_LOST:
                    self.finish(it, Reason.OUTCOME_UNKNOWN if it.once else Reason.LEASE_LOST)
                elif rooms.get(tag, SHARE) > 0:
                    take(it, tag)
                else:
                    it.status, it.behind, it.score = Status.SCHEDULED, tag, it.planned
        for tag in self.waiting():
            for it in self.of(Status.SCHEDULED, tag):
                if rooms.get(tag, SHARE) > 0 and len(taken) < limit:
                    it.planned = it.score
                    take(it, tag)
        for it in [it for it in self.of(Status.SCHEDULED) if it.score <= self.now]:
            if len(taken) == limit:
                break
            tag = SUSPECTS if it.lost == MAX_LOST - 1 else it.tag
            if rooms.get(tag, SHARE) > 0:
                it.planned = it.score
                take(it, tag)
            else:
                it.behind = tag
        for it in list(self.timers.values()):
            finished = it.status in (Status.DELIVERED, Status.FAILED, Status.CANCELLED)
            if finished and it.score <= self.now:
                del self.timers[it.id]
        return taken

    def holder(self, key: str | None) -> str | None:
        """The unfinished timer that has a key."""
        unfinished = (Status.SCHEDULED, Status.DELIVERING)
        return next((it.id for it in self.timers.values() if key and it.key == key and it.status in unfinished), None)

    def finish(self, it: Model, reason: Reason) -> None:
        it.status, it.score, it.fence = reason.status, self.now + KEEP, None
        it.ended_at, it.reason = self.now, reason
        self.ended[reason] += 1

    def begin_occurrence(self, it: Model) -> None:
        it.occurrence, it.before = it.occurrence + 1, it.attempts


class Machine(RuleBasedStateMachine):
    make_client: Callable[[], redis.Redis]

    drafts = Bundle("drafts")
    claims = Bundle("claims")
    settlements = Bundle("settlements")

    def __init__(self) -> None:
        super().__init__()
        self.client = self.make_client()
        self.bench = Bench(self.client)
        self.model = Schedule()
        #: The last claim of each poller that brought anything, and what.
        self.last: dict[str, tuple[list[Any], list[tuple[str, int]]]] = {}

    @rule(
        target=drafts,
        delay=st.integers(0, 3 * LEASE),
        once=st.booleans(),
        tag=st.sampled_from(list(TAGS)),
        key=st.sampled_from([None, None, "one", "two"]),
        tags=st.sampled_from([(), (), ("red",), ("red", "blue")]),
    )
    def schedule(self, delay: int, once: bool, tag: str, key: str | None, tags: tuple[str, ...]) -> Any:
        delivery = Delivery.AT_MOST_ONCE if once else Delivery.AT_LEAST_ONCE
        draft = self.bench.draft(delay, delivery=delivery, url=TAGS[tag], key=key, tags=tags)
        if holder := self.model.holder(key):
            with pytest.raises(KeyTaken) as caught:
                self.bench.timers.set(draft)
            assert caught.value.timer_id == holder
            return multiple()
        (timer,) = self.bench.timers.set(draft)
        due = timer.due_at
        self.model.timers[timer.id] = Model(timer.id, due, once, tag, score=due, planned=due, key=key, tags=tags)
        assert timer.due_at == self.model.now + delay
        return draft

    @rule(draft=drafts)
    def schedule_again(self, draft: Draft) -> None:
        it = self.model.timers.get(draft.id)
        if it is not None:
            assert self.bench.timers.set(draft)[0].due_at == it.due

    @rule(
        target=claims,
        limit=st.integers(1, 5),
        saturated=st.sets(st.sampled_from([*TAGS, SUSPECTS])),
        poller=st.sampled_from("ab"),
    )
    def claim(self, limit: int, saturated: set[str], poller: str) -> Any:
        batch = self.bench.poller(poller, share=SHARE).claim(limit, saturated)
        expected = self.model.claim(batch.claims[0].fence if batch.claims else "", limit, saturated)
        assert [it.id for it in batch.claims] == [it.id for it in expected]
        for got, it in zip(batch.claims, expected, strict=True):
            assert (got.number, got.planned_at, got.due_at) == (it.attempts, it.planned, it.due)
            assert got.attempts_since_due == it.attempts - it.base
            assert (got.redelivery, got.suspect) == (it.why, it.lost >= MAX_LOST - 1)
            assert (got.occurrence, got.reschedules, got.key) == (it.occurrence, it.asked, it.key)
        if not expected:
            return multiple()
        args = [poller, batch.claims[0].fence, limit, SHARE, LEASE, KEEP, 1000, *Room().words(saturated), *Load(), ""]
        self.last[poller] = (args, [(it.id, it.attempts) for it in expected])
        return multiple(*batch.claims)

    @rule(poller=st.sampled_from("ab"))
    def claim_again(self, poller: str) -> None:
        """A lost reply, asked for again at once or much later: what is still held by that claim, and nothing new."""
        if poller not in self.last:
            return
        args, batch = self.last[poller]
        reply = self.bench.link.run("claim", 0, args)
        held = [(i, n) for i, n in batch if i in self.model.timers and self.model.timers[i].fence == args[1]]
        told = [(row.id.decode(), read_progress(row.progress).attempts or 1) for row in claim_rows(reply)]
        assert told == held

    @rule(it=claims, ms=st.integers(1, 2 * LEASE))
    def renew(self, it: Claim, ms: int) -> None:
        self.model.seen()
        model = self.model.timers.get(it.id)
        ours = model is not None and model.fence == it.fence
        assert self.bench.claims.renew([(it, ms)]) == (set() if ours else {it.id})
        if model is not None and ours:
            model.score = max(model.score, self.model.now + ms)

    @rule(it=claims)
    def release(self, it: Claim) -> None:
        self.bench.claims.release([it])
        model = self.model.timers.get(it.id)
        if model is not None and model.fence == it.fence:
            model.status, model.fence, model.score = Status.SCHEDULED, None, model.planned
            model.behind = SUSPECTS if model.lost >= MAX_LOST - 1 else None
            model.attempts -= 1

    @rule(
        target=settlements,
        it=claims,
        outcome=st.sampled_from(Outcome),
        error=st.sampled_from([None, "blocked", "outcome-unknown"]),
        wait=st.integers(0, LEASE),
        reschedule=st.none() | st.builds(Reschedule, delay_ms=st.integers(0, LEASE)),
    )
    def settle(
        self, it: Claim, outcome: Outcome, error: str | None, wait: int, reschedule: Reschedule | None
    ) -> Settlement:
        """`wait` of less than half a lease: there is no next attempt."""
        retry_ms = wait if outcome is Outcome.RETRYABLE and wait > LEASE // 2 else None
        reschedule = reschedule if outcome is Outcome.DELIVERED else None
        attempt = Attempt(number=it.number, outcome=outcome, error=error if outcome is Outcome.PERMANENT else None)
        settlement = Settlement(
            timer_id=it.id, fence=it.fence, attempt=attempt, retry_ms=retry_ms, reschedule=reschedule
        )
        self.settle_again(settlement)
        return settlement

    @rule(settlement=settlements)
    def settle_again(self, settlement: Settlement) -> None:
        """First or repeated, in time or late: what counts is whose the claim is."""
        fence, model = settlement.fence, self.model.timers.get(settlement.timer_id)
        refused = self.bench.claims.settle([settlement])
        if model is None or (model.fence != fence and model.settled != fence):
            assert refused == [settlement]
            return
        assert refused == []
        if model.fence != fence:
            return
        model.settled, model.lost = fence, 0
        if settlement.retry_ms is not None:
            model.status, model.fence, model.score = Status.SCHEDULED, None, self.model.now + settlement.retry_ms
            model.why = "retry"
        elif settlement.reschedule is not None:
            due = self.model.now + max(1000, settlement.reschedule.delay_ms or 0)
            model.status, model.fence, model.score = Status.SCHEDULED, None, due
            model.due, model.planned, model.why, model.base = due, due, "rescheduled", model.attempts
            model.asked += 1
            self.model.begin_occurrence(model)
        else:
            self.model.finish(model, REASONS[settlement.attempt.outcome, settlement.attempt.error])

    @rule(draft=drafts)
    def cancel(self, draft: Draft) -> None:
        model = self.model.timers.get(draft.id)
        if model is None:
            with pytest.raises(UnknownTimer):
                self.bench.timers.cancel(draft.id)
        elif model.status in (Status.SCHEDULED, Status.CANCELLED):
            self.bench.timers.cancel(draft.id)
            if model.status is Status.SCHEDULED:
                model.behind = None
                self.model.finish(model, Reason.CANCELLED)
        else:
            with pytest.raises(WrongState):
                self.bench.timers.cancel(draft.id)

    @rule(draft=drafts, delay=st.integers(0, LEASE), tags=st.sampled_from([(), ("red",), ("green",)]))
    def reschedule(self, draft: Draft, delay: int, tags: tuple[str, ...]) -> None:
        model = self.model.timers.get(draft.id)
        moved = Draft(id=draft.id, webhook=draft.webhook, delay_ms=delay, key=draft.key, tags=tags)
        if model is None or model.status is not Status.SCHEDULED:
            with pytest.raises(WrongState if model else UnknownTimer):
                self.bench.changes.change(draft.id, lambda _: moved)
            return
        assert self.bench.changes.change(draft.id, lambda _: moved).tags == tags
        model.due = model.planned = model.score = self.model.now + delay
        model.behind, model.tags = None, tags
        if model.attempts:
            model.why, model.base = "rescheduled", model.attempts

    @rule(draft=drafts, seen=st.integers(0, 2))
    def fire(self, draft: Draft, seen: int) -> None:
        """`seen`: attempts when the caller read it; a late call for one attempted since then changes nothing."""
        model = self.model.timers.get(draft.id)
        timer = draft.stored(0, 0)._replace(attempts=seen)
        if model is None or (model.attempts <= seen and model.status is not Status.SCHEDULED):
            with pytest.raises(WrongState if model else UnknownTimer):
                self.bench.timers.fire(timer)
            return
        self.bench.timers.fire(timer)
        if model.attempts <= seen and model.score > self.model.now:
            model.due = model.planned = model.score = self.model.now

    @rule(draft=drafts)
    def replay(self, draft: Draft) -> None:
        """Twice: a lost reply, asked for again."""
        model = self.model.timers.get(draft.id)
        if model is None:
            return
        timer = self.bench.timers.get(draft.id)
        if model.status not in (Status.DELIVERED, Status.FAILED):
            with pytest.raises(WrongState):
                self.bench.timers.replay(timer)
        elif self.model.holder(model.key):
            with pytest.raises(KeyTaken):
                self.bench.timers.replay(timer)
        else:
            self.bench.timers.replay(timer)
            self.bench.timers.replay(timer)
            if model.status is Status.DELIVERED:
                self.model.begin_occurrence(model)
            model.ended_at = model.reason = None
            model.status, model.lost, model.why, model.base = Status.SCHEDULED, 0, "replay", model.attempts
            model.due = model.planned = model.score = self.model.now

    @rule(ms=st.one_of(st.integers(0, LEASE // 2), st.integers(0, 2 * KEEP)))
    def time_passes(self, ms: int) -> None:
        self.bench.advance(ms)
        self.model.now += ms

    @invariant()
    def the_store_is_as_the_model_says(self) -> None:
        self.bench.check()
        for status in Status:
            found = {member.decode(): int(score) for member, score in self._members(status)}
            assert found == {it.id: it.score for it in self.model.timers.values() if it.status is status}
        for it in self.model.timers.values():
            timer: Timer = self.bench.timers.get(it.id)
            assert (timer.status, timer.due_at, timer.attempts) == (it.status, it.due, it.attempts)
            assert (timer.key, timer.tags) == (it.key, it.tags)
            assert (timer.occurrence, timer.occurrence_attempts) == (it.occurrence, it.attempts - it.before)
            assert (timer.ended_at, timer.reason) == (it.ended_at, it.reason)
        assert self.bench.timers.stats().ended == {reason: self.model.ended[reason] for reason in Reason}
        for status in (Status.SCHEDULED, Status.FAILED):
            listed = self.bench.listing.page(Query(status=status)).timers
            order = [it for it in self.model.timers.values() if it.status is status]
            assert [it.id for it in listed] == [it.id for it in sorted(order, key=lambda it: (it.score, it.id))]

    def _members(self, status: Status) -> list[tuple[bytes, float]]:
        behind = [f"waiting:{tag}" for tag in (*TAGS, SUSPECTS)] if status is Status.SCHEDULED else []
        return [pair for name in [status, *behind] for pair in self.bench.members(name)]

    def teardown(self) -> None:
        self.client.flushall()


@pytest.mark.slow
def test_each_id_is_in_exactly_one_set_and_no_transition_is_lost(
    client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What is due at the same moment is claimed in the order of ids: calls that are made again must meet the same.
    ids = random.Random()
    monkeypatch.setattr(keys, "_random", ids.randbytes)

    class Here(Machine):
        make_client = staticmethod(lambda: client)

        def __init__(self) -> None:
            ids.seed(0)
            super().__init__()

    run_state_machine_as_test(
        Here,
        settings=settings(
            max_examples=15 if isinstance(client, HandSetFake) else 60,  # what counts is what the servers do
            stateful_step_count=50,
            suppress_health_check=list(HealthCheck),
        ),
    )
