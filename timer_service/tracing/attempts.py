"""A trace for each attempt: of the claim until its outcome is known, and in it of the request.

It links to the span that set the timer, which may have ended days ago: as a child of that it would stand in a trace
that is closed by then, and the attempts of a month of retries would stand in one.
"""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import urlsplit

from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, StatusCode, Tracer
from opentelemetry.trace.propagation import set_span_in_context

from scheduler import Attempt, Claim, Outcome, redaction
from timer_service.tracing.parents import links_to, traceparent_of


class _Spans(NamedTuple):
    whole: Span
    request: Span


class AttemptSpans:
    """What the poller's loop tells of its attempts, as spans. One thread's."""

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer
        #: By id() of the claim, as in the loop.
        self._open: dict[int, _Spans] = {}

    def began(self, claim: Claim) -> Claim:
        webhook = claim.webhook
        whole = self._tracer.start_span(
            "attempt",
            context=Context(),
            kind=SpanKind.CONSUMER,
            attributes=_of_claim(claim),
            links=links_to(webhook.trace),
        )
        parts = urlsplit(webhook.url)
        request = self._tracer.start_span(
            webhook.method,
            context=set_span_in_context(whole, Context()),
            kind=SpanKind.CLIENT,
            attributes={
                "http.request.method": webhook.method,
                "url.full": redaction.without_query_values(webhook.url),
                "server.address": parts.hostname or "",
                "server.port": parts.port or (443 if parts.scheme == "https" else 80),
            },
        )
        traced = claim._replace(trace=traceparent_of(request))
        self._open[id(traced)] = _Spans(whole, request)
        return traced

    def ended(self, claim: Claim, attempt: Attempt) -> None:
        spans = self._open.pop(id(claim), None)
        if spans is None:
            return
        whole, request = spans
        if attempt.status_code is not None:
            request.set_attribute("http.response.status_code", attempt.status_code)
        if attempt.outcome is not Outcome.DELIVERED:
            error = attempt.error or str(attempt.status_code)
            for span in spans:
                span.set_attribute("error.type", error)
                span.set_status(StatusCode.ERROR, attempt.detail)
        whole.set_attribute("timer.outcome", str(attempt.outcome))
        whole.set_attribute("timer.final", attempt.final)
        if attempt.lateness_ms is not None:
            whole.set_attribute("timer.lateness_ms", attempt.lateness_ms)
        request.end()
        whole.end()

    def released(self, claim: Claim) -> None:
        spans = self._open.pop(id(claim), None)
        if spans is not None:
            spans.whole.set_attribute("timer.outcome", "released")
            spans.request.end()
            spans.whole.end()


def _of_claim(claim: Claim) -> dict[str, str | int]:
    said: dict[str, str | int] = {"timer.id": claim.id, "timer.attempt": claim.number}
    if claim.occurrence > 1:
        said["timer.occurrence"] = claim.occurrence
    if claim.redelivery is not None:
        said["timer.redelivery"] = str(claim.redelivery)
    if claim.schedule is not None:
        said["timer.schedule"] = claim.schedule
    if claim.callback_for is not None:
        said["timer.callback_for"] = claim.callback_for
    return said
