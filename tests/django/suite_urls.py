"""The one URL of the project that Django's own tests run in."""

from __future__ import annotations

from django.urls import path

from timer_service.tasks.django import run_task

urlpatterns = [path("timer-tasks/", run_task)]
