"""Reads /etc/hosts: the addresses of all lines with a name, where c-ares stops at the first."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path


def hosts_file(path: Path, nsswitch: Path) -> dict[str, list[str]]:
    """Names in lower case and their addresses, in the file's order; none if name servers are to be asked before it."""
    if not _comes_first(_lines(nsswitch)):
        return {}
    found: dict[str, list[str]] = {}
    for line in _lines(path):
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
