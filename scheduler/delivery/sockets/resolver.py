"""What looks names up for a loop that must not wait: c-ares if it is installed, otherwise getaddrinfo() in threads."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Protocol

#: All addresses of a name, or in a sentence why there are none.
Found = list[str] | str
#: Called from any thread.
Answered = Callable[[Found], None]


class Resolver(Protocol):
    """Used by one thread; answers come in any."""

    def ask(self, host: str, port: int, answered: Answered) -> None:
        """Look a name up, which may go on until long after; `answered` is called once, unless all is closed before."""

    def look_for_changes(self) -> bool:
        """Whether a file that says how names are looked up has changed; what was found before is void then."""

    def close(self) -> None:
        """Nothing is to be answered any more."""


def open_resolver() -> Resolver:
    if importlib.util.find_spec("pycares"):
        from scheduler.delivery.sockets.c_ares import CaresResolver

        return CaresResolver()
    from scheduler.delivery.sockets.look_up_threads import ThreadResolver

    return ThreadResolver()
