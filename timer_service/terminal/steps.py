"""What `apply` is to do with one schedule or destination. Frozen data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from timer_service.client import Destination, Schedule
from timer_service.terminal.differences import Difference


@dataclass(frozen=True)
class Step:
    """What is to become of one of them."""

    kind: Literal["schedule", "destination"]
    name: str
    #: create, change, leave or delete.
    verb: str
    #: As the API takes them; None if it is to be deleted.
    fields: Mapping[str, Any] | None
    #: As it stands; None if it does not.
    stands: Schedule | Destination | None
    differences: Sequence[Difference] = ()
