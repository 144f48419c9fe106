"""JSON of our answers: values that are stored as JSON go out as they are, without being parsed and written anew."""

from __future__ import annotations

import os
from dataclasses import dataclass
from itertools import chain, zip_longest
from typing import Any

from flask.json.provider import DefaultJSONProvider


@dataclass(frozen=True, slots=True)
class JsonText:
    """A value of an answer, as JSON."""

    text: str


#: Stands in JSON where a text is put later. Nobody can guess it.
_PLACE = os.urandom(16).hex()


class Provider(DefaultJSONProvider):
    ensure_ascii = False  # "\u00e9" is three times as long as what it stands for
    sort_keys = False

    def dumps(self, obj: Any, **options: Any) -> str:
        texts: list[str] = []

        def place(value: Any) -> Any:
            if not isinstance(value, JsonText):
                return type(self).default(value)
            texts.append(value.text)
            return _PLACE

        said = super().dumps(obj, **{"default": place, **options})
        if not texts:
            return said
        return "".join(chain.from_iterable(zip_longest(said.split(f'"{_PLACE}"'), texts, fillvalue="")))
