"""Where spans go: by OTLP over HTTP, as the environment's OTEL_* variables say."""

from __future__ import annotations

import os
import threading

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Tracer

from scheduler import VERSION

#: Seconds in which what is left may be sent at the end; whoever takes the spans may be away.
_LAST_WORDS = 3.0


def open_provider() -> TracerProvider:
    """Its spans are sent by a thread of its own, in batches: a queue of 2,048, and what finds it full is dropped.

    To be made in the process that uses it, after it was forked. OTEL_SDK_DISABLED makes it one that records nothing.
    """
    named = {} if "OTEL_SERVICE_NAME" in os.environ else {SERVICE_NAME: "timer-service"}
    provider = TracerProvider(resource=Resource.create({**named, SERVICE_VERSION: VERSION}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider


def tracer_of(provider: TracerProvider) -> Tracer:
    return provider.get_tracer("timer_service", VERSION)


def close(provider: TracerProvider) -> None:
    """Send what is left, for a few seconds at most: the library itself would wait for half a minute."""
    closing = threading.Thread(target=provider.shutdown, daemon=True, name="traces-close")
    closing.start()
    closing.join(_LAST_WORDS)
