"""How flask-smorest reads a request for us: strict JSON in, one problem with exact pointers out."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NoReturn

import flask_smorest
from flask import Request, Response, g
from marshmallow import RAISE, Schema, ValidationError
from webargs.flaskparser import FlaskParser

from timer_service.web.input import body
from timer_service.web.input.invalid import invalid
from timer_service.web.input.limits import REQUEST_BYTES, REQUEST_VALUES
from timer_service.web.present import present_app, present_notes, present_request
from timer_service.web.problems import Problem

View = Callable[..., Any]


class Parser(FlaskParser):
    """Reads bodies by our own rules, and raises Problem for what cannot be used. Threads share it."""

    DEFAULT_UNKNOWN_BY_LOCATION = {**FlaskParser.DEFAULT_UNKNOWN_BY_LOCATION, "query": RAISE}  # noqa: RUF012

    def parse(self, argmap: Any, *args: Any, **options: Any) -> Any:
        """By the application's own schema of this class, where it made one with its settings."""
        schema = present_app().extensions["schemas"].get(type(argmap), argmap)
        if options.get("location") == "json":
            try:
                return schema.load(self.load_json(present_request(), schema))
            except ValidationError as error:
                raise invalid(error.messages) from None
        return super().parse(schema, *args, **options)

    def load_json(self, req: Request, schema: Schema) -> Any:
        if (
            getattr(schema, "may_be_left_out", False)
            and not req.content_length
            and "Transfer-Encoding" not in req.headers
        ):
            g.request_fields = {}
            return g.request_fields
        most_bytes = getattr(schema, "most_bytes", REQUEST_BYTES)
        fields = json_object(most_bytes, getattr(schema, "most_values", REQUEST_VALUES))
        present_notes().request_fields = fields
        return fields

    def load_querystring(self, req: Request, schema: Schema) -> Any:
        if twice := [name for name, values in req.args.lists() if len(values) > 1]:
            raise invalid({name: ["Given more than once."] for name in twice})
        return super().load_querystring(req, schema)

    def handle_error(self, error: ValidationError, *args: Any, **kwargs: Any) -> NoReturn:
        (messages,) = error.messages_dict.values()  # by location, of which one is read at a time
        raise invalid(messages)


class Blueprint(flask_smorest.Blueprint):  # type: ignore[misc]  # it ships no types
    """Routes whose arguments are read by our parser.

    What flask-smorest makes of a view is described, and not called: it passes through four functions more, which look
    again at each call at what never changes. 7 % of a POST /timers.
    """

    ARGUMENTS_PARSER = Parser()

    def arguments(self, schema: type[Schema] | Schema, *, location: str = "json", **options: Any) -> Any:
        """Calls the view with what the schema loads."""
        # A class would be instantiated for each request, which costs more than the validation itself.
        schema = schema() if isinstance(schema, type) else schema
        describe = super().arguments(schema, location=location, **options)
        parse = self.ARGUMENTS_PARSER.parse

        def decorate(view: View) -> View:
            @functools.wraps(describe(view))
            def with_arguments(**in_path: Any) -> Any:
                return view(parse(schema, location=location), **in_path)

            return with_arguments

        return decorate

    def response(self, status_code: int, schema: Any = None, **options: Any) -> Any:
        """Answers what the schema dumps. A view returns that alone, or with a status and headers; or a Response."""
        schema = schema() if isinstance(schema, type) else schema
        describe = super().response(status_code, schema, **options)

        def decorate(view: View) -> View:
            @functools.wraps(describe(view))
            def answered(*args: Any, **in_path: Any) -> Any:
                found = view(*args, **in_path)
                if isinstance(found, Response):
                    return found
                value, status, headers = found if type(found) is tuple else (found, status_code, {})
                answer: Any = present_app().json.response(value if schema is None else schema.dump(value))
                answer.status_code = status
                for name, text in headers.items():
                    answer.headers.add(name, text)
                return answer

            return answered

        return decorate

    @staticmethod
    def doc(**said: Any) -> Any:
        """Leaves the view as it is, but for its description."""
        describe = flask_smorest.Blueprint.doc(**said)

        def decorate(view: Any) -> Any:
            view._apidoc = describe(view)._apidoc
            return view

        return decorate


def json_object(most_bytes: int = REQUEST_BYTES, most_values: int = REQUEST_VALUES) -> dict[str, Any]:
    """The body of this request. Raises Problem."""
    value = body.load(present_request(), most_bytes, most_values)
    if not isinstance(value, dict):
        raise Problem(422, "The body must be a JSON object.", errors=[("", "Must be an object.")])
    return value
