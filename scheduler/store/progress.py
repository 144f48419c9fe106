"""What has become of a timer, of the words that scripts keep of it (lua/shared/progress.lua)."""

from __future__ import annotations

from typing import NamedTuple

from scheduler.rfc3339 import LATEST


class Progress(NamedTuple):
    """Counts are 0, or the first, unless said; `due` and `planned` are None where the score says them."""

    #: Begun and not given back.
    attempts: int = 0
    #: ms.
    due: int | None = None
    #: ms at which the attempt under way was to be sent, where that is not `due`.
    planned: int | None = None
    #: Leases lost since a claim was last settled.
    lost: int = 0
    #: Attempts before due was last set.
    base: int = 0
    #: Why it is sent again.
    why: str | None = None
    occurrence: int = 1
    #: Attempts before this occurrence.
    since: int = 0
    #: Occurrences that receivers asked for.
    reschedules: int = 0
    #: ms.
    ended: int | None = None
    reason: str | None = None
    #: The JSON of its first attempt, until a second has ended.
    first_attempt: bytes = b""


_DIGITS = len(str(LATEST))
_TEXTS = {"why", "reason"}
_NAMES = {*Progress._fields} - {"first_attempt"}


def is_moment(text: str) -> bool:
    """Whether it is a number of ms, or a count, that a reader can use."""
    return text.isascii() and text.isdecimal() and len(text) <= _DIGITS and int(text) <= LATEST


def read_progress(raw: bytes) -> Progress:
    """Words that a later version has added are passed over, and so is what cannot be read."""
    line, _, first_attempt = raw.partition(b"\n")
    said: dict[str, int | str] = {}
    for word in line.decode("utf-8", "replace").split(" "):
        name, _, value = word.partition("=")
        if name in _TEXTS:
            said[name] = value
        elif name in _NAMES and is_moment(value):
            said[name] = int(value)
    return Progress(**said, first_attempt=first_attempt)  # type: ignore[arg-type]
