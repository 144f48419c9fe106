"""A module of tasks as a code base of Celery's has it, with the one line that a move changes."""

from __future__ import annotations

BEFORE = "from celery import shared_task\n"
AFTER = "from timer_service.tasks.celery import shared_task\n"

MODULE = (
    BEFORE
    + '''
import logging
import os
import pathlib

logger = logging.getLogger(__name__)
runs = pathlib.Path(os.environ.get("RUNS", "."))


class MailServerAway(Exception):
    """Raised where a real module would meet smtplib.SMTPServerDisconnected."""


def count(name):
    """Which run of this name it is, over all processes."""
    number = len(list(runs.glob(f"{name}-*"))) + 1
    (runs / f"{name}-{number}").touch()
    return number


@shared_task
def add(x, y):
    return x + y


@shared_task(bind=True, max_retries=3, default_retry_delay=1)
def send_mail(self, address, *, subject="Hello"):
    logger.info("try %d of %s", self.request.retries, self.request.id)
    try:
        if count("send_mail") < 3:
            raise MailServerAway(address)
    except MailServerAway as exc:
        raise self.retry(exc=exc)
    return {"address": address, "subject": subject, "retries": self.request.retries, "id": self.request.id}


@shared_task(autoretry_for=(MailServerAway,), retry_backoff=True, retry_backoff_max=2, max_retries=2)
def fetch_mail(mailbox):
    if count("fetch_mail") < 3:
        raise MailServerAway(mailbox)
    return mailbox


@shared_task(bind=True, max_retries=1)
def never_sent(self, address):
    count("never_sent")
    try:
        raise MailServerAway(address)
    except MailServerAway as exc:
        raise self.retry(exc=exc, countdown=1)


@shared_task
def broken():
    count("broken")
    return {}["missing"]


@shared_task(ignore_result=True)
def forgotten():
    return object()


@shared_task(name="mail.clean", queue="slow", priority=9, time_limit=60, acks_late=True, track_started=True)
def clean_up(days=30):
    return days


@shared_task(bind=True)
def much_later(self):
    raise self.retry(countdown=7 * 86400)
'''
)
