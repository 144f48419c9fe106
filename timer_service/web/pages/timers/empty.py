"""What a list of timers says that has none. Pure."""

from __future__ import annotations

from scheduler import Settings, Status
from timer_service.web.pages.timers.filters import Filters
from timer_service.web.pages.words.values import days

_FORGOTTEN = "Older ones are forgotten."


def nothing(asked: Filters, settings: Settings, count: int) -> tuple[str, str]:
    """A sentence, and another that says more. `count`: how many match all the same."""
    if asked.typed["cursor"]:
        return "No more.", "This page had some when the one before it was loaded."
    if count:
        return "None can be shown.", "What is stored of them is not as this version knows it."
    if asked.are_set:
        return "None match.", ""
    match asked.tab:
        case Status.DELIVERING:
            return "Nothing is being delivered.", "A timer is here while a poller sends it, mostly for some ms."
        case Status.SCHEDULED:
            return "Nothing is scheduled.", "A timer that is set stands here until it is sent."
        case Status.DELIVERED:
            return f"Nothing was delivered in the last {days(settings.keep_delivered)}.", _FORGOTTEN
        case Status.FAILED:
            return f"Nothing failed in the last {days(settings.keep_failed)}.", _FORGOTTEN
        case Status.CANCELLED:
            return f"Nothing was cancelled in the last {days(settings.keep_cancelled)}.", _FORGOTTEN
    return "There are no timers.", ""
