"""The description at /openapi.json: the schemas, and what they do not say: problems, keys, examples."""

from __future__ import annotations

from typing import Any

from apispec import APISpec
from flask_smorest import Api
from marshmallow import fields

from timer_service.web import idempotency, schema_rules
from timer_service.web.input.destination_id import DestinationId
from timer_service.web.input.schemas import NewTimer
from timer_service.web.input.webhook_fields import Key
from timer_service.web.problems import PAGES

_ABOUT = """Send this request to this URL at this time, once.

`/timer` is the same as `/timers`, and a trailing slash is accepted everywhere.
Every failure is a problem of RFC 9457."""

_PROBLEM = {
    "type": "object",
    "description": "RFC 9457",
    "required": ["type", "title", "status", "detail", "instance"],
    "properties": {
        "type": {"type": "string", "description": "the page that says what it means"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string", "description": "the X-Request-Id"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["pointer", "detail"],
                "properties": {"pointer": {"type": "string", "description": "RFC 6901"}, "detail": {"type": "string"}},
            },
        },
        "timer_id": {"type": "string", "description": "who has the key"},
        "timer_status": {"type": "string"},
        "warnings": {"type": "array", "items": {"type": "string"}},
    },
}
#: Without a key, also where keys are set.
_OPEN = ("/livez", "/readyz", "/problems")


def prepare(api: Api) -> None:
    """Before any blueprint is registered."""
    api.ma_plugin.converter.add_attribute_function(_of_field)
    api.spec.components.security_scheme("key", {"type": "http", "scheme": "bearer"})
    api.spec.components.schema("Problem", _PROBLEM)


def whole(spec: APISpec, new_timer: NewTimer, *, with_keys: bool) -> dict[str, Any]:
    """The description as it is served. `with_keys`: most routes ask for one."""
    document: dict[str, Any] = spec.to_dict()
    document["info"] |= {"description": _ABOUT, "license": {"name": "MIT", "identifier": "MIT"}}
    components = document["components"]
    for unused in ("Error", "PaginationMetadata"):  # flask-smorest's own
        components["schemas"].pop(unused, None)
    components.pop("headers", None)
    components["responses"] = {name: _response(text) for name, text in PAGES.values()}
    components["responses"]["problem"] = _response("Any other failure.")
    schema_rules.complete(components["schemas"], new_timer.rules.defaults)
    by_key = document["paths"]["/timers/by-key/{key}"]
    by_key["put"]["requestBody"] = _json_body("KeyedTimer")
    by_key["parameters"][0]["schema"] = Key.json_schema
    document["paths"]["/schedules/{name}"]["parameters"][0]["schema"] = Key.json_schema
    for path in ("", "/pause", "/resume", "/rotate-secret"):
        document["paths"][f"/destinations/{{id}}{path}"]["parameters"][0]["schema"] = DestinationId.json_schema
    if with_keys:
        document["security"] = [{"key": []}]
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if method == "parameters":
                continue
            if path.startswith(_OPEN) and with_keys:
                operation["security"] = []
            _tell_failures(path, method, operation)
    return document


def _of_field(_converter: Any, field: fields.Field[Any], ret: dict[str, Any], **_: Any) -> dict[str, Any]:
    """A field of ours says by itself what it takes: `json_schema`, of its class or in its metadata."""
    own = field.metadata.get("json_schema") or getattr(field, "json_schema", None)
    if own is None:
        return {}
    kept = {name: ret[name] for name in ("description", "default", "minimum", "maximum") if name in ret}
    ret.clear()
    if field.allow_none and "type" in own:
        return {**own, **kept, "type": [own["type"], "null"]}
    if field.allow_none and "oneOf" in own:
        return {**own, **kept, "oneOf": [*own["oneOf"], {"type": "null"}]}
    return {**own, **kept}


def _tell_failures(path: str, method: str, operation: dict[str, Any]) -> None:
    possible = {401, 403, 429, 503}
    if "requestBody" in operation:
        possible |= {400, 408, 413, 415, 422}
    if any(parameter.get("in") == "query" for parameter in operation.get("parameters", ())):
        possible |= {422}
    if "{" in path:
        possible |= {404}
    if method != "get" and ((path.startswith("/timers/") and "{" in path) or path in ("/timers", "/clock/advance")):
        possible |= {409}
    if (
        path == "/destinations/{id}/resume"
        or path.endswith("/rotate-secret")
        or (method == "patch" and path == "/destinations/{id}")
    ):
        possible |= {409}
    if path.startswith("/destinations/{id}"):
        possible |= {422}
    if any(parameter.get("name") == "If-Match" for parameter in operation.get("parameters", ())):
        possible |= {412}
    responses = operation["responses"]
    for status in [status for status in responses if status == "default" or int(status) >= 400]:
        del responses[status]
    responses |= {str(status): {"$ref": f"#/components/responses/{PAGES[status].name}"} for status in sorted(possible)}
    responses["default"] = {"$ref": "#/components/responses/problem"}


def _json_body(schema: str) -> dict[str, Any]:
    return {
        "required": True,
        "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}},
    }


def _response(text: str) -> dict[str, Any]:
    return {
        "description": text,
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }


#: For @bp.doc of a route that takes one.
IDEMPOTENCY_KEY = {
    "in": "header",
    "name": idempotency.HEADER,
    "description": "The same key and body again: the first answer again, and nothing twice. For 24 h.",
    "schema": {"type": "string", "pattern": f"^{idempotency.PATTERN}$"},
}
IF_MATCH = {
    "in": "header",
    "name": "If-Match",
    "description": "an ETag: it is done only if the schedule is of this version, else 412",
    "schema": {"type": "string", "pattern": '^"[0-9a-f]{16}"$'},
}
DESTINATION_IF_MATCH = {
    "in": "header",
    "name": "If-Match",
    "description": "an ETag: it is done only if what is set is of this version, else 412",
    "schema": {"type": "string", "pattern": '^"[0-9A-Za-z_-]{1,12}"$'},
}
IF_NONE_MATCH = {
    "in": "header",
    "name": "If-None-Match",
    "description": "it is done only if there is no schedule of this name, else 412",
    "schema": {"type": "string", "enum": ["*"]},
}
SCHEDULE_MERGE_PATCH = {
    "required": True,
    "content": {
        "application/merge-patch+json": {
            "schema": {"$ref": "#/components/schemas/ScheduleChange"},
            "example": {"cron": "0 8 * * *", "timer": {"timeout": 5}},
        }
    },
}
#: application/json is taken too, and not described: what openapi-python-client makes of two types does not import.
MERGE_PATCH = {
    "required": True,
    "content": {
        "application/merge-patch+json": {
            "schema": {"$ref": "#/components/schemas/TimerChange"},
            "example": {"delay": "1h", "metadata": None},
        }
    },
}
