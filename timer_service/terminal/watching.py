"""Follow one timer until it has ended: a line counts down, and each attempt is printed as it happens."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import click

from timer_service.client import Attempt, Timer, TimerClient, Unavailable
from timer_service.printable import printable
from timer_service.terminal.tables import NONE, answer, length, local, next_of, status_text, time_left

#: Seconds between two looks at a timer: far from its moment, and near it or under way.
_FAR, _NEAR = 1.0, 0.2
#: Seconds for which the service may be away before the watch gives up.
_PATIENCE = 60.0
#: Seconds between two pictures of the countdown.
_TICK = 0.1
#: To the beginning of the line, which is emptied.
_ANEW = "\r\x1b[2K"

EXITS = {"delivered": 0, "failed": 10, "cancelled": 11}


def events(client: TimerClient, timer_id: str, pause: Callable[[Timer, float], None]) -> Iterator[Attempt | Timer]:
    """Each attempt once, oldest first; the timer where it changed; at last the timer as it ended.

    `pause` is called with the timer and the seconds until the next look.
    """
    timer = client.get(timer_id)
    yield timer
    seen = 0
    heard = time.monotonic()
    while True:
        last = timer.last_attempt
        if last is not None and last.number > seen:
            for attempt in client.attempts(timer_id):  # it may know more than the timer did a moment before
                if attempt.number > seen:
                    seen = attempt.number
                    yield attempt
        if timer.ended:
            yield timer
            return
        pause(timer, _until_look(timer))
        before = timer
        try:
            timer = client.get(timer_id)
            heard = time.monotonic()
        except Unavailable:
            if time.monotonic() - heard > _PATIENCE:
                raise
        if not timer.ended and (timer.due_at, timer.status) != (before.due_at, before.status):
            yield timer


def _until_look(timer: Timer) -> float:
    until = (timer.next_attempt_at or timer.due_at) - datetime.now(UTC)
    return _FAR if timer.status == "scheduled" and until > timedelta(seconds=2 * _FAR) else _NEAR


def wait(timer: Timer, seconds: float) -> None:
    """Where nobody looks at the clock."""
    time.sleep(seconds)


def count_down(timer: Timer, seconds: float) -> None:
    """On the terminal's last line."""
    until = time.monotonic() + seconds
    try:
        while (rest := until - time.monotonic()) > 0:
            left = f"attempt {timer.attempts + 1} in {time_left(timer)}"
            waits = f"held by {timer.held.by}" if timer.held else left
            click.echo(
                f"{_ANEW}{timer.id}  {'is being delivered' if timer.status == 'delivering' else waits}", nl=False
            )
            time.sleep(min(rest, _TICK))
    finally:
        click.echo(_ANEW, nl=False)


def line(new: Attempt | Timer) -> str:
    """For people."""
    if isinstance(new, Timer) and new.ended:
        return printable(f"{new.id}  {status_text(new)}, attempts: {new.attempts}")
    if isinstance(new, Timer):
        return printable(f"{new.id}  {new.status}, due {local(new.due_at)}")
    text = f"attempt {new.number}  {local(new.started_at)}  {new.outcome or NONE}  {answer(new)}"
    if new.detail:
        text += f" ({new.detail})"
    text += f"  {length(new.lateness)} late, took {length(new.duration)}"
    if new.redelivery:
        text += f"  ({new.redelivery})"
    if new.asked_reschedule:
        text += f"  asked for again ({new.asked_reschedule}), which was not obeyed"
    following = next_of(new)
    if following != NONE:
        text += f"  {following if new.final else f'next {following}'}"
    return printable(text)
