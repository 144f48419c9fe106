"""What can go wrong, as a client is told: the kinds of problems (RFC 9457), and the engine's errors as such."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from scheduler import (
    MOST_SECRETS,
    AlreadySent,
    CannotPromise,
    ClockBusy,
    Expired,
    ExpiresTooSoon,
    KeyReused,
    KeyTaken,
    LaterFormat,
    NoOwnSecret,
    PlanError,
    ScheduleExists,
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

#: Seconds after which a client may ask again while the store is away.
RETRY_AFTER = 1
#: The same while as many timers are pending as may be.
_PENDING_RETRY_AFTER = 10


class Page(NamedTuple):
    """What explains a kind of problem, at /problems/{name}."""

    name: str
    text: str


#: By status.
PAGES: dict[int, Page] = {
    400: Page(
        "malformed",
        "The request is not what HTTP or JSON allow. Nothing was done. Send it again in a correct form.",
    ),
    401: Page("unauthorized", "No key, or not one of ours. Send `Authorization: Bearer <key>`."),
    403: Page(
        "forbidden",
        "The key may read but not write, the Host header is not a name of this machine, "
        "or a page of another origin asked.",
    ),
    404: Page(
        "not-found",
        "No such page, or nothing of this id or name: it never was, was deleted, or ended long enough ago to be "
        "forgotten.",
    ),
    405: Page("method-not-allowed", "This page exists, but not for this method; the Allow header lists those it has."),
    408: Page(
        "request-timeout",
        "The request did not come whole in time, which is 10 s from its first byte, and one more for each 128 KiB that "
        "have come. Nothing was done: send it again.",
    ),
    409: Page(
        "conflict",
        "A timer does not allow this now: a poller has it, it has ended, it was sent already, or another has its key.",
    ),
    412: Page(
        "version-changed",
        "What is to be changed is not, or no longer, of the version that If-Match names: somebody has changed or "
        "deleted it. "
        "Nothing was done. Read it again.",
    ),
    413: Page(
        "too-large",
        "The request, or the timer it describes, is larger than what is accepted. One timer holds 256 KiB.",
    ),
    415: Page(
        "unsupported-media-type", "The body must be JSON, sent as `Content-Type: application/json`, not encoded."
    ),
    422: Page(
        "validation",
        "The request is well-formed, but a field has a value that cannot be used; `errors` names each.",
    ),
    429: Page(
        "too-many-requests",
        "This key makes too many requests, too many ask at once for lists or wait for their durability, or too many "
        "timers are pending. Wait for as long as Retry-After says.",
    ),
    500: Page("internal", "A defect of this service. Nothing was acknowledged. Please report it with `instance`."),
    503: Page(
        "store-unavailable",
        "The store is away, frozen, read-only or full. Nothing was acknowledged: send it again.",
    ),
}
#: Kinds that share their status with another: by name, the status and what the page says.
MORE_PAGES: dict[str, tuple[int, str]] = {
    "no-history": (
        404,
        "This service keeps no history of ended timers. TIMER_HISTORY_URL names the database of one, and "
        "`timer-service history` writes it; `timer-service up --history` does both.",
    ),
    "unknown-schedule": (404, "No schedule has this name: it was never set, or was deleted."),
    "unknown-destination": (
        404,
        "Nothing was sent to this destination, and nobody has set anything for it. Its id is the origin of a URL, as "
        "https:api.example.com:443.",
    ),
    "destination-broken": (
        409,
        "The destination is broken, and not paused: resuming it means that it is tried at once whether it is back. How "
        "fast it goes on then cannot be said: leave `at` out.",
    ),
    "no-own-secret": (
        409,
        "A destination is signed for with a secret of its own only once it has one: POST "
        "/destinations/{id}/rotate-secret makes it. Give it to the receiver; then set `signing` to `own`.",
    ),
    "too-many-secrets": (
        409,
        "So many secrets of one destination sign at once, and no more: wait until one has ended, or let all older ones "
        "end now, with `old_for` 0.",
    ),
    "secret-replaced": (
        409,
        "The secret that this request has made is not in use any more, so it is not told again. Ask for a new one, "
        "under another Idempotency-Key.",
    ),
    "schedule-exists": (
        412,
        "A schedule has this name, and `If-None-Match: *` asks for a new one. Nothing was done.",
    ),
    "store-near-capacity": (
        503,
        "The store holds as many bytes as it may (TIMER_MAX_BYTES). Nothing was done, and nothing can be added until "
        "ended timers have been forgotten, or it has more room. What is scheduled fires, and can be cancelled.",
    ),
    "not-durable": (
        503,
        "It was stored and stands, but what `durability` asks for was not reached in time. Send the same again, under "
        "the same Idempotency-Key or key: nothing is set twice, and it is asked again.",
    ),
    "history-unavailable": (
        503,
        "The database of the history is away, or too slow. What the store has not forgotten is answered all the same: "
        "ask again for what is older.",
    ),
    "later-format": (
        503,
        "A newer version of this service stored the timer or schedule in a way that this process does not know, as "
        "while one version replaces another. It was left as it is: ask again, until a newer process answers.",
    ),
}


@dataclass
class Problem(Exception):
    """A failure as it goes to the client. Raised anywhere within a request, it becomes its answer."""

    status: int
    detail: str
    #: (RFC 6901 pointer into the request's body, what is wrong there)
    errors: Iterable[tuple[str, str]] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    #: Further members of the answer.
    more: Mapping[str, Any] = field(default_factory=dict)
    #: Of its page, where that of the status is another.
    name: str = ""


def of_reading(error: TimerError) -> Problem:
    """The same of a request that only reads: there is nothing that may have been done, or that is to be sent again."""
    if isinstance(error, StoreUnavailable) and not isinstance(error, StoreUnsuitable):
        text = "The store cannot be used now: nothing can be read from it. Ask again in a moment."
        return Problem(503, text, headers={"Retry-After": str(RETRY_AFTER)})
    return from_engine(error)


def of_schedule(error: TimerError) -> TimerError | Problem:
    """The same of a schedule that is set: what is too large of its runs stands in its member `timer`."""
    if isinstance(error, PlanError):
        return Problem(422, "A field has a value that cannot be used.", errors=[(f"/{error.field}", error.detail)])
    if isinstance(error, TimerTooLarge):
        return Problem(413, f"Too large: {error}.", errors=[(f"/timer/{error.part}", "The largest part.")])
    return error


def from_engine(error: TimerError) -> Problem:
    """The problem that an error of the engine is for a client."""
    match error:
        case UnknownTimer():
            return Problem(404, "There is no timer with this id or key.")
        case UnknownSchedule():
            return Problem(404, "There is no schedule of this name.", name="unknown-schedule")
        case VersionChanged():
            return Problem(412, "What is to be changed is not, or no longer, of this version.")
        case NoOwnSecret():
            detail = "No secret was made for this destination yet; rotate-secret makes one."
            return Problem(409, detail, name="no-own-secret")
        case TooManySecrets():
            return Problem(409, f"{MOST_SECRETS} secrets of this destination are in use.", name="too-many-secrets")
        case ScheduleExists():
            return Problem(412, "There is a schedule of this name.", name="schedule-exists")
        case WrongState():
            retry = {"Retry-After": str(RETRY_AFTER)} if error.status == "delivering" else {}
            return Problem(409, f"The timer is {error.status}.", headers=retry, more={"timer_status": error.status})
        case KeyTaken():
            return Problem(409, "Another unfinished timer has this key.", more={"timer_id": error.timer_id})
        case LaterFormat():
            text = "A newer version of this service stored the timer, and only such a one may change it: ask again."
            return Problem(503, text, headers={"Retry-After": str(RETRY_AFTER)}, name="later-format")
        case UnreadableSchedule():
            text = (
                f"A newer version of this service stored the schedule {error}, and this one cannot read it: ask again."
            )
            return Problem(503, text, headers={"Retry-After": str(RETRY_AFTER)}, name="later-format")
        case AlreadySent():
            return Problem(
                409, "It was sent already: url, method, headers and body stay as they are under this webhook-id."
            )
        case ExpiresTooSoon():
            wrong = "Must be later than the moment at which it is due, and than now."
            return Problem(422, "It would expire before it is sent.", errors=[("/expires_at", wrong)])
        case Expired():
            return Problem(409, "Its expires_at has passed: it is too late to send it.")
        case ClockBusy():
            return Problem(409, "Another call turns the clock now.", headers={"Retry-After": str(RETRY_AFTER)})
        case KeyReused():
            return Problem(422, "This Idempotency-Key stands for another request.")
        case TimerTooLarge():
            return Problem(413, f"Too large: {error}.", errors=[(f"/{error.part}", "The largest part.")])
        case TooManyPending():
            return Problem(429, f"{error}.", headers={"Retry-After": str(_PENDING_RETRY_AFTER)})
        case CannotPromise():
            return Problem(422, "The store cannot promise this durability.", errors=[("/durability", f"{error}.")])
        case TooManyLists() | TooManyWaits():
            text = "Too many lists and bulk actions, or waits for durability, at once: they take turns."
            return Problem(429, text, headers={"Retry-After": str(RETRY_AFTER)})
        case StoreNearCapacity():
            text = "The store is nearly full: nothing can be added now. Nothing was done."
            return Problem(503, text, headers={"Retry-After": str(RETRY_AFTER)}, name="store-near-capacity")
        case StoreUnsuitable():
            return Problem(503, f"The store cannot be used: {error}.", headers={"Retry-After": str(RETRY_AFTER)})
        case StoreUnavailable():
            done = "It is not known whether this was done" if error.maybe_done else "Nothing was done; send it again"
            retry = {"Retry-After": str(RETRY_AFTER)}
            return Problem(503, f"The store cannot be used now. {done}.", headers=retry)
    raise error
