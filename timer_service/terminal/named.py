"""One call for each of several names, and the question before they are deleted."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

import click

from timer_service.client import TimerServiceError
from timer_service.terminal.printing import echo, print_json
from timer_service.terminal.service_command import exit_code, print_error


def ask_before_deleting(names: Sequence[str], yes: bool) -> None:
    """`yes`: has been answered already. Raises click.UsageError where nobody can be asked."""
    if not names or yes:
        return
    if not sys.stdin.isatty():
        raise click.UsageError(f"nobody can be asked here: --yes if {', '.join(names)} is to be deleted")
    click.confirm(f"{', '.join(names)} will be deleted. Go on?", abort=True, err=True)


def each_named(names: Sequence[str], one: Callable[[str], Any], kind: str, done: str, output: str) -> int:
    """All of them, whatever becomes of one; the exit code of the first that failed."""
    code = 0
    for name in names:
        try:
            one(name)
        except TimerServiceError as error:
            print_error(error, about=name)
            code = code or exit_code(error)
            continue
        if output == "json":
            print_json({kind: name, "done": done})
        else:
            echo(name if output == "id" else f"{done} {name}")
    return code
