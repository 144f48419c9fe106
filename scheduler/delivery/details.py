"""Why an attempt had no answer, in a sentence beside its word. Pure; nothing in them comes from the receiver."""

from __future__ import annotations

import errno
import socket

#: By what OpenSSL says of it; the first that is found. The order matters: a self-signed root is another matter than a
#: receiver that signed for itself.
_TLS = (
    ("has expired", "The receiver's certificate has expired."),
    ("not yet valid", "The receiver's certificate is not valid yet."),
    ("in certificate chain", "The receiver's certificate is of an unknown authority, which signed for itself."),
    ("self-signed", "The receiver's certificate is self-signed."),
    ("self signed", "The receiver's certificate is self-signed."),
    ("local issuer", "The receiver's certificate is of an unknown authority, or its chain is not whole."),
    ("first certificate", "The receiver's certificate is of an unknown authority, or its chain is not whole."),
    ("mismatch", "The receiver's certificate is for another host."),
    ("certificate verify", "The receiver's certificate cannot be verified."),
    ("wrong version", "The receiver does not speak TLS on this port."),
    ("packet length", "The receiver does not speak TLS on this port."),
    ("record layer", "The receiver does not speak TLS on this port."),
    ("alert", "The receiver refused the TLS handshake."),
    ("eof", "The receiver closed the connection during the TLS handshake."),
    ("reset", "The receiver closed the connection during the TLS handshake."),
    ("broken pipe", "The receiver closed the connection during the TLS handshake."),
)
_CONNECT = {
    errno.ECONNREFUSED: "The receiver refused the connection: nothing listens on this port.",
    errno.EHOSTUNREACH: "The receiver's host is unreachable.",
    errno.ENETUNREACH: "The receiver's network is unreachable.",
    errno.EADDRNOTAVAIL: "There is no way to the receiver's address from here.",
    errno.ETIMEDOUT: "The receiver's host does not answer.",
    errno.ECONNRESET: "The receiver closed the connection before the request was sent.",
    errno.EMFILE: "This poller has no file left to open a connection with.",
    errno.ENFILE: "This machine has no file left to open a connection with.",
}
NO_SUCH_NAME = "There is no such name, or it has no address."
NAME_SERVER_FAILED = "The name server did not answer, or could not tell."
_NO_SUCH_NAME = {socket.EAI_NONAME, socket.EAI_NODATA}
NOT_LOOKED_UP = "The name was not looked up within the timeout: the name server is silent."
#: By the word, and whether the request may have been on the wire.
_USUAL = {
    ("blocked", False): "Only public addresses are called, and networks that TIMER_EGRESS_ALLOW names.",
    ("dns", False): NO_SUCH_NAME,
    ("connect", False): "No connection to the receiver came about.",
    ("tls", False): "The TLS handshake failed.",
    ("timeout", False): "No connection to the receiver came about within the timeout.",
    ("timeout", True): "The receiver's answer was not whole within the timeout.",
    ("reset", True): "The receiver closed the connection before its answer was whole.",
    ("protocol", False): "What is stored cannot be sent as a request.",
    ("protocol", True): "What the receiver sent is not a whole answer of HTTP/1.1.",
}


def usual(word: str, sent: bool) -> str | None:
    """The sentence for an error's word if nothing more is known."""
    return _USUAL.get((word, sent))


def of_tls(reason: str) -> str:
    """Why a TLS handshake failed; `reason` is what OpenSSL says."""
    reason = reason.lower()
    return next((words for part, words in _TLS if part in reason), _USUAL["tls", False])


def of_connect(number: int | None) -> str:
    """Why no connection came about; `number` is the errno of the address that was tried last."""
    return _CONNECT.get(number or 0, _USUAL["connect", False])


def of_look_up(number: int | None) -> str:
    """Why a name has no address; `number` is what getaddrinfo() failed with."""
    return NO_SUCH_NAME if number in _NO_SUCH_NAME else NAME_SERVER_FAILED
