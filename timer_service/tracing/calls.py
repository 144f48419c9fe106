"""A span for each call of the API, a child of the caller's where that says so."""

from __future__ import annotations

from flask import Flask, Response, g, has_request_context, request
from opentelemetry.trace import SpanKind, StatusCode, Tracer

from timer_service.tracing.parents import context_of, kept_of
from timer_service.tracing.starting import Starting

#: Not traced: views of the page, which ask again every 2 s, and what machines ask all the time.
_NOT_TRACED = ("/ui", "/livez", "/readyz", "/metrics")
#: A caller may send any word as its method; of others the standard makes one.
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"})


class CallSpans:
    """Threads share it."""

    def __init__(self, tracer: Tracer) -> None:
        self._start = Starting(tracer).start

    def register(self, app: Flask) -> None:
        app.before_request(self._begin)
        app.after_request(self._end)

    def current(self) -> str:
        """What a timer keeps of the call under way; "" outside of one."""
        span = g.get("span") if has_request_context() else None
        return "" if span is None else kept_of(span)

    def _begin(self) -> None:
        if request.path.startswith(_NOT_TRACED):
            return
        headers = request.headers
        method = request.method if request.method in _METHODS else "_OTHER"
        told = {"http.request.method": method, "url.path": request.path, "url.scheme": request.scheme}
        name = "HTTP" if method == "_OTHER" else method
        if request.url_rule:
            told["http.route"] = request.url_rule.rule
            name = f"{name} {request.url_rule.rule}"
        context = context_of(headers.get("traceparent", ""), headers.get("tracestate", ""))
        g.span = self._start(name, context, SpanKind.SERVER, told)

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
