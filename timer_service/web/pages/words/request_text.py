"""What a timer sends, as text that a page can hold. Pure, but for who it is shown to (input/redaction.py)."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from scheduler import Backoff, Timer, Webhook, exact_numbers, rfc3339
from timer_service.web.input.redaction import shown_headers, shown_url
from timer_service.web.pages.words.values import number, seconds

#: What HTML cannot hold, a terminal obeys, or turns the direction of what follows: it is written out as JSON does.
_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class RequestText:
    head: str
    #: None where none is sent.
    body: str | None
    #: What it is and how long.
    body_is: str


def visible(text: str) -> str:
    """The same text with `\\u001b`, `\\u202e` and so on where they stood; line ends and tabs stay."""
    return _UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def request_text(timer: Timer) -> RequestText:
    sends_id = timer.status != "cancelled"
    return webhook_text(timer.webhook, json.dumps({"id": timer.id}) if sends_id else None)


def webhook_text(webhook: Webhook, usual: str | None) -> RequestText:
    """`usual`: the JSON that a POST sends for which no body was given."""
    headers = shown_headers(webhook.headers, webhook.write_only)
    lines = [f"{webhook.method} {shown_url(webhook.url)}", *(f"{name}: {value}" for name, value in headers.items())]
    names = {name.lower() for name in webhook.headers}
    body, is_json = webhook.body, webhook.body_is_json
    body_is = f"Body, {_bytes(len(body or b''))}"
    if body is None and webhook.method == "POST" and usual is not None:
        body, is_json = usual.encode(), True
        body_is = "Body, for none was given"
    if body is not None and is_json and "content-type" not in names:
        lines.insert(1, "content-type: application/json")
    text, how = _text(body)
    return RequestText(visible("\n".join(lines)), text, body_is + how)


def _text(body: bytes | None) -> tuple[str | None, str]:
    """As it is, if it is text; else in base64."""
    if body is None:
        return None, ""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return b64encode(body).decode(), ", in base64"
    if "\0" in text:
        return b64encode(body).decode(), ", in base64"
    return visible(text), ""


def _bytes(count: int) -> str:
    return f"{number(count)} byte{'' if count == 1 else 's'}"


def asked(timer: Timer) -> Iterator[tuple[str, str, str]]:
    """What was asked besides the request: (name, value, how that is set: `id`, `` or `url`)."""
    webhook = timer.webhook
    if timer.key:
        yield "Key", timer.key, "id"
    yield "Tags", ", ".join(timer.tags) or "none", ""
    occurrences = ""
    if webhook.max_occurrences > 1 or timer.occurrence > 1:
        occurrences = f"{number(timer.occurrence)}, at most {number(webhook.max_occurrences)} if asked for"
    if webhook.expires_at is not None:
        yield "Not later than", rfc3339.rfc3339(webhook.expires_at), ""
    yield from asked_of(webhook, occurrences)


def asked_of(webhook: Webhook, occurrences: str) -> Iterator[tuple[str, str, str]]:
    """The same of what is sent alone. `occurrences`: how often the receiver is meant to act; '' for once."""
    yield "Delivery", str(webhook.delivery).replace("_", " "), ""
    yield "Timeout", f"{seconds(webhook.timeout)} an attempt", ""
    yield "Attempts", f"at most {number(webhook.max_attempts)}", ""
    yield "Waits", _waits(webhook.backoff), ""
    if webhook.priority:
        yield "Priority", f"{seconds(webhook.priority)} of head start among what is due", ""
    if webhook.max_lateness is not None:
        yield "Late", f"at most {seconds(webhook.max_lateness)}, else it is not sent", ""
    if occurrences:
        yield "Occurrences", occurrences, ""
    for name, callback in (("If delivered", webhook.on_delivered), ("If failed", webhook.on_failed)):
        if callback:
            yield name, f"calls {shown_url(callback.url)}", "url"
    if webhook.write_only:
        yield "Write only", ", ".join(webhook.write_only), "id"


def metadata(values: Mapping[str, object]) -> str:
    """The client's own notes, as JSON."""
    return visible(exact_numbers.dumps(dict(values)))


def _waits(it: Backoff) -> str:
    if it.steps:
        return ", ".join(map(seconds, it.steps[:20])) + (", ..." if len(it.steps) > 20 else ", and so on")
    return f"up to {seconds(it.initial)}, then times {it.factor:g}, at most {seconds(it.max)}"
