"""A store under test whose clock is in the test's hand: the scripts read it from a key instead of TIME."""

from __future__ import annotations

from typing import Any

import redis

from scheduler import Claims, Draft, Link, Settings, Store, StoreClock, Timer, Webhook
from scheduler.store import keys, record
from scheduler.store.claim_row import ClaimRow
from scheduler.store.progress import read_progress
from tests.bench.cluster_store import ClusterClient
from timer_service.testing.memory_store import MemoryStore

#: A moment to start from: 2026-01-01T00:00:00Z.
START = 1_767_225_600_000
LEASE = 10_000
KEEP = 60_000
SHARE = 1000

_SETS = ("scheduled", "delivering", "delivered", "failed", "cancelled")
#: By its id the set that a timer stands in, and its score there.
Stands = dict[bytes, tuple[str, float]]


def claim_rows(reply: list[Any]) -> list[ClaimRow]:
    """The timers of a reply of claim.lua, which begins with four other values."""
    values = iter(reply[4:])
    return [ClaimRow(*row) for row in zip(*[values] * len(ClaimRow._fields), strict=True)]


class _HandSet:
    """A client whose scripts read the clock from `timers:{p}:clock`, a list whose first two are the answer of TIME."""

    def register_script(self, script: Any) -> Any:
        root = (
            "(string.match(KEYS[1], '^timers:{%w+}:') or 'timers:{0}:')"  # a destination's slot has no clock of its own
        )
        return super().register_script(script.replace("'TIME'", f"'LRANGE', {root} .. 'clock', 0, 1"))  # type: ignore[misc]


class HandSetRedis(_HandSet, redis.Redis):
    pass


class HandSetFake(_HandSet, MemoryStore):
    pass


def link_over(client: Any, partitions: int = 1) -> Link:
    """A link of its own to the store that a test looks into with this client."""
    return client.link(partitions) if isinstance(client, ClusterClient) else Link(client, partitions)


