"""The form of the view Try it: what was typed, and the JSON that a program would send for the same. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from scheduler import Timer, Webhook, duration, exact_numbers, rfc3339
from timer_service.web.input import redaction
from timer_service.web.pages.words.typed import as_local, headers_of, json_value, tags_of, whole_of

#: What a form holds at first, in the order of its fields.
USUAL: Mapping[str, str] = {
    "amount": "5",
    "unit": "seconds",
    "method": "POST",
    "url": "",
    "body": '{"hello": "from timer-service"}',
    "due_at": "",
    "key": "",
    "tags": "",
    "max_attempts": "",
    "max_occurrences": "3",
    "priority": "",
    "expires_at": "",
    "max_lateness": "",
    "headers": "",
}
#: Those that are folded away until they are used.
MORE = tuple(USUAL)[list(USUAL).index("due_at") :]
#: Unit -> how a length of time is written with it, and how many ms it has.
UNITS = {"seconds": ("s", 1000), "minutes": ("m", 60_000), "hours": ("h", 3_600_000), "days": ("d", 86_400_000)}
#: Units that the API has fields for.
_PARTS = ("hours", "minutes", "seconds")
#: Fields of the API that the form has none for.
_NOT_HERE = ("timeout", "backoff", "delivery", "metadata", "write_only")
#: Field of the API -> where its error stands.
_PLACES = {"delay": "amount", **dict.fromkeys(_PARTS, "amount")}


def typed(form: Mapping[str, str]) -> dict[str, str]:
    return {name: form.get(name, "").replace("\r\n", "\n") for name in USUAL}


def delay(it: Mapping[str, str]) -> str:
    """As the API and the command line take it: `5s`."""
    return f"{it['amount'].strip()}{UNITS.get(it['unit'], ('',))[0]}"


def moment_in(text: str) -> str:
    """As RFC 3339 wants it, of what a browser's field gives: no zone, and no seconds where they are 0. '' for none."""
    moment = text.strip()
    if re.fullmatch(r"\S{10}T[0-9]{2}:[0-9]{2}", moment, re.ASCII):
        return f"{moment}:00Z"
    return f"{moment}Z" if moment and not re.search(r"T.*[Zz+-]", moment) else moment


def as_json(it: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
    """The body of a POST to /timers; and of what is left out of it, since no JSON can say it, field and reason."""
    found: dict[str, Any] = {}
    errors: dict[str, str] = {}
    if moment := moment_in(it["due_at"]):
        found["due_at"] = moment
    elif it["unit"] in _PARTS and isinstance(amount := whole_of(it["amount"]), int):
        found[it["unit"]] = amount
    else:
        found["delay"] = delay(it)
    if url := it["url"].strip():
        found["url"] = url
    if it["method"] != "POST":
        found["method"] = it["method"]
    for name, read in (("body", json_value), ("headers", headers_of)):
        if text := it[name].strip():
            try:
                found[name] = read(text)
            except ValueError as error:
                errors[name] = str(error)
    if key := it["key"].strip():
        found["key"] = key
    if tags := tags_of(it["tags"]):
        found["tags"] = tags
    for name in ("max_attempts", "max_occurrences", "priority"):
        if text := it[name].strip():
            found[name] = whole_of(text)
    if moment := moment_in(it["expires_at"]):
        found["expires_at"] = moment
    if text := it["max_lateness"].strip():
        found["max_lateness"] = text
    return found, errors


def errors_at(errors: Iterable[tuple[str, str]], tags: Sequence[str] = ()) -> dict[str, str]:
    """The field of the form -> what is wrong there; '' for what is of none. A tag is called by its name."""
    found: dict[str, str] = {}
    for pointer, detail in errors:
        field, _, below = pointer.removeprefix("/").partition("/")
        field = _PLACES.get(field, field)
        if field not in USUAL:
            field = ""
        inside = below.replace("~1", "/").replace("~0", "~") if field in ("headers", "tags", "body") else ""
        if field == "tags" and inside.isdecimal() and int(inside) < len(tags):
            inside = tags[int(inside)][:80]
        found.setdefault(field, f"{inside}: {detail}" if inside else detail)
    return found


class Cloned(NamedTuple):
    typed: dict[str, str]
    #: Headers whose values nobody is told.
    hidden: list[str]
    #: What else the timer has that the form has no field for, by its name in the API.
    not_here: list[str]


def cloned(timer: Timer, usual: Webhook) -> Cloned:
    """What sets the same timer, as long from now as it was set from then. `usual` has the defaults."""
    it = timer.webhook
    shown = redaction.shown_headers(it.headers, it.write_only)
    hidden = [name for name in shown if shown[name] != it.headers[name]]
    ms = max(0, timer.due_at - timer.created_at)
    unit = next((name for name in reversed(UNITS) if ms and ms % UNITS[name][1] == 0), "seconds")
    has_text = it.body is not None and it.body_is_json
    attempts = "" if it.max_attempts == usual.max_attempts else str(it.max_attempts)
    typed = dict(USUAL) | {
        "amount": f"{ms / UNITS[unit][1]:.3f}".rstrip("0").rstrip("."),
        "unit": unit,
        "method": it.method,
        "url": redaction.shown_url(it.url),
        "body": it.body.decode("utf-8", "replace") if it.body is not None and has_text else "",
        "headers": "\n".join(f"{name}: {value}" for name, value in shown.items() if name not in hidden),
        "tags": ", ".join(timer.tags),
        "max_attempts": attempts,
        "max_occurrences": str(it.max_occurrences),
        "priority": str(it.priority or ""),
        "expires_at": "" if it.expires_at is None else as_local(rfc3339.rfc3339(it.expires_at)),
        "max_lateness": "" if it.max_lateness is None else duration.text(round(1000 * it.max_lateness)),
    }
    not_here = [name for name in _NOT_HERE if getattr(it, name) != getattr(usual, name)]
    if it.body is not None and not has_text:
        not_here.append("body_base64")
    if timer.key:
        not_here.append("key")
    return Cloned(typed, hidden, not_here)


def command(it: Mapping[str, str], asked: Mapping[str, Any]) -> list[str]:
    """The words of `timer-service timer` that set the same."""
    words = ["set", asked.get("due_at") or delay(it), asked["url"]]
    if "body" in asked:
        words += ["--json", exact_numbers.dumps(asked["body"])]
    for name in ("method", "key", "max_attempts", "max_occurrences", "priority", "expires_at", "max_lateness"):
        if name in asked:
            words += [f"--{name.replace('_', '-')}", str(asked[name])]
    for name, value in asked.get("headers", {}).items():
        words += ["--header", f"{name}: {value}"]
    for tag in asked.get("tags", ()):
        words += ["--tag", tag]
    return words
