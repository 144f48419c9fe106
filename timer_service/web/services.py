"""What create_app has put together, as the views find it."""

from __future__ import annotations

from scheduler import Settings, Store
from timer_service.web.access.request_counts import RequestCounts
from timer_service.web.access.settings_files import SettingsFiles
from timer_service.web.input.schedule_fields import NewSchedule
from timer_service.web.input.schemas import NewTimer
from timer_service.web.present import present_app


def store() -> Store:
    found: Store = present_app().extensions["store"]
    return found


def settings() -> Settings:
    found: Settings = present_app().extensions["settings"]
    return found


def settings_files() -> SettingsFiles:
    found: SettingsFiles = present_app().extensions["settings_files"]
    return found


def new_timer() -> NewTimer:
    """The rules of new timers, with those of the settings."""
    found: NewTimer = present_app().extensions["schemas"][NewTimer]
    return found


def new_schedule() -> NewSchedule:
    """The rules of new schedules, with those of the settings."""
    found: NewSchedule = present_app().extensions["schemas"][NewSchedule]
    return found


def request_counts() -> RequestCounts:
    found: RequestCounts = present_app().extensions["request_counts"]
    return found
