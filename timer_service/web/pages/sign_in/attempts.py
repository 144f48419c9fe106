"""How often one address may try a key that is wrong: it bounds what guesses cost, and fill the log with.

A key is 256 random bits, and is not guessed, however often somebody tries: one that is right is always taken.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address

#: At once, and then one more every so many seconds: ten a minute.
_AT_ONCE, _EACH = 10, 6.0
#: Addresses that are remembered: those that came last.
_REMEMBERED = 1024


class WrongAttempts:
    """Shared by threads; each process counts for itself."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        #: By address: wrong attempts that count still, and when that was counted.
        self._counted: dict[str, tuple[float, float]] = {}

    def wait(self, address: str) -> int:
        """0 if this address may be told that its key is wrong, else the whole seconds until it may."""
        with self._lock:
            return max(0, math.ceil((self._count(_network(address)) + 1 - _AT_ONCE) * _EACH))

    def wrong(self, address: str) -> None:
        """It tried, and the key was wrong."""
        name = _network(address)
        with self._lock:
            count = self._count(name)
            self._counted.pop(name, None)
            self._counted[name] = (count + 1, self._clock())
            if len(self._counted) > _REMEMBERED:
                del self._counted[next(iter(self._counted))]

    def _count(self, name: str) -> float:
        count, at = self._counted.get(name, (0.0, 0.0))
        return max(0.0, count - (self._clock() - at) / _EACH)


def _network(address: str) -> str:
    """Of IPv6 the first 64 bits: whoever has one address there has all."""
    try:
        found = ip_address(address)
    except ValueError:
        return ""
    return str(IPv6Address(int(found) >> 64 << 64)) if isinstance(found, IPv6Address) else str(found)
