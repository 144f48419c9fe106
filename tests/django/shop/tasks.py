"""Tasks that the tests call."""

from __future__ import annotations

import asyncio
import os
import threading
from typing import Any

from django.db import connection

from tests.django.project import tasks
from timer_service.tasks import Reject, Retry, current

task: Any = tasks.task
#: What tasks of this process have noted.
seen: list[Any] = []
#: Lets `waits` end.
go_on = threading.Event()


@task
def add(one: int, other: int = 0) -> int:
    return one + other


@task(priority=10, queue_name="slow")
def slow_queue() -> str:
    return "done"


@task
async def later(value: Any) -> Any:
    await asyncio.sleep(0)
    return value


@task(takes_context=True)
def told(context: Any, *more: Any) -> dict[str, Any]:
    result = context.task_result
    return {"id": result.id, "attempt": context.attempt, "status": str(result.status), "more": list(more)}


@task
def raises(message: str = "no") -> None:
    raise ValueError(message)


@task
def unprintable() -> None:
    class Odd(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    raise Odd


@task
def leaves() -> None:
    raise SystemExit("told to stop")


@task
def interrupted() -> None:
    raise KeyboardInterrupt


@task
def asks(what: str) -> None:
    raise Retry("busy", after=7) if what == "retry" else Reject("never")


@task
def returns(kind: str) -> Any:
    return {"object": object(), "nan": float("nan"), "bytes": b"\xc3\xa9", "tuple": (1, 2), "big": "x" * 9000}[kind]


@task
def webhook_id() -> str:
    return current().webhook_id


@task
def queries() -> int | None:
    """Notes whether its connection is new, and returns whether a transaction is open."""
    seen.append(connection.connection is None)
    with connection.cursor() as cursor:
        cursor.execute("select 1")
    return int(connection.in_atomic_block)


@task
def breaks_the_connection() -> None:
    connection.ensure_connection()
    connection.connection.close()
    queries.func()


@task
def waits() -> int:
    """Until a test lets it go on."""
    seen.append("begun")
    if not go_on.wait(600):
        raise TimeoutError
    seen.append("ended")
    return os.getpid()


@task
def fails_first(path: str) -> str:
    """Raises until a file is there, which it makes."""
    if not os.path.exists(path):
        open(path, "w").close()
        raise ConnectionError("not yet")
    return "at last"


not_a_task = add.func
alias = add
