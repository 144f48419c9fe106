"""What all commands that call the service share: its URL, the form of the output, exit codes for its errors."""

from __future__ import annotations

import contextlib
import functools
import os
import sys
from collections.abc import Callable, Mapping
from typing import Any

import click

from scheduler import exact_numbers
from timer_service.client import (
    Conflict,
    Forbidden,
    Invalid,
    Malformed,
    NotFound,
    PreconditionFailed,
    RateLimited,
    TimerClient,
    TimerServiceError,
    TooLarge,
    Unauthorized,
    Unavailable,
)
from timer_service.printable import printable
from timer_service.terminal.printing import OutputLost

#: Commands that change nothing.
_READING_COMMANDS = frozenset(
    {
        "show",
        "list",
        "count",
        "watch",
        "stats",
        "pollers",
        "store",
        "minutes",
        "forecast",
        "failures",
        "runs",
        "preview",
        "history",
    }
)
#: Characters of a line that could not be printed: an id is among them.
_TOLD = 200

LOCAL = "http://127.0.0.1:8000"

#: What the client's arguments are called here.
_HERE = {"base_url": "--url", "api_key": "TIMER_API_KEY"}

#: Also where the service answers, and says that its store is away.
STORE_AWAY = 5
#: The first class that fits decides; what fits none exits 1.
_EXITS: dict[type[TimerServiceError], int] = {
    Malformed: 2,
    Invalid: 2,
    TooLarge: 2,
    NotFound: 3,
    Conflict: 4,
    PreconditionFailed: 4,
    Unavailable: STORE_AWAY,
    Unauthorized: 6,
    Forbidden: 6,
    RateLimited: 7,
}

EXITS = """\b
Exit codes:
  0    done; from watch: the timer was delivered
  1    something else failed
  2    wrong usage, or a value that the service refuses
  3    there is no such timer, schedule or destination, or no longer
  4    conflict: the timer's status forbids it, the key is taken, or it is of another version
  5    the service does not answer, or its store is away
  6    the key in TIMER_API_KEY is missing, unknown, or may not do this
  7    too many requests, or too many pending timers
  10   from watch: the timer failed
  11   from watch: the timer was cancelled
  130  interrupted
"""


def connect(server: str, **options: Any) -> TimerClient:
    """The key comes from the environment only: a command line can be read by everyone on the machine."""
    try:
        return TimerClient(server, os.environ.get("TIMER_API_KEY") or None, loads=exact_numbers.loads, **options)
    except ValueError as error:
        name, _, reason = str(error).partition(": ")
        raise click.UsageError(f"{_HERE.get(name, name)}: {reason}") from None


def service_command(command: Callable[..., Any]) -> Callable[..., None]:
    """Gives a command that calls the service `client` and `output`; it may return its exit code."""
    return _with_service(command, {"table": "For people", "json": "a JSON object a line", "id": "ids alone"})


def service_command_without_ids(command: Callable[..., Any]) -> Callable[..., None]:
    """The same for a command that tells of nothing that has an id."""
    return _with_service(command, {"table": "For people", "json": "a JSON object"})


def _with_service(command: Callable[..., Any], outputs: Mapping[str, str]) -> Callable[..., None]:
    """`outputs`: what `--output` can be, and how its help says that."""

    @click.option(
        "--url",
        "server",
        envvar="TIMER_URL",
        default=LOCAL,
        show_default=True,
        show_envvar=True,
        help="Where the service is; its key is taken from TIMER_API_KEY.",
    )
    @click.option(
        "-o",
        "--output",
        type=click.Choice([*outputs]),
        default="table",
        help=f"{' or '.join(', '.join(outputs.values()).rsplit(', ', 1))}.  [default: table]",
    )
    @functools.wraps(command)
    def run(server: str, **options: Any) -> None:
        with connect(server) as client:
            try:
                code = command(client=client, **options)
            except TimerServiceError as error:
                print_error(error)
                code = exit_code(error)
            except OutputLost as error:
                code = _lost(error)
            except ValueError as error:  # what the client refuses to send
                raise click.UsageError(str(error)) from None
            except KeyboardInterrupt:
                code = 130
        sys.exit(code)

    return run


def _lost(error: OutputLost) -> int:
    """What was to be printed, on stderr. Nothing where a reader had enough of a list: `timer list | head`."""
    if not (error.is_unread and click.get_current_context().info_name in _READING_COMMANDS):
        line = printable(error.line.partition("\n")[0])
        with contextlib.suppress(OSError):  # the disk that stdout fills may be that of stderr
            click.echo(f"Error: {error}. It was: {line[:_TOLD]}", err=True)
    return 1


def exit_code(error: TimerServiceError) -> int:
    return next((code for kind, code in _EXITS.items() if isinstance(error, kind)), 1)


def print_error(error: TimerServiceError, about: str = "") -> None:
    """One line on stderr."""
    line = f"Error: {about}{': ' if about else ''}{error}"
    if error.timer_id:
        line += f" It is timer {error.timer_id}."
    if isinstance(error, Unauthorized):  # the service tells of a header, which nobody types here
        said = "the key in it is not one of the service's" if os.environ.get("TIMER_API_KEY") else "it is not set"
        line += f" It is taken from TIMER_API_KEY: {said}."
    click.echo(printable(line), err=True)
