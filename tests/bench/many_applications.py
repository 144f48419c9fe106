"""Applications are made by the hundred here: what takes most of the time is done when it is needed, or once.

The description, 30 ms, is made for whoever reads it. Templates are compiled once for all applications, 30 ms each. What
makes the address of a route is compiled when it is asked for: for all routes it is two thirds of making an application.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import flask_smorest
import pytest
from apispec import APISpec
from flask import Flask
from jinja2.bccache import Bucket, BytecodeCache
from werkzeug.routing import Rule


class _Compiled(BytecodeCache):
    def __init__(self) -> None:
        self._kept: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if bucket.key in self._kept:
            bucket.bytecode_from_string(self._kept[bucket.key])

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._kept[bucket.key] = bucket.bytecode_to_string()


class _WhenRead:
    """Registers what blueprints say of themselves in the order in which they came, once the description is read."""

    def __init__(self) -> None:
        self._register: Callable[..., None] = flask_smorest.Blueprint.register_views_in_doc
        self._to_dict = APISpec.to_dict

    def register(self, blueprint: Any, api: Any, app: Any, spec: Any, **more: Any) -> None:
        later = spec.__dict__.setdefault("later", [])
        later.append(partial(self._register, blueprint, api, app, spec, **more))

    def to_dict(self, spec: APISpec) -> dict[str, Any]:
        for register in spec.__dict__.pop("later", ()):
            register()
        return self._to_dict(spec)


#: Of a route: whether arguments that it does not name become its query -> what makes its address.
_COMPILE = Rule._compile_builder


def _compile_when_called(route: Rule, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
    compiled: list[Callable[..., tuple[str, str]]] = []

    def build(self: Rule, **values: Any) -> tuple[str, str]:
        if not compiled:
            compiled.append(_COMPILE(route, append_unknown))
        return compiled[0](self, **values)

    return build


@contextmanager
def many_applications() -> Iterator[None]:
    when_read = _WhenRead()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Flask, "jinja_options", {**Flask.jinja_options, "bytecode_cache": _Compiled()})
        patch.setattr(
            flask_smorest.Blueprint, "register_views_in_doc", lambda *args, **more: when_read.register(*args, **more)
        )
        patch.setattr(APISpec, "to_dict", lambda spec: when_read.to_dict(spec))
        patch.setattr(Rule, "_compile_builder", _compile_when_called)
        yield
