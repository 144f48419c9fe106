"""What can go wrong in the engine, as one small tree. Each edge translates it once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


class TimerError(Exception):
    """The base of everything the engine raises on purpose."""


class SettingsError(TimerError):
    """A setting has a value that cannot be used; the message names the setting."""


class UnknownTimer(TimerError):
    """No timer has this id: it never existed, or it ended long enough ago to be forgotten."""


class WrongState(TimerError):
    """The timer exists, but its status does not allow what was asked."""

    def __init__(self, timer_id: str, status: str) -> None:
        super().__init__(f"timer {timer_id} is {status}")
        self.timer_id = timer_id
        self.status = status


class LaterFormat(TimerError):
    """The timer needs a later format than this version knows: only a newer process may change or end it."""

    def __init__(self, timer_id: str, format: int) -> None:
        super().__init__(f"timer {timer_id} is written in format {format}, which this version does not know")


class KeyTaken(TimerError):
    """Another unfinished timer has this key."""

    def __init__(self, timer_id: str) -> None:
        super().__init__(f"the key belongs to timer {timer_id}")
        #: The timer that has it.
        self.timer_id = timer_id


class UnknownSchedule(TimerError):
    """No schedule has this name."""


class UnreadableSchedule(TimerError):
    """What is stored of a schedule is of a later version: only a newer process may tell or change it."""


class VersionChanged(TimerError):
    """What was to change is not, or no longer, of that version: a schedule, or the settings of a destination."""


class NoOwnSecret(TimerError):
    """A destination was to be signed for with a secret of its own, and none was made for it yet."""


class TooManySecrets(TimerError):
    """As many secrets of one destination's own are in use as may be at once."""


class ScheduleExists(TimerError):
    """A schedule has this name, where a new one was asked for."""


class KeyReused(TimerError):
    """This idempotency key stands for another request."""


class AlreadySent(TimerError):
    """What is sent cannot change under the same webhook-id: receivers drop repeats by it."""


class ExpiresTooSoon(TimerError):
    """A timer would expire before it is due, or has by now."""


class Expired(TimerError):
    """It is too late to send the timer once more."""


class TooManyPending(TimerError):
    """As many timers are pending as the settings allow."""


class TimerTooLarge(TimerError):
    """A timer holds more bytes than one may."""

    def __init__(self, size: int, limit: int, part: str) -> None:
        super().__init__(f"one timer holds {limit} bytes; this one would take {size}, most of them in its {part}")
        self.part = part


class ClockBusy(TimerError):
    """Another call turns the clock."""


class ClockRange(TimerError):
    """The clock cannot be turned to this moment; the message says why."""


class StoreUnavailable(TimerError):
    """The store is away, frozen, loading, read-only or full. Nothing was acknowledged."""

    def __init__(self, reason: str, *, maybe_done: bool = False, kind: str = "away") -> None:
        super().__init__(reason)
        #: Whether the store may have done, or may still do, what it was asked: the reply is what is missing.
        self.maybe_done = maybe_done
        #: `away`, or one word for why it refused.
        self.kind = kind


class HalfDone(StoreUnavailable):
    """Some servers of the store did their part, and others are away."""

    def __init__(self, error: StoreUnavailable, done: Sequence[Any], left: Sequence[Any]) -> None:
        super().__init__(str(error), maybe_done=True, kind=error.kind)
        #: What those that answered have to say, as if no other had been asked.
        self.done = done
        #: Of what was given, what is not known to be done.
        self.left = left


class StoreUnsuitable(StoreUnavailable):
    """The store answers, but cannot keep the guarantees: too old, a node of a cluster, or no Redis at all."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason, kind="unsuitable")


class StoreNearCapacity(TimerError):
    """The store holds as many bytes as it may: nothing is added, but what is stored goes on."""


class MoveError(TimerError):
    """A store cannot be moved, or the move stopped on its way; the message names the option that it is about."""


class CannotPromise(TimerError):
    """The store cannot tell when what is asked for is reached; the message says why. Nothing was stored."""


class TooManyWaits(TimerError):
    """Requests take turns to wait for their durability, and this one would wait too long for its own."""


class TooManyLists(TimerError):
    """Lists take turns, and this one waited too long for its own."""


class PlanError(TimerError):
    """A plan cannot be followed: one of its fields makes no sense. The message is for the client."""

    def __init__(self, field: str, detail: str) -> None:
        super().__init__(f"{field}: {detail}")
        #: The field of the plan, as a client wrote it: `cron`, `every`, `time_zone`, ...
        self.field = field
        self.detail = detail
