"""How flask-smorest reads a request for us: strict JSON in, one problem with exact pointers out."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any, NoReturn

import flask_smorest
from flask import Request, g, request
from marshmallow import RAISE, Schema, ValidationError
from webargs.flaskparser import FlaskParser

from timer_service import strict_json
from timer_service.problems import Problem

#: Errors told in one answer.
_MAX_ERRORS = 100


class Parser(FlaskParser):
    DEFAULT_UNKNOWN_BY_LOCATION = {**FlaskParser.DEFAULT_UNKNOWN_BY_LOCATION, "query": RAISE}  # noqa: RUF012

    def load_json(self, req: Request, schema: Schema) -> Any:
        g.asked = json_object(getattr(schema, "most_bytes", strict_json.MAX_REQUEST))
        return g.asked

    def handle_error(self, error: ValidationError, *args: Any, **kwargs: Any) -> NoReturn:
        (messages,) = error.messages_dict.values()  # by location, of which one is read at a time
        raise invalid(messages)


class Blueprint(flask_smorest.Blueprint):  # type: ignore[misc]  # it ships no types
    ARGUMENTS_PARSER = Parser()

    def arguments(self, schema: type[Schema] | Schema, **options: Any) -> Any:
        # A class would be instantiated for each request, which costs more than the validation itself.
        return super().arguments(schema() if isinstance(schema, type) else schema, **options)


def json_object(most_bytes: int = strict_json.MAX_REQUEST) -> dict[str, Any]:
    """The body of this request. Raises Problem."""
    value = strict_json.load(request, most_bytes)
    if not isinstance(value, dict):
        raise Problem(422, "The body must be a JSON object.", errors=[("", "Must be an object.")])
    return value


def invalid(messages: Any) -> Problem:
    """marshmallow's messages as a problem."""
    return Problem(422, "A field has a value that cannot be used.", errors=list(islice(_errors(messages), _MAX_ERRORS)))


def _errors(messages: Any, *path: str | int) -> Iterator[tuple[str, str]]:
    """marshmallow's nested messages as (pointer, detail)."""
    if isinstance(messages, dict):
        for step, inner in messages.items():
            yield from _errors(inner, *path, step)
    else:
        for detail in messages:
            yield strict_json.pointer(*path), detail
