"""Whether a store can say truly that a write is on its disk. Pure: a decision over what the store tells of itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: The first version with WAITAOF.
_HAS_WAITAOF = (7, 2, 0)
#: Of Redis, from the first version on whose WAITAOF answers with `everysec` before the file is on the disk, up to the
#: first that waits again (redis#13793).
_EARLY_REDIS = ((7, 4, 0), (7, 4, 3))
#: The same of Valkey, of which 9.1.2 is still so: of 25 writes 21 were acknowledged before any fsync
#: (`python -m tests.faults.receipts waitaof`). No version that is mended is known.
_EARLY_VALKEY = (8, 0, 0)


def refusal(info: Mapping[str, Any] | None, appendfsync: str | None) -> str | None:
    """Why `fsync` cannot be promised, in words for a client; None if it can.

    `info`: what INFO says, `appendfsync`: what CONFIG GET says; None where the store refuses to tell.
    """
    if info is None:
        return "the store refuses INFO, so it is not known whether it can"
    if not info.get("aof_enabled"):
        return "the store keeps no append-only file"
    server = "valkey" if info.get("server_name") == "valkey" else "redis"
    text = str(info.get(f"{server}_version", ""))
    version = _numbers(text)
    if version < _HAS_WAITAOF:
        return f"the store is {server} {text}, which has no WAITAOF: it needs Redis 7.2 or Valkey 7.2"
    if appendfsync == "always":
        return None
    if appendfsync == "no":
        return "the store runs with appendfsync no, and so never knows what is on its disk"
    if _answers_early(server, version):
        known = "everysec" if appendfsync else "a setting that it refuses to tell (CONFIG GET)"
        return (
            f"the store is {server} {text} with appendfsync {known}, which says so before it is true (redis#13793): "
            "it needs appendfsync always"
        )
    return None


def _answers_early(server: str, version: tuple[int, ...]) -> bool:
    if server == "valkey":
        return version >= _EARLY_VALKEY
    first, mended = _EARLY_REDIS
    return first <= version < mended


def _numbers(text: str) -> tuple[int, ...]:
    """The three numbers of a version; zeros for what is none."""
    parts = [int(part) if part.isdigit() else 0 for part in text.split("-")[0].split(".")]
    return tuple([*parts, 0, 0, 0][:3])
