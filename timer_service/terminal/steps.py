"""What `apply` is to do with one schedule or destination. Frozen data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from timer_service.client import Destination, Schedule
from timer_service.terminal.differences import Difference

#: The version of no schedule and no destination: what is asked for on the condition that it stands is never done. The
#: service looks at conditions last (RFC 9110, 13.2.1), so that it refuses first what is wrong with the fields.
NO_VERSION = "dry-run"


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
