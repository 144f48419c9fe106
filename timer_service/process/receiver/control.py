"""How the page reads the inbox and chooses the next answer: requests with a token that `up` made."""

from __future__ import annotations

import hmac
import json

from timer_service.inbox_address import TOKEN_HEADER
from timer_service.process.receiver.answers import on_the_wire
from timer_service.process.receiver.inbox import Inbox
from timer_service.process.receiver.request import Head


class Control:
    """Answers requests that have the token. All others are webhooks, whatever their path.

    Timers of strangers and pages in a browser can call this port too: neither of them knows the token.
    """

    def __init__(self, inbox: Inbox, token: str) -> None:
        """With an empty token nothing can be controlled."""
        self._inbox = inbox
        self._token = token.encode()

    def is_meant(self, head: Head) -> bool:
        given = head.header(TOKEN_HEADER)
        return bool(self._token) and given is not None and hmac.compare_digest(given.encode(), self._token)

    def answer(self, head: Head, body: bytes) -> bytes:
        """`GET /` all, `GET /<number>` one, `POST /next` with the name of an answer as body."""
        found: object = None
        if (head.method, head.target) == ("POST", "/next"):
            found = self._inbox.as_json() if self._inbox.choose(body.decode("latin-1")) else None
        elif head.method == "GET":
            found = self._inbox.as_json() if head.target == "/" else self._inbox.one_as_json(head.target[1:])
        headers = {"content-type": "application/json", "cache-control": "no-store"}
        return on_the_wire(200 if found is not None else 404, headers, json.dumps(found).encode())
