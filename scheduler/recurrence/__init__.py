"""Which moments a plan names: cron expressions and intervals in time zones. Pure: the same arguments, the same moments.

`parse` reads a cron expression, `moments` gives what comes after a moment, `describe` says a plan in words and `rhythm`
the same without its start and end, `moment_of` is one wall clock's moment and `wall` the reverse, `turn_at` how clocks
are turned at a moment, `spread_offset` the fixed offset of a schedule from its name.
"""

from scheduler.recurrence.cron import MOST_CHARACTERS as MOST_CRON_CHARACTERS
from scheduler.recurrence.cron import Cron, parse
from scheduler.recurrence.moments import SHORTEST, moments
from scheduler.recurrence.spread import spread_offset
from scheduler.recurrence.turns import Turn, turn_at
from scheduler.recurrence.wall_clock import moment_of, wall
from scheduler.recurrence.words import describe, rhythm
from scheduler.recurrence.zones import MOST_CHARACTERS, ZONES, zone_of

__all__ = [
    "MOST_CHARACTERS",
    "MOST_CRON_CHARACTERS",
    "SHORTEST",
    "ZONES",
    "Cron",
    "Turn",
    "describe",
    "moment_of",
    "moments",
    "parse",
    "rhythm",
    "spread_offset",
    "turn_at",
    "wall",
    "zone_of",
]
