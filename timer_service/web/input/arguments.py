"""How flask-smorest reads a request for us: strict JSON in, one problem with exact pointers out."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any, NoReturn

import flask_smorest
from flask import Request, g, request
from marshmallow import RAISE, Schema, ValidationError
from webargs.flaskparser import FlaskParser

from timer_service.web.input import strict_json
from timer_service.web.problems import Problem

#: Errors told of one object.
_MAX_ERRORS = 100
#: Characters of a name that is told; of a longer one only what holds it.
_MAX_NAME = 256


class Parser(FlaskParser):
    DEFAULT_UNKNOWN_BY_LOCATION = {**FlaskParser.DEFAULT_UNKNOWN_BY_LOCATION, "query": RAISE}  # noqa: RUF012

    def load_json(self, req: Request, schema: Schema) -> Any:
        most_bytes = getattr(schema, "most_bytes", strict_json.MAX_REQUEST)
        g.asked = json_object(most_bytes, getattr(schema, "most_values", strict_json.MAX_VALUES))
        return g.asked

    def load_querystring(self, req: Request, schema: Schema) -> Any:
        if twice := [name for name, values in req.args.lists() if len(values) > 1]:
            raise invalid({name: ["Given more than once."] for name in twice})
        return super().load_querystring(req, schema)

    def handle_error(self, error: ValidationError, *args: Any, **kwargs: Any) -> NoReturn:
        (messages,) = error.messages_dict.values()  # by location, of which one is read at a time
        raise invalid(messages)


class Blueprint(flask_smorest.Blueprint):  # type: ignore[misc]  # it ships no types
    ARGUMENTS_PARSER = Parser()

    def arguments(self, schema: type[Schema] | Schema, **options: Any) -> Any:
        # A class would be instantiated for each request, which costs more than the validation itself.
        return super().arguments(schema() if isinstance(schema, type) else schema, **options)


def json_object(most_bytes: int = strict_json.MAX_REQUEST, most_values: int = strict_json.MAX_VALUES) -> dict[str, Any]:
    """The body of this request. Raises Problem."""
    value = strict_json.load(request, most_bytes, most_values)
    if not isinstance(value, dict):
        raise Problem(422, "The body must be a JSON object.", errors=[("", "Must be an object.")])
    return value


def invalid(messages: Any, most: int = _MAX_ERRORS) -> Problem:
    """marshmallow's messages as a problem that tells so many of them."""
    found = list(islice(_errors(messages), most + 1))
    detail = "A field has a value that cannot be used."
    if len(found) > most:
        detail = f"More than {most} values cannot be used; these are the first."
    return Problem(422, detail, errors=found[:most])


def _errors(messages: Any, *path: str | int) -> Iterator[tuple[str, str]]:
    """marshmallow's nested messages as (pointer, detail)."""
    if isinstance(messages, dict):
        for step, inner in messages.items():
            if isinstance(step, str) and len(step) > _MAX_NAME:
                yield strict_json.pointer(*path), f"A member whose name has {len(step)} characters cannot be used."
            else:
                yield from _errors(inner, *path, step)
    else:
        for detail in messages:
            yield strict_json.pointer(*path), detail
