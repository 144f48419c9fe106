"""/openapi.json: the API for machines. /docs: the same to browse and try, without a byte from another host."""

from __future__ import annotations

import json
from functools import cache
from mimetypes import guess_type
from pathlib import Path

import flask_swagger_ui
from flask import Blueprint, Response, current_app

from timer_service.web.openapi import whole
from timer_service.web.services import new_timer, settings

bp = Blueprint("docs", __name__)

_ASSETS = Path(flask_swagger_ui.__file__).parent / "dist"
#: Swagger UI writes style attributes; scripts are files of ours only, and the page talks to nobody else.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_PAGE = """<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <title>timer-service</title>
  <meta name="viewport" content="width=device-width">
  <link rel="stylesheet" href="/docs/swagger-ui.css">
  <link rel="icon" href="/docs/favicon-32x32.png">
</head>
<body>
  <div id="api"></div>
  <script src="/docs/swagger-ui-bundle.js"></script>
  <script src="/docs/start.js"></script>
</body>
</html>
"""
_START = """SwaggerUIBundle({
  url: "/openapi.json", dom_id: "#api", deepLinking: true, validatorUrl: null, tryItOutEnabled: true,
  presets: [SwaggerUIBundle.presets.apis], layout: "BaseLayout",
});
"""


@bp.get("/openapi.json")
def openapi() -> Response:
    description = whole(current_app.extensions["description"], new_timer(), with_keys=settings().has_keys)
    return Response(json.dumps(description), mimetype="application/json")


@bp.get("/docs")
def page() -> Response:
    return Response(_PAGE, mimetype="text/html", headers={"Content-Security-Policy": _POLICY})


@bp.get("/docs/start.js")
def start() -> Response:
    return Response(_START, mimetype="text/javascript")


@bp.get("/docs/<any('swagger-ui.css', 'swagger-ui-bundle.js', 'favicon-32x32.png'):name>")
def asset(name: str) -> Response:
    kind, _ = guess_type(name)
    return Response(_bytes(name), mimetype=kind, headers={"Cache-Control": "max-age=86400"})


@cache
def _bytes(name: str) -> bytes:
    """The same for all who ask: clients that do not read 1.4 MB would hold them once each."""
    return (_ASSETS / name).read_bytes()
