"""The view Failed: what failed, by destination and error, and the way to send it once more."""

from __future__ import annotations

from flask import Response, request

from scheduler import Failures
from timer_service.web.access.authentication import charge
from timer_service.web.access.list_limit import limit_lists
from timer_service.web.pages.failed import failed_groups
from timer_service.web.pages.failed.replay_group import replay
from timer_service.web.pages.figures.snapshot import expire, failures, figures
from timer_service.web.pages.frame import forms
from timer_service.web.pages.frame.frame import bp, show
from timer_service.web.pages.frame.terminal import terminal
from timer_service.web.pages.timers.bulk import is_number, needs_number
from timer_service.web.pages.words.values import days, number
from timer_service.web.problems import Problem
from timer_service.web.services import settings, store


@bp.get("/failed")
def failed() -> Response:
    return _show()


@bp.post("/failed/replay")
@limit_lists
def replay_failed() -> Response:
    """Replay a group: as many of it as the button said, the oldest; the others have failed since."""
    name, count, as_of = request.form.get("group", ""), forms.whole("count"), forms.whole("as_of")
    if not (count and as_of):
        return _show(Problem(422, "Say how many timers are to be replayed: load the page again."))
    if needs_number(count, exact=True) and not is_number(request.form.get("sure", ""), count):
        return _show(wrong=name)
    group = failed_groups.find(store().activity.failures(), name)
    if group is None:
        return _show(Problem(409, "None of these timers is failed any more, or 2,000 have failed since."))
    ids = group.ids[-count:]
    charge(len(ids))
    done = replay(ids, as_of)
    expire()
    return forms.done("/ui/failed", done, group=name, timers=len(ids))


def _show(refused: Problem | None = None, wrong: str = "") -> Response:
    """`wrong`: the group whose number was not typed as it is."""
    reading, now = failures(), figures()
    found = reading.value
    groups = failed_groups.shown(found, terminal()) if found else []
    total = found.looked if found and not found.more else 0
    if now.value and (found is None or found.more):
        total = max(now.value.stats.failed, found.looked if found else 0)
    return show(
        "pages/failed.html",
        view="Failed",
        title=f"{_head(found, total)} · Failed",
        head=_head(found, total),
        as_of=reading.as_of,
        refused=refused,
        status=422 if wrong else 200,
        wrong=wrong,
        away=reading.away,
        found=found,
        total=total,
        groups=groups,
        left_out=found.looked - sum(it.timers for it in groups) if found else 0,
        kept=days(settings().keep_failed),
        most=settings().keep_finished,
    )


def _head(found: Failures | None, total: int) -> str:
    if found is None:
        return "Not known what failed"
    return f"{number(total) if total else 'None'} failed"
