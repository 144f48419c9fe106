"""How durable what was set had become when the service answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from timer_service.client.checked import Checked


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt(Checked):
    #: As it was asked for: `fsync`, `replicas:1`.
    asked: str
    #: It was on the store's disk; False also where the store cannot tell.
    fsync: bool
    #: So many replicas were known to have it.
    replicas: int

    @classmethod
    def from_json(cls, raw: Mapping[str, Any] | None) -> Self | None:
        """None where none was asked for."""
        if raw is None:
            return None
        reached = raw["reached"]
        return cls(asked=raw["asked"], fsync=reached["fsync"], replicas=reached["replicas"])

    def __str__(self) -> str:
        """In words, for people."""
        replicas = f"on {self.replicas} replica{'' if self.replicas == 1 else 's'}"
        return " and ".join([*["on disk"] * self.fsync, *[replicas] * (self.replicas > 0)])
