"""Somebody who uses the page without script: loads views, and sends their forms as a browser would."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Mapping
from typing import Any

from flask import Flask, Response
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from timer_service.web.access.request_counts import route_name


class Visitor:
    """Over an application's test client, which keeps its cookies."""

    def __init__(self, http: FlaskClient, origin: str = "http://localhost") -> None:
        self.http = http
        self.origin = origin

    def get(self, path: str, **options: Any) -> TestResponse:
        return self.http.get(path, base_url=self.origin, **options)

    def post(
        self, path: str, form: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None
    ) -> TestResponse:
        """Send a form with the token of a page that was loaded before."""
        sent = {"Origin": self.origin, **(headers or {})}
        return self.http.post(path, base_url=self.origin, data={"token": self.token(), **(form or {})}, headers=sent)

    def send(self, path: str, form: Mapping[str, Any] | None = None) -> TestResponse:
        """The same, and then the view that it leads to."""
        answer = self.post(path, form)
        assert answer.status_code == 303, (answer.status_code, text(answer))
        return self.get(answer.location)

    def token(self) -> str:
        """As it stands in the page that this browser gets now."""
        found = re.search(
            r'<meta name="form-token" content="([^"]*)">', self.get("/ui/nowhere", follow_redirects=True).text
        )
        assert found
        return found[1]


def add_view(app: Flask, path: str, view: Callable[..., Response]) -> None:
    """A view of the test's own, for what all views have in common. The application has seen no request yet."""
    app.add_url_rule(path, path, view, methods=["GET", "POST"])
    app.extensions["request_counts"].name_routes([route_name(rule.rule) for rule in app.url_map.iter_rules()])


def text(answer: TestResponse) -> str:
    """What a person reads of a page, with one blank between words."""
    body = re.sub(r"<svg class=\"sprite\".*?</svg>", "", answer.text, flags=re.DOTALL)
    return html.unescape(" ".join(re.sub(r"<[^>]*>", " ", body).split()))


def sentences(answer: TestResponse) -> str:
    """The same with no blank where only a tag stood: as it is read aloud."""
    body = re.sub(r"<(svg|head)\b.*?</\1>", "", answer.text, flags=re.DOTALL)
    return html.unescape(" ".join(re.sub(r"<[^>]*>", "", body).split()))
