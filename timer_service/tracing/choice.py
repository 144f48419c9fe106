"""Whether there are traces: the one place that loads OpenTelemetry, and only where TIMER_TRACES asks for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scheduler import Settings, SettingsError

if TYPE_CHECKING:
    from timer_service.tracing.traces import Traces


def open_traces(settings: Settings) -> Traces | None:
    """None where TIMER_TRACES is 0. To be called after a fork, by the process that uses them.

    Raises SettingsError where OpenTelemetry is not installed, or refuses one of its own variables.
    """
    if not settings.traces:
        return None
    try:
        from timer_service.tracing.traces import Traces
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "opentelemetry":
            raise
        raise SettingsError("TIMER_TRACES needs OpenTelemetry: pip install 'timer-service[otel]'") from None
    return Traces()


def check_traces(settings: Settings) -> None:
    """For a process that starts others: what is refused is told once, and not by each of them. Raises SettingsError."""
    traces = open_traces(settings)
    if traces is not None:
        traces.close()
