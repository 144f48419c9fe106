"""What would be moved, and whether it can be: asked before anything is done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from scheduler.errors import StoreUnavailable
from scheduler.store import server_words
from scheduler.store.memory import StoreMemory
from scheduler.store.moving.kinds import key_of
from scheduler.store.moving.reading import rehearse
from scheduler.store.moving.side import Side
from scheduler.store.server import Server
from scheduler.store.server_words import Said

#: What is told of, by the kinds of keys.
_TOLD = {"timer": "timers", "schedule": "schedules", "rule": "rules of destinations"}
_STRINGS = {"idem": "idempotency keys", "session": "sessions"}
#: ms by which two clocks may differ without a word.
_CLOCKS = 1000
#: Of the room of the target, what is left free: an append-only file is rewritten beside it.
_SPARE = 0.1


@dataclass(frozen=True, slots=True)
class MoveSurvey:
    """What a look at both stores has found."""

    source: str
    target: str
    #: Of each.
    partitions: tuple[int, int]
    #: As each says, `valkey 9.0.1`.
    versions: tuple[str, str]
    #: How many there are, by what they are, in words.
    counts: Mapping[str, int] = field(default_factory=dict)
    #: That they take in the source, about; None if it does not tell.
    bytes: int | None = None
    #: That the target may still take; None if it does not tell, or takes any number.
    room: int | None = None
    #: ms by which the clock of the target is ahead of that of the source.
    clock_ahead: int = 0
    #: What is worth a look.
    warnings: Sequence[str] = ()
    #: Why it cannot be moved so; each names the option that it is about.
    refusals: Sequence[str] = ()


def look(source: Side, target: Side) -> MoveSurvey:
    """Raises MoveError for a store that does not answer."""
    rehearse(source)
    counts, unknown, dataset = _count(source)
    infos = {side.option: [_info(side, server) for server in side.call(side.link.servers)] for side in (source, target)}
    ahead = target.now_ms() - source.now_ms()
    memory = StoreMemory(target.link).read()
    room = memory.most - memory.used if memory.most and memory.used is not None else None
    refusals = [*_unsuitable(infos), *_forbidden(source), *_forbidden(target)]
    refusals += [
        f"--from: this version does not know what the key {name!r} is: move with a later one" for name in unknown
    ]
    if room is not None and dataset is not None and dataset > (1 - _SPARE) * room:
        refusals.append(
            f"--to: {dataset:,} bytes are to be moved, and the store there has room for {room:,}: raise its maxmemory"
        )
    warnings = [f"--to: {text}" for text in server_words.warnings(infos[target.option], False)]
    if abs(ahead) > _CLOCKS:
        way = "ahead of" if ahead > 0 else "behind"
        warnings.append(
            f"--to: its clock is {abs(ahead) / 1000:.1f} s {way} that of --from: timers go by it from then on"
        )
    return MoveSurvey(
        source=source.where,
        target=target.where,
        partitions=(source.partitions, target.partitions),
        versions=(_versions(infos[source.option]), _versions(infos[target.option])),
        counts=counts,
        bytes=dataset,
        room=room,
        clock_ahead=ahead,
        warnings=warnings,
        refusals=refusals,
    )


def _count(source: Side) -> tuple[dict[str, int], list[str], int | None]:
    """How many there are; keys of none of the known kinds, a few; and bytes."""
    counts: Counter[str] = Counter()
    unknown: list[str] = []
    by_server: Counter[str] = Counter()
    servers: dict[str, Server] = {}
    for server, names in source.names():
        servers[server.name] = server
        by_server[server.name] += len(names)
        for name in names:
            key = key_of(name, source.partitions)
            if key.kind == "unknown" and len(unknown) < 3:
                unknown.append(name)
            word = _STRINGS.get(key.rest.partition(":")[0]) if key.kind == "string" else _TOLD.get(key.kind)
            if word:
                counts[word] += 1
    sizes = [_size(source, server, by_server[name]) for name, server in servers.items()]
    known = [it for it in sizes if it is not None]
    return dict(counts), unknown, sum(known) if len(known) == len(sizes) else None


def _size(source: Side, server: Server, ours: int) -> int | None:
    """The bytes of so many keys of a server, if all its keys are alike."""
    info = _info(source, server)
    dataset = (info or {}).get("used_memory_dataset")
    if dataset is None:
        return None

    def count() -> int:
        with server.translated("DBSIZE"):
            return int(server.client.dbsize())

    try:
        return round(int(dataset) * min(1.0, ours / max(1, count())))
    except StoreUnavailable:
        return int(dataset)


def _info(side: Side, server: Server) -> Said | None:
    return side.call(lambda: server_words.info(server))


def _versions(infos: Sequence[Said | None]) -> str:
    said = {" ".join(server_words.server_and_version(info)).strip() for info in infos if info is not None}
    return ", ".join(sorted(said)) or "unknown"


def _unsuitable(infos: Mapping[str, Sequence[Said | None]]) -> Iterator[str]:
    for option, each in infos.items():
        for info in each:
            try:
                server_words.check(info or {})
            except StoreUnavailable as error:
                yield f"{option}: {error}"
    for info in infos["--to"]:
        if server_words.may_evict(info):
            yield "--to: the store there may throw timers away: set its maxmemory-policy to noeviction"


def _forbidden(side: Side) -> Iterator[str]:
    """Commands that an access list forbids its user."""
    found: set[str] = set()
    for partition in range(side.partitions):
        forbidden = side.call(lambda it=partition: side.link.run("permissions", it))  # type: ignore[misc]
        found |= {command.decode().lower() for command in forbidden}
    if found:
        yield f"{side.option}: its access list forbids {', '.join(sorted(found))}"
