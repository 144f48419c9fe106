"""What the receiver can be told to answer to the next request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus


@dataclass(frozen=True, slots=True)
class Answer:
    name: str
    status: int = 200
    header: tuple[str, str] | None = None
    #: Seconds before it is sent: longer than the 15 s that a timer waits for an answer unless it says otherwise.
    delay: float = 0.0


USUAL = Answer("200")
#: By the name under which one is chosen.
ANSWERS: Mapping[str, Answer] = {
    answer.name: answer
    for answer in (
        USUAL,
        Answer("500", 500),
        Answer("429", 429, ("retry-after", "10")),
        Answer("slow", delay=20.0),
        Answer("again", header=("timer-reschedule", "10s")),
    )
}


def on_the_wire(status: int, headers: Mapping[str, str], body: bytes = b"") -> bytes:
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, f"content-length: {len(body)}", "", ""]).encode("latin-1") + body
