"""Whether the store can keep the guarantees: what its settings say, and whether a write goes through."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from scheduler.errors import StoreUnsuitable
from scheduler.store.link import Link

_OLDEST = {"redis": (7, 0), "valkey": (7, 2)}


@dataclass(frozen=True, slots=True)
class Report:
    #: What is wrong with the store's settings, in words for an operator.
    warnings: tuple[str, ...]
    #: Whether the store may throw timers away by itself.
    may_evict: bool


class Health:
    def __init__(self, link: Link) -> None:
        self._link = link
        self._markers: dict[int, bytes] = {}

    def check(self) -> Report:
        """Write to every partition, and read the settings.

        Raises StoreUnavailable if a write fails, StoreUnsuitable if the store is too old.
        """
        lost = [partition for partition in range(self._link.partitions) if not self._write(partition)]
        info = self._link.info()
        server, version = _version(info)
        if version < _OLDEST[server]:
            oldest = ".".join(map(str, _OLDEST[server]))
            raise StoreUnsuitable(f"the store is {server} {'.'.join(map(str, version))}; {oldest} or later is needed")
        warnings = []
        if lost:
            warnings.append("the store came back empty while we were running: timers were lost; look at its disk")
        if not info.get("aof_enabled"):
            warnings.append("the store keeps no append-only file: a restart loses timers; set 'appendonly yes'")
        policy = str(info.get("maxmemory_policy", "noeviction"))
        if policy != "noeviction":
            warnings.append(f"the store's maxmemory-policy is {policy}: it may throw timers away; set 'noeviction'")
        may_evict = policy != "noeviction" and int(info.get("maxmemory", 0)) > 0
        return Report(tuple(warnings), may_evict)

    def _write(self, partition: int) -> bool:
        """The readiness write; False once the marker that we saw is no longer there."""
        ours = self._markers.get(partition)
        proposed = secrets.token_hex(8).encode()
        found = self._link.run("check", partition, [proposed])
        self._markers.setdefault(partition, found or proposed)
        return ours is None or found == ours


def _version(info: dict[str, object]) -> tuple[str, tuple[int, ...]]:
    server = "valkey" if info.get("server_name") == "valkey" else "redis"
    text = str(info.get(f"{server}_version", "0"))
    return server, tuple(int(part) for part in text.split(".")[:2] if part.isdigit())
