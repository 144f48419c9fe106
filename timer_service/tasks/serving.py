"""One request of the service becomes one answer: signature first, then body, task, result. Knows no framework."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from timer_service.tasks import answers, body, context
from timer_service.tasks.answers import Answer
from timer_service.tasks.context import Context
from timer_service.tasks.outcomes import Again, Reject, Retry
from timer_service.webhooks import VerificationError, verify

if TYPE_CHECKING:
    from timer_service.tasks.task import Task

log = logging.getLogger("timer_service.tasks")


@dataclass(frozen=True, slots=True)
class Accepted:
    """A task that is to run now."""

    task: Task[..., Any]
    call: body.Body
    context: Context


def accept(
    tasks: Mapping[str, Task[..., Any]], secrets: tuple[str, ...], method: str, headers: Mapping[str, str], raw: bytes
) -> Accepted | Answer:
    """`headers` by names in lower case. Nothing of the body is looked at before its signature is verified."""
    if method != "POST":
        return refused_method(method)
    if len(raw) > body.MOST_BYTES:
        return too_large()
    try:
        verify(headers, raw, secrets)
    except VerificationError as error:
        log.warning("a request to the tasks' address was refused: %s", error)
        return answers.refused(401, str(error))
    return accept_verified(tasks, headers, raw)


def accept_verified(tasks: Mapping[str, Task[..., Any]], headers: Mapping[str, str], raw: bytes) -> Accepted | Answer:
    """Of a request whose signature somebody has verified."""
    try:
        call = body.read(raw)
    except body.LaterVersion as error:
        log.error("a task cannot be run here now: %s", error)
        return answers.not_here_yet(str(error))
    except body.NotATask as error:
        log.error("a verified request is no task: %s", error)
        return answers.refused(489, str(error))
    task = tasks.get(call.task)
    if task is None:
        log.error("there is no task %s here", repr(call.task[:200]))
        return answers.not_here_yet(f"there is no task {call.task!r} here")
    webhook_id = headers.get("webhook-id", "")
    return Accepted(task, call, context.read(headers, webhook_id, task.name, task.timeout))


def run(accepted: Accepted) -> Answer:
    """In this thread; a coroutine gets an event loop of its own. SystemExit and KeyboardInterrupt go through."""
    with context.entered(accepted.context):
        try:
            value = accepted.task.call(accepted.call)
            if inspect.isawaitable(value):
                value = _in_a_loop(value)
            return answers.returned(accepted.task.name, value)
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:  # also CancelledError and groups, which would end a worker of gunicorn
            return failed(accepted, error)


def failed(accepted: Accepted, error: BaseException) -> Answer:
    told = accepted.context
    if isinstance(error, Retry | Reject | Again):
        log.info("task %s %s: %s", accepted.task.name, told.id, type(error).__name__)
    else:
        log.error("task %s %s, attempt %d, failed", accepted.task.name, told.id, told.attempt, exc_info=error)
    return answers.raised(told, error, accepted.task.max_occurrences)


def refused_method(method: str) -> Answer:
    answer = answers.refused(405, "tasks are called by POST", ("allow", "POST"))
    return Answer(answer.status, answer.headers, b"") if method == "HEAD" else answer


def too_large() -> Answer:
    return answers.refused(413, f"a task's body has at most {body.MOST_BYTES:,} bytes")


def _in_a_loop(value: Awaitable[Any]) -> Any:
    import asyncio  # 35 ms, which only tasks that are coroutines need

    async def wait() -> tuple[Any, Exception | None]:
        try:
            return await value, None
        except Exception as error:  # asyncio.run() is left with a broken handler of SIGINT by one whose repr raises
            return None, error

    try:
        found, error = asyncio.run(wait())
    except asyncio.CancelledError as cancelled:
        raise RuntimeError("the task cancelled itself") from cancelled
    if error is not None:
        raise error
    return found
