"""/problems: the kinds of failures. /problems/{name}: what one of them means."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from flask import Response, jsonify, request
from markupsafe import Markup
from marshmallow import Schema, fields

from timer_service.web.input.arguments import Blueprint
from timer_service.web.problems import MORE_PAGES, PAGES, Problem

bp = Blueprint("pages", __name__, description="What problems mean")

_POLICY = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
_LIST = Markup("""<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <title>Kinds of problems · timer-service</title>
  <meta name="viewport" content="width=device-width">
  <meta name="color-scheme" content="light dark">
  <link rel="stylesheet" href="/ui/page.css">
</head>
<body>
  <main>
    <h1>Kinds of problems</h1>
    <dl class="l">{}</dl>
    <p><a href="/docs">API reference</a></p>
  </main>
</body>
</html>
""")
_ENTRY = Markup('<dt><a href="{0.type}">{0.name}</a>, {0.status}</dt><dd>{0.meaning}</dd>')


class Kind(NamedTuple):
    """One kind of problem."""

    name: str
    status: int
    meaning: str

    @property
    def type(self) -> str:
        return f"/problems/{self.name}"


class KindOut(Schema):
    type = fields.String(metadata={"description": "as a problem says it, and where its page is"})
    status = fields.Integer()
    meaning = fields.String()


class KindsOut(Schema):
    data = fields.List(fields.Nested(KindOut))


#: Both ways in which the list is told; what `bp.response` says of it alone would be lost beside the other.
_CONTENT = {"application/json": {"schema": KindsOut}, "text/html": {"schema": {"type": "string"}}}


@bp.route("/problems", methods=["GET"])
@bp.response(200, KindsOut)
@bp.doc(operationId="list_problems", responses={"200": {"content": _CONTENT}})
def kinds() -> Response:
    """The kinds of problems: as JSON, or as a page for a browser."""
    if _is_browser():
        entries = Markup("").join(_ENTRY.format(it) for it in _kinds())
        answer = Response(_LIST.format(entries), mimetype="text/html", headers={"Content-Security-Policy": _POLICY})
    else:
        answer = jsonify(KindsOut().dump({"data": list(_kinds())}))
    answer.vary.add("Accept")
    return answer


@bp.route("/problems/<name>", methods=["GET"])
@bp.response(200, {"type": "string"}, content_type="text/plain")
@bp.doc(operationId="get_problem_page")
def problem(name: str) -> Response:
    """What a kind of problem means."""
    for it in _kinds():
        if it.name == name:
            return Response(f"{it.status} {name}\n\n{it.meaning}\n", mimetype="text/plain")
    raise Problem(404, "There is no such problem.")


def _kinds() -> Iterator[Kind]:
    for status, page in PAGES.items():
        yield Kind(page.name, status, page.text)
    for name, (status, text) in MORE_PAGES.items():
        yield Kind(name, status, text)


def _is_browser() -> bool:
    return request.accept_mimetypes.best_match(["application/json", "text/html"]) == "text/html"
