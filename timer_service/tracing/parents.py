"""`traceparent`, as W3C Trace Context writes it: read and written by OpenTelemetry's own propagator."""

from __future__ import annotations

from opentelemetry.context import Context
from opentelemetry.trace import Link, Span, SpanContext, get_current_span
from opentelemetry.trace.propagation import set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

_W3C = TraceContextTextMapPropagator()


def context_of(traceparent: str, tracestate: str = "") -> Context:
    """An empty one where it is malformed, as the standard has it."""
    carrier = {"traceparent": traceparent, "tracestate": tracestate} if tracestate else {"traceparent": traceparent}
    return _W3C.extract(carrier, Context())


def links_to(traceparent: str) -> list[Link]:
    """To the span that it names, if it names one."""
    if not traceparent:
        return []
    found: SpanContext = get_current_span(context_of(traceparent)).get_span_context()
    return [Link(found)] if found.is_valid else []


def traceparent_of(span: Span) -> str:
    carrier: dict[str, str] = {}
    _W3C.inject(carrier, set_span_in_context(span, Context()))
    return carrier.get("traceparent", "")
