"""The files that say how names are looked up."""

from __future__ import annotations

import contextlib
import os
from ipaddress import ip_address
from pathlib import Path

HOSTS, NSSWITCH = Path("/etc/hosts"), Path("/etc/nsswitch.conf")
#: What getaddrinfo() reads again when it changes.
FILES = (Path("/etc/resolv.conf"), NSSWITCH, HOSTS)


def versions() -> dict[Path, tuple[int, ...]]:
    """Device, inode, size and time: one changes when a file is replaced, mounted over or written, or its link moved."""
    return {path: _version(path) for path in FILES}


def hosts_file() -> dict[str, list[str]]:
    """Of /etc/hosts: names in lower case and the addresses of all their lines, in the file's order; none if name
    servers are to be asked before it."""
    if not _comes_first(_lines(NSSWITCH)):
        return {}
    found: dict[str, list[str]] = {}
    for line in _lines(HOSTS):
        address, *names = line.split() or [""]
        try:
            address = str(ip_address(address))
        except ValueError:
            continue
        for name in names:
            found.setdefault(name.lower(), []).append(address)
    return found


def _comes_first(nsswitch: list[str]) -> bool:
    """nsswitch.conf(5): where it says nothing, files are looked at before name servers are asked."""
    for line in nsswitch:
        database, _, services = line.partition(":")
        if database.strip() == "hosts":
            asked = services.split()
            return "files" in asked and not ("dns" in asked and asked.index("dns") < asked.index("files"))
    return True


def _lines(path: Path) -> list[str]:
    """Without comments; none if there is no such file."""
    try:
        text = path.read_text(errors="replace")
    except OSError:
        return []
    return [line.partition("#")[0] for line in text.splitlines()]


def _version(path: Path) -> tuple[int, ...]:
    with contextlib.suppress(OSError):
        found = os.stat(path)
        return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns
    return ()
