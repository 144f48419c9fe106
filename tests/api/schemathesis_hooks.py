"""What schemathesis makes of the description, but for what no schema tells. Only of requests that shall be valid."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import schemathesis
from schemathesis import GenerationMode


@schemathesis.hook
def before_call(_context: Any, case: Any, _kwargs: Any) -> None:
    if case.meta is None or case.meta.generation.mode is not GenerationMode.POSITIVE:
        return
    # The same key with another body is refused, and schemathesis has one key for all its examples.
    if case.headers:
        case.headers.pop("Idempotency-Key", None)
        # Only what an ETag said is one.
        case.headers.pop("If-Match", None)
        # What stands already is not new.
        case.headers.pop("If-None-Match", None)
    # Which hosts there are is more than a pattern tells.
    if "/destinations/" in case.operation.path:
        case.path_parameters["id"] = "https:example.com:443"
    if case.query:
        _take_away(case.query)
    if isinstance(case.body, dict):
        _take_away(case.body)


def _take_away(said: dict[str, Any]) -> None:
    # Only what next_cursor said is one.
    said.pop("cursor", None)
    # Which moments are later than another, and by no more than so many buckets.
    for name in ("to", "ends_at", "until", "expires_at"):
        said.pop(name, None)
    # What a cron expression is, and how long a text says, are more than a pattern tells.
    if isinstance(said.get("cron"), str):
        said["cron"] = "0 9 * * MON-FRI"
    for name in ("delay", "max_lateness", "every", "spread", "catch_up_window", "per", "old_for"):
        if isinstance(said.get(name), str):
            said[name] = "1h"
    if isinstance(said.get("rate"), dict):
        _take_away(said["rate"])
        # Of a patch: there may be no rate yet that it changes.
        said["rate"].setdefault("requests", 1)
    if isinstance(said.get("timer"), dict):
        _take_away(said["timer"])
        # Of a patch: what stands may have a body, and more than one occurrence.
        for name, value in (("method", "HEAD"), ("delivery", "at_most_once")):
            if said["timer"].get(name) == value:
                del said["timer"][name]
    # Of a patch: a callback that stands may be without any part, one that does not needs a URL.
    for name in ("on_delivered", "on_failed"):
        if isinstance(said.get(name), dict):
            said[name].setdefault("url", "https://example.com/")
    # What the store can promise, and how soon.
    if isinstance(said.get("durability"), str):
        said["durability"] = "memory"
    if "schedule" in said:
        said.pop("tag", None)
    # Of a patch it is not described how these go together, and with what not.
    local, others = {"local_due_at", "time_zone", "fold"}, {"due_at", "delay", "hours", "minutes", "seconds"}
    given = {name for name, value in said.items() if value is not None}
    if given & others or not {"local_due_at", "time_zone"} <= given:
        for name in local:
            said.pop(name, None)
    if said.get("delivery") == "at_most_once":
        said.pop("max_occurrences", None)
    for name, value in list(said.items()):
        # 5.0 is an integer of JSON Schema; we want it written as one.
        if isinstance(value, float) and value.is_integer():
            said[name] = int(value)
        if name == "time_zone" and isinstance(value, str):
            said[name] = "Europe/Berlin"  # one of some 600 names, which the description does not list
        # How long a whole host name is, beside its labels, is more than its pattern tells.
        if name in ("url", "destination") and isinstance(value, str) and len(urlsplit(value).netloc) > 253:
            said[name] = "https://example.com/"
