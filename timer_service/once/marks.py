"""A mark says that the effect of a webhook-id is done: what it consists of, how long it is kept, what can go wrong."""

from __future__ import annotations

import re
from datetime import timedelta

#: The table of marks, the same for SQLAlchemy and Django. Its primary key is scope and webhook_id.
TABLE = "webhook_marks"
#: The most characters of each.
LONGEST_SCOPE, LONGEST_ID = 64, 255
#: Where none is given. Not "", which is NULL to some databases.
SCOPE = "default"
#: How long a webhook-id is kept unless you say otherwise. It must be known while the service may send it again: during
#: the retries (up to 1.5 h with the defaults), while its destination is paused or broken, and as long as a failed timer
#: can be replayed under the same id (TIMER_KEEP_FAILED, 30 days). A delivered one gets another id when it is replayed.
KEEP = timedelta(days=60)

# Visible ASCII, which every collation tells apart but for upper and lower case, and which no database pads or trims.
_ID = re.compile(rf"[!-~]{{1,{LONGEST_ID}}}")
# Without the colon, which ends it in a key of Redis.
_SCOPE = re.compile(rf"[!-9;-~]{{1,{LONGEST_SCOPE}}}")


class NotInOneTransaction(RuntimeError):
    """Mark and effect would not be stored together. A mistake in the program, not in the request."""


class Busy(Exception):
    """Another request for this webhook-id is under way, or the database is held up, and nothing is known yet.

    Roll back and answer 503: the service sends it again.
    """


class PartlyDone(Exception):
    """A command of the effect failed in Redis, which does not undo the others: somebody has to look.

    Raised for every repeat too, so that the timer ends failed and not delivered.
    """


def checked(webhook_id: str, scope: str) -> tuple[str, str]:
    """(scope, webhook_id). Raises TypeError, ValueError."""
    if not isinstance(webhook_id, str):
        raise TypeError(f"webhook_id: text is needed, as verify() returns it, not {type(webhook_id).__name__}")
    if not isinstance(scope, str):
        raise TypeError(f"scope: text is needed, not {type(scope).__name__}")
    if not _ID.fullmatch(webhook_id):
        raise ValueError(
            f"webhook_id: 1 to {LONGEST_ID} visible ASCII characters are needed, as verify() returns them; "
            f"this has {len(webhook_id)}"
        )
    if not _SCOPE.fullmatch(scope):
        raise ValueError(f"scope: 1 to {LONGEST_SCOPE} visible ASCII characters are needed, without a colon")
    return scope, webhook_id


def cutoff(now: float, older_than: timedelta, limit: int) -> int:
    """Unix seconds before which marks are forgotten. Raises ValueError."""
    if older_than <= timedelta(0):
        raise ValueError("older_than: a positive length of time is needed")
    if limit < 1:
        raise ValueError("limit: at least 1")
    return int(now - older_than.total_seconds())
