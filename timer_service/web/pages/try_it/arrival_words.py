"""What the page says of a request that arrived in the inbox. Pure, but for who it is shown to (input/redaction.py)."""

from __future__ import annotations

from collections.abc import Collection

from timer_service.web.input import redaction
from timer_service.web.pages.try_it.inbox import Arrival
from timer_service.web.pages.words.request_text import visible
from timer_service.web.pages.words.values import number, span

#: Names of headers of our own that only sound like secrets.
_HARMLESS = frozenset({"webhook-signature"})
_AGAIN = {
    "retry": "a retry",
    "replay": "a replay",
    "rescheduled": "asked for again",
    "lease-expired": "sent again, after a lost lease",
}
#: What is answered, by the name under which it was chosen.
ANSWERS = {
    "200": "200",
    "500": "500",
    "429": "429, wait 10 s",
    "slow": "200 after 20 s",
    "again": "200, again in 10 s",
}


def arrived(it: Arrival) -> str:
    """`Arrived 1 ms after its moment`: a retry's is that of the retry, which the poller told."""
    late = it.late_ms
    if it.redelivery or it.attempt not in ("", "1"):
        told = dict(_lower(it)).get("timer-lateness-ms", "")
        late = float(told) if told.isascii() and told.isdecimal() and len(told) < 12 else None
    if late is None:
        return "Arrived"
    if -1 <= late < 1:
        return "Arrived within 1 ms of its moment"
    if late < 0:
        return f"Arrived {span(-late)} before its moment, by this machine's clock"
    return f"Arrived {span(late)} after its moment"


def which(it: Arrival) -> str:
    """`attempt 2, a retry; answered 200`."""
    attempt = f"attempt {it.attempt}" if it.attempt else "of no timer"
    again = f", {_AGAIN.get(it.redelivery, it.redelivery)}" if it.redelivery else ""
    answered = ANSWERS.get(it.answer, str(it.status))
    return visible(f"{attempt}{again}; answered {answered}{'' if it.answer == '200' else ', as you chose'}")


def verified(it: Arrival) -> str:
    if it.verified is None:
        return "signature not checked: TIMER_SIGNING_SECRETS is not set"
    return "signature verified" if it.verified else "signature missing or wrong"


def as_it_came(it: Arrival, write_only: Collection[str]) -> str:
    """First line, headers, body; secrets in headers hidden as the API hides them."""
    hidden = {name.lower() for name in write_only}
    lines = [f"{it.method} {redaction.shown_url(it.target)} {it.version}"]
    for name, value in it.headers:
        is_secret = name.lower() in hidden or (redaction.is_secret(name) and name.lower() not in _HARMLESS)
        lines.append(f"{name}: {redaction.MARK if is_secret else value}")
    return visible("\n".join([*lines, "", _body(it)]))


def _body(it: Arrival) -> str:
    if it.body is not None and "\0" not in it.body:
        return it.body
    return f"({number(it.body_bytes)} bytes that are no text, in base64)\n{it.body_base64}"


def sets_headers(it: Arrival) -> bool:
    """Whether there are headers beside those that we and HTTP set."""
    return any(not name.startswith(("webhook-", "timer-")) and name not in _OURS for name, _ in _lower(it))


_OURS = frozenset({"host", "user-agent", "content-type", "content-length", "accept", "accept-encoding", "connection"})


def _lower(it: Arrival) -> list[tuple[str, str]]:
    return [(name.lower(), value) for name, value in it.headers]
