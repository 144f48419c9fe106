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
from timer_service.process.server.answering import refusal
from timer_service.process.server.connection import Connection, Doing
from timer_service.process.server.cores import Core
from timer_service.process.server.crowd import Crowd
from timer_service.process.server.limits import Limits
from timer_service.process.server.reading import Incoming, Refused
from timer_service.process.server.serving import Serving

log = logging.getLogger(__name__)

#: Seconds between two looks at all deadlines.
_TICK = 0.5


class Worker(BaseWorker):  # type: ignore[misc]  # gunicorn ships no types
    #: Where it stays, if it does.
    core: Core | None = None

    def run(self) -> None:
        """Until told to stop, and then until the clients have their answers, or for as long as gunicorn allows."""
        raise_file_limit()
        self._limits = Limits.of_this_process()
        self._selector = selectors.DefaultSelector()
        self._serving = Serving(self.wsgi, self.cfg, may_go_on=lambda: self.alive, give_back=self._give_back)
        self._crowd = Crowd(self._limits)
        #: What threads have done with.
        self._returned: SimpleQueue[Connection] = SimpleQueue()
        self._bell, self._rope = socket.socketpair()
        self._bell.setblocking(False)
        self._rope.setblocking(False)
        self._accepting = False
        self._tick_at = 0.0
        self._stopped_at = float("inf")
        self._selector.register(self._bell, selectors.EVENT_READ, self._take_back)
        self._selector.register(self.PIPE[0], selectors.EVENT_READ, self._wake)
        for listener in self.sockets:
            listener.setblocking(False)
            # Connections inherit it.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, self._limits.send_buffer)
        while self.alive:
            self._pass()
        self._stop_listening()
        self._stopped_at = time.monotonic()
        until = self._stopped_at + self.cfg.graceful_timeout
        while self._crowd and time.monotonic() < until:
            self._pass()

    def _pass(self) -> None:
        """One turn of the loop."""
        for key, _ in self._selector.select(_TICK):
            key.data()
            for slow in self._crowd.slowest():
                self._give_up(slow)
        if time.monotonic() >= self._tick_at:
            self._tick()

    def _wake(self) -> None:
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
        if self.alive and not self._crowd.is_full:
            self._listen(True)
        for it in self._crowd:
            if it.doing in (Doing.WAITING, Doing.LEAVING) and not it.lent:
                it.deadline = min(it.deadline, self._stopped_at + self._limits.idle_at_stop)
            if now >= it.deadline and not it.lent:
                self._give_up(it)

    # Connections that come.

    def _listen(self, yes: bool) -> None:
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
        """Who has come is served. Who comes now is refused, and knows it: in the kernel's queue, which takes clients
        for as long as anybody has the listener, they would wait for us to end, and then not know what was done."""
        for listener in self.sockets:
            while self._accepting and self._accept(listener, listener.getsockname()):
                pass
        self._listen(False)
        for listener in self.sockets:
            listener.close()

    def _accept(self, listener: Any, server: Any) -> bool:
        """Whether somebody had come."""
        try:
            sock, address = listener.accept()
        except (BlockingIOError, ConnectionAbortedError):  # another worker was faster; the client has gone
            return False
        except OSError as error:  # no files left, or no memory
            if not self._close_all(self._crowd.oldest()):
                log.warning("no new connections for a moment: %s", error)
                self._listen(False)
            return False
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        it = Connection(sock, address, server, self.cfg, self._limits)
        self._watch(it)
        self._close_all(self._crowd.add(it))
        self._listen(not self._crowd.is_full)
        self._ready(it)  # most say at once what they want
        return True

    def _close_all(self, connections: list[Connection]) -> bool:
        """Whether there was one."""
        for it in connections:
            self._close(it)
        return bool(connections)

    # What they do.

    def _ready(self, it: Connection) -> None:
        """What it waits for has come. It may have been closed meanwhile, or be doing something else."""
        if it in self._crowd and not it.lent:
            self._step(it, self._proceed)

    def _step(self, it: Connection, step: Callable[[Connection], None]) -> None:
        """Whatever a client does, it ends no more than its own connection."""
        try:
            step(it)
        except BlockingIOError:
            return
        except Refused as why:
            it.begin(refusal(why))
            self._step(it, self._proceed)
        except (OSError, EOFError):
            self._close(it)
        except Exception:
            log.exception("a connection failed outside of the application")
            self._close(it)

    def _proceed(self, it: Connection) -> None:
        match it.doing:
            case Doing.WAITING | Doing.ASKING:
                self._go_on(it, it.read())
            case Doing.TAKING:
                it.send()
                self._settle(it)
            case Doing.LEAVING if it.throw_away():
                self._close(it)

    def _go_on(self, it: Connection, request: Incoming | None) -> None:
        """With a request that has come whole, or with waiting for the rest of it."""
        if request is None:
            self._crowd.weigh(it)
            return
        self._selector.unregister(it)
        self._crowd.weigh(it, len(request.body))
        it.lent = True
        if request.head.path == "/livez":  # asks nothing but whether we are alive: no busy thread is in its way
            self._serving.answer(it, request)
            self._give_back(it)
        else:
            self._serving.put(it, request)

    def _take_back(self) -> None:
        """What the threads have done with."""
        with contextlib.suppress(BlockingIOError):
            self._bell.recv(4096)
        for _ in range(self._returned.qsize()):
            it = self._returned.get()
            it.lent = False
            self._step(it, self._settle)

    def _settle(self, it: Connection) -> None:
        """After an answer, or what has been sent of it."""
        self._crowd.weigh(it)
        if it.doing is Doing.GONE:
            self._close(it)
            return
        self._watch(it)
        if it.doing in (Doing.WAITING, Doing.ASKING):
            self._go_on(it, it.take())  # it may have sent two requests at once

    def _give_up(self, it: Connection) -> None:
        if it.doing is Doing.ASKING:
            it.begin(refusal(Refused(408, "stopped in the middle")))
            self._step(it, self._proceed)
        else:
            self._close(it)

    def _close(self, it: Connection) -> None:
        if it not in self._crowd:
            return
        self._crowd.discard(it)
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(it)
        it.sock.close()

    def _watch(self, it: Connection) -> None:
        events = selectors.EVENT_WRITE if it.doing is Doing.TAKING else selectors.EVENT_READ
        try:
            self._selector.modify(it, events, partial(self._ready, it))
        except KeyError:
            self._selector.register(it, events, partial(self._ready, it))

    def _give_back(self, it: Connection) -> None:
        """Called by a thread that has served it."""
        self._returned.put(it)
        with contextlib.suppress(BlockingIOError):
            self._rope.send(b"\0")
