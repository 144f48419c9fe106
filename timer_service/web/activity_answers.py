"""The shape of answers that tell of the service itself: its pollers, minutes and store, what falls due, what fails."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields

from scheduler import Reason, destination
from timer_service.web.answers import Part, TimerOut
from timer_service.web.input.activity_queries import STEPS
from timer_service.web.input.fields import Moment

#: By whether the store may throw timers away.
_WHEN_FULL = {False: "refuses", True: "evicts", None: None}
_STEP_NAMES = {ms: name for name, ms in STEPS.items()}


class DestinationName(fields.String):
    """Of a URL, its origin as one word."""

    def _serialize(self, value: Any, *args: Any, **kwargs: Any) -> str | None:
        try:
            return destination(value) if value else None
        except ValueError:  # stored by another version
            return None


def _destination(attribute: str) -> DestinationName:
    text = "scheme:host:port; null where the timer is `unreadable`"
    return DestinationName(
        attribute=attribute,
        allow_none=True,
        metadata={"description": text, "examples": ["https:api.example.com:443"]},
    )


class PollerOut(Schema):
    name = fields.String()
    seen_at = Moment(metadata={"description": "when it last claimed"})
    in_flight = fields.Integer(metadata={"description": "attempts that it had under way then"})
    slots = fields.Integer(metadata={"description": "of so many at most"})


class PollersOut(Schema):
    read_at = Moment()
    data = fields.List(fields.Nested(PollerOut), attribute="pollers")


class MinuteLatenessOut(Schema):
    p50 = fields.Integer(attribute="lateness_p50_ms", allow_none=True)
    p99 = fields.Integer(attribute="lateness_p99_ms", allow_none=True)
    worst = fields.Integer(attribute="lateness_worst_ms", allow_none=True)


class MinuteOut(Schema):
    at = Moment(metadata={"description": "its beginning"})
    set = fields.Integer(metadata={"description": "timers that clients set"})
    attempts = fields.Integer(metadata={"description": "that were over, delivered ones too"})
    failed_attempts = fields.Integer(metadata={"description": "those of them that failed"})
    delivered = fields.Integer(metadata={"description": "timers that ended so"})
    failed = fields.Integer()
    cancelled = fields.Integer()
    lateness_ms = Part(MinuteLatenessOut, metadata={"description": "of the attempts; nulls where there were none"})


class MinutesOut(Schema):
    read_at = Moment()
    data = fields.List(
        fields.Nested(MinuteOut), attribute="minutes", metadata={"description": "the latest first; it is not over yet"}
    )


class BucketOut(Schema):
    at = Moment(metadata={"description": "its beginning"})
    count = fields.Integer(attribute="timers", metadata={"description": "timers due from then until the next bucket"})
    held = fields.Integer(
        metadata={
            "description": "others that are due, wait behind a held destination, and are expected to be sent then"
        }
    )


class ForecastOut(Schema):
    read_at = Moment()
    by = fields.Function(
        lambda forecast: _STEP_NAMES[forecast.by_ms],
        metadata={"json_schema": {"type": "string", "enum": list(STEPS), "description": "how long each bucket is"}},
    )
    data = fields.List(fields.Nested(BucketOut), attribute="buckets")
    held_undated = fields.Integer(
        metadata={"description": "due timers that wait behind a held destination, nobody knows how long"}
    )
    exact = fields.Boolean(
        metadata={"description": "false: more destinations are held than were looked at, and so perhaps more timers"}
    )


class FailureGroupOut(Schema):
    destination = _destination("newest.webhook.url")
    reason = fields.Enum(
        Reason, by_value=True, allow_none=True, metadata={"description": "null where only a later version knows it"}
    )
    error = fields.String(allow_none=True, metadata={"description": "of the last attempts: a word"})
    status_code = fields.Integer(allow_none=True, metadata={"description": "what was answered to them"})
    count = fields.Function(
        lambda group: len(group.ids),
        metadata={"json_schema": {"type": "integer", "description": "timers that were looked at and failed so"}},
    )
    ids = fields.List(
        fields.String(), metadata={"description": "of these, those that ended last first: what a replay can be given"}
    )
    newest = fields.Nested(TimerOut, metadata={"description": "the one that ended last"})
    oldest_ended_at = Moment()


class FailingOut(Schema):
    destination = _destination("sample.webhook.url")
    failing_since = Moment(
        attribute="since", allow_none=True, metadata={"description": "nothing was delivered there since"}
    )
    last_failed_at = Moment(attribute="last_at", allow_none=True)
    failures = fields.Integer(metadata={"description": "attempts that failed in a row"})
    error = fields.String(allow_none=True, metadata={"description": "of the last of them: a word"})
    status_code = fields.Integer(allow_none=True)
    waiting = fields.Integer(metadata={"description": "due timers that wait behind it, for room or because it is held"})
    oldest_waiting_at = Moment(allow_none=True)


class FailuresOut(Schema):
    read_at = Moment()
    looked = fields.Integer(metadata={"description": "failed timers that were looked at, the newest"})
    more = fields.Boolean(metadata={"description": "there are older ones, which were not"})
    data = fields.List(
        fields.Nested(FailureGroupOut), attribute="groups", metadata={"description": "the largest group first"}
    )
    failing = fields.List(
        fields.Nested(FailingOut), metadata={"description": "where attempts fail now, or timers wait for room"}
    )


class WriteOut(Schema):
    ok = fields.Function(lambda state: state.write_problem is None, metadata={"json_schema": {"type": "boolean"}})
    ms = fields.Float(attribute="write_ms", allow_none=True, metadata={"description": "that one took"})
    problem = fields.String(attribute="write_problem", allow_none=True, metadata={"description": "why it failed"})


class MemoryOut(Schema):
    used_bytes = fields.Integer(allow_none=True)
    max_bytes = fields.Integer(allow_none=True, metadata={"description": "null for any number"})
    when_full = fields.Function(
        lambda state: _WHEN_FULL[state.may_evict],
        metadata={"json_schema": {"type": ["string", "null"], "enum": [*_WHEN_FULL.values()]}},
    )


class AppendOnlyOut(Schema):
    enabled = fields.Boolean(attribute="append_only", allow_none=True)
    fsync = fields.String(attribute="append_fsync", allow_none=True, metadata={"examples": ["everysec"]})
    ok = fields.Boolean(
        attribute="append_ok", allow_none=True, metadata={"description": "whether the last write of it went well"}
    )


class StoreOut(Schema):
    server = fields.String(allow_none=True, metadata={"examples": ["valkey 9.0"]})
    write = Part(WriteOut)
    memory = Part(MemoryOut, metadata={"description": "nulls where the store does not say"})
    append_only = Part(AppendOnlyOut, metadata={"description": "nulls where the store does not say"})
    warnings = fields.List(
        fields.String(), metadata={"description": "what is wrong with its settings, as /readyz says it"}
    )
