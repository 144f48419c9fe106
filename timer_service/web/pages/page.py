"""The page, put together of its views."""

from __future__ import annotations

from flask import Flask

from scheduler import Settings, Store
from timer_service.web.pages import (
    failed,
    frame,
    guard,
    late,
    now,
    sign_in,
    static_files,
    timer,
    timer_actions,
    timers,
    timers_actions,
    try_it,
)

#: Each adds to the frame's blueprint, when it is imported, its routes or what its templates call.
VIEWS = (failed, late, now, sign_in, static_files, timer, timer_actions, timers, timers_actions, try_it)


def register(app: Flask, settings: Settings, store: Store) -> None:
    guard.register(app, settings, store)
    app.register_blueprint(frame.bp)
