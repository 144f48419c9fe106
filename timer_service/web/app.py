"""The WSGI application, put together from its settings."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from flask import Flask, Response
from flask_smorest import Api
from marshmallow import ValidationError
from werkzeug.routing import BaseConverter

from scheduler import VERSION, Link, Settings, SettingsError, Store, guard_before_look_ups
from timer_service.history.errors import HistoryUnsuitable
from timer_service.tracing.choice import open_traces
from timer_service.web import compiled_templates, openapi, problem_answers
from timer_service.web.access import access_log, authentication, cross_site
from timer_service.web.access.request_counts import RequestCounts, route_name
from timer_service.web.access.settings_files import SettingsFiles, open_files
from timer_service.web.flask_app import App
from timer_service.web.input import memory
from timer_service.web.input.schedule_fields import NewSchedule
from timer_service.web.input.schemas import NewTimer
from timer_service.web.input.sent_fields import WebhookRules
from timer_service.web.pages import page
from timer_service.web.pages.frame import ways
from timer_service.web.present import present_notes, sent_header
from timer_service.web.resources import (
    activity,
    batch,
    bulk,
    by_key,
    clock,
    destinations,
    docs,
    health,
    history,
    metrics,
    preview,
    problem_pages,
    schedules,
    stats,
    timers,
)

if TYPE_CHECKING:
    from timer_service.history.reader import HistoryReader

_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}", re.ASCII)


class TimerId(BaseConverter):
    """Of /timers/{timer_id}: no name of a page of ours, which has methods of its own."""

    regex = r"(?!(?:batch|by-key|cancel|count|replay)$)[^/]+"
    part_isolating = True


class ScheduleName(BaseConverter):
    """Of /schedules/{name}: not that of a page of ours, which has a method of its own."""

    regex = r"(?!preview$)[^/]+"
    part_isolating = True


class DestinationId(BaseConverter):
    """Of /destinations/{id}: also what is none, such as a URL, so that it can be told how it is written."""

    regex = r".+(?<!/pause)(?<!/resume)(?<!/rotate-secret)"
    part_isolating = False


def create_app(
    settings: Settings | None = None,
    link: Link | None = None,
    counts: RequestCounts | None = None,
    files: SettingsFiles | None = None,
) -> Flask:
    """The application. What its views, schemas and hooks need of the settings is given to them here.

    `link`: to the store, where not the one of the settings. `counts`: where several processes count together.
    `files`: where they were opened already. Raises SettingsError.
    """
    settings = settings or Settings.from_env()
    files = files or open_files(settings)
    store = Store(settings, link)

    app = App(__name__, static_folder=None)
    app.config |= {
        "API_TITLE": "timer-service",
        "API_VERSION": VERSION,
        "OPENAPI_VERSION": "3.1.0",
    }
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False
    app.url_map.converters["id"] = TimerId
    app.url_map.converters["schedule"] = ScheduleName
    app.url_map.converters["destination"] = DestinationId
    app.extensions["settings"] = settings
    app.extensions["settings_files"] = files
    app.extensions["store"] = store
    app.extensions["history"] = _history(settings)
    app.extensions["request_counts"] = counts = counts or RequestCounts()
    store.link.count_failures(counts.store_failure)

    access_log.register(app, counts)
    rules = webhook_rules(settings)
    app.extensions["traces"] = traces = open_traces(settings)
    if traces is not None:
        from timer_service.tracing.calls import CallSpans

        calls = CallSpans(traces.tracer)
        calls.register(app)
        rules = replace(rules, trace=calls.current)
    app.extensions["schemas"] = {NewTimer: NewTimer(rules), NewSchedule: NewSchedule(rules)}
    app.before_request(_name_request)
    app.after_request(_return_name)
    ways.register(app)
    cross_site.register(app)
    authentication.register(app, settings, files.keys)
    memory.register(app)
    api = Api(app)
    openapi.prepare(api)
    app.extensions["description"] = api.spec
    asked = (timers, batch, by_key, bulk, schedules, preview, destinations)
    for resource in (*asked, stats, activity, history, health, problem_pages, metrics):
        api.register_blueprint(resource.bp)
    if store.clock:
        api.register_blueprint(clock.bp)
    app.register_blueprint(docs.bp)
    page.register(app, settings, store, files.keys)
    compiled_templates.keep(app)
    app.add_url_rule("/*", "server", _server_options, methods=["OPTIONS"], provide_automatic_options=False)
    problem_answers.register(app, counts)
    counts.name_routes([route_name(rule.rule) for rule in app.url_map.iter_rules()])
    app.wsgi_app = _adapt(app.wsgi_app)  # type: ignore[method-assign]
    return app


def _history(settings: Settings) -> HistoryReader | None:
    """Raises SettingsError for a URL that names no database that can hold one, or SQLAlchemy is not installed."""
    if not settings.history_url:
        return None
    try:
        from timer_service.history.reader import HistoryReader
    except ModuleNotFoundError as error:
        if error.name != "sqlalchemy":
            raise
        raise SettingsError("TIMER_HISTORY_URL needs SQLAlchemy: pip install 'timer-service[history]'") from None
    try:
        return HistoryReader(settings.history_url)
    except HistoryUnsuitable as error:
        raise SettingsError(str(error)) from None


def webhook_rules(settings: Settings) -> WebhookRules:
    """What these settings say of each new timer. Raises SettingsError for callbacks that may not be called."""
    guard = guard_before_look_ups(settings)
    defaults: dict[str, Any] = {"timeout": settings.timeout, "max_attempts": settings.max_attempts}
    fields = NewTimer(WebhookRules(guard, defaults)).fields
    for variable, url in (("on_delivered", settings.on_delivered), ("on_failed", settings.on_failed)):
        if url:
            try:
                defaults[variable] = fields[variable].deserialize(url)
            except ValidationError as error:
                raise SettingsError(f"TIMER_{variable.upper()} is refused: {_first(error.messages)}") from None
    return WebhookRules(guard, defaults)


def _first(messages: Any) -> str:
    """A sentence out of what marshmallow tells."""
    while not isinstance(messages, str):
        messages = next(iter(messages.values() if isinstance(messages, dict) else messages))
    return messages


def _name_request() -> None:
    """Every request has an id: the client's if it gave a usable one."""
    given = sent_header("HTTP_X_REQUEST_ID")
    present_notes().request_id = given if given and _REQUEST_ID.fullmatch(given) else _new_request_id()


