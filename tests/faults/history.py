"""What happened, as frozen data: the checker sees nothing else. Moments are seconds since the epoch, of one machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from math import inf

from scheduler.store.keys import partition_of


class Verdict(StrEnum):
    """What a client knows after an API call."""

    OK = "ok"
    #: Certainly not done.
    FAIL = "fail"
    #: No answer, or one that says that nobody knows.
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Create:
    """One POST /timers. Its number stands in the timer's URL: hits lead back to it also where no answer came."""

    number: int
    start: float
    end: float
    verdict: Verdict
    #: Seconds that were asked for.
    delay: float
    timer_id: str | None = None
    #: Of the answer.
    due_at: float | None = None
    #: Later than that it is not to be sent; None: it is, however late.
    expires_at: float | None = None
    #: The statuses of an end that it asked to be told of by a callback.
    calls: frozenset[str] = frozenset()
    #: Where it is sent, if something was set for that destination or befell it.
    destination: str = ""

    @property
    def due(self) -> float:
        """No sooner than this may it be sent."""
        return self.start + self.delay if self.due_at is None else self.due_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancel:
    timer_id: str
    start: float
    end: float
    verdict: Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One timer of a schedule, as the store has it in the end. Moments are ms, as below."""

    timer_id: str
    due_at: int
    status: str
    ended_at: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What the store counts of a schedule in the end."""

    #: Moments that became runs, and runs by hand.
    runs: int
    fired: int
    #: By why moments became none.
    skipped: Mapping[str, int] = field(default_factory=dict)
    has_ended: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A schedule that a client has set: what it was told of it, and how the store has it in the end."""

    name: str
    #: ms.
    every: int
    overlap: str
    catch_up: str
    #: ms from a moment to when its run is due.
    offset: int = 0
    #: What is known of the PUT that set it. Without OK the next two are unknown.
    verdict: Verdict = Verdict.OK
    created_at: int = 0
    starts_at: int = 0
    #: As it was changed at last; None: it has not been told to end.
    ends_at: int | None = None
    #: When it may have ended, until it was told to go on: ms, neither included. Of these moments none needs a run.
    maybe_ended: tuple[tuple[int, int], ...] = ()
    #: What is known of its delete, if there was one, and when that was answered.
    deleted: Verdict | None = None
    deleted_at: int = 0
    #: Whether it may have been paused.
    was_paused: bool = False
    #: From the answer to a pause until its end or the next call that may have ended it: ms, neither included.
    pauses: tuple[tuple[int, int], ...] = ()
    #: Runs that were made by hand, and how many more there may be.
    fired: frozenset[str] = frozenset()
    maybe_fired: int = 0
    #: None: the store does not know it.
    counts: Counts | None = None
    runs: tuple[Run, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """What a client has set for a destination, from the answer until it asked for something else."""

    destination: str
    start: float
    end: float = inf
    #: Attempts a second, and so many at once.
    rate: float | None = None
    burst: int = 1
    #: Attempts under way at most.
    concurrency: int | None = None
    #: Seconds from one attempt to the next, at most, while timers are due: what a long queue is reckoned by.
    each: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """A destination that a client has paused."""

    destination: str
    #: When it was first asked for, and when that was answered.
    asked: float
    start: float
    #: When its end was first asked for, and when that was answered.
    end: float = inf
    over: float = inf
    #: Whether it was to go on slowly then.
    slow: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """A receiver that fails whatever it is sent, and for how long."""

    destination: str
    start: float
    end: float
    #: When somebody saw that the breaker had opened.
    broken_at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Break:
    """A destination that a client found taken for broken, though its receiver answers; and since when it was."""

    destination: str
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One request that a receiver read whole."""

    at: float
    #: When it was answered, or would have been.
    until: float
    status: int
    number: int
    timer_id: str
    attempt: int
    redelivery: str | None
    #: Who signed it: every poller process has a secret of its own. None: no secret that we know.
    poller: str | None
    #: Of a run: the schedule that made it, and its moment, ms.
    schedule: str | None = None
    due_at: int = 0
    destination: str = ""
    #: Seconds from when it says that it was due until when it says that it was sent, by whole seconds.
    says_late: float = 0.0
    #: Of its timer, where the store has several; else None.
    partition: int | None = None

    @property
    def accepted(self) -> bool:
        return 200 <= self.status < 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    kind: str
    start: float
    end: float
    #: The poller processes whose attempts it touches.
    pollers: frozenset[str] = frozenset()
    #: Whether guarantee 3 allows these to be sent again: killed, or frozen or cut off for longer than half a lease.
    excuses: bool = False
    #: The partitions of the store that it touches: from these all pollers are cut off; None: all, but from none.
    partitions: frozenset[int] | None = None

    def may_repeat(self, hit: Hit) -> bool:
        """Whether it touches this attempt so that another may follow, were they at the same time."""
        cut_off = self.partitions is not None and hit.partition in self.partitions
        return self.excuses and (hit.poller in self.pollers or cut_off)

    def touches(self, partition: int | None) -> bool:
        return self.partitions is None or partition in self.partitions


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """All places of all timers at one moment, read in one script."""

    at: float
    #: set -> the ids that stand in it.
    places: Mapping[str, tuple[str, ...]]
    #: Ids that have a record.
    records: frozenset[str]
    #: Ids that have a claim.
    claimed: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    #: Seconds of a lease.
    lease: float
    #: Seconds that a timer may be late while nothing is wrong: what a busy machine takes, no promise.
    late: float = 5.0
    #: Seconds after the end of a fault within which all it has touched are sent.
    recovery: float = 0.0
    #: Seconds by which one webhook may be longer on its way than another: what a busy machine takes, no promise.
    bunched: float = 1.0
    #: Seconds for which a place of a concurrency may stay free though a timer is due. A lost permit takes two leases.
    free: float = 5.0

    @property
    def after_fault(self) -> float:
        """A lease that runs, one more after an absent store, and what a busy machine takes."""
        return self.recovery or 2 * self.lease + self.late


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    bounds: Bounds
    creates: tuple[Create, ...] = ()
    cancels: tuple[Cancel, ...] = ()
    hits: tuple[Hit, ...] = ()
    faults: tuple[Fault, ...] = ()
    snapshots: tuple[Snapshot, ...] = ()
    #: id -> status, once all had time to end; an id that the store does not know is not in it.
    ends: Mapping[str, str] = field(default_factory=dict)
    #: id -> why it failed, of those that did.
    reasons: Mapping[str, str] = field(default_factory=dict)
    #: Of each callback that the store has in the end, the timer that it is for.
    callbacks: tuple[str, ...] = ()
    schedules: tuple[Planned, ...] = ()
    limits: tuple[Limit, ...] = ()
    pauses: tuple[Pause, ...] = ()
    outages: tuple[Outage, ...] = ()
    breaks: tuple[Break, ...] = ()
    #: Names of the pollers that ended though nobody ended them.
    deaths: tuple[str, ...] = ()
    #: Keys of the store once everything has been forgotten; None: nobody looked.
    left: tuple[str, ...] | None = None
    #: How many partitions the store has.
    partitions: int = 1
    #: Of a cluster: slots and keys that are not where they belong, in words.
    misplaced: tuple[str, ...] = ()

    def partition_of(self, timer_id: str) -> int | None:
        return partition_of(timer_id, self.partitions)
