"""The view Now: one sentence first, then what proves it."""

from __future__ import annotations

from typing import Any

from flask import Response

from timer_service.web.pages.figures.snapshot import Figures, figures
from timer_service.web.pages.frame.frame import bp, show
from timer_service.web.pages.now import facts, pollers, waiting
from timer_service.web.pages.now.hour import hour
from timer_service.web.pages.now.sentences import sentence
from timer_service.web.pages.words import places

#: Minutes whose lateness is shown.
_MINUTES = 5


@bp.get("")
def now() -> Response:
    reading = figures()
    said = sentence(reading)
    parts = _parts(reading.value) if reading.value else {}
    return show("pages/now.html", view="Now", title=f"{said.title} · Now", as_of=reading.as_of, said=said, **parts)


def _parts(it: Figures) -> dict[str, Any]:
    rows = waiting.rows(it)
    return {
        "it": it,
        "pollers": pollers.shown(it),
        "lateness": facts.lateness(it),
        "rates": facts.rates(it),
        "store": facts.store(it.store),
        "waiting": rows[: waiting.MOST],
        "more_waiting": len(rows[waiting.MOST :]),
        "hour": hour(it.forecast),
        "minutes": it.minutes.minutes[:_MINUTES],
        "newest": [(one, places.place_of(one), places.how_ended(one)) for one in it.newest_failed],
    }
