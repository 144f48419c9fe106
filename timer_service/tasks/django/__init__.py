"""A backend for Django's tasks: those of Django 6, or of the backport `django-tasks` on earlier ones.

`TASKS = {"default": {"BACKEND": "timer_service.tasks.django.TimerBackend"}}`, and `path("timer-tasks/", run_task)`.
"""

from timer_service.tasks.django.backend import TimerBackend
from timer_service.tasks.django.failures import AttemptFailed, TaskCancelled
from timer_service.tasks.django.view import run_task

__all__ = ["AttemptFailed", "TaskCancelled", "TimerBackend", "run_task"]
