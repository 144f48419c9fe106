"""The time zones by name, with the rules of the package `tzdata`: the same on every machine, also where the system has
no zone files, and as new as the installed package."""

from __future__ import annotations

from functools import cache
from importlib import resources
from zoneinfo import ZoneInfo

import tzdata

from scheduler.errors import PlanError

#: The longest name has 32.
MOST_CHARACTERS = 64

_FILES = resources.files(tzdata)
#: Each name is one of the IANA database; nothing else is looked for, so a name never becomes a path.
ZONES = frozenset((_FILES / "zones").read_text("utf-8").split())
_IN_LOWER_CASE = {name.lower(): name for name in ZONES}
#: Of two with the same city the shorter name.
_OF_CITY = {name.lower().rpartition("/")[2]: name for name in sorted(ZONES, key=len, reverse=True) if "/" in name}


def zone_of(name: str) -> ZoneInfo:
    """Raises PlanError for a name that is not in the list, and says which one may be meant."""
    if name not in ZONES:
        meant = _meant_by(name) if len(name) <= MOST_CHARACTERS else None
        hint = f"did you mean {meant}?" if meant else "use a name of the IANA list, such as Europe/Berlin."
        raise PlanError("time_zone", f"There is no such time zone; {hint}")
    return _load(name)


def _meant_by(name: str) -> str | None:
    """The zone of that name in another case, or of that city."""
    said = name.lower().replace(" ", "_")
    return _IN_LOWER_CASE.get(said) or _OF_CITY.get(said)


@cache  # of some 600 names
def _load(name: str) -> ZoneInfo:
    with _FILES.joinpath("zoneinfo", *name.split("/")).open("rb") as file:
        return ZoneInfo.from_file(file, key=name)
