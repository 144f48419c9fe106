"""How names are looked up follows what the machine's files say, as getaddrinfo() would, while a transport runs.

Tried: moving_names.py's steps. Not tried, for c-ares knows no such services: mdns, myhostname and the like.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.delivery.moving_names import FIRST, SECOND, THIRD
from tests.delivery.test_guard import INSIDE, need_namespaces

EXPECTED = {
    "at first": FIRST,
    "the file behind a symbolic link was replaced": SECOND,
    "the link leads elsewhere": FIRST,
    "a file was mounted over it": SECOND,
    "the mounted file was written in place": FIRST,
    "a domain to search appeared": FIRST,
    "a dot at the end: no domain is searched": "dns",
    "dots below ndots": FIRST,
    "dots, and ndots was raised": FIRST,
    "hosts: one line": FIRST,
    "hosts: another address": THIRD,
    "hosts: a second line, which may not be called": "blocked",
    "hosts: one of three families may not be called": "blocked",
    "hosts: no line, and the name server is asked": FIRST,
    "hosts: before the name server": "blocked",
    "hosts: not to be asked": FIRST,
    "asked anew": SECOND,
}
#: A look-up that was under way when the servers changed. c-ares asks the new ones; getaddrinfo() asks those that it has
#: begun with until it gives up, and reads the file again for the next look-up (glibc 2.26 and later).
UNDER_WAY = {"c-ares": SECOND, "threads": "dns"}


@pytest.mark.parametrize("resolver", ["c-ares", "threads"])
def test_other_name_servers_and_hosts_are_noticed_within_seconds(tmp_path: Path, resolver: str) -> None:
    """Red where look_for_changes says no, or Lookups keeps what it knows."""
    need_namespaces()
    command = [*INSIDE, sys.executable, "-m", "tests.delivery.moving_names", str(tmp_path), resolver]
    done = subprocess.run(command, capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == EXPECTED | {"asked of a silent server, and then of another": UNDER_WAY[resolver]}
