"""Begins spans. Whatever goes wrong with one, what it tells of goes on."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from opentelemetry.context import Context
from opentelemetry.trace import INVALID_SPAN, Link, Span, SpanKind, Tracer

log = logging.getLogger(__name__)


class Starting:
    """Threads share it."""

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer
        self._logged = False

    def start(
        self,
        name: str,
        context: Context,
        kind: SpanKind,
        attributes: Mapping[str, str | int],
        links: Sequence[Link] = (),
        start_ns: int | None = None,
    ) -> Span:
        """A span, and one that records nothing where it cannot be had: OTEL_TRACES_SAMPLER can name anybody's code."""
        try:
            return self._tracer.start_span(name, context, kind, attributes, links, start_ns)
        except Exception:
            if not self._logged:
                self._logged = True
                log.exception("a span cannot be begun, nor can others perhaps; this is said once")
            return INVALID_SPAN
