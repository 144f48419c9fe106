"""Delivery by `requests`, in as many threads as are needed: it needs nothing that must be compiled."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from http.client import HTTPException
from queue import Empty, SimpleQueue

import certifi
from requests import PreparedRequest, Response
from requests.structures import CaseInsensitiveDict
from urllib3.util import SKIP_HEADER

from scheduler.claim import Claim
from scheduler.clock import StoreClock
from scheduler.delivery.descriptors import idle_connections, raise_limit
from scheduler.delivery.dialling import Checkpoint, Dialler
from scheduler.delivery.early_closes import EarlyCloses
from scheduler.delivery.own_signing import OwnSecretsOf, Signers, nobody_has_own
from scheduler.delivery.request import Request, build
from scheduler.delivery.signing import ServiceSigner, Signs
from scheduler.delivery.threaded import failures
from scheduler.delivery.threaded.adapter import DeadlineAdapter, Withheld, on
from scheduler.delivery.threaded.deadline import Deadline
from scheduler.delivery.threaded.strict_response import tells_its_end
from scheduler.delivery.transport import MAX_READ, Answer, Lets, everything_goes, is_too_late, most_idle, unsent
from scheduler.share import share_of

log = logging.getLogger(__name__)

#: Seconds between two looks of the watchdog: by so much a deadline may be overrun.
_TICK = 0.05
#: Seconds until another thread is tried for after the machine allowed none.
_THREADS_AGAIN = 60.0


class RequestsTransport:
    """Sends each claim in one of as many threads as there are slots: the contract is transport.Transport's.

    A thread that waits for a receiver takes 30 kB and no CPU. They are made when they are needed, and stay.
    `close` cuts what runs and ends the threads. Whatever a receiver does is an Answer; nothing of it is raised.
    """

    def __init__(
        self,
        clock: StoreClock,
        signer: ServiceSigner,
        checkpoint: Checkpoint,
        *,
        slots: int,
        lease: float,
        lets: Lets = everything_goes,
        own: OwnSecretsOf = nobody_has_own,
    ) -> None:
        self.slots = slots
        self._lets = lets
        self._clock = clock
        self._signers = Signers(signer, own)
        self._dialler = Dialler(checkpoint)
        self._closes = EarlyCloses()
        #: A request starts only with half a lease left: with less, another poller might start it too.
        self._start_within = lease / 2
        # At debug it tells the query of every URL, at warning every connection beyond those that are kept.
        logging.getLogger("urllib3").setLevel(logging.ERROR)
        raise_limit()
        # A destination is given no more than a share, and what one batch adds.
        idle_each = 2 * share_of(slots)
        self._adapter = DeadlineAdapter(origins=max(1, idle_connections(slots) // idle_each), idle_each=idle_each)
        self._claims: SimpleQueue[Claim | None] = SimpleQueue()
        #: None is a wake-up. SimpleQueue.put is safe in signal handlers.
        self._answers: SimpleQueue[Answer | None] = SimpleQueue()
        self._deadlines: set[Deadline] = set()
        self._closing = threading.Event()
        self._in_flight = self._threads = 0
        self._more_threads_at = 0.0
        self._start_thread()
        threading.Thread(target=self._watch, daemon=True, name="watchdog").start()

    def submit(self, claim: Claim) -> None:
        self._in_flight += 1
        if self._in_flight > self._threads and time.monotonic() >= self._more_threads_at:
            try:
                self._start_thread()
            except RuntimeError as error:  # the claim waits for a thread that there is, or goes back unsent
                log.warning("%d of %d threads, and no more for now: %s", self._threads, self.slots, error)
                self._more_threads_at = time.monotonic() + _THREADS_AGAIN
        self._claims.put(claim)

    def wait(self, seconds: float) -> list[Answer]:
        answers = []
        with contextlib.suppress(Empty):
            answers.append(self._answers.get(timeout=seconds))
            while True:
                answers.append(self._answers.get_nowait())
        ended = [answer for answer in answers if answer is not None]
        self._in_flight -= len(ended)
        return ended

    def wake(self) -> None:
        self._answers.put(None)

    def close(self) -> None:
        self._closing.set()
        for deadline in list(self._deadlines):
            deadline.cut()
        for _ in range(self._threads):
            self._claims.put(None)
        self._adapter.close()

    def _start_thread(self) -> None:
        # A daemon: what still hangs at the end is left to its lease, and does not hold the process.
        threading.Thread(target=self._serve, daemon=True, name=f"send-{self._threads}").start()
        self._threads += 1

    def _serve(self) -> None:
        """Send claim after claim, for a thread's life. No attempt ends it, or a slot would be lost with it."""
        while (claim := self._claims.get()) is not None:
            try:
                answer = self._attempt(claim)
            except Exception:
                log.exception("the attempt of timer %s failed", claim.id)
                answer = Answer(claim=claim, started_at=self._clock.now_us(claim.partition) // 1000, error="protocol")
            self._answers.put(answer)
            del claim, answer  # the next may be long in coming, and these hold a body

    def _watch(self) -> None:
        while not self._closing.wait(_TICK):
            now = time.monotonic()
            for deadline in list(self._deadlines):
                if now >= deadline.at:
                    try:
                        deadline.cut()
                    except Exception:  # without the watchdog no attempt would have a deadline
                        log.exception("a call cannot be cut at its deadline")

    def _attempt(self, claim: Claim) -> Answer:
        begun = time.monotonic()
        if begun > claim.claimed_at + self._start_within or not self._may_be_sent(claim):
            return unsent(claim)
        started_at = self._clock.us_at(begun, claim.partition) // 1000
        try:
            signer = self._signers.of(claim)
            if signer is None:
                return unsent(claim)
            request = build(claim, started_at, signer)
            target = request.target
        except Exception as unsendable:  # whatever one timer does, the poller goes on
            log.error("timer %s cannot be sent: %s", claim.id, type(unsendable).__name__)
            return Answer(claim=claim, started_at=started_at, error="protocol", sent=False)
        closes_early = self._closes.expected(request.origin, begun)
        deadline = Deadline(begun + claim.webhook.timeout, most_idle(claim, closes_early))
        self._deadlines.add(deadline)
        status: int | None = None
        headers: dict[str, str] = {}
        body, error, detail = b"", None, None
        try:
            with on(deadline, self._dialler, target, lambda: self._may_be_sent(claim, signer)):
                response = self._send(request, claim.webhook.timeout)
                status = response.status_code
                headers = {name.lower(): value for name, value in response.raw.headers.itermerged()}
                body = _read(response)
        except Exception as raised:  # whatever one timer does, the poller goes on
            error, detail = failures.word(raised, deadline), failures.detail(raised)
            causes = failures.causes(raised)
            for cause in causes:  # tracebacks make circles with what they lead through, the body among it
                cause.__traceback__ = None
            if any(isinstance(cause, Withheld) for cause in causes):
                return unsent(claim)
        finally:
            self._deadlines.discard(deadline)
        if deadline.cut_off:  # an answer without a length looks whole when it is cut
            error, detail = "timeout", detail if error == "timeout" else None
        now = time.monotonic()
        answer = Answer(
            claim=claim,
            started_at=started_at,
            duration_ms=round(1000 * (now - begun)),
            status_code=status,
            headers=headers,
            body=body,
            error=error,
            sent=deadline.sent,
            reused=deadline.reused,
            detail=detail,
        )
        if deadline.found_closed or answer.met_a_close:
            self._closes.note(request.origin, deadline.idle, now)
        return answer

    def _may_be_sent(self, claim: Claim, signer: Signs | None = None) -> bool:
        """`signer`: who has signed it, if anybody has yet."""
        now = time.monotonic()
        same = signer is None or self._signers.of(claim) is signer
        return same and not is_too_late(claim, now) and self._lets(claim, now)

    def _send(self, request: Request, timeout: float) -> Response:
        # Made by hand: PreparedRequest.prepare() would rewrite it. The target comes when the connection is there.
        prepared = PreparedRequest()
        prepared.method, prepared.url, prepared.body = request.method, f"{request.origin}/", request.body
        prepared.headers = CaseInsensitiveDict(request.headers)
        prepared.headers.update({"host": request.host, "accept-encoding": SKIP_HEADER})
        if request.body is not None:  # without it, requests would send chunks
            prepared.headers["content-length"] = str(len(request.body))
        return self._adapter.send(prepared, stream=True, timeout=(timeout, timeout), verify=certifi.where(), proxies={})


def _read(response: Response) -> bytes:
    """At most MAX_READ bytes, as they came; a longer answer costs its connection."""
    body = b""
    if not tells_its_end(response.raw.headers):
        response.close()
        raise HTTPException("no end")
    response.raw.headers.discard("content-encoding")  # urllib3 would make decoders that it shall not use, and not many
    while len(body) < MAX_READ:
        # Read to its end: only the read after the last byte finds that some are missing.
        more: bytes = response.raw.read(MAX_READ - len(body), decode_content=False)
        if not more:
            response.raw.release_conn()
            return body
        body += more
    response.close()
    return body
