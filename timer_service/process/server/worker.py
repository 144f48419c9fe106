"""A gunicorn worker whose loop reads requests whole before a thread has them, and sends what clients take slowly.

gunicorn's own threaded worker gives a thread to every connection that has begun a request: 33 that stop in the middle
of one, or that do not read their answers, kept it from everything, probes too. Of the others that were measured,
gevent's worker takes twice the memory, and waitress stood still for 12 s beside 40 clients that read nothing; its way
of reading ahead, which is also ours, was otherwise as fast.
"""

from __future__ import annotations

import contextlib
import logging
import os
import selectors
import socket
import time
from collections.abc import Callable
from functools import partial
from queue import SimpleQueue
from typing import Any

from gunicorn.workers.base import Worker as BaseWorker

from scheduler import raise_file_limit
from timer_service.process.server.connection import Connection, Doing
from timer_service.process.server.connections import Connections
from timer_service.process.server.cores import Core
from timer_service.process.server.limits import Limits
from timer_service.process.server.request_reader import Incoming, Refused
from timer_service.process.server.run_request import refusal
from timer_service.process.server.serving import Serving

log = logging.getLogger(__name__)

#: Seconds between two looks at all deadlines.
_TICK = 0.5


class Worker(BaseWorker):  # type: ignore[misc]  # gunicorn ships no types
    """Serves the connections of one process: a loop that reads and sends, and threads that answer.

    run() belongs to the main thread, and returns once gunicorn has told it to stop.
    """

    #: Chooses the processor core that it stays on, if it does.
    core: Core | None = None

    def run(self) -> None:
        """Until told to stop, and then until the clients have their answers, or for as long as gunicorn allows."""
        raise_file_limit()
        self._limits = Limits.of_this_process()
        self._selector = selectors.DefaultSelector()
        self._serving = Serving(self.wsgi, self.cfg, may_go_on=lambda: self.alive, give_back=self._give_back)
        self._connections = Connections(self._limits)
        #: Connections that threads have served.
        self._returned: SimpleQueue[Connection] = SimpleQueue()
        self._wake_receiver, self._wake_sender = socket.socketpair()
        self._wake_receiver.setblocking(False)
        self._wake_sender.setblocking(False)
        self._accepting = False
        self._stopped_at = float("inf")
        self._selector.register(self._wake_receiver, selectors.EVENT_READ, self._take_returned)
        self._selector.register(self.PIPE[0], selectors.EVENT_READ, self._on_signal_pipe)
        for listener in self.sockets:
            listener.setblocking(False)
            # Connections inherit it.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, self._limits.send_buffer)
        self._tick()  # which begins to accept
        while self.alive:
            self._pass()
        self._stop_listening()
        self._stopped_at = time.monotonic()
        until = self._stopped_at + self.cfg.graceful_timeout
        while self._connections and time.monotonic() < until:
            self._pass()

    def _pass(self) -> None:
        """One turn of the loop."""
        for key, _ in self._selector.select(_TICK):
            key.data()
            for slow in self._connections.slowest():
                self._end_overdue(slow)
        if time.monotonic() >= self._tick_at:
            self._tick()

    def _on_signal_pipe(self) -> None:
        """A signal came; its handler has run."""
        os.read(self.PIPE[0], 4096)

    def _tick(self) -> None:
        """What is due every half a second: deadlines above all."""
        now = time.monotonic()
        self._tick_at = now + _TICK
        self.notify()
        if self.core:
            self.core.look()
        if self.ppid != os.getppid():
            self.alive = False
        if self.alive and not self._connections.is_full:
            self._set_accepting(True)
        for connection in self._connections:
            if connection.doing in (Doing.WAITING, Doing.LEAVING) and not connection.in_thread:
                connection.deadline = min(connection.deadline, self._stopped_at + self._limits.idle_at_stop)
            if now >= connection.deadline and not connection.in_thread:
                self._end_overdue(connection)

    # New connections.

    def _set_accepting(self, yes: bool) -> None:
        if yes == self._accepting:
            return
        self._accepting = yes
        for listener in self.sockets:
            if yes:
                accept = partial(self._accept, listener, listener.getsockname())
                self._selector.register(listener, selectors.EVENT_READ, accept)
            else:
                self._selector.unregister(listener)

    def _stop_listening(self) -> None:
        """Serve who has connected, and refuse who comes now: in the kernel's queue, which takes clients for as long as
        anybody has the listener, they would wait for us to end, and then not know what was done."""
        for listener in self.sockets:
            while self._accepting and self._accept(listener, listener.getsockname()):
                pass
        self._set_accepting(False)
        for listener in self.sockets:
            listener.close()

    def _accept(self, listener: Any, server: Any) -> bool:
        """Take one new connection; False if there is none."""
        try:
            sock, address = listener.accept()
        except (BlockingIOError, ConnectionAbortedError):  # another worker was faster; the client has gone
            return False
        except OSError as error:  # no files left, or no memory
            if not self._close_all(self._connections.oldest()):
                log.warning("no new connections for a moment: %s", error)
                self._set_accepting(False)
            return False
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = Connection(sock, address, server, self.cfg, self._limits)
        self._watch(connection)
        self._close_all(self._connections.add(connection))
        self._set_accepting(not self._connections.is_full)
        self._ready(connection)  # most say at once what they want
        return True

    def _close_all(self, connections: list[Connection]) -> bool:
        """False if there are none."""
        for connection in connections:
            self._close(connection)
        return bool(connections)

    # What clients do.

    def _ready(self, connection: Connection) -> None:
        """Its socket can be read, or written to. It may have been closed meanwhile, or be in a thread."""
        if connection in self._connections and not connection.in_thread:
            self._step(connection, self._proceed)

    def _step(self, connection: Connection, step: Callable[[Connection], None]) -> None:
        """Do this for a connection; whatever goes wrong ends no other."""
        try:
            step(connection)
        except BlockingIOError:
            return
        except Refused as why:
            connection.begin(refusal(why))
            self._step(connection, self._proceed)
        except (OSError, EOFError):
            self._close(connection)
        except Exception:
            log.exception("a connection failed outside of the application")
            self._close(connection)

    def _proceed(self, connection: Connection) -> None:
        match connection.doing:
            case Doing.WAITING | Doing.ASKING:
                data = connection.receive()
                if self._serving.answer_again(connection, data):
                    self._after_answer(connection)
                else:
                    self._hand_over(connection, connection.take(data))
            case Doing.TAKING:
                connection.send()
                self._after_answer(connection)
            case Doing.LEAVING if connection.throw_away():
                self._close(connection)

    def _hand_over(self, connection: Connection, request: Incoming | None) -> None:
        """Give a request that has come whole to a thread; without one, wait for the rest."""
        if request is None:
            self._connections.weigh(connection)
            return
        self._selector.unregister(connection)
        self._connections.weigh(connection, len(request.body))
        connection.in_thread = True
        if request.head.path == "/livez":  # asks nothing but whether we are alive: no busy thread is in its way
            self._serving.answer(connection, request)
            self._give_back(connection)
        else:
            self._serving.put(connection, request)

    def _take_returned(self) -> None:
        """Take back the connections that threads have served."""
        with contextlib.suppress(BlockingIOError):
            self._wake_receiver.recv(4096)
        for _ in range(self._returned.qsize()):
            connection = self._returned.get()
            connection.in_thread = False
            self._step(connection, self._after_answer)

    def _after_answer(self, connection: Connection) -> None:
        """After an answer, or what has been sent of it."""
        self._connections.weigh(connection)
        if connection.doing is Doing.GONE:
            self._close(connection)
            return
        self._watch(connection)
        if connection.doing in (Doing.WAITING, Doing.ASKING):
            self._hand_over(connection, connection.take())  # it may have sent two requests at once

    def _end_overdue(self, connection: Connection) -> None:
        """Its time is over: 408 for whoever is in the middle of a request."""
        if connection.doing is Doing.ASKING:
            connection.begin(refusal(Refused(408, "stopped in the middle")))
            self._step(connection, self._proceed)
        else:
            self._close(connection)

    def _close(self, connection: Connection) -> None:
        if connection not in self._connections:
            return
        self._connections.discard(connection)
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(connection)
        connection.sock.close()

    def _watch(self, connection: Connection) -> None:
        events = selectors.EVENT_WRITE if connection.doing is Doing.TAKING else selectors.EVENT_READ
        try:
            self._selector.modify(connection, events, partial(self._ready, connection))
        except KeyError:
            self._selector.register(connection, events, partial(self._ready, connection))

    def _give_back(self, connection: Connection) -> None:
        """Called by a thread that has served it."""
        self._returned.put(connection)
        with contextlib.suppress(BlockingIOError):
            self._wake_sender.send(b"\0")
