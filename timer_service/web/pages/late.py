"""What stands in the head of most views while something is late."""

from __future__ import annotations

from scheduler import TimerError
from timer_service.web.pages.frame import bp
from timer_service.web.services import store


@bp.app_template_global()
def late() -> int:
    """Timers that are late; 0 too where nobody can tell, which the views themselves say."""
    try:
        return store().timers.stats().overdue
    except TimerError:
        return 0
