"""The page, put together of its views."""

from __future__ import annotations

from flask import Flask

from timer_service.web.pages import frame, now

#: Each adds its routes to the frame's blueprint when it is imported.
VIEWS = (now,)


def register(app: Flask) -> None:
    app.register_blueprint(frame.bp)
