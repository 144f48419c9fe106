"""Which URLs, methods and headers a timer may name: only what every parser reads alike and what is safe on the wire."""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import urlsplit

from scheduler import before_path
from timer_service.web.input.hostname import HOST_PATTERN, check_host

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD")

MAX_URL = 8192
MAX_HEADERS = 100
#: Of what check_url() takes, as JSON Schema can say it: a name or an address, a port, and what follows.
URL_PATTERN = rf"^https?://{HOST_PATTERN}(:[1-9][0-9]{{0,4}})?([/?#][!-\[\]-~]*)?$"
NAME_PATTERN = r"^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}$"  # RFC 9110, 5.6.2
_TOKEN = re.compile(NAME_PATTERN[1:-1], re.ASCII)
VALUE_PATTERN = r"^([!-~]([ -~\t]*[!-~])?)?$"
_VALUE = re.compile(VALUE_PATTERN, re.ASCII)  # RFC 9110, 5.5, without obs-text
#: They frame the message, or belong to the service.
_OURS_PATTERN = (
    r"host|connection|content-length|transfer-encoding|te|trailer|upgrade|expect|keep-alive|(?:proxy|webhook|timer)-.*"
)
_OURS = re.compile(_OURS_PATTERN, re.ASCII)
#: Names that are taken, as JSON Schema can say it, which has no word for upper or lower case.
OWN_NAME_PATTERN = "^(?!(?:{})$){}".format(
    re.sub(r"[a-z]", lambda letter: f"[{letter[0].upper()}{letter[0]}]", _OURS_PATTERN), NAME_PATTERN.removeprefix("^")
)
_VISIBLE = re.compile(r"[\x21-\x7e]+", re.ASCII)


def check_url(url: str) -> tuple[str, int]:
    """Host and port. Raises ValueError with words for the client."""
    if len(url) > MAX_URL:
        raise ValueError(f"Longer than {MAX_URL} characters.")
    if not _VISIBLE.fullmatch(url) or "\\" in url:
        raise ValueError("Only visible ASCII without a backslash, but for the host; percent-encode the rest.")
    return _check_origin(before_path(url))


@lru_cache(1024)
def _check_origin(origin: str) -> tuple[str, int]:
    try:
        parts = urlsplit(origin)
        port = parts.port
    except ValueError:
        raise ValueError("Not a URL.") from None
    if parts.scheme not in ("http", "https"):
        raise ValueError("Only http and https.")
    if "@" in parts.netloc:
        raise ValueError("No user name or password in a URL; use an authorization header.")
    if not parts.hostname:
        raise ValueError("The URL names no host.")
    check_host(re.sub(r":[0-9]*$", "", parts.netloc))
    if port == 0:
        raise ValueError("Port 0 cannot be called.")
    return parts.hostname or "", port or (443 if parts.scheme == "https" else 80)


def check_header(name: str, value: object) -> None:
    """Raises ValueError with words for the client."""
    if not is_header_name(name):
        raise ValueError("Not a header name (RFC 9110).")
    if _OURS.fullmatch(name.lower()):
        raise ValueError("This header frames the message or belongs to the service; it cannot be set.")
    if not isinstance(value, str):
        raise ValueError("Not a string.")
    if not _VALUE.fullmatch(value):
        raise ValueError("Only visible ASCII, with blanks inside.")


def is_header_name(name: object) -> bool:
    return isinstance(name, str) and bool(_TOKEN.fullmatch(name))
