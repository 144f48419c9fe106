"""The checker on histories made by hand: a good one is silent, and every rule can go red."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from scheduler.store.keys import id_in
from tests.faults.checker import Rule, check
from tests.faults.history import (
    Bounds,
    Break,
    Cancel,
    Counts,
    Create,
    Fault,
    History,
    Hit,
    Limit,
    Outage,
    Pause,
    Planned,
    Run,
    Snapshot,
    Verdict,
)

ID, OTHER = "A" * 22, "B" * 22
CREATE = Create(number=1, start=99.0, end=99.1, verdict=Verdict.OK, delay=1, timer_id=ID, due_at=100.0)
EXPIRING = replace(CREATE, expires_at=102.0)
ASKING = replace(CREATE, calls=frozenset({"delivered"}))
HIT = Hit(at=100.01, until=100.5, status=204, number=1, timer_id=ID, attempt=1, redelivery=None, poller="p0")
AGAIN = replace(HIT, at=104.0, until=104.0, attempt=2, redelivery="lease-expired", poller="p1")
KILL = Fault(kind="kill", start=100.2, end=100.2, pollers=frozenset({"p0"}), excuses=True)
FREEZE = Fault(kind="freeze", start=100.0, end=106.0, pollers=frozenset({"p0"}), excuses=True)
AWAY = replace(FREEZE, pollers=frozenset(), partitions=frozenset({3}))
CANCEL = Cancel(timer_id=ID, start=99.4, end=99.5, verdict=Verdict.OK)
GOOD = History(
    bounds=Bounds(lease=3, free=4),
    creates=(CREATE,),
    hits=(HIT,),
    ends={ID: "delivered"},
    left=("timers:{0}:seen", "timers:{0}:counters", "timers:{0}:lateness", "timers:{0}:lastclaim:host-1-ab"),
)
#: Set at 100.0 s, with moments at 101.0, 102.0 and 103.0, of which the second became no run.
FIRST = Run(timer_id="C" * 22, due_at=101_000, status="delivered", ended_at=102_500)
LAST = Run(timer_id="D" * 22, due_at=103_000, status="delivered", ended_at=103_020)
PLANNED = Planned(
    name="s",
    every=1000,
    overlap="skip",
    catch_up="last",
    created_at=100_000,
    starts_at=100_000,
    ends_at=103_500,
    counts=Counts(runs=2, fired=0, skipped={"overlap": 1}),
    runs=(FIRST, LAST),
)
#: Beside them by hand.
BY_HAND = Run(timer_id="E" * 22, due_at=101_700, status="delivered", ended_at=102_600)
AT = "http:127.0.0.101:80"
#: Timers to one destination, sent by one poller: 20 of them, due at 100.0.
MANY = tuple(replace(CREATE, number=n, timer_id=f"{n:022}", destination=AT) for n in range(20))
LIMIT = Limit(destination=AT, start=90.0, rate=2.0, each=0.55)
PAUSE = Pause(destination=AT, asked=99.0, start=99.1, end=130.0, over=130.1)
OUTAGE = Outage(destination=AT, start=99.0, end=110.0, broken_at=99.9)
TWO_AT_ONCE = replace(LIMIT, rate=None, concurrency=2)
BREAK = Break(destination=AT, at=104.0)
#: A create of which the client knows nothing.
DARK = replace(CREATE, verdict=Verdict.UNKNOWN, timer_id=None, due_at=None)
CANCELLED = replace(GOOD, cancels=(CANCEL,), hits=(), ends={ID: "cancelled"})


def good(*hits: Hit, **more: Any) -> History:
    return replace(GOOD, hits=hits, **more)


def silent(*hits: Hit, **more: Any) -> History:
    return replace(CANCELLED, hits=hits, **more)


def cancelled(verdict: Verdict, **more: Any) -> tuple[Cancel]:
    return (replace(CANCEL, verdict=verdict, **more),)


def killed(at: float = 100.2, who: str = "p0") -> tuple[Fault]:
    return (replace(KILL, start=at, end=at, pollers=frozenset({who})),)


def store_away(start: float = 99.5) -> tuple[Fault]:
    return (Fault(kind="store killed", start=start, end=106),)


def elsewhere(at: float, away: set[int]) -> History:
    """A timer of the second of 16 partitions, sent then, and these partitions away for a while."""
    timer_id = id_in(1)
    fault = Fault(kind="master killed", start=99.5, end=105.5, partitions=frozenset(away))
    return good(
        replace(HIT, at=at, until=at, timer_id=timer_id),
        creates=(replace(CREATE, timer_id=timer_id),),
        ends={timer_id: "delivered"},
        faults=(fault,),
        partitions=16,
    )


def rules(history: History) -> set[Rule]:
    return {violation.rule for violation in check(history)}


def seen(claimed: tuple[str, ...] = (), records: tuple[str, ...] = (ID,), **places: tuple[str, ...]) -> History:
    it = Snapshot(at=100, places=places, records=frozenset(records), claimed=frozenset(claimed))
    return replace(GOOD, snapshots=(it,))


def sent(run: Run, **more: Any) -> Hit:
    at = run.due_at / 1000 + 0.01
    hit = replace(HIT, number=2, timer_id=run.timer_id, at=at, until=at, schedule="s", due_at=run.due_at)
    return replace(hit, **more)


def planned(*hits: Hit, **more: Any) -> History:
    """Each run is sent at its moment, unless it is said."""
    it = replace(PLANNED, **more)
    return good(HIT, *(hits or map(sent, it.runs)), schedules=(it,))


def skipped(**counts: int) -> Counts:
    return Counts(runs=2, fired=0, skipped=counts)


def at_one(*moments: float, hold: float = 0.0, status: int = 204, **more: Any) -> History:
    """Of so many timers to one destination each is sent once, at its moment."""
    creates = MANY[: len(moments)]
    hits = tuple(
        replace(HIT, at=at, until=at + hold, number=it.number, timer_id=str(it.timer_id), destination=AT)
        for it, at in zip(creates, moments, strict=True)
    )
    history = replace(GOOD, creates=creates, hits=hits, ends={str(it.timer_id): "delivered" for it in creates})
    return replace(history, **more)


def every(seconds: float, start: float = 100.0, count: int = 20) -> tuple[float, ...]:
    return tuple(start + seconds * n for n in range(count))


def broken(*failed: float, back: tuple[float, ...] = (), hold: float = 0.5, status: int = 500, **more: Any) -> History:
    """Attempts of one timer that fail, and then those that are delivered."""
    history = at_one(*back, **{"outages": (OUTAGE,), **more})
    first = history.creates[0]
    hits = [
        replace(HIT, at=at, until=at + hold, status=status, timer_id=str(first.timer_id), number=0, destination=AT)
        for at in failed
    ]
    all_hits = sorted((*hits, *history.hits), key=lambda hit: hit.at)
    numbers: Counter[str] = Counter()
    numbered = []
    for hit in all_hits:
        numbers[hit.timer_id] += 1
        again = numbers[hit.timer_id]
        numbered.append(replace(hit, attempt=again, redelivery="retry" if again > 1 else None))
    return replace(history, hits=tuple(numbered))


def refused_a_new_one(*failed: float, answered: tuple[float, ...], **more: Any) -> History:
    """All attempts of a poller fail, of one timer, and another poller is answered; then the breaker opens."""
    breaks = (replace(BREAK, at=failed[-1] + 0.5),)
    history = broken(*failed, back=(failed[-1] + 5.6, *answered), outages=(), breaks=breaks, **more)
    due = {hit.timer_id: hit.at for hit in reversed(history.hits)}
    creates = tuple(replace(it, due_at=due[str(it.timer_id)]) for it in history.creates)
    hits = tuple(it if it.accepted else replace(it, poller="new") for it in history.hits)
    return replace(history, creates=creates, hits=hits)


FINE: dict[str, History] = {
    "sent once": GOOD,
    "cancelled and silent": CANCELLED,
    "late, and a fault touched its partition": elsewhere(at=106.0, away={1, 2}),
    "of a clock that is set back by less than it says": good(replace(HIT, says_late=-0.9)),
    "its poller was killed in mid attempt": good(HIT, AGAIN, faults=killed()),
    "its partition was away for longer than half a lease": good(
        replace(HIT, partition=3),
        replace(AGAIN, partition=3),
        faults=(AWAY,),
    ),
    "its poller was frozen and answered late": good(HIT, AGAIN, faults=(FREEZE,)),
    "a frozen poller sent after the one that took over": good(AGAIN, replace(HIT, at=106.01), faults=(FREEZE,)),
    "claimed by a poller that died before it sent": good(AGAIN, faults=killed(99.9)),
    "a retry after a 500": good(replace(HIT, status=500), replace(AGAIN, redelivery="retry")),
    "cancelled between a 500 and its retry": silent(
        replace(HIT, at=99.3, status=500), creates=(replace(CREATE, due_at=99.2),)
    ),
    "a frozen poller sent after a cancel": silent(HIT, faults=(FREEZE,)),
    "a cancel of which nobody knows, not done": good(HIT, cancels=cancelled(Verdict.UNKNOWN)),
    "a cancel of which nobody knows, done": silent(cancels=cancelled(Verdict.UNKNOWN)),
    "a cancel that came too late": good(HIT, cancels=cancelled(Verdict.FAIL)),
    "a create of which nobody knows, done": good(replace(HIT, at=100.3), creates=(DARK,)),
    "a create of which nobody knows, not done": good(creates=(DARK,), ends={}),
    "failed with a written reason": good(ends={ID: "failed"}, reasons={ID: "lease-lost"}),
    "failed of lost leases under faults": good(HIT, ends={ID: "failed"}, reasons={ID: "lease-lost"}, faults=killed()),
    "sent before it expired": good(HIT, creates=(EXPIRING,)),
    "expired while nothing could send it": good(
        creates=(EXPIRING,), ends={ID: "failed"}, reasons={ID: "expired"}, faults=store_away()
    ),
    "expired before it had to be sent": good(creates=(EXPIRING,), ends={ID: "failed"}, reasons={ID: "expired"}),
    "expired after attempts that failed": good(
        replace(HIT, status=500),
        creates=(replace(EXPIRING, expires_at=110.0),),
        ends={ID: "failed"},
        reasons={ID: "expired"},
    ),
    "a frozen poller sent after it had expired": good(replace(HIT, at=104.0), creates=(EXPIRING,), faults=(FREEZE,)),
    "late after a fault": good(replace(HIT, at=116.9), faults=store_away()),
    "its end was told": good(HIT, creates=(ASKING,), callbacks=(ID,)),
    "its end was not asked about": good(
        HIT, creates=(ASKING,), ends={ID: "failed"}, reasons={ID: "attempts-exhausted"}
    ),
    "of three moments one is skipped, for an earlier run": planned(),
    "all its moments have runs": planned(
        runs=(FIRST, replace(LAST, timer_id=OTHER, due_at=102_000), LAST),
        overlap="allow",
        counts=Counts(runs=3, fired=0),
    ),
    "a moment was missed": planned(counts=skipped(missed=1)),
    "a moment passed in a pause": planned(counts=skipped(paused=1), was_paused=True, pauses=((101_000, 103_000),)),
    "a moment passed after it may have ended": planned(counts=skipped(), maybe_ended=((101_500, 102_500),)),
    "a moment may have passed after its end, and is counted": planned(maybe_ended=((101_500, 102_500),)),
    "its runs are spread": planned(starts_at=99_700, created_at=99_800, offset=300, ends_at=102_800),
    "a run by hand besides, which is none of a moment": planned(
        runs=(FIRST, BY_HAND, LAST),
        fired=frozenset({BY_HAND.timer_id}),
        counts=Counts(runs=2, fired=1, skipped={"overlap": 1}),
    ),
    "a run by hand of which nobody knows": planned(
        runs=(FIRST, BY_HAND, LAST), maybe_fired=1, counts=Counts(runs=2, fired=1, skipped={"overlap": 1})
    ),
    "a run failed with a written reason": planned(runs=(FIRST, replace(LAST, status="failed"))),
    "a run was cancelled for one that replaces it": planned(
        overlap="replace", runs=(replace(FIRST, status="cancelled"), LAST)
    ),
    "a schedule deleted before its last moment": planned(
        runs=(FIRST,), counts=None, ends_at=None, deleted=Verdict.OK, deleted_at=102_900
    ),
    "a schedule of which nobody knows": planned(verdict=Verdict.UNKNOWN, counts=None, runs=()),
    "a rate is kept": at_one(*every(0.5), limits=(LIMIT,)),
    "a burst goes at once, and what follows at the rate": at_one(
        *[100.0] * 5, *every(0.5, 100.5, 15), limits=(replace(LIMIT, burst=5),)
    ),
    "a rate is kept but for what a frozen poller had": at_one(
        *every(0.5, count=10), *[106.2] * 5, limits=(LIMIT,), faults=(FREEZE,)
    ),
    "many before the rate was set": at_one(*[100.5] * 20, limits=(replace(LIMIT, start=100.1),)),
    "a long queue at a rate": at_one(*every(0.54), limits=(LIMIT,)),
    "two at once": at_one(*every(0.5), hold=0.99, limits=(TWO_AT_ONCE,)),
    "three at once, of which one was begun by a poller that was killed": at_one(
        100.1, 102.3, 102.4, hold=2.5, limits=(TWO_AT_ONCE,), faults=killed()
    ),
    "a place is free for long, and no timer due": at_one(
        100.1, 100.2, 107.1, limits=(TWO_AT_ONCE,), creates=(*MANY[:2], replace(MANY[2], due_at=107.0))
    ),
    "all places are taken for long": at_one(100.1, 100.2, 105.9, hold=5.5, limits=(TWO_AT_ONCE,)),
    "all places are taken for long again": at_one(
        *(100.0, 105.05, 105.1, 110.2),
        hold=5.0,
        limits=(TWO_AT_ONCE,),
        creates=(MANY[0], *(replace(it, due_at=105.0) for it in MANY[1:4])),
    ),
    "a place is free, but not for long without an attempt": at_one(
        100.0, 103.0, 106.0, hold=0.1, limits=(replace(TWO_AT_ONCE, concurrency=3),)
    ),
    "a place is free for long, for a poller that was killed had a permit of it": at_one(
        100.1, 100.2, 105.9, hold=0.1, limits=(TWO_AT_ONCE,), faults=killed(100.3)
    ),
    "a place is free for long, in a pause": at_one(
        100.1, 100.2, 130.5, limits=(TWO_AT_ONCE,), pauses=(replace(PAUSE, asked=101.0, start=101.1),)
    ),
    "a place was free for long before there was a limit": at_one(
        100.1, 100.2, 105.9, limits=(replace(TWO_AT_ONCE, start=103.0),)
    ),
    "held by a pause, and then sent": at_one(130.5, pauses=(PAUSE,)),
    "sent while a pause was asked for": at_one(100.01, pauses=(replace(PAUSE, start=99.9),)),
    "sent by a poller that was frozen as its destination was paused": at_one(
        106.1, pauses=(PAUSE,), faults=(replace(FREEZE, start=98),)
    ),
    "sent slowly after a long pause": at_one(*every(0.5, 130.5, 10), pauses=(PAUSE,)),
    "all at once after a pause, as was said": at_one(*[130.5] * 12, pauses=(PAUSE,)),
    "ever faster after a pause": at_one(
        130.3, 131.3, 132.2, 132.8, *every(0.25, 133.0, 4), *every(0.12, 134.0, 8), pauses=(replace(PAUSE, slow=True),)
    ),
    "all at once after the second of two pauses": at_one(
        130.3,
        *[133.0] * 15,
        pauses=(replace(PAUSE, slow=True), replace(PAUSE, asked=131, start=131, end=132.5, over=132.6)),
    ),
    "probed until it is back, and then ever faster": broken(
        105.6, back=(116.0, 117.0, 118.0, 118.4, 119.0, 119.2, 119.5, 119.7)
    ),
    "an outage that opened no breaker": broken(105.0, 105.1, back=(112.0,), outages=(replace(OUTAGE, broken_at=None),)),
    "a probe of a poller that was killed, and another": broken(
        105.6, 107.0, back=(116.0,), hold=3.0, faults=killed(105.7)
    ),
    "taken for broken while it was away": good(HIT, breaks=(BREAK,), outages=(replace(OUTAGE, broken_at=None),)),
    "taken for broken by a poller of which it has refused all": broken(
        *every(0.1, 100.1, 10), back=(109.0,), outages=(), breaks=(BREAK,)
    ),
    "taken for broken by a new poller before another could tell it of an answer": refused_a_new_one(
        *every(0.1, 108.1, 10), answered=(100.0, 109.0)
    ),
    "taken for broken by a new poller, and the store was away when it was to be told": refused_a_new_one(
        *every(0.1, 113.1, 10), answered=(100.0, 113.0), faults=store_away(105.0)
    ),
    "taken for broken by a new poller that nobody told, for the other has ended": refused_a_new_one(
        *every(0.1, 113.1, 10), answered=(100.0, 101.0)
    ),
    "taken for broken by a new poller that was not answered at all": refused_a_new_one(
        *every(0.1, 113.1, 10), answered=(100.0, 113.0), status=0
    ),
    "taken for broken by a poller that was frozen": good(HIT, breaks=(replace(BREAK, at=107.0),), faults=(FREEZE,)),
    "late, for it was taken for broken by a poller that was frozen": at_one(
        100.1, 118.5, breaks=(replace(BREAK, at=107.0),), faults=(FREEZE,)
    ),
    "in one set each": seen((OTHER,), (ID, OTHER), scheduled=(ID,), delivering=(OTHER,)),
}
RED: dict[str, tuple[Rule, History]] = {
    "a poller that ended by itself": (Rule.ALIVE, replace(GOOD, deaths=("p0",))),
    "a slot that stays open": (Rule.PLACED, replace(GOOD, misplaced=("slot 9 stays open",))),
    "never sent": (Rule.LOST, good(ends={ID: "scheduled"})),
    "unknown to the store": (Rule.LOST, replace(GOOD, ends={})),
    "delivered, but to nobody": (Rule.LOST, good()),
    "delivered, but refused": (Rule.LOST, good(replace(HIT, status=500))),
    "failed without a reason": (Rule.LOST, good(HIT, ends={ID: "failed"})),
    "failed of lost leases without a fault": (Rule.LOST, good(HIT, ends={ID: "failed"}, reasons={ID: "lease-lost"})),
    "cancelled by nobody": (Rule.LOST, silent(cancels=())),
    "cancelled although the cancel failed": (Rule.LOST, silent(cancels=cancelled(Verdict.FAIL))),
    "sent twice without a fault": (Rule.ONCE, good(HIT, AGAIN)),
    "sent twice, another poller was killed": (Rule.ONCE, good(HIT, AGAIN, faults=killed(who="p1"))),
    "sent twice, its poller was killed long after": (Rule.ONCE, good(HIT, AGAIN, faults=killed(103))),
    "sent twice, frozen too shortly": (Rule.ONCE, good(HIT, AGAIN, faults=(replace(FREEZE, excuses=False),))),
    "sent twice, the store was away": (Rule.ONCE, good(HIT, AGAIN, faults=store_away())),
    "sent again after a repeat that no fault touched": (
        Rule.ONCE,
        good(HIT, AGAIN, replace(AGAIN, at=107.0, attempt=3), faults=killed()),
    ),
    "one attempt sent twice, even under a fault": (
        Rule.ONCE,
        good(HIT, AGAIN, replace(AGAIN, at=104.1), faults=killed()),
    ),
    "one create, two timers": (Rule.ONCE, good(HIT, replace(HIT, timer_id=OTHER))),
    "a repeat without its mark": (Rule.MARKED, good(HIT, replace(AGAIN, redelivery=None), faults=killed())),
    "a mark on a first send": (Rule.MARKED, good(replace(HIT, redelivery="retry"))),
    "a claim that was lost without a fault": (Rule.MARKED, good(AGAIN)),
    "sent again, and another partition was away": (
        Rule.ONCE,
        good(
            replace(HIT, partition=4),
            replace(AGAIN, partition=4),
            faults=(AWAY,),
        ),
    ),
    "a millisecond early": (Rule.EARLY, good(replace(HIT, at=99.999))),
    "early by its own words": (Rule.EARLY, good(replace(HIT, says_late=-1.2))),
    "early, of a create of which nobody knows": (Rule.EARLY, good(replace(HIT, at=99.99), creates=(DARK,))),
    "sent after its cancel": (Rule.SILENT, silent(HIT)),
    "sent after its cancel by a poller that was killed": (Rule.SILENT, silent(HIT, faults=killed())),
    "sent and then cancelled": (Rule.SILENT, silent(HIT, cancels=cancelled(Verdict.OK, start=101, end=101.1))),
    "late without a fault": (Rule.LATE, good(replace(HIT, at=105.1))),
    "late, and a fault touched other partitions": (Rule.LATE, elsewhere(at=106.0, away={2})),
    "late after a fault that was long over": (Rule.LATE, good(replace(HIT, at=118.0), faults=store_away())),
    "late, and a fault came later still": (Rule.LATE, good(replace(HIT, at=106.0), faults=store_away(105.5))),
    "sent after it had expired": (Rule.EXPIRED, good(replace(HIT, at=103.1), creates=(EXPIRING,))),
    "sent again after it had expired": (
        Rule.EXPIRED,
        good(HIT, AGAIN, creates=(EXPIRING,), faults=killed()),
    ),
    "expired though nothing kept it": (
        Rule.EXPIRED,
        good(creates=(replace(EXPIRING, expires_at=105.1),), ends={ID: "failed"}, reasons={ID: "expired"}),
    ),
    "expired though it was to be sent whenever": (Rule.EXPIRED, good(ends={ID: "failed"}, reasons={ID: "expired"})),
    "its end is told by nobody": (Rule.CALLED, good(HIT, creates=(ASKING,))),
    "its end is told twice": (Rule.CALLED, good(HIT, creates=(ASKING,), callbacks=(ID, ID))),
    "an end is told that was not asked about": (Rule.CALLED, good(HIT, callbacks=(ID,))),
    "a cancel is told": (Rule.CALLED, silent(creates=(ASKING,), callbacks=(ID,))),
    "an end is told of a timer that nobody set": (Rule.CALLED, good(HIT, callbacks=(OTHER,))),
    "more than a rate allows": (Rule.RATE, at_one(*every(0.3), limits=(LIMIT,))),
    "more than a rate allows, for a while": (
        Rule.RATE,
        at_one(*every(0.5, count=8), *every(0.2, 104.0, 12), limits=(LIMIT,)),
    ),
    "more than a burst at once": (Rule.RATE, at_one(*[100.0] * 10, limits=(replace(LIMIT, burst=5),))),
    "three at once where two may be": (
        Rule.RATE,
        at_one(*every(0.5), hold=1.2, limits=(TWO_AT_ONCE,)),
    ),
    "a place is free for long though a timer is due": (
        Rule.RATE,
        at_one(100.1, 100.2, 104.6, hold=0.1, limits=(TWO_AT_ONCE,)),
    ),
    "one of two places is free for long though a timer is due": (
        Rule.RATE,
        at_one(100.1, 100.2, 104.6, hold=3.0, limits=(replace(TWO_AT_ONCE, concurrency=3),)),
    ),
    "a place is free for long before a fault": (
        Rule.RATE,
        at_one(100.1, 100.2, 112.0, limits=(TWO_AT_ONCE,), faults=store_away(104.5)),
    ),
    "a place is free to the end though a timer was due": (
        Rule.RATE,
        at_one(
            *(100.1, 100.2),
            limits=(TWO_AT_ONCE,),
            creates=MANY[:3],
            snapshots=(Snapshot(at=104.6, places={}, records=frozenset(), claimed=frozenset()),),
            ends=dict.fromkeys([str(it.timer_id) for it in MANY[:2]], "delivered") | {str(MANY[2].timer_id): "failed"},
            reasons={str(MANY[2].timer_id): "attempts-exhausted"},
        ),
    ),
    "sent although its destination is paused": (Rule.HELD, at_one(104.0, pauses=(PAUSE,))),
    "sent although its destination is paused, and another poller was frozen": (
        Rule.HELD,
        at_one(104.0, pauses=(PAUSE,), faults=(replace(FREEZE, pollers=frozenset({"p1"})),)),
    ),
    "an attempt that is counted, and was not made": (
        Rule.HELD,
        good(
            replace(HIT, status=500, destination=AT),
            replace(AGAIN, attempt=3, redelivery="retry", destination=AT),
            pauses=(PAUSE,),
        ),
    ),
    "two probes at once": (Rule.PROBE, broken(105.6, 105.9, back=(116.0,))),
    "not tried again": (Rule.PROBE, broken(105.6, back=(160.0,), creates=MANY[:1])),
    "all at once when it is back": (Rule.PROBE, broken(105.6, back=(116.0, *[116.5] * 12))),
    "all at once after a pause, where it was to go on slowly": (
        Rule.PROBE,
        at_one(*[130.5] * 12, pauses=(replace(PAUSE, slow=True),)),
    ),
    "taken for broken though it answers": (Rule.PROBE, good(HIT, breaks=(BREAK,))),
    "taken for broken though it says of each that nobody is there": (
        Rule.PROBE,
        broken(*every(0.1, 100.1, 10), back=(109.0,), status=404, outages=(), breaks=(BREAK,)),
    ),
    "taken for broken though it answers some": (
        Rule.PROBE,
        broken(*every(0.1, 100.1, 10), back=(109.0, 100.05), outages=(), breaks=(BREAK,)),
    ),
    "taken for broken by a new poller though another was answered": (
        Rule.PROBE,
        refused_a_new_one(*every(0.1, 113.1, 10), answered=(100.0, 113.0)),
    ),
    "taken for broken though it has refused few": (
        Rule.PROBE,
        broken(*every(0.1, 100.1, 9), back=(109.0,), outages=(), breaks=(BREAK,)),
    ),
    "taken for broken though it has refused all after that": (
        Rule.PROBE,
        broken(*every(0.1, 104.1, 10), back=(109.0,), outages=(), breaks=(BREAK,)),
    ),
    "taken for broken though it answers, and the store was away": (
        Rule.PROBE,
        good(HIT, breaks=(BREAK,), faults=store_away()),
    ),
    "taken for broken though another was away": (
        Rule.PROBE,
        good(
            HIT, breaks=(replace(BREAK, destination="http:127.0.0.102:80"),), outages=(replace(OUTAGE, broken_at=None),)
        ),
    ),
    "later than its turn at a rate": (Rule.LATE, at_one(*every(0.5, count=10), 112.0, limits=(LIMIT,))),
    "late, and its pause was long over": (
        Rule.LATE,
        at_one(120.0, pauses=(replace(PAUSE, end=101.0, over=101.1),)),
    ),
    "late, and another destination was paused": (
        Rule.LATE,
        at_one(130.5, pauses=(replace(PAUSE, destination="http:127.0.0.102:80"),)),
    ),
    "a moment without a run": (Rule.RUNS, planned(counts=skipped())),
    "a moment without a run before it may have ended": (
        Rule.RUNS,
        planned(counts=skipped(), maybe_ended=((102_100, 102_500),)),
    ),
    "a moment without a run is counted twice": (Rule.RUNS, planned(counts=skipped(overlap=1, missed=1))),
    "two runs of one moment": (
        Rule.RUNS,
        planned(
            runs=(FIRST, LAST, replace(LAST, timer_id=OTHER)),
            overlap="allow",
            counts=Counts(runs=3, fired=0, skipped={"missed": 1}),
        ),
    ),
    "two runs of one moment, of which the store knows one": (
        Rule.RUNS,
        planned(sent(FIRST), sent(LAST), sent(LAST, timer_id=OTHER)),
    ),
    "one id for two moments": (
        Rule.RUNS,
        planned(
            sent(FIRST, status=500),
            sent(LAST, timer_id=FIRST.timer_id, due_at=102_000, attempt=2, redelivery="retry"),
            sent(LAST),
        ),
    ),
    "a run of no moment": (Rule.RUNS, planned(runs=(FIRST, replace(LAST, due_at=103_001)), counts=skipped(missed=2))),
    "a run after its end": (Rule.RUNS, planned(ends_at=102_500, counts=skipped(overlap=1))),
    "a run before it was set": (Rule.RUNS, planned(created_at=101_000)),
    "a run after its delete": (Rule.RUNS, planned(counts=None, ends_at=None, deleted=Verdict.OK, deleted_at=102_900)),
    "deleted, and still there": (Rule.RUNS, planned(deleted=Verdict.OK, deleted_at=103_500)),
    "a schedule that is gone": (Rule.RUNS, planned(counts=None)),
    "a schedule that does not end": (
        Rule.RUNS,
        planned(counts=Counts(runs=2, fired=0, skipped={"overlap": 1}, has_ended=False)),
    ),
    "counted as made, and not there": (Rule.RUNS, planned(counts=Counts(runs=3, fired=0, skipped={"overlap": 1}))),
    "a run by hand that is not counted": (
        Rule.RUNS,
        planned(runs=(FIRST, BY_HAND, LAST), fired=frozenset({BY_HAND.timer_id})),
    ),
    "skipped for an earlier run, and there was none": (
        Rule.RUNS,
        planned(runs=(replace(FIRST, ended_at=101_999), LAST)),
    ),
    "skipped for an earlier run, which is allowed": (Rule.RUNS, planned(overlap="allow")),
    "missed, and all are made up for": (Rule.RUNS, planned(catch_up="all", counts=skipped(missed=1))),
    "skipped for a pause, and there was none": (Rule.RUNS, planned(counts=skipped(paused=1))),
    "a run of a moment in a pause": (
        Rule.RUNS,
        planned(counts=skipped(paused=1), was_paused=True, pauses=((101_500, 103_001),)),
    ),
    "skipped for a change of clocks, in an interval": (Rule.RUNS, planned(counts=skipped(gap=1))),
    "sent while an earlier run was unfinished": (Rule.RUNS, planned(runs=(replace(FIRST, ended_at=103_500), LAST))),
    "a run that does not end": (Rule.RUNS, planned(runs=(FIRST, replace(LAST, status="scheduled", ended_at=None)))),
    "a run that is delivered, but to nobody": (Rule.RUNS, planned(sent(FIRST))),
    "a run that is cancelled by nobody": (Rule.RUNS, planned(runs=(FIRST, replace(LAST, status="cancelled")))),
    "a run of a schedule that nobody set": (Rule.RUNS, good(HIT, sent(LAST))),
    "a run that is sent a millisecond early": (Rule.EARLY, planned(sent(FIRST), sent(LAST, at=102.999))),
    "an orphan": (Rule.LEFT, replace(GOOD, left=(f"timers:{{0}}:attempts:{ID}",))),
    "in two sets": (Rule.ONE_PLACE, seen(scheduled=(ID,), cancelled=(ID,))),
    "in no set": (Rule.ONE_PLACE, seen(scheduled=())),
    "in a set without a record": (Rule.ONE_PLACE, seen(records=(), scheduled=(ID,))),
    "delivering without a claim": (Rule.ONE_PLACE, seen(delivering=(ID,))),
    "a claim on what is delivered": (Rule.ONE_PLACE, seen((ID,), delivered=(ID,))),
    "refused, and sent": (
        Rule.REFUSED,
        good(replace(HIT, at=101.0), creates=(replace(DARK, verdict=Verdict.FAIL),)),
    ),
    "signed by somebody else": (Rule.SIGNED, good(replace(HIT, poller=None))),
}


@pytest.mark.parametrize("history", [pytest.param(history, id=name) for name, history in FINE.items()])
def test_what_may_be_is_not_accused(history: History) -> None:
    assert check(history) == []


@pytest.mark.parametrize(("rule", "history"), [pytest.param(*it, id=name) for name, it in RED.items()])
def test_each_rule_goes_red_alone(rule: Rule, history: History) -> None:
    assert rules(history) == {rule}


def test_every_rule_is_shown_to_go_red() -> None:
    assert {rule for rule, _ in RED.values()} == set(Rule)


@pytest.mark.parametrize("kind", ["cut", "deaf"])
def test_after_a_cancel_only_a_frozen_poller_may_still_send(kind: str) -> None:
    fault: Any = replace(FREEZE, kind=kind)
    assert rules(replace(CANCELLED, hits=(HIT,), faults=(fault,))) == {Rule.SILENT}
