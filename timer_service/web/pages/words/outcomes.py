"""How attempts and timers ended, in words. Pure."""

from __future__ import annotations

from scheduler import Attempt, Outcome, Reason
from timer_service.web.pages.words.values import seconds

_ERRORS = {
    "blocked": "address not allowed",
    "dns": "its host has no address",
    "connect": "no connection",
    "tls": "no TLS connection",
    "timeout": "no answer in time",
    "reset": "connection closed before its answer",
    "protocol": "no whole answer of HTTP",
    "lease-lost": "its end was never noted",
    "outcome-unknown": "it may have arrived",
    "unreadable": "what is stored cannot be read",
}
_REASONS = {
    Reason.DELIVERED: "its receiver accepted it",
    Reason.CANCELLED: "it was cancelled",
    Reason.ATTEMPTS_EXHAUSTED: "its last attempt failed",
    Reason.PERMANENT: "its receiver refused it for good",
    Reason.BLOCKED: "its address is not allowed",
    Reason.LEASE_LOST: "three times a poller had it and was not heard of again",
    Reason.OUTCOME_UNKNOWN: "it may have arrived, and is sent at most once",
    Reason.EXPIRED: "it was too late to send it",
    Reason.UNSENDABLE: "what is stored cannot be read",
}


def failure(error: str | None, status_code: int | None, timeout: float | None = None) -> str:
    """Why an attempt failed: `answered 503`, `no answer in 15 s`. `timeout`, seconds, is the timer's."""
    if error == "timeout" and timeout and status_code is None:
        return f"no answer in {seconds(timeout)}"
    if status_code is None:
        return _ERRORS.get(error or "", error or "failed")
    answered = f"answered {status_code}"
    return answered if error is None else f"{answered}, then {_AFTER_STATUS.get(error, error)}"


#: What went wrong once an answer had begun.
_AFTER_STATUS = {
    "timeout": "not whole in time",
    "reset": "closed the connection",
    "protocol": "not as HTTP wants it",
}


def outcome(attempt: Attempt, timeout: float | None = None) -> str:
    """How one attempt ended."""
    if attempt.outcome is Outcome.DELIVERED:
        return f"accepted with {attempt.status_code}" if attempt.status_code else "accepted"
    return failure(attempt.error, attempt.status_code, timeout)


def ending(reason: Reason | None) -> str:
    """Why a timer has ended, as the end of `..., because`."""
    return "the reason is not known to this version" if reason is None else _REASONS[reason]
