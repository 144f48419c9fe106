"""When a call is made again, and after how long. Pure."""

from __future__ import annotations

from timer_service.client.errors import RateLimited, TimerServiceError, Unavailable

#: Seconds: the first wait, which doubles, and the longest; also the longest Retry-After that is waited for.
FIRST, LONGEST = 0.1, 10.0


def pause(number: int, retry_after: float | None, chance: float) -> float | None:
    """Seconds to wait before repeat `number` (from 1), or None to give up. `chance` is from 0 to 1.

    Half of a wait is certain, half left to chance: clients that failed together do not come back together. What the
    service asked for is never cut short; if that is more than the longest wait, the caller is told instead.
    """
    step = min(LONGEST, FIRST * 2.0 ** min(number - 1, 20))
    jittered = step * (1 + chance) / 2
    if retry_after is None:
        return jittered
    return retry_after + jittered if retry_after <= LONGEST else None


def certainly_not_done(error: TimerServiceError) -> bool:
    """Refused at the door, or the connection never came about."""
    return isinstance(error, RateLimited) or (error.no_answer is not None and error.no_answer.never_sent)


def may_pass(error: TimerServiceError) -> bool:
    """A certificate that is not trusted will not be so in a second."""
    return isinstance(error, Unavailable) and not (error.no_answer is not None and error.no_answer.untrusted)
