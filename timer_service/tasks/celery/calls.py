"""What one call gives beside the arguments, read at the call and refused there by name. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from timer_service.tasks.celery import not_offered, options, values
from timer_service.tasks.celery.moments import countdown, expiry, moment
from timer_service.tasks.celery.options import Options
from timer_service.tasks.options import CallOptions

#: What only this module's tasks read in a body: their own id, when they expire, whether nothing is to be returned.
MARK = "_celery"
_TAG = re.compile(r"[A-Za-z0-9._:@~-]{1,64}", re.ASCII)
#: The ids of timers, which no other may look like.
_TIMER_ID = re.compile(r"[0-9A-Za-z]{22}", re.ASCII)
#: These are read here; what else there is, options.accepted() or nothing takes.
READ = {"countdown", "eta", "expires", "priority", "retry", "task_id", "queue", "time_limit", "ignore_result"}


@dataclass(frozen=True, slots=True)
class Call:
    """One call, in the terms of timer_service.tasks."""

    options: CallOptions
    #: Seconds for one attempt, where the call says so.
    timeout: float | None = None
    #: What goes with the arguments, as MARK.
    mark: Mapping[str, Any] = field(default_factory=dict)
    task_id: str | None = None
    ignore_result: bool = False


def read(of: Options, given: Mapping[str, Any], now: datetime) -> Call:
    """Raises TypeError or ValueError that names the option. A countdown goes before an eta, as Celery has it."""
    for name, value in given.items():
        if name not in READ and not options.accepted(name, value):
            raise TypeError(not_offered.option(name))
    found: CallOptions = {"countdown": countdown(given.get("countdown") or 0)}
    if not given.get("countdown") and given.get("eta"):
        found = {"eta": max(now, moment("eta", given["eta"]))}
    mark: dict[str, Any] = {}
    until = of.expires if given.get("expires") is None else given["expires"]
    if until is not None:
        expires = found["expires"] = expiry(until, now)
        mark["expires"] = expires.isoformat()
    urgent = of.priority if given.get("priority") is None else values.priority("priority", given["priority"])
    if urgent is not None:
        found["priority"] = urgent * values.PRIORITY_STEP
    task_id = text_of(given.get("task_id"))
    if task_id is not None:
        mark["id"] = task_id
    ignored = of.ignore_result if given.get("ignore_result") is None else bool(given["ignore_result"])
    if ignored is not of.ignore_result:
        mark["ignore_result"] = ignored
    queue = of.queue if given.get("queue") is None else given["queue"]
    found["tags"] = [*([] if queue is None else [queue_tag(queue)]), *([] if task_id is None else [id_tag(task_id)])]
    limit = given.get("time_limit")
    timeout = None if limit is None else values.time_limit("time_limit", limit)
    return Call(found, timeout, mark, task_id, ignored)


def text_of(id: Any) -> Any:
    """Of a UUID its text, as databases give it and take it."""
    return str(id) if isinstance(id, UUID) else id


def is_timer_id(text: str) -> bool:
    """Whether the service has given this id, and not a caller."""
    return _TIMER_ID.fullmatch(text) is not None


def id_tag(task_id: Any) -> str:
    """The tag by which a task is found whose id its caller has chosen. Raises TypeError, or ValueError."""
    if not isinstance(task_id, str) or not task_id:
        raise TypeError(f"task_id={task_id!r}: it is text")
    if is_timer_id(task_id):
        raise ValueError(f"task_id={task_id!r}: 22 letters and digits are how the service names tasks")
    tag = f"task-id:{task_id}"
    return (
        tag if _TAG.fullmatch(tag) else f"task-id:~{hashlib.sha256(task_id.encode(errors='replace')).hexdigest()[:40]}"
    )


def queue_tag(queue: Any) -> str:
    """The tag that a queue becomes. Raises TypeError, or ValueError."""
    tag = f"queue:{values.text('queue', queue)}"
    if not _TAG.fullmatch(tag):
        raise ValueError(f"queue={queue!r}: it becomes a tag, of up to 58 letters, digits and the marks . _ : @ ~ -")
    return tag
