"""The worst that a client can bring about, for each script."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

from benchmarks.script_bench import ANSWER, HOUR_MS, Bench
from scheduler import Attempt, Outcome, Query, Settlement, Status
from scheduler.destinations import DestinationSettings, Permit, Rate
from scheduler.hold import HeldBy, Hold
from scheduler.holds.sums import Sum
from scheduler.store.held import read_holds
from scheduler.store.observing import report
from scheduler.store.record import destination_tag, tag_of
from scheduler.store.room import Room
from scheduler.store.rule_record import hold_args

_LARGE = bytes(250_000)
#: Touches no key and always does the same, for about 2 ms.
_CONSTANT = "local sum = 0 for n = 1, 250000 do sum = sum + n % 7 end return sum"

#: One call of a case, as often as it is to be measured.
Case = Callable[[Bench], Iterator[object]]


def _lists(query: Query, fill: Callable[[Bench], object]) -> Case:
    def case(store: Bench) -> Iterator[object]:
        fill(store)
        while True:
            yield lambda: store.listing.page(query)

    return case


def _large_finished(store: Bench) -> None:
    store.fill(1000, 0)
    store.settle(1000)


def _cancels(**webhook: Any) -> Case:
    def case(store: Bench) -> Iterator[object]:
        while True:
            ids = store.fill(200, tags=10, **webhook)
            yield lambda ids=ids: store.timers.cancel_each(ids)
            store.link.client.flushdb()

    return case


def _replays(store: Bench) -> Iterator[object]:
    while True:
        ids = store.fill(200, 0, tags=10, body=_LARGE)
        store.settle(200)
        yield lambda ids=ids: store.timers.replay_each(store.timers.standings(ids))
        store.link.client.flushdb()


def _creates(count: int, tags: int, **webhook: Any) -> Case:
    def case(store: Bench) -> Iterator[object]:
        while True:
            yield lambda: store.fill(count, tags=tags, **webhook)
            store.link.client.flushdb()

    return case


def _stats(hosts: int) -> Case:
    def case(store: Bench) -> Iterator[object]:
        store.wait(hosts)
        while True:
            yield store.timers.stats

    return case


def _claims(**webhook: Any) -> Case:
    def case(store: Bench) -> Iterator[object]:
        while True:
            store.fill(200, 0, **webhook)
            taken: list[Any] = []

            def claim(taken: list[Any] = taken) -> None:
                while more := store.claims.claim(96).claims:
                    taken += more

            yield claim
            attempt = Attempt(1, Outcome.DELIVERED, 0, 1, 1, 200, ANSWER)
            ended = [Settlement(it.id, it.fence, attempt, None) for it in taken]
            yield lambda ended=ended: store.claims.settle(ended)
            store.link.client.flushdb()

    return case


def _moves(store: Bench) -> Iterator[object]:
    """What is due belongs to a destination at its share."""
    while True:
        store.fill(2000, 0, body=bytes(2000))
        yield lambda: store.claims.claim(96, [destination_tag("http://h0/")])
        store.link.client.flushdb()


def _passes_over(store: Bench) -> Iterator[object]:
    """3,000 destinations wait, and the caller names as many tags as it remembers, of either kind."""
    store.wait(3000)
    saturated = [destination_tag(f"http://h{number}/") for number in range(2048)]
    room = Room(answering=[destination_tag(f"http://other{number}/") for number in range(2048)])
    while True:
        yield lambda: store.claims.claim(96, saturated, room)


def _beside_held(store: Bench) -> Iterator[object]:
    """10,000 destinations are paused, a due timer waits at each; nothing else is due."""
    store.hold(10_000)
    store.fill(10_000, 0, hosts=10_000)
    while store.claims.claim(96).next_due == 0:
        pass
    while True:
        yield lambda: store.claims.claim(96)


def _forecasts_held(store: Bench) -> Iterator[object]:
    """1,000 destinations are paused, due timers wait at each."""
    store.hold(1000)
    store.fill(3000, 0, hosts=1000)
    while store.claims.claim(96).next_due == 0:
        pass
    while True:
        yield store.activity.forecast


def _moves_held(store: Bench) -> Iterator[object]:
    """What is due belongs to a thousand destinations that are paused."""
    while True:
        store.hold(1000)
        store.fill(2000, 0, hosts=1000, body=bytes(200))
        yield lambda: store.claims.claim(96)
        store.link.client.flushdb()


def _holds_at_once(store: Bench) -> Iterator[object]:
    """One more hold among 10,000, and all of them read by a poller."""
    store.hold(10_000)
    tag = destination_tag("http://one-more/")
    for revision in count(1):
        hold = Hold(HeldBy.PAUSE, None, "they are down", revision)
        yield lambda hold=hold: store.link.run("hold", 0, hold_args(tag, hold, hold.revision))
        yield lambda: read_holds(store.link, 0)


def _permits(store: Bench) -> Iterator[object]:
    """A concurrency of 2,000, of which 100 are taken and 100 given back."""
    store.destinations.put("http:h:80", DestinationSettings(concurrency=2000, rate=Rate(100_000)))
    tag = tag_of("http:h:80")
    back: list[str] = []
    while True:
        taken: list[Permit] = []
        yield lambda taken=taken, back=back: taken.append(store.claims.permits.take(tag, 100, back=back))
        back = [f"{taken[0].id}:{number}" for number in range(1, 101)]


def _told(store: Bench) -> Iterator[object]:
    """Pages of 10,000 destinations, each with as many attempts; half of them are paused."""
    store.hold(5000)
    urls = [f"http://h{number}/" for number in range(10_000)]
    report(store.link, "", [Sum(destination_tag(url), url, 1, 0, 5, None, 0) for url in urls])
    store.destinations.held()
    while True:
        yield lambda: store.destinations.page("held:V_______")
        yield lambda: store.destinations.page("busy:1:V_______")


def _forgets(store: Bench) -> Iterator[object]:
    """A claim forgets timers with ten tags of their own, of every status."""
    while True:
        store.timers.cancel_each(store.fill(400, tags=10))
        for outcome in (Outcome.DELIVERED, Outcome.PERMANENT):
            store.fill(400, 0, tags=10)
            store.settle(400, outcome)
        strict = store.poller(HOUR_MS, keep_finished=0)
        yield lambda strict=strict: strict.claim(96)
        store.link.client.flushdb()


def _constant(store: Bench) -> Iterator[object]:
    while True:
        yield lambda: store.link.measure("loop", lambda: store.link.client.eval(_CONSTANT, 0))


def _common(store: Bench) -> None:
    store.fill(20_000, tags=1)


CASES: dict[str, Case] = {
    "constant work": _constant,
    "list of 1,000": _lists(Query(limit=1000), _common),
    "list of a tag, no destination fits": _lists(Query(limit=1000, tag="t", destination="http://x/"), _common),
    "list of a tag": _lists(Query(limit=1000, tag="t", descending=True), _common),
    "list of answers of 4 KiB": _lists(Query(limit=1000, status=Status.DELIVERED), _large_finished),
    "list of 250 kB": _lists(Query(limit=1000), lambda store: store.fill(100, body=_LARGE)),
    "list behind 1,000 destinations": _lists(Query(limit=1000), lambda store: store.wait(1000)),
    "stats, 1,000 destinations wait": _stats(1000),
    "stats, 3,000 destinations wait": _stats(3000),
    "cancel 250 kB": _cancels(body=_LARGE),
    "cancel ten tags": _cancels(),
    "replay 250 kB": _replays,
    "create ten tags each": _creates(500, 10),
    "create 250 kB": _creates(30, 0, body=_LARGE),
    "claim and settle": _claims(),
    "claim and settle 250 kB": _claims(body=_LARGE),
    "claim moves": _moves,
    "claim passes over 3,000 that wait": _passes_over,
    "claim forgets": _forgets,
    "claim beside 10,000 held": _beside_held,
    "claim moves held": _moves_held,
    "forecast behind 1,000 held": _forecasts_held,
    "hold among 10,000": _holds_at_once,
    "permits, 100 of 2,000": _permits,
    "pages of 10,000 destinations": _told,
}
