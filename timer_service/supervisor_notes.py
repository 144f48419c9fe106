"""Sentences of the supervisor of `up` that the API repeats at /readyz, in a file that its processes inherit."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping, Sequence

#: Names the descriptor of the file to the parts. No setting: whoever starts `up` has no use for it.
_VARIABLE = "SUPERVISOR_NOTES_FD"
#: Bytes; a page, which is read and written in one piece. Sentences beyond it are left out.
_SIZE = 4096


class Notes:
    """The file, as the supervisor writes it. It has no name: it needs no folder, and nothing is left behind.

    One thread writes; processes that inherit the descriptor read. It ends with the last of them.
    """

    def __init__(self) -> None:
        self.descriptor = _nameless_file()
        self.tell([])

    @property
    def environ(self) -> dict[str, str]:
        """For a part that inherits the descriptor."""
        return {_VARIABLE: str(self.descriptor)}

    def tell(self, sentences: Sequence[str]) -> None:
        """These are true from now on, and no others."""
        while len(text := json.dumps(list(sentences)).encode()) > _SIZE:
            sentences = sentences[:-1]
        os.pwrite(self.descriptor, text.ljust(_SIZE), 0)


def read(environ: Mapping[str, str] = os.environ) -> list[str]:
    """What was told last; nothing without a supervisor."""
    for _ in range(3):  # a write under way can be seen by halves
        try:
            return list(map(str, json.loads(os.pread(int(environ[_VARIABLE]), _SIZE, 0))))
        except (KeyError, OSError):
            return []
        except (ValueError, TypeError):
            continue
    return []


def _nameless_file() -> int:
    if hasattr(os, "memfd_create"):
        return os.memfd_create("timer-service-notes")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())
