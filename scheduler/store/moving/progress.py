"""How far a move is, and what it has done. Data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Doing = Literal["waiting", "copying", "checking"]


@dataclass(frozen=True, slots=True)
class MoveProgress:
    """How far a move is."""

    doing: Doing
    #: Waiting: attempts that are under way. Else timers that were looked at, of so many.
    done: int
    of: int = 0


@dataclass(frozen=True, slots=True)
class Moved:
    """What a move has done."""

    #: False: it had ended before.
    is_new: bool
    timers: int = 0
    #: For which nobody served the store, of this run.
    seconds: float = 0.0
