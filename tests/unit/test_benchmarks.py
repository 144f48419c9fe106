"""The benchmarks stay runnable, and their arithmetic right: a figure in docs/ is worth no more than this."""

from __future__ import annotations

import importlib
import json
import math
import os
import pkgutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import benchmarks
from benchmarks import against, before, cpu, crash, figures, filling, goals, hammer, results, sink
from benchmarks.peers.registry import PEERS
from benchmarks.peers.work import Order
from benchmarks.sink import Arrival
from tests.bench.processes import alive, wait_until

#: What needs matplotlib, of the extra `bench`.
_PLOTTING = {"benchmarks.plots", "benchmarks.__main__"}
_PARTS = [
    "drain",
    "before",
    "stages",
    "lateness",
    "all_in_use",
    "schedules",
    "intake",
    "tasks",
    "memory",
    "keeping",
    "scale",
    "pages",
    "views",
    "on_call",
    "idle",
    "partitions",
    "hang",
    "destinations",
    "crash",
    "against",
]


@pytest.mark.parametrize("name", _PARTS)
def test_every_part_can_be_imported_and_says_what_it_measures(name: str) -> None:
    part = importlib.import_module(f"benchmarks.{name}").PART
    assert part.name == name
    assert f"python -m benchmarks.{name}" in part.about


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_part_that_is_stopped_leaves_nothing_running(number: signal.Signals) -> None:
    code = """
import subprocess, time
from benchmarks.part import Part, main

def measure(options):
    print(subprocess.Popen(["sleep", "3601"], start_new_session=True).pid, flush=True)
    time.sleep(600)

main(Part("stopped", "", measure))
"""
    command = [sys.executable, "-c", code, "--quick"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as run:
        assert run.stdout is not None
        child = int(run.stdout.readline())
        run.send_signal(number)
        assert run.wait(60) == 128 + number
    wait_until(lambda: not alive(child), 20, "the end of what it had started")


@pytest.mark.parametrize(
    ("changed", "earlier"),
    [("benchmarks/results.json", "HEAD~1"), ("benchmarks/drain.png", "HEAD~1"), ("scheduler.py", "HEAD")],
)
def test_what_the_parts_before_have_written_is_no_change_beside_the_parent_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changed: str, earlier: str
) -> None:
    """Red if a whole run compares a tree that is committed with itself."""
    monkeypatch.setattr(before, "_ROOT", tmp_path)
    monkeypatch.delenv("COMMIT", raising=False)
    file = tmp_path / changed
    file.parent.mkdir(exist_ok=True)
    file.write_text("one")
    for words in (["init", "-q"], ["add", "."], ["-c", "user.name=a", "-c", "user.email=a@a", "commit", "-qm", "one"]):
        subprocess.run(["git", *words], cwd=tmp_path, check=True)
    assert before._earlier() == "HEAD~1"
    file.write_text("two")
    assert before._earlier() == earlier


def test_nothing_but_the_plots_needs_more_than_the_tests_do() -> None:
    for module in pkgutil.iter_modules(benchmarks.__path__, "benchmarks."):
        if module.name not in _PLOTTING:
            importlib.import_module(module.name)


def test_every_peer_has_its_file() -> None:
    folder = Path(benchmarks.__path__[0]) / "peers"
    assert {peer.module for peer in PEERS} == {path.stem for path in folder.glob("*_peer.*")}


@pytest.mark.parametrize(("percent", "expected"), [(0, 1), (1, 1), (50, 50), (99, 99), (99.5, 100), (100, 100)])
def test_a_percentile_is_a_measured_value_by_nearest_rank(percent: float, expected: float) -> None:
    assert figures.percentile(range(1, 101), percent) == expected


def test_a_percentile_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="nothing"):
        figures.percentile([], 50)


def test_lateness_needs_no_sorting_before() -> None:
    assert figures.late([3, 0, 1]) == {"p50_ms": 1, "p99_ms": 3, "max_ms": 3}


