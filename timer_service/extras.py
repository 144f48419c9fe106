"""What to install where a command finds a package missing. The bare install is the client and the command line."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click


class NotInstalled(click.ClickException):
    exit_code = 2


@contextmanager
def needed(extra: str) -> Iterator[None]:
    """Around the imports of a command: one line instead of a traceback where a package of `extra` is missing."""
    try:
        yield
    except ModuleNotFoundError as error:
        if (advice := what_to_install(error, "this command", extra)) is None:
            raise
        raise NotInstalled(advice) from None


def what_to_install(error: ModuleNotFoundError, who: str, extra: str) -> str | None:
    """`who` needs the missing package, which `extra` brings; None for a defect of this Python, or of ours."""
    package = (error.name or "").partition(".")[0]
    if package in sys.stdlib_module_names or package in ("", "scheduler", "timer_service"):
        return None
    return f"{who} needs {package}, which is not installed: pip install 'timer-service[{extra}]'"
