"""A value that is JSON already, as it is stored: it goes into an answer without being parsed and written anew."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class JsonText:
    """A value of an answer, as JSON."""

    text: str