def test_medians_are_taken_by_column_and_words_are_kept() -> None:
    rounds: list[figures.Row] = [
        {"what": "a", "rate": 3.0, "cost": 1.0},
        {"what": "a", "rate": 9.0, "cost": None},
        {"what": "a", "rate": 4.0, "cost": 2.0},
    ]
    assert figures.median(rounds) == {"what": "a", "rate": 4.0, "cost": None}
    assert figures.spread(rounds, "rate") == [3.0, 9.0]


def test_a_column_that_one_round_lacks_has_no_median() -> None:
    assert figures.median([{"cost": 1.0}, {"cost": None}, {"cost": 2.0}]) == {"cost": None}


@pytest.mark.parametrize(("value", "expected"), [(0.123456, 0.1235), (12345.6, 12346), (0.0, 0.0)])
def test_figures_have_four_digits(value: float, expected: float) -> None:
    assert figures.rounded(value) == expected


def test_a_table_has_a_column_for_every_name() -> None:
    assert figures.table([{"a": 1234.5}, {"b": "x"}]).split() == ["a", "b", "1,234", "-", "-", "x"]


def test_cpu_seconds_count_threads_and_children_that_were_waited_for() -> None:
    ticks = os.sysconf("SC_CLK_TCK")
    stat = f"7 (a name) with )) S 3 7 7 0 -1 0 0 0 0 0 {ticks} {2 * ticks} {3 * ticks} {4 * ticks} 20 0 1"
    assert cpu.parse(stat) == (3, 10.0)


def test_cpu_cost_is_told_per_thousand() -> None:
    assert cpu.columns({"poller": 2.0}, 50_000) == {"poller_cpu_s_per_1000": 0.04}


