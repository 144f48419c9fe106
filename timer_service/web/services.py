"""The parts that create_app has wired, as a view finds them."""

from __future__ import annotations

from collections.abc import Mapping

from flask import current_app

from scheduler import Changes, Guard, Health, Listing, Repeats, Settings, Timers
from timer_service.web.access.request_counts import Tally
from timer_service.web.input.budget import Budget


def timers() -> Timers:
    store: Timers = current_app.extensions["timers"]
    return store


def changes() -> Changes:
    it: Changes = current_app.extensions["changes"]
    return it


def listing() -> Listing:
    it: Listing = current_app.extensions["listing"]
    return it


def repeats() -> Repeats:
    it: Repeats = current_app.extensions["repeats"]
    return it


def health() -> Health:
    checker: Health = current_app.extensions["health"]
    return checker


def tally() -> Tally:
    it: Tally = current_app.extensions["tally"]
    return it


def guard() -> Guard:
    """What can be said of a destination without looking its name up."""
    it: Guard = current_app.extensions["guard"]
    return it


def settings() -> Settings:
    used: Settings = current_app.extensions["settings"]
    return used


def budgets() -> Mapping[str, Budget]:
    """The bytes that large requests may hold, by what for."""
    it: Mapping[str, Budget] = current_app.extensions["budgets"]
    return it
