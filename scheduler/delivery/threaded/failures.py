"""Why an attempt failed, out of what requests raised. Pure."""

from __future__ import annotations

import ssl

from scheduler.delivery.details import of_tls
from scheduler.delivery.dialling import Unreachable
from scheduler.delivery.threaded.deadline import Deadline


def word(raised: Exception, deadline: Deadline) -> str:
    """The error's word, from the innermost cause that tells."""
    if isinstance(raised, Unreachable):
        return raised.word
    found = causes(raised)
    if any(isinstance(cause, TimeoutError) for cause in found):
        return "timeout"
    if deadline.sent and any(isinstance(cause, ssl.SSLEOFError) for cause in found):
        return "reset"
    if any(isinstance(cause, ssl.SSLError) for cause in found):
        return "tls"
    if not deadline.sent:
        return "connect"
    if any(isinstance(cause, ConnectionError) for cause in found):
        return "reset"
    return "protocol"


def detail(raised: Exception) -> str | None:
    """Why, where more is known than its word."""
    if isinstance(raised, Unreachable):
        return raised.detail
    tls = next((cause for cause in causes(raised) if isinstance(cause, ssl.SSLError)), None)
    return of_tls(str(tls)) if tls else None


def causes(raised: BaseException) -> list[BaseException]:
    """The exception and everything it wraps: requests and urllib3 keep the cause now in args, now in the chain."""
    found: list[BaseException] = []
    ahead = [raised]
    while ahead:
        error = ahead.pop()
        if error in found:
            continue
        found.append(error)
        inner = (*error.args, error.__cause__, error.__context__, getattr(error, "reason", None))
        ahead += [cause for cause in inner if isinstance(cause, BaseException)]
    return found
