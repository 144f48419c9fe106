"""Spans of OpenTelemetry for calls of the API and for attempts. Loaded only where TIMER_TRACES is 1."""
