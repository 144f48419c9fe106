"""How many look-ups may be under way at once: names that hang leave places for those that have answered."""

from __future__ import annotations

import threading
from collections import OrderedDict

#: Look-ups of names that were not answered promptly the last time, or never asked for: a thread and a file each.
#: `getaddrinfo` knows no timeout, and a silent name server holds its thread for 10 s or more.
OTHERS = 256
_PROMPT = 64
#: Seconds within which a name server that works has answered.
_SOON = 1.0
_MOST_REMEMBERED = 4096


class Places:
    """Hands out places for look-ups. Shared by threads; nothing closes it."""

    def __init__(self, others: int = OTHERS) -> None:
        self._prompt, self._others = threading.BoundedSemaphore(_PROMPT), threading.BoundedSemaphore(others)
        self._prompt_hosts: OrderedDict[str, None] = OrderedDict()

    def take(self, host: str, seconds: float) -> threading.BoundedSemaphore | None:
        """The place of this host's look-up, to be released; None if none became free within so many seconds."""
        places = self._prompt if host in self._prompt_hosts else self._others
        return places if places.acquire(timeout=seconds) else None

    def note(self, host: str, seconds: float) -> None:
        """A look-up has ended that took so long. Call it from one thread at a time."""
        self._prompt_hosts.pop(host, None)
        if seconds < _SOON:
            self._prompt_hosts[host] = None
            if len(self._prompt_hosts) > _MOST_REMEMBERED:
                self._prompt_hosts.popitem(last=False)
