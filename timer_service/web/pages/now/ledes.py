"""What stands under the sentence of the view Now: since when, what happens next, what to do. Pure."""

from __future__ import annotations

from markupsafe import Markup

from scheduler import Destination, FailingDestination, Pause
from timer_service.web.pages.figures.readings import Away
from timer_service.web.pages.figures.snapshot import Figures
from timer_service.web.pages.words.holds import failures
from timer_service.web.pages.words.places import place, place_of
from timer_service.web.pages.words.reasons import ended
from timer_service.web.pages.words.request_text import visible
from timer_service.web.pages.words.values import capitalize_first, counted, moment, number

_HALF_A_DAY = 43_200_000
#: Characters of a reason that are shown.
_REASON = 200
_FAILED = Markup('<a href="/ui/failed">Failed</a>')


def at(ms: int, now: int) -> Markup:
    """A moment to the second with its zone, and with its day unless that is plain."""
    return Markup('{} <span class="zone">UTC</span>').format(
        moment(ms, "s" if abs(now - ms) < _HALF_A_DAY else "day s")
    )


def _listed(count: int, href: str, noun: str = "timer") -> Markup:
    return Markup('<a href="{}">{}</a>').format(href, counted(count, noun))


def away(it: Away, *, has_figures: bool) -> Markup:
    """`has_figures`: whether some that were read before are shown below."""
    return Markup(
        "Pollers go on by themselves as soon as it does, with the longest overdue first. It said: <q>{}</q>.{}"
    ).format(it.reason, " The figures below are older than that." if has_figures else "")


def refuses_writes(problem: str) -> Markup:
    return Markup("Pollers go on by themselves as soon as it takes them. It said: <q>{}</q>.").format(problem)


def no_poller(it: Figures) -> Markup:
    count = it.stats.scheduled
    waiting = _listed(count, "/ui/timers") if count else "No timer"
    verb = "waits" if count < 2 else "wait"
    return Markup(
        "{} {} in the store, and none is lost. Start a poller: <code>timer-service poller</code>. It sends what is "
        "due, the longest overdue first."
    ).format(waiting, verb)


def full(it: Figures) -> Markup:
    return Markup(
        "Clients are refused with 503 until it holds less. What ended is forgotten by and by; more room is made by a "
        "higher <code>maxmemory</code>, or <code>TIMER_MAX_BYTES</code>."
    )


def late_behind(it: Figures, cause: FailingDestination) -> Markup:
    """Timers wait for room behind a destination."""
    place = place_of(cause.sample)
    waiting = Markup("{} behind it: as many attempts as one destination may have are under way there.").format(
        Markup('<a href="{}">{}</a>').format(
            place.timers(status="scheduled"),
            f"{counted(cause.waiting, 'due timer')} wait{'s' if cause.waiting == 1 else ''}",
        )
    )
    return Markup("{} {}None is lost. {}").format(waiting, _since(it, cause), _MENDED)


def no_room(it: Figures) -> Markup:
    return Markup(
        "Nearly all slots of the pollers are in use. What is due is sent as soon as one is free. Start more pollers, "
        "or give them more slots with <code>TIMER_SLOTS</code>."
    )


def late_by_nothing(it: Figures) -> Markup:
    sent = it.minutes.minutes[0].attempts if it.minutes.minutes else 0
    count, in_flight = len(it.running), sum(one.in_flight for one in it.running)
    return Markup(
        "{}, with room: {} of {} slots {} in use. In this minute {} sent. If the number late does not fall, see what "
        "pollers log, and how busy their machines are."
    ).format(
        f"{counted(count, 'poller')} {'runs' if count == 1 else 'run'}",
        number(in_flight),
        number(sum(one.slots for one in it.running)),
        "is" if in_flight == 1 else "are",
        f"{number(sent)} {'was' if sent == 1 else 'were'}" if sent else "nothing was",
    )


def was_emptied(it: Figures) -> Markup:
    return Markup(
        "Look at its disk, and whether it keeps an append-only file. This is told until the API is started anew. {}"
    ).format(on_time(it))


