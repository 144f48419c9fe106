"""How one destination stands: the sentence that its view begins with. Pure."""

from __future__ import annotations

from scheduler import Destination, DestinationState
from timer_service.web.pages.destinations.rows import Row
from timer_service.web.pages.timer.standing import Sentence
from timer_service.web.pages.words.reasons import ended, is_long


def sentence(it: Destination, row: Row) -> Sentence:
    if it.state is DestinationState.PAUSED and row.reason:
        return Sentence("paused", "Paused", "." if is_long(row.reason) else f": {ended(row.reason)}")
    kind = it.state.capitalize()
    return Sentence(it.state, kind, f": {row.why}." if row.why else ".")
