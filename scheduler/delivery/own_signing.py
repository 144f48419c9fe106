"""Who signs a webhook: the service, or secrets of its destination's own."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from scheduler.claim import Claim
from scheduler.delivery.signing import ServiceSigner, Signer, Signs
from scheduler.own_secrets import Secret

#: The own secrets that sign what this claim sends, the newest first; None: the service's do. Empty: it is not known
#: which, so it must not be sent.
OwnSecretsOf = Callable[[Claim], tuple[Secret, ...] | None]
#: Signers that are kept: to make one takes 5 us a secret.
_KEPT = 16_384


def nobody_has_own(_claim: Claim) -> None:
    """The service's secrets sign everything."""


class OwnSigner:
    """Signs with each secret that is in use at the moment of sending. Shared by threads; its repr tells none."""

    def __init__(self, secrets: tuple[Secret, ...]) -> None:
        self._signers = [(Signer(it.value), it) for it in secrets]

    def sign(self, timer_id: str, timestamp: int, body: bytes) -> str | None:
        signatures = [
            it.sign(timer_id, timestamp, body) for it, secret in self._signers if secret.signs(1000 * timestamp)
        ]
        return " ".join(filter(None, signatures)) or None


class Signers:
    """Who signs what. Shared by threads."""

    def __init__(self, service: ServiceSigner, own: OwnSecretsOf) -> None:
        self._service = service
        self._own = own
        self._signer = lru_cache(_KEPT)(OwnSigner)

    def of(self, claim: Claim) -> Signs | None:
        """The same as long as the same secrets are to sign. None: it must not be sent for now. Raises ValueError for
        secrets or a URL that are none."""
        secrets = self._own(claim)
        if secrets is None:
            return self._service.current()
        return self._signer(secrets) if secrets else None
