"""Secrets that sign webhooks to one destination and no other: a new one takes the old one's place by and by. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from scheduler.rounding import ceil_div

#: That sign at once, at most: each takes 48 bytes of every request's head, and 0.7 us.
MOST_SECRETS = 5
#: ms for which an old secret goes on signing: unless somebody says otherwise, and at most.
OLD_FOR = 86_400_000
LONGEST_OLD_FOR = 30 * OLD_FOR


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret of a destination's own. Its repr tells neither its value nor who asked for it."""

    #: `whsec_...`.
    value: str = field(repr=False)
    #: ms at which it was made, and from which it signs no more; None: until another takes its place.
    since: int
    until: int | None = None
    #: Names what asked for it, and nobody else knows: the same again gets the same secret. "": nothing does.
    request: str = field(default="", repr=False)

    def signs(self, now: int) -> bool:
        """Whether it is still in use at this moment, ms."""
        return self.until is None or now < self.until


def rotated(secrets: Sequence[Secret], made: Secret, old_for: int) -> tuple[Secret, ...]:
    """The secrets once `made` is the newest: those before it sign for `old_for` ms more, or less if they were to end
    before. The newest comes first.

    An end is a whole second, for so exactly a webhook says when it was sent.
    """
    end = ceil_div(made.since + old_for, 1000) * 1000 if old_for else made.since
    older = [replace(it, until=end if it.until is None else min(it.until, end)) for it in secrets]
    return (made, *(it for it in older if it.signs(made.since)))
