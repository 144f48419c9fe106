"""The filters of the view Timers: what was typed, as the API's own query reads it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from marshmallow import ValidationError

from scheduler import ENDED, Query, Status, rfc3339
from timer_service.web.input.queries import ListIn
from timer_service.web.pages.words.typed import as_local, utc_moment

#: Timers of a page.
LIMIT = 20
#: Fields of the form that an index serves, in its order; then what says which page.
FIELDS = ("tag", "schedule", "destination", "due_after", "due_before")
_MOMENTS = ("due_after", "due_before")

_LIST_IN = ListIn()


@dataclass(frozen=True, slots=True)
class Filters:
    """`typed` stays in the form; `asked` goes to the API; each error stands at its field."""

    #: A status, or `any`.
    tab: str
    typed: Mapping[str, str]
    asked: Mapping[str, str] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)
    #: None where there are errors.
    query: Query | None = None

    @property
    def are_set(self) -> bool:
        return any(self.typed.get(name) for name in FIELDS)

    @property
    def link(self) -> dict[str, str]:
        """Of this list's first page, as the form has it."""
        said = {"status": self.tab, **{name: self.typed[name] for name in FIELDS if self.typed.get(name)}}
        return said | ({"order": self.typed["order"]} if self.typed.get("order") else {})

    @property
    def hides(self) -> bool:
        """Whether the index has other timers too: then each is looked at, and no single count tells how many match."""
        by_due = self.tab in ("any", Status.SCHEDULED) or self.is_by_name
        with_due = not by_due and not self.asked.keys().isdisjoint(_MOMENTS)
        return with_due or "destination" in self.asked or self.is_by_name is (self.tab != "any")

    @property
    def is_by_name(self) -> bool:
        """Whether the index is that of a tag or a schedule, which has timers of every status."""
        return not self.asked.keys().isdisjoint(("tag", "schedule"))


def read(given: Mapping[str, str]) -> Filters:
    """Of the query of a page's URL, or the fields of its form; what it does not know it passes over."""
    typed = {name: given.get(name, "").strip() for name in (*FIELDS, "order", "cursor")}
    tab = given.get("status") or str(Status.SCHEDULED)
    asked = {"status": tab, **{name: _as_asked(name, value) for name, value in typed.items() if value}}
    # What has ended is looked at from its end on: the last first.
    if tab in ENDED and asked.keys().isdisjoint(("order", "tag", "schedule")):
        asked["order"] = "desc"
    try:
        query: Query = _LIST_IN.load({**asked, "limit": str(LIMIT)})
    except ValidationError as error:
        return Filters(tab, typed, asked, _first(error.messages_dict))
    return Filters(tab, typed, asked, query=query)


def _as_asked(name: str, value: str) -> str:
    return utc_moment(value) if name in _MOMENTS else value


def _first(messages: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(said[0]) if isinstance(said, list) else str(said) for name, said in messages.items()}


def local(value: str) -> str | None:
    """What was typed, as the value of a datetime-local; None if none can hold it."""
    if not value:
        return ""
    try:
        ms = rfc3339.parse(_as_asked("due_after", value))
    except ValueError:
        return None
    return as_local(rfc3339.rfc3339(ms))


def in_words(filters: Filters) -> list[tuple[str, str]]:
    """What the list is limited to: (words, value)."""
    said = {
        "tag": "tag",
        "schedule": "run of",
        "destination": "destination",
        "due_after": "due from",
        "due_before": "due before",
    }
    return [
        (said[name], filters.asked[name] if name in _MOMENTS else filters.typed[name])
        for name in FIELDS
        if filters.typed.get(name)
    ]
