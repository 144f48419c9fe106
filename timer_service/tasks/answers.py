"""What a task's end is on the wire, and back: bounded, and nothing of a traceback. Pure."""

from __future__ import annotations

import json
import math
from bisect import bisect_right
from dataclasses import dataclass
from typing import Any

from timer_service.tasks.body import check
from timer_service.tasks.context import Context
from timer_service.tasks.outcomes import Again, Reject, Retry

#: Bytes that the service keeps of an answer, as it writes them: in JSON.
KEPT_BYTES = 4096
#: Seconds after which an attempt is made again that no task here could take: a deploy is under way.
_UNTIL_DEPLOYED = 5
#: Bytes of an exception's class and message, as the service writes them.
_MOST_CLASS, _MOST_MESSAGE = 300, 2000
#: Begins an answer whose result is not kept whole. No JSON begins so.
_TOO_LARGE = "result too large: "
_JSON = "application/json"
_compact = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode
_stored = json.JSONEncoder(ensure_ascii=False).encode


@dataclass(frozen=True, slots=True)
class Answer:
    """Of the HTTP endpoint. Header names are in lower case."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


def answer(status: int, text: str, *headers: tuple[str, str], kind: str = "text/plain; charset=utf-8") -> Answer:
    """Whatever is answered is of this timer alone: it says nothing of what else is sent here."""
    body = text.encode(errors="replace")
    length = str(len(body))
    return Answer(
        status, (("content-type", kind), ("content-length", length), ("timer-scope", "timer"), *headers), body
    )


def refused(status: int, why: str, *headers: tuple[str, str]) -> Answer:
    return answer(status, _error("", why), *headers, kind=_JSON)


def not_here_yet(why: str) -> Answer:
    """Another version of this code may know it: try again soon."""
    return refused(503, why, ("retry-after", str(_UNTIL_DEPLOYED)))


def returned(task: str, value: Any) -> Answer:
    """Of a task that has ended well. Raises TypeError or ValueError for a result that JSON has no form for."""
    check(f"{task}: its result", value)
    text = _compact(value)
    size = len(text.encode())
    if stored_bytes(text) > KEPT_BYTES:
        return answer(200, _cut(f"{_TOO_LARGE}{size} bytes, of which these are the first: {text}", KEPT_BYTES))
    return answer(200, text, kind=_JSON)


def raised(context: Context, error: BaseException, max_occurrences: int) -> Answer:
    """Of a task that has raised."""
    if isinstance(error, Again):
        if context.occurrence >= max_occurrences:
            left = f"it was to be called again, but it may act {max_occurrences} times: see max_occurrences"
            return answer(489, _error(_path(type(error)), left), kind=_JSON)
        return answer(200, "null", ("timer-reschedule", error.when), kind=_JSON)
    told = error.__cause__ if isinstance(error, Reject) and not error.args else None
    text = _error(_path(type(told or error)), _message(told or error))
    if isinstance(error, Reject):
        return answer(489, text, kind=_JSON)
    if isinstance(error, Retry):
        waits = () if error.after is None else (("retry-after", str(math.ceil(error.after / 1000))),)
        return answer(503, text, *waits, kind=_JSON)
    return answer(500, text, kind=_JSON)


def read_error(text: str | None) -> tuple[str, str] | None:
    """The class's path and the message of an exception, if an answer tells one."""
    found = _loaded(text)
    if not isinstance(found, dict):
        return None
    kind, message = found.get("class"), found.get("message")
    return (kind, message) if isinstance(kind, str) and isinstance(message, str) else None


def read_too_large(text: str) -> int | None:
    """How many bytes a result took that is not kept; None of another answer."""
    size = text.removeprefix(_TOO_LARGE).partition(" ")[0] if text.startswith(_TOO_LARGE) else ""
    return int(size) if size.isascii() and size.isdigit() else None


def stored_bytes(text: str) -> int:
    """What a text takes in the service's store: quotes and control characters are escaped there."""
    return len(_stored(text).encode(errors="replace")) - len('""')


def _loaded(text: str | None) -> Any:
    try:
        return json.loads(text) if text else None
    except (ValueError, RecursionError):
        return None


def _error(kind: str, message: str) -> str:
    return _compact({"class": _cut(kind, _MOST_CLASS), "message": _cut(message, _MOST_MESSAGE)})


def _message(error: BaseException) -> str:
    try:
        return str(error).encode(errors="replace").decode()
    except Exception:  # a class of theirs, whose __str__ is theirs too
        return "(its message cannot be read)"


def _path(kind: type[BaseException]) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def _cut(text: str, most: int) -> str:
    """Its beginning of at most so many bytes as the service writes them."""
    text = text[:most]
    if stored_bytes(text) <= most:
        return text
    return text[: bisect_right(range(len(text)), most, key=lambda end: stored_bytes(text[:end])) - 1]
