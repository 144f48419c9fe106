"""`traceparent` and `tracestate`, as W3C Trace Context writes them: by OpenTelemetry's own propagator.

A timer keeps both as one text: the traceparent, and after a space the tracestate where there is one.
"""

from __future__ import annotations

from opentelemetry.context import Context
from opentelemetry.trace import Link, Span, get_current_span
from opentelemetry.trace.propagation import set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

_W3C = TraceContextTextMapPropagator()
#: Characters of a tracestate that are kept: as many as the standard asks everybody to pass on. A longer one is not.
_MOST_STATE = 512


def context_of(traceparent: str, tracestate: str = "") -> Context:
    """An empty one where traceparent is malformed, as the standard has it."""
    return _W3C.extract({"traceparent": traceparent, "tracestate": tracestate}, Context())


def links_to(kept: str, as_what: str) -> list[Link]:
    """To the span that a text which was kept names, if it names one."""
    if not kept:
        return []
    traceparent, _, tracestate = kept.partition(" ")
    found = get_current_span(context_of(traceparent, tracestate)).get_span_context()
    return [Link(found, {"timer.link": as_what})] if found.is_valid else []


def kept_of(span: Span) -> str:
    """The text that names this span; "" if it is none."""
    said: dict[str, str] = {}
    _W3C.inject(said, set_span_in_context(span, Context()))
    state = said.get("tracestate", "")
    parent = said.get("traceparent", "")
    return f"{parent} {state}" if state and len(state) <= _MOST_STATE else parent
