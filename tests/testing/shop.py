"""Tasks that tests call: what they are called with stands in `seen`."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

from timer_service.tasks import Again, Reject, Retry, Tasks, current

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

tasks = Tasks("http://timers.invalid", "https://shop.invalid/tasks", SECRET)
seen: list[Any] = []


@tasks.task
def remind(cart: Any, *, text: str = "soon") -> str:
    seen.append(cart)
    return f"{cart} {text}"


@tasks.task(max_attempts=3, backoff=[60], tags=["flaky"])
def flaky(fails: int) -> int:
    if current().attempt <= fails:
        raise OSError("not today")
    return current().attempt


@tasks.task(max_attempts=3, backoff=[10])
def asks_for_time() -> str:
    if current().attempt == 1:
        raise Retry("later", after=600)
    return str(current().redelivery)


@tasks.task
def refuses() -> None:
    raise Reject("never")


@tasks.task(max_occurrences=3)
def again() -> int:
    seen.append(current().occurrence)
    if current().occurrence < 3:
        raise Again(in_=HOUR)
    return current().occurrence


@tasks.task
async def slowly(number: int) -> int:
    await asyncio.sleep(0)
    return number + 1


@tasks.task
def calls_others() -> str:
    remind.delay("now")
    remind.apply_async(("later",), countdown=60)
    return "done"
