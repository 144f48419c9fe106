"""The pollers, as the view Now shows them. Pure."""

from __future__ import annotations

from typing import NamedTuple

from scheduler import PollerSeen
from timer_service.web.pages.figures.snapshot import Figures

#: Rows of each list.
_MOST = 12


class Shown(NamedTuple):
    """Those seen in the last hour."""

    #: Those that run, by their names, so that no row moves.
    running: list[PollerSeen]
    #: Those that were not seen for some seconds, the last first.
    gone: list[PollerSeen]
    #: How many of each there are besides.
    more_running: int
    more_gone: int
    #: Whether those that are gone are a warning. One that was stopped, or replaced by another, is none as long as
    #: others do its work.
    is_missed: bool


def shown(it: Figures) -> Shown:
    running = it.running
    gone = sorted((one for one in it.pollers.pollers if one not in running), key=lambda one: -one.seen_at)
    return Shown(
        running=running[:_MOST],
        gone=gone[:_MOST],
        more_running=len(running[_MOST:]),
        more_gone=len(gone[_MOST:]),
        is_missed=bool(gone and (it.late or not running)),
    )
