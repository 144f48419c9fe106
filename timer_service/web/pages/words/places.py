"""A destination as the page names it, links to it, and says how it fails. Pure."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import quote, urlencode

from marshmallow import ValidationError

from scheduler import FailingDestination, FailureGroup, Timer, destination
from timer_service.web.input.queries import Origin
from timer_service.web.pages.words import failure_words
from timer_service.web.pages.words.failure_words import Words

_ORIGIN = Origin()


class Place(NamedTuple):
    """A destination."""

    #: `https:api.example.com:443`.
    name: str
    #: `https://api.example.com:443`: what a list of timers takes as a filter. None where the name is not known.
    origin: str | None

    def timers(self, **filters: str) -> str:
        """The address of its timers on the page."""
        return "/ui/timers?" + urlencode({**filters, **({"destination": self.origin} if self.origin else {})})

    @property
    def path(self) -> str:
        """Of its own view; of a list of timers where its name is not known."""
        return f"/ui{api_path(self.name)}" if self.origin else self.timers(status="scheduled")


def id_of(text: str) -> str:
    """The destination that is meant, by its id or by any URL there. Raises ValueError."""
    try:
        return destination(_ORIGIN.deserialize(text.strip()))
    except ValidationError as error:
        raise ValueError(str(error.messages[0])) from None


def api_path(name: str) -> str:
    return f"/destinations/{quote(name, safe=':')}"


def place(name: str) -> Place:
    """Of a destination by its id."""
    scheme, _, rest = name.partition(":")
    return Place(name, f"{scheme}://{rest}")


def place_of(timer: Timer) -> Place:
    try:
        name = destination(timer.webhook.url)
    except ValueError:
        name = ""
    scheme, _, rest = name.partition(":")
    if timer.unreadable or not scheme or rest.startswith(":"):
        return Place("a destination that this version cannot read", None)
    return place(name)


def how_failing(it: FailingDestination) -> Words:
    return _how(it.error, it.status_code, it.sample)


def how_failed(group: FailureGroup) -> Words:
    return _how(group.error, group.status_code, group.newest)


def how_ended(timer: Timer) -> Words:
    """How the last attempt of a failed timer went."""
    last = timer.last_attempt
    return _how(last.error if last else None, last.status_code if last else None, timer)


def _how(error: str | None, status_code: int | None, sample: Timer) -> Words:
    last = sample.last_attempt
    if error is None and status_code is None and last is None:
        return failure_words.NEVER_SENT
    detail = last.detail if last and last.error == error else None
    return failure_words.how(error, status_code, sample.webhook.timeout, detail)
