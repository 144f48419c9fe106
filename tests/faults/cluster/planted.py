"""Bugs that the lab must see. `python -m tests.faults.cluster.planted <bug> poller|api` is the product with one."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import redis
from redis.exceptions import AskError

from scheduler import StoreClock, StoreUnavailable
from scheduler.poller.due import DueTimes
from scheduler.store import claims
from scheduler.store.each_alone import EachAlone, run_each_alone
from scheduler.store.link import Link
from scheduler.store.sent import Sent
from scheduler.store.server import Call, Server
from scheduler.store.taking import Batch
from timer_service import cli

#: Seconds of a slow claim.
SLOW = 0.15


def follow_ask() -> None:
    """As redis-py's own cluster client does: a script writes into both halves of a slot that moves."""
    execute, replies = redis.Redis.execute_command, Server._replies

    def ask(error: AskError, *words: Any) -> Any:
        client = redis.Redis(error.host, error.port, single_connection_client=True)
        try:
            client.execute_command("ASKING")  # type: ignore[no-untyped-call]
            return execute(client, *words)  # type: ignore[no-untyped-call]
        except redis.exceptions.NoScriptError as unknown:
            return unknown
        finally:
            client.close()

    def execute_command(self: redis.Redis, *words: Any, **options: Any) -> Any:
        try:
            return execute(self, *words, **options)  # type: ignore[no-untyped-call]
        except AskError as error:
            found = ask(error, *words)
            if isinstance(found, Exception):
                raise error from found
            return found

    def each(self: Server, script: Any, calls: Sequence[Call]) -> list[Any]:
        return [
            ask(reply, "EVAL", script.script, 1, key, *args) if isinstance(reply, AskError) else reply
            for (key, args), reply in zip(calls, replies(self, script, calls), strict=True)
        ]

    read = Sent._read

    def or_anew(self: Sent, connection: Any) -> list[Any] | None:
        found = read(self, connection)
        return None if found is None or any(isinstance(it, AskError) for it in found) else found

    redis.Redis.execute_command = execute_command  # type: ignore[method-assign]
    Server._replies = each  # type: ignore[method-assign]
    Sent._read = or_anew  # type: ignore[method-assign]


def slow_claims() -> None:
    """No bug: each takes so long, that something may happen meanwhile."""
    send = claims.Claims.send_claim

    def slow(self: claims.Claims, *words: Any) -> Callable[[], Batch]:
        read = send(self, *words)

        def read_slowly() -> Batch:
            found = read()
            time.sleep(SLOW)
            return found

        return read_slowly

    claims.Claims.send_claim = slow  # type: ignore[method-assign, assignment]


def forget_rings() -> None:
    """What rings between a claim and its reply is taken for seen by it."""
    slow_claims()
    told = DueTimes.told

    def forgetful(self: DueTimes, waits: Mapping[int, float | None], not_asked: Iterable[int], now: float) -> None:
        for partition in waits:
            self._rung.pop(partition, None)
        told(self, waits, not_asked, now)

    DueTimes.told = forgetful  # type: ignore[method-assign]


def one_clock() -> None:
    """That of whoever has answered last, whatever node a timer is on."""
    us_at = StoreClock.us_at

    def of_the_last(self: StoreClock, moment: float, partition: int | None = None) -> int:
        return us_at(self, moment)

    StoreClock.us_at = of_the_last  # type: ignore[method-assign]


def renew_until_one_fails() -> None:
    """In turns, and after one that is away nobody is asked."""

    def in_turns(link: Link, script: str, calls: Sequence[tuple[int, Any, Sequence[str | int]]]) -> EachAlone[Any, Any]:
        if script != "renew":
            return run_each_alone(link, script, calls)
        found = EachAlone[Any, Any]()
        for number, call in enumerate(sorted(calls, key=lambda call: call[0])):
            one = run_each_alone(link, script, [call])
            found.done += one.done
            if isinstance(one.error, StoreUnavailable):
                found.join(one)
                found.left += [(partition, given) for partition, given, _ in calls[number + 1 :]]
                return found
        return found

    claims.run_each_alone = in_turns  # type: ignore[attr-defined]


PLANTED: Mapping[str, Callable[[], None]] = {
    "follow ASK": follow_ask,
    "forget a ring during a claim": forget_rings,
    "slow claims": slow_claims,
    "one clock for all nodes": one_clock,
    "renew that stops at the first dead node": renew_until_one_fails,
}

if __name__ == "__main__":
    PLANTED[sys.argv.pop(1)]()
    cli.main()
