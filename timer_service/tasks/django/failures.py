"""An exception of a task as an answer, and the attempts that failed as errors of a result. Without I/O."""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Sequence
from traceback import format_exception
from typing import TYPE_CHECKING, Any

from timer_service.tasks.answers import KEPT_BYTES, Answer, answer, class_path, message_of, read_error, stored_bytes
from timer_service.tasks.django.stored import StoredError

if TYPE_CHECKING:
    from timer_service.client import Attempt, Timer

_MOST_MESSAGE = 300
#: Characters of the answer of something that is no task.
_MOST_FOREIGN = 500


class AttemptFailed(Exception):
    """An attempt to run the task failed outside of the task: it was not reached, was cut off, or took too long."""


class TaskCancelled(Exception):
    """The timer of the task was cancelled before it ran."""


def failed(status: int, error: BaseException, *headers: tuple[str, str]) -> Answer:
    """With the class's path, the message and as much of the traceback's end as is kept."""
    kind = class_path(type(error))
    told = {"class": kind[:_MOST_MESSAGE], "message": message_of(error)[:_MOST_MESSAGE], "traceback": ""}
    text = "".join(format_exception(error)).encode(errors="replace").decode()
    room = KEPT_BYTES - stored_bytes(_json(told))
    return answer(status, _json({**told, "traceback": _end(text, room)}), *headers, kind="application/json")


def _end(text: str, room: int) -> str:
    """The last lines of a traceback, which tell the most, in so many bytes as the service writes them."""
    last = text[-room:]
    if last == text and _bytes(text) <= room:
        return text
    room -= _bytes(_CUT)
    return _CUT + last[bisect_left(range(len(last)), -room, key=lambda start: -_bytes(last[start:])) :]


_CUT = "(cut) ... "


def _bytes(text: str) -> int:
    return stored_bytes(_json(text)[1:-1])


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def errors(timer: Timer, attempts: Sequence[Attempt]) -> list[Any]:
    """One for each attempt that failed, oldest first, and one for an end that no attempt tells."""
    found = [_of_attempt(it) for it in attempts if it.outcome != "delivered"]
    if timer.status == "cancelled":
        found.append(StoredError(exception_class_path=class_path(TaskCancelled), traceback="It was cancelled.\n"))
    elif timer.status == "failed" and (not found or timer.reason not in ("attempts-exhausted", "permanent")):
        found.append(_outside(f"It ended: {timer.reason}"))
    return found


def _of_attempt(attempt: Attempt) -> Any:
    told = read_error(attempt.response_body)
    if told is None or not told[0]:
        return _outside(_why(attempt, told))
    found = json.loads(attempt.response_body or "").get("traceback")
    traceback = found if isinstance(found, str) and found else f"{told[0]}: {told[1]}\n"
    return StoredError(exception_class_path=told[0], traceback=traceback)


def _why(attempt: Attempt, told: tuple[str, str] | None) -> str:
    if told is not None:
        said = told[1]
    elif attempt.status_code is not None:
        said = (attempt.response_body or "")[:_MOST_FOREIGN]
    else:
        said = attempt.detail or attempt.error or "no answer"
    status = "" if attempt.status_code is None else f"the answer was {attempt.status_code}: "
    return f"Attempt {attempt.number}: {status}{said}"


def _outside(why: str) -> Any:
    return StoredError(exception_class_path=class_path(AttemptFailed), traceback=f"{why}\n")
