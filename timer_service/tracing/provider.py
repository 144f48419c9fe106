"""Where spans go: by OTLP over HTTP, as the environment's OTEL_* variables say."""

from __future__ import annotations

import os
import threading

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.environment_variables import OTEL_BSP_MAX_EXPORT_BATCH_SIZE
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Tracer

from scheduler import VERSION, SettingsError

#: Seconds in which what is left may be sent at the end; whoever takes the spans may be away.
_LAST_WORDS = 2.0
#: Spans that are sent at once, unless the environment says. While a batch is encoded, 45 us a span, other threads wait
#: for Python's lock: with the library's 512 a loop that does six calls of the kernel was held up for 48 ms at most and
#: 4.7 in one of a hundred turns, with 128 for 12 and 1.8.
_BATCH = 128


def open_provider() -> TracerProvider:
    """Its spans are sent by a thread of its own, in batches: a queue of 2,048, and what finds it full is dropped.

    To be made in the process that uses it, after it was forked. OTEL_SDK_DISABLED makes it one that records nothing.
    Raises SettingsError.
    """
    try:
        provider = TracerProvider(resource=_resource())
        most = None if OTEL_BSP_MAX_EXPORT_BATCH_SIZE in os.environ else _BATCH
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(), max_export_batch_size=most))
    except (ValueError, OSError) as error:
        raise SettingsError(f"OpenTelemetry refuses one of its variables, OTEL_...: {error}") from None
    return provider


def _resource() -> Resource:
    """What the environment says of us; who names no service is given our name instead of "unknown_service"."""
    said = Resource.create({SERVICE_VERSION: VERSION})
    is_named = not str(said.attributes[SERVICE_NAME]).startswith("unknown_service")
    return said if is_named else said.merge(Resource({SERVICE_NAME: "timer-service"}))


def tracer_of(provider: TracerProvider) -> Tracer:
    return provider.get_tracer("timer_service", VERSION)


def close(provider: TracerProvider) -> None:
    """Send what is left, for a few seconds at most: the library itself would wait for half a minute."""
    closing = threading.Thread(target=provider.shutdown, daemon=True, name="traces-close")
    closing.start()
    closing.join(_LAST_WORDS)
