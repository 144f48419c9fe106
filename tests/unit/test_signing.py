"""Signatures, verified by the reference library."""

from __future__ import annotations

import time

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from scheduler import Signer

NEW, OLD, OTHER = (f"whsec_{letter * 32}" for letter in "abc")
BODY = '{"text": "é", "list": []}'


def headers(signer: Signer, body: str = BODY) -> dict[str, str]:
    now = int(time.time())
    signature = signer.sign("timer", now, body.encode())
    assert signature is not None
    return {"webhook-id": "timer", "webhook-timestamp": str(now), "webhook-signature": signature}


def test_the_vector_of_the_specification() -> None:
    """From the test suite of the reference library."""
    signer = Signer("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    signature = signer.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_every_secret_signs_so_that_a_receiver_can_change_from_one_to_the_next() -> None:
    sent = headers(Signer(f"{NEW}, {OLD}"))
    for secret in (NEW, OLD):
        assert Webhook(secret).verify(BODY, sent)
    with pytest.raises(WebhookVerificationError):
        Webhook(OTHER).verify(BODY, sent)


def test_an_edited_body_does_not_verify() -> None:
    with pytest.raises(WebhookVerificationError):
        Webhook(NEW).verify(BODY.replace("é", "e"), headers(Signer(NEW)))


def test_without_a_secret_nothing_is_signed() -> None:
    assert Signer("").sign("timer", 1, b"") is None


def test_no_secret_shows() -> None:
    assert NEW[6:] not in repr(Signer(NEW)) + str(vars(Signer(NEW)).keys())
