"""How destinations may be held: each kind of sentence, or None where it does not hold. Pure."""

from __future__ import annotations

from collections.abc import Callable

from markupsafe import Markup

from scheduler import Destination, DestinationState
from timer_service.web.pages.figures.snapshot import FAILS, LATE, Figures
from timer_service.web.pages.now import ledes
from timer_service.web.pages.now.sentence import Sentence
from timer_service.web.pages.words.holds import is_left_alone, waits
from timer_service.web.pages.words.places import how_failing, place, place_of
from timer_service.web.pages.words.values import counted


def most_behind_broken(it: Figures) -> Destination | None:
    """Where most timers wait for the end of a failure; None where none does."""
    found = _first(it, lambda one: one.state in FAILS)
    return found if found and found.waiting else None


def broken(it: Figures) -> Sentence | None:
    found = _first(it, lambda one: one.state in FAILS)
    return broken_at(it, found) if found else None


def broken_at(it: Figures, found: Destination) -> Sentence:
    others = sum(one.state in FAILS for one in it.held.stopped) - 1
    more = f"; {_more(others, 'broken')}" if others else ""
    since = Markup(" since {}").format(ledes.at(found.since, it.read_at)) if found.since else ""
    return Sentence(
        kind="broken",
        severity="bad",
        title=f"{counted(others + 1, 'destination')} {'is' if not others else 'are'} broken",
        count="On time, but ",
        say=f"{found.id} {_fails(it, found)}",
        subject=place(found.id),
        offers=("probe", "pause") if found.state is DestinationState.BROKEN else ("pause",),
        next=Markup(": left alone{}; {}{}.").format(since, waits(found), more),
        lede=ledes.broken(it, found),
    )


def paused(it: Figures) -> Sentence | None:
    found = _first(it, lambda one: one.pause is not None)
    if found is None or found.pause is None:
        return None
    others = sum(one.pause is not None for one in it.held.stopped) - 1
    more = f"; {_more(others, 'paused')}" if others else ""
    by = f" by {found.pause.by}" if found.pause.by else ""
    return Sentence(
        kind="paused",
        severity="late",
        title=f"{counted(others + 1, 'destination')} {'is' if not others else 'are'} paused",
        count="All else on time; ",
        say=f"{found.id} is paused{by}",
        subject=place(found.id),
        offers=("resume",),
        next=Markup(" since {}; {}{}.").format(ledes.at(found.pause.at, it.read_at), waits(found), more),
        lede=ledes.paused(it, found, found.pause),
    )


def left_alone(it: Figures) -> Sentence | None:
    """Told once timers wait there for as long as makes others late: many a receiver asks for a second now and then."""
    found = _first(it, is_left_alone)
    if found is None or found.oldest_waiting_at is None or it.read_at - found.oldest_waiting_at <= LATE:
        return None
    until = ledes.at(found.next_at, it.read_at) if found.next_at else ""
    return Sentence(
        kind="left-alone",
        severity="late",
        title="1 destination is left alone",
        count="All else on time; ",
        say=f"{found.id} asked to be left alone",
        subject=place(found.id),
        next=Markup(" until {}; {}.").format(until, waits(found)),
        lede=ledes.left_alone(it),
    )


def _first(it: Figures, is_meant: Callable[[Destination], bool]) -> Destination | None:
    """That where most timers wait."""
    return next((found for found in it.held.stopped if is_meant(found)), None)


def _fails(it: Figures, found: Destination) -> str:
    """How, as far as its latest attempts tell."""
    attempts = next((one for one in it.failing if place_of(one.sample).name == found.id), None)
    return how_failing(attempts).now if attempts and attempts.failures else "fails"


def _more(count: int, word: str) -> str:
    return f"{counted(count, 'more destination')} {'is' if count == 1 else 'are'} {word}"
