"""What stands in the head of most views while something is late."""

from __future__ import annotations

from timer_service.web.pages.figures.snapshot import figures
from timer_service.web.pages.frame.frame import bp


@bp.app_template_global()
def late() -> int:
    """Timers that are late; 0 too where nobody can tell, which the views themselves say."""
    reading = figures()
    return reading.value.late if reading.value and not reading.away else 0
