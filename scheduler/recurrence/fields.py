"""One field of a cron expression -> the numbers that it allows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NoReturn

from scheduler.errors import PlanError

#: In the place of a field's numbers: the last day of the month; the last of a weekday is this less its number.
LAST = -1

_ITEM = re.compile(r"(?P<first>\*|\w+)(?:-(?P<last>\w+))?(?:/(?P<step>\w+))?", re.ASCII)
_NTH = re.compile(r"(?P<day>\w+)#(?P<nth>\w+)", re.ASCII)
_LAST_OF = re.compile(r"(?P<day>\d|[A-Z]{3})L", re.ASCII)


@dataclass(frozen=True, slots=True)
class Kind:
    """What one of the five fields may hold."""

    name: str
    low: int
    high: int
    #: Names for `low` and those after it.
    names: tuple[str, ...] = ()

    def parse(self, text: str) -> frozenset[int]:
        """Raises PlanError that says which field and why."""
        return frozenset(number for item in text.split(",") for number in self._item(item))

    def refuse(self, why: str) -> NoReturn:
        raise PlanError("cron", f"{self.name}: {why}")

    def _item(self, item: str) -> Iterator[int]:
        match = _ITEM.fullmatch(item)
        if not match or (match["first"] == "*" and match["last"]):
            self.refuse(f"{item!r} is none of *, 5, 1-5, */5, 1-30/5." if item else "an item of the list is empty.")
        first, last, step = match["first"], match["last"], match["step"]
        low = self.low if first == "*" else self.number(first)
        high = self._end(low, last) if last else self.high if first == "*" or step else low
        if high < low:
            self.refuse(f"{item!r} ends before it begins; write {first}-{self.high},{self.low}-{last}.")
        yield from range(low, high + 1, self._step(step) if step else 1)

    def _end(self, low: int, text: str) -> int:
        return self.number(text)

    def number(self, text: str) -> int:
        if text in self.names:
            return self.low + self.names.index(text)
        if not re.fullmatch(r"\d{1,2}", text, re.ASCII):
            known = f" or {self.names[0]} to {self.names[-1]}" if self.names else ""
            self.refuse(f"{text!r} is not a number from {self.low} to {self.high}{known}.")
        if not self.low <= int(text) <= self.high:
            self.refuse(f"{int(text)} is not from {self.low} to {self.high}.")
        return int(text)

    def _step(self, text: str) -> int:
        most = self.high - self.low
        if not re.fullmatch(r"\d{1,2}", text, re.ASCII) or not 1 <= int(text) <= most:
            self.refuse(f"the step {text!r} is not from 1 to {most}; longer intervals are what `every` is for.")
        return int(text)


class DayOfMonth(Kind):
    """Numbers from 1, and LAST for `L`."""

    def _item(self, item: str) -> Iterator[int]:
        if item == "L":
            yield LAST
        elif item.startswith("L") or item.endswith("W"):
            self.refuse(f"{item!r} is not served; L is the last day of the month.")
        else:
            yield from Kind._item(self, item)


class DayOfWeek(Kind):
    """Numbers from 0 (Sunday) to 6; LAST - n for the last n of the month; 10 * k + n for its k-th n."""

    def _item(self, item: str) -> Iterator[int]:
        if match := _LAST_OF.fullmatch(item):
            yield LAST - self.number(match["day"])
        elif item == "L":
            self.refuse("L needs a weekday, as in FRIL or 5L: the last Friday of the month.")
        elif match := _NTH.fullmatch(item):
            if match["nth"] not in ("1", "2", "3", "4", "5"):
                self.refuse(f"{item!r}: after # comes 1 to 5, which of the month's.")
            yield int(match["nth"]) * 10 + self.number(match["day"])
        else:
            yield from (number % 7 for number in Kind._item(self, item))

    def _end(self, low: int, text: str) -> int:
        # Sunday ends a week too: FRI-SUN, 5-7.
        return 7 if text == "7" or (text == "SUN" and low) else self.number(text)

    def number(self, text: str) -> int:
        return 0 if text == "7" else Kind.number(self, text)


MONTH_NAMES = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
WEEKDAY_NAMES = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")

MINUTE = Kind("minute", 0, 59)
HOUR = Kind("hour", 0, 23)
DAY_OF_MONTH = DayOfMonth("day of month", 1, 31)
MONTH = Kind("month", 1, 12, MONTH_NAMES)
DAY_OF_WEEK = DayOfWeek("day of week", 0, 6, WEEKDAY_NAMES)
KINDS = (MINUTE, HOUR, DAY_OF_MONTH, MONTH, DAY_OF_WEEK)
