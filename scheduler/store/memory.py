"""Whether the store is over its maxmemory, as far as it tells."""

from __future__ import annotations

import logging
import time

import redis

from scheduler.store.link import Link

log = logging.getLogger(__name__)

#: Seconds for which an answer is good, and for which a store that refuses INFO is not asked again.
_GOOD_FOR, _REFUSED_FOR = 1.0, 60.0


class StoreMemory:
    """Asks INFO outside of scripts, where a refusal (access list, managed server) stops nothing. For one thread."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._full = False
        self._ask_at = 0.0

    def is_full(self) -> bool:
        """Up to a second old; False where the store does not tell. Never raises."""
        if time.monotonic() >= self._ask_at:
            self._full = self._asked()
        return self._full

    def _asked(self) -> bool:
        good_for = _GOOD_FOR
        try:
            memory = self._link.client.info("memory")
            return 0 < int(memory.get("maxmemory", 0)) <= int(memory.get("used_memory", 0))
        except (redis.ConnectionError, redis.TimeoutError):  # the call that follows will tell
            return self._full
        except redis.RedisError as error:
            log.info("the store does not tell how full it is: %s", error)
            good_for = _REFUSED_FOR
            return False
        finally:
            self._ask_at = time.monotonic() + good_for