class Bench:
    """Timers and Claims over one client, and the words a store test is told in."""

    def __init__(self, client: redis.Redis, partitions: int = 1, home: int | None = None) -> None:
        """`home`: the partition of every timer that has no key; None for any."""
        self.client: Any = client  # redis-py's own types know no bytes from lists
        self.home = 0 if home is None else home % partitions
        self._spread = home is None
        self.partitions = partitions
        self.link = link_over(client, partitions)
        store = self.store()
        self.timers, self.changes, self.listing = store.timers, store.changes, store.listing
        self.activity = store.activity
        self.schedules = store.schedules
        self.destinations = store.destinations
        self.plans = store.plans(StoreClock())
        self.claims = self.poller("one")
        self.set_clock(START)

    def poller(self, name: str, keep_finished: int = 1000, share: int = SHARE) -> Claims:
        return self.store(keep_finished).claims(name, share)

    def store(self, keep_finished: int = 1000) -> Store:
        keep = KEEP / 1000
        settings = Settings(
            lease=LEASE / 1000,
            keep_delivered=keep,
            keep_failed=keep,
            keep_cancelled=keep,
            keep_finished=keep_finished * self.partitions,  # in each
        )
        return Store(settings, self.link)

    def set_clock(self, ms: int, us: int = 0) -> None:
        self.now = ms
        with self.client.pipeline(transaction=False) as calls:
            for partition in range(self.partitions):
                calls.lpush(f"{keys.prefix(partition)}clock", ms % 1000 * 1000 + us, ms // 1000)
            calls.execute()

    def advance(self, ms: int) -> None:
        self.set_clock(self.now + ms)

    def alive(self, ms: int) -> None:
        """Let time pass while another poller goes on claiming nothing, as it does at least every second."""
        other = self.poller("alive")
        while ms > 0:
            step = min(ms, LEASE // 4)
            self.advance(step)
            for _ in range(self.partitions):  # each looks at one
                other.claim(0)
            ms -= step

    def look(self) -> int:
        """Let a poller look at schedules until none is to be looked at; returns how many runs it made."""
        made = 0
        for partition in range(self.partitions):
            while True:
                found = self.plans.look(partition)
                made += found.made
                if found.wait != 0:
                    break
        return made

    def new_id(self) -> str:
        return keys.new_id() if self._spread else keys.id_in(self.home)

    def draft(self, delay_ms: int, **webhook: Any) -> Draft:
        url, key, tags = webhook.pop("url", "http://receiver/hook"), webhook.pop("key", None), webhook.pop("tags", ())
        webhook = {"url": url, **webhook}
        timer_id = self.new_id() if key is None else self.timers.new_id(key)
        return Draft(id=timer_id, webhook=Webhook(**webhook), delay_ms=delay_ms, key=key, tags=tags)

    def schedule(self, delay_ms: int = 0, **webhook: Any) -> Timer:
        (timer,) = self.timers.set(self.draft(delay_ms, **webhook))
        return timer

    def partition(self, timer_id: str) -> int:
        return keys.partition_of(timer_id, self.partitions) or 0

    def prefix(self, timer_id: str) -> str:
        """What the keys of a timer's partition begin with."""
        return keys.prefix(self.partition(timer_id))

    def where(self, timer_id: str) -> list[str]:
        """The sets an id stands in."""
        root = self.prefix(timer_id)
        sets = self._sets(root, self._names()[root])
        return [name for name in sets if self.client.zscore(root + name, timer_id) is not None]

    def members(self, name: str) -> list[tuple[bytes, float]]:
        """One of the sets, with its scores, over all partitions."""
        roots = [keys.prefix(partition) for partition in range(self.partitions)]
        found = [it for root in roots for it in self.client.zrange(root + name, 0, -1, withscores=True)]
        return sorted(found, key=lambda it: (it[1], it[0]))

    def check(self) -> None:
        """Every rule that must hold in every snapshot."""
        for root, names in self._names().items():
            if names - {"layout", "clock"}:
                self._check(root, names)

    def _names(self) -> dict[str, set[str]]:
        """What the keys of each partition are named behind what they begin with; that of each is looked at once."""
        found: dict[str, set[str]] = {keys.prefix(partition): set() for partition in range(self.partitions)}
        for key in self.client.scan_iter("timers:*", count=1000):
            root, _, name = key.decode().partition("}:")
            found.get(f"{root}}}:", set()).add(name)  # of a destination's slot nothing is asked
        return found

    def _check(self, root: str, names: set[str]) -> None:
        sets = {name: self.client.zrange(root + name, 0, -1, withscores=True) for name in self._sets(root, names)}
        stands = {timer_id: (name, score) for name, found in sets.items() for timer_id, score in found}
        ids = sorted(stands)
        records = {name.removeprefix("timer:").encode() for name in names if name.startswith("timer:")}
        lists = {name.removeprefix("attempts:").encode() for name in names if name.startswith("attempts:")}
        assert sum(map(len, sets.values())) == len(ids), "an id stands in two sets"
        assert set(ids) == records, "an id without a record, or a record without a place"
        progress = self.client.hgetall(root + "progress")
        claimed = {timer_id for timer_id, words in progress.items() if b" claim=" in words.split(b"\n")[0]}
        assert claimed == {timer_id for timer_id, _ in sets["delivering"]}
        assert set(progress) <= records
        assert lists <= records
        stored = self.client.mget([f"{root}timer:".encode() + timer_id for timer_id in ids]) if ids else []
        self._check_names(root, names, stands, dict(zip(ids, stored, strict=True)))
        self._check_orders(root, names, stands, dict(zip(ids, stored, strict=True)), progress)
        for tag, due in self.client.zrange(f"{root}waiting", 0, -1, withscores=True):
            _, earliest = sets[f"waiting:{tag.decode()}"][0]
            assert due == earliest, "a destination waits under another moment than its earliest timer"

    def _check_orders(
        self, root: str, names: set[str], stands: Stands, records: dict[bytes, bytes], progress: dict[bytes, bytes]
    ) -> None:
        """What has an expiry and waits is found by that, what has a priority and is to be claimed by its order; nothing
        else is."""
        expiring, ordered, behind = {}, set(), {}
        for timer_id, it in records.items():
            said = record.named_words(it.partition(b"\n")[0].decode().split(" "))
            (place, score), priority = stands[timer_id], int(said.get("priority", 0))
            waits = place.startswith("waiting:") and ":!v" not in place
            if priority and (waits or place == "scheduled"):
                ordered.add(timer_id)
                if waits:
                    behind[place.partition(":")[2], timer_id] = score - 1000 * priority
            if waits and int(said.get("v", 1)) <= record.FORMAT:
                due = read_progress(progress.get(timer_id, b"")).due
                if (expiry := record.decode(it)[1].expiry(int(score) if due is None else due)) is not None:
                    expiring[timer_id] = expiry
        assert dict(self.client.zrange(f"{root}expiring", 0, -1, withscores=True)) == expiring
        assert set(self.client.zrange(f"{root}prior", 0, -1)) == ordered
        orders = self._family(root, names, "prior")
        assert {at: self.client.zscore(f"{root}prior:{at[0]}", at[1]) for at in orders} == behind

    def _check_names(self, root: str, names: set[str], stands: Stands, records: dict[bytes, bytes]) -> None:
        """Keys lead to the unfinished timers that have them, tags to all that carry them, and to no others."""
        holders, tags, runs, unfinished = {}, set(), set(), set()
        for timer_id, it in records.items():
            words = it.partition(b"\n")[0].decode().split(" ")
            is_finished = stands[timer_id][0] in _SETS[2:]
            key, its_tags = record.names(words)
            tags |= {(tag, timer_id) for tag in its_tags}
            schedule, _ = record.schedule_of(words)
            if schedule:
                runs.add((schedule, timer_id))
                if not is_finished:
                    unfinished.add((schedule, timer_id))
            if key and not is_finished:
                holders[key.encode()] = timer_id
        assert self.client.hgetall(f"{root}keys") == holders
        assert self._family(root, names, "tag") == tags
        assert self._family(root, names, "runs") == runs
        assert self._family(root, names, "open") == unfinished

    def _family(self, root: str, names: set[str], family: str) -> set[tuple[str, bytes]]:
        """What stands in all sorted sets of a kind, each with the name of its set."""
        found = set()
        for name in names:
            if name.startswith(f"{family}:"):
                members = self.client.zrange(root + name, 0, -1)
                found |= {(name.removeprefix(f"{family}:"), timer_id) for timer_id in members}
        return found

    def _sets(self, root: str, names: set[str]) -> list[str]:
        behind = {name for name in names if name.startswith("waiting:")}
        told = [*self.client.zrange(f"{root}waiting", 0, -1), *self.client.zrange(f"{root}behind", 0, -1)]
        assert behind == {f"waiting:{tag.decode()}" for tag in told}
        assert len(told) == len(set(told)), "a destination is held, and at its share"
        return [*_SETS, *sorted(behind)]