def test_cpu_of_a_tree_holds_that_of_its_children() -> None:
    spin = "import time\nwhile time.process_time() < 0.3: pass\nprint(flush=True); input()"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {spin!r}])"
    with subprocess.Popen([sys.executable, "-c", parent], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        assert cpu.of_tree(process.pid) >= 0.2  # the kernel counts in hundredths, rounded down twice
        process.communicate(b"\n")


def test_the_sinks_log_says_when_a_request_arrived_not_when_its_answer_ended() -> None:
    line = "1767225600.250 0.200 0123 2026-01-01T00:00:00.040Z lease-expired\n"
    arrival = sink.parse(line)
    assert arrival == Arrival(1_767_225_600_050, "0123", 1_767_225_600_040, "lease-expired")
    assert arrival.late_ms == 10


def test_a_request_that_names_no_due_moment_has_no_lateness() -> None:
    assert math.isnan(sink.parse("1767225600.000 0.000 0123 - -").late_ms)


def test_a_crash_counts_what_was_lost_repeated_and_unmarked() -> None:
    arrivals = [
        Arrival(1000, "once", 0, "-"),
        *(Arrival(1000, "marked", 0, "-"), Arrival(3500, "marked", 0, "lease-expired")),
        *(Arrival(1000, "unmarked", 0, "-"), Arrival(2000, "unmarked", 0, "-")),
    ]
    found = crash.counted(arrivals, delivered=3, moment=1500, count=1000)
    assert found == {"lost": 997, "repeated": 2, "repeated_unmarked": 1, "recovered_s": 2.0}


def test_an_answer_is_counted_when_it_has_come_whole() -> None:
    answer = b"HTTP/1.1 201 CREATED\r\nContent-Length: 2\r\n\r\n{}"
    assert [hammer.answered(answer[:end]) for end in (10, len(answer) - 1, len(answer))] == [0, 0, 201]


def test_a_prepared_request_frames_its_body() -> None:
    sent = hammer.request("http://127.0.0.1:80/timers", b"{}", {"x": "y"})
    assert sent.startswith(b"POST /timers HTTP/1.1\r\nhost: 127.0.0.1:80\r\n")
    assert sent.endswith(b"x: y\r\ncontent-length: 2\r\n\r\n{}")


def test_our_timers_and_those_of_the_peers_are_of_one_size() -> None:
    hook = "http://127.0.0.1:9000/hook"
    ours = filling.webhook(hook)
    theirs = next(Order("", hook, 1, 0).posts())
    assert [len(ours.url), len(theirs.url)] == [60, 60]
    assert [len(ours.body or b""), len(theirs.body)] == [150, 150]
    assert len(json.loads(ours.body or b"")) == len(json.loads(theirs.body)) == 148


def test_an_order_spreads_its_posts_evenly() -> None:
    order = Order("", "http://127.0.0.1:9000/hook", 4, 1000, spread_ms=80)
    assert [post.due_ms for post in order.posts()] == [1000, 1020, 1040, 1060]
    assert next(order.posts()).headers["timer-due-at"] == "1970-01-01T00:00:01.000+00:00"


def test_results_of_another_machine_are_dropped(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    results.save(path, "drain", {"rows": []})
    results.save(path, "hang", {"rows": []})
    assert list(results.load(path)["parts"]) == ["drain", "hang"]
    path.write_text(json.dumps({**results.load(path), "machine": {"cpu": "another"}}))
    results.save(path, "hang", {"rows": []})
    assert list(results.load(path)["parts"]) == ["hang"]


def test_a_peers_crash_counts_what_has_not_arrived_and_what_came_twice() -> None:
    arrivals = [Arrival(1000, "0", 0, "-"), Arrival(1000, "1", 0, "-"), Arrival(4000, "1", 0, "-")]
    assert against.aftermath(arrivals, count=3, killed=1500) == {
        "killed_of": 3,
        "not_arrived": 1,
        "twice": 1,
        "last_twice_s": 2.5,
        "last_arrival_s": 2.5,
    }


def test_a_goal_is_met_by_the_figure_of_its_row_and_nothing_is_claimed_without_one() -> None:
    parts = {"idle": {"rows": [{"pending": 10, "together_percent": 2}]}, "crash": {"rows": [{"lost": 0}]}}
    said = {str(row["what"]): row["met"] for row in goals.compared(parts)}
    assert said["idle, % of a core"] == "NO"
    assert said["kill -9 with 1,000 in flight: lost"] == "yes"
    assert said["CPU s per 1,000 delivered"] is None
    assert said["claim rate, most pending to fewest, %"] is None


def test_rates_are_flat_only_where_two_numbers_of_pending_timers_were_measured() -> None:
    few, many = ({"claim_per_second": rate, "schedule_per_second": rate} for rate in (100, 79))
    for measured, met in (((few, many), "NO"), ((few,), None)):
        rows = [*measured, {"absent": "this machine has not enough memory"}]
        said = {str(row["what"]): row["met"] for row in goals.compared({"scale": {"rows": rows}})}
        assert said["claim rate, most pending to fewest, %"] == met


def test_a_ratio_is_the_median_of_those_of_the_rounds_and_not_of_two_medians() -> None:
    now: list[figures.Row] = [
        {"what": "x", "cpu": 2.0, "only": 1.0},
        {"what": "x", "cpu": 9.0},
        {"what": "x", "cpu": 4.0},
    ]
    before: list[figures.Row] = [{"what": "y", "cpu": 1.0}, {"what": "y", "cpu": 3.0}, {"what": "y", "cpu": 8.0}]
    assert figures.ratios(now, before) == {"cpu": 2.0}
    assert figures.ratios([{"cpu": 1.0}], [{"cpu": 0.0}]) == {"cpu": None}


def test_a_machine_is_busy_by_what_is_neither_idle_nor_waiting_for_a_disk_also_by_what_its_host_takes() -> None:
    before = "cpu  100 0 100 1000 50 0 0 0 0 0\ncpu0 ..."
    after = "cpu  120 0 120 1050 60 0 0 10 0 0\ncpu0 ..."
    assert cpu.busy_percent(before, after) == pytest.approx(100 * 50 / 110)
    assert cpu.stolen_percent(before, after) == pytest.approx(100 * 10 / 110)
