"""The preview: what was typed, and the moments that such a plan names. Stores nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice

from scheduler import Fold, Gap, Plan, PlanError, duration, recurrence, rfc3339
from timer_service.web.pages.schedules.moments import MomentRow, moment_rows
from timer_service.web.pages.schedules.plan_words import described
from timer_service.web.pages.words.typed import utc_moment

#: Of its form.
FIELDS = ("cron", "every", "time_zone", "gap", "fold", "from", "count")
_MOST = 50
_USUAL = {"time_zone": "UTC", "gap": "run", "fold": "first", "count": "5"}


@dataclass(frozen=True, slots=True)
class Preview:
    #: By field, as it stands in the form.
    typed: Mapping[str, str]
    #: By field.
    errors: Mapping[str, str] = field(default_factory=dict)
    #: The plan in words; '' where nothing was asked for, or that cannot be used.
    words: str = ""
    time_zone: str = ""
    rows: tuple[MomentRow, ...] = ()


NOTHING = Preview({name: _USUAL.get(name, "") for name in FIELDS})


def read(given: Mapping[str, str], now: int) -> Preview:
    """Of the query of a page's URL. `now`, ms: from when on, if that does not say."""
    if "cron" not in given and "every" not in given:
        return NOTHING
    typed = {name: given.get(name, "").strip() or _USUAL.get(name, "") for name in FIELDS}
    errors: dict[str, str] = {}
    count = int(typed["count"]) if re.fullmatch("[0-9]{1,2}", typed["count"]) else 0
    if not 1 <= count <= _MOST:
        errors["count"] = f"Must be a whole number from 1 to {_MOST}."
    plan = _plan(typed, errors, now)
    if plan is None or errors:
        return Preview(typed, errors)
    try:
        found = moment_rows(plan, islice(recurrence.moments(plan, plan.starts_at - 1), count))
        return Preview(typed, {}, described(plan, plan.starts_at), plan.time_zone, tuple(found))
    except PlanError as error:
        return Preview(typed, {error.field: error.detail})


def _plan(typed: Mapping[str, str], errors: dict[str, str], now: int) -> Plan | None:
    """Adds what cannot be used to the errors."""
    every_ms, starts_at = None, now
    if typed["cron"] and typed["every"]:
        errors["every"] = "Give either cron or every."
    if typed["every"]:
        try:
            every_ms = duration.parse(typed["every"])
        except ValueError:
            errors["every"] = "Must be text with units: 15m, 1h30m, 1d, PT30M."
    elif not typed["cron"]:
        errors["cron"] = "Give either cron or every."
    if typed["from"]:
        try:
            starts_at = rfc3339.parse(utc_moment(typed["from"]))
        except ValueError as error:
            errors["from"] = str(error)
    choices = {"gap": Gap, "fold": Fold}
    errors |= {
        name: "Not one of those that can be chosen." for name, it in choices.items() if typed[name] not in set(it)
    }
    if errors:
        return None
    return Plan(
        cron=typed["cron"] or None,
        every_ms=every_ms,
        time_zone=typed["time_zone"],
        starts_at=starts_at,
        gap=Gap(typed["gap"]),
        fold=Fold(typed["fold"]),
    )
