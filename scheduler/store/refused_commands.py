"""Commands that a server refuses us, beside those that scripts use."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import redis

from scheduler.errors import StoreUnavailable
from scheduler.store import keys
from scheduler.store.scripts import source
from scheduler.store.server import Server

#: Seconds that the answer to a subscription may take.
_PATIENCE = 1.0


def refused_commands(server: Server, partitions: Sequence[int]) -> Iterator[str]:
    """Commands that one server refuses. Raises StoreUnavailable."""
    client, place = server.client, keys.probe(partitions[0])
    bells = [keys.bell(it) for it in partitions]
    with client.pubsub() as subscription:  # type: ignore[no-untyped-call]
        tries: dict[str, Callable[[], object]] = {
            "ping": client.ping,
            "script|load": lambda: client.script_load(source("check")),
            f"set on {place}": lambda: client.set(place, "", px=1000, nx=True, get=True),
            f"ssubscribe on {bells[0]}": lambda: _subscribe(subscription, bells),
        }
        for name, run in tries.items():
            try:
                with server.translated(name.upper()):
                    run()
            except StoreUnavailable as error:
                if error.kind != "noperm":
                    raise
                yield name


def _subscribe(subscription: Any, channels: Sequence[str]) -> None:
    for channel in channels:
        subscription.ssubscribe(channel)  # one a call: in a cluster each lies in a slot of its own
    for _ in channels:
        if subscription.get_message(timeout=_PATIENCE) is None:
            raise redis.TimeoutError("no answer to SSUBSCRIBE")
