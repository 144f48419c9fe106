"""Each call about destinations, described once for both clients: methods of TimerClient and AsyncTimerClient.

A destination is named by its id, `https:api.example.com:443`: scheme, host in lower case and port, always.
"""

from __future__ import annotations

from datetime import datetime
from typing import Unpack
from uuid import uuid4

from timer_service.client.call import Call, Walk
from timer_service.client.destination_fields import DestinationChanges, DestinationFilters, ResumeAt
from timer_service.client.destinations import Destination, DestinationPage, NewSecret
from timer_service.client.encoding import MERGE_PATCH, encode, idempotency_header, if_match_header, segment
from timer_service.client.request_fields import Seconds, given, to_json


def destination(destination_id: str) -> Call[Destination]:
    """NotFound if nothing was ever sent there, and nobody has set anything for it."""
    return Call("GET", _destination(destination_id), Destination.from_json, repeatable=True)


def destination_page(
    *, limit: int | None = None, cursor: str | None = None, **filters: Unpack[DestinationFilters]
) -> Call[DestinationPage]:
    """One page of a list: those that are limited or held first, then the busiest."""
    query = {"limit": limit, "cursor": cursor, **filters}
    return Call("GET", "/destinations", DestinationPage.from_json, query=query, repeatable=True)


def destinations(
    *, page_size: int | None = None, **filters: Unpack[DestinationFilters]
) -> Walk[DestinationPage, Destination]:
    """Every destination that matches, page by page as you go on."""
    return Walk(lambda cursor: destination_page(limit=page_size, cursor=cursor, **filters), lambda it: it.destinations)


def update_destination(
    destination_id: str, *, if_version: str | None = None, **changes: Unpack[DestinationChanges]
) -> Call[Destination]:
    """Change what limits it, also before anything was sent there:
    `update_destination("https:api.example.com:443", rate={"requests": 10, "per": "1s"})`.

    With the `version` of one that was read as `if_version`: PreconditionFailed if it was changed since.
    """
    headers = {**MERGE_PATCH, **if_match_header(if_version)}
    body = encode(to_json(changes))
    return Call(
        "PATCH",
        _destination(destination_id),
        Destination.from_json,
        body=body,
        headers=headers,
        repeatable=if_version is None,  # a repeat would find the version that the first one has made
    )


def pause_destination(
    destination_id: str, *, reason: str | None = None, until: datetime | str | None = None
) -> Call[Destination]:
    """Nothing is sent there, from 2 s after it returns at the latest; timers wait, and none is lost."""
    body = encode(given(reason=reason, until=until))
    path = f"{_destination(destination_id)}/pause"
    return Call("POST", path, Destination.from_json, body=body, repeatable=True)


def resume_destination(destination_id: str, *, at: ResumeAt | None = None) -> Call[Destination]:
    """End a pause; slowly at first, unless `at` is "full". Of a broken one it is tried at once whether it is back;
    then `at` is a Conflict."""
    body = encode(given(at=at))
    path = f"{_destination(destination_id)}/resume"
    return Call("POST", path, Destination.from_json, body=body, repeatable=True)


def rotate_secret(
    destination_id: str, *, old_for: Seconds | str | None = None, idempotency_key: str | None = None
) -> Call[NewSecret]:
    """Make a secret of its own, which is told here and nowhere else. Those before it sign beside it for `old_for`,
    a day unless said; 0: not at all. It signs once `signing` is "own":
    `update_destination(destination_id, signing="own")`, when the receiver knows it.
    """
    headers = idempotency_header(idempotency_key or uuid4().hex)
    body = encode(to_json(given(old_for=old_for)))
    path = f"{_destination(destination_id)}/rotate-secret"
    return Call("POST", path, NewSecret.from_json, body=body, headers=headers, repeatable=True)


def _destination(destination_id: str) -> str:
    return f"/destinations/{segment(destination_id)}"
