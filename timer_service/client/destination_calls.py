"""What TimerClient does about destinations: one method for each of their routes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Unpack
from uuid import uuid4

from timer_service.client.destination_fields import DestinationChanges, DestinationFilters, ResumeAt
from timer_service.client.destinations import Destination, DestinationPage, NewSecret
from timer_service.client.request_fields import Seconds, given, to_json
from timer_service.client.wire import Wire, encode, idempotency_header, if_match_header, segment


class DestinationCalls:
    """The part of TimerClient that knows destinations; how calls are repeated, and what they raise, is said there.

    A destination is named by its id, `https:api.example.com:443`: scheme, host in lower case and port, always.
    """

    _wire: Wire

    def destination(self, destination_id: str) -> Destination:
        """NotFound if nothing was ever sent there, and nobody has set anything for it."""
        return self._wire.call("GET", _destination(destination_id), Destination.from_json, repeatable=True)

    def destination_page(
        self, *, limit: int | None = None, cursor: str | None = None, **filters: Unpack[DestinationFilters]
    ) -> DestinationPage:
        """One page of a list: those that are limited or held first, then the busiest."""
        query = {"limit": limit, "cursor": cursor, **filters}
        return self._wire.call("GET", "/destinations", DestinationPage.from_json, query=query, repeatable=True)

    def destinations(
        self, *, page_size: int | None = None, **filters: Unpack[DestinationFilters]
    ) -> Iterator[Destination]:
        """Every destination that matches, page by page as you go on."""
        cursor = None
        while True:
            page = self.destination_page(limit=page_size, cursor=cursor, **filters)
            yield from page.destinations
            cursor = page.next_cursor
            if cursor is None:
                return

    def update_destination(
        self, destination_id: str, *, if_version: str | None = None, **changes: Unpack[DestinationChanges]
    ) -> Destination:
        """Change what limits it, also before anything was sent there:
        `update_destination("https:api.example.com:443", rate={"requests": 10, "per": "1s"})`.

        With the `version` of one that was read as `if_version`: PreconditionFailed if it was changed since.
        """
        headers = {"Content-Type": "application/merge-patch+json", **if_match_header(if_version)}
        body = encode(to_json(changes))
        return self._wire.call(
            "PATCH",
            _destination(destination_id),
            Destination.from_json,
            body=body,
            headers=headers,
            repeatable=if_version is None,  # a repeat would find the version that the first one has made
        )

    def pause_destination(
        self, destination_id: str, *, reason: str | None = None, until: datetime | str | None = None
    ) -> Destination:
        """Nothing is sent there, from 2 s after it returns at the latest; timers wait, and none is lost."""
        body = encode(given(reason=reason, until=until))
        path = f"{_destination(destination_id)}/pause"
        return self._wire.call("POST", path, Destination.from_json, body=body, repeatable=True)

    def resume_destination(self, destination_id: str, *, at: ResumeAt | None = None) -> Destination:
        """End a pause; slowly at first, unless `at` is "full". Of a broken one it is tried at once whether it is back;
        then `at` is a Conflict."""
        body = encode(given(at=at))
        path = f"{_destination(destination_id)}/resume"
        return self._wire.call("POST", path, Destination.from_json, body=body, repeatable=True)

    def rotate_secret(
        self, destination_id: str, *, old_for: Seconds | str | None = None, idempotency_key: str | None = None
    ) -> NewSecret:
        """Make a secret of its own, which is told here and nowhere else. Those before it sign beside it for `old_for`,
        a day unless said; 0: not at all. It signs once `signing` is "own":
        `update_destination(destination_id, signing="own")`, when the receiver knows it.
        """
        headers = idempotency_header(idempotency_key or uuid4().hex)
        body = encode(to_json(given(old_for=old_for)))
        path = f"{_destination(destination_id)}/rotate-secret"
        return self._wire.call("POST", path, NewSecret.from_json, body=body, headers=headers, repeatable=True)


def _destination(destination_id: str) -> str:
    return f"/destinations/{segment(destination_id)}"
