"""What the engine offers to others, by name. `from scheduler import ...` finds these names here."""

from scheduler.activity import (
    POLLER_GONE,
    Bucket,
    FailingDestination,
    FailureGroup,
    Failures,
    Forecast,
    Minute,
    Minutes,
    Pollers,
    PollerSeen,
    StoreState,
)
from scheduler.claim import Claim, Reschedule, Settlement
from scheduler.clock import StoreClock
from scheduler.delivery.checkpoint import Checkpoint
from scheduler.delivery.descriptors import raise_limit as raise_file_limit
from scheduler.delivery.egress import Guard
from scheduler.delivery.open_transport import guard_before_look_ups, open_transport, slots
from scheduler.delivery.request import Request
from scheduler.delivery.signing import Signer, SignerOfFile
from scheduler.destinations import (
    BreakerMode,
    Destination,
    DestinationPage,
    DestinationSettings,
    DestinationState,
    HeldDestinations,
    NewSecret,
    Observed,
    Rate,
    ResumeAt,
    SecretUse,
    Signing,
)
from scheduler.due_moments import upcoming
from scheduler.durability import MEMORY, Durability, Receipt
from scheduler.durability import parse as parse_durability
from scheduler.errors import (
    AlreadySent,
    CannotPromise,
    ClockBusy,
    ClockRange,
    Expired,
    ExpiresTooSoon,
    KeyReused,
    KeyTaken,
    LaterFormat,
    MoveError,
    NoOwnSecret,
    PlanError,
    ScheduleExists,
    SettingsError,
    StoreNearCapacity,
    StoreUnavailable,
    StoreUnsuitable,
    TimerError,
    TimerTooLarge,
    TooManyLists,
    TooManyPending,
    TooManySecrets,
    TooManyWaits,
    UnknownSchedule,
    UnknownTimer,
    UnreadableSchedule,
    VersionChanged,
    WrongState,
)
from scheduler.hold import HeldBy, Hold
from scheduler.memory_limit import in_flight_bytes
from scheduler.one_by_one import LONG_LEASE, Sent, pass_time, send_until
from scheduler.origin import before_path, destination
from scheduler.own_secrets import LONGEST_OLD_FOR, MOST_SECRETS, OLD_FOR
from scheduler.poller.backlog_metrics import history_backlog
from scheduler.poller.doorbell import Doorbell
from scheduler.poller.loop import Poller
from scheduler.poller.metrics import PollerMetrics, ended_timers, files_of_settings, serving, store_errors
from scheduler.poller.planning import Planning
from scheduler.poller.tracing import Tracing
from scheduler.queries import Count, Page, Place, Query, Stats
from scheduler.schedule import CatchUp, Fold, Gap, Moment, Overlap, Plan
from scheduler.schedules import NO_VERSION, Pause, Run, Schedule, ScheduleDraft, SchedulePage, ScheduleStatus, Skipped
from scheduler.settings import Settings, is_loopback
from scheduler.share import share_of
from scheduler.store.activity import MOST_BUCKETS, MOST_MINUTES, Activity
from scheduler.store.capacity import PART_OF_MAXMEMORY, Usage
from scheduler.store.changes import Changes
from scheduler.store.claims import Claims
from scheduler.store.destinations import Destinations
from scheduler.store.emptying import empty_store
from scheduler.store.health import Report
from scheduler.store.link import Link, connect
from scheduler.store.moving.move import Move
from scheduler.store.moving.progress import Moved, MoveProgress
from scheduler.store.moving.survey import MoveSurvey
from scheduler.store.plans import Plans
from scheduler.store.refusals import KINDS as REFUSAL_KINDS
from scheduler.store.repeats import Begun, Repeats
from scheduler.store.schedules import Schedules
from scheduler.store.store import Store
from scheduler.store.timers import Timers
from scheduler.store.turning import Advance
from scheduler.store.unread import Backlog, Ended, Reading, Unread
from scheduler.store.virtual_clock import VirtualClock
from scheduler.store.writes import Writes
from scheduler.timer import (
    ENDED,
    Attempt,
    Backoff,
    Callback,
    Delivery,
    Draft,
    Outcome,
    Reason,
    Redelivery,
    Standing,
    Status,
    Timer,
    Webhook,
)
from scheduler.version import VERSION
from scheduler.watched_file import WatchedFile

