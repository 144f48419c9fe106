"""Destinations that are held, for the pictures: one is limited, one is paused, one does not answer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import requests

from tests.bench.processes import free_port, wait_until
from tests.bench.receiver import receiving
from tests.pages.world import World, set_timers

#: Nothing is ever sent there.
PAUSED = "https:crm.northwind.example:8443"
#: Timers: sent before there is a limit, and those that wait at each.
_SENT, _LIMITED, _PAUSED, _BROKEN = 240, 38, 940, 412
_WEBHOOK = {"max_attempts": 50, "backoff": [5], "tags": ["orders"]}


@contextmanager
def held_destinations(here: World) -> Iterator[dict[str, str]]:
    """The id of each, by its state."""
    with receiving() as slow:
        limited, broken = f"http:{slow.url[7:]}", f"http:127.0.0.1:{free_port()}"
        _send(here, limited, _SENT)
        slow.wait_for(_SENT, 20)
        _ask(here, limited, rate={"requests": 6, "per": "1m"}, concurrency=4)
        _send(here, limited, _LIMITED)
        _ask(here, PAUSED, "/pause", reason="migration, ticket 8812", until=_hours_on(4))
        _send(here, PAUSED, _PAUSED)
        _ask(here, broken, "/rotate-secret")
        _ask(here, broken, signing="own")
        _send(here, broken, _BROKEN)
        _wait_for(here, broken, "broken", _BROKEN - 2)
        _wait_for(here, limited, "limited", _LIMITED - 6, _SENT)
        yield {"limited": limited, "paused": PAUSED, "broken": broken}


def _hours_on(hours: int) -> str:
    """The hour that begins then, as RFC 3339."""
    return (datetime.now(UTC) + timedelta(hours=hours)).strftime("%Y-%m-%dT%H:00:00Z")


def _send(here: World, name: str, count: int) -> None:
    url = name.replace(":", "://", 1)
    for first in range(0, count, 200):
        numbers = range(first, min(first + 200, count))
        set_timers(here.url, [{"delay": 0, "url": f"{url}/orders/{number}", **_WEBHOOK} for number in numbers])


def _ask(here: World, name: str, what: str = "", **body: Any) -> None:
    """A PATCH, or where it says what is to be done a POST."""
    method = "POST" if what else "PATCH"
    requests.request(method, f"{here.url}/destinations/{name}{what}", json=body, timeout=10).raise_for_status()


def _wait_for(here: World, name: str, state: str, waiting: int, attempts: int = 1) -> None:
    def stands() -> bool:
        it = requests.get(f"{here.url}/destinations/{name}", timeout=10).json()
        return bool(it["state"] == state and it["waiting"] >= waiting and it["attempts"] >= attempts)

    wait_until(stands, 20, f"{name} is {state}")
