"""Whom the transport believes: certificates/*.pem are a test authority and four servers, each with its private key.

Made with openssl; `expired` ended in 2020, the others hold for a century. The authority stands in for certifi's bundle.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import certifi
import pytest

from scheduler import Outcome
from scheduler.delivery.judge import judge
from tests.bench.raw import read_request
from tests.bench.transports import Send

FOLDER = Path(__file__).parent / "certificates"


WHOLE = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


@contextmanager
def tls_server(
    certificate: str, answer: bytes = WHOLE, *, goodbye: bool = False, begins: float = 0.0
) -> Iterator[tuple[str, list[bytes]]]:
    """The URL of a server that answers so and closes, with `goodbye` as TLS wants it, and the requests it has read.

    `begins`: seconds of the monotonic clock before which it makes no handshake.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(FOLDER / f"{certificate}.pem")
    requests: list[bytes] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                plain, _ = listener.accept()
                time.sleep(max(0.0, begins - time.monotonic()))
                with contextlib.suppress(OSError), plain, context.wrap_socket(plain, server_side=True) as sock:
                    if request := read_request(sock):
                        requests.append(request)
                    sock.sendall(answer)
                    if goodbye:
                        sock.unwrap()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"https://127.0.0.1:{listener.getsockname()[1]}/", requests
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


@pytest.fixture(autouse=True)
def _our_authority(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(certifi, "where", lambda: str(FOLDER / "authority.pem"))


def test_a_certificate_of_a_known_authority_for_this_name_is_believed(send: Send) -> None:
    with tls_server("good") as (url, requests):
        answer = send(url)
    assert (answer.status_code, answer.error) == (200, None)
    assert len(requests) == 1


@pytest.mark.parametrize("certificate", ["expired", "wrong-name", "self-signed"])
def test_any_other_is_a_tls_error_and_nothing_is_sent(send: Send, certificate: str) -> None:
    with tls_server(certificate) as (url, requests):
        answer = send(url)
    assert (answer.status_code, answer.error, answer.sent) == (None, "tls", False)
    assert requests == []


ENDED_BY_THE_END = b"HTTP/1.1 200 OK\r\n\r\n"


@pytest.mark.parametrize(
    "answer", [ENDED_BY_THE_END, ENDED_BY_THE_END + b"body", b"HTTP/1.0 200 OK\r\nConnection: close\r\n\r\n"]
)
def test_an_end_that_tls_does_not_vouch_for_ends_no_answer(send: Send, answer: bytes) -> None:
    """Anybody on the way could have cut it. One with a length is whole however the connection ends."""
    with tls_server("good", answer, goodbye=True) as (url, _):
        assert judge(send(url))[0] is Outcome.DELIVERED
    with tls_server("good", answer) as (url, _):
        cut = send(url)
    assert (judge(cut)[0], cut.status_code, cut.error) == (Outcome.RETRYABLE, 200, "reset")


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 2", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"])
def test_a_connection_that_tls_ends_early_is_a_failure_after_the_request(send: Send, answer: bytes) -> None:
    with tls_server("good", answer) as (url, _):
        cut = send(url)
    assert (judge(cut)[0], cut.error, cut.sent) == (Outcome.RETRYABLE, "reset", True)
