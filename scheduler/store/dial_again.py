"""What becomes of a call whose connection broke: tried once more, and whether the store may have done it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import redis
from redis.retry import Retry

from scheduler.store import refusals


class OnceMore(Retry):
    """Notes on what it raises whether an earlier try was sent: its reply was lost, so the store may have done it.

    Without that the error tells of the last try alone, which a store that is gone by then, or full, did not do.
    """

    NOTE = "an earlier try was sent"

    def call_with_retry(self, do: Callable[[], Any], fail: Callable[..., Any], *args: Any, **options: Any) -> Any:
        sent = False

        def failed(error: Exception, *count: int) -> None:
            nonlocal sent
            sent = sent or not (unconnected(error) or _is_proof(error))
            fail(error, *count)

        try:
            return super().call_with_retry(do, failed, *args, **options)
        except redis.RedisError as error:
            if sent:
                error.add_note(self.NOTE)
            raise


def unconnected(error: Exception) -> bool:
    """Whether nothing was sent: redis-py's own words for a connection that was never made."""
    return "connecting to" in str(error)


def asked_before(error: Exception) -> bool:
    """Whether an earlier try of the same call was sent."""
    return OnceMore.NOTE in getattr(error, "__notes__", ())


def _is_proof(error: Exception) -> bool:
    """Whether the store answered that it had not begun."""
    return isinstance(error, redis.RedisError) and not refusals.may_have_run(error)
