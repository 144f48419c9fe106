"""The page as a browser without script uses it: views are loaded, their forms are sent."""

from __future__ import annotations

import html
import re
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

ORIGIN = {"Origin": "http://localhost"}


def submit(http: FlaskClient, view: str, *, action: str = "", token: str | None = None, **fields: Any) -> TestResponse:
    """Load a view and send a form of it, which leads to `action`, or to the view."""
    if token is None:
        found = re.search(r'name="form-token" content="([^"]+)"', http.get(view).get_data(as_text=True))
        assert found, f"{view} carries no token"
        token = found[1]
    return http.post(action or view, data={"token": token, **fields}, headers=ORIGIN)


def followed(http: FlaskClient, answer: TestResponse) -> str:
    """The view that a form leads to when it is done, as text."""
    assert answer.status_code == 303, answer.get_data(as_text=True)
    return text_of(http.get(answer.location))


def text_of(answer: TestResponse) -> str:
    """What a view says, without its tags, each run of blanks as one."""
    assert answer.mimetype == "text/html", answer.mimetype
    body = re.sub(r"<(svg|head)\b.*?</\1>", "", answer.get_data(as_text=True), flags=re.DOTALL)
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]*>", "", body))).strip()
