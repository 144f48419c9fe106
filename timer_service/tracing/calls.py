"""A span for each call of the API, a child of the caller's where that says so."""

from __future__ import annotations

from flask import Flask, Response, g, has_request_context, request
from opentelemetry.trace import SpanKind, StatusCode, Tracer

from timer_service.tracing.parents import context_of, traceparent_of

#: Not traced: views of the page, which ask again every 2 s, and what machines ask all the time.
_NOT_TRACED = ("/ui", "/livez", "/readyz", "/metrics")


class CallSpans:
    """Threads share it."""

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer

    def register(self, app: Flask) -> None:
        app.before_request(self._begin)
        app.after_request(self._end)

    def current(self) -> str:
        """The `traceparent` of the call under way; "" outside of one."""
        span = g.get("span") if has_request_context() else None
        return "" if span is None else traceparent_of(span)

    def _begin(self) -> None:
        if request.path.startswith(_NOT_TRACED):
            return
        route = request.url_rule.rule if request.url_rule else ""
        headers = request.headers
        g.span = self._tracer.start_span(
            f"{request.method} {route}".rstrip(),
            context=context_of(headers.get("traceparent", ""), headers.get("tracestate", "")),
            kind=SpanKind.SERVER,
            attributes={
                "http.request.method": request.method,
                "url.path": request.path,
                "url.scheme": request.scheme,
                **({"http.route": route} if route else {}),
            },
        )

    def _end(self, response: Response) -> Response:
        span = g.pop("span", None)
        if span is not None:
            span.set_attribute("http.response.status_code", response.status_code)
            if response.status_code >= 500:
                span.set_attribute("error.type", str(response.status_code))
                span.set_status(StatusCode.ERROR)
            if response.status_code == 201 and response.location:
                span.set_attribute("timer.id", response.location.rpartition("/")[2])
            span.end()
        return response
