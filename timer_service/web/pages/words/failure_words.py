"""How a destination fails, in words for people. Pure."""

from __future__ import annotations

from typing import NamedTuple

from timer_service.web.pages.words.outcomes import failure
from timer_service.web.pages.words.values import seconds


class Words(NamedTuple):
    """One way to fail."""

    #: Of a destination that fails so now: it `does not answer in 15 s`.
    now: str
    #: The same in two or three words, as the state of a destination.
    state: str
    #: Of an attempt that failed so: `no answer in 15 s`.
    was: str


_BY_ERROR = {
    "blocked": ("has an address that is not allowed", "not allowed"),
    "dns": ("cannot be looked up by its name", "not looked up"),
    "connect": ("cannot be reached", "not reached"),
    "tls": ("does not complete the TLS handshake", "no TLS"),
    "reset": ("closes the connection before it has answered", "closes"),
    "protocol": ("does not answer in HTTP/1.1", "not HTTP"),
    "outcome-unknown": ("does not answer what is sent at most once", "no answer"),
    "lease-lost": ("was being called when pollers were lost", "poller lost"),
    "unreadable": ("has timers that this version cannot read", "not readable"),
}
#: By a part of the attempt's detail, where that says more than the word.
_BY_DETAIL = {
    ("connect", "refused the connection"): Words("refuses the connection", "refuses", "connection refused"),
    ("dns", "no such name"): Words("is not found by its name", "name not found", "name not found"),
    ("tls", "certificate"): Words("has a certificate that is refused", "certificate refused", "certificate refused"),
}


#: Of a timer without any attempt, for which it was too late.
NEVER_SENT = Words("did not get it in time", "not in time", "never sent")


def how(error: str | None, status_code: int | None, timeout: float, detail: str | None) -> Words:
    """`timeout`: seconds that an attempt has; `detail`: what its record says beside the word."""
    was = failure(error, status_code, timeout)
    if status_code is not None and not (error and 200 <= status_code < 300):
        return Words(f"answers {status_code}", f"answers {status_code}", was)
    if error == "timeout":
        return Words(f"does not answer in {seconds(timeout)}", "no answer", was)
    for (word, part), found in _BY_DETAIL.items():
        if error == word and part in (detail or "").lower():
            return found
    return Words(*_BY_ERROR.get(error or "", (f"fails ({error})" if error else "fails", "fails")), was)
