"""/openapi.json and /docs."""

from __future__ import annotations

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient

from scheduler import Settings
from tests.bench.store import Bench
from timer_service import create_app
from timer_service.web.access.api_keys import new_key


def test_every_route_but_the_documentation_itself_is_described(http: FlaskClient) -> None:
    described = http.get("/openapi.json").json
    assert described is not None
    assert isinstance(http.application, Flask)
    rules = {re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule) for rule in http.application.url_map.iter_rules()}
    # `OPTIONS *` is of the server, and of no path; what is under /ui is for people.
    assert {it for it in rules if not it.startswith(("/docs", "/openapi.json", "/*", "/ui"))} == set(described["paths"])


def test_every_call_tells_its_failures_as_problems(http: FlaskClient) -> None:
    described = http.get("/openapi.json").json
    assert described is not None
    for path, calls in described["paths"].items():
        for method, call in calls.items():
            if method == "parameters":
                continue
            failures = {status for status in call["responses"] if not status.startswith("2")}
            assert {"401", "403", "429", "503", "default"} <= failures, (path, method)
            assert {call["responses"][status]["$ref"].split("/")[2] for status in failures} == {"responses"}
    for answer in described["components"]["responses"].values():
        assert list(answer["content"]) == ["application/problem+json"]


def test_every_call_has_a_name_of_its_own_and_at_most_one_type_of_body_which_generated_clients_need(
    http: FlaskClient,
) -> None:
    """openapi-python-client skips a call it can make no name of, and makes of two types code that does not import."""
    described = http.get("/openapi.json").json
    assert described is not None
    calls = [call for path in described["paths"].values() for name, call in path.items() if name != "parameters"]
    names = [call["operationId"] for call in calls]
    assert len(set(names)) == len(names)
    bodies = {call["operationId"]: call["requestBody"] for call in calls if "requestBody" in call}
    assert {len(body["content"]) for body in bodies.values()} == {1}
    may_be_left_out = {name for name, body in bodies.items() if not body["required"]}
    paused = {f"{call}_{of}" for call in ("pause", "resume") for of in ("schedule", "destination")}
    assert may_be_left_out == paused | {"rotate_secret"}


def test_no_reference_leads_nowhere(http: FlaskClient) -> None:
    answer = http.get("/openapi.json")
    assert answer.json is not None
    for kind, name in set(re.findall(r'"#/components/(\w+)/([\w-]+)"', answer.text)):
        assert name in answer.json["components"][kind]


def test_the_docs_load_nothing_from_another_host_and_run_no_script_in_the_page(http: FlaskClient) -> None:
    page = http.get("/docs")
    assert "script-src 'self';" in page.headers["Content-Security-Policy"]
    assert "http" not in page.text.replace("http-equiv", "")
    assert re.findall(r"<script(?! src=)", page.text) == []
    for path in re.findall(r'(?:src|href)="([^"]+)"', page.text):
        assert http.get(path).status_code == 200, path


@pytest.mark.parametrize("path", ["/docs", "/docs/start.js", "/docs/swagger-ui.css", "/openapi.json"])
def test_with_keys_the_docs_need_none_and_without_them_a_known_host(http: FlaskClient, bench: Bench, path: str) -> None:
    _, entry = new_key("me", "write")
    guarded = create_app(Settings(api_keys=entry), bench.link).test_client()
    assert guarded.get(path, headers={"Host": "timers.example"}).status_code == 200
    assert http.get(path, headers={"Host": "evil.example"}).status_code == 403


@pytest.mark.parametrize("path", ["/docs/../setup.cfg", "/docs/oauth2-redirect.html", "/docs/%2e%2e/x"])
def test_only_the_files_of_the_page_are_served(http: FlaskClient, path: str) -> None:
    assert http.get(path).status_code == 404


def test_every_call_has_a_name_and_a_summary_that_a_generated_client_can_use(http: FlaskClient) -> None:
    described = http.get("/openapi.json").get_json()
    calls = [call for calls in described["paths"].values() for name, call in calls.items() if name != "parameters"]
    names = [call["operationId"] for call in calls]
    assert len(names) == len(set(names))
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)+", name) for name in names)
    assert all(call["summary"] for call in calls)


def test_what_a_client_sends_is_a_plain_object_with_defaults(http: FlaskClient) -> None:
    """`oneOf` and `not` beside properties become types that nobody can use: Swagger says `never`."""
    schemas = http.get("/openapi.json").get_json()["components"]["schemas"]
    for name in ("NewTimer", "KeyedTimer", "TimerChange", "BulkIn", "BatchIn"):
        assert schemas[name]["type"] == "object"
        assert schemas[name]["properties"]
        assert not {"oneOf", "anyOf", "allOf", "not"} & schemas[name].keys()
    plain = http.post("/timers", json={"url": "http://h/", "seconds": 1}).get_json()
    said = {field: it["default"] for field, it in schemas["NewTimer"]["properties"].items() if "default" in it}
    assert said == {field: plain[field] for field in said}
    assert schemas["NewTimer"]["properties"].keys() - said.keys() == {
        *("hours", "minutes", "seconds", "delay", "due_at", "local_due_at", "time_zone", "fold"),
        *("url", "key", "body", "body_base64", "expires_at", "max_lateness", "durability"),
    }
    assert not any("default" in it for it in schemas["TimerChange"]["properties"].values())
    assert {*schemas["TimerOut"]["required"]} == plain.keys()
    assert schemas["TimerOut"]["properties"].keys() - plain.keys() == {
        *("body", "body_base64", "durability", "from", "unreadable"),
    }


def test_the_defaults_are_those_of_the_settings(bench: Bench) -> None:
    http = create_app(Settings(timeout=3, max_attempts=2), bench.link).test_client()
    fields = http.get("/openapi.json").get_json()["components"]["schemas"]["NewTimer"]["properties"]
    assert (fields["timeout"]["default"], fields["max_attempts"]["default"]) == (3, 2)


def test_the_allow_header_names_the_methods_that_are_described(http: FlaskClient) -> None:
    described = http.get("/openapi.json").get_json()["paths"]
    for path, calls in described.items():
        allowed = http.options(re.sub(r"{\w+}", "x", path)).headers["Allow"].split(", ")
        assert {*allowed} - {"HEAD", "OPTIONS"} == {name.upper() for name in calls if name != "parameters"}, path
