"""The form that sets or changes a schedule: what was typed, and the JSON that a program would send for it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from scheduler import Schedule, duration, exact_numbers
from timer_service.web.input import redaction
from timer_service.web.input.schedule_fields import DEFAULTS
from timer_service.web.input.schedule_patch import own_fields
from timer_service.web.pages.words.typed import as_local, headers_of, json_value, tags_of, utc_moment, whole_of

#: What a form holds at first, in the order of its fields: first when, then what.
USUAL: Mapping[str, str] = {
    "name": "",
    "cron": "",
    "every": "",
    "time_zone": DEFAULTS.plan.time_zone,
    "method": DEFAULTS.webhook.method,
    "url": "",
    "body": "",
    "headers": "",
    "overlap": DEFAULTS.overlap.value,
    "catch_up": DEFAULTS.catch_up.value,
    "catch_up_window": duration.text(DEFAULTS.catch_up_window_ms),
    "starts_at": "",
    "ends_at": "",
    "max_runs": "",
    "gap": DEFAULTS.plan.gap.value,
    "fold": DEFAULTS.plan.fold.value,
    "spread": "",
    "pause_after_failures": "",
    "tags": "",
    "timeout": "",
    "max_attempts": "",
    "priority": "",
    "max_lateness": "",
}
#: Those that are folded away until they are used.
MORE = tuple(USUAL)[list(USUAL).index("starts_at") :]
#: What each run sends; the others are the schedule's own.
_OF_RUN = ("method", "url", "body", "headers", "tags", "timeout", "max_attempts", "priority", "max_lateness")
#: What else a run can have, which the form has no field for.
_NOT_HERE = (
    "backoff",
    "delivery",
    "max_occurrences",
    "metadata",
    "write_only",
    "on_delivered",
    "on_failed",
)
_MOMENTS = ("starts_at", "ends_at")
_NUMBERS = ("max_runs", "pause_after_failures", "max_attempts", "priority")


def typed(form: Mapping[str, str]) -> dict[str, str]:
    return {name: form.get(name, "").replace("\r\n", "\n").strip() for name in USUAL}


def shown(schedule: Schedule) -> dict[str, str]:
    """What the form holds to change a schedule; hidden values are the mark, which stays as it is."""
    draft = schedule.draft
    webhook = draft.webhook
    asked = {name: value for name, value in own_fields(draft).items() if value is not None}
    moments = {name: as_local(asked[name]) for name in _MOMENTS if name in asked}
    headers = redaction.shown_headers(webhook.headers, webhook.write_only)
    has_text = webhook.body is not None and webhook.body_is_json
    return {name: str(value) for name, value in {**USUAL, **asked, **moments}.items()} | {
        "name": schedule.name,
        "spread": asked["spread"] if draft.spread_ms else "",
        "method": webhook.method,
        "url": redaction.shown_url(webhook.url),
        "body": webhook.body.decode("utf-8", "replace").strip() if webhook.body and has_text else "",
        "headers": "\n".join(f"{name}: {value}" for name, value in headers.items()),
        "tags": ", ".join(draft.tags),
        "timeout": f"{webhook.timeout:g}",
        "max_attempts": str(webhook.max_attempts),
        "priority": str(webhook.priority or ""),
        "max_lateness": "" if webhook.max_lateness is None else duration.text(round(1000 * webhook.max_lateness)),
    }


def not_here(schedule: Schedule, usual: Any) -> list[str]:
    """What its runs have that the form has no field for: it stays. `usual` is a webhook with the defaults."""
    webhook = schedule.draft.webhook
    found = [name for name in _NOT_HERE if getattr(webhook, name) != getattr(usual, name)]
    return [*found, "body_base64"] if webhook.body is not None and not webhook.body_is_json else found


def as_json(it: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
    """The body of a PUT; and of what no JSON can say, field and reason."""
    return _json({name: text for name, text in it.items() if text and name != "name"})


def as_patch(it: Mapping[str, str], before: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
    """The merge patch that makes of a schedule, which the form showed as `before`, what was typed."""
    changed = {name: text for name, text in it.items() if text != before[name] and name != "name"}
    found, errors = _json({name: text for name, text in changed.items() if text})
    for name in (name for name, text in changed.items() if not text and name not in ("url", "headers")):
        _put(found, name, None)
    if "headers" in changed and "headers" not in errors:
        old, new = headers_of(before["headers"]), headers_of(it["headers"])
        patch: dict[str, str | None] = {name: value for name, value in new.items() if old.get(name) != value}
        _put(found, "headers", patch | dict.fromkeys(old.keys() - new.keys()))
    if "url" in changed and not it["url"]:
        _put(found, "url", "")
    return found, errors


def _json(said: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
    found: dict[str, Any] = {}
    errors: dict[str, str] = {}
    for name, text in said.items():
        try:
            _put(found, name, _value(name, text))
        except ValueError as error:
            errors[name] = str(error)
    return found, errors


def _put(found: dict[str, Any], name: str, value: Any) -> None:
    (found.setdefault("timer", {}) if name in _OF_RUN else found)[name] = value


def _value(name: str, text: str) -> Any:
    """Raises ValueError."""
    if name in _MOMENTS:
        return utc_moment(text)
    if name in _NUMBERS:
        return whole_of(text)
    match name:
        case "timeout":
            return _number(text)
        case "body":
            return json_value(text)
        case "headers":
            return headers_of(text)
        case "tags":
            return tags_of(text)
    return text


def _number(text: str) -> Any:
    """Raises ValueError."""
    value = exact_numbers.loads(text.encode("utf-8", "replace")) if len(text) < 16 else text
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("Must be a number of seconds.")
    return value


def errors_at(errors: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The field of the form -> what is wrong there; '' for what is of none."""
    found: dict[str, str] = {}
    for pointer, detail in errors:
        path = pointer.removeprefix("/timer/") if pointer.startswith("/timer/") else pointer.removeprefix("/")
        name, _, below = path.partition("/")
        inside = below.replace("~1", "/").replace("~0", "~") if name in ("headers", "body", "tags") else ""
        found.setdefault(name if name in USUAL else "", f"{inside}: {detail}" if inside else detail)
    return found
