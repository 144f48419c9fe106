"""What says until when it may be sent is given back unsent afterwards: no attempt, and nothing on the wire.

Tried: in time; too late already when it is submitted; too late once there is a connection, which TLS has held up.
"""

from __future__ import annotations

import time

import certifi
import pytest

from scheduler.delivery.transport import Answer, Transport
from tests.bench.receiver import Receiver
from tests.bench.transports import claim, collect
from tests.delivery.test_certificates import FOLDER, tls_server


@pytest.fixture(autouse=True)
def _our_authority(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(certifi, "where", lambda: str(FOLDER / "authority.pem"))


def _sent(transport: Transport, url: str, send_by: float) -> Answer:
    transport.submit(claim(url)._replace(send_by=send_by))
    return collect(transport, 1)[0]


def test_in_time_it_is_sent(transport: Transport, receiver: Receiver) -> None:
    answer = _sent(transport, receiver.url, time.monotonic() + 60)
    assert (answer.status_code, len(receiver.hits)) == (204, 1)


def test_too_late_it_is_not_begun(transport: Transport, receiver: Receiver) -> None:
    answer = _sent(transport, receiver.url, time.monotonic() - 0.001)
    assert (answer.started_at, answer.sent, receiver.hits) == (None, False, [])


def test_it_is_not_sent_on_a_connection_that_comes_too_late_and_the_next_one_is(transport: Transport) -> None:
    send_by = time.monotonic() + 0.3
    with tls_server("good", begins=send_by + 0.05) as (url, requests):
        late = _sent(transport, url, send_by)
        assert (late.started_at, late.sent, late.error, requests) == (None, False, None, [])
        assert _sent(transport, url, time.monotonic() + 60).status_code == 200
    assert len(requests) == 1