__all__ = [
    "ENDED",
    "LONGEST_OLD_FOR",
    "LONG_LEASE",
    "MEMORY",
    "MOST_BUCKETS",
    "MOST_MINUTES",
    "MOST_SECRETS",
    "NO_VERSION",
    "OLD_FOR",
    "PART_OF_MAXMEMORY",
    "POLLER_GONE",
    "REFUSAL_KINDS",
    "VERSION",
    "Activity",
    "Advance",
    "AlreadySent",
    "Attempt",
    "Backlog",
    "Backoff",
    "Begun",
    "BreakerMode",
    "Bucket",
    "Callback",
    "CannotPromise",
    "CatchUp",
    "Changes",
    "Checkpoint",
    "Claim",
    "Claims",
    "ClockBusy",
    "ClockRange",
    "Count",
    "Delivery",
    "Destination",
    "DestinationPage",
    "DestinationSettings",
    "DestinationState",
    "Destinations",
    "Doorbell",
    "Draft",
    "Durability",
    "Ended",
    "Expired",
    "ExpiresTooSoon",
    "FailingDestination",
    "FailureGroup",
    "Failures",
    "Fold",
    "Forecast",
    "Gap",
    "Guard",
    "HeldBy",
    "HeldDestinations",
    "Hold",
    "KeyReused",
    "KeyTaken",
    "LaterFormat",
    "Link",
    "Minute",
    "Minutes",
    "Moment",
    "Move",
    "MoveError",
    "MoveProgress",
    "MoveSurvey",
    "Moved",
    "NewSecret",
    "NoOwnSecret",
    "Observed",
    "Outcome",
    "Overlap",
    "Page",
    "Pause",
    "Place",
    "Plan",
    "PlanError",
    "Planning",
    "Plans",
    "Poller",
    "PollerMetrics",
    "PollerSeen",
    "Pollers",
    "Query",
    "Rate",
    "Reading",
    "Reason",
    "Receipt",
    "Redelivery",
    "Repeats",
    "Report",
    "Request",
    "Reschedule",
    "ResumeAt",
    "Run",
    "Schedule",
    "ScheduleDraft",
    "ScheduleExists",
    "SchedulePage",
    "ScheduleStatus",
    "Schedules",
    "SecretUse",
    "Sent",
    "Settings",
    "SettingsError",
    "Settlement",
    "Signer",
    "SignerOfFile",
    "Signing",
    "Skipped",
    "Standing",
    "Stats",
    "Status",
    "Store",
    "StoreClock",
    "StoreNearCapacity",
    "StoreState",
    "StoreUnavailable",
    "StoreUnsuitable",
    "Timer",
    "TimerError",
    "TimerTooLarge",
    "Timers",
    "TooManyLists",
    "TooManyPending",
    "TooManySecrets",
    "TooManyWaits",
    "Tracing",
    "UnknownSchedule",
    "UnknownTimer",
    "Unread",
    "UnreadableSchedule",
    "Usage",
    "VersionChanged",
    "VirtualClock",
    "WatchedFile",
    "Webhook",
    "Writes",
    "WrongState",
    "before_path",
    "connect",
    "destination",
    "empty_store",
    "ended_timers",
    "files_of_settings",
    "guard_before_look_ups",
    "history_backlog",
    "in_flight_bytes",
    "is_loopback",
    "open_transport",
    "parse_durability",
    "pass_time",
    "raise_file_limit",
    "send_until",
    "serving",
    "share_of",
    "slots",
    "store_errors",
    "upcoming",
]
