"""What becomes of the moments of schedules while nothing runs (row 7 of ROWS.md)."""

from __future__ import annotations

import time

from tests.bench.processes import wait_until
from tests.faults.checker import check
from tests.faults.field import Field
from tests.faults.schedule_kinds import Kind
from tests.faults.schedule_load import ScheduleLoad


def test_row_07_of_moments_that_pass_while_everything_is_killed_each_runs_or_is_counted_as_its_schedule_says(
    field: Field,
) -> None:
    poller, api = field.join(), field.open_api()
    port = int(field.url.rpartition(":")[2])
    schedules = ScheduleLoad(field, [field.url], seed=1)
    kinds = [Kind(overlap=it, catch_up=catch_up) for it in ("skip", "allow") for catch_up in ("all", "last", "none")]
    names = {schedules.set(kind).name for kind in kinds}
    wait_until(lambda: {hit.schedule for hit in field.hits()} == names, 20, "a run of each")
    with field.fault("everything killed"):
        api.kill()
        field.kill(poller)
        field.store.kill()
        time.sleep(3)  # the fault itself: two moments of each schedule at least
        field.store.start()
    field.open_api(port)
    field.join()
    schedules.finish()
    assert field.settled(120)
    history = field.history()
    assert check(history) == []
    missed = {(it.overlap, it.catch_up): it.counts.skipped["missed"] for it in history.schedules if it.counts}
    assert missed["skip", "all"] == missed["allow", "all"] == 0, missed
    assert missed["skip", "last"] > 0 < missed["skip", "none"], missed
