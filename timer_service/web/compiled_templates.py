"""Templates are compiled once an installation: all of them take 240 ms of a core, and to read them back takes 7.

They are kept as Python keeps its .pyc files, and beside these: not where nothing may be written, or where
PYTHONDONTWRITEBYTECODE is set. There each process compiles them anew.
"""

from __future__ import annotations

import contextlib
import sys
import threading
from pathlib import Path

from flask import Flask
from jinja2 import FileSystemBytecodeCache
from jinja2.bccache import Bucket

_FOLDER = Path(__file__).parent / "__pycache__"
#: What another Python or Jinja wrote, or was made of other text, Jinja itself leaves alone.
_NAME = "%s.jinja"


class _Kept(FileSystemBytecodeCache):
    def load_bytecode(self, bucket: Bucket) -> None:
        try:
            super().load_bytecode(bucket)
        except Exception:  # a file that was cut off: pickle raises almost anything
            bucket.reset()

    def dump_bytecode(self, bucket: Bucket) -> None:
        if not sys.dont_write_bytecode:
            with contextlib.suppress(OSError):
                super().dump_bytecode(bucket)


def keep(app: Flask) -> None:
    app.jinja_env.bytecode_cache = _Kept(str(_FOLDER), _NAME)


def load_soon(app: Flask) -> None:
    """All of them, in a thread: no start waits for that, and after a moment no viewer does."""
    threading.Thread(target=_load, args=(app,), name="templates", daemon=True).start()


def _load(app: Flask) -> None:
    for name in app.jinja_env.list_templates():
        app.jinja_env.get_template(name)
