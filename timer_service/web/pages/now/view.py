"""The view Now: one sentence first, then what proves it."""

from __future__ import annotations

from typing import Any

from flask import Response

from scheduler import PollerSeen
from timer_service.web.pages.figures.snapshot import POLLER_GONE, Figures, figures
from timer_service.web.pages.frame.frame import bp, show
from timer_service.web.pages.now import facts, waiting
from timer_service.web.pages.now.hour import hour
from timer_service.web.pages.now.sentences import sentence
from timer_service.web.pages.words import places

#: Minutes whose lateness is shown.
_MINUTES = 5
#: Pollers that are shown.
_POLLERS = 12


@bp.get("")
def now() -> Response:
    reading = figures()
    said = sentence(reading)
    parts = _parts(reading.value) if reading.value else {}
    return show("pages/now.html", view="Now", title=f"{said.title} · Now", as_of=reading.as_of, said=said, **parts)


def _parts(it: Figures) -> dict[str, Any]:
    return {
        "it": it,
        "pollers": _pollers(it)[:_POLLERS],
        "more_pollers": len(it.pollers.pollers[_POLLERS:]),
        "lateness": facts.lateness(it),
        "rates": facts.rates(it.minutes),
        "store": facts.store(it.store),
        "gone_at": it.pollers.read_at - POLLER_GONE,
        "waiting": [waiting.row(one, it.read_at) for one in it.failing[: waiting.MOST]],
        "more_waiting": len(it.failing[waiting.MOST :]),
        "hour": hour(it.forecast),
        "minutes": it.minutes.minutes[:_MINUTES],
        "newest": [(one, places.place_of(one), places.how_ended(one)) for one in it.newest_failed],
    }


def _pollers(it: Figures) -> list[PollerSeen]:
    """Those that run by their names, so that no row moves; then those that are gone, the last first."""
    gone_at = it.pollers.read_at - POLLER_GONE
    gone = sorted((one for one in it.pollers.pollers if one.seen_at <= gone_at), key=lambda one: -one.seen_at)
    return [one for one in it.pollers.pollers if one.seen_at > gone_at] + gone
