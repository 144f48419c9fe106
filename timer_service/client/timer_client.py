"""TimerClient: one method for each route, which waits for its answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Self

import requests

from timer_service.client import activity_calls, destination_calls, history_calls, schedule_calls, timer_calls
from timer_service.client.described import blocking, iterating
from timer_service.client.exchange import Service
from timer_service.client.request_fields import Seconds
from timer_service.client.wire import Wire


class TimerClient:
    """A timer service, from Python. Each call is one request, or as many as it says.

    Reading, cancelling by id, creating, setting, firing or deleting a schedule, and what limits, pauses or resumes a
    destination are repeated by themselves when no answer came, or a 429 or 503; creating and firing carry an
    Idempotency-Key, so that a repeat makes no second timer. Everything else is repeated only if it certainly was not
    done: a connection that never came about, a 429. Waits double from 0.1 s; Retry-After is obeyed up to 10 s, and
    raised at once where it is longer.

    Threads may share a client. It is a context manager; close() ends its connections, but not a `session` that was
    given. Every method raises TimerServiceError, or ValueError for what no service would take. Proxies and CA bundles
    of the environment count as they stand when it is made, as they do for requests; to say otherwise, give a `session`.
    """

    def __init__(
        self,
        base_url: str = "http://127.0.0.1:8000",
        api_key: str | None = None,
        *,
        timeout: Seconds = 30,
        retries: int = 4,
        session: requests.Session | None = None,
        loads: Callable[[bytes], Any] = json.loads,
    ) -> None:
        """`timeout` is for the connection, and for each silence of the service while it takes a call and answers.
        `loads` reads the JSON of answers, where numbers are to stay in the digits in which they came."""
        seconds = timeout.total_seconds() if isinstance(timeout, timedelta) else timeout
        self._wire = Wire(Service(base_url, retries, loads), api_key, seconds, session)

    def close(self) -> None:
        self._wire.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    create = blocking(timer_calls.create)
    create_many = blocking(timer_calls.create_many)
    get = blocking(timer_calls.get)
    get_by_key = blocking(timer_calls.get_by_key)
    attempts = blocking(timer_calls.attempts)
    page = blocking(timer_calls.page)
    list = iterating(timer_calls.list_)
    count = blocking(timer_calls.count)
    reschedule = blocking(timer_calls.reschedule)
    update = blocking(timer_calls.update)
    put = blocking(timer_calls.put)
    cancel = blocking(timer_calls.cancel)
    cancel_by_key = blocking(timer_calls.cancel_by_key)
    fire = blocking(timer_calls.fire)
    replay = blocking(timer_calls.replay)
    cancel_many = blocking(timer_calls.cancel_many)
    replay_many = blocking(timer_calls.replay_many)

    set_schedule = blocking(schedule_calls.set_schedule)
    create_schedule = blocking(schedule_calls.create_schedule)
    schedule = blocking(schedule_calls.schedule)
    schedule_page = blocking(schedule_calls.schedule_page)
    schedules = iterating(schedule_calls.schedules)
    schedule_runs = iterating(timer_calls.schedule_runs)
    update_schedule = blocking(schedule_calls.update_schedule)
    pause_schedule = blocking(schedule_calls.pause_schedule)
    resume_schedule = blocking(schedule_calls.resume_schedule)
    fire_schedule = blocking(schedule_calls.fire_schedule)
    delete_schedule = blocking(schedule_calls.delete_schedule)
    preview_schedule = blocking(schedule_calls.preview_schedule)

    destination = blocking(destination_calls.destination)
    destination_page = blocking(destination_calls.destination_page)
    destinations = iterating(destination_calls.destinations)
    update_destination = blocking(destination_calls.update_destination)
    pause_destination = blocking(destination_calls.pause_destination)
    resume_destination = blocking(destination_calls.resume_destination)
    rotate_secret = blocking(destination_calls.rotate_secret)

    history_page = blocking(history_calls.history_page)
    history = iterating(history_calls.history)

    stats = blocking(activity_calls.stats)
    pollers = blocking(activity_calls.pollers)
    store = blocking(activity_calls.store)
    minutes = blocking(activity_calls.minutes)
    forecast = blocking(activity_calls.forecast)
    failures = blocking(activity_calls.failures)
    clock = blocking(activity_calls.clock)
    advance_clock = blocking(activity_calls.advance_clock)
    ready = blocking(activity_calls.ready)
