"""The host of a URL as it is sent: ASCII, and read as one name or address by everybody (UTS 46, WHATWG URL)."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address

import idna

from scheduler import before_path

LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
#: A last label that nobody takes for a number, a dotted quad, or an address in brackets.
_LAST = r"(?:[A-Za-z_]|[0-9]{1,20}[A-WYZa-wyz_])(?:[A-Za-z0-9_-]{0,40}[A-Za-z0-9_])?"
_BYTE = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
#: Of what check_host() takes, as JSON Schema can say it.
HOST_PATTERN = rf"(?:(?:{LABEL}\.)*{_LAST}|{_BYTE}(?:\.{_BYTE}){{3}}|\[[0-9A-Fa-f:.]+\])"
_NAME = re.compile(rf"{LABEL}(?:\.{LABEL})*\.?", re.ASCII)
#: What inet_aton() and browsers take for an IPv4 address, in one of a dozen ways (WHATWG URL, "ends in a number").
_ENDS_IN_NUMBER = re.compile(r"(?:.*\.)?(?:[0-9]+|0[xX][0-9A-Fa-f]*)\.?", re.ASCII)
_PORT = re.compile(r":[0-9]*$", re.ASCII)
_IN_ANY_SCRIPT = re.compile(r"[a-z0-9_.\x80-\U0010ffff-]+")
_LONGEST = 253
_JOINERS = "\u200c\u200d"


def ascii_url(url: str) -> str:
    """The URL with its host in ASCII, and otherwise as it is. Raises ValueError with words for the client."""
    if url.isascii():
        return url
    prefix = before_path(url)
    scheme, slashes, authority = prefix.partition("//")
    port = _PORT.search(authority)
    host = authority[: port.start()] if port else authority
    if host.isascii() or "@" in host:
        return url
    ending = (port[0] if port else "") + url[len(prefix) :]
    return f"{scheme}{slashes}{ascii_host(host)}{ending}"


def ascii_host(host: str) -> str:
    """A-labels for U-labels. Raises ValueError with words for the client."""
    try:
        if len(host) > _LONGEST:
            raise ValueError
        mapped = idna.uts46_remap(host, std3_rules=False)
        if not _IN_ANY_SCRIPT.fullmatch(mapped):  # full-width delimiters become delimiters
            raise ValueError
        return ".".join(label if label.isascii() else _a_label(label) for label in mapped.split("."))
    except (ValueError, IndexError):
        raise ValueError("This is no host name in any script (UTS 46).") from None


def check_host(host: str) -> None:
    """In ASCII, in brackets if it is of IPv6. Raises ValueError with words for the client."""
    if host.startswith("[") and host.endswith("]"):
        try:
            if IPv6Address(host[1:-1]).scope_id is None:
                return
        except ValueError:
            pass
        raise ValueError("This is no IPv6 address.")
    if len(host.removesuffix(".")) > _LONGEST or not _NAME.fullmatch(host):
        raise ValueError("This is no host name (RFC 1123) and no address.")
    if _ENDS_IN_NUMBER.fullmatch(host):
        try:
            IPv4Address(host)
        except ValueError:
            raise ValueError(
                "A host that ends in a number must be an IPv4 address of four decimal numbers, as 192.0.2.1."
            ) from None
    if not all(map(_is_label, host.split("."))):
        raise ValueError("A part of the host begins with xn-- and is no punycode of a name (UTS 46).")


def _is_label(label: str) -> bool:
    """An A-label must be what some U-label is encoded as."""
    label = label.lower()
    if not label.startswith("xn--"):
        return True
    try:
        return _a_label(label[4:].encode("ascii").decode("punycode")) == label
    except (ValueError, IndexError, OverflowError):
        return False


def _a_label(label: str) -> str:
    """Of a U-label as UTS 46 maps them, with its CheckJoiners and CheckBidi; more scripts and signs than IDNA 2008."""
    if label.isascii() or not _IN_ANY_SCRIPT.fullmatch(label) or idna.uts46_remap(label, std3_rules=False) != label:
        raise ValueError(label)
    idna.check_initial_combiner(label)
    idna.check_bidi(label)
    if any(char in _JOINERS and not idna.valid_contextj(label, at) for at, char in enumerate(label)):
        raise ValueError(label)
    encoded = "xn--" + label.encode("punycode").decode("ascii")
    if len(encoded) > 63:
        raise ValueError(label)
    return encoded
