"""The work that is the same for all: so many POSTs, each at its moment. Every peer imports it: no library is used."""

from __future__ import annotations

import json
import random
import string
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import NamedTuple

#: What JSON needs no escapes for: 6.5 bits a character, so that it hardly compresses.
_LETTERS = "".join(sorted(set(string.printable[:94]) - set('"\\')))
_URL_BYTES, _BODY_BYTES = 60, 150


class Post(NamedTuple):
    id: str
    url: str
    #: JSON.
    body: str
    due_ms: int

    @property
    def due(self) -> datetime:
        return datetime.fromtimestamp(self.due_ms / 1000, UTC)

    @property
    def headers(self) -> dict[str, str]:
        """What the sink's log asks of every sender."""
        due = self.due.isoformat(timespec="milliseconds")
        return {"content-type": "application/json", "webhook-id": self.id, "timer-due-at": due}


@dataclass(frozen=True)
class Order:
    """`count` POSTs of 150 bytes to `hook`, made 60 bytes long; due from `due_ms` on, evenly over `spread_ms`."""

    store: str
    hook: str
    count: int
    due_ms: int
    spread_ms: int = 0

    def posts(self) -> Iterator[Post]:
        draw = random.Random(self.count)
        for number in range(self.count):
            path = "".join(draw.choices(string.ascii_letters + string.digits, k=_URL_BYTES - len(self.hook) - 1))
            body = f'"{"".join(draw.choices(_LETTERS, k=_BODY_BYTES - 2))}"'
            due = self.due_ms + number * self.spread_ms // self.count
            yield Post(f"{number}", f"{self.hook}/{path}", body, due)

    def dump(self) -> str:
        return json.dumps(asdict(self))


def order() -> Order:
    """The order on the command line of a peer's `set`."""
    return Order(**json.loads(sys.argv[1]))
