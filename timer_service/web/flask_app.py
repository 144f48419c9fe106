"""Flask as this application uses it: its JSON is ours, and what it does for each request that nobody here needs is left
out."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from flask import Flask, Request, Response
from flask.sessions import NullSession, SessionInterface, SessionMixin
from werkzeug.datastructures import Headers
from werkzeug.routing import MapAdapter

from timer_service.web.json_provider import JsonProvider

#: A path in which Werkzeug finds nothing to quote.
_PLAIN_PATH = re.compile(r"(?:/[A-Za-z0-9_.~-]+)+", re.ASCII)


class AppResponse(Response):
    """Goes on the wire as it is, where Werkzeug would change nothing: what it makes of each is 8 % of a POST
    /timers."""

    def get_wsgi_headers(self, environ: Any) -> Headers:
        """These headers themselves, not a copy, where none is added, changed or removed."""
        has_length = False
        for name, value in self.headers:
            match name.lower():
                case "content-length":
                    has_length = True
                case "location" if not _PLAIN_PATH.fullmatch(value):
                    return super().get_wsgi_headers(environ)
                case "content-location":
                    return super().get_wsgi_headers(environ)
        return self.headers if has_length and self._has_body() else super().get_wsgi_headers(environ)

    def get_app_iter(self, environ: Any) -> Iterable[bytes]:
        """The bytes themselves, without an iterator around them, where nothing is to be closed."""
        is_plain = type(self.response) is list and not self._on_close and self._has_body()
        if is_plain and environ["REQUEST_METHOD"] != "HEAD" and all(type(piece) is bytes for piece in self.response):
            return self.response  # type: ignore[return-value]
        return super().get_app_iter(environ)

    def _has_body(self) -> bool:
        return self.status_code >= 200 and self.status_code not in (204, 304)


class NoSessions(SessionInterface):
    """Nothing is kept in cookies that Flask signs: it would make an empty session for each request."""

    _none = NullSession()

    def open_session(self, app: Flask, request: Request) -> NullSession:
        return self._none

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """Never called, for this session cannot be written."""


class App(Flask):
    """For threads only, and for any number of host names."""

    json_provider_class = JsonProvider
    response_class = AppResponse
    session_interface = NoSessions()

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Nothing here is a coroutine; Flask would look at every function again at every call."""
        return func

    def preprocess_request(self) -> Any:
        """Flask looks for hooks of blueprints too, before and after each request. Ours have none."""
        for hook in self.before_request_funcs.get(None, ()):
            if (answer := hook()) is not None:
                return answer
        return None

    def process_response(self, response: Response) -> Response:
        """Nor does any view ask for something after this answer alone (`after_this_request`): that is not called."""
        for hook in reversed(self.after_request_funcs.get(None, ())):
            response = hook(response)
        return response

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """As Flask does without SERVER_NAME, TRUSTED_HOSTS and WebSockets: it looks twice which host is meant."""
        if request is None:
            return None
        said = request.environ
        mounted_at, path, query = (
            said[name].encode("latin1").decode(errors="replace") if name in said else None
            for name in ("SCRIPT_NAME", "PATH_INFO", "QUERY_STRING")
        )
        scheme, method = said["wsgi.url_scheme"], said["REQUEST_METHOD"]
        return self.url_map.bind(request.host, mounted_at, "", scheme, method, path, query)
