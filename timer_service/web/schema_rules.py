"""Rules between the fields of a request, as JSON Schema: which exclude each other, what a patch may be.

Only in words that generators of code pass over (`dependentSchemas`, `if`): from `oneOf` and `not` beside `properties`
they make types that nobody can use.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from scheduler import Status, Timer, Webhook
from timer_service.web.answers import TimerOut
from timer_service.web.input.expiry_fields import EXPIRY
from timer_service.web.input.queries import FILTERS
from timer_service.web.input.when_fields import WHEN

_Schema = dict[str, Any]

_LOCAL = ("local_due_at", "time_zone", "fold")
_PARTS = tuple(name for name in WHEN if name not in ("due_at", "delay", *_LOCAL))
_NULL: _Schema = {"type": "null"}
#: Members of an answer that can be absent.
_OPTIONAL = frozenset({"body", "body_base64", "from", "total", "unreadable", "warnings", "durability"})
#: Fields of what sets the whole, which no patch has.
_NOT_PATCHED = frozenset({"key", "durability"})


def complete(schemas: dict[str, _Schema], defaults: Mapping[str, Any]) -> None:
    """Adds them, and the schemas that are made of others. `defaults`: of new timers, by field of a Webhook."""
    for name, schema in schemas.items():
        if name.endswith("Out"):
            schema["required"] = [member for member in schema["properties"] if member not in _OPTIONAL]
    new, run, schedule = schemas["NewTimer"], schemas["RunTimer"], schemas["NewSchedule"]
    schemas["TimerChange"] = _change(new)
    schemas["RunTimerChange"] = _change(run)
    schemas["ScheduleChange"] = _schedule_change(schedule)
    for name, default in _shown_defaults(defaults).items():
        for timer in (new, run):
            if name in timer["properties"]:
                timer["properties"][name] = {**timer["properties"][name], "default": default}
    new |= _NEW_TIMER
    run |= {"additionalProperties": False, "dependentSchemas": _SENT}
    schedule |= {**_PLAN, "examples": [_SCHEDULE]}
    schemas["PreviewIn"] |= {**_PLAN, "examples": [_PREVIEW]}
    for name in ("PauseIn", "ResumeIn", "ResumeDestinationIn", "RotateSecretIn"):
        schemas[name]["additionalProperties"] = False
    for name in ("DestinationChange", "RateChange", "BreakerChange"):
        # What a patch leaves out stays as it is.
        properties = {member: _without_default(it) for member, it in schemas[name]["properties"].items()}
        schemas[name] |= {"additionalProperties": False, "properties": properties}
    keyed = {name: schema for name, schema in new["properties"].items() if name != "key"}
    schemas["KeyedTimer"] = {**new, "properties": keyed}
    schemas["BatchIn"] |= {"additionalProperties": False}
    schemas["BulkIn"] |= _BULK


def _without(names: Iterable[str], be: _Schema | bool = False) -> _Schema:
    return {"properties": dict.fromkeys(names, be)}


def _any_of(names: Iterable[str]) -> _Schema:
    return {"anyOf": [{"required": [name]} for name in names]}


#: Sent once is not sent again.
_ONE_OCCURRENCE: _Schema = {
    "if": {"required": ["delivery"], "properties": {"delivery": {"const": "at_most_once"}}},
    "then": {"properties": {"max_occurrences": {"maximum": 1}}},
}


def _no_body_of_head(be: _Schema | bool) -> _Schema:
    return {"if": {"properties": {"method": {"const": "HEAD"}}}, "then": _without(("body", "body_base64"), be)}


_SENT: _Schema = {
    "body": _without(["body_base64"]),
    "method": _no_body_of_head(False),
    "max_occurrences": _ONE_OCCURRENCE,
}
_NEW_TIMER: _Schema = {
    "additionalProperties": False,
    "dependentSchemas": {
        "due_at": _without(("delay", *_PARTS)),
        "delay": _without(_PARTS),
        "local_due_at": {"required": ["time_zone"], **_without(("due_at", "delay", *_PARTS))},
        "time_zone": {"required": ["local_due_at"]},
        "fold": {"required": ["local_due_at"]},
        # That expires_at excludes max_lateness is left out: with one rule more schemathesis makes no timer.
        **_SENT,
    },
    "if": _any_of(("due_at", "delay", "local_due_at")),
    "else": _any_of(_PARTS),
    "examples": [{"seconds": 5, "url": "https://example.com/hook", "body": {"order": 17}}],
}
_PLAN: _Schema = {
    "additionalProperties": False,
    "if": {"required": ["cron"], "properties": {"cron": {"not": _NULL}}},
    "then": _without(["every"], _NULL),
    "else": {"required": ["every"], "properties": {"every": {"not": _NULL}}},
}
_SCHEDULE = {"cron": "0 9 * * MON-FRI", "time_zone": "Europe/Berlin", "timer": {"url": "https://example.com/hook"}}
_PREVIEW = {"cron": "30 2 * * *", "time_zone": "Europe/Berlin", "from": "2027-03-27T00:00:00Z", "count": 3}
_BULK: _Schema = {
    "additionalProperties": False,
    "dependentSchemas": {"ids": _without((*FILTERS, "cursor"))},
    "if": {"required": ["ids"]},
    "else": _any_of(FILTERS),
    "examples": [{"tag": "newsletter", "limit": 100}],
}


def _change(new: _Schema) -> _Schema:
    """A merge patch: a field of a new timer, or null to take it away; of an object any part. A key is never changed."""
    fields = new["properties"].items()
    properties = {name: {"anyOf": [schema, _NULL]} for name, schema in fields if name not in _NOT_PATCHED}
    properties["url"] = new["properties"]["url"]
    properties["body"] = new["properties"]["body"]
    headers = new["properties"]["headers"]
    values = {"anyOf": [headers["additionalProperties"], _NULL]}
    properties["headers"] = {"anyOf": [{**headers, "additionalProperties": values}, _NULL]}
    for name in ("on_delivered", "on_failed"):
        url, whole, null = new["properties"][name]["anyOf"]
        members = {**whole["properties"], "headers": properties["headers"]}
        properties[name] = {
            "anyOf": [url, {"type": "object", "additionalProperties": False, "properties": members}, null]
        }
    by_parts, by_steps = new["properties"]["backoff"]["oneOf"]
    parts = {name: {"anyOf": [schema, _NULL]} for name, schema in by_parts["properties"].items()}
    properties["backoff"] = {"anyOf": [{**by_parts, "properties": parts}, by_steps, _NULL]}
    sent = {"body": _unless_null("body", _without(["body_base64"], _NULL)), "method": _no_body_of_head(_NULL)}
    change: _Schema = {
        "type": "object",
        "additionalProperties": False,
        "properties": properties,
        "dependentSchemas": sent,
    }
    if "due_at" not in properties:
        return change
    return {
        **change,
        "dependentSchemas": {
            # Whoever takes the moment away has to say another.
            "due_at": _unless_null("due_at", _without(("delay", *_PARTS), _NULL), _given_any(("delay", *_PARTS))),
            "delay": _unless_null("delay", _without(_PARTS, _NULL)),
            # How local_due_at, time_zone and fold go together, and delivery with max_occurrences, is left out: with one
            # rule more schemathesis makes no patch.
            **sent,
        },
    }


def _schedule_change(new: _Schema) -> _Schema:
    """A merge patch of a schedule; with one of `cron` and `every` the other goes, and neither goes alone."""
    properties: dict[str, _Schema] = {
        name: {"anyOf": [_without_default(schema), _NULL]}
        for name, schema in new["properties"].items()
        if name not in _NOT_PATCHED
    }
    properties["timer"] = {"$ref": "#/components/schemas/RunTimerChange"}
    for name in ("cron", "every"):
        properties[name] = new["properties"][name]
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": properties,
        "dependentSchemas": {
            "cron": _unless_null("cron", _without(["every"], _NULL), _given_any(["every"])),
            "every": _unless_null("every", True, _given_any(["cron"])),
        },
    }


def _without_default(schema: _Schema) -> _Schema:
    return {word: it for word, it in schema.items() if word != "default"}


def _unless_null(name: str, then: _Schema | bool, else_: _Schema | bool = True) -> _Schema:
    return {"if": {"properties": {name: _NULL}}, "then": else_, "else": then}


def _given_any(names: Iterable[str]) -> _Schema:
    return {"anyOf": [{"required": [name], "properties": {name: {"not": _NULL}}} for name in names]}


def _shown_defaults(defaults: Mapping[str, Any]) -> dict[str, Any]:
    """By field: what an answer says where a client said nothing."""
    webhook = Webhook(url="", **defaults)
    timer = Timer(id="", webhook=webhook, status=Status.SCHEDULED, created_at=0, due_at=0, read_at=0)
    shown: dict[str, Any] = json.loads(TimerOut().dump(timer).text)
    return {name: value for name, value in shown.items() if name not in (*WHEN, *EXPIRY, "url", "key")}
