"""One of the two stores of a move: calls that are made again while it is away, and what it says of itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from scheduler.errors import MoveError, StoreUnavailable
from scheduler.settings import Settings
from scheduler.store import keys, layout
from scheduler.store.moving import fences
from scheduler.store.open_link import open_link
from scheduler.store.server import Server
from scheduler.store_url import parse

T = TypeVar("T")

#: Kinds of failures that end by themselves. A store that is full, or refuses its user, waits for somebody.
_PASSING = ("away", "busy", "cluster", "loading", "readonly", "replica")
_PAUSE = 0.5
#: Keys that one SCAN looks at: 1 ms.
_AT_ONCE = 1000
_EVERY_KEY = "timers:*"


class Side:
    """Not shared by threads. Raises MoveError, whose message names the option, for what does not end within
    `patience` seconds. close() ends its connections."""

    def __init__(self, option: str, settings: Settings, patience: float) -> None:
        """`settings`: with the URL of this store."""
        self.option = option
        self.where = parse(settings.redis_url).told
        self.link = open_link(settings)
        #: Partitions that an empty store gets.
        self.at_birth = settings.partitions or self.link.AT_BIRTH
        self._patience = patience

    @property
    def partitions(self) -> int:
        return self.link.partitions

    def call(self, what: Callable[[], T]) -> T:
        """What is safe to be made again."""
        until = time.monotonic() + self._patience
        while True:
            try:
                return what()
            except StoreUnavailable as error:
                if error.kind == "oom":
                    raise MoveError(f"{self.option}: the store there is full: give it more memory") from error
                if error.kind not in _PASSING or time.monotonic() >= until:
                    raise MoveError(f"{self.option}: {error}") from error
            time.sleep(_PAUSE)

    def run_each(self, script: str, calls: Sequence[tuple[int, Sequence[str | bytes | int]]]) -> list[Any]:
        """One script on many partitions, each with its arguments."""

        def all_of_them() -> list[Any]:
            replies = self.link.run_each(script, calls)
            for reply in replies:
                if isinstance(reply, StoreUnavailable):
                    raise reply
            return replies

        return self.call(all_of_them)

    def layout(self, partition: int) -> bytes:
        """b"" of a partition that was never used."""
        name = keys.layout(partition)
        found: Any = self.call(lambda: self.link.ask("GET", name, lambda client: client.get(name)))
        return found or b""

    def layouts(self) -> list[bytes]:
        """Of as many partitions as a store may have."""
        return [self.layout(partition) for partition in range(keys.SLOTS)]

    def change_layout(self, partition: int, changed: Callable[[bytes], bytes]) -> bytes:
        """Write what `changed` makes of a layout as it stands; it is called again if another was first. It may raise
        MoveError."""
        while True:
            before = self.layout(partition)
            after = changed(before)
            if after == before:
                return after
            args = [before, after]
            stands: bytes = self.call(lambda args=args: self.link.run("replace_layout", partition, args))  # type: ignore[misc]
            if stands == after:
                return after

    def now_ms(self) -> int:
        """By the clock of its first partition."""
        name = keys.root(0)
        seconds, us = self.call(lambda: self.link.ask("TIME", name, lambda client: client.time()))
        return int(seconds) * 1000 + int(us) // 1000

    def names(self) -> Iterator[tuple[Server, list[str]]]:
        """All keys of the service, some at a time; one may be told twice."""
        for server in self.call(self.link.servers):
            cursor: int | None = None
            while cursor != 0:
                cursor, names = self.call(lambda at=cursor or 0, of=server: _scan(of, at))  # type: ignore[misc]
                if names:
                    yield server, names

    def remove_all(self) -> None:
        """All keys of the service; those of the layout last, so that what is half removed is refused by everybody."""
        layouts = [keys.layout(partition) for partition in range(keys.SLOTS)]
        for server, names in self.names():
            self.call(lambda of=server, gone=names: _remove(of, [it for it in gone if it not in layouts]))  # type: ignore[misc]
        for name in layouts:
            self.call(lambda it=name: self.link.ask("DEL", it, lambda client: client.delete(it)))  # type: ignore[misc]

    def refuse_unless_served(self, raw: bytes) -> None:
        """Raises MoveError for the layout of a store that this version could not serve, moved or not."""
        reason = layout.refusal(fences.lifted(raw), None)
        if reason:
            raise MoveError(f"{self.option}: {reason}")

    def close(self) -> None:
        self.link.close()


def _scan(server: Server, cursor: int) -> tuple[int, list[str]]:
    with server.translated("SCAN"):
        found: Any = server.client.scan(cursor, match=_EVERY_KEY, count=_AT_ONCE)
    return int(found[0]), [name.decode() for name in found[1]]


def _remove(server: Server, names: Sequence[str]) -> None:
    with server.translated("DEL"):
        calls = server.client.pipeline(transaction=False)
        for name in names:
            calls.delete(name)
        calls.execute()
