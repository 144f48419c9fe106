"""How connections to `https:` URLs are secured: TLS 1.2 or later, and certificates of public authorities."""

from __future__ import annotations

import socket
import ssl
from functools import lru_cache
from urllib.parse import urlsplit

import certifi


def context() -> ssl.SSLContext:
    """Reads the authorities' certificates, which takes 10 ms and more. Raises OSError."""
    # Python's default context obeys SSLKEYLOGFILE, and is stricter from 3.13 on: this one is the same everywhere.
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.load_verify_locations(certifi.where())
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF  # an answer that ends so may have been cut on its way
    made.set_alpn_protocols(["http/1.1"])
    return made


def wrap(made: ssl.SSLContext, root: str, sock: socket.socket) -> ssl.SSLSocket:
    """The same socket, which has connected, for a host of this URL; its handshake is to be made yet.

    Raises OSError, and ValueError for a name that no certificate may have.
    """
    return made.wrap_socket(
        sock, server_hostname=_name(root), do_handshake_on_connect=False, suppress_ragged_eofs=False
    )


@lru_cache(256)
def _name(root: str) -> str:
    return (urlsplit(root).hostname or "").removesuffix(".")
