"""Pure: a history -> everything in it that must not be, each named by the rule it breaks."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from tests.faults import held, runs, withheld
from tests.faults.history import Create, Fault, History, Hit, Snapshot, Verdict

#: Seconds around an attempt in which a fault may still have touched it: from its claim to its arrival at a busy
#: receiver, and from the answer until a busy poller has settled it.
_BEFORE, _AFTER = 1.0, 2.0

#: What is kept when no timer is left: a few keys a partition, some a poller, one an idempotency key, for its 24 h, and
#: what was said and seen of destinations.
_BASELINE = re.compile(
    r"timers:\{\w+\}:(seen|layout|counters|lateness|minute:\d+|pollers|loads|failing|failures|lastclaim:\S+|idem:\S+"
    r"|held|holds|changed|unheld|untold|signing|signing_changes|observed|busiest|reported:\S*)"
    r"|timers:destination:\{[\w-]+\}(:permits|:asked:\S+)?"
)


class Rule(StrEnum):
    LOST = "acknowledged and not cancelled, but not delivered"
    ONCE = "sent again, and no fault explains it"
    MARKED = "a repeat that does not say so, or a first send that does without reason"
    EARLY = "sent before its time, or says so"
    SILENT = "sent although it was cancelled"
    LATE = "later than the bound"
    EXPIRED = "sent after the moment at which it expired, or expired though nothing kept it from being sent"
    LEFT = "a key left behind"
    ONE_PLACE = "not in exactly one set"
    REFUSED = "refused, but done"
    SIGNED = "not signed by any of our pollers"
    CALLED = "an end that asked for a callback has none, or several; or one did not ask"
    RATE = "more at a destination than its rate or its concurrency allows, or nothing for long though this has a place"
    HELD = "sent to a destination that is paused, or counted as an attempt while it waits"
    PROBE = (
        "a broken destination that gets two requests at once or is not tried again, one that is not spared when it is"
        " back, or one that answers and is taken for broken"
    )
    RUNS = "a moment of a schedule that has not exactly one run, and is not counted as skipped with a reason that holds"
    ALIVE = "a poller that ended by itself"
    PLACED = "a slot of the cluster that stays open, or a key where its slot is not"


@dataclass(frozen=True, slots=True)
class Violation:
    rule: Rule
    what: str

    def __str__(self) -> str:
        return f"{self.rule.name}: {self.rule} - {self.what}"


def check(history: History) -> list[Violation]:
    return [violation for found in _RULES for violation in found(history)]


def excused(hit: Hit, faults: tuple[Fault, ...], kinds: tuple[str, ...] = ()) -> bool:
    """Whether this very attempt overlapped a fault after which guarantee 3 allows another."""
    return any(
        fault.may_repeat(hit)
        and fault.start <= hit.until + _AFTER
        and fault.end >= hit.at - _BEFORE
        and (not kinds or fault.kind in kinds)
        for fault in faults
    )


def repeats(history: History) -> Iterator[tuple[Hit, Hit]]:
    """Each send that is not the first of its timer, after the attempt before it."""
    for hits in _by_timer(history).values():
        yield from pairwise(sorted(hits, key=lambda hit: (hit.attempt, hit.at)))


def one_place(snapshot: Snapshot) -> Iterator[Violation]:
    stands = defaultdict(list)
    for place, ids in snapshot.places.items():
        for timer_id in ids:
            stands[timer_id].append(place)
    for timer_id in snapshot.records | stands.keys():
        places = stands.get(timer_id, [])
        if len(places) != 1:
            yield Violation(Rule.ONE_PLACE, f"{timer_id} stands in {places or 'no set'}")
        elif timer_id not in snapshot.records:
            yield Violation(Rule.ONE_PLACE, f"{timer_id} stands in {places} without a record")
        elif (places == ["delivering"]) != (timer_id in snapshot.claimed):
            yield Violation(Rule.ONE_PLACE, f"{timer_id} stands in {places}, and its claim says otherwise")


def _by_timer(history: History) -> dict[str, list[Hit]]:
    found: dict[str, list[Hit]] = defaultdict(list)
    for hit in history.hits:
        found[hit.timer_id].append(hit)
    return found


def _acknowledged(history: History) -> Iterator[tuple[str, Create]]:
    for create in history.creates:
        if create.verdict is Verdict.OK:
            assert create.timer_id is not None
            yield create.timer_id, create


def _lost(history: History) -> Iterator[Violation]:
    hits = _by_timer(history)
    withdrawn = {cancel.timer_id for cancel in history.cancels if cancel.verdict is not Verdict.FAIL}
    for timer_id, create in _acknowledged(history):
        end = history.ends.get(timer_id)
        if end == "failed" and history.reasons.get(timer_id):
            # Guarantee 2. It can have lost all of its leases only to faults.
            if history.reasons[timer_id] == "lease-lost" and not all(
                excused(hit, history.faults) for hit in hits[timer_id]
            ):
                yield Violation(Rule.LOST, f"{timer_id} lost its leases, and no fault explains it")
            continue
        if end == "cancelled" and timer_id in withdrawn:
            continue
        if end != "delivered":
            yield Violation(Rule.LOST, f"{timer_id} (create {create.number}) is {end or 'unknown'} in the end")
        elif not any(hit.accepted for hit in hits[timer_id]):
            yield Violation(Rule.LOST, f"{timer_id} (create {create.number}) is delivered, and no receiver knows of it")


def _once(history: History) -> Iterator[Violation]:
    for before, again in repeats(history):
        if before.attempt == again.attempt:
            yield Violation(Rule.ONCE, f"attempt {again.attempt} of {again.timer_id} was sent twice: {before}, {again}")
        elif before.accepted and not excused(before, history.faults):
            yield Violation(Rule.ONCE, f"{again.timer_id}: {before}, and then {again}")
    ids = defaultdict(set)
    for hit in history.hits:
        ids[hit.number].add(hit.timer_id)
    for create in history.creates:
        found = ids[create.number] | ({create.timer_id} if create.timer_id else set())
        if len(found) > 1:
            yield Violation(Rule.ONCE, f"create {create.number} made {len(found)} timers: {sorted(found)}")


def _marked(history: History) -> Iterator[Violation]:
    due = {timer_id: create.due for timer_id, create in _acknowledged(history)}
    for _, again in repeats(history):
        if again.redelivery is None:
            yield Violation(Rule.MARKED, f"no timer-redelivery on {again}")
    for timer_id, hits in _by_timer(history).items():
        first = min(hits, key=lambda hit: hit.attempt)
        claimed_and_lost = first.attempt > 1 and first.redelivery == "lease-expired"
        if claimed_and_lost:
            # Its claim was lost before anything was sent: of whom, nobody has recorded.
            since = due.get(timer_id, first.at - history.bounds.after_fault) - _BEFORE
            claimed_and_lost = any(
                fault.excuses and fault.start <= first.at and fault.end >= since for fault in history.faults
            )
        if not claimed_and_lost and (first.attempt, first.redelivery) != (1, None):
            yield Violation(Rule.MARKED, f"the first send is {first}")


def _early(history: History) -> Iterator[Violation]:
    due = {create.number: create.due for create in history.creates}
    for hit in history.hits:
        # Of a create without an answer only the client's own clock is known, before it asked. A run says its moment.
        due_at = due.get(hit.number, hit.due_at / 1000)
        if hit.at < due_at:
            yield Violation(Rule.EARLY, f"by {1000 * (due_at - hit.at):.1f} ms: {hit}")
        if hit.says_late <= -1:
            yield Violation(Rule.EARLY, f"by its own words, by {-hit.says_late:.1f} s: {hit}")


def _silent(history: History) -> Iterator[Violation]:
    cancelled = {cancel.timer_id: cancel for cancel in history.cancels if cancel.verdict is Verdict.OK}
    for hit in history.hits:
        cancel = cancelled.get(hit.timer_id)
        if cancel is None:
            continue
        if hit.at <= cancel.end:
            # It was in the schedule when it was cancelled: what came before has failed, or its claim was lost.
            if hit.accepted and not excused(hit, history.faults):
                yield Violation(Rule.SILENT, f"{cancel}, and {hit}")
        elif not excused(hit, history.faults, kinds=("freeze",)):
            yield Violation(Rule.SILENT, f"{cancel}, and then {hit}")


def _late(history: History) -> Iterator[Violation]:
    hits, in_turn = _by_timer(history), held.in_turn(history)
    for timer_id, create in _acknowledged(history):
        if timer_id not in hits:
            continue
        first = min(hits[timer_id], key=lambda hit: hit.at)
        until = in_turn.get(create.number) or held.allowed_until(
            create.due, history, create.destination, history.partition_of(timer_id)
        )
        if first.at > until:
            yield Violation(
                Rule.LATE, f"{first.at - create.due:.1f} s after it was due: {first.at - until:.1f} too many"
            )


def _expired(history: History) -> Iterator[Violation]:
    expires = {timer_id: create.expires_at for timer_id, create in _acknowledged(history)}
    for hit in history.hits:
        expires_at = expires.get(hit.timer_id)
        # A poller that was frozen between its last look at the clock and the send can still send.
        if expires_at is not None and hit.at > expires_at + _BEFORE and not excused(hit, history.faults, ("freeze",)):
            yield Violation(Rule.EXPIRED, f"{hit.at - expires_at:.1f} s after it had: {hit}")
    sent = {hit.timer_id for hit in history.hits}
    for timer_id, create in _acknowledged(history):
        has_expired = history.reasons.get(timer_id) == "expired"
        in_time = (
            create.expires_at is None
            or held.allowed_until(create.due, history, partition=history.partition_of(timer_id)) <= create.expires_at
        )
        if has_expired and timer_id not in sent and in_time:
            yield Violation(Rule.EXPIRED, f"{timer_id} (create {create.number}), which could have been sent")


def _left(history: History) -> Iterator[Violation]:
    for key in history.left or ():
        if not _BASELINE.fullmatch(key):
            yield Violation(Rule.LEFT, key)


def _one_place(history: History) -> Iterator[Violation]:
    for snapshot in history.snapshots:
        yield from one_place(snapshot)


def _refused(history: History) -> Iterator[Violation]:
    refused = {create.number for create in history.creates if create.verdict is Verdict.FAIL}
    for hit in history.hits:
        if hit.number in refused:
            yield Violation(Rule.REFUSED, f"{hit}")


def _signed(history: History) -> Iterator[Violation]:
    for hit in history.hits:
        if hit.poller is None:
            yield Violation(Rule.SIGNED, f"{hit}")


def _called(history: History) -> Iterator[Violation]:
    made = Counter(history.callbacks)
    for timer_id, create in _acknowledged(history):
        count = made.pop(timer_id, 0)
        if count != (history.ends.get(timer_id) in create.calls):
            yield Violation(Rule.CALLED, f"{timer_id} has {count} callbacks and is {history.ends.get(timer_id)}")
    for timer_id in made:
        yield Violation(Rule.CALLED, f"a callback for {timer_id}, which nobody set")


def _runs(history: History) -> Iterator[Violation]:
    for what in runs.broken(history):
        yield Violation(Rule.RUNS, what)


def _rate(history: History) -> Iterator[Violation]:
    for what in (*held.over_limits(history), *withheld.left_free(history)):
        yield Violation(Rule.RATE, what)


def _held(history: History) -> Iterator[Violation]:
    for what in held.not_held(history):
        yield Violation(Rule.HELD, what)


def _probe(history: History) -> Iterator[Violation]:
    for what in (*held.not_probed(history), *held.not_spared(history), *withheld.taken_for_broken(history)):
        yield Violation(Rule.PROBE, what)


def _placed(history: History) -> Iterator[Violation]:
    for what in history.misplaced:
        yield Violation(Rule.PLACED, what)


def _alive(history: History) -> Iterator[Violation]:
    for name in history.deaths:
        yield Violation(Rule.ALIVE, name)


_RULES = (
    *(_lost, _once, _marked, _early, _silent, _late, _expired, _left, _one_place),
    *(_refused, _signed, _called, _rate, _held, _probe, _runs, _alive, _placed),
)
