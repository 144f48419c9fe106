"""Effects in Redis or Valkey, each once: the effect's commands and the webhook-id in one MULTI."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import redis
from redis.client import Pipeline

from timer_service.once.marks import KEEP, SCOPE, Busy, NotInOneTransaction, PartlyDone, checked

__all__ = ["KEEP", "Busy", "NotInOneTransaction", "PartlyDone", "first_time", "key_of"]

#: How often a transaction is tried whose connection was lost, or whose mark another request has set meanwhile.
_TRIES = 5
#: What a mark holds whose effect failed in part; otherwise 16 hexadecimal digits, by which a request knows its own.
_FAILED = "failed"


def key_of(webhook_id: str, scope: str = SCOPE) -> str:
    """Where the mark stands, for scripts of your own. Raises TypeError, ValueError."""
    return "once:{}:{}".format(*checked(webhook_id, scope))


def first_time(
    client: redis.Redis,
    webhook_id: str,
    effect: Callable[[Pipeline], object],
    *,
    scope: str = SCOPE,
    keep: timedelta = KEEP,
) -> bool:
    """Run the commands that `effect` queues, if this webhook-id has not been seen; says whether it did.

    `effect` gets the pipeline and only queues commands: they run in one MULTI, together with the mark. It may be called
    several times, where the connection was lost; what it queued before is dropped. If it raises, nothing is stored.
    `webhook_id` is what verify() returned. Different scopes know nothing of each other.

    Raises NotInOneTransaction; Busy; PartlyDone if a command failed when it was run, for Redis undoes none;
    redis.RedisError if nothing is known: answer 503, the repeat will tell; TypeError for clients of other kinds
    (asyncio, clusters); ValueError.
    """
    if not isinstance(client, redis.Redis) or isinstance(client, Pipeline):
        raise TypeError(
            f"client: a redis.Redis is needed, of which a transaction is made here, not {type(client).__name__}"
        )
    if keep <= timedelta(0):
        raise ValueError("keep: a positive length of time is needed")
    key, own = key_of(webhook_id, scope), secrets.token_hex(8)
    for _ in range(_TRIES):
        with client.pipeline(transaction=True) as pipe:
            try:
                pipe.watch(key)  # type: ignore[no-untyped-call]
                if (found := pipe.get(key)) is not None:
                    return _is_own(found, own)
                _queue(pipe, effect, key, own, keep)
                replies = pipe.execute(raise_on_error=False)
            except redis.WatchError:  # somebody else has set it, or the connection was lost: it may be done
                continue
        return _looked_through(client, key, replies)
    raise Busy(f"webhook-id {webhook_id}: the transaction was interrupted {_TRIES} times")


def _queue(pipe: Pipeline, effect: Callable[[Pipeline], object], key: str, own: str, keep: timedelta) -> None:
    pipe.multi()
    # First, so that an effect that runs the transaction itself runs the mark with it.
    pipe.set(key, own, px=max(1, int(keep.total_seconds() * 1000)), nx=True)
    effect(pipe)
    if not pipe.explicit_transaction:
        raise NotInOneTransaction("effect must only queue commands: it has run or reset the pipeline that it was given")


def _is_own(found: Any, own: str) -> bool:
    """Of a mark that stands already. Raises PartlyDone."""
    text = found.decode() if isinstance(found, bytes) else str(found)
    if text == _FAILED:
        raise PartlyDone("a command of this webhook-id's effect failed when it came first")
    return text == own


def _looked_through(client: redis.Redis, key: str, replies: list[Any]) -> bool:
    failed = next((it for it in replies if isinstance(it, Exception)), None)
    if failed is None:
        return True
    client.set(key, _FAILED, xx=True, keepttl=True)
    raise PartlyDone(f"a command of the effect failed, and the others are done: {failed}") from failed
