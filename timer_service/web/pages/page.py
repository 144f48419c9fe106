"""The page, put together of its views."""

from __future__ import annotations

from flask import Flask

from scheduler import Settings, Store
from timer_service.web.pages import (
    frame,
    guard,
    now,
    sign_in,
    static_files,
    timer,
    timer_actions,
    timers,
    timers_actions,
)

#: Each adds its routes to the frame's blueprint when it is imported.
VIEWS = (now, timers, timers_actions, timer, timer_actions, sign_in, static_files)


def register(app: Flask, settings: Settings, store: Store) -> None:
    guard.register(app, settings, store)
    app.register_blueprint(frame.bp)
