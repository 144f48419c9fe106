"""One request as libcurl makes it: what it does by itself is switched off, what it answers is put into our words."""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from io import BytesIO

import certifi
import pycurl

from scheduler.delivery.answer_head import MAX_HEAD
from scheduler.delivery.curl.call import NO_HEADERS, Call
from scheduler.delivery.curl.connection import Connection
from scheduler.delivery.curl.head import Head, read
from scheduler.delivery.curl.sockets import Sockets
from scheduler.delivery.details import of_connect, of_tls
from scheduler.delivery.own_signing import Signers
from scheduler.delivery.request import target
from scheduler.delivery.transport import MAX_READ, MOST_IDLE, Answer, Lets, is_too_late, unsent

#: Bytes of a body that an idle handle may keep.
_SMALL = 4096
#: Headers that it is told to leave out.
_ADDED_BY_LIBCURL = ["accept:", "content-type:"]
_TLS_ERRORS = frozenset({35, 51, 53, 54, 58, 59, 60, 64, 66, 77, 80, 82, 83, 90, 91, 98})
_WORDS = {
    pycurl.E_COULDNT_RESOLVE_HOST: "dns",
    pycurl.E_COULDNT_CONNECT: "connect",
    pycurl.E_OPERATION_TIMEDOUT: "timeout",
    pycurl.E_ABORTED_BY_CALLBACK: "reset",
    pycurl.E_GOT_NOTHING: "reset",
    pycurl.E_RECV_ERROR: "reset",
    pycurl.E_SEND_ERROR: "reset",
} | dict.fromkeys(_TLS_ERRORS, "tls")

log = logging.getLogger(__name__)


class _Original(socket.socket):
    """A socket that closes when pycurl has duplicated its descriptor, as it does with what it is given."""

    def __del__(self) -> None:
        if self.fileno() >= 0:  # not where none could be made
            self.close()


@dataclass(frozen=True, slots=True)
class Common:
    """What all handles of a transport share with it."""

    #: Whether an address and a port may be called.
    permits: Callable[[str, int], bool]
    sockets: Sockets
    lets: Lets
    signers: Signers
    #: Calls whose race has a winner.
    won: list[Call] = field(default_factory=list)


