"""What of the environment counts for connections to a service: proxies, CA bundle, ~/.netrc, as requests takes them."""

from __future__ import annotations

from dataclasses import dataclass

import requests
from requests.utils import get_netrc_auth


@dataclass(frozen=True, slots=True)
class Environment:
    #: By scheme; empty where this service is reached without one.
    proxies: dict[str, str]
    #: A file or folder of certificates; None: those that come with requests.
    ca_bundle: str | None
    #: Name and password.
    netrc: tuple[str, str] | None


def environment(url: str) -> Environment:
    """As it stands now: to look again at each call, as requests does, costs a seventh of the call."""
    with requests.Session() as session:
        found = session.merge_environment_settings(url, {}, None, None, None)
    bundle = found["verify"]
    return Environment(dict(found["proxies"]), bundle if isinstance(bundle, str) else None, get_netrc_auth(url))
