"""What to know before failed timers are sent once more. Pure."""

from __future__ import annotations

from scheduler import FailingDestination, FailureGroup, Reason
from timer_service.web.pages.words.places import how_failing
from timer_service.web.pages.words.values import counted

_ADVICE = {
    Reason.PERMANENT: "It goes to the same URL, which did not want it. To change that, clone.",
    Reason.BLOCKED: "It fails again unless TIMER_EGRESS_ALLOW names its network.",
    Reason.LEASE_LOST: "It may have arrived, and may take a poller down again: replay one of them first.",
    Reason.OUTCOME_UNKNOWN: "It may have arrived: a replay can make it happen twice.",
    Reason.EXPIRED: "It is late by now: those with a moment after which they are not sent stay as they are.",
    Reason.UNSENDABLE: "Only a version that can read it sends it.",
}


def advice(group: FailureGroup, now: FailingDestination | None) -> list[str]:
    """Whole sentences. `now`: if its destination fails now, or timers wait there."""
    found = []
    if now and now.failures:
        found.append(
            f"It {how_failing(now).now} now, {counted(now.failures, 'attempt')} in a row: a replay may fail again."
        )
    if now and now.waiting:
        found.append(f"{counted(now.waiting, 'due timer')} wait there already.")
    if group.reason in _ADVICE:
        found.append(_ADVICE[group.reason])
    return found or ["Nothing is known to fail there now."]
