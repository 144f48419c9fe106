"""Whether the store can keep the guarantees: what it is, what its settings say, and whether it does all that we ask."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import redis

from scheduler.activity import StoreState
from scheduler.errors import StoreUnavailable, StoreUnsuitable
from scheduler.store import keys, server_words
from scheduler.store.capacity import Capacity
from scheduler.store.link import Link
from scheduler.store.optional import Optional
from scheduler.store.readiness_write import ReadinessWrite
from scheduler.store.server import Server
from scheduler.store.server_words import Said


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
        self._write = ReadinessWrite(link, clock)
        self._config = Optional(clock)

    def check(self) -> Report:
        """Write to every partition at most once a second, and read the settings.

        Raises StoreUnavailable if a write fails, StoreUnsuitable if the store is too old or part of a cluster.
        """
        said = self._said()
        for server, info in said:
            self._suits(server, info)
        refused = self._write.refused_commands()
        infos = [info for _, info in said]
        warnings = (*self._away(said), *server_words.warnings(infos, self._write.was_emptied()))
        return Report(warnings, any(map(server_words.may_evict, infos)), refused)

    def state(self) -> StoreState:
        """How the store is, for people to see. Raises nothing: one that is away tells nothing but that."""
        try:
            said = self._said()
            first, info = said[0]
            server, version = server_words.server_and_version(server_words.hello(first) if info is None else info)
            was_emptied = self._write.was_emptied()
        except StoreUnavailable as error:
            return replace(_UNKNOWN, write_problem=str(error))
        problem = None
        try:
            for each, its_info in said:
                self._suits(each, its_info)
            refused = self._write.refused_commands()
            if refused:
                problem = f"the store refuses {', '.join(refused)}"
        except StoreUnavailable as error:
            problem = str(error)
        usage = self._capacity.usage()
        infos = [info for _, info in said]
        known = [info for info in infos if info is not None]
        appends = bool(known) and all(info.get("aof_enabled") for info in known)
        return StoreState(
            server=f"{server} {version}".strip(),
            write_ms=None if problem else self._write.ms,
            write_problem=problem,
            used_bytes=usage.used,
            max_bytes=usage.most,
            may_evict=any(map(server_words.may_evict, known)) if known else None,
            append_only=appends if known else None,
            append_fsync=server_words.append_fsync(first, self._config) if appends else None,
            append_ok=all(it.get("aof_last_write_status") == "ok" for it in known) if appends else None,
            was_emptied=was_emptied,
            warnings=(*self._away(said), *server_words.warnings(infos, was_emptied)),
        )

    def _said(self) -> list[tuple[Server, Said | None]]:
        """What each server says of itself that answers; None of one that refuses to tell.

        Raises StoreUnavailable if none answers.
        """
        said: list[tuple[Server, Said | None]] = []
        failed: StoreUnavailable | None = None
        for server in self._link.servers():
            try:
                said.append((server, server_words.info(server)))
            except StoreUnavailable as error:
                failed = error
        if failed is not None and not said:
            raise failed
        return said

    def _away(self, said: Sequence[tuple[Server, Said | None]]) -> Iterator[str]:
        """A sentence for each node that did not say anything: what lives on others goes on."""
        answered = [server.name for server, _ in said]
        for server in self._link.servers():
            if server.name not in answered:
                yield f"{server.name} is away: what lives on this node of the cluster is neither set nor delivered"

    def _suits(self, of: Server, info: Said | None) -> None:
        """Raises StoreUnsuitable; StoreUnavailable for a replica, which may become a primary."""
        said = server_words.hello(of) if info is None else info
        server_words.check(said)
        if server_words.is_of_cluster(said) and len(self._link.servers()) == 1:
            self._refuse_part_of_cluster()

    def _refuse_part_of_cluster(self) -> None:
        """One node that holds every slot is as good as a server of its own. Raises StoreUnsuitable."""
        for partition in range(keys.SLOTS):
            try:
                self._link.ask("EXISTS", keys.root(partition), partial(_exists, keys.root(partition)))
            except StoreUnavailable as error:
                if error.kind != "cluster":
                    raise
                raise StoreUnsuitable(
                    "the store is one node of a Redis Cluster, and holds only a part of the keys; "
                    "TIMER_REDIS_URL must name its nodes with redis+cluster://"
                ) from error


def _exists(name: str, client: redis.Redis) -> object:
    return client.exists(name)
