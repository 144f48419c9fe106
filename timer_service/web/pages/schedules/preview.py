"""The preview: what was typed, and the moments that such a plan names. Stores nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from marshmallow import ValidationError

from scheduler import PlanError, recurrence
from timer_service.web.input.invalid import invalid
from timer_service.web.input.plan_fields import take_plan
from timer_service.web.input.schedule_fields import DEFAULTS, PreviewIn
from timer_service.web.pages.schedules.moments import MomentRow, moment_rows
from timer_service.web.pages.schedules.plan_words import described
from timer_service.web.pages.words.typed import utc_moment, whole_of
from timer_service.web.services import store

#: Of its form, with what the API takes if they are not said.
_ALWAYS: Mapping[str, str] = {
    "time_zone": DEFAULTS.plan.time_zone,
    "gap": DEFAULTS.plan.gap.value,
    "fold": DEFAULTS.plan.fold.value,
}
#: The same with what each holds at first.
_USUAL: Mapping[str, str] = {"cron": "", "every": "", **_ALWAYS, "from": "", "count": "5"}
_PREVIEW_IN = PreviewIn()


@dataclass(frozen=True, slots=True)
class Preview:
    #: By field, as it stands in the form.
    typed: Mapping[str, str]
    #: What a program would ask for.
    asked: Mapping[str, Any] = field(default_factory=dict)
    #: By field.
    errors: Mapping[str, str] = field(default_factory=dict)
    #: The plan in words; '' where nothing was asked for, or that cannot be used.
    words: str = ""
    time_zone: str = ""
    rows: tuple[MomentRow, ...] = ()


NOTHING = Preview(_USUAL)


def read(given: Mapping[str, str]) -> Preview:
    """Of the query of a page's URL."""
    if "cron" not in given and "every" not in given:
        return NOTHING
    typed = {name: given.get(name, "").strip() or usual for name, usual in _USUAL.items()}
    asked: dict[str, Any] = {name: text for name, text in typed.items() if text and text != _ALWAYS.get(name)}
    asked["count"] = whole_of(typed["count"])
    if typed["from"]:
        asked["from"] = utc_moment(typed["from"])
    try:
        said: dict[str, Any] = _PREVIEW_IN.load(asked)
    except ValidationError as error:
        return Preview(typed, errors={name.removeprefix("/"): text for name, text in invalid(error.messages).errors})
    count, after = said.pop("count"), said.pop("from_", None)
    after = store().schedules.now() if after is None else after
    plan = take_plan(said, starts_at=after)
    try:
        found = moment_rows(plan, islice(recurrence.moments(plan, after), count))
    except PlanError as error:
        return Preview(typed, errors={error.field: error.detail})
    return Preview(typed, asked, {}, described(plan, after), plan.time_zone, tuple(found))
