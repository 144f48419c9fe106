"""Networks and ports as settings name them. Pure."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_network

Network = IPv4Network | IPv6Network


def networks(text: str) -> tuple[Network, ...]:
    """CIDRs, comma separated. Raises ValueError."""
    return tuple(ip_network(part.strip()) for part in text.split(",") if part.strip())


def ports(text: str) -> frozenset[int]:
    """Port numbers, comma separated. Raises ValueError."""
    found = frozenset(int(part) for part in text.split(",") if part.strip())
    if not all(0 < port < 65_536 for port in found):
        raise ValueError("a port is a number from 1 to 65535")
    return found
