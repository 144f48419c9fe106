"""Everything a client can do wrong is a 4xx problem whose pointer names the field; nothing is a 500."""

from __future__ import annotations

import json
import re

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.bench.store import Bench
from timer_service.web.problems import MORE_PAGES, PAGES

JSON = {"content-type": "application/json"}

#: (body with URL for a good one, status, pointer)
# fmt: off
BAD = [
    ('{"seconds": -1, URL}', 422, "/seconds"),
    ('{"seconds": 1.5, URL}', 422, "/seconds"),
    ('{"seconds": 5.0, URL}', 422, "/seconds"),
    ('{"seconds": true, URL}', 422, "/seconds"),
    ('{"seconds": "5", URL}', 422, "/seconds"),
    ('{"seconds": null, URL}', 422, "/seconds"),
    ('{"seconds": 1e400, URL}', 422, "/seconds"),
    ('{"seconds": NaN, URL}', 422, "/seconds"),
    ('{"seconds": 9223372036854775808, URL}', 422, "/seconds"),
    ('{"hours": 99999999999, URL}', 422, "/hours"),
    ('{URL}', 422, "/delay"),
    ('{"delay": "5", URL}', 422, "/delay"),
    ('{"delay": -1, URL}', 422, "/delay"),
    ('{"delay": true, URL}', 422, "/delay"),
    ('{"delay": -Infinity, URL}', 422, "/delay"),
    ('{"delay": "P1M", URL}', 422, "/delay"),
    ('{"delay": "999999999999999d", URL}', 422, "/delay"),
    ('{"delay": [], URL}', 422, "/delay"),
    ('{"due_at": "9999-12-31T23:59:59-12:00", URL}', 422, "/due_at"),
    ('{"due_at": "2026-01-01T00:00:00", URL}', 422, "/due_at"),
    ('{"due_at": 1767225600, URL}', 422, "/due_at"),
    ('{"due_at": "2026-01-01T00:00:00Z", "delay": 1, URL}', 422, "/due_at"),
    ('{"seconds": 1, "delay": 1, URL}', 422, "/seconds"),
    ('{"seconds": 1}', 422, "/url"),
    ('{"seconds": 1, "url": null}', 422, "/url"),
    ('{"seconds": 1, "url": "http:///x"}', 422, "/url"),
    ('{"seconds": 1, "url": "ftp://h/"}', 422, "/url"),
    ('{"seconds": 1, "url": "http://u:p@h/"}', 422, "/url"),
    ('{"seconds": 1, "when": 1, URL}', 422, "/when"),
    ('{"seconds": 1, "a/b~c": 1, URL}', 422, "/a~1b~0c"),
    ('{"seconds": 1, "method": "CONNECT", URL}', 422, "/method"),
    ('{"seconds": 1, "method": "po\\u017ft", URL}', 422, "/method"),
    ('{"seconds": 1, "headers": [], URL}', 422, "/headers"),
    ('{"seconds": 1, "headers": {"Host": "x"}, URL}', 422, "/headers/Host"),
    ('{"seconds": 1, "headers": {"a": "1", "A": "2"}, URL}', 422, "/headers/A"),
    ('{"seconds": 1, "headers": {"cookie": "***"}, URL}', 422, "/headers/cookie"),
    ('{"seconds": 1, "headers": {' + ", ".join(f'"x-{i}": ""' for i in range(1000)) + '}, URL}', 422, "/headers"),
    ('{"seconds": 1, "headers": {"a": "%s"}, URL}' % ("x" * 900_000), 413, "/headers"),
    ('{"seconds": 1, "body_base64": "?", URL}', 422, "/body_base64"),
    ('{"seconds": 1, "body": 1, "body_base64": "", URL}', 422, "/body_base64"),
    ('{"seconds": 1, "method": "HEAD", "body": {"a": 1}, URL}', 422, "/body"),
    ('{"seconds": 1, "method": "HEAD", "body": null, URL}', 422, "/body"),
    ('{"seconds": 1, "method": "HEAD", "body_base64": "", URL}', 422, "/body_base64"),
    ('{"seconds": 1, "body": "%s", URL}' % ("x" * 262_144), 413, "/body"),
    ('{"seconds": 1, "body_base64": "%s", URL}' % ("AAAA" * 90_000), 413, "/body_base64"),
    ('{"seconds": 1, "metadata": {"a": "%s"}, URL}' % ("x" * 300_000), 413, "/metadata"),
    ('{"seconds": 1, "body": {"a/b": ["\\ud800"]}, URL}', 422, "/body/a~1b/0"),
    ('{"seconds": 1, "body": {"\\udfff": 1}, URL}', 422, "/body"),
    ('{"seconds": 1, "url": "http://h/\\ud800"}', 422, "/url"),
    ('{"seconds": 1, "body": [1e999], URL}', 422, "/body/0"),
    ('{"seconds": 1, "body": ' + "[" * 200 + "]" * 200 + ", URL}", 400, "/body"),
    ('{"seconds": 1, URL, "body": %s' % ("[" * 100_000), 400, "/body"),
    ('{"seconds": 1, URL, "metadata": %s' % ('{"a":' * 100_000), 400, "/metadata"),
    ("[" * 100_000, 400, ""),
    ('{"seconds": 1, "timeout": 0.01, URL}', 422, "/timeout"),
    ('{"seconds": 1, "timeout": 301, URL}', 422, "/timeout"),
    ('{"seconds": 1, "max_attempts": 0, URL}', 422, "/max_attempts"),
    ('{"seconds": 1, "backoff": "5s", URL}', 422, "/backoff"),
    ('{"seconds": 1, "backoff": [], URL}', 422, "/backoff"),
    ('{"seconds": 1, "backoff": [1, -1], URL}', 422, "/backoff/1"),
    ('{"seconds": 1, "backoff": {"initial": "5"}, URL}', 422, "/backoff/initial"),
    ('{"seconds": 1, "backoff": {"step": 5}, URL}', 422, "/backoff/step"),
    ('{"seconds": 1, "delivery": "exactly_once", URL}', 422, "/delivery"),
    ('{"seconds": 1, "metadata": [], URL}', 422, "/metadata"),
    ('{"seconds": %s, URL}' % ("9" * 5000), 422, "/seconds"),
    ('{"seconds": 1, "\\ud800": 1, URL}', 422, ""),
    ("{}", 422, "/delay"),
    ("{}", 422, "/url"),
    ("[]", 422, ""),
    ('"text"', 422, ""),
]
# fmt: on


