"""The line of the log that an ended attempt gets. Pure, but for what it remembers of destinations."""

from __future__ import annotations

import json

from scheduler.claim import Claim, Settlement
from scheduler.origin import destination
from scheduler.rfc3339 import rfc3339
from scheduler.timer import Attempt, Reason


def attempt_line(ended: Settlement, claim: Claim) -> str:
    """An ended attempt as a line of JSON, by hand: 1 us, where a record of `logging` for each takes 15.

    But for the key, and the destination, which is escaped when it is first seen, no string in it has anything that JSON
    would escape: an id, words of ours, and the poller's name, which is cleaned.
    """
    it = ended.attempt
    error = f'"{it.error}","detail":{json.dumps(it.detail)}' if it.error else 'null,"detail":null'
    redelivery = f'"{it.redelivery}"' if it.redelivery else "null"
    try:
        where = _destinations[claim.destination]
    except KeyError:
        where = _remember_destination(claim)
    more = "}" if claim.key is None and it.occurrence == 1 else _more(it, claim)
    return (
        f'{{"time":"{rfc3339((it.started_at or 0) + (it.duration_ms or 0))}","level":"info","event":"attempt",'
        f'"timer":"{ended.timer_id}","attempt":{it.number},"outcome":"{it.outcome}",'
        f'"status":{it.status_code or "null"},"error":{error},"lateness_ms":{it.lateness_ms},'
        f'"duration_ms":{it.duration_ms},"redelivery":{redelivery},"poller":"{it.poller}",'
        f'"destination":{where},{_ENDS[ended.reason]}{more}'
    )


_ENDS = {reason: f'"final":true,"reason":"{reason}"' for reason in Reason} | {None: '"final":false,"reason":null'}

#: By its tag, as JSON: 0.05 us, where to find it in the URL takes 2.
_destinations: dict[str, str] = {}
_MOST_DESTINATIONS = 4096


def _remember_destination(claim: Claim) -> str:
    if len(_destinations) >= _MOST_DESTINATIONS:
        _destinations.clear()
    try:
        said = json.dumps(destination(claim.webhook.url))
    except ValueError:  # it is stored, and was not sent because it cannot be read
        said = "null"
    _destinations[claim.destination] = said
    return said


def _more(it: Attempt, claim: Claim) -> str:
    """The end of a line that tells of an occurrence or a key."""
    occurrence = f',"occurrence":{it.occurrence}' if it.occurrence > 1 else ""
    return f'{occurrence},"key":{json.dumps(claim.key)}}}' if claim.key else f"{occurrence}}}"
