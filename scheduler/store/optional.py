"""Asks the store for what it may well refuse: the least access list has none of it, and nothing depends on it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

import redis
from redis import exceptions

from scheduler.errors import StoreUnavailable

T = TypeVar("T")

#: Seconds for which a store that refused is not asked again: each time would be an entry of its log.
_REFUSED_FOR = 3600.0
#: What a node of a cluster answers that does not have the key, or not for long: MOVED is an ASK, too, to redis-py.
_CLUSTER = (exceptions.AskError, exceptions.TryAgainError, exceptions.ClusterDownError)


class Optional:
    """One such question. Shared by threads; raises nothing, and counts no failure of the store."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._ask_at = float("-inf")

    def ask(self, question: Callable[[], T]) -> T | None:
        """The answer to a call of redis-py; None if there is none."""
        if self._clock() < self._ask_at:
            return None
        try:
            return question()
        except _CLUSTER:
            pass  # a slot moves, or was moved
        except redis.ResponseError:
            self._ask_at = self._clock() + _REFUSED_FOR
        except (redis.RedisError, StoreUnavailable):
            pass  # the next call that matters will tell
        return None
