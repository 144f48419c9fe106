"""A gunicorn worker whose loop reads requests whole before a thread has them, and sends what clients take slowly.

gunicorn's own threaded worker gives a thread to every connection that has begun a request: 33 that stop in the middle
of one, or that do not read their answers, kept it from everything, probes too.
"""

from __future__ import annotations

import contextlib
import logging
import os
import select
import selectors
import socket
import time
from collections import Counter
from functools import partial
from queue import SimpleQueue
from typing import Any

from gunicorn.workers.base import Worker as BaseWorker

from scheduler import raise_file_limit
from timer_service.server.answering import answer, refusal
from timer_service.server.connection import Connection, Doing
from timer_service.server.cores import Core
from timer_service.server.crowd import evicted
from timer_service.server.limits import Limits
from timer_service.server.reading import Incoming, Refused
from timer_service.server.threads import Threads

log = logging.getLogger(__name__)

#: Seconds between two looks at all deadlines.
_TICK = 0.5
#: ms for which a thread waits on a connection for its next request, while others are free.
_LINGER = 50
_Work = tuple[Connection, Incoming]


class Worker(BaseWorker):  # type: ignore[misc]  # gunicorn ships no types
    #: Where it stays, if it does.
    core: Core | None = None

    def run(self) -> None:
        """Until told to stop, and then until the clients have their answers, or for as long as gunicorn allows."""
        raise_file_limit()
        self._limits = Limits.of_this_process()
        self._selector = selectors.DefaultSelector()
        self._threads: Threads[_Work] = Threads(self.cfg.threads, self._serve)
        self._probes: Threads[_Work] = Threads(1, self._serve)
        self._connections: set[Connection] = set()
        self._by_peer: Counter[Any] = Counter()
        #: Those that hold more than a little, with their bytes, and the sum of these.
        self._large: dict[Connection, int] = {}
        self._held = 0
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
        self._listen(False)
        self._stopped_at = time.monotonic()
        until = self._stopped_at + self.cfg.graceful_timeout
        while self._connections and time.monotonic() < until:
            self._pass()

    def _pass(self) -> None:
        """One turn of the loop."""
        for key, _ in self._selector.select(_TICK):
            key.data()
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
        if self.alive and len(self._connections) < self._limits.connections:
            self._listen(True)
        for it in list(self._connections):
            if it.doing in (Doing.WAITING, Doing.LEAVING):
                it.deadline = min(it.deadline, self._stopped_at + self._limits.idle_at_stop)
            if it.doing is not Doing.SERVED and now >= it.deadline:
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

    def _accept(self, listener: Any, server: Any) -> None:
        try:
            sock, address = listener.accept()
        except (BlockingIOError, ConnectionAbortedError):  # another worker was faster; the client has gone
            return
        except OSError as error:  # no files left, or no memory
            if not self._evict():
                log.warning("no new connections for a moment: %s", error)
                self._listen(False)
            return
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        it = Connection(sock, address, server, self.cfg, self._limits)
        self._connections.add(it)
        self._by_peer[it.peer] += 1
        self._watch(it)
        if self._by_peer[it.peer] > self._limits.waiting_per_peer:
            self._evict(it.peer)
        if len(self._connections) >= self._limits.connections:
            self._evict()
            self._listen(len(self._connections) < self._limits.connections)
        self._ready(it)  # most say at once what they want

    def _evict(self, peer: Any = None) -> bool:
        """Whether there was one to close."""
        found = evicted(self._connections, peer)
        for it in found:
            self._close(it)
        return bool(found)

    # What they do.

    def _ready(self, it: Connection) -> None:
        """What it waits for has come. It may have been closed meanwhile, or be doing something else."""
        if it not in self._connections:
            return
        try:
            match it.doing:
                case Doing.WAITING | Doing.ASKING:
                    self._go_on(it, it.read())
                case Doing.TAKING:
                    if it.send():
                        self._settle(it)
                case Doing.LEAVING:
                    if it.throw_away():
                        self._close(it)
        except BlockingIOError:
            return
        except Refused as why:
            self._refuse(it, why)
        except (OSError, EOFError):
            self._close(it)

    def _go_on(self, it: Connection, request: Incoming | None) -> None:
        """With a request that has come whole, or with waiting for the rest of it."""
        if request is None:
            self._weigh(it)
            return
        self._selector.unregister(it)
        self._weigh(it, len(request.body))
        match request.head.path.rstrip("/"):
            case "/livez":  # asks nothing but whether we are alive: no busy thread is in its way
                self._answer(it, request)
                self._settle(it)
            case "/readyz":  # waits for the store in a thread of its own
                self._probes.put((it, request))
            case _:
                self._threads.put((it, request))

    def _take_back(self) -> None:
        """What the threads have done with."""
        self._bell.recv(4096)
        while not self._returned.empty():
            self._settle(self._returned.get())

    def _settle(self, it: Connection) -> None:
        """After an answer, or what has been sent of it."""
        self._weigh(it)
        if it.doing is Doing.GONE:
            self._close(it)
            return
        self._watch(it)
        if it.doing in (Doing.WAITING, Doing.ASKING):
            try:
                self._go_on(it, it.take())  # it may have sent two requests at once
            except Refused as why:
                self._refuse(it, why)
            except OSError:
                self._close(it)

    def _refuse(self, it: Connection, why: Refused) -> None:
        it.begin(refusal(why))
        try:
            it.send()
        except OSError:
            self._close(it)
        else:
            self._settle(it)

    def _give_up(self, it: Connection) -> None:
        if it.doing is Doing.ASKING:
            self._refuse(it, Refused(408, "stopped in the middle"))
        else:
            self._close(it)

    def _close(self, it: Connection) -> None:
        if it not in self._connections:
            return
        self._connections.discard(it)
        self._by_peer[it.peer] -= 1
        if not self._by_peer[it.peer]:
            del self._by_peer[it.peer]
        self._held -= self._large.pop(it, 0)
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(it)
        it.sock.close()

    def _watch(self, it: Connection) -> None:
        events = selectors.EVENT_WRITE if it.doing is Doing.TAKING else selectors.EVENT_READ
        try:
            self._selector.modify(it, events, partial(self._ready, it))
        except KeyError:
            self._selector.register(it, events, partial(self._ready, it))

    def _weigh(self, it: Connection, taken: int = 0) -> None:
        """Count the bytes held for it, with those `taken` by a thread. If all hold too many, the slowest give way."""
        held = it.held + taken
        held = held if held > self._limits.small else 0
        self._held += held - self._large.pop(it, 0)
        if held:
            self._large[it] = held
        if self._held > self._limits.held:
            slow = [it for it in self._large if it.doing in (Doing.ASKING, Doing.TAKING)]
            for other in sorted(slow, key=lambda it: it.since):
                self._give_up(other)
                if self._held <= self._limits.held:
                    return

    # In a thread, but for /livez.

    def _serve(self, work: _Work) -> None:
        it, request = work
        following: Incoming | None = request
        try:
            while following is not None and self._answer(it, following):
                following = self._soon(it)
        except BlockingIOError:  # it was not so soon after all
            pass
        except Refused as why:
            it.begin(refusal(why))
            self._send(it)
        except (OSError, EOFError):
            it.doing = Doing.GONE
        self._returned.put(it)
        with contextlib.suppress(BlockingIOError):
            self._rope.send(b"\0")

    def _answer(self, it: Connection, request: Incoming) -> bool:
        """Whether it can have another request at once."""
        it.begin(answer(self.wsgi, request, it.address, it.server, self.cfg, last=not self.alive))
        return self._send(it) and it.doing in (Doing.WAITING, Doing.ASKING)

    def _send(self, it: Connection) -> bool:
        try:
            return it.send()
        except OSError:
            it.doing = Doing.GONE
            return False

    def _soon(self, it: Connection) -> Incoming | None:
        """The next request, if it comes so soon that it spares us the way through the loop and back to a thread."""
        if not (self.alive and self._threads.has_room):
            return None
        if (request := it.take()) is not None:
            return request
        ahead = select.poll()
        ahead.register(it.sock, select.POLLIN)
        return it.read() if ahead.poll(_LINGER) else None
