"""How one timer stands: a sentence, then why it is so and what happens next. Pure."""

from __future__ import annotations

from typing import NamedTuple

from markupsafe import Markup

from scheduler import POLLER_GONE, Attempt, Delivery, HeldBy, Hold, Outcome, Reason, Status, Timer, rfc3339
from timer_service.web.pages.words.holds import why
from timer_service.web.pages.words.outcomes import ending, failure, outcome
from timer_service.web.pages.words.places import place_of
from timer_service.web.pages.words.request_text import visible
from timer_service.web.pages.words.values import counted, dated, span
from timer_service.web.pages.words.waits import asked_to_wait, gives_up_at, is_over, planned_at, wait_after

_MINUTE = 60_000
#: Characters of why its destination is held: a reason may be long.
_LONGEST_WHY = 300


class Sentence(NamedTuple):
    """The first thing that the view says. `kind` has no figure that moves by itself."""

    icon: str
    kind: str
    rest: str = "."
    #: ms: it goes on with `in` and how long that is away.
    until: int | None = None


class Around(NamedTuple):
    """What a due timer may wait for."""

    #: ms; None if none was seen in the last hour.
    last_poller_at: int | None
    #: Whether due timers wait for room at its destination.
    is_full: bool


def sentence(timer: Timer, around: Around | None = None) -> Sentence:
    """`around` is None where nobody looked."""
    status = timer.status
    if timer.unreadable:
        return Sentence(status, f"{status.capitalize()}, but this version cannot read it")
    match status:
        case Status.SCHEDULED:
            return _scheduled(timer, around)
        case Status.DELIVERING:
            since = span(timer.read_at - planned_at(timer))
            return Sentence(status, f"Being delivered: {_attempt(timer)}", f", which was due {since} ago.")
        case Status.DELIVERED:
            return Sentence(status, "Delivered", _delivered(timer.last_attempt))
        case Status.FAILED:
            return Sentence(status, f"Failed: {_failed(timer)}")
        case Status.CANCELLED:
            sent = f"after {counted(timer.attempts, 'attempt')}" if timer.attempts else "before it was sent"
            return Sentence(status, "Cancelled", f" {sent}.")


def _scheduled(timer: Timer, around: Around | None) -> Sentence:
    wait = planned_at(timer) - timer.read_at
    if wait > 0:
        return Sentence("scheduled", f"Scheduled: {_attempt(timer)}", until=planned_at(timer))
    since = f" Due since {span(-wait)}."
    if timer.held is not None:
        it = why(timer.held)
        return Sentence(it.state, f"Held: its destination {it.short}.", since)
    return Sentence("late", _waits_for(timer, around), since)


def _waits_for(timer: Timer, around: Around | None) -> str:
    if around is None:
        return "Waits for room at its destination, or for a poller."
    if around.last_poller_at is None or timer.read_at - around.last_poller_at >= POLLER_GONE:
        return "No poller is there to send it."
    return "Waits for room at its destination." if around.is_full else "Waits for a poller."


def _attempt(timer: Timer) -> str:
    """The next attempt, or the one under way."""
    more = timer.status is Status.SCHEDULED
    number, since_due, most = timer.attempts + more, timer.attempts_since_due + more, timer.webhook.max_attempts
    if number == 1:
        return "first attempt" if more else f"attempt 1 of {most}"
    if number == since_due:
        return f"attempt {number} of {most}"
    return f"attempt {number}, {since_due} of {most} since it was set anew"


def _delivered(last: Attempt | None) -> str:
    if last is None or not last.number:
        return "."
    at = f" at attempt {last.number}" if last.number > 1 else " at the first attempt"
    return f"{at}." if last.lateness_ms is None else f"{at}, {span(last.lateness_ms)} after its moment."


def _failed(timer: Timer) -> str:
    last, most = timer.last_attempt, timer.webhook.max_attempts
    why = failure(last.error, last.status_code, timer.webhook.timeout) if last else ""
    match timer.reason:
        case Reason.ATTEMPTS_EXHAUSTED:
            made = f"{timer.attempts_since_due} of {counted(most, 'attempt')}"
            anew = "" if timer.attempts == timer.attempts_since_due else " since it was set anew"
            return f"{made}{anew}, the last {why}" if why else f"{made}{anew}"
        case Reason.PERMANENT if timer.webhook.delivery is Delivery.AT_MOST_ONCE:
            return f"{why}, and it is sent at most once"
        case Reason.PERMANENT:
            return f"its receiver refused it for good, {why}"
    return ending(timer.reason)


