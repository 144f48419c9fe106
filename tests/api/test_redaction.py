"""No answer tells a secret; what stands in its place is never taken for one.

Tried: each word in every place of a name and in any case, names that clients list, every route that answers with a
timer, repeats under an idempotency key, the log; queries without names, without values, with `;`, with a fragment.
"""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from flask.testing import FlaskClient

from scheduler import Outcome, Query, Settings
from tests.api.conftest import HOOK, settle
from tests.bench.store import Bench
from timer_service import create_app
from timer_service.web.access.api_keys import new_key
from timer_service.web.input.redaction import is_secret, shown_headers

SECRET = "s3cr3t-value"
# fmt: off
NAMES = [
    "Authorization", "X-Authorization", "Proxied-Auth", "Cookie", "Set-Cookie", "X-Api-Key", "APIKEY", "x-token-2",
    "Client-Secret", "X-Password", "Passwd", "X-Session", "session-id", "X-JWT", "jwtassertion", "X-Signature",
    "x-hub-signature-256",
]
# fmt: on


@pytest.fixture
def keyed(bench: Bench) -> tuple[FlaskClient, dict[str, str], dict[str, str]]:
    """The API, and the headers of a key that may write and of one that may read."""
    made = [new_key(scope, scope) for scope in ("write", "read")]
    http = create_app(Settings(api_keys=",".join(entry for _, entry in made)), bench.link).test_client()
    write, read = ({"Authorization": f"Bearer {token}"} for token, _ in made)
    return http, write, read


def test_headers_that_carry_secrets_are_known_by_name() -> None:
    assert [name for name in NAMES if not is_secret(name)] == []
    assert not any(map(is_secret, ["Accept", "X-Trace", "content-type", "X-Customer"]))
    assert shown_headers({"X-A": "1", "x-b": "2"}, ["X-B"]) == {"X-A": "1", "x-b": "***"}


def test_no_answer_of_any_route_and_no_log_line_tells_a_secret(
    keyed: tuple[FlaskClient, dict[str, str], dict[str, str]], bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    http, write, read = keyed
    headers = {**dict.fromkeys(NAMES, SECRET), "X-Customer": SECRET, "X-Trace": "17"}
    asked = {**HOOK, "seconds": 60, "headers": headers, "write_only": ["x-customer"], "tags": ["t"]}
    once = {**write, "Idempotency-Key": "one"}
    answers = [http.post("/timers", json=asked, headers=once) for _ in range(2)]
    batch = {"timers": [{**asked, "key": "b"}, {**asked, "headers": {**headers, "Host": SECRET}}]}
    answers += [http.post("/timers/batch", json=batch, headers=once) for _ in range(2)]
    timer_id = answers[0].get_json()["id"]
    answers += [
        http.put("/timers/by-key/k", json=asked, headers=write),
        http.patch(f"/timers/{timer_id}", json={"timeout": 3}, headers=write),
        http.patch(f"/timers/{timer_id}", json={"headers": {"X-Password": "a\n" + SECRET}}, headers=write),
        http.post("/timers", json={**asked, "key": "k"}, headers=write),
        http.post(f"/timers/{timer_id}/fire", headers=write),
    ]
    settle(bench, Outcome.PERMANENT)
    answers += [http.post(f"/timers/{timer_id}/replay", headers=write)]
    for who in (write, read):
        for path in (
            f"/timers/{timer_id}",
            "/timers",
            "/timers?tag=t",
            "/timers/by-key/k",
            f"/timers/{timer_id}/attempts",
        ):
            answers.append(http.get(path, headers=who))
    statuses = {answer.status_code for answer in answers}
    assert statuses == {200, 201, 202, 409, 422}
    assert [answer.text for answer in answers if SECRET in answer.text] == []
    assert SECRET not in caplog.text
    assert '"X-Trace":"17"' in answers[0].text.replace(" ", "")
    for it in bench.listing.page(Query(tag="t")).timers:
        assert it.webhook.headers["X-Customer"] == SECRET


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("?a=1", "?a=***"),
        ("?a=1&b=2;c=3", "?a=***&b=***;c=***"),
        ("?sig", "?***"),
        ("?a=&b", "?a=&***"),
        ("?a=b=c", "?a=***"),
        ("?a=?b", "?a=***"),
        ("?", "?"),
        ("", ""),
        ("?a=1#part?x=y", "?a=***#part?x=y"),
        ("#part?x=y", "#part?x=y"),
    ],
)
def test_a_key_that_may_only_read_sees_no_value_of_a_query(
    keyed: tuple[FlaskClient, dict[str, str], dict[str, str]], bench: Bench, query: str, shown: str
) -> None:
    http, write, read = keyed
    url = f"https://example.com/hook{query}"
    asked = {"url": url, "seconds": 60, "key": "k"}
    timer = http.post("/timers", json=asked, headers=write).get_json()
    for path in (f"/timers/{timer['id']}", "/timers/by-key/k"):
        assert http.get(path, headers=read).get_json()["url"] == f"https://example.com/hook{shown}"
        assert http.get(path, headers=write).get_json()["url"] == timer["url"] == url
    assert http.get("/timers", headers=read).get_json()["data"][0]["url"] == f"https://example.com/hook{shown}"
    bench.timers.fire(bench.timers.get(timer["id"]))
    (claim,) = bench.claims.claim(1).claims
    assert claim.webhook.url == url


