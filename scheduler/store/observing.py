"""What is seen of destinations: reported by pollers, kept in the partition that each destination's tag gives."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from scheduler.destinations import Observed
from scheduler.holds.breaker import Answered
from scheduler.holds.sums import Sum
from scheduler.origin import destination
from scheduler.store import keys
from scheduler.store.link import Link

#: Destinations that one call takes: 3 ms.
_AT_ONCE = 250


def report(link: Link, poller: str, sums: Sequence[Sum]) -> None:
    """Add to the sums of destinations. Raises StoreUnavailable; then part of it may have been added."""
    shares: dict[int, list[Sum]] = {}
    for it in sums:
        if id_of(it.url) is None:
            continue
        shares.setdefault(keys.partition_of_key(it.destination, link.partitions), []).append(it)
    for partition, share in shares.items():
        for first in range(0, len(share), _AT_ONCE):
            args: list[str | int] = [poller, secrets.token_urlsafe(9)]
            for it in share[first : first + _AT_ONCE]:
                args += [it.destination, id_of(it.url) or "", it.attempts, it.failures, it.duration_ms]
                args += [it.last_error or "", it.last_error_at, *(it.last_answered or ("", 0))]
            link.run("observe", partition, args)


def last_answered(link: Link, tag: str, now: int) -> Answered | None:
    """As any poller has reported it. `now`: ms by the store's clock. Raises StoreUnavailable."""
    words, *_ = link.run("destinations", keys.partition_of_key(tag, link.partitions), [tag])
    said = _words(words)
    if "answered_at" not in said:
        return None
    return Answered(int(said["answered_path"]), now - int(said["answered_at"]))


def id_of(url: str) -> str | None:
    """The destination of a URL; None of what another version may have stored, and is none."""
    try:
        return destination(url)
    except ValueError:
        return None


def read_observed(words: bytes) -> tuple[str, Observed]:
    """The destination's id, "" if it was never seen, and its sums."""
    said = _words(words)

    def moment(name: str) -> int | None:
        return int(said[name]) if name in said else None

    return said.get("id", ""), Observed(
        attempts=int(said.get("attempts", 0)),
        failures=int(said.get("failures", 0)),
        duration_ms=int(said.get("ms", 0)),
        last_error=said.get("error"),
        last_error_at=moment("error_at"),
        last_at=moment("at"),
    )


def _words(words: bytes) -> dict[str, str]:
    return dict(word.split("=", 1) for word in words.decode("utf-8", "replace").split(" ") if "=" in word)