class Handle:
    """A libcurl easy handle, set up once; it carries one call after another."""

    #: Its address may not be called.
    blocked = False
    #: It was not to be sent any more when it had a connection; nothing was sent.
    withheld = False
    #: It was about to send on a connection that is closed, or may be soon; nothing was sent.
    stale = False

    def __init__(self, common: Common) -> None:
        self._common = common
        self.call: Call
        self._url = self.address = ""
        #: Its origin and a slash; no URL begins with a blank.
        self._root = " "
        self._headers = _ADDED_BY_LIBCURL
        self._shape = ("", True)
        self._left = 0
        #: It is told to open a connection; it has opened one.
        self._fresh = self._opened = False
        #: That its request went on.
        self._connection: Connection
        #: Of the connection that is being made.
        self._descriptor = -1
        #: All heads of an answer, and its trailers. A method of C takes each line: of Python it took 2 us an answer.
        self._heads = BytesIO()
        self.curl = pycurl.Curl()
        self.curl.handle = self
        for option, value in (
            (pycurl.NOSIGNAL, 1),
            (pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1),
            (pycurl.MAXAGE_CONN, MOST_IDLE),
            (pycurl.USERAGENT, ""),  # pycurl's own would stand beside that of the head
            (pycurl.CAINFO, certifi.where()),  # the wheel's own path does not exist on Debian
            (pycurl.PROXY, ""),  # whatever the environment says
            (pycurl.NOPROXY, "*"),
            (pycurl.FOLLOWLOCATION, 0),
            (pycurl.HTTP09_ALLOWED, 0),
            (pycurl.HTTP_CONTENT_DECODING, 0),
            (pycurl.BUFFERSIZE, 16_384),
            (pycurl.OPENSOCKETFUNCTION, self._open_socket),
            (pycurl.SOCKOPTFUNCTION, self._take_descriptor),
            (pycurl.PREREQFUNCTION, self._before_request),
            (pycurl.HEADERFUNCTION, self._heads.write),
            (pycurl.WRITEFUNCTION, self._read_body),
        ):
            self.curl.setopt(option, value)

    def carry(self, call: Call, address: str, now: float) -> None:
        """Set the handle up for a call, to be sent to this address."""
        self.call = call
        self.blocked = self.stale = self.withheld = False
        self._descriptor = -1
        curl, request = self.curl, call.request
        if request.url != self._url:
            if not request.url.startswith(self._root):  # most calls go to the origin of the handle's last one
                self._root = f"{request.origin}/"
                curl.setopt(pycurl.URL, self._root)
                # libcurl takes away the dot at the end of a name.
                host = [f"host: {request.host}"] if request.host.partition(":")[0].endswith(".") else []
                self._headers = _ADDED_BY_LIBCURL + host
            curl.setopt(pycurl.REQUEST_TARGET, target(request.url, len(self._root) - 1))
            self._url = request.url
        if address != self.address:  # most calls go where the handle's last one went
            curl.setopt(pycurl.CONNECT_TO, [f"::[{address}]:" if ":" in address else f"::{address}:"])
            self.address = address
        shape = (request.method, request.body is None)
        if shape != self._shape:
            curl.setopt(pycurl.HTTPGET, 1)  # which undoes the next two
            if request.method == "HEAD":
                curl.setopt(pycurl.NOBODY, 1)
            curl.setopt(pycurl.CUSTOMREQUEST, request.method)
            self._shape = shape
        if request.body is not None:
            curl.setopt(pycurl.POSTFIELDS, request.body)
        # One string is all headers: libcurl copies each it is given, and looks into each for a dozen names (2 us).
        # With a name and no value it takes away what it would add by itself, and not what that string says.
        curl.setopt(pycurl.HTTPHEADER, [request.head, *self._headers])
        self._opened = False
        fresh = call.fresh or call.claim.redelivery is not None
        if fresh != self._fresh:
            curl.setopt(pycurl.FRESH_CONNECT, int(fresh))
            self._fresh = fresh
        left = max(1, round(1000 * (call.deadline - now)))
        if left != self._left:
            curl.setopt(pycurl.TIMEOUT_MS, left)
            self._left = left

    def connected(self) -> bool:
        """Whether it has a connection of its own, on which TLS may still be negotiated."""
        if self._descriptor < 0:  # none was opened
            return False
        try:
            sock = socket.socket(fileno=self._descriptor)
        except OSError:  # it is closed
            return False
        try:
            sock.getpeername()
        except OSError:
            return False
        finally:
            sock.detach()
        return True

    def wait_on(self) -> None:
        """libcurl's deadline counts no more for this call: whoever says so ends it."""
        self.curl.setopt(pycurl.TIMEOUT_MS, 0)
        self._left = 0

    def has_long_head(self) -> bool:
        """Whether what has come of the answer's heads by now is too long."""
        return self._heads.tell() > MAX_HEAD

    def let_go(self) -> None:
        """Forget the call that has ended. libcurl keeps a small body: to take it away is not worth the call."""
        body = self.call.request.body
        if body is not None and len(body) > _SMALL:
            self.curl.setopt(pycurl.POSTFIELDS, b"")
        self._heads.seek(0)
        self._heads.truncate()
        del self.call

    def finished(self, code: int, message: str, now: float) -> Answer:
        """The answer of the call, whose transfer has ended with this code (0: well)."""
        call = self.call
        head = read(self._heads.getvalue())
        status = head.status or self.curl.getinfo(pycurl.RESPONSE_CODE) or None
        if status and status < 200 and status != 101:  # interim: the answer never came
            status = None
        if self.blocked:
            return call.answer(now, "blocked")
        if self.withheld:
            return unsent(call.claim)
        if code == 0:  # else libcurl has closed it
            self._connection.answered(now)
        if code == 0 or (code == pycurl.E_WRITE_ERROR and call.cut):
            return call.answer(now, None if self._is_whole(head) else "protocol", status, head.headers)
        word = "protocol" if self.has_long_head() or "chunk" in message else _WORDS.get(code, "protocol")
        if word in ("reset", "protocol") and not call.sent:
            word = "connect"
        answer = call.answer(now, word, status, head.headers if status else NO_HEADERS, self._detail(word, message))
        if answer.met_a_close:
            self._connection.met_close(now)
        return answer

    def _detail(self, word: str, message: str) -> str | None:
        if word == "tls":
            return of_tls(message)
        return of_connect(self.curl.getinfo(pycurl.OS_ERRNO)) if word == "connect" else None

    def _is_whole(self, head: Head) -> bool:
        if not head.is_whole or head.status == 204:
            return head.is_whole
        return self.curl.getinfo(pycurl.CONTENT_LENGTH_DOWNLOAD_T) >= 0 or head.tells_where_its_body_ends

    def _before_request(self, theirs: str, _ours: str, their_port: int, our_port: int) -> int:
        """Refuse to send a call's request twice: libcurl does when a reused connection closes before an answer."""
        call = self.call
        if call.sent:
            return int(pycurl.PREREQFUNC_ABORT)
        if not self._may_be_sent():
            self.withheld = True
            return int(pycurl.PREREQFUNC_ABORT)
        sockets, ends = self._common.sockets, (theirs, their_port, our_port)
        if self._opened:
            self._connection = sockets.connected(self._descriptor, ends, self._root)
        else:
            self._connection = sockets.used_again(ends, self._root)
            if not self._connection.take(call.claim, time.monotonic()):
                self.stale = True
                return int(pycurl.PREREQFUNC_ABORT)
            call.reused = True
        call.sent = True
        if race := call.race:
            race.winner = self
            self._common.won.append(call)
        return int(pycurl.PREREQFUNC_OK)

    def _may_be_sent(self) -> bool:
        """Asked once more now that there is a connection. One that was there already has taken no time."""
        call, claim = self.call, self.call.claim
        if not self._opened and claim.send_by is None:
            return True
        now = time.monotonic()
        common = self._common
        return not is_too_late(claim, now) and common.lets(claim, now) and common.signers.of(claim) is call.signer

    def _open_socket(self, _: int, address: tuple[int, int, int, tuple[bytes | str, int]]) -> socket.socket | int:
        """Check the address at the moment of connecting, and make the socket."""
        family, kind, protocol, target = address
        host = target[0].decode() if isinstance(target[0], bytes) else target[0]
        if not self._common.permits(host, target[1]):
            self.blocked = True
            return int(pycurl.SOCKET_BAD)
        self._opened = True
        try:
            return _Original(family, kind, protocol)
        except OSError as error:  # no descriptor is left
            log.error("no connection can be opened: %s", error.strerror)
            return int(pycurl.SOCKET_BAD)

    def _take_descriptor(self, descriptor: int, _purpose: int) -> int:
        """Note the socket: libcurl tells when it has connected only once TLS is negotiated too, the socket at once.

        Its number may be that of one which libcurl has closed, and epoll forgotten.
        """
        self._descriptor = descriptor
        self._common.sockets.opened(descriptor)
        return int(pycurl.SOCKOPT_OK)

    def _read_body(self, piece: bytes) -> int | None:
        call = self.call
        room = MAX_READ - len(call.body)
        if not call.body:
            call.body = bytearray()
        call.body += piece[:room]
        if len(piece) < room:
            return None
        call.cut = True
        return 0
