"""A claim for tests of what is done with one."""

from __future__ import annotations

from typing import Any

from scheduler import Claim, Webhook

_FIRST: dict[str, Any] = {
    "id": "0" * 22,
    "fence": "f",
    "destination": "tag",
    "number": 1,
    "attempts_since_due": 1,
    "due_at": 0,
    "planned_at": 0,
    "redelivery": None,
    "suspect": False,
    "claimed_at": 0.0,
}


def a_claim(url: str = "http://receiver/", **said: Any) -> Claim:
    """Of a timer's first attempt, unless its own fields say otherwise; fields of a Webhook are its webhook's."""
    webhook = {name: said.pop(name) for name in Webhook._fields if name in said}
    return Claim(**{**_FIRST, "webhook": Webhook(url=url, **webhook), **said})