def lede(timer: Timer) -> Markup:
    """Why not yet, and what happens next; or what came of it."""
    if timer.unreadable:
        return Markup(
            "What is stored of it is not as this version knows it; a later one may have stored it, and will send it. "
            "It can be looked at with that version."
        )
    place = place_of(timer)
    where = Markup('<a class="url" href="{}"><bdi>{}</bdi></a>').format(place.path, place.name)
    match timer.status:
        case Status.SCHEDULED:
            return _next(timer, where)
        case Status.DELIVERING:
            return Markup(
                "A poller has it and sends it to {} now. Until that has ended, it can be neither moved nor cancelled, "
                "for the request may be on its way."
            ).format(where)
        case Status.DELIVERED:
            return _ended(timer, Markup("{} {}").format(where, _accepted(timer.last_attempt)))
        case Status.FAILED:
            if is_over(timer):
                return Markup("{} It is sent no more, for it was not to be sent later than <b>{} UTC</b>.").format(
                    _ended(timer, Markup("It was to go to {}").format(where)),
                    dated(timer.webhook.expires_at or 0, timer.read_at),
                )
            again = counted(timer.webhook.max_attempts, "attempt")
            return Markup("{} It is sent no more unless it is replayed, which gives it {}.").format(
                _ended(timer, Markup("It went to {}").format(where)), again
            )
        case Status.CANCELLED:
            return _ended(timer, Markup("It would have gone to {}")).format(where) + Markup(
                " It is never sent and cannot be replayed; a clone can be set."
            )


def lede_of_past(timer: Timer) -> Markup:
    """Of one that the store has forgotten."""
    place = place_of(timer)
    return _ended(timer, Markup('It was for <a class="url" href="{}"><bdi>{}</bdi></a>').format(place.path, place.name))


def _next(timer: Timer, where: Markup) -> Markup:
    at, last = planned_at(timer), timer.last_attempt
    because = _held(timer.held, timer, where) if timer.held is not None else Markup()
    if at > timer.read_at and timer.next_attempt_at is not None and last is not None:
        because = Markup("Not yet, because the last attempt failed (<b>{}</b>){}. ").format(
            outcome(last, timer.webhook.timeout), _then_wait(timer, last)
        )
    goes = Markup("It goes to {} at <b>{} UTC</b>. ").format(where, dated(at, timer.read_at))
    if at <= timer.read_at:
        goes = Markup("It was to go to {} at <b>{} UTC</b>. ").format(where, dated(at, timer.read_at))
    end = min(gives_up_at(timer) + _MINUTE - 1, rfc3339.LATEST) // _MINUTE * _MINUTE
    return (
        because
        + goes
        + Markup("If no attempt succeeds, it ends failed by {} UTC, unless its receiver asks to wait longer.").format(
            dated(end, timer.read_at, "min")
        )
    )


def _held(hold: Hold, timer: Timer, where: Markup) -> Markup:
    """Why it waits though it is due, until when, and when it is likely to be sent."""
    now, said = timer.read_at, visible(why(hold).said)
    shown = said if len(said) <= _LONGEST_WHY else f"{said[:_LONGEST_WHY]}…"
    until = Markup(", until somebody resumes it") if hold.by is HeldBy.PAUSE and hold.until is None else Markup()
    if hold.until:
        until = Markup("; a probe is sent at <b>{} UTC</b>" if hold.by is HeldBy.BREAKER else ", until <b>{} UTC</b>")
        until = until.format(dated(hold.until, now, "s"))
    expected = Markup()
    if timer.expected_at is not None and timer.expected_at not in (now, hold.until):
        expected = Markup("It is expected to be sent at <b>{} UTC</b>. ").format(dated(timer.expected_at, now, "s"))
    return Markup("Not yet, because {} <bdi>{}</bdi>{}. {}Waiting uses up no attempt. ").format(
        where, shown, until, expected
    )


def _then_wait(timer: Timer, last: Attempt) -> Markup:
    wait = wait_after(last)
    if wait is None:
        return Markup()
    words = (
        "and its receiver asked to wait"
        if asked_to_wait(timer, last, timer.attempts_since_due)
        else "and the next waits"
    )
    return Markup(" {} <b>{}</b>").format(words, span(wait))


def _accepted(last: Attempt | None) -> str:
    if last is None or last.outcome is not Outcome.DELIVERED:
        return "accepted it"
    return f"answered {last.status_code}"


def _ended(timer: Timer, what: Markup) -> Markup:
    if timer.ended_at is None:
        return what + Markup(".")
    return what + Markup("; it ended at <b>{} UTC</b>.").format(dated(timer.ended_at, timer.read_at))


def title(timer: Timer) -> str:
    """Of the document: begins with the state."""
    return f"{timer.status.capitalize()} · {timer.id}"
