"""Threads that have requests answered, and send what the client takes of the answer at once."""

from __future__ import annotations

import logging
import select
from collections.abc import Callable
from typing import Any

from timer_service.process.server.connection import Connection, Doing
from timer_service.process.server.queues import Queues, Work
from timer_service.process.server.repeated_answers import RepeatedAnswers
from timer_service.process.server.request_reader import Incoming, Refused
from timer_service.process.server.run_request import Application, refusal, run_request
from timer_service.process.server.threads import Threads

log = logging.getLogger(__name__)

#: ms for which a thread waits on a connection for its next request, while others are free.
_LINGER = 50


class Serving:
    """Answers requests in threads, each connection in one at a time.

    Raises nothing: a defect ends the connection that met it. Its threads end with the process.
    """

    def __init__(
        self,
        app: Application,
        cfg: Any,
        *,
        may_go_on: Callable[[], bool],
        give_back: Callable[[Connection], None],
    ) -> None:
        """`may_go_on`: whether other requests will be read from a connection. `give_back` gets each that was served."""
        self._app = app
        self._cfg = cfg
        self._may_go_on = may_go_on
        self._give_back = give_back
        self._queues = Queues(cfg.threads, self._serve)
        self._repeated = RepeatedAnswers()

    def put(self, connection: Connection, request: Incoming) -> None:
        """Have it served by a thread."""
        self._queues.of(request).put((connection, request))

    def answer(self, connection: Connection, request: Incoming) -> bool:
        """Answer in this thread; whether the connection can have another request at once."""
        client, server, last = connection.address, connection.server, not self._may_go_on()
        answer = run_request(self._app, request, client, server, self._cfg, last=last, repeated=self._repeated)
        connection.begin(answer)
        return self._send(connection) and connection.doing in (Doing.WAITING, Doing.ASKING)

    def answer_again(self, connection: Connection, data: bytes) -> bool:
        """Answer what a connection has sent now, if that was answered a moment ago; whether it was.

        Not what may be the body of a request, or its end.
        """
        is_free = connection.doing is Doing.WAITING and not connection.held and self._may_go_on()
        if not is_free or (again := self._repeated.find(data)) is None:
            return False
        connection.begin(again)
        self._send(connection)
        return True

    def _serve(self, threads: Threads[Work], work: Work) -> None:
        connection, request = work
        try:
            while self.answer(connection, request):
                if (following := self._next_soon(threads, connection)) is None:
                    break
                if (others := self._queues.of(following)) is not threads:
                    others.put((connection, following))
                    return
                request = following
        except BlockingIOError:  # it was not so soon after all
            pass
        except Refused as why:
            connection.begin(refusal(why))
            self._send(connection)
        except (OSError, EOFError):
            connection.doing = Doing.GONE
        except Exception:  # or this thread would end, be missed by all others, and never give its connection back
            log.exception("a connection failed outside of the application")
            connection.doing = Doing.GONE
        self._give_back(connection)

    def _send(self, connection: Connection) -> bool:
        try:
            return connection.send()
        except OSError:
            connection.doing = Doing.GONE
            return False

    def _next_soon(self, threads: Threads[Work], connection: Connection) -> Incoming | None:
        """The next request, if it comes so soon that it spares us the way through the loop and back to a thread."""
        if not (self._may_go_on() and threads.has_room):
            return None
        if (request := connection.take()) is not None:
            return request
        ahead = select.poll()
        ahead.register(connection.sock, select.POLLIN)
        return connection.take(connection.receive()) if ahead.poll(_LINGER) else None
