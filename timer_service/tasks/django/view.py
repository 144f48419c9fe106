"""The view that the timer service calls: signature first, then body, task, answer.

It runs in Django's request cycle, which closes database connections that are old or broken before and after each.
"""

from __future__ import annotations

import logging

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from timer_service.tasks import answers, body, serving
from timer_service.tasks.answers import Answer
from timer_service.tasks.django import lookup, payload
from timer_service.tasks.django.backend import TimerBackend
from timer_service.tasks.django.framework import InvalidTask, InvalidTaskBackend, task_backends
from timer_service.tasks.django.running import run
from timer_service.webhooks import VerificationError, verify

log = logging.getLogger("timer_service.tasks")


@csrf_exempt
@login_not_required
def run_task(request: HttpRequest) -> HttpResponse:
    """`path("timer-tasks/", run_task)`, at TIMER_TASKS_URL. Who has no signing secret of the service is refused."""
    refused = _refused(request)
    answer = refused or _serve({name.lower(): value for name, value in request.headers.items()}, request.body)
    response = HttpResponse(answer.body, status=answer.status, headers=dict(answer.headers))
    if refused is None:
        # It is in the log of timer_service.tasks. Django would log each 5xx as an error of its own too, which it mails
        # to ADMINS unless LOGGING says otherwise: one for each attempt that a task has asked for.
        response._has_been_logged = True
    return response


def _refused(request: HttpRequest) -> Answer | None:
    """What is answered before anything of the body is read."""
    if request.method != "POST":
        return serving.refused_method(request.method or "")
    if (length := _length(request)) is None:
        return answers.refused(400, "content-length is no number")
    return serving.too_large() if length > body.MOST_BYTES else None


def _length(request: HttpRequest) -> int | None:
    """Bytes; 0 where no header says, and then Django reads none; None for a text that Django would stumble over."""
    text = request.META.get("CONTENT_LENGTH") or "0"
    return int(text[:10]) if text.isascii() and text.isdigit() else None


class _EveryDatabase:
    def __contains__(self, alias: str) -> bool:
        return True


#: ATOMIC_REQUESTS would put the whole task in a transaction, and commit it although the task has raised: as in Django's
#: own workers each statement is committed unless the task says atomic().
run_task._non_atomic_requests = _EveryDatabase()


def _serve(headers: dict[str, str], raw: bytes) -> Answer:
    backends = _backends()
    try:
        verified = _verified(backends, headers, raw)
    except VerificationError as error:
        log.warning("a request to the tasks' address was refused: %s", error)
        return answers.refused(401, str(error))
    try:
        asked = payload.read(raw)
    except body.LaterVersion as error:
        return _not_here(str(error))
    except body.NotATask as error:
        log.error("a verified request is no task: %s", error)
        return answers.refused(489, str(error))
    backend = verified.get(asked.backend)
    if backend is None:
        return _not_here(f"there is no backend {asked.backend!r} with this secret here")
    try:
        task = backend.task_of(asked)
    except (lookup.NoSuchTask, InvalidTask) as error:
        return _not_here(str(error))
    return run(backend, task, asked, headers)


def _not_here(why: str) -> Answer:
    """Another version of this project may have it: a deploy overlaps."""
    log.error("a task cannot be run here now: %s", why)
    return answers.not_here_yet(why)


def _backends() -> dict[str, TimerBackend]:
    found = {}
    for alias in task_backends:
        try:
            backend = task_backends[alias]
        except InvalidTaskBackend:
            continue
        if isinstance(backend, TimerBackend):
            found[alias] = backend
    return found


def _verified(backends: dict[str, TimerBackend], headers: dict[str, str], raw: bytes) -> dict[str, TimerBackend]:
    """Those whose secrets have signed it. Raises VerificationError where none has."""
    found = {}
    refusal = VerificationError("there is no TIMER_SIGNING_SECRETS here")
    for alias, backend in backends.items():
        if not backend.configuration.secrets:
            continue
        try:
            verify(headers, raw, backend.configuration.secrets)
        except VerificationError as error:
            refusal = error
        else:
            found[alias] = backend
    if not found:
        raise refusal
    return found