@pytest.mark.parametrize(("body", "status", "pointer"), BAD, ids=[body[:60] for body, _, _ in BAD])
def test_bad_input_is_a_4xx_whose_pointer_names_the_field(
    http: FlaskClient, bench: Bench, body: str, status: int, pointer: str
) -> None:
    answer = http.post("/timers", data=body.replace("URL", '"url": "http://h/"'), headers=JSON)
    assert (answer.status_code, answer.mimetype) == (status, "application/problem+json")
    assert answer.json is not None
    assert pointer in [error["pointer"] for error in answer.json["errors"]]
    assert bench.timers.stats().scheduled == 0


@pytest.mark.parametrize(
    "raw", [b"", b"{", b"nul", b"{'a': 1}", b"\xff\xfe{\x00}\x00", b'{"a": "\xe9"}', b"\xef\xbb\xbf{}"]
)
def test_what_is_no_json_is_a_400(http: FlaskClient, raw: bytes) -> None:
    assert http.post("/timers", data=raw, headers=JSON).status_code == 400


@pytest.mark.parametrize(
    "headers",
    [{}, {"content-type": "text/plain"}, {"content-type": "multipart/form-data"}, {**JSON, "content-encoding": "gzip"}],
)
def test_what_is_not_sent_as_json_is_a_415(http: FlaskClient, headers: dict[str, str]) -> None:
    assert http.post("/timers", data=b"{}", headers=headers).status_code == 415


def test_json_with_a_parameter_or_a_suffix_is_json(http: FlaskClient) -> None:
    for kind in ("application/json; charset=utf-8", "application/vnd.api+json"):
        assert http.post("/timers", data=b"{}", headers={"content-type": kind}).status_code == 422


