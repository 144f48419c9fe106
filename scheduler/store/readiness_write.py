"""The readiness write: every command that we need, on keys of its own in every partition."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from scheduler.errors import StoreUnavailable, StoreUnsuitable
from scheduler.store import keys, layout
from scheduler.store.each_alone import each_alone
from scheduler.store.link import Link
from scheduler.store.refused_commands import refused_commands

#: Seconds for which its answer is used again: who asks for readiness needs no key.
_EVERY = 1.0


class ReadinessWrite:
    """Made once a second at most, however often it is asked for. Shared by threads."""

    def __init__(self, link: Link, clock: Callable[[], float]) -> None:
        self._link = link
        self._clock = clock
        #: When each partition was laid out, as we saw it first.
        self._born: dict[int, str] = {}
        self._lock = threading.Lock()
        self._written_at = float("-inf")
        #: What the last one found: the refused commands, or why it failed.
        self._written: tuple[str, ...] | StoreUnavailable = ()
        #: ms that it took; of several partitions the slowest.
        self.ms = 0.0

    def refused_commands(self) -> tuple[str, ...]:
        """By name, with what the store said. Raises StoreUnavailable if it fails, StoreUnsuitable if the store is laid
        out for others."""
        with self._lock:
            if self._clock() - self._written_at >= _EVERY:
                try:
                    self._written = tuple(self._refused())
                except StoreUnavailable as error:
                    self._written = error
                self._written_at = self._clock()
            if isinstance(self._written, StoreUnavailable):
                raise self._written
            return self._written

    def was_emptied(self) -> bool:
        """Whether a partition was laid out anew since we saw it, or is not laid out at all. Raises StoreUnavailable."""
        return not all(self._still_there(partition) for partition in range(self._link.partitions))

    def _refused(self) -> list[str]:
        """Raises StoreUnavailable if no server answers, StoreUnsuitable if one is laid out for others."""
        refused: dict[str, None] = {}
        slowest = 0.0
        firsts = {partitions[0]: partitions for _, partitions in self._link.by_server()}

        def ask(partition: int, all_of_server: Sequence[int]) -> None:
            nonlocal slowest
            if all_of_server:
                server = self._link.server_of(keys.root(partition))
                refused.update(dict.fromkeys(refused_commands(server, all_of_server)))
            began = time.perf_counter()
            try:
                refused.update(dict.fromkeys(self._write(partition)))
                slowest = max(slowest, time.perf_counter() - began)
            except StoreUnavailable as error:
                if error.kind != "noperm":
                    raise
                refused[f"evalsha on {keys.root(partition)}"] = None

        asked = [(partition, firsts.get(partition, ())) for partition in range(self._link.partitions)]
        found = each_alone(self._link, asked, ask)
        if isinstance(found.error, StoreUnsuitable):
            raise found.error
        found.expect_some(self._link)
        self.ms = round(1000 * slowest, 3)
        return list(refused)

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
            name = keys.layout(partition)
            found: Any = self._link.ask("GET", name, lambda client: client.get(name))
        except StoreUnavailable as error:
            if error.kind != "noperm" and len(self._link.servers()) == 1:
                raise
            return True
        return found is not None and f"born={ours}" in found.decode("utf-8", "replace").split()
