"""The form that limits a destination: what was typed, and the JSON that a program would send for it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from scheduler import DestinationSettings, duration
from timer_service.web.pages.words.typed import whole_of

#: What it holds where nothing is set, in the order of its fields.
USUAL: Mapping[str, str] = {"requests": "", "per": "1s", "burst": "", "concurrency": "", "breaker": "auto"}


def typed(form: Mapping[str, str]) -> dict[str, str]:
    return {name: form.get(name, "").strip() for name in USUAL}


def shown(it: DestinationSettings) -> dict[str, str]:
    said = {
        "requests": it.rate and it.rate.requests,
        "per": it.rate and duration.text(it.rate.per_ms),
        "burst": it.rate and it.rate.burst,
        "concurrency": it.concurrency,
        "breaker": it.breaker.value,
    }
    return {name: usual if said[name] is None else str(said[name]) for name, usual in USUAL.items()}


def as_patch(it: Mapping[str, str]) -> dict[str, Any]:
    """The body of a PATCH; a rate of nothing, if only its burst was typed, for the API to refuse."""
    rate: dict[str, Any] | None = None
    if it["requests"] or it["burst"]:
        rate = {"per": it["per"] or None, "burst": whole_of(it["burst"]) if it["burst"] else None}
        if it["requests"]:
            rate = {"requests": whole_of(it["requests"]), **rate}
    return {
        "rate": rate,
        "concurrency": whole_of(it["concurrency"]) if it["concurrency"] else None,
        "breaker": {"mode": it["breaker"]},
    }


def errors_at(errors: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The field of the form -> what is wrong there; '' for what is of none."""
    found: dict[str, str] = {}
    for pointer, detail in errors:
        name = pointer.removesuffix("/mode").rpartition("/")[2]
        found.setdefault(name if name in USUAL else "", detail)
    return found
