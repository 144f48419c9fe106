"""Changes of a timer by JSON Merge Patch (RFC 7396)."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from marshmallow import Schema, ValidationError

from scheduler import Callback, Draft, Timer, Webhook, exact_numbers, rfc3339
from timer_service.web.input.invalid import invalid
from timer_service.web.input.redaction import MARK, is_secret
from timer_service.web.input.schemas import NewTimer
from timer_service.web.input.webhook_fields import BackoffField
from timer_service.web.input.when_fields import WHEN

#: The fields that ask for a webhook of its own when a timer has ended.
CALLBACKS = ("on_delivered", "on_failed")
#: Why a patch has no durability.
NOT_PATCHED = "It is asked for by what sets the whole: POST or PUT."
_BACKOFF = BackoffField()
#: Each takes the place of the other.
_OTHERS = {
    **{"body": "body_base64", "body_base64": "body"},
    **{"expires_at": "max_lateness", "max_lateness": "expires_at"},
}


def merge_function(patch: Mapping[str, Any], schema: NewTimer) -> Callable[[Timer], Draft]:
    """A function that applies this patch to a timer. It raises Problem for what a new timer could not be either."""
    if "durability" in patch:
        raise invalid({"durability": [NOT_PATCHED]})
    if errors := errors_of_nulls(patch, schema):
        raise invalid(errors)

    def merge(timer: Timer) -> Draft:
        before = request_fields(timer)
        given = _given(patch)
        moved = not given.isdisjoint(WHEN)
        if moved:
            del before["due_at"]
        try:
            loaded = schema.load(merged(before, patch))
        except ValidationError as error:
            raise invalid(error.messages_dict) from None
        if loaded.get("key") != timer.key:
            raise invalid({"key": ["A key is never changed; PUT /timers/by-key/{key} makes a timer with another."]})
        loaded["webhook"] = loaded["webhook"]._replace(trace=timer.webhook.trace)
        if timer.callback_for is not None:
            loaded["webhook"] = _without_callbacks(loaded["webhook"], given)
        if errors := errors_of_showing(timer.webhook, loaded["webhook"], patch):
            raise invalid(errors)
        if not moved:
            loaded["due_at"] = None
        return Draft(id=timer.id, **loaded)

    return merge


def merged(before: dict[str, Any], patch: Mapping[str, Any]) -> Any:
    """What was asked for, of webhook_fields() at least, with what a patch changes in it."""
    for name in _given(patch):
        before.pop(_OTHERS.get(name, ""), None)
    for part, said in ((before, patch), *((before[name], patch.get(name)) for name in CALLBACKS)):
        _leave_place(part, said)
    return apply(before, patch)


def errors_of_nulls(patch: Mapping[str, Any], schema: Schema) -> dict[str, Any]:
    """What is wrong with members that a patch takes away: merged, no schema would see a name that is none of ours."""
    known = {field.data_key or name for name, field in schema.fields.items()}
    return {name: ["Unknown field."] for name, value in patch.items() if value is None and name not in known}


def _given(patch: Mapping[str, Any]) -> set[str]:
    """A null takes its own member away, and nothing where there is none."""
    return {name for name, value in patch.items() if value is not None}


def _leave_place(before: Any, patch: Any) -> None:
    """In whatever case it is named, a header takes its own place."""
    headers = patch.get("headers") if isinstance(patch, dict) else None
    if isinstance(before, dict) and isinstance(headers, dict):
        named = {name.lower() for name in headers}
        before["headers"] = {name: it for name, it in before["headers"].items() if name.lower() not in named}


def _without_callbacks(webhook: Webhook, given: Collection[str]) -> Webhook:
    """Of a callback, which has none: not those of the service's settings either."""
    if asked := [name for name in CALLBACKS if name in given]:
        raise invalid({name: ["A callback has no callbacks."] for name in asked})
    return webhook._replace(on_delivered=None, on_failed=None)


def errors_of_showing(before: Webhook, changed: Webhook, patch: Mapping[str, Any]) -> dict[str, Any]:
    """What is wrong with a patch that would make answers tell a hidden header: it may leave write_only only with a new
    value."""
    hidden = {name.lower() for name in before.write_only}
    shown = hidden - {name.lower() for name in changed.write_only}
    parts: list[tuple[tuple[str, ...], Any, Mapping[str, str]]] = [((), patch, changed.headers)]
    parts += [((name,), patch.get(name), it.headers) for name in CALLBACKS if (it := getattr(changed, name))]
    for at, said, headers in parts:
        given = (said.get("headers") if isinstance(said, dict) else None) or {}
        if marked := [name for name, value in given.items() if value == MARK and name.lower() in hidden]:
            errors: Any = {name: ["This is the mark of a redacted value, not a value."] for name in marked}
            for member in ("headers", *at):
                errors = {member: errors}
            return dict(errors)
        kept = {name.lower() for name in headers} - {name.lower() for name in given}
        for name in shown & kept:
            if not is_secret(name):
                return {"write_only": [f"The value of {name} would be told: give it anew, or take it away."]}
    return {}


def request_fields(timer: Timer) -> dict[str, Any]:
    """The fields of a request that would set this timer, secrets and all: never an answer."""
    key = {} if timer.key is None else {"key": timer.key}
    return {"due_at": rfc3339.rfc3339(timer.due_at), **webhook_fields(timer.webhook, timer.tags), **key}


def webhook_fields(webhook: Webhook, tags: Sequence[str]) -> dict[str, Any]:
    """Those of them that say what is sent."""
    found: dict[str, Any] = {
        "url": webhook.url,
        "method": webhook.method,
        "headers": dict(webhook.headers),
        "timeout": webhook.timeout,
        "max_attempts": webhook.max_attempts,
        "backoff": _BACKOFF.serialize("backoff", webhook),
        "delivery": webhook.delivery.value,
        "max_occurrences": webhook.max_occurrences,
        "priority": webhook.priority,
        "metadata": dict(webhook.metadata),
        "write_only": list(webhook.write_only),
        **{name: _callback(getattr(webhook, name)) for name in CALLBACKS},
        "tags": list(tags),
    }
    if webhook.expires_at is not None:
        found["expires_at"] = rfc3339.rfc3339(webhook.expires_at)
    if webhook.max_lateness is not None:
        found["max_lateness"] = webhook.max_lateness
    if webhook.body is not None and webhook.body_is_json:
        found["body"] = exact_numbers.loads(webhook.body)
    elif webhook.body is not None:
        found["body_base64"] = b64encode(webhook.body).decode()
    return found


def _callback(it: Callback | None) -> dict[str, Any] | None:
    """None, too, is said: else the service's own would be taken."""
    return None if it is None else {"url": it.url, "headers": dict(it.headers)}


def apply(target: Any, patch: Any) -> Any:
    """RFC 7396, section 2."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = apply(result.get(name), value)
    return result
