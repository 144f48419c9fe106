"""The tracing of one process."""

from __future__ import annotations

from timer_service.tracing.attempts import AttemptSpans
from timer_service.tracing.provider import close, open_provider, tracer_of


class Traces:
    """To be made after a fork, and closed at the end. Raises SettingsError."""

    def __init__(self) -> None:
        self._provider = open_provider()
        self.tracer = tracer_of(self._provider)
        self.attempts = AttemptSpans(self.tracer)

    def close(self) -> None:
        """Waits a few seconds at most; what is begun afterwards is not sent."""
        close(self._provider)
