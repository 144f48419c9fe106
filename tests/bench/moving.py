"""Two stores of which one is moved to the other, and what each holds, whatever its partitions are."""

from __future__ import annotations

import re
from typing import Any

from scheduler import Draft, Link, Move, Plan, ScheduleDraft, Settings, Store, StoreUnsuitable, Webhook
from scheduler.store import keys
from scheduler.store.open_link import open_link
from tests.bench.cluster import Cluster
from tests.bench.servers import Server

Place = Server | Cluster

#: Of processes, and what is told in other words: heads of what waits, sums, and the layout.
_LEFT_OUT = re.compile(
    r"layout|clock|seen|pollers|loads|planning|(lastclaim|reported):.*|waiting|behind"
    r"|counters|lateness|failing|failures|minute:.*"
)
#: In every partition the same.
_TOLD = ("held", "holds", "changed", "unheld", "signing", "signing_changes")


def clients(place: Place) -> list[Any]:
    """One for each server; redis-py's own types know no bytes from lists."""
    return [node.client() for node in place.masters] if isinstance(place, Cluster) else [place.client()]


def flush(*places: Place) -> None:
    for place in places:
        for client in clients(place):
            client.flushall()


def raw(place: Place) -> dict[str, Any]:
    """Every key, and what stands there."""
    found: dict[str, Any] = {}
    for client in clients(place):
        for name in client.scan_iter(count=1000):
            found[name.decode()] = _value(client, name)
    return found


def _value(client: Any, name: bytes) -> Any:
    kind = client.type(name)
    if kind == b"string":
        return client.get(name)
    if kind == b"hash":
        return client.hgetall(name)
    return client.lrange(name, 0, -1) if kind == b"list" else dict(client.zrange(name, 0, -1, withscores=True))


def whole(place: Place) -> dict[str, Any]:
    """The same of all partitions together, by what stands behind their beginnings."""
    found: dict[str, Any] = {}
    for name, value in raw(place).items():
        rest = name.partition("}:")[2] if name.startswith("timers:{") else name
        if _LEFT_OUT.fullmatch(rest) or rest.endswith(":clock") or ":asked:" in rest:
            continue
        if isinstance(value, dict) and rest in found and rest not in _TOLD:
            assert not found[rest].keys() & value.keys(), f"{rest} of two partitions has the same"
            found[rest] |= value
        else:
            assert rest not in found or found[rest] == value, f"{rest} is not the same in all partitions"
            found[rest] = value
    return found


def told(place: Place) -> dict[str, set[str]]:
    """By the name of what all partitions know, in how many it stands."""
    found: dict[str, set[str]] = {}
    for name in raw(place):
        beginning, _, rest = name.partition("}:")
        if rest in _TOLD:
            found.setdefault(rest, set()).add(beginning)
    return found


def heads_are_right(place: Place) -> None:
    """Whoever waits behind a destination is found by the earliest that waits there, in the one index or the other."""
    stands = raw(place)
    for name, members in stands.items():
        beginning, _, tag = name.partition(":waiting:")
        if not tag:
            continue
        behind, waiting = ({**stands.get(f"{beginning}:{it}", {})}.get(tag.encode()) for it in ("behind", "waiting"))
        if tag.encode() in stands.get(f"{beginning}:held", {}):
            assert waiting is None
            assert behind >= min(members.values())
        else:
            assert behind is None
            assert waiting == min(members.values())


def without_clock(place: Place) -> None:
    """Of a store whose clock was in a test's hand, what only tests have."""
    for client in clients(place):
        for name in [*client.scan_iter("timers:*:clock", 1000)]:
            client.delete(name)


def move(
    source: Place, target: Place, partitions: int = 0, on_progress: Any = lambda _: None, lease: float = 10.0
) -> Move:
    settings = Settings(redis_url=source.url, partitions=partitions, lease=lease)
    return Move(settings, target.url, on_progress, patience=20)


def moved(source: Place, target: Place, partitions: int = 0) -> int:
    """Move it; returns how many timers there were."""
    it = move(source, target, partitions)
    try:
        return it.run().timers
    finally:
        it.close()


def served(place: Place, partitions: int) -> list[bool]:
    """By partition: whether scripts that check how a store is laid out do what they are asked. Those that are not laid
    out are left alone."""
    link = link_of(place, partitions)
    try:
        return [_is_served(link, it) for it in range(partitions)]
    finally:
        link.close()


def _is_served(link: Link, partition: int) -> bool:
    name = keys.layout(partition)
    if not link.ask("GET", name, lambda client: client.get(name)):
        return False
    try:
        link.run("observe", partition, ["nobody", ""])  # of no destination
    except StoreUnsuitable:
        return False
    return True


class Stop(Exception):
    """A move is to end here, as if it were killed."""


def link_of(place: Place, partitions: int) -> Link:
    """Of a process that served the store before, or will."""
    link = open_link(Settings(redis_url=place.url, store_timeout=10))
    link.assume(partitions)
    return link


def fill(place: Place, count: int = 30) -> None:
    """Timers, some of which have ended, a schedule, a rule, an idempotency key: by the real clock."""
    store = Store(Settings(redis_url=place.url, store_timeout=10))
    try:
        drafts = [
            Draft(
                store.timers.new_id(key),
                Webhook(f"http://far-{n % 3}.example/{n}"),
                3_600_000 + n,
                key=key,
                tags=("t",),
            )
            for n, key in enumerate(f"key-{n}" for n in range(count))
        ]
        timers = store.timers.set(*drafts)
        for timer in timers[: count // 5]:
            store.timers.cancel(timer.id)
        hook = Webhook("http://far-0.example/run")
        store.schedules.put(ScheduleDraft(name="nightly", plan=Plan(every_ms=86_400_000), webhook=hook))
        store.destinations.pause("http:far-1.example:80", "a release", "ann")
        store.repeats.finish(store.repeats.begin("scope", "k", {"a": 1}), ["answer"])
        for client in clients(place):
            client.delete(*client.keys("timers:*:reported:*") or [""])  # they would go after a minute
    finally:
        store.close()
