"""Requests under way: of a host with several addresses, connections race, and the first that is ready carries it."""

from __future__ import annotations

import logging
import select
import time
from collections.abc import Sequence

from scheduler.delivery.addresses import Order, Origin, pause
from scheduler.delivery.answer_reader import AnswerReader, BrokenAnswer
from scheduler.delivery.details import of_connect
from scheduler.delivery.sockets.agenda import Agenda
from scheduler.delivery.sockets.call import Call
from scheduler.delivery.sockets.connection import Connection
from scheduler.delivery.sockets.connections import Connections
from scheduler.delivery.sockets.rules import Rules, unsendable
from scheduler.delivery.transport import Answer, unsent

log = logging.getLogger(__name__)


class UnderWay:
    """For the transport's thread. What goes wrong with one request ends that; nothing of it is raised."""

    def __init__(self, rules: Rules, connections: Connections, slots: int, answers: list[Answer]) -> None:
        """What has ended is put into `answers`."""
        self._rules = rules
        self._connections = connections
        self._slots = slots
        self._answers = answers
        self._deadlines: Agenda[Call] = Agenda()
        #: Calls that try another address soon, if they are not connected by then.
        self._next_tries: Agenda[Call] = Agenda()
        self._order = Order()
        self._root, self._host = " ", ""  # no URL begins with a blank
        #: Requests that were begun since the transport has set this to 0.
        self.begun = 0

    def next(self) -> float | None:
        """The moment at which something is to be done though nothing arrives."""
        return min(filter(None, (self._deadlines.next(), self._next_tries.next())), default=None)

    def send(self, call: Call, origin: Origin, addresses: Sequence[str], now: float) -> None:
        """To one of these addresses, which all may be called. It may be sent, too."""
        request = call.request
        if not request.url.startswith(self._root):  # most go where the last one went
            self._root = f"{request.origin}/"
            self._host = request.host
        call.root, call.origin = self._root, origin
        self._deadlines.add(call.deadline, call)
        self.begun += 1
        try:
            call.wire = request.on_wire(len(self._root) - 1, self._host)
            if len(addresses) > 1:
                call.ahead = self._order.of(origin, addresses)
                call.favourite = call.ahead[0]
                self._start(call, call.ahead.pop(0), now)
            else:
                self._start(call, addresses[0], now)
        except Exception as error:
            self._leave(call)
            self._answers.append(unsendable(call.claim, call.started_at, error))

    def event(self, connection: Connection, events: int) -> None:
        """epoll tells that it can go on."""
        now = time.monotonic()
        call = connection.call
        try:
            if call is None:
                self._connections.look_at_idle(connection, now)
            elif not connection.is_ready:
                self._advance(connection, call, now)
            else:
                if connection.out:
                    self._send(connection, now)
                if events & ~select.EPOLLOUT and connection.call is call:
                    self._read(connection, now)
        except Exception as error:  # whatever one receiver does, the others go on
            self._failed(connection, error, now)

    def go_on(self, now: float) -> None:
        """Do what is due."""
        for call in self._deadlines.due(now):
            self._overdue(call, now)
        for call in self._next_tries.due(now):
            if call.ahead and not (call.sent or any(it.is_connected for it in call.connections)):
                self._try_next(call)

    def end_all(self) -> None:
        """Something has gone wrong that concerns them all."""
        now = time.monotonic()
        calls = list(self._deadlines.due(float("inf")))
        log.exception("the transport failed: %d attempts end, and it begins anew", len(calls))
        for call in calls:
            self._end(call, now, "protocol")

    # From here on in the order of a request's life.

    def _start(self, call: Call, address: str, now: float) -> None:
        """On a connection to this address that is idle, or on a new one."""
        connection = self._connections.take(call, address, now)
        if connection:
            call.connections.append(connection)
            call.reused = True
            self._carry(connection, call, now)
        else:
            self._connect(call, address, now)

    def _connect(self, call: Call, address: str, now: float) -> None:
        host, port = call.origin
        if not self._rules.permits(address, port):
            self._end(call, now, "blocked", self._rules.refusal(host, port))
            return
        try:
            connection = self._connections.open(call, address)
        except OSError as error:
            self._try_elsewhere(call, now, "connect", of_connect(error.errno))
            return
        connection.call = call
        call.connections.append(connection)
        if call.ahead:
            self._next_tries.add(now + pause(call.deadline - now, len(call.ahead) + 1), call)

    def _try_next(self, call: Call) -> None:
        """Try another address, beside those that have not connected yet. Whatever it does, other calls go on."""
        now = time.monotonic()
        try:
            if now >= call.deadline:  # nobody has looked for a while
                self._end(call, now, "timeout")
            elif not self._rules.allow(call, now):
                self._give_back(call)
            else:
                if call.connections and len(self._connections) - self._connections.idle >= 2 * self._slots:
                    given_up = call.connections.pop(0)  # a file each: descriptors.py
                    call.ahead.append(given_up.address)  # for another turn
                    self._close(given_up)
                self._start(call, call.ahead.pop(0), now)
        except Exception as error:
            self._leave(call)
            self._answers.append(unsendable(call.claim, call.started_at, error))

    def _try_elsewhere(self, call: Call, now: float, word: str, detail: str | None) -> None:
        """One of its addresses has failed, by this word."""
        if call.ahead:
            self._try_next(call)
        elif not call.connections:  # no other is under way
            self._end(call, now, word, detail)

    def _advance(self, connection: Connection, call: Call, now: float) -> None:
        if wanted := connection.advance():
            self._connections.watch(connection, wanted)
        elif now >= call.deadline:  # nobody has looked for a while
            self._end(call, now, "timeout")
        elif not self._rules.allow(call, now):
            self._give_back(call)
        else:
            self._carry(connection, call, now)

    def _carry(self, connection: Connection, call: Call, now: float) -> None:
        """Send the request on this connection; the others that were tried for it are left."""
        if call.favourite:
            if connection.address != call.favourite:
                self._order.answered(call.origin, connection.address)
            self._next_tries.drop(call)
            for other in call.connections:
                if other is not connection:
                    self._close(other)
            call.connections[:] = [connection]
        call.sent = True
        connection.call, connection.reader = call, AnswerReader(call.request.method)
        connection.out, call.wire = call.wire, b""
        try:
            self._send(connection, now)
        except Exception as error:  # it may have reached the receiver by now: `sent` is to be kept
            self._failed(connection, error, now)

    def _send(self, connection: Connection, now: float) -> None:
        try:
            wanted = connection.send_more()
        except OSError:
            self._read(connection, now)  # whoever refuses a long request in its middle has answered it
            if connection.call is None:
                return
            raise
        self._connections.watch(connection, wanted)

    def _read(self, connection: Connection, now: float) -> None:
        if connection.read_answer():
            self._answered(connection, now)

    def _overdue(self, call: Call, now: float) -> None:
        """Its deadline is over; what came before counts, of which a turn may have left a part."""
        for connection in call.connections[:1]:
            try:
                while connection.call is call and connection.may_have_more:
                    self._read(connection, now)
            except Exception as error:
                self._failed(connection, error, now)
            if connection.call is not call:
                return
        self._end(call, now, "timeout")

    def _answered(self, connection: Connection, now: float) -> None:
        call, reader = connection.call, connection.reader
        assert call
        assert reader
        head = reader.head
        assert head
        self._deadlines.drop(call)
        call.connections.clear()
        if reader.is_kept and not connection.out:
            connection.call = connection.reader = None
            self._connections.keep(connection, now)
        else:
            self._close(connection)
        self._answers.append(call.answer(now, None, head.status, head.headers, reader.body))

    def _failed(self, connection: Connection, error: Exception, now: float) -> None:
        call, reader = connection.call, connection.reader
        word, detail = connection.failure(error)
        if word == "protocol" and not isinstance(error, BrokenAnswer):
            log.error("a connection failed", exc_info=error)
        if call is None:  # it was idle
            self._close(connection)
        elif call.sent or word != "connect":
            if call.reused and word == "reset" and not (reader and reader.head):
                self._connections.met_close(connection, now)
            self._end(call, now, word, detail)
        else:
            self._close(connection)
            call.connections.remove(connection)
            self._try_elsewhere(call, now, word, detail)

    def _end(self, call: Call, now: float, word: str, detail: str | None = None) -> None:
        """Without a whole answer."""
        found = [it.reader for it in call.connections if it.reader and it.reader.head]
        self._leave(call)
        if found and (head := found[0].head):
            answer = call.answer(now, word, head.status, head.headers, found[0].body, detail)
        else:
            answer = call.answer(now, word, detail=detail)
        self._answers.append(answer)

    def _give_back(self, call: Call) -> None:
        self._leave(call)
        self._answers.append(unsent(call.claim))

    def _leave(self, call: Call) -> None:
        for connection in call.connections:
            self._close(connection)
        call.connections.clear()
        self._deadlines.drop(call)
        self._next_tries.drop(call)

    def _close(self, connection: Connection) -> None:
        connection.call = connection.reader = None
        self._connections.close(connection)
