"""Whom the transports believe: certificates/*.pem are a test authority and four servers, each with its private key.

Made with openssl; `expired` ended in 2020, the others hold for a century. The authority stands in for certifi's bundle.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import certifi
import pytest

from tests.bench.raw import read_request
from tests.bench.transports import Send

FOLDER = Path(__file__).parent / "certificates"


@contextmanager
def tls_server(certificate: str) -> Iterator[tuple[str, list[bytes]]]:
    """The URL of a server that answers 200, and the requests it has read."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(FOLDER / f"{certificate}.pem")
    requests: list[bytes] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                plain, _ = listener.accept()
                with contextlib.suppress(OSError), plain, context.wrap_socket(plain, server_side=True) as sock:
                    if request := read_request(sock):
                        requests.append(request)
                    sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

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
