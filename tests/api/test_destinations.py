"""Where a timer may lead, as a client hears it when it sets one: what can be said without looking a name up."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from scheduler import Settings
from tests.bench.store import Bench
from timer_service import create_app


def refused(http: FlaskClient, url: str) -> str:
    """The words of the refusal, which must be about the URL."""
    answer = http.post("/timers", json={"url": url, "delay": 60})
    assert answer.status_code == 422, url
    assert answer.json is not None
    (error,) = answer.json["errors"]
    assert error["pointer"] == "/url"
    words: str = error["detail"]
    return words


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com:22/",
        "https://example.com:25/",
        "http://1.1.1.1:6379/",
        "http://[2606:4700::1111]:11211/",
        "http://localhost:10080/",
    ],
)
def test_a_port_of_another_protocol_is_refused(http: FlaskClient, url: str) -> None:
    refused(http, url)


@pytest.mark.parametrize("url", ["http://10.0.0.1/", "http://0.0.0.0:9/", "http://[::]/", "http://[4000::1]/"])
def test_an_address_that_is_not_public_is_refused(http: FlaskClient, url: str) -> None:
    refused(http, url)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "0.0.0.0", "[::1]", "[::]", "[::ffff:127.0.0.1]"])
def test_our_own_api_store_and_metrics_are_refused_whatever_is_allowed(bench: Bench, host: str) -> None:
    settings = Settings(
        host="0.0.0.0",
        port=8123,
        allow_anonymous=True,
        redis_url="redis://localhost:7000",
        metrics_host="::",
        metrics_port=9123,
        pollers=2,
        egress_allow="0.0.0.0/0,::/0",
    )
    open_to_all = create_app(settings, bench.link).test_client()
    for port in (8123, 7000, 9123, 9124):
        refused(open_to_all, f"http://{host}:{port}/")
    assert open_to_all.post("/timers", json={"url": f"http://{host}:9125/", "delay": 60}).status_code == 201


@pytest.mark.parametrize(
    "host",
    [
        "192.168.0.257",
        "1.2.3.4.5",
        "18446744075840258049",
        "0x7f.1",
        "127.1",
        "1.2.3.4.",
        "xn--bcher-kv.example",
        "a..b",
        "a" * 64,
        "b\u00fccher\uff0fx.example",
        "\uff11\uff10.0.0.1",
        "169\u3002254\uff0e169\uff61254",
    ],
)
def test_a_host_that_is_no_name_and_no_public_address_is_refused(http: FlaskClient, host: str) -> None:
    refused(http, f"http://{host}/")


def test_a_host_in_any_script_is_kept_and_found_by_its_a_label(http: FlaskClient) -> None:
    """However it is written: in a POST, a PUT, a PATCH, and where timers are listed."""
    written, kept = "http://B\u00fccher.example/hook", "http://xn--bcher-kva.example/hook"
    made = http.post("/timers", json={"url": written, "delay": 60}).json
    put = http.put("/timers/by-key/k", json={"url": written, "delay": 60}).json
    other = http.post("/timers", json={"url": "http://example.com/", "delay": 60}).json
    assert made
    assert put
    assert other
    patched = http.patch(f"/timers/{other['id']}", json={"url": written}).json
    assert patched
    assert [it["url"] for it in (made, put, patched)] == [kept] * 3
    for destination in ("http://b\u00fccher.example", "http://xn--bcher-kva.example/", "http://B\u00dcCHER.example:80"):
        listed = http.get("/timers", query_string={"destination": destination}).json
        assert listed
        assert {it["id"] for it in listed["data"]} == {it["id"] for it in (made, put, patched)}


@pytest.mark.parametrize(
    ("url", "names"),
    [
        ("http://10.0.0.1/", ["TIMER_EGRESS_ALLOW"]),
        ("http://127.0.0.1:9000/hook", ["TIMER_EGRESS_ALLOW", "127.0.0.1 is the container itself"]),
        ("http://[::1]:9000/hook", ["TIMER_EGRESS_ALLOW", "container itself"]),
        ("http://example.com:22/", ["TIMER_EGRESS_PORTS", "22"]),
    ],
)
def test_a_refusal_says_what_to_set(http: FlaskClient, url: str, names: list[str]) -> None:
    words = refused(http, url)
    assert all(name in words for name in names)
    assert len(words) <= 200


def test_a_refusal_for_a_port_says_which_are_taken(bench: Bench) -> None:
    narrow = create_app(Settings(egress_ports="443"), bench.link).test_client()
    assert "TIMER_EGRESS_PORTS" in refused(narrow, "http://example.com:80/")
