"""Pure: what CLUSTER NODES says, as frozen data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Role:
    id: str
    port: int
    #: Of a replica the id of its primary, else "".
    follows: str
    #: Whether others take it for dead.
    has_failed: bool
    #: Slots that are its own, first and last of each range.
    ranges: tuple[tuple[int, int], ...] = ()
    #: Slots that are on their way to it, or from it.
    moving: tuple[int, ...] = ()

    def has(self, slot: int) -> bool:
        return any(first <= slot <= last for first, last in self.ranges)


def read_roles(text: str) -> list[Role]:
    """One of each line."""
    return [_role(line.split()) for line in text.splitlines() if line]


def _role(words: list[str]) -> Role:
    node_id, address, flags, primary, *_ = words
    known = set(flags.split(","))
    return Role(
        id=node_id,
        port=int(address.partition("@")[0].rpartition(":")[2]),
        follows="" if primary == "-" else primary,
        has_failed=bool(known & {"fail", "fail?", "noaddr", "handshake"}),
        ranges=tuple(_range(word) for word in words[8:] if not word.startswith("[")),
        moving=tuple(int(word[1:].partition("-")[0]) for word in words[8:] if word.startswith("[")),
    )


def _range(word: str) -> tuple[int, int]:
    first, _, last = word.partition("-")
    return int(first), int(last or first)
