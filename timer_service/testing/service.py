"""A running service as one test sees it: its client, its clock, and a receiver for what its timers send."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Self

from timer_service.client import Advance, TimerClient
from timer_service.testing.direct import direct_session
from timer_service.testing.received import Answering, Received
from timer_service.testing.receiver import Receiver
from timer_service.testing.serving import serving

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from wsgiref.types import WSGIApplication

    from timer_service.tasks import Tasks

#: Seconds in which the poller is to take what is due, on a machine that others keep busy.
_POLLER_PATIENCE = 60.0


class NotSent(Exception):
    """Something is due, and the poller does not take it."""


class TimerService:
    """The whole service on a virtual clock, empty at the beginning of a test.

    A context manager: it ends what it serves. Other threads may set timers and be called meanwhile.
    """

    def __init__(self, url: str, signing_secret: str) -> None:
        self.url = url
        #: Of all webhooks: `verify(headers, body, timer_service.signing_secret)` believes them, by the virtual clock.
        self.signing_secret = signing_secret
        self._open = ExitStack()
        self._receiver = Receiver()

    def __enter__(self) -> Self:
        self.client = self._open.enter_context(TimerClient(self.url, session=direct_session()))
        #: Where the receiver is: timers for this URL, and for any path there, arrive in `received`.
        self.receiver_url = self.serve(self._receiver)
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    @property
    def environ(self) -> Mapping[str, str]:
        """Variables by which clients and tasks find it: for `monkeypatch.setenv`."""
        return {"TIMER_URL": self.url, "TIMER_SIGNING_SECRETS": self.signing_secret}

    @property
    def received(self) -> Sequence[Received]:
        """What has arrived at the receiver, in this order."""
        return self._receiver.received

    def answer(self, *answers: Answering) -> None:
        """What the receiver answers from now on, in turn, and the last one again and again: `answer(500, 503, 200)`.

        Each is a status, an `Answer`, or a function that is given the request and returns one or the other. What such
        a function raises is answered with 500, and raised by advance().
        """
        self._receiver.answer(*answers)

    def serve(self, app: WSGIApplication) -> str:
        """The URL, without a slash at the end, at which this application answers until the test ends."""
        return self._open.enter_context(serving(app))

    def serve_tasks(self, tasks: Tasks) -> None:
        """Until the test ends these tasks are called by this service, in threads of this process."""
        url = self.serve(tasks.wsgi_app)
        self._open.enter_context(tasks.using(self.client, tasks_url=url, signing_secrets=[self.signing_secret]))

    def now(self) -> datetime:
        """By the virtual clock, in UTC."""
        return self.client.clock()

    def advance(self, by: timedelta | str | float | None = None, *, to: datetime | str | None = None) -> Advance:
        """Turn the clock: by a length (seconds, where it is a number) or to a moment.

        What falls due on the way has been sent and answered when it returns, each at its moment, retries too;
        `attempts` says how many. Raises what a function of answer() has raised, and NotSent if the poller is gone.
        """
        found = self.client.advance_clock(by=by, to=to)
        attempts, progress_at = found.attempts, time.monotonic()
        while found.stopped_by:
            if found.attempts or found.stopped_by != "due":
                progress_at = time.monotonic()
            elif time.monotonic() > progress_at + _POLLER_PATIENCE:
                raise NotSent(f"{found.due} due, and no poller takes them")
            found = self.client.advance_clock(to=max(found.to, found.now + timedelta(milliseconds=1)))
            attempts += found.attempts
        if self._receiver.raised:
            raise self._receiver.raised.pop(0)
        return replace(found, attempts=attempts)
