"""What create_app has put together, as the views find it."""

from __future__ import annotations

from flask import current_app

from scheduler import Settings, Store
from timer_service.web.access.request_counts import RequestCounts
from timer_service.web.access.settings_files import SettingsFiles
from timer_service.web.input.schedule_fields import NewSchedule
from timer_service.web.input.schemas import NewTimer


def store() -> Store:
    found: Store = current_app.extensions["store"]
    return found


def settings() -> Settings:
    found: Settings = current_app.extensions["settings"]
    return found


def settings_files() -> SettingsFiles:
    found: SettingsFiles = current_app.extensions["settings_files"]
    return found


def new_timer() -> NewTimer:
    """The rules of new timers, with those of the settings."""
    found: NewTimer = current_app.extensions["schemas"][NewTimer]
    return found


def new_schedule() -> NewSchedule:
    """The rules of new schedules, with those of the settings."""
    found: NewSchedule = current_app.extensions["schemas"][NewSchedule]
    return found


def request_counts() -> RequestCounts:
    found: RequestCounts = current_app.extensions["request_counts"]
    return found
