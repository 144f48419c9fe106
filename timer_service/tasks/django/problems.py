"""What Django's checks say of a backend."""

from __future__ import annotations

from dataclasses import dataclass

from django.core import checks


@dataclass(frozen=True, slots=True)
class Problem:
    #: E and three digits: it cannot work. W: something is missing that not every process needs.
    id: str
    text: str
    hint: str

    def message(self, alias: str) -> checks.CheckMessage:
        kind = checks.Error if self.id.startswith("E") else checks.Warning
        return kind(f"TASKS[{alias!r}]: {self.text}", hint=self.hint or None, id=f"timer_service.{self.id}")
