"""What create_app has put together, as the views find it."""

from __future__ import annotations

from collections.abc import Mapping

from flask import current_app

from scheduler import Guard, Settings, Store
from timer_service.web.access.request_counts import Tally
from timer_service.web.input.budget import Budget


def store() -> Store:
    it: Store = current_app.extensions["store"]
    return it


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
