"""What the source of a move tells of its keys, many at a time. Each call raises MoveError."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from scheduler.store import keys
from scheduler.store.moving.kinds import Key
from scheduler.store.moving.parts import Part, Value, Write
from scheduler.store.moving.side import Side
from scheduler.store.moving.sums import Found
from scheduler.store.moving.whole_timer import WholeRow

#: Timers that one call reads: 2 ms.
_TIMERS = 100
#: Answers to PTTL: of a key that has no end, and of none.
_STAYS, _GONE = -1, -2
#: A key that never is.
_NOTHING = "permissions"
#: What all partitions know alike, by the kind of each key.
_TOLD = {
    **dict.fromkeys(("held", "signing"), "hash"),
    **dict.fromkeys(("changed", "unheld", "signing_changes"), "set"),
    "holds": "string",
}


def read_timers(source: Side, ids: Sequence[tuple[int, str]]) -> Iterator[WholeRow]:
    """Those that there are, by partition and id."""
    left: dict[int, list[str]] = {}
    for partition, timer_id in ids:
        left.setdefault(partition, []).append(timer_id)
    while left:
        asked = [
            (partition, share[first : first + _TIMERS])
            for partition, share in left.items()
            for first in range(0, len(share), _TIMERS)
        ]
        left = {}
        for (partition, some), reply in zip(asked, source.run_each("read_whole", asked), strict=True):
            rows = [WholeRow(*row) for row in zip(*[iter(reply)] * len(WholeRow._fields), strict=True)]
            if len(rows) < len(some):  # they were large
                left.setdefault(partition, []).extend(some[len(rows) :])
            yield from (row for row in rows if row.record)


def read_strings(source: Side, found: Sequence[Key], partitions: int) -> Iterator[Part]:
    """Idempotency keys and sessions, for a store of so many partitions, with the time that each has left."""

    def ask(calls: Any, name: str) -> None:
        calls.get(name).pttl(name)

    for key, (text, ms) in zip(found, _each(source, found, ask, 2), strict=True):
        if text is not None and ms not in (0, _GONE):
            partition = keys.slot_of_digest(bytes.fromhex(key.name)) % partitions
            write = Write("string", key.rest, [text]) if ms == _STAYS else Write("passing", key.rest, [text, ms])
            yield Part(partition, True, [write])


def read_schedules(source: Side, found: Sequence[Key], partitions: int) -> Iterator[Part]:
    """For a store of so many partitions."""

    def ask(calls: Any, name: str) -> None:
        beginning, _, schedule = name.partition(":schedule:")
        calls.hgetall(name).zscore(f"{beginning}:schedules", schedule).zscore(f"{beginning}:planned", schedule)

    for key, (fields, is_listed, look_at) in zip(found, _each(source, found, ask, 3), strict=True):
        if not fields:
            continue
        writes = [Write("hash", key.rest, [value for field in fields.items() for value in field])]
        if is_listed is not None:
            writes.append(Write("set", "schedules", [0, key.name]))
        if look_at is not None:
            writes.append(Write("set", "planned", [f"{look_at:.0f}", key.name]))
        yield Part(keys.partition_of_key(key.name, partitions), False, writes)


def read_rules(source: Side, tags: Sequence[str]) -> Iterator[tuple[str, list[Value]]]:
    """What limits destinations: key, and arguments of put_rule.lua."""
    found = [Key("rule", name=tag) for tag in tags]

    def ask(calls: Any, name: str) -> None:
        calls.hgetall(name).zrange(f"{name}:permits", 0, -1, withscores=True)

    for tag, (fields, permits) in zip(tags, _each(source, found, ask, 2), strict=True):
        if fields:
            leases: list[Value] = [value for permit, ms in permits for value in (f"{ms:.0f}", permit)]
            yield keys.destination(tag), [len(permits), *leases, *(value for it in fields.items() for value in it)]


def read_told(source: Side) -> Iterator[Write]:
    """What all partitions know of destinations: as the first one does, which is told first."""
    for key, kind in _TOLD.items():
        name = keys.prefix(0) + key
        values: list[Value] = []
        if kind == "hash":
            fields: Any = _ask(source, name, "HGETALL", lambda client, it: client.hgetall(it))
            values = [value for field in fields.items() for value in field]
        elif kind == "set":
            members: Any = _ask(source, name, "ZRANGE", lambda client, it: client.zrange(it, 0, -1, withscores=True))
            values = [value for member, score in members for value in (f"{score:.0f}", member)]
        elif text := _ask(source, name, "GET", lambda client, it: client.get(it)):
            values = [text]
        if values:
            yield Write(kind, key, values)


def read_sums(source: Side, found: Sequence[Key]) -> list[Found]:
    """What partitions have counted and seen."""
    sets, lists = ("failing", "busiest", "untold"), ("lateness",)
    read = []
    for key in found:
        name = keys.prefix(key.partition) + key.rest
        if key.rest in sets:
            members: Any = _ask(source, name, "ZRANGE", lambda client, it: client.zrange(it, 0, -1, withscores=True))
            read.append(Found(key.partition, key.rest, {}, members, ()))
        elif key.rest in lists:
            items: Any = _ask(source, name, "LRANGE", lambda client, it: client.lrange(it, 0, -1))
            read.append(Found(key.partition, key.rest, {}, (), items))
        else:
            fields: Any = _ask(source, name, "HGETALL", lambda client, it: client.hgetall(it))
            read.append(Found(key.partition, key.rest, fields, (), ()))
    return read


def rehearse(source: Side) -> None:
    """Whether its user may read so: with every call that is made here, of keys that there are not."""

    def ask(calls: Any, name: str) -> None:
        calls.get(name).pttl(name).hgetall(name).zscore(name, "").zrange(name, 0, -1).lrange(name, 0, -1)
        calls.zcount(name, 0, 0)

    for _ in _each(source, [Key("of processes", 0, _NOTHING)], ask, 7):
        pass


def _ask(source: Side, name: str, command: str, question: Any) -> Any:
    return source.call(lambda: source.link.ask(command, name, lambda client: question(client, name)))


def _each(source: Side, found: Sequence[Key], ask: Any, answers: int) -> Iterator[list[Any]]:
    """So many answers for each key, in one round trip a server."""
    replies: dict[int, list[Any]] = {}
    shares: dict[int, tuple[Any, list[int]]] = {}
    names = [keys.destination(it.name) if it.kind == "rule" else keys.prefix(it.partition) + it.rest for it in found]
    for number, name in enumerate(names):
        server = source.call(lambda it=name: source.link.server_of(it))  # type: ignore[misc]
        shares.setdefault(id(server), (server, []))[1].append(number)

    def ask_all(server: Any, numbers: list[int]) -> list[Any]:
        with server.translated("a read"):
            calls = server.client.pipeline(transaction=False)
            for number in numbers:
                ask(calls, names[number])
            return list(calls.execute())

    for server, numbers in shares.values():
        told = source.call(lambda of=server, which=numbers: ask_all(of, which))  # type: ignore[misc]
        for place, number in enumerate(numbers):
            replies[number] = told[answers * place : answers * (place + 1)]
    return (replies[number] for number in range(len(found)))
