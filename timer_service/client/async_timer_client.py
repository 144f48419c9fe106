"""AsyncTimerClient: the methods of TimerClient as coroutines."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Self

from timer_service.client import activity_calls, destination_calls, history_calls, schedule_calls, timer_calls
from timer_service.client.described import async_iterating, awaited
from timer_service.client.exchange import Service
from timer_service.client.request_fields import Seconds

if TYPE_CHECKING:
    import httpx


class AsyncTimerClient:
    """A timer service, from asyncio. What is said of TimerClient holds here too: the same methods with the same
    arguments, repeats and errors, to be awaited; `list` and the others that go through pages are for `async for`.

    Tasks may share a client: up to 100 of its requests are under way at once, others wait for their turn. So may event
    loops, one after the other or in several threads: each has its own connections, which end with it. A call that is
    cancelled ends at once; whether the service has done it is not known then, as where no answer came.

    It is an asynchronous context manager; close() ends its connections of this event loop, once the calls that are
    under way on them are done, but not those of a `session` that was given. Needs httpx, without which the constructor
    raises ModuleNotFoundError: pip install 'timer-service[async]'.
    """

    def __init__(
        self,
        base_url: str = "http://127.0.0.1:8000",
        api_key: str | None = None,
        *,
        timeout: Seconds = 30,
        retries: int = 4,
        session: httpx.AsyncClient | None = None,
        loads: Callable[[bytes], Any] = json.loads,
    ) -> None:
        """As of TimerClient. Proxies and CA bundles of the environment count as they do for requests; to say otherwise,
        give a `session`, which belongs to one event loop."""
        try:
            from timer_service.client.async_wire import AsyncWire
        except ModuleNotFoundError as error:
            if error.name != "httpx":
                raise
            raise ModuleNotFoundError(
                "AsyncTimerClient needs httpx, which is not installed: pip install 'timer-service[async]'", name="httpx"
            ) from None
        seconds = timeout.total_seconds() if isinstance(timeout, timedelta) else timeout
        self._wire = AsyncWire(Service(base_url, retries, loads), api_key, seconds, session)

    async def close(self) -> None:
        await self._wire.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    create = awaited(timer_calls.create)
    create_many = awaited(timer_calls.create_many)
    get = awaited(timer_calls.get)
    get_by_key = awaited(timer_calls.get_by_key)
    attempts = awaited(timer_calls.attempts)
    page = awaited(timer_calls.page)
    list = async_iterating(timer_calls.list_)
    count = awaited(timer_calls.count)
    reschedule = awaited(timer_calls.reschedule)
    update = awaited(timer_calls.update)
    put = awaited(timer_calls.put)
    cancel = awaited(timer_calls.cancel)
    cancel_by_key = awaited(timer_calls.cancel_by_key)
    fire = awaited(timer_calls.fire)
    replay = awaited(timer_calls.replay)
    cancel_many = awaited(timer_calls.cancel_many)
    replay_many = awaited(timer_calls.replay_many)

    set_schedule = awaited(schedule_calls.set_schedule)
    create_schedule = awaited(schedule_calls.create_schedule)
    schedule = awaited(schedule_calls.schedule)
    schedule_page = awaited(schedule_calls.schedule_page)
    schedules = async_iterating(schedule_calls.schedules)
    schedule_runs = async_iterating(timer_calls.schedule_runs)
    update_schedule = awaited(schedule_calls.update_schedule)
    pause_schedule = awaited(schedule_calls.pause_schedule)
    resume_schedule = awaited(schedule_calls.resume_schedule)
    fire_schedule = awaited(schedule_calls.fire_schedule)
    delete_schedule = awaited(schedule_calls.delete_schedule)
    preview_schedule = awaited(schedule_calls.preview_schedule)

    destination = awaited(destination_calls.destination)
    destination_page = awaited(destination_calls.destination_page)
    destinations = async_iterating(destination_calls.destinations)
    update_destination = awaited(destination_calls.update_destination)
    pause_destination = awaited(destination_calls.pause_destination)
    resume_destination = awaited(destination_calls.resume_destination)
    rotate_secret = awaited(destination_calls.rotate_secret)

    history_page = awaited(history_calls.history_page)
    history = async_iterating(history_calls.history)

    stats = awaited(activity_calls.stats)
    pollers = awaited(activity_calls.pollers)
    store = awaited(activity_calls.store)
    minutes = awaited(activity_calls.minutes)
    forecast = awaited(activity_calls.forecast)
    failures = awaited(activity_calls.failures)
    clock = awaited(activity_calls.clock)
    advance_clock = awaited(activity_calls.advance_clock)
    ready = awaited(activity_calls.ready)
