"""A history's database in memory, as what writes to it sees it."""

from __future__ import annotations

from collections.abc import Callable

from scheduler import Attempt, Timer
from timer_service.process.recorder import Rows


class Rowed:
    """A database as a dict: by id what was written last."""

    def __init__(self) -> None:
        self.rows: dict[str, tuple[Timer, list[Attempt]]] = {}
        self.writes = 0
        self.refuses: Callable[[Timer], Exception | None] = lambda _: None
        self.forgot: list[int] = []

    def write(self, rows: Rows, give_way: Callable[[], None]) -> None:
        give_way()
        for timer, _ in rows:
            if refusal := self.refuses(timer):
                raise refusal
        self.rows |= {timer.id: (timer, list(attempts)) for timer, attempts in rows}
        self.writes += 1

    def forget(self, before: int) -> int:
        self.forgot.append(before)
        return 0
