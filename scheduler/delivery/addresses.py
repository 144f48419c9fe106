"""In which order the addresses of a host are tried, and how soon the next one is (RFC 8305, "Happy Eyeballs")."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Iterable

#: Host and port.
Origin = tuple[str, int]

#: Seconds that an address has for connecting before the next is tried beside it: RFC 8305, 5, recommends 250 ms. A
#: host on the other side of the world connects in less; and one that does not has not lost, it is only raced.
_PAUSE = 0.25
#: Addresses tried in one attempt. Each may hold a file, and whoever owns a name can give it thousands.
MOST_TRIED = 8
#: Seconds for which the address that connected last is tried first (RFC 8305, 4: at most ten minutes).
_REMEMBER = 600.0
_MOST_REMEMBERED = 4096


def pause(seconds_left: float, addresses: int) -> float:
    """Seconds until the next address is tried: every one has its turn in the first half of the time that is left."""
    return min(_PAUSE, seconds_left / (2 * addresses))


class Order:
    """Remembers which address of a host answered when its first did not. Safe in any thread."""

    def __init__(self) -> None:
        self._good: OrderedDict[Origin, tuple[float, str]] = OrderedDict()

    def of(self, origin: Origin, addresses: Iterable[str]) -> list[str]:
        """The addresses to try, in turn: the one that is known to answer, then IPv6 and IPv4 alternating."""
        found = list(dict.fromkeys(addresses))
        if len(found) == 1:
            return found
        until, good = self._good.get(origin, (0.0, ""))
        if good in found and time.monotonic() < until:
            found.remove(good)
            found.insert(0, good)
        first = [address for address in found if (":" in address) == (":" in found[0])]
        second = [address for address in found if address not in first]
        paired = [address for pair in zip(first, second, strict=False) for address in pair]
        return (paired + first[len(second) :] + second[len(first) :])[:MOST_TRIED]

    def answered(self, origin: Origin, address: str) -> None:
        """This address connected though it was not the first."""
        self._good[origin] = (time.monotonic() + _REMEMBER, address)
        self._good.move_to_end(origin)
        if len(self._good) > _MOST_REMEMBERED:
            self._good.popitem(last=False)
