"""verify(): what a receiver may believe. Our own signatures and the reference library's, in both directions."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest
from standardwebhooks.webhooks import Webhook
from werkzeug.datastructures import Headers

from scheduler import Signer
from timer_service.client import VerificationError, timer_id_of, verify

NEW, OLD, OTHER = (f"whsec_{letter * 32}" for letter in "abc")
BODY = '{"text": "é"}'.encode()
NOW = 1_767_225_600


def signed(secrets: str = NEW, at: int = NOW, body: bytes = BODY, webhook_id: str = "timer") -> dict[str, str]:
    signature = Signer(secrets).sign(webhook_id, at, body)
    assert signature is not None
    return {"webhook-id": webhook_id, "webhook-timestamp": str(at), "webhook-signature": signature}


def test_what_the_engine_signs_is_believed_and_names_its_timer() -> None:
    assert verify(signed(), BODY, NEW, now=NOW) == "timer"


def test_the_headers_of_a_request_of_flask_are_taken_as_they_are() -> None:
    """By type checkers too, mypy here: they are no Mapping."""
    assert verify(Headers(signed()), BODY, NEW, now=NOW) == "timer"


@pytest.mark.parametrize("webhook_id", ["timer", "timer-2", "timer-10000"])
def test_what_is_believed_is_the_webhook_id_and_that_tells_the_timer(webhook_id: str) -> None:
    """Of a later occurrence too: neither `timer-id` nor `timer-occurrence` is signed, so neither is asked."""
    unsigned = {"timer-id": "another", "timer-occurrence": "7"}
    assert verify(signed(webhook_id=webhook_id) | unsigned, BODY, NEW, now=NOW) == webhook_id
    assert timer_id_of(webhook_id) == "timer"
    with pytest.raises(VerificationError):
        verify(signed(webhook_id="timer") | {"webhook-id": "timer-2"}, BODY, NEW, now=NOW)


def test_what_the_reference_library_signs_is_believed() -> None:
    now = datetime.now(UTC)
    signature = Webhook(NEW).sign("timer", now, BODY.decode())
    headers = {"webhook-id": "timer", "webhook-timestamp": str(int(now.timestamp())), "webhook-signature": signature}
    assert verify(headers, BODY, NEW) == "timer"


def test_what_we_believe_the_reference_library_believes() -> None:
    headers = signed(f"{NEW},{OLD}", at=int(time.time()))
    for secret in (NEW, OLD):
        assert verify(headers, BODY, secret) == "timer"
        assert Webhook(secret).verify(BODY, headers)


@pytest.mark.parametrize("secrets", [f"{OTHER},{NEW}", f" {NEW} , ", [OTHER, NEW], (f"{OTHER},{NEW}",)])
def test_one_secret_of_several_is_enough(secrets: str | list[str]) -> None:
    assert verify(signed(), BODY, secrets, now=NOW) == "timer"


def test_names_of_headers_may_be_written_in_any_way() -> None:
    headers = {name.title(): value for name, value in signed().items()}
    assert verify(headers, BODY, NEW, now=NOW) == "timer"


def test_signatures_of_other_versions_are_passed_over() -> None:
    headers = signed()
    headers["webhook-signature"] = f"v1a,abc  {headers['webhook-signature']} v2,x junk"
    assert verify(headers, BODY, NEW, now=NOW) == "timer"


@pytest.mark.parametrize("off", [-300, 300])
def test_a_clock_may_be_off_by_five_minutes(off: int) -> None:
    assert verify(signed(), BODY, NEW, now=NOW + off) == "timer"
    with pytest.raises(VerificationError, match="webhook-timestamp is more than 0:05:00 away"):
        verify(signed(), BODY, NEW, now=NOW + off + off / 300)
    assert verify(signed(), BODY, NEW, now=NOW + 2 * off, tolerance=timedelta(minutes=10)) == "timer"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"webhook-id": "another"}, "none of these secrets"),
        ({"webhook-id": ""}, "no webhook-id"),
        ({"webhook-id": "ti\udcffmer"}, "none of these secrets"),
        ({"webhook-timestamp": str(NOW + 1)}, "none of these secrets"),
        ({"webhook-timestamp": "soon"}, "no Unix time"),
        ({"webhook-timestamp": "nan"}, "no Unix time"),
        ({"webhook-timestamp": "١٧٦٧٢٢٥٦٠٠"}, "no Unix time"),
        ({"webhook-timestamp": "9" * 400}, "no Unix time"),
        ({"webhook-timestamp": ""}, "no webhook-timestamp"),
        ({"webhook-signature": ""}, "no webhook-signature"),
        ({"webhook-signature": "v1,"}, "none of these secrets"),
        ({"webhook-signature": "v1"}, "none of these secrets"),
        ({"webhook-signature": "v1,é"}, "none of these secrets"),
        ({"webhook-signature": "v1,\udcff"}, "none of these secrets"),
    ],
)
def test_anything_else_is_refused_with_its_reason(change: dict[str, str], reason: str) -> None:
    with pytest.raises(VerificationError, match=reason):
        verify({**signed(), **change}, BODY, NEW, now=NOW)


def test_an_edited_body_is_refused() -> None:
    with pytest.raises(VerificationError):
        verify(signed(), BODY + b" ", NEW, now=NOW)


def test_a_signature_of_another_secret_is_refused() -> None:
    with pytest.raises(VerificationError):
        verify(signed(OTHER), BODY, [NEW, OLD], now=NOW)


def test_a_body_that_is_not_bytes_is_a_mistake_of_the_receiver() -> None:
    with pytest.raises(TypeError, match="raw bytes"):
        verify(signed(), BODY.decode(), NEW, now=NOW)  # type: ignore[arg-type]


@pytest.mark.parametrize("secrets", ["", " , ", [], "hunter2", "whsec_", "whsec_&&&", f"{NEW},hunter2"])
def test_without_a_usable_secret_nothing_is_believed_and_no_secret_shows(secrets: str | list[str]) -> None:
    with pytest.raises(ValueError, match="secrets: ") as caught:
        verify(signed(), BODY, secrets, now=NOW)
    assert "hunter2" not in str(caught.value)
