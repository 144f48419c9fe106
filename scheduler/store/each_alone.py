"""One call after the other for several partitions: where one server is away, the others are asked all the same."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Generic, TypeVar

from scheduler.errors import StoreUnavailable
from scheduler.store import keys
from scheduler.store.link import Link

T = TypeVar("T")
R = TypeVar("R")

#: Where servers are as long as it is not known which there are.
_NOWHERE = 0


class EachAlone(Generic[T, R]):
    """What became of such calls."""

    def __init__(self) -> None:
        #: Of each call that was answered, what it was given and its answer.
        self.done: list[tuple[T, R]] = []
        #: What was given to calls that failed, or were not made.
        self.left: list[tuple[int, T]] = []
        #: The last; and by partition, of those that were asked.
        self.error: StoreUnavailable | None = None
        self.errors: dict[int, StoreUnavailable] = {}
        #: Servers that did not answer the last call, and all that were asked.
        self.away: set[int] = set()
        self.asked: set[int] = set()

    def failed(self, place: int, error: StoreUnavailable) -> None:
        self.error = error
        if error.kind != "cluster":
            self.away.add(place)

    def join(self, before: EachAlone[T, Any]) -> None:
        """What failed before these were called has failed, too."""
        self.left += before.left
        self.away |= before.away
        self.asked |= before.asked
        self.error = self.error or before.error

    def expect_some(self, link: Link) -> None:
        """Raises StoreUnavailable if no call was answered, and no server is there that was not asked and may answer:
        a caller goes on with what lives there."""
        if self.error is None or not (self.asked <= self.away or not self.done):
            return
        if _NOWHERE in self.away or all(id(it) in self.asked or it.is_away for it, _ in link.by_server()):
            raise self.error


def each_alone(link: Link, calls: Iterable[tuple[int, T]], ask: Callable[[int, T], R]) -> EachAlone[T, R]:
    """Call `ask` for each partition with what is for it. After a server did not answer it is not asked again; one that
    said that just this partition is elsewhere is."""
    found = EachAlone[T, R]()
    for partition, given in calls:
        place = _place(link, partition, found)
        if place is not None and place not in found.away:
            found.asked.add(place)
            try:
                found.done.append((given, ask(partition, given)))
                continue
            except StoreUnavailable as error:
                found.failed(place, error)
                found.errors[partition] = error
        found.left.append((partition, given))
    return found


def run_each_alone(link: Link, script: str, calls: Sequence[tuple[int, T, Sequence[str | int]]]) -> EachAlone[T, Any]:
    """The same with a script and its arguments, in one round trip a server. What a partition is given in several parts
    it gets one after the other, so that the server serves others in between."""
    return SentEachAlone(link, script, calls).found()


class SentEachAlone(Generic[T]):
    """Such calls of a script, the first for each partition sent at once, whose replies are read later."""

    def __init__(self, link: Link, script: str, calls: Sequence[tuple[int, T, Sequence[str | int]]]) -> None:
        self._link = link
        self._script = script
        self._found = EachAlone[T, Any]()
        self._waiting = list(calls)
        self._send()

    def found(self) -> EachAlone[T, Any]:
        """To be called once."""
        self._read()
        while self._waiting:
            self._send()
            self._read()
        return self._found

    def _send(self) -> None:
        found = self._found
        now, self._waiting = _first_of_each(self._waiting)
        self._asked: list[tuple[int, tuple[int, T, Sequence[str | int]]]] = []
        for call in now:
            place = _place(self._link, call[0], found)
            if place is None or place in found.away:
                found.left.append(call[:2])
            else:
                found.asked.add(place)
                self._asked.append((place, call))
        self._replies = _no_replies
        if self._asked:
            words = [(partition, args) for _, (partition, _, args) in self._asked]
            self._replies = self._link.send_each(self._script, words)

    def _read(self) -> None:
        found = self._found
        for (place, (partition, given, _)), reply in zip(self._asked, self._replies(), strict=True):
            if not isinstance(reply, StoreUnavailable):
                found.done.append((given, reply))
                continue
            found.failed(place, reply)
            found.errors[partition] = reply
            found.left.append((partition, given))


def _no_replies() -> list[Any]:
    """Of nothing."""
    return []


def _first_of_each(calls: Sequence[tuple[int, T, Sequence[str | int]]]) -> tuple[list[Any], list[Any]]:
    """Of each partition the first, and the rest."""
    first: dict[int, Any] = {}
    rest = []
    for call in calls:
        if call[0] in first:
            rest.append(call)
        else:
            first[call[0]] = call
    return list(first.values()), rest


def _place(link: Link, partition: int, found: EachAlone[T, Any]) -> int | None:
    """Of its server; None where that is not known."""
    if _NOWHERE in found.away:
        return None
    try:
        return id(link.server_of(keys.root(partition)))
    except StoreUnavailable as error:
        found.failed(_NOWHERE, error)
        return None
