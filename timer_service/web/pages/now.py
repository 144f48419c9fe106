"""The view Now: one sentence first, then what proves it."""

from __future__ import annotations

import time

from flask import Response

from timer_service.web.pages.frame import bp, show


@bp.get("")
def now() -> Response:
    return show("pages/now.html", view="Now", title="All on time · Now", as_of=time.time_ns() // 1_000_000)
