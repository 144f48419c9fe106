"""Which addresses are this machine's own, by the kernel's word at this moment."""

from __future__ import annotations

import errno
import socket
from ipaddress import IPv4Address, IPv6Address, ip_address


def is_local(ip: IPv4Address | IPv6Address) -> bool:
    """Whether a packet to this address stays on this machine. Sends nothing.

    The kernel would send from the address itself, or from a loopback one, and only then. (Binding to it would not tell:
    net.ipv4.ip_nonlocal_bind allows any.)
    """
    if ip.is_loopback or ip.is_unspecified:
        return True
    try:
        sock = socket.socket(socket.AF_INET if ip.version == 4 else socket.AF_INET6, socket.SOCK_DGRAM)
    except OSError as error:
        if error.errno == errno.EAFNOSUPPORT:  # a kernel without IPv6 has no such address
            return False
        raise
    with sock:
        try:
            sock.connect((str(ip), 9))
        except OSError:  # there is no way to it
            return False
        source = ip_address(sock.getsockname()[0].partition("%")[0])
    return source == ip or source.is_loopback