def _new_request_id() -> str:
    """Need not be unguessable: os.urandom() hands the interpreter over to another thread, which costs ten times as
    much as the number."""
    return f"{random.getrandbits(128):032x}"


def _return_name(response: Response) -> Response:
    response.headers["X-Request-Id"] = present_notes().get("request_id", "")
    return response


def _server_options() -> Response:
    """OPTIONS *, by which clients ask whether a server of HTTP is here at all (RFC 9110, 9.3.7)."""
    return Response(status=204)


def _adapt(wsgi_app: Callable[..., Iterable[bytes]]) -> Callable[..., Iterable[bytes]]:
    """/timer is the same resource as /timers. Whoever asks for another protocol is answered in this one, as RFC 9110,
    7.8, allows; Werkzeug would refuse a WebSocket."""

    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        environ.pop("HTTP_UPGRADE", None)
        head, slash, rest = environ.get("PATH_INFO", "").removeprefix("/").partition("/")
        if head == "timer":
            environ["PATH_INFO"] = f"/timers{slash}{rest}"
        elif head == "destinations":  # whose ids may be given with slashes: Werkzeug would take the last one for a part
            environ["PATH_INFO"] = environ["PATH_INFO"].rstrip("/")
        return wsgi_app(environ, start_response)

    return app
