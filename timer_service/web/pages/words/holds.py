"""Why due timers of a destination wait, in words. Pure."""

from __future__ import annotations

from typing import NamedTuple

from scheduler import Destination, DestinationSettings, DestinationState, HeldBy, Hold, Rate, duration, hold_reasons
from timer_service.web.pages.words.outcomes import failure
from timer_service.web.pages.words.values import counted, number

_UNITS = {1000: "a second", 60_000: "a minute", 3_600_000: "an hour", 86_400_000: "a day"}


class Why(NamedTuple):
    """Behind the name of a destination these make a sentence."""

    #: The state of the destination, in one word, which is also the name of its icon.
    state: str
    #: `is paused by ana: migration`.
    said: str
    #: The same in few words, none of which somebody else wrote.
    short: str


def why(hold: Hold) -> Why:
    match hold.by:
        case HeldBy.PAUSE:
            return Why("paused", f"is {hold.because}", "is paused")
        case HeldBy.BREAKER:
            return Why("broken", f"is left alone, for {failures(hold.because)}", "fails, and is left alone")
        case HeldBy.RETRY_AFTER:
            return Why("limited", "has asked to be left alone", "has asked to be left alone")
    found = hold_reasons.read_limits(hold.because)
    if found is None:
        return Why("limited", "goes on slowly at first", "goes on slowly at first")
    said = f"gets {limits(found)}"
    return Why("limited", said, "gets only so many at once" if hold.by is HeldBy.CONCURRENCY else said)


def failures(because: str) -> str:
    """Why a breaker has opened: its failures as the page says them elsewhere."""
    it = hold_reasons.BreakerFailures.read(because)
    last, probe_failed = (word and failed_as(word) for word in (it.last, it.probe_failed))
    return it._replace(last=last, probe_failed=probe_failed).text


def failed_as(word: str) -> str:
    """Of an error's word, or of a status as text: `answered 503`."""
    is_status = word.isascii() and word.isdecimal() and len(word) == 3
    return failure(None, int(word)) if is_status else failure(word, None)


def limits(settings: DestinationSettings) -> str:
    """`at most 10 a second, 4 at once`; '' for nothing."""
    said = [rate(settings.rate)] if settings.rate else []
    if settings.concurrency is not None:
        said.append(f"{number(settings.concurrency)} at once")
    return f"at most {', '.join(said)}" if said else ""


def rate(it: Rate) -> str:
    """`10 a second`, `100 in 5m`."""
    return f"{number(it.requests)} {_UNITS.get(it.per_ms) or f'in {duration.text(it.per_ms)}'}"


def is_left_alone(it: Destination) -> bool:
    """Whether its receiver has asked for that."""
    return it.state is DestinationState.LIMITED and it.since is None and it.next_at is not None


def goes_on_slowly(it: Destination) -> bool:
    return it.state is DestinationState.LIMITED and it.since is not None


def why_so(it: Destination) -> tuple[str, str]:
    """Why it stands so, but for the reason of a pause; and what comes at the moment at which that changes."""
    match it.state:
        case DestinationState.PAUSED:
            return (f"by {it.pause.by}" if it.pause and it.pause.by else ""), "goes on"
        case DestinationState.BROKEN:
            return failures(it.because or ""), "probe"
        case DestinationState.PROBING:
            return f"one probe is under way; {failures(it.because or '')}", "given up"
        case DestinationState.LIMITED if is_left_alone(it):
            return "its receiver asked to be left alone", "goes on"
        case DestinationState.LIMITED if goes_on_slowly(it):
            return "goes on slowly at first", "at full speed"
        case DestinationState.LIMITED:
            return limits(it.settings), ""
    return "", ""


def waits(it: Destination) -> str:
    """`1,204 timers wait`, or `no timer waits`."""
    count = counted(it.waiting, "timer") if it.waiting else "no timer"
    return f"{count} {'wait' if it.waiting > 1 else 'waits'}"
