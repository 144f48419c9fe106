"""What a server says of itself: which it is, whether it can serve a store, and what is wrong with its settings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from scheduler.errors import StoreUnavailable, StoreUnsuitable
from scheduler.store.optional import Optional
from scheduler.store.server import OLDEST, Server

_OLDEST = {"redis": (7, 0), "valkey": (7, 2)}

#: What INFO says, or HELLO in the words of INFO.
Said = dict[str, Any]


def info(server: Server) -> dict[str, Any] | None:
    """None if the server refuses to tell."""
    try:
        return server.info()
    except StoreUnavailable as error:
        if error.kind != "noperm":
            raise
        return None


def hello(server: Server) -> dict[str, Any]:
    """What a server says of itself to any user, also to one without INFO; in the words of INFO."""
    with server.translated("HELLO"):
        said = server.client.execute_command("HELLO")  # type: ignore[no-untyped-call]
    pairs = said.items() if isinstance(said, dict) else zip(said[::2], said[1::2], strict=True)
    text = {_text(name): _text(value) for name, value in pairs}
    name = text.get("server", "redis")
    return {
        "server_name": name,
        f"{name}_version": text.get("version", ""),
        "redis_mode": text.get("mode"),
        "role": text.get("role"),
    }


def append_fsync(server: Server, config: Optional) -> str | None:
    """No part of INFO; None where CONFIG is refused."""
    said: Any = config.ask(lambda: server.client.config_get("appendfsync"))
    return said.get("appendfsync") if said else None


def check(said: Said) -> None:
    """Raises StoreUnsuitable for one that is too old; StoreUnavailable for a replica, which may become a primary."""
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
        raise StoreUnsuitable("the store is a sentinel: TIMER_REDIS_URL must be redis+sentinel://, and end in a name")


def is_of_cluster(said: Said) -> bool:
    """Whether it is a node of one."""
    return said.get("redis_mode") == "cluster" or said.get("server_mode") == "cluster"


def warnings(infos: Sequence[Said | None], was_emptied: bool) -> list[str]:
    found = []
    if was_emptied:
        found.append("the store came back empty while we were running: timers were lost; look at its disk")
    return list(dict.fromkeys([*found, *(text for info in infos for text in _warnings_of(info))]))


def _warnings_of(info: Said | None) -> Iterator[str]:
    """Of one server."""
    if info is None:
        yield "the store refuses INFO: whether it keeps an append-only file, may evict or is full is not known"
        return
    if not info.get("aof_enabled"):
        yield "the store keeps no append-only file: a restart loses timers; set 'appendonly yes'"
    policy = str(info.get("maxmemory_policy", "noeviction"))
    if policy != "noeviction":
        yield f"the store's maxmemory-policy is {policy}: it may throw timers away; set 'noeviction'"


def may_evict(info: Said | None) -> bool:
    policy = str((info or {}).get("maxmemory_policy", "noeviction"))
    return policy != "noeviction" and int((info or {}).get("maxmemory", 0)) > 0


def server_and_version(info: Said) -> tuple[str, str]:
    """Which it is, and its version, '' if it does not say."""
    server = "valkey" if info.get("server_name") == "valkey" else "redis"
    return server, str(info.get(f"{server}_version", ""))


def _version(info: Said) -> tuple[str, tuple[int, ...]]:
    """The server, and its version's first two numbers; none if it does not say."""
    server, text = server_and_version(info)
    return server, tuple(int(part) for part in text.split(".")[:2] if part.isdigit())


def _text(value: Any) -> Any:
    return value.decode() if isinstance(value, bytes) else value
