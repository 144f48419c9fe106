"""Whether the store can keep the guarantees: what it is, what its settings say, and whether it does all that we ask."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import redis

from scheduler.activity import StoreState
from scheduler.errors import StoreUnavailable, StoreUnsuitable
from scheduler.store import keys, layout
from scheduler.store.capacity import Capacity
from scheduler.store.link import OLDEST, Link
from scheduler.store.optional import Optional
from scheduler.store.scripts import source

_OLDEST = {"redis": (7, 0), "valkey": (7, 2)}
#: Seconds for which the answer to a readiness write is used again: who asks for readiness needs no key.
_WRITE_EVERY = 1.0


@dataclass(frozen=True, slots=True)
class Report:
    """What a look at the store has found."""

    #: What is wrong with the store's settings, in words for an operator.
    warnings: tuple[str, ...]
    #: Whether the store may throw timers away by itself.
    may_evict: bool
    #: Commands that the store refuses us, by name, with what it said.
    refused: tuple[str, ...] = ()


#: Of a store that does not answer.
_UNKNOWN = StoreState(
    server=None,
    write_ms=None,
    write_problem=None,
    used_bytes=None,
    max_bytes=None,
    may_evict=None,
    append_only=None,
    append_fsync=None,
    append_ok=None,
    warnings=(),
)


class Health:
    """Looks at the store: its settings, and a write. Shared by threads; owns nothing to close.

    Once a second it writes, however often it is asked.
    """

    def __init__(
        self, link: Link, capacity: Capacity | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._link = link
        self._capacity = capacity or Capacity(link)
        self._clock = clock
        #: When each partition was laid out, as we saw it first.
        self._born: dict[int, str] = {}
        self._lock = threading.Lock()
        self._written_at = float("-inf")
        #: What the last write found: the refused commands, or why it failed.
        self._written: tuple[str, ...] | StoreUnavailable = ()
        #: ms that it took; of several partitions the slowest.
        self._write_ms = 0.0
        self._config = Optional(clock)

    def check(self) -> Report:
        """Write to every partition at most once a second, and read the settings.

        Raises StoreUnavailable if a write fails, StoreUnsuitable if the store is too old or part of a cluster.
        """
        info = self._info()
        self._suits(info)
        refused = self._commands()
        return Report(tuple(_warnings(info, self._was_emptied())), _may_evict(info), refused)

    def state(self) -> StoreState:
        """How the store is, for people to see. Raises nothing: one that is away tells nothing but that."""
        try:
            info = self._info()
            server, version = _server(self._hello() if info is None else info)
            was_emptied = self._was_emptied()
        except StoreUnavailable as error:
            return replace(_UNKNOWN, write_problem=str(error))
        problem = None
        try:
            self._suits(info)
            refused = self._commands()
            if refused:
                problem = f"the store refuses {', '.join(refused)}"
        except StoreUnavailable as error:
            problem = str(error)
        usage = self._capacity.usage()
        return StoreState(
            server=f"{server} {version}".strip(),
            write_ms=None if problem else self._write_ms,
            write_problem=problem,
            used_bytes=usage.used,
            max_bytes=usage.most,
            may_evict=None if info is None else _may_evict(info),
            append_only=None if info is None else bool(info.get("aof_enabled")),
            append_fsync=self._append_fsync() if info and info.get("aof_enabled") else None,
            append_ok=info.get("aof_last_write_status") == "ok" if info and info.get("aof_enabled") else None,
            was_emptied=was_emptied,
            warnings=tuple(_warnings(info, was_emptied)),
        )

    def _info(self) -> dict[str, Any] | None:
        """None if the store refuses to tell."""
        try:
            return self._link.info()
        except StoreUnavailable as error:
            if error.kind != "noperm":
                raise
            return None

    def _was_emptied(self) -> bool:
        return not all(self._still_there(partition) for partition in range(self._link.partitions))

    def _append_fsync(self) -> str | None:
        """No part of INFO."""
        said: Any = self._config.ask(lambda: self._link.client.config_get("appendfsync"))
        return said.get("appendfsync") if said else None

    def _suits(self, info: dict[str, Any] | None) -> None:
        """Raises StoreUnsuitable; StoreUnavailable for a replica, which may become a primary."""
        said = self._hello() if info is None else info
        server, version = _version(said)
        if version and version < _OLDEST[server]:
            raise StoreUnsuitable(f"the store is {server} {'.'.join(map(str, version))}; {OLDEST} is needed")
        if said.get("role") in ("slave", "replica") and str(said.get("slave_read_only", 1)) != "0":
            raise StoreUnavailable(
                "the store is a replica, which takes no writes: TIMER_REDIS_URL must name its primary, "
                "or with redis+sentinel:// the sentinels that know it",
                kind="readonly",
            )
        if "sentinel" in (said.get("redis_mode"), said.get("server_mode")):
            raise StoreUnsuitable(
                "the store is a sentinel: TIMER_REDIS_URL must be redis+sentinel://, and end in a name"
            )
        if said.get("redis_mode") == "cluster" or said.get("server_mode") == "cluster":
            self._refuse_part_of_cluster()

    def _hello(self) -> dict[str, Any]:
        """What a server says of itself to any user, also to one without INFO; in the words of INFO."""
        with self._link.translated("HELLO"):
            said = self._link.client.execute_command("HELLO")  # type: ignore[no-untyped-call]
        pairs = said.items() if isinstance(said, dict) else zip(said[::2], said[1::2], strict=True)
        text = {_text(name): _text(value) for name, value in pairs}
        server = text.get("server", "redis")
        return {
            "server_name": server,
            f"{server}_version": text.get("version", ""),
            "redis_mode": text.get("mode"),
            "role": text.get("role"),
        }

    def _refuse_part_of_cluster(self) -> None:
        """One node that holds every slot is as good as a server of its own. Raises StoreUnsuitable."""
        for partition in range(keys.SLOTS):
            try:
                with self._link.translated("EXISTS"):
                    self._link.client.exists(keys.root(partition))
            except StoreUnavailable as error:
                if error.kind != "cluster":
                    raise
                raise StoreUnsuitable(
                    "the store is one node of a Redis Cluster, and holds only a part of the keys; "
                    "TIMER_REDIS_URL must name a server that is not in a cluster"
                ) from error

    def _commands(self) -> tuple[str, ...]:
        """The readiness write: every command that we need, on keys of its own. Raises StoreUnavailable."""
        with self._lock:
            if self._clock() - self._written_at >= _WRITE_EVERY:
                try:
                    self._written = tuple(self._refused())
                except StoreUnavailable as error:
                    self._written = error
                self._written_at = self._clock()
            if isinstance(self._written, StoreUnavailable):
                raise self._written
            return self._written

    def _refused(self) -> list[str]:
        client, refused = self._link.client, []
        bells = [keys.bell(it) for it in range(self._link.partitions)]
        with client.pubsub() as subscription:  # type: ignore[no-untyped-call]
            tries: dict[str, Callable[[], object]] = {
                "ping": client.ping,
                "script|load": lambda: client.script_load(source("check")),
                f"set on {keys.probe(0)}": lambda: client.set(keys.probe(0), "", px=1000, nx=True, get=True),
                f"ssubscribe on {bells[0]}": lambda: _subscribe(subscription, bells),
            }
            for name, run in tries.items():
                try:
                    with self._link.translated(name.upper()):
                        run()
                except StoreUnavailable as error:
                    if error.kind != "noperm":
                        raise
                    refused.append(name)
        slowest = 0.0
        for partition in range(self._link.partitions):
            began = time.perf_counter()
            try:
                refused += self._write(partition)
                slowest = max(slowest, time.perf_counter() - began)
            except StoreUnavailable as error:
                if error.kind != "noperm":
                    raise
                refused.append(f"evalsha on {keys.root(partition)}")
        self._write_ms = round(1000 * slowest, 3)
        return refused

    def _write(self, partition: int) -> list[str]:
        """The refused commands of one partition."""
        found, *refused = self._link.run("check", partition)
        if found:
            self._look_at_layout(partition, found)
        place = keys.bell(partition)
        return [
            f"spublish on {place}" if it.startswith(b"spublish ") else it.partition(b" ")[0].decode() for it in refused
        ]

    def _look_at_layout(self, partition: int, found: bytes) -> None:
        """Raises StoreUnsuitable for a store that was moved or upgraded under us."""
        reason = layout.refusal(found, self._link.partitions, self._link.clock)
        if reason:
            raise StoreUnsuitable(reason)
        self._born.setdefault(partition, layout.read(found).born)

    def _still_there(self, partition: int) -> bool:
        """False once a partition was laid out anew since we saw it, or is not laid out at all."""
        ours = self._born.get(partition)
        if ours is None:
            return True
        try:
            with self._link.translated("GET"):
                found: Any = self._link.client.get(keys.layout(partition))
        except StoreUnavailable as error:
            if error.kind != "noperm":
                raise
            return True
        return found is not None and f"born={ours}" in found.decode("utf-8", "replace").split()


def _subscribe(subscription: Any, channels: list[str]) -> None:
    subscription.ssubscribe(*channels)
    answer = subscription.get_message(timeout=_WRITE_EVERY)
    if answer is None:
        raise redis.TimeoutError("no answer to SSUBSCRIBE")


def _warnings(info: dict[str, Any] | None, was_emptied: bool) -> list[str]:
    found = []
    if was_emptied:
        found.append("the store came back empty while we were running: timers were lost; look at its disk")
    if info is None:
        found.append("the store refuses INFO: whether it keeps an append-only file, may evict or is full is not known")
        return found
    if not info.get("aof_enabled"):
        found.append("the store keeps no append-only file: a restart loses timers; set 'appendonly yes'")
    policy = str(info.get("maxmemory_policy", "noeviction"))
    if policy != "noeviction":
        found.append(f"the store's maxmemory-policy is {policy}: it may throw timers away; set 'noeviction'")
    return found


def _may_evict(info: dict[str, Any] | None) -> bool:
    policy = str((info or {}).get("maxmemory_policy", "noeviction"))
    return policy != "noeviction" and int((info or {}).get("maxmemory", 0)) > 0


def _server(info: dict[str, Any]) -> tuple[str, str]:
    """Which it is, and its version, '' if it does not say."""
    server = "valkey" if info.get("server_name") == "valkey" else "redis"
    return server, str(info.get(f"{server}_version", ""))


def _version(info: dict[str, Any]) -> tuple[str, tuple[int, ...]]:
    """The server, and its version's first two numbers; none if it does not say."""
    server, text = _server(info)
    return server, tuple(int(part) for part in text.split(".")[:2] if part.isdigit())


def _text(value: Any) -> Any:
    return value.decode() if isinstance(value, bytes) else value