@pytest.mark.parametrize("coding", ["identity", "Identity", ""])
def test_a_body_that_is_said_to_be_as_it_is_is_read(http: FlaskClient, coding: str) -> None:
    assert http.post("/timers", data=b"{}", headers={**JSON, "content-encoding": coding}).status_code == 422


def test_a_request_beyond_one_mebibyte_is_not_read(http: FlaskClient) -> None:
    answer = http.post("/timers", data=b" " * (1024 * 1024 + 1), headers=JSON)
    assert (answer.status_code, answer.mimetype) == (413, "application/problem+json")


def test_a_wrong_method_says_which_are_right(http: FlaskClient) -> None:
    answer = http.put("/timers")
    assert (answer.status_code, answer.mimetype) == (405, "application/problem+json")
    assert "POST" in answer.headers["Allow"]


def test_every_problem_carries_the_request_id_and_a_page(http: FlaskClient) -> None:
    answer = http.get("/timers/x", headers={"X-Request-Id": "my-request"})
    assert answer.json is not None
    assert answer.json["instance"] == answer.headers["X-Request-Id"] == "my-request"
    assert http.get(answer.json["type"]).status_code == 200


def test_a_request_id_that_could_harm_a_log_is_replaced(http: FlaskClient) -> None:
    answer = http.get("/livez", headers={"X-Request-Id": "a b" * 100})
    assert len(answer.headers["X-Request-Id"]) == 32


@pytest.mark.parametrize("name", [name for name, _ in PAGES.values()])
def test_every_problem_has_its_page(http: FlaskClient, name: str) -> None:
    assert name in http.get(f"/problems/{name}").text


def test_all_kinds_of_problems_are_listed_with_their_pages(http: FlaskClient) -> None:
    listed = http.get("/problems").get_json()["data"]
    named = {(f"/problems/{name}", status) for status, (name, _) in PAGES.items()}
    assert {(it["type"], it["status"]) for it in listed} == named | {
        (f"/problems/{name}", status) for name, (status, _) in MORE_PAGES.items()
    }
    for it in listed:
        assert it["meaning"] in http.get(it["type"]).text


def test_a_browser_gets_the_kinds_of_problems_as_a_page_that_leads_to_each(http: FlaskClient) -> None:
    answer = http.get("/problems", headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    assert (answer.mimetype, answer.headers["Vary"]) == ("text/html", "Accept")
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert "`Authorization: Bearer &lt;key&gt;`" in answer.text
    links = re.findall(r'href="([^"]+)"', answer.text)
    assert len(links) == len(PAGES) + len(MORE_PAGES) + 2  # its stylesheet, and the API reference
    for link in links:
        assert http.get(link).status_code == 200, link


@pytest.mark.parametrize("accept", ["*/*", "", "application/json", "application/json, text/html;q=0.9", "image/png"])
def test_a_program_gets_the_kinds_of_problems_as_json(http: FlaskClient, accept: str) -> None:
    assert http.get("/problems", headers={"Accept": accept}).mimetype == "application/json"


def test_both_forms_of_the_list_of_problems_are_described(http: FlaskClient) -> None:
    content = http.get("/openapi.json").get_json()["paths"]["/problems"]["get"]["responses"]["200"]["content"]
    assert content["application/json"]["schema"] == {"$ref": "#/components/schemas/KindsOut"}
    assert content["text/html"]["schema"] == {"type": "string"}


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


WORDS = "hours minutes seconds delay due_at url method headers body body_base64 timeout max_attempts backoff delivery"
FIELDS = st.sampled_from([*WORDS.split(), "metadata", "unknown"])


@pytest.mark.slow
@given(st.dictionaries(FIELDS, ANYTHING), st.booleans())
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_json_object_is_ever_a_500(http: FlaskClient, said: dict[str, object], valid: bool) -> None:
    body = {"url": "http://h/", "delay": 1, **said} if valid else said
    answer = http.post("/timers", data=json.dumps(body), headers=JSON)
    assert answer.status_code in (201, 400, 413, 422)
