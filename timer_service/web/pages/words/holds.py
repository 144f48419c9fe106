"""Why due timers of a destination wait, in words. Pure."""

from __future__ import annotations

import re
from typing import NamedTuple

from scheduler import Destination, DestinationState, HeldBy, Hold, Rate, duration
from timer_service.web.pages.words.outcomes import failure
from timer_service.web.pages.words.values import counted, number

#: In the engine's words, the last failure and that of a probe: by its error or status.
_ERROR = re.compile(r"(the last one: |probe \d+ failed: )([\w-]+)", re.ASCII)
#: Of a rate, in its words.
_RATE = re.compile(r"at most (\d+) in ([\d.]+) s((?:, \d+ at once)?)", re.ASCII)
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
        case HeldBy.CONCURRENCY:
            return Why("limited", f"gets {hold.because}", "gets only so many at once")
    found = _RATE.fullmatch(hold.because)
    if found is None:
        return Why("limited", "goes on slowly at first", "goes on slowly at first")
    said = f"gets at most {rate(Rate(int(found[1]), round(1000 * float(found[2]))))}{found[3]}"
    return Why("limited", said, said)


def failures(because: str) -> str:
    """Why a breaker has opened: its failures as the page says them elsewhere."""
    return _ERROR.sub(lambda found: f"{found[1]}{failed_as(found[2])}", because)


def failed_as(word: str) -> str:
    """Of an error's word, or of a status as text: `answered 503`."""
    is_status = word.isascii() and word.isdecimal() and len(word) == 3
    return failure(None, int(word)) if is_status else failure(word, None)


def limits(it: Destination) -> str:
    """What was set for it: `at most 10 a second, 4 at once`; '' for nothing."""
    settings = it.settings
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
            return limits(it), ""
    return "", ""


def waits(it: Destination) -> str:
    """`1,204 timers wait`, or `no timer waits`."""
    count = counted(it.waiting, "timer") if it.waiting else "no timer"
    return f"{count} {'wait' if it.waiting > 1 else 'waits'}"
