"""Timers on stdout, for people or for programs."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterable, Mapping
from typing import Any

import click

from timer_service.client import Timer


def put(output: str, timers: Iterable[Timer], *lines: str) -> None:
    """`lines` are for people; programs get each timer as it came, or its id."""
    if output == "table":
        click.echo("\n".join(lines))
    else:
        for each in timers:
            put_json(each.raw) if output == "json" else click.echo(each.id)


def put_json(value: Mapping[str, Any]) -> None:
    click.echo(json.dumps(value, ensure_ascii=False))


def width() -> int | None:
    """Of the terminal; None where there is none, and nothing is cut."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None
