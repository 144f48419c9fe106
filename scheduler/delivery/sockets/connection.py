"""A connection that carries one request after another and never makes its thread wait."""

from __future__ import annotations

import errno
import select
import socket
import ssl
from collections.abc import Callable

from scheduler.delivery.answer_reader import AnswerReader, BrokenAnswer
from scheduler.delivery.details import of_connect, of_tls
from scheduler.delivery.sockets.call import Call

#: Bytes that are read at once, of which most answers have some hundred. As many as a record of TLS holds, so that
#: nothing stays in one that epoll does not know of.
_PIECE = 16_384
#: Bytes that are read before other connections have their turn: most answers have less.
_MOST_READ = 2 * _PIECE
#: And pieces: over TLS one may be a single byte.
_MOST_PIECES = 64

#: Wraps a socket that has connected, for TLS.
Secure = Callable[[socket.socket], ssl.SSLSocket]


class Connection:
    """From connecting on. Raises OSError, of which ssl.SSLError is one; failure() says what it means.

    Used by one thread.
    """

    __slots__ = (
        *("address", "call", "descriptor", "idle", "idle_since", "is_connected", "is_ready", "key", "may_have_more"),
        *("out", "reader", "watched", "_secure", "_sock"),
    )

    def __init__(self, key: tuple[str, str], port: int, secure: Secure | None) -> None:
        """Begin to connect. `key`: the root of the URLs that it may carry, and the address that it goes to; `secure`:
        None for plain HTTP."""
        self.key = key
        self.address = key[1]
        self._secure = secure
        family = socket.AF_INET6 if ":" in self.address else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        self._sock: socket.socket | ssl.SSLSocket = sock
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            number = sock.connect_ex((self.address, port))
            if number not in (0, errno.EINPROGRESS):
                raise OSError(number, "it cannot connect")
        except BaseException:
            sock.close()
            raise
        self.descriptor = sock.fileno()
        #: What epoll is to tell of it.
        self.watched = select.EPOLLOUT
        #: TCP has connected; TLS too, where it is to be: it may carry requests.
        self.is_connected = self.is_ready = False
        #: Of the request that it carries: whose it is, what is to be sent yet, what reads the answer.
        self.call: Call | None = None
        self.out: bytes | memoryview = b""
        self.reader: AnswerReader | None = None
        #: There may be more to read than was read.
        self.may_have_more = False
        #: Since when it carries none, and for how many seconds it had carried none before this one.
        self.idle_since = self.idle = 0.0

    def advance(self) -> int:
        """Go on connecting: what epoll is to wait for; 0 once it is ready."""
        if not self.is_connected:
            if number := self._sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                raise OSError(number, "it cannot connect")
            self.is_connected = True
            if self._secure:
                self._sock = self._secure(self._sock)
        if isinstance(self._sock, ssl.SSLSocket):
            try:
                self._sock.do_handshake()
            except ssl.SSLWantReadError:
                return select.EPOLLIN
            except ssl.SSLWantWriteError:
                return select.EPOLLOUT
        self.is_ready = True
        return 0

    def send_more(self) -> int:
        """What epoll is to wait for: room until all is on its way."""
        try:
            sent = self._sock.send(self.out)
            while sent < len(self.out):  # a part of a body of megabytes is not to be copied for each of its pieces
                self.out = memoryview(self.out)[sent:]
                sent = self._sock.send(self.out)
        except ssl.SSLWantReadError:  # TLS is being negotiated anew: there is room meanwhile, and it would not end
            return select.EPOLLIN
        except (BlockingIOError, ssl.SSLWantWriteError):
            return select.EPOLLIN | select.EPOLLOUT
        self.out = b""
        return select.EPOLLIN

    def read_answer(self) -> bool:
        """Read what has come of it: whether it has ended. Raises BrokenAnswer, too."""
        reader, left = self.reader, _MOST_READ
        assert reader
        self.may_have_more = False
        for _ in range(_MOST_PIECES):
            try:
                data = self._sock.recv(_PIECE)
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                return False
            if not data:
                if reader.end():
                    return True
                raise BrokenAnswer if reader.has_begun else ConnectionResetError
            if reader.take(data):
                return True
            if len(data) < _PIECE and not self._secure:  # a record of TLS is a piece, and others may be there
                return False
            left -= len(data)
            if left <= 0:
                break
        self.may_have_more = True
        return False

    def is_spoiled(self) -> bool:
        """Of an idle one: whether the other side has closed it, or said what nobody asked for."""
        try:
            if isinstance(self._sock, ssl.SSLSocket):
                self._sock.recv(1)  # what it says for TLS itself is nothing
            else:
                self._sock.recv(1, socket.MSG_PEEK)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return False
        except OSError:
            return True
        return True

    def close(self) -> None:
        self._sock.close()

    def failure(self, error: Exception) -> tuple[str, str | None]:
        """The word of what has gone wrong on it, and a sentence about it where more is known."""
        if isinstance(error, BrokenAnswer) or not isinstance(error, OSError | ValueError):
            return "protocol", None
        if not self.is_connected:
            return "connect", of_connect(getattr(error, "errno", None))
        if not self.is_ready:
            return "tls", of_tls(str(error))
        if isinstance(error, ssl.SSLError) and not isinstance(error, ssl.SSLEOFError):
            return "tls", of_tls(str(error))
        return "reset", None
