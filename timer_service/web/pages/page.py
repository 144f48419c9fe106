"""The page, put together of its views."""

from __future__ import annotations

from flask import Flask

from scheduler import Settings
from timer_service.web.pages import frame, guard, now, static_files

#: Each adds its routes to the frame's blueprint when it is imported.
VIEWS = (now, static_files)


def register(app: Flask, settings: Settings) -> None:
    guard.register(app, settings)
    app.register_blueprint(frame.bp)
