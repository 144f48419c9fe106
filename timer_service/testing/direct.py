"""How tests call what runs on their own machine: by no proxy, whatever the environment says."""

from __future__ import annotations

import requests


def direct_session() -> requests.Session:
    session = requests.Session()
    session.trust_env = False
    return session
