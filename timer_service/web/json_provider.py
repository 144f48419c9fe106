"""How Flask writes our answers as JSON: a JsonText is put in as it is."""

from __future__ import annotations

import os
from itertools import chain, zip_longest
from typing import Any

from flask.json.provider import DefaultJSONProvider

from timer_service.web.json_text import JsonText

#: Stands in JSON where a text is put later. Nobody can guess it.
_PLACE = os.urandom(16).hex()


class JsonProvider(DefaultJSONProvider):
    """Writes values that are JSON already without parsing them. Threads share it."""

    ensure_ascii = False  # "\u00e9" is three times as long as what it stands for
    sort_keys = False
    compact = True  # or it is looked up each time whether Flask debugs

    def dumps(self, obj: Any, **options: Any) -> str:
        if isinstance(obj, JsonText):
            return obj.text
        texts: list[str] = []

        def place(value: Any) -> Any:
            if not isinstance(value, JsonText):
                return type(self).default(value)
            texts.append(value.text)
            return _PLACE

        written = super().dumps(obj, **{"default": place, **options})
        if not texts:
            return written
        return "".join(chain.from_iterable(zip_longest(written.split(f'"{_PLACE}"'), texts, fillvalue="")))
