"""Reads a TOML file of schedules and destinations. Each refusal names the file, the table and the key."""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import click

from scheduler import origin
from timer_service.client import DestinationChanges
from timer_service.client.schedule_fields import NewSchedule

#: In the metadata of what each run sends: the file that its schedule was last applied from.
OWNER = "applied_from"
_TOP = ("name", "schedules", "destinations")
#: Of a schedule. Others are refused here, where nothing has been done yet.
_FIELDS = NewSchedule.__required_keys__ | NewSchedule.__optional_keys__
_DESTINATION_FIELDS = DestinationChanges.__annotations__.keys()
#: Levels of tables and lists in a schedule; the service takes 100 of what is sent.
_DEEPEST = 100
#: Of a schedule, as the API has it; the last is a route of its own.
NAME = re.compile(r"(?!\.{1,2}$|preview$)[A-Za-z0-9._:@~-]{1,128}", re.ASCII)
_FILE_NAME = re.compile(r"[^\x00-\x1f\x7f]{1,100}")


class FileError(ValueError):
    """The file cannot be used; nothing was done."""


@dataclass(frozen=True)
class ApplyFile:
    path: str
    #: By which its schedules are known again once it no longer has them.
    name: str
    #: By name, the fields of each as the API takes them.
    schedules: Mapping[str, Mapping[str, Any]]
    #: By id, likewise.
    destinations: Mapping[str, Mapping[str, Any]]


def read(path: str) -> ApplyFile:
    """Raises FileError."""
    top = _parsed(path)
    if unknown := sorted(top.keys() - set(_TOP)):
        raise FileError(f"{path}: {unknown[0]}: unknown; a file has {', '.join(_TOP[:-1])} and {_TOP[-1]}")
    schedules, destinations = top.get("schedules", {}), top.get("destinations", {})
    if not isinstance(schedules, dict):
        raise FileError(f"{path}: schedules: must be tables, such as [schedules.daily-report]")
    if not isinstance(destinations, dict):
        raise FileError(f'{path}: destinations: must be tables, such as [destinations."https:api.example.com:443"]')
    name = top.get("name", "" if path == "-" else Path(path).stem)
    if not isinstance(name, str) or not _FILE_NAME.fullmatch(name):
        raise FileError(f"{path}: name: must be text of 1 to 100 characters; by it a later --prune knows its schedules")
    return ApplyFile(
        path,
        name,
        {each: _fields(path, name, each, table) for each, table in schedules.items()},
        {each: _limits(path, each, table) for each, table in destinations.items()},
    )


def place(kind: str, name: str, *keys: str) -> str:
    """Where something stands: `[schedules.daily-report.timer] url`; an item of a list as `tags[0]`."""
    head, last, items = list(keys[:-1]), keys[-1] if keys else "", ""
    while head and last.isdecimal():
        items, last = f"[{last}]{items}", head.pop()
    table = ".".join(map(_key, (f"{kind}s", name, *head)))
    return f"[{table}] {_key(last)}{items}" if last else f"[{table}]"


def _key(text: str) -> str:
    return text if re.fullmatch(r"[A-Za-z0-9_-]+", text, re.ASCII) else f'"{text}"'


def _parsed(path: str) -> dict[str, Any]:
    try:
        with click.open_file(path, "rb") as file:
            # Editors on Windows begin a file of UTF-8 with a mark of that.
            return tomllib.loads(file.read().decode("utf-8-sig"), parse_float=Decimal)
    except OSError as error:
        raise FileError(f"{path}: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise FileError(f"{path}: not UTF-8, as TOML has to be") from None
    except (tomllib.TOMLDecodeError, ArithmeticError, RecursionError) as error:
        raise FileError(f"{path}: not TOML: {str(error) or type(error).__name__}") from None
    except ValueError as error:  # a date that is none, or an integer of too many digits
        raise FileError(f"{path}: not TOML: {error}") from None


def _fields(path: str, owner: str, schedule: str, table: Any) -> Mapping[str, Any]:
    if not NAME.fullmatch(schedule):
        raise FileError(
            f"{path}: {place('schedule', schedule)}: a name has 1 to 128 of the characters A-Z a-z 0-9 . _ : @ ~ - "
            "and is not ., .. or preview"
        )
    if not isinstance(table, dict):
        raise FileError(f"{path}: {place('schedule', schedule)}: must be a table")
    if unknown := sorted(table.keys() - _FIELDS):
        raise FileError(f"{path}: {place('schedule', schedule, unknown[0])}: no schedule has this field")
    timer = table.get("timer")
    if not isinstance(timer, dict):
        raise FileError(
            f"{path}: {place('schedule', schedule, 'timer')}: missing, or no table; it has the url, and what is sent"
        )
    metadata = timer.get("metadata", {})
    if not isinstance(metadata, dict):
        raise FileError(f"{path}: {place('schedule', schedule, 'timer', 'metadata')}: must be a table")
    if OWNER in metadata:
        raise FileError(
            f"{path}: {place('schedule', schedule, 'timer', 'metadata', OWNER)}: is written by apply itself"
        )
    fields = {name: _value(path, ("schedule", schedule), (name,), value) for name, value in table.items()}
    return {**fields, "timer": {**fields["timer"], "metadata": {**fields["timer"].get("metadata", {}), OWNER: owner}}}


def _limits(path: str, id: str, table: Any) -> Mapping[str, Any]:
    at = place("destination", id)
    scheme, _, rest = id.partition(":")
    try:
        found = origin.destination(f"{scheme}://{rest.removeprefix('//')}")
    except ValueError:
        found = ""
    if scheme.lower() not in ("http", "https") or not found:
        raise FileError(f"{path}: {at}: no destination, such as https:api.example.com:443")
    if found != id:
        raise FileError(f"{path}: {at}: write it as {found}")
    if not isinstance(table, dict):
        raise FileError(f"{path}: {at}: must be a table")
    if unknown := sorted(table.keys() - _DESTINATION_FIELDS):
        raise FileError(f"{path}: {place('destination', id, unknown[0])}: no destination has this field")
    return {name: _value(path, ("destination", id), (name,), value) for name, value in table.items()}


def _value(path: str, at: tuple[str, str], keys: tuple[str, ...], value: Any) -> Any:
    """As JSON can say it: a moment with an offset becomes text."""
    if len(keys) > _DEEPEST:
        raise FileError(f"{path}: {place(*at, *keys[:2])}: nested deeper than {_DEEPEST} levels")
    match value:
        case dict():
            return {name: _value(path, at, (*keys, name), inner) for name, inner in value.items()}
        case list():
            return [_value(path, at, (*keys, str(index)), inner) for index, inner in enumerate(value)]
        case datetime() if value.utcoffset() is not None:
            return value.isoformat()
        case date() | time():
            raise FileError(
                f"{path}: {place(*at, *keys)}: {value.isoformat()} is no moment: give it an offset, such as "
                "2027-01-01T09:00:00Z, or quotes if it is to be text"
            )
        case Decimal() if not math.isfinite(value):
            raise FileError(f"{path}: {place(*at, *keys)}: JSON has no form for {value}")
        case _:
            return value
