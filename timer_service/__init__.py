"""The HTTP face of the timer service. Its client is timer_service.client, which loads nothing of what is here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from timer_service.web.app import create_app

__all__ = ["create_app"]


def __getattr__(name: str) -> Any:
    """On first use: whoever wants only the client has no need of Flask and Redis."""
    if name != "create_app":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from timer_service.web.app import create_app

    return create_app
