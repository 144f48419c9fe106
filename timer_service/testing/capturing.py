"""Tasks without a service: calls are collected, and what falls due is run by the test.

API, store scripts and poller are those of the service, in memory: what they refuse is refused, and how long a retry
waits, which task is first and what an idempotency key means is decided by the same code.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Unpack, overload

from timer_service.client import Durability, TimerClient
from timer_service.tasks.moments import seconds
from timer_service.testing.memory_service import URL, MemoryService, memory_service
from timer_service.testing.outside_of_loops import outside_of_loops
from timer_service.testing.received import Answer, Received
from timer_service.testing.runs import Call, Run, read_call, read_run

if TYPE_CHECKING:
    from timer_service.client import KeyedOptions, Timer
    from timer_service.tasks import Tasks

_AT_ONCE = timedelta()


@contextmanager
def captured(*tasks: Tasks) -> Iterator[Captured]:
    """Within the block `delay` and `apply_async` of these tasks are collected and asked of no service:

        with captured(tasks) as calls:
            remind.apply_async((17,), countdown=3 * 86_400)
            calls.run_due(after=timedelta(days=3))

    Handles belong to the block. Each block begins empty, at the real time.
    """
    with memory_service() as service:
        calls = Captured(service, tasks)
        with calls.in_place():
            yield calls


class Captured(Sequence[Call]):
    """The calls so far, in the order in which they were made. Threads may share it: one runs tasks at a time."""

    def __init__(self, service: MemoryService, tasks: Sequence[Tasks]) -> None:
        if not tasks:
            raise ValueError("tasks: give the Tasks whose calls are to be captured")
        self._service = service
        self._tasks = tasks
        self._calls: dict[str, Call] = {}
        #: All attempts so far, in order.
        self.runs: list[Run] = []
        #: What was sent to others than the tasks, `on_failed` for one; it was answered 204.
        self.received: list[Received] = []
        #: Any call of the service: `calls.client.list(tag="invoices")`.
        self.client: TimerClient = _Recording(service, self._note)
        #: Called with each new timer.
        self.made: Callable[[Timer], object] = _nothing

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """In the place of the service that the tasks know."""
        with ExitStack() as stack:
            for each in self._tasks:
                stack.enter_context(each.using(self.client))
            yield

    @overload
    def __getitem__(self, index: int) -> Call: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Call]: ...

    def __getitem__(self, index: int | slice) -> Call | Sequence[Call]:
        return list(self._calls.values())[index]

    def __len__(self) -> int:
        return len(self._calls)

    def __repr__(self) -> str:
        return f"<{len(self)} calls: {', '.join(call.task for call in self)}>"

    def now(self) -> datetime:
        """By the virtual clock, in UTC. It goes on as the real one does, and is turned by `run_due` and `wait`."""
        return self._service.now()

    def run_due(self, after: timedelta | float = _AT_ONCE) -> Sequence[Run]:
        """Run what is due, or falls due in so long, each at its moment: retries, Again, and runs of schedules too.

        Returns the attempts, in order. Raises TaskFailed, once all has run, if a task has ended without a result.
        """
        runs = self.run_until(self.now() + _length("after", after))
        for id in dict.fromkeys(run.id for run in runs):
            if self.client.get(id).status == "failed":
                self._tasks[0].handle(id).get()
        return runs

    def run_until(self, moment: datetime) -> Sequence[Run]:
        """The same up to a moment. A task that ends without a result raises nothing."""
        before = len(self.runs)
        self._service.send_until(moment, self._send)
        return self.runs[before:]

    def wait(self, length: timedelta | float) -> None:
        """Time passes, and nobody runs what falls due, as where the web application is away."""
        self._service.pass_time(_length("length", length))

    def _note(self, timer: Timer, body: Any) -> None:
        if timer.id in self._calls:
            return  # the same once more, under its idempotency key
        if isinstance(body, dict) and "task" in body:
            self._calls[timer.id] = read_call(body, timer, self._tasks[0].handle(timer.id))
        self.made(timer)

    def _send(self, request: Received, now: datetime) -> Answer:
        tasks = next((it for it in self._tasks if it.tasks_url == request.path), None)
        if tasks is None:
            self.received.append(request)
            return Answer(204)
        answer = outside_of_loops(lambda: tasks.serve_unsigned(request.body, request.headers))
        self.runs.append(read_run(request, now, answer.status, answer.body))
        return Answer(answer.status, dict(answer.headers), answer.body)


class _Recording(TimerClient):
    """A client that tells which timers it has set."""

    def __init__(self, service: MemoryService, note: Callable[[Timer, Any], object]) -> None:
        super().__init__(URL, session=service.session(), retries=0)
        self._note = note

    def create(
        self,
        url: str,
        *,
        idempotency_key: str | None = None,
        durability: Durability = None,
        **options: Unpack[KeyedOptions],
    ) -> Timer:
        timer = super().create(url, idempotency_key=idempotency_key, durability=durability, **options)
        self._note(timer, options.get("body"))
        return timer


def _nothing(_timer: Timer) -> None:
    pass


def _length(name: str, length: timedelta | float) -> timedelta:
    """Raises TypeError, or ValueError for one that is negative or has no end."""
    found = seconds(name, length)
    return length if isinstance(length, timedelta) else timedelta(seconds=found)
