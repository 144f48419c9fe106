"""Who looks at the page: the holder of an API key who signed in, or, where there are no keys, whoever reaches it."""

from __future__ import annotations

from dataclasses import dataclass, field

from flask import g


@dataclass(frozen=True, slots=True)
class Viewer:
    #: Of the key; None where the service has no keys, or where nobody has signed in.
    name: str | None = None
    may_write: bool = False
    #: Whether there are views to go to: not on the way to sign in.
    may_read: bool = False
    #: What only this browser and this service know, in a cookie: form tokens and notes are made of it.
    secret: str = field(default="", repr=False)


_NOBODY = Viewer()


def viewer() -> Viewer:
    """Of the request under way."""
    found: Viewer = g.get("viewer", _NOBODY)
    return found
