"""Timers on stdout, for people or for programs."""

from __future__ import annotations

import errno
import os
import shutil
import sys
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import click

from timer_service.printable import printable, printable_json

if TYPE_CHECKING:  # the client takes 0.1 s to load, and a server prints too
    from timer_service.client import Timer


class OutputLost(Exception):
    """A line could not be written. What it told has been done all the same."""

    def __init__(self, error: OSError, line: str) -> None:
        super().__init__(f"the output cannot be written: {error.strerror or error}")
        self.is_unread = isinstance(error, BrokenPipeError)
        self.line = line


def echo(*lines: str) -> None:
    """Lines on stdout, flushed, with nothing in them that a terminal would obey.

    Raises OutputLost; then stdout takes everything and loses it, also at the exit.
    """
    try:
        if sys.stdout is None:  # it was closed when we were started
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        click.echo("\n".join(map(printable, lines)))
    except OSError as error:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115
        raise OutputLost(error, "\n".join(lines)) from None


def tell(*lines: str) -> None:
    """The same for commands that did nothing but say it; what is lost, which can be a secret, is told nowhere else."""
    try:
        echo(*lines)
    except OutputLost as error:
        raise click.ClickException(str(error)) from None


def print_timers(output: str, timers: Iterable[Timer], *lines: str) -> None:
    """`lines` are for people; programs get each timer as it came, or its id."""
    if output == "table":
        echo(*lines)
    else:
        for each in timers:
            print_json(each.raw) if output == "json" else echo(each.id)


def print_json(value: Mapping[str, Any]) -> None:
    echo(printable_json(value))


def width() -> int | None:
    """Of the terminal; None where there is none, and nothing is cut."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None
