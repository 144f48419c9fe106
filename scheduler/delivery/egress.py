"""Which addresses and ports may be called; sockets/transport.py asks about every address that a look-up gives.

Python's own `is_global` is no guard: it lets through cloud metadata addresses, NAT64, 6to4, multicast and more.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

from scheduler.delivery.local import is_local
from scheduler.networks import Network

Address = IPv4Address | IPv6Address

#: All of IPv6 that IANA has given out as public: what is outside is special, or will be one day.
_PUBLIC_IPV6 = IPv6Network("2000::/3")
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
        "2001::/23",  # IETF protocols, Teredo, benchmarks, ORCHID
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4
        "3fff::/20",  # documentation
    )
)
#: Ports of protocols that can be made to obey what stands in an HTTP request, or that nobody serves HTTP on: the "bad
#: ports" of the Fetch standard (https://fetch.spec.whatwg.org/#port-blocking, 2026), as every browser has them, and
#: Redis and memcached, which run a command a line.
# fmt: off
_BAD_PORTS = frozenset({
    0, 1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102, 103, 104, 109,
    110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 465, 512, 513, 514, 515, 526, 530, 531,
    532, 540, 548, 554, 556, 563, 587, 601, 636, 989, 990, 993, 995, 1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060,
    5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080,
    6379, 11211,
})
# fmt: on
#: An IPv6 address of these is the IPv4 address in its last 32 bits, and is judged as that.
_IPV4_INSIDE = (IPv6Network("::ffff:0:0/96"), IPv6Network("64:ff9b::/96"))
#: What a connection to them goes to.
_UNSPECIFIED: dict[Address, Address] = {
    IPv4Address("0.0.0.0"): IPv4Address("127.0.0.1"),
    IPv6Address("::"): IPv6Address("::1"),
}
_LIKE_AN_ADDRESS = re.compile(r"[\[\]0-9a-fx.]+", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Guard:
    """Which addresses and ports may be called. Frozen; shared by threads; asks nobody but this machine's kernel."""

    #: Networks that are allowed though they are special.
    allow: tuple[Network, ...] = ()
    #: If any: no other port may be called. If none: all but the bad ones.
    ports: frozenset[int] = frozenset()
    #: Our own API and store: never allowed. An unspecified address stands for every address of this machine.
    own: frozenset[tuple[Address, int]] = frozenset()

    def permits(self, address: str, port: int) -> bool:
        """Whether a connection may go there. `address` is one that getaddrinfo gave."""
        ip, is_public = _judged(address)
        if not self.permits_port(port) or self._is_ours(ip, port):
            return False
        return is_public or any(ip in network for network in self.allow)

    def permits_port(self, port: int) -> bool:
        return port in self.ports if self.ports else port not in _BAD_PORTS

    def refusal(self, host: str, port: int) -> str:
        """Why a destination may not be called, and what to set; nothing of it tells what a look-up has found."""
        if not self.permits_port(port):
            if self.ports:
                return f"Port {port} is not among those of TIMER_EGRESS_PORTS."
            return f"Port {port} is of another protocol; it is called only if TIMER_EGRESS_PORTS names it."
        words = "Only public addresses are called, and networks that TIMER_EGRESS_ALLOW names; never our own services."
        return f"{words} In a container, {host} is the container itself." if _is_loopback(host) else words

    def _is_ours(self, ip: Address, port: int) -> bool:
        if not any(port == own for _, own in self.own):  # as of most: to compare addresses takes 1 us
            return False
        if (ip, port) in self.own:
            return True
        return any((unspecified, port) in self.own for unspecified in _UNSPECIFIED) and is_local(ip)

    def permits_url(self, host: str, port: int) -> bool:
        """What can be said before a look-up: False for a literal address, or a port, that may not be called."""
        address = literal(host)
        if address is None:
            return self.permits_port(port)
        return self.permits(address, port)


@lru_cache(1024)  # most calls go to few addresses, and to judge one takes 10 us
def _judged(address: str) -> tuple[Address, bool]:
    """The address that a connection to this one reaches, and whether it is public."""
    ip = _meant(inner(ip_address(address.partition("%")[0])))
    return ip, _is_public(ip)


def _is_public(ip: Address) -> bool:
    if isinstance(ip, IPv6Address) and ip not in _PUBLIC_IPV6:
        return False
    return not any(ip in network for network in _DENIED)


def _is_loopback(host: str) -> bool:
    """Whether a host is this machine by its name alone, without a look-up."""
    address = literal(host)
    if address is None:
        return host.lower().removesuffix(".") == "localhost"
    return _meant(inner(ip_address(address))).is_loopback


def _meant(ip: Address) -> Address:
    """The address that a connection to `ip` reaches: loopback for the unspecified one."""
    return _UNSPECIFIED.get(ip, ip)


@lru_cache(1024)
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


def literal_endpoints(hosts: Iterable[tuple[str, int]]) -> frozenset[tuple[Address, int]]:
    """Those hosts that are addresses themselves, with their ports."""
    return frozenset((inner(ip_address(address)), port) for host, port in hosts if (address := literal(host)))


def inner(ip: Address) -> Address:
    """The IPv4 address inside of an IPv6 one, where there is one."""
    if isinstance(ip, IPv6Address) and any(ip in network for network in _IPV4_INSIDE):
        return IPv4Address(int(ip) & 0xFFFF_FFFF)
    return ip
