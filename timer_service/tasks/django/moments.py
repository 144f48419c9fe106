"""Moments as Django has them: aware in UTC where USE_TZ is on, naive in TIME_ZONE where it is off."""

from __future__ import annotations

from datetime import UTC, datetime

from django import conf
from django.utils import timezone


def of_service(moment: datetime | None) -> datetime | None:
    """As django.utils.timezone.now() would have told it."""
    if moment is None:
        return None
    if conf.settings.USE_TZ:
        return moment.astimezone(UTC)
    naive: datetime = timezone.make_naive(moment, timezone.get_default_timezone())
    return naive


def for_service(moment: datetime) -> datetime:
    """Aware."""
    return moment if timezone.is_aware(moment) else timezone.make_aware(moment, timezone.get_default_timezone())
