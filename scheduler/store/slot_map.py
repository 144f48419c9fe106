"""Which node of a cluster has which of its 16,384 slots, as one of them tells it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from redis.crc import key_slot

from scheduler.store_address import Host

SLOTS = 16_384


@dataclass(frozen=True, slots=True)
class SlotMap:
    """The primaries of a cluster, and whose each slot is; None: nobody's."""

    hosts: tuple[Host, ...]
    of_slot: Sequence[Host | None]
    #: Replicas of each: one of them may be the next primary.
    replicas: Mapping[Host, tuple[Host, ...]]

    def host(self, key: str) -> Host | None:
        """The primary that has this key."""
        return self.of_slot[key_slot(key.encode())]


def read_slots(reply: Sequence[Sequence[Any]], asked: Host) -> SlotMap:
    """What CLUSTER SLOTS answers, hosts as they are announced. `asked`: who answered, for one that has no name."""
    of_slot: list[Host | None] = [None] * SLOTS
    replicas: dict[Host, tuple[Host, ...]] = {}
    for first, last, primary, *others in reply:
        host = _host(primary, asked)
        if host is None:
            continue
        of_slot[first : last + 1] = [host] * (last + 1 - first)
        replicas[host] = tuple(filter(None, (_host(it, asked) for it in others)))
    return SlotMap(tuple(replicas), of_slot, replicas)


def _host(node: Sequence[Any], asked: Host) -> Host | None:
    """None for a node of which it is not known where it is."""
    name = (node[0] or b"").decode()
    return None if name == "?" else Host(name or asked.name, int(node[1]))
