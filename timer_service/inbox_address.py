"""Where the inbox of `up` is: a receiver for trying things out, which the page reads. Its processes inherit it."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field

#: No settings: whoever starts `up` has no use for them.
_PORT, _TOKEN = "SUPERVISOR_INBOX_PORT", "SUPERVISOR_INBOX_TOKEN"
#: In the header of a request that reads the inbox or changes it. No timer can have a header of this name.
TOKEN_HEADER = "timer-inbox-token"


@dataclass(frozen=True, slots=True)
class InboxAddress:
    """On this machine's loopback address."""

    port: int
    #: Who has it may read the inbox and choose what it answers; pollers and timers have not.
    token: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)

    @property
    def url(self) -> str:
        """For a timer that is to arrive there."""
        return f"http://{HOST}:{self.port}/hook"

    @property
    def origins(self) -> tuple[str, str]:
        """What the URLs of timers begin with that arrive there."""
        return f"http://{HOST}:{self.port}", f"http://localhost:{self.port}"

    @property
    def environ(self) -> dict[str, str]:
        return {_PORT: str(self.port), _TOKEN: self.token}


HOST = "127.0.0.1"


def read(environ: Mapping[str, str] = os.environ) -> InboxAddress | None:
    """None where `up` has made no inbox."""
    try:
        return InboxAddress(int(environ[_PORT]), environ[_TOKEN])
    except (KeyError, ValueError):
        return None
