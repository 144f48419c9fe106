"""Secrets of a destination's own: who signs, beside whom, and until when; and that none of them shows."""

from __future__ import annotations

from datetime import UTC, datetime
from unittest.mock import patch

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from scheduler.delivery.own_signing import OwnSigner, Signers
from scheduler.delivery.signing import Signer
from scheduler.destinations import NewSecret, Rule, Signing
from scheduler.own_secrets import Secret, rotated
from scheduler.signing_keys import new_secret, signing_keys
from tests.bench.claims import a_claim

NOW = 1_767_225_600_000
DAY = 86_400_000
FIRST, SECOND, THIRD = (Secret(new_secret(), NOW + n * 1000) for n in range(3))


def verifies(secret: str, signature: str | None, at: int) -> bool:
    """By the reference library, at that moment, in Unix seconds."""
    assert signature is not None
    with patch("standardwebhooks.webhooks.datetime", wraps=datetime) as clock:
        clock.now.return_value = datetime.fromtimestamp(at, tz=UTC)
        sent = {"webhook-id": "id", "webhook-timestamp": str(at), "webhook-signature": signature}
        try:
            Webhook(secret).verify("{}", sent)
        except WebhookVerificationError:
            return False
    return True


def test_a_new_secret_is_one_that_nobody_has_and_every_library_takes() -> None:
    made = {new_secret() for _ in range(100)}
    assert len(made) == 100
    for secret in made:
        (key,) = signing_keys(secret)
        assert len(key) == 32
        assert verifies(secret, Signer(secret).sign("id", 5, b"{}"), 5)


def test_the_one_before_ends_so_long_after_and_not_earlier_and_no_second_later() -> None:
    new, old = rotated([FIRST], Secret(SECOND.value, NOW + 1), DAY)
    assert old.until is not None
    assert (new.until, old.until) == (None, NOW + DAY + 1000)
    signer = OwnSigner((new, old))
    for at, both in ((NOW // 1000, True), (old.until // 1000 - 1, True), (old.until // 1000, False)):
        signature = signer.sign("id", at, b"{}")
        assert verifies(new.value, signature, at)
        assert verifies(old.value, signature, at) is both
        assert not verifies(THIRD.value, signature, at)


def test_a_secret_never_lasts_longer_than_was_said_first_or_than_is_said_last() -> None:
    twice = rotated(rotated([FIRST], SECOND, DAY), THIRD, 2 * DAY)
    assert [it.until for it in twice] == [None, NOW + 2000 + 2 * DAY, NOW + 1000 + DAY]
    assert [it.until for it in rotated(twice, Secret("whsec_", NOW + 3000), 60_000)] == [None, *3 * [NOW + 63_000]]


def test_nothing_older_signs_after_a_rotation_that_leaves_no_time() -> None:
    assert rotated(rotated([FIRST], SECOND, DAY), THIRD, 0) == (THIRD,)


def test_a_rotation_whose_answer_was_lost_leaves_the_receiver_with_a_secret_that_signs() -> None:
    lost = rotated([FIRST], SECOND, DAY)
    again = rotated(lost, THIRD, DAY)
    assert next(it for it in again if it.value == FIRST.value).until == NOW + 1000 + DAY


def test_the_service_signs_where_a_destination_has_none_and_never_where_it_has() -> None:
    service, claim = Signer(FIRST.value), a_claim("http://a/")
    assert Signers(service, lambda _: None).of(claim) is service
    own = Signers(service, lambda _: (SECOND,)).of(claim)
    assert own is not None
    assert not verifies(FIRST.value, own.sign("id", 5, b"{}"), 5)
    assert verifies(SECOND.value, own.sign("id", 5, b"{}"), 5)


def test_where_it_is_not_known_which_secrets_sign_nobody_does() -> None:
    assert Signers(Signer(FIRST.value), lambda _: ()).of(a_claim("http://a/")) is None


def test_no_secret_shows() -> None:
    made = Secret(FIRST.value, NOW, None, "digest-of-a-request")
    rule = Rule("http:a:80", 1, NOW, secrets=(made,))
    signers = Signers(Signer(""), lambda _: (made,))
    shown = [
        repr(it) for it in (made, rule, signers, signers.of(a_claim("http://a/")), NewSecret(made, Signing.OWN, 5))
    ]
    assert not [text for text in shown if made.value in text or made.value[6:] in text or made.request in text]