def test_without_keys_the_url_is_shown_whole(http: FlaskClient) -> None:
    timer = http.post("/timers", json={"url": "http://h/?a=1", "seconds": 1}).get_json()
    assert http.get(f"/timers/{timer['id']}").get_json()["url"] == "http://h/?a=1"


@pytest.mark.parametrize(
    ("asked", "pointer"),
    [
        ({"headers": {"x-session-id": "***"}}, "/headers/x-session-id"),
        ({"headers": {"X-Customer": "***"}, "write_only": ["x-customer"]}, "/headers/X-Customer"),
        ({"url": "http://h/?a=***"}, "/url"),
        ({"url": "http://h/?b=1;a=***#x"}, "/url"),
        ({"url": "http://h/?***"}, "/url"),
        ({"url": "http://h/?a=%2A%2a*"}, "/url"),
        ({"write_only": "X-A"}, "/write_only"),
        ({"write_only": ["a b"]}, "/write_only/0"),
        ({"write_only": ["x"] * 101}, "/write_only"),
        ({"write_only": ["X-A", 5]}, "/write_only/1"),
    ],
)
def test_the_mark_of_a_secret_is_not_taken_for_one(http: FlaskClient, asked: dict[str, Any], pointer: str) -> None:
    timer = http.post("/timers", json={**HOOK, "seconds": 60}).get_json()
    whole = {**HOOK, "seconds": 60, **asked}
    for answer in (
        http.post("/timers", json=whole),
        http.put("/timers/by-key/k", json=whole),
        http.patch(f"/timers/{timer['id']}", json=asked),
    ):
        assert (answer.status_code, [it["pointer"] for it in answer.get_json()["errors"]]) == (422, [pointer])
    batch = http.post("/timers/batch", json={"timers": [whole]}).get_json()
    assert [it["pointer"] for it in batch["results"][0]["problem"]["errors"]] == [pointer]


@pytest.mark.parametrize("asked", [{"headers": {"X-Stars": "***"}}, {"url": "http://h/***?a=***b&****#***"}])
def test_three_stars_where_nothing_is_redacted_are_three_stars(http: FlaskClient, asked: dict[str, Any]) -> None:
    answer = http.post("/timers", json={**HOOK, "seconds": 60, **asked})
    assert answer.status_code == 201
    assert json.loads(answer.text) | asked == answer.get_json()


def test_a_header_leaves_write_only_with_its_value(http: FlaskClient, bench: Bench) -> None:
    asked = {**HOOK, "seconds": 60, "headers": {"X-Customer": SECRET, "X-B": "2"}, "write_only": ["x-customer"]}
    path = f"/timers/{http.post('/timers', json=asked).get_json()['id']}"
    changes: list[dict[str, Any]] = [
        {"write_only": None},
        {"write_only": []},
        {"write_only": ["X-B"], "headers": {"X-B": "3"}},
    ]
    for change in changes:
        answer = http.patch(path, json=change)
        assert (answer.status_code, answer.get_json()["errors"][0]["pointer"]) == (422, "/write_only")
    assert http.patch(path, json={"headers": {"X-Customer": "***"}}).status_code == 422
    assert http.patch(path, json={"timeout": 3}).get_json()["headers"] == {"X-Customer": "***", "X-B": "2"}
    for name in ("X-Customer", "x-CUSTOMER"):  # what was shown, sent back
        answer = http.patch(path, json={"write_only": None, "headers": {name: "***"}})
        assert (answer.status_code, answer.get_json()["errors"][0]["pointer"]) == (422, f"/headers/{name}")
    shown = http.patch(path, json={"write_only": None, "headers": {"X-Customer": "1"}}).get_json()
    assert (shown["headers"], shown["write_only"]) == ({"X-Customer": "1", "X-B": "2"}, [])