def may_evict() -> Markup:
    return Markup(
        "Its <code>maxmemory-policy</code> allows that; set it to <code>noeviction</code>. Until then "
        "<code>/readyz</code> says that this service is not ready."
    )


def failing(it: Figures, worst: FailingDestination) -> Markup:
    again = it.stats.tried_before
    waiting = f"In all, {counted(again, 'timer')} wait{'s' if again == 1 else ''} to be sent again. " if again else ""
    return Markup("{}{}Each is sent again after its own wait, until its attempts are used up. {}").format(
        _since(it, worst), waiting, _MENDED
    )


_MENDED = Markup(
    "Once it answers they go on by themselves; what had ended failed by then is sent again from {}."
).format(_FAILED)


def _since(it: Figures, cause: FailingDestination) -> Markup:
    if cause.since is None:
        return Markup("")
    return Markup("Nothing was delivered there since {}. ").format(at(cause.since, it.read_at))


def broken(it: Figures, found: Destination) -> Markup:
    probe = Markup(", the next at {}").format(at(found.next_at, it.read_at)) if found.next_at else ""
    return Markup(
        "{}. Nothing is sent there but a probe now and then{}. {} None is lost and none uses up an attempt. Once a "
        "probe is answered, the rest follow, slowly at first."
    ).format(capitalize_first(failures(found.because or "it fails")), probe, _behind(found))


def paused(it: Figures, found: Destination, pause: Pause) -> Markup:
    why = Markup("Why: <bdi>{}</bdi> ").format(ended(visible(pause.reason[:_REASON]))) if pause.reason else ""
    until = Markup("at {}").format(at(pause.until, it.read_at)) if pause.until else "when somebody resumes it"
    return Markup("{}It goes on {}. {} None is lost and none uses up an attempt. {}").format(
        why, until, _behind(found), on_time(it)
    )


def left_alone(it: Figures) -> Markup:
    return Markup("It answered with Retry-After. None is lost and none uses up an attempt. {}").format(on_time(it))


def _behind(found: Destination) -> Markup:
    """Where those that wait are listed."""
    if not found.waiting:
        return Markup("Nothing waits there yet.")
    return Markup("{} {} there.").format(
        _listed(found.waiting, place(found.id).timers(status="scheduled")), "waits" if found.waiting == 1 else "wait"
    )


def nearly_full(it: Figures) -> Markup:
    return Markup(
        "Once it is full, clients are refused with 503, and what is stored is still sent. More room is made by a "
        "higher <code>maxmemory</code>, or <code>TIMER_MAX_BYTES</code>. {}"
    ).format(on_time(it))


def append_only_failing() -> Markup:
    return Markup(
        "What was set since would be lost with it. Look at its disk: is it full? Soon the store may refuse writes."
    )


def no_append_only(it: Figures) -> Markup:
    return Markup("It keeps no append-only file: set <code>appendonly yes</code>. {}").format(on_time(it))


def on_time(it: Figures) -> Markup:
    count = it.stats.scheduled
    waiting = Markup("{} {}.").format(_listed(count, "/ui/timers"), "waits" if count == 1 else "wait") if count else ""
    minutes = it.minutes.minutes
    if not minutes:
        return Markup(waiting)
    delivered, failed = sum(one.delivered for one in minutes), sum(one.failed for one in minutes)
    return Markup("{} Since {} {} {} delivered and {} ended failed.{}").format(
        waiting,
        at(minutes[-1].at, it.read_at),
        number(delivered) if delivered else "none",
        "were" if delivered > 1 else "was",
        number(failed) if failed else "none",
        _kept(it.stats.delivered, it.stats.failed),
    )


def _kept(delivered: int, failed: int) -> Markup:
    """What the lists have: those that ended within some minutes are not all of them, and may have been replayed."""
    lists = ((delivered, "delivered", "/ui/timers?status=delivered"), (failed, "failed", "/ui/failed"))
    kept = [Markup('<a href="{}">{} {}</a>').format(href, number(count), word) for count, word, href in lists if count]
    return Markup(" The lists have {}.").format(Markup(" and ").join(kept)) if kept else Markup("")
