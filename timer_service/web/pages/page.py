"""The page, put together of its views."""

from __future__ import annotations

from flask import Flask

from scheduler import Settings, Store
from timer_service.web.access.settings_files import KeysNow
from timer_service.web.pages.destinations import actions as destination_actions
from timer_service.web.pages.destinations import one as destination
from timer_service.web.pages.destinations import view as destinations
from timer_service.web.pages.failed import view as failed
from timer_service.web.pages.figures import late
from timer_service.web.pages.frame import frame, static_files
from timer_service.web.pages.history import view as history
from timer_service.web.pages.now import view as now
from timer_service.web.pages.schedules import actions as schedule_actions
from timer_service.web.pages.schedules import one as schedule
from timer_service.web.pages.schedules import set as set_schedule
from timer_service.web.pages.schedules import view as schedules
from timer_service.web.pages.sign_in import guard
from timer_service.web.pages.sign_in import view as sign_in
from timer_service.web.pages.timer import actions as timer_actions
from timer_service.web.pages.timer import view as timer
from timer_service.web.pages.timers import actions as timers_actions
from timer_service.web.pages.timers import view as timers
from timer_service.web.pages.try_it import view as try_it

#: Each adds to the frame's blueprint, when it is imported, its routes or what its templates call.
VIEWS = (
    *(destination, destination_actions, destinations),
    *(failed, history, late, now, schedule, schedule_actions, schedules, set_schedule, sign_in),
    *(static_files, timer, timer_actions, timers, timers_actions, try_it),
)


def register(app: Flask, settings: Settings, store: Store, keys: KeysNow) -> None:
    guard.register(app, settings, store, keys)
    app.register_blueprint(frame.bp)
