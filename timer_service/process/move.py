"""`timer-service move`: a store is moved to another, and says how far it is."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import click

from scheduler import Move, MoveError, MoveProgress, MoveSurvey, Settings, read_as

#: Seconds between two lines where nobody sees a bar.
_EVERY = 5.0
_BAR = 30
_WORDS = {
    "waiting": "waiting for attempts under way",
    "copying": "copying timers",
    "checking": "checking that nothing is missing",
}


class _Shown:
    """Progress on stderr: a bar on a terminal, else a line when something else begins and every 5 s."""

    def __init__(self) -> None:
        self._is_terminal = sys.stderr.isatty()
        #: The source is fenced.
        self.began = False
        self._doing = ""
        self._tell_at = 0.0

    def __call__(self, progress: MoveProgress) -> None:
        self.began = True
        is_other = progress.doing != self._doing
        now = time.monotonic()
        if self._is_terminal:
            if is_other and self._doing:
                click.echo(err=True)
            click.echo(f"\r{_line(progress, _BAR)}\x1b[K", nl=False, err=True)
        elif is_other or now >= self._tell_at or progress.done == progress.of:
            click.echo(_line(progress), err=True)
            self._tell_at = now + _EVERY
        self._doing = progress.doing

    def end(self) -> None:
        if self._is_terminal and self._doing:
            click.echo(err=True)


def _line(progress: MoveProgress, bar: int = 0) -> str:
    words = _WORDS[progress.doing]
    if progress.doing == "waiting":
        return f"{words}: {progress.done:,}"
    part = progress.done / progress.of if progress.of else 1.0
    drawn = f"[{'#' * round(bar * part):-<{bar}}] " if bar else ""
    return f"{words}: {drawn}{progress.done:,} of {progress.of:,} ({part:.0%})"


def move(settings: Settings, source: str, target: str, partitions: int | None) -> str:
    """Returns what was done, in words. Raises click.ClickException, whose message says what to do."""
    shown = _Shown()
    it = _open(settings, source, target, partitions, shown)
    again = "; run the same command again to go on, or with --give-up to open the source again"
    try:
        done = it.run()
    except MoveError as error:
        raise click.ClickException(f"{error}{again if shown.began else ''}") from None
    except KeyboardInterrupt:
        raise click.ClickException(f"interrupted{again}") from None
    finally:
        shown.end()
        it.close()
    if not done.is_new:
        return f"the move had ended before: name {it.target} in TIMER_REDIS_URL"
    return (
        f"moved {done.timers:,} timers in {done.seconds:.1f} s, for which nothing was set or sent; "
        f"name {it.target} in TIMER_REDIS_URL of all processes"
    )


def survey(settings: Settings, source: str, target: str, partitions: int | None) -> Iterator[str]:
    """What would be moved, line by line. Raises click.ClickException at the end if it cannot be."""
    it = _open(settings, source, target, partitions, _Shown())
    try:
        found = it.survey()
    except MoveError as error:
        raise click.ClickException(str(error)) from None
    finally:
        it.close()
    yield from _told(found)
    if found.refusals:
        raise click.ClickException("; ".join(found.refusals))
    yield "nothing was done: this was a dry run"


def give_up(settings: Settings, source: str, target: str, partitions: int | None) -> str:
    it = _open(settings, source, target, partitions, _Shown())
    try:
        is_emptied = it.give_up()
    except MoveError as error:
        raise click.ClickException(str(error)) from None
    finally:
        it.close()
    if is_emptied:
        return "the move was given up: the source is served again, and what was copied is removed"
    return "the move was given up: the source is served again; --to was not emptied: it is away, or not of this move"


def url_of(option: str, text: str) -> str:
    """A URL, or of `@file` what stands in it. Raises click.ClickException."""
    if text.startswith("@"):
        try:
            text = Path(text[1:]).read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            raise click.ClickException(f"{option}: {text[1:]} cannot be read: {error}") from None
    try:
        return read_as.redis_url(text)
    except ValueError as error:
        raise click.ClickException(f"{option} is refused: it must be {error}") from None


def _open(settings: Settings, source: str, target: str, partitions: int | None, shown: _Shown) -> Move:
    try:
        asked = settings.partitions if partitions is None else read_as.partitions(str(partitions))
    except ValueError as error:
        raise click.ClickException(f"--partitions is refused: it must be {error}") from None
    return Move(replace(settings, redis_url=source, partitions=asked), target, shown)


def _told(found: MoveSurvey) -> Iterator[str]:
    (here, there), (before, after) = found.versions, found.partitions
    yield f"from {found.source} ({here}, partitions={before})"
    yield f"to   {found.target} ({there}, partitions={after})"
    for what, count in found.counts.items():
        yield f"{count:>12,} {what}"
    size = "unknown: its server does not tell" if found.bytes is None else f"about {found.bytes:,}"
    room = "as many as there are" if found.room is None else f"{found.room:,}"
    yield f"bytes to be moved: {size}; room for them: {room}"
    yield f"clock of --to: {found.clock_ahead:+,} ms"
    for warning in found.warnings:
        yield f"warning: {warning}"
