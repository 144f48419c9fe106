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
