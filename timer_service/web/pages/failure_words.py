"""How an attempt failed, in words for people. Pure."""

from __future__ import annotations

from typing import NamedTuple

from timer_service.web.pages import words


class Words(NamedTuple):
    """One way to fail."""

    #: Of a destination that fails so now: it `does not answer in 15 s`.
    now: str
    #: The same as the state of a destination, in two or three words.
    state: str
    #: Of an attempt that failed so: `no answer in 15 s`.
    was: str


_UNKNOWN = Words("fails", "fails", "failed, and it is not known how")
_BY_ERROR = {
    "blocked": Words("has an address that is not allowed", "not allowed", "address not allowed"),
    "dns": Words("cannot be looked up by its name", "not looked up", "name not looked up"),
    "connect": Words("cannot be reached", "not reached", "not reached"),
    "tls": Words("does not complete the TLS handshake", "no TLS", "no TLS handshake"),
    "reset": Words(
        "closes the connection before it has answered", "closes", "connection closed without a whole answer"
    ),
    "protocol": Words("does not answer in HTTP/1.1", "not HTTP", "no answer of HTTP/1.1"),
    "outcome-unknown": Words(
        "does not answer what is sent at most once", "no answer", "no answer, and sent at most once"
    ),
    "lease-lost": Words("was being called when pollers were lost", "poller lost", "pollers lost while they sent it"),
    "unreadable": Words("has timers that this version cannot read", "not readable", "not readable by this version"),
}
#: By a part of the attempt's detail, where that says more than the word.
_BY_DETAIL = {
    ("connect", "refused the connection"): Words("refuses the connection", "refuses", "connection refused"),
    ("dns", "no such name"): Words("is not found by its name", "name not found", "name not found"),
    ("tls", "certificate"): Words("has a certificate that is refused", "certificate refused", "certificate refused"),
}


def how(error: str | None, status_code: int | None, timeout: float, detail: str | None) -> Words:
    """`timeout`: seconds that an attempt has; `detail`: what its record says beside the word."""
    if status_code is not None and not (error and 200 <= status_code < 300):
        return Words(f"answers {status_code}", f"answers {status_code}", f"answered {status_code}")
    if error == "timeout":
        limit = words.span(1000 * timeout).replace(".0 s", " s")
        return Words(f"does not answer in {limit}", "no answer", f"no answer in {limit}")
    for (word, part), found in _BY_DETAIL.items():
        if error == word and part in (detail or "").lower():
            return found
    if error is None:
        return _UNKNOWN
    return _BY_ERROR.get(error, Words(f"fails ({error})", "fails", error))
