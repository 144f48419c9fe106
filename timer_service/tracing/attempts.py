"""A trace for each attempt: of the claim until its outcome is known, and in it of the request.

It links to the span that set the timer, which may have ended days ago: as a child of that it would stand in a trace
that is closed by then, and the attempts of a month of retries would stand in one. It links to the span of the claim,
too, which takes many timers at once.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import urlsplit

from opentelemetry.context import Context
from opentelemetry.trace import Link, Span, SpanKind, StatusCode, Tracer
from opentelemetry.trace.propagation import set_span_in_context

from scheduler import Attempt, Claim, Outcome, redaction
from timer_service.tracing.parents import kept_of, links_to
from timer_service.tracing.starting import Starting

_SYSTEM = {"messaging.system": "timer-service"}
_RECEIVE = {**_SYSTEM, "messaging.operation.name": "claim", "messaging.operation.type": "receive"}
_PROCESS = {**_SYSTEM, "messaging.operation.name": "attempt", "messaging.operation.type": "process"}


class _Spans(NamedTuple):
    whole: Span
    request: Span


class AttemptSpans:
    """What the poller's loop tells of its claims and attempts, as spans. One thread's."""

    def __init__(self, tracer: Tracer) -> None:
        self._start = Starting(tracer).start
        #: By id() of the claim, as in the loop.
        self._open: dict[int, _Spans] = {}
        #: To the claim that the attempts which begin now come of.
        self._of_claim: tuple[Link, ...] = ()

    def claimed(self, claims: Sequence[Claim]) -> None:
        ago = time.monotonic() - claims[0].claimed_at
        span = self._start(
            "claim",
            Context(),
            SpanKind.CONSUMER,
            {**_RECEIVE, "messaging.batch.message_count": len(claims)},
            start_ns=time.time_ns() - int(1e9 * ago),
        )
        span.end()
        context = span.get_span_context()
        self._of_claim = (Link(context, {"timer.link": "claim"}),) if context.is_valid else ()

    def began(self, claim: Claim) -> Claim:
        webhook = claim.webhook
        links = [*links_to(webhook.trace, "set"), *self._of_claim]
        whole = self._start("attempt", Context(), SpanKind.CONSUMER, _told(claim), links)
        attributes = _of_request(webhook.method, webhook.url)
        if claim.number > 1:
            attributes = {**attributes, "http.request.resend_count": claim.number - 1}
        request = self._start(webhook.method, set_span_in_context(whole, Context()), SpanKind.CLIENT, attributes)
        traced = claim._replace(trace=kept_of(request))
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
        if attempt.poller is not None:
            whole.set_attribute("timer.poller", attempt.poller)
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


def _told(claim: Claim) -> dict[str, str | int]:
    told: dict[str, str | int] = {
        **_PROCESS,
        "messaging.message.id": claim.id,
        "timer.id": claim.id,
        "timer.attempt": claim.number,
    }
    if claim.occurrence > 1:
        told["timer.occurrence"] = claim.occurrence
    if claim.redelivery is not None:
        told["timer.redelivery"] = str(claim.redelivery)
    if claim.schedule is not None:
        told["timer.schedule"] = claim.schedule
    if claim.callback_for is not None:
        told["timer.callback_for"] = claim.callback_for
    return told


@lru_cache(256)  # most timers go to few URLs
def _of_request(method: str, url: str) -> dict[str, str | int]:
    """Not to be changed."""
    told: dict[str, str | int] = {"http.request.method": method}
    try:
        parts = urlsplit(url)
        told["url.full"] = redaction.without_query_values(url)
        told["server.port"] = parts.port or (443 if parts.scheme == "https" else 80)
        told["server.address"] = parts.hostname or ""
    except ValueError:  # what is stored need not be a URL of this version's: the attempt will say so
        pass
    return told
