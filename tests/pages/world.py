"""A service with something of everything in it: each status, reasons to fail, keys, tags, a retry that waits."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from tests.bench.processes import Up, free_port, wait_until
from tests.bench.receiver import Receiver, receiving

#: Matched by a filter on their tag, and more than 100: to cancel them all, their number must be typed.
MANY = 120
#: The receiver wants no more of these: one group of Failed.
GONE = 12


@dataclass(frozen=True)
class World:
    url: str
    receiver: Receiver
    #: By status, the id of one timer; that under "retrying" waits for its second attempt.
    timers: dict[str, str]
    #: What the service has written so far.
    log: Callable[[], str]

    def set(self, **asked: Any) -> str:
        return set_timers(self.url, [asked])[0]

    def set_schedule(self, name: str, **asked: Any) -> None:
        """In UTC and each day, with a header and a body, unless it says otherwise."""
        timer = {"url": f"{self.receiver.url}/runs/{name}", "headers": {"x-api-key": "s3cret"}, "body": {"n": 1}}
        body = {"time_zone": "UTC", "timer": timer, **({} if "cron" in asked else {"every": "1d"}), **asked}
        requests.put(f"{self.url}/schedules/{name}", json=body, timeout=10).raise_for_status()

    def act_on_schedule(self, name: str, what: str, **body: Any) -> None:
        requests.post(f"{self.url}/schedules/{name}/{what}", json=body, timeout=10).raise_for_status()

    def cancel(self, timer_id: str) -> None:
        requests.delete(f"{self.url}/timers/{timer_id}", timeout=30).raise_for_status()

    def timer(self, timer_id: str) -> dict[str, Any]:
        found: dict[str, Any] = requests.get(f"{self.url}/timers/{timer_id}", timeout=30).json()
        return found

    def group(self, status: int) -> list[str]:
        """Timers that the receiver refused with this status: a group of Failed. More of them if it is there."""
        url = f"{self.receiver.url}/status/{status}"
        timers = set_timers(self.url, [{"delay": 0, "url": url, "max_attempts": 1} for _ in range(GONE)])
        for it in timers:
            self.reached(it, "failed")
        return timers

    def requests(self, status: int) -> int:
        """How many the receiver has answered with it."""
        return len([it for it in self.receiver.hits if it.path == f"/status/{status}"])

    def reached(self, timer_id: str, status: str) -> dict[str, Any]:
        """The timer, once it has this status."""

        def there() -> dict[str, Any] | None:
            found = self.timer(timer_id)
            return found if found["status"] == status else None

        found: dict[str, Any] = wait_until(there, 20, f"{timer_id} is {status}")
        return found

    def views(self) -> dict[str, str]:
        """Each view by its name, and its path."""
        statuses = ("delivering", "delivered", "failed", "cancelled")
        return {
            "now": "/ui",
            "timers": "/ui/timers",
            **{f"timers-{status}": f"/ui/timers?status={status}" for status in statuses},
            "timers-of-a-tag": "/ui/timers?tag=invoices",
            **{f"timer-{name}": f"/ui/timers/{timer_id}" for name, timer_id in self.timers.items()},
            "failed": "/ui/failed",
            "schedules": "/ui/schedules",
            "set-schedule": "/ui/set-schedule",
            "try": "/ui/try",
        }


@contextmanager
def world(folder: Path, **environ: str) -> Iterator[World]:
    with receiving() as receiver:
        up = Up(folder / "up", **environ)
        try:
            yield fill(up.url(), receiver, up.output)
        finally:
            receiver.release.set()
            up.stop()


def fill(url: str, receiver: Receiver, log: Callable[[], str]) -> World:
    hook = receiver.url
    set_timers(
        url,
        [
            {
                "seconds": 900 + 23 * number,
                "url": f"https://hooks.billing.example/v2/invoices/{204000 + number}/remind",
                "body": {"invoice": 204000 + number},
                "key": f"invoice:{204000 + number}",
                "tags": ["invoices"],
            }
            for number in range(MANY)
        ],
    )
    set_timers(url, [{"delay": 0, "url": f"{hook}/orders/{number}", "tags": ["orders"]} for number in range(20)])
    gone = set_timers(url, [{"delay": 0, "url": f"{hook}/status/410"} for _ in range(GONE)])
    busy = {"delay": 0, "max_attempts": 2, "backoff": [0.05]}
    set_timers(url, [{**busy, "url": f"{hook}/status/503", "key": f"sync:{number}"} for number in range(3)])
    set_timers(url, [{**busy, "url": f"http://127.0.0.1:{free_port()}/hook"}])
    failed, delivered, delivering, retrying, cancelled, scheduled = set_timers(
        url,
        [
            {**busy, "url": f"{hook}/sleep/1", "timeout": 0.2, "headers": {"x-api-key": "s3cret", "x-shop": "7"}},
            {"delay": 0, "url": f"{hook}/orders/5512037", "key": "order:5512037", "tags": ["orders", "eu"], "body": {}},
            {"delay": 0, "url": f"{hook}/held", "timeout": 300},
            {"delay": 0, "url": f"{hook}/status/503", "backoff": [3000]},
            {"hours": 1, "url": f"{hook}/carts/88120/expire", "key": "cart:88120"},
            {"hours": 2, "url": f"{hook}/carts/88121/expire", "method": "PUT", "metadata": {"user": 17}},
        ],
    )
    requests.delete(f"{url}/timers/{cancelled}", timeout=30).raise_for_status()
    timers = {
        "scheduled": scheduled,
        "delivering": delivering,
        "delivered": delivered,
        "failed": failed,
        "cancelled": cancelled,
    }
    found = World(url, receiver, {**timers, "retrying": retrying}, log)
    for status, timer_id in timers.items():
        found.reached(timer_id, status)
    found.reached(gone[-1], "failed")
    wait_until(lambda: found.timer(retrying)["next_attempt_at"], 20, "a retry that waits")
    return found


def set_timers(url: str, asked: Sequence[dict[str, Any]]) -> list[str]:
    answer = requests.post(f"{url}/timers/batch", json={"timers": list(asked)}, timeout=30)
    answer.raise_for_status()
    return [it["timer"]["id"] for it in answer.json()["results"]]
