"""Which addresses may be called. Pure: dialling.py asks about every address that a look-up gives.

Python's own `is_global` is no guard: it lets through cloud metadata addresses, NAT64, 6to4, multicast and more.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

#: What is not globally reachable in the IANA special-purpose registries (2026), and the dangerous beside them.
_DENIED: tuple[Network, ...] = tuple(
    ip_network(text)
    for text in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # shared by carriers; Alibaba's metadata is 100.100.100.200
        "127.0.0.0/8",  # loopback
        "168.63.129.16/32",  # Azure's wire server: a public address, served from inside
        "169.254.0.0/16",  # link-local; the metadata of most clouds is 169.254.169.254
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # IETF protocols; Oracle's metadata is 192.0.0.192
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # 6to4 relays, deprecated
        "192.168.0.0/16",  # private
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
        "::/96",  # unspecified, loopback, IPv4-compatible
        "64:ff9b:1::/48",  # NAT64 for local use
        "100::/64",  # discard
        "100:0:0:1::/64",  # dummy
        "2001::/23",  # IETF protocols, Teredo, benchmarks, ORCHID
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4
        "3fff::/20",  # documentation
        "5f00::/16",  # segment routing
        "fc00::/7",  # unique local; AWS's metadata is fd00:ec2::254
        "fe80::/10",  # link-local
        "fec0::/10",  # site-local, deprecated
        "ff00::/8",  # multicast
    )
)
#: An IPv6 address of these is the IPv4 address in its last 32 bits, and is judged as that.
_IPV4_INSIDE = (IPv6Network("::ffff:0:0/96"), IPv6Network("64:ff9b::/96"))
_LIKE_AN_ADDRESS = re.compile(r"[\[\]0-9a-fx.]+", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Guard:
    #: Networks that are allowed though they are special.
    allow: tuple[Network, ...] = ()
    #: If any: no other port may be called.
    ports: frozenset[int] = frozenset()
    #: Our own API and store: never allowed.
    own: frozenset[tuple[Address, int]] = frozenset()

    def permits(self, address: str, port: int) -> bool:
        """Whether a connection may go there. `address` is one that getaddrinfo gave."""
        ip = inner(ip_address(address.partition("%")[0]))
        if (ip, port) in self.own or (self.ports and port not in self.ports):
            return False
        return any(ip in network for network in self.allow) or not any(ip in network for network in _DENIED)

    def permits_url(self, host: str, port: int) -> bool:
        """What can be said before a look-up: False for a literal address, or a port, that may not be called."""
        address = literal(host)
        if address is None:
            return not self.ports or port in self.ports
        return self.permits(address, port)


def literal(host: str) -> str | None:
    """The address that a host is by itself, also in the forms of inet_aton: `127.1`, `0x7f000001`, `2130706433`."""
    if ":" not in host and not _LIKE_AN_ADDRESS.fullmatch(host):
        return None  # as most are: a tenth of the time it takes ip_address() to refuse a name
    try:
        return str(ip_address(host.strip("[]")))
    except ValueError:
        pass
    try:
        return socket.inet_ntoa(socket.inet_aton(host))
    except OSError:
        return None


def networks(text: str) -> tuple[Network, ...]:
    """CIDRs, comma separated. Raises ValueError."""
    return tuple(ip_network(part.strip()) for part in text.split(",") if part.strip())


def ports(text: str) -> frozenset[int]:
    """Port numbers, comma separated. Raises ValueError."""
    found = frozenset(int(part) for part in text.split(",") if part.strip())
    if not all(0 < port < 65_536 for port in found):
        raise ValueError("a port is a number from 1 to 65535")
    return found


def literal_endpoints(hosts: Iterable[tuple[str, int]]) -> frozenset[tuple[Address, int]]:
    """Those hosts that are addresses themselves, with their ports."""
    return frozenset((inner(ip_address(address)), port) for host, port in hosts if (address := literal(host)))


def inner(ip: Address) -> Address:
    """The IPv4 address inside of an IPv6 one, where there is one."""
    if isinstance(ip, IPv6Address) and any(ip in network for network in _IPV4_INSIDE):
        return IPv4Address(int(ip) & 0xFFFF_FFFF)
    return ip
