"""Beside an error's word a sentence that tells its kinds apart.

Tried: certificates that have expired, are for another host, of an unknown authority, self-signed; no TLS at all; names
that are not there, servers that fail or are silent; refused, unreachable, swallowed; each phase's timeout; blocked.
"""

from __future__ import annotations

import json
import socket
import threading

import certifi
import pytest

from scheduler import Guard
from scheduler.delivery.details import NAME_SERVER_FAILED, NO_SUCH_NAME, NOT_LOOKED_UP, of_tls
from scheduler.delivery.transport import Answer
from scheduler.poller.attempt_log import attempt_line
from scheduler.poller.settlements import settlement
from scheduler.store.attempt_record import decode_attempt, encode_attempt
from scheduler.timer import Attempt, Outcome
from tests.bench.processes import free_port
from tests.bench.raw import raw_receiving
from tests.bench.transports import Send, claim
from tests.delivery.test_certificates import FOLDER, tls_server
from tests.delivery.test_several_addresses import blackholes

MOST = 200


def detail(answer: Answer) -> str:
    """As it is stored; of at most 200 printable characters."""
    attempt = settlement(answer, 0, "p").attempt
    assert attempt.error
    assert attempt.detail
    assert len(attempt.detail) <= MOST
    assert attempt.detail.isprintable()
    return attempt.detail


@pytest.fixture
def our_authority(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(certifi, "where", lambda: str(FOLDER / "authority.pem"))


@pytest.mark.usefixtures("our_authority")
@pytest.mark.parametrize(
    ("certificate", "words"),
    [("expired", "has expired"), ("wrong-name", "for another host"), ("self-signed", "self-signed")],
)
def test_a_refused_certificate_says_what_is_wrong_with_it(send: Send, certificate: str, words: str) -> None:
    with tls_server(certificate) as (url, _):
        answer = send(url)
    assert answer.error == "tls"
    assert words in detail(answer)


def test_an_unknown_authority_is_not_mistaken_for_a_self_signed_certificate(send: Send) -> None:
    with tls_server("good") as (url, _):
        answer = send(url)
    assert answer.error == "tls"
    assert "unknown authority" in detail(answer)


def test_a_receiver_without_tls_is_said_to_have_none(send: Send) -> None:
    listener = socket.create_server(("127.0.0.1", 0))

    def answer_plainly() -> None:
        with listener.accept()[0] as sock:
            sock.recv(10)
            sock.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    thread = threading.Thread(target=answer_plainly)
    thread.start()
    answer = send(f"https://127.0.0.1:{listener.getsockname()[1]}/")
    thread.join()
    listener.close()
    assert answer.error == "tls"
    assert "does not speak TLS" in detail(answer)


def test_a_refused_connection_is_told_from_a_swallowed_one(send: Send) -> None:
    port = free_port()
    refused = send(f"http://127.0.0.1:{port}/")
    assert (refused.error, "refused" in detail(refused)) == ("connect", True)
    with blackholes(port, "127.0.0.2"):
        swallowed = send(f"http://127.0.0.2:{port}/", timeout=1)
    assert swallowed.error == "timeout"
    assert "No connection" in detail(swallowed)


def test_a_silent_receiver_and_a_broken_answer_are_told_apart(send: Send) -> None:
    with raw_receiving(lambda receiver, sock: receiver.drip(sock, b"")) as receiver:
        silent = send(receiver.url, timeout=1)
    assert silent.error == "timeout"
    assert "answer" in detail(silent)
    with raw_receiving(lambda _, sock: sock.sendall(b"nonsense\r\n\r\n")) as receiver:
        assert "HTTP/1.1" in detail(send(receiver.url))
    with raw_receiving(lambda _, sock: sock.close()) as receiver:
        assert "closed the connection" in detail(send(receiver.url))


@pytest.mark.parametrize("url", ["http://10.0.0.1/", "http://name.test/"])
def test_what_is_blocked_says_what_to_set_and_not_the_address(
    send: Send, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setattr(
        "scheduler.delivery.sockets.c_ares.CaresResolver.ask", lambda _, _host, _port, answered: answered(["10.0.0.1"])
    )
    answer = send(url)
    assert answer.error == "blocked"
    assert "TIMER_EGRESS_ALLOW" in detail(answer)
    assert "10.0.0.1" not in detail(answer)


def test_a_blocked_port_says_what_to_set(send: Send) -> None:
    answer = send("http://127.0.0.1:22/")
    assert answer.error == "blocked"
    assert "TIMER_EGRESS_PORTS" in detail(answer)


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST.", "127.0.0.1", "127.1", "0.0.0.0", "::1"])
def test_blocked_loopback_says_that_a_container_is_a_machine_of_its_own(host: str) -> None:
    words = Guard().refusal(host, 9000)
    assert f"{host} is the container itself" in words
    assert len(words) <= MOST
    assert "container" not in Guard().refusal("internal.example", 9000)


def test_a_name_that_is_not_there_is_told_from_a_server_that_fails(send: Send, monkeypatch: pytest.MonkeyPatch) -> None:
    for said in (NO_SUCH_NAME, NAME_SERVER_FAILED):
        monkeypatch.setattr(
            "scheduler.delivery.sockets.c_ares.CaresResolver.ask",
            lambda _, _host, _port, answered, said=said: answered(said),
        )
        answer = send("http://name.test/")
        assert (answer.error, detail(answer)) == ("dns", said)


def test_a_look_up_that_takes_the_whole_time_is_said_to_be_one(send: Send, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scheduler.delivery.sockets.c_ares.CaresResolver.ask", lambda *_: None)
    answer = send("http://name.test/", timeout=1)  # a busy machine needs some of it to begin
    assert (answer.error, detail(answer)) == ("timeout", NOT_LOOKED_UP)


@pytest.mark.parametrize("reason", ["", "\x1b[2J" * 100, "certificate verify failed: \u202e" + "x" * 5000])
def test_nothing_of_what_a_peer_made_openssl_say_is_repeated(reason: str) -> None:
    assert len(of_tls(reason)) <= MOST
    assert of_tls(reason).isascii()


def test_a_detail_is_stored_with_its_attempt_and_older_attempts_have_none() -> None:
    attempt = Attempt(number=1, outcome=Outcome.RETRYABLE, error="tls", detail='Said "so".')
    kept, _ = encode_attempt(attempt)
    assert decode_attempt(f"{kept}}}".encode()).detail == 'Said "so".'
    assert decode_attempt(b'{"number":1,"outcome":"retryable","error":"tls"}').detail is None


def test_the_log_line_has_the_detail_of_an_error_and_of_nothing_else() -> None:
    it = claim("https://api.example.com/")  # log lines find a destination by its tag, which is always the same here
    failed = settlement(Answer(claim=it, started_at=0, error="dns", sent=False), 0, "p")
    assert json.loads(attempt_line(failed, it))["detail"] == NO_SUCH_NAME
    delivered = settlement(Answer(claim=it, started_at=0, status_code=204), 0, "p")
    assert json.loads(attempt_line(delivered, it))["detail"] is None
