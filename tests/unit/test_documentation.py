"""What the pages say of the code is what the code says: links, names, tables.

A page that names a file, a test, a command, a setting, a metric or a log line which is no longer there fails here, and
so does a table of a page that has left one out.
"""

from __future__ import annotations

import ast
import configparser
import json
import re
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import click
import pytest
import yaml
from flask import Flask
from flask.testing import FlaskClient
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from scheduler import Link, Reason, Settings
from tests.bench.pages import PAGES, README, ROOT, anchors, examples, page, prose, quoted, table
from tests.bench.rowed import Rowed
from tests.bench.store import Bench, HandSetFake
from tests.packaging.declared import names
from timer_service import create_app
from timer_service.cli import main
from timer_service.client import TimerClient, errors
from timer_service.process.history_metrics import HistoryMetrics
from timer_service.process.recorder import Recorder
from timer_service.terminal import apply_file
from timer_service.terminal.apply_file import ApplyFile
from timer_service.web import problems
from timer_service.web.answers import TimerOut
from timer_service.web.destination_answers import DestinationOut
from timer_service.web.input.destination_fields import DestinationChange
from timer_service.web.input.schedule_fields import NewSchedule
from timer_service.web.input.schemas import NewTimer
from timer_service.web.schedule_answers import ScheduleOut

SOURCES = sorted([*(ROOT / "scheduler").rglob("*.py"), *(ROOT / "timer_service").rglob("*.py")])
RESULTS = ROOT / "benchmarks/results.json"
#: Variables of the client, not of the service.
_CLIENTS = {"TIMER_URL", "TIMER_API_KEY", "TIMER_TASKS_URL"}
#: These tell of what was, by the names that it had.
_HISTORIES = ("CHANGELOG.md", "upgrading.md")


def _each(pages: Sequence[Path]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("of", pages, ids=lambda path: str(path.relative_to(ROOT)))


each_page = _each(PAGES)
each_page_of_today = _each([it for it in PAGES if it.name not in _HISTORIES])


# Links.


@each_page
def test_every_link_inside_the_repository_leads_somewhere(of: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(of)):
        if re.match(r"https?:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (of.parent / path).resolve() if path else of
        assert file.exists(), f"{of.name}: {target}"
        if anchor:
            assert anchor in anchors(file), f"{of.name}: {target}; there are {sorted(anchors(file))}"


def test_the_index_has_every_page_and_the_readme_leads_to_each() -> None:
    index = prose(page("README.md"))
    for of in (ROOT / "docs").glob("*.md"):
        assert of.name == "README.md" or f"]({of.name})" in index, of.name
    assert "](docs/README.md)" in prose(README)


def test_the_readme_is_short_enough_to_be_read() -> None:
    assert 750 <= len(README.read_text().split()) <= 1050


def test_the_readme_states_the_guarantees_in_the_words_of_their_page() -> None:
    stated = [re.findall(r"^\d\. \*\*.*?(?=^\d\. |^$)", prose(of), re.DOTALL | re.MULTILINE) for of in _PROMISING]
    assert stated[0] == stated[1]
    assert len(stated[0]) == 5


_PROMISING = (README, page("guarantees.md"))


# Names.


@each_page_of_today
def test_every_file_that_a_page_names_exists(of: Path) -> None:
    for name in quoted(prose(of)):
        if re.fullmatch(r"(scheduler|timer_service|tests|benchmarks|docs|\.ci|\.github)/[\w./-]*", name):
            assert (ROOT / name).exists(), f"{of.name}: {name}"


@each_page_of_today
def test_every_test_that_a_page_names_exists(of: Path) -> None:
    named = {name for name in quoted(prose(of)) if re.fullmatch(r"test_\w+", name)}
    known = "".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py")) if named else ""
    assert not [name for name in named if f"def {name}(" not in known]


@each_page_of_today
def test_every_command_that_a_page_names_exists(of: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    code = [*quoted(prose(of)), *(line for it in examples(of) for line in it.text.splitlines())]
    for text in code:
        for target in re.findall(r"(?:^|\s)make ([a-z][a-z-]*)", text):
            assert target in targets, f"{of.name}: make {target}"
        for words in re.findall(r"(?:^|[\s/\"(])timer-service((?: [a-z]+(?:-[a-z]+)*)+)", text):
            _walk(words.split(), f"{of.name}: {text}")
        for module in re.findall(r"python -m ((?:tests|benchmarks)[\w.]*)", text):
            path = ROOT / module.replace(".", "/")
            assert path.with_suffix(".py").exists() or (path / "__main__.py").exists(), f"{of.name}: {module}"


def _walk(words: list[str], where: str) -> None:
    """Each word is a command of the one before it, until one that has none."""
    command: click.Command = main
    for word in words:
        if not isinstance(command, click.Group):
            return
        command = _command(command, word, where)


def _command(group: click.Group, word: str, where: str = "") -> click.Command:
    found = group.get_command(click.Context(group), word)
    assert found is not None, f"{where}: {word}"
    return found


@each_page_of_today
def test_every_setting_that_a_page_names_exists(of: Path) -> None:
    known = {field.metadata["variable"] for field in Settings.__dataclass_fields__.values()} | _CLIENTS
    assert set(re.findall(r"\bTIMER_[A-Z_]+\b", of.read_text())) - known <= {"TIMER_"}


@each_page_of_today
def test_every_extra_that_a_page_names_exists(of: Path) -> None:
    assert set(re.findall(r"timer-service\[(\w+)\]", of.read_text())) <= _extras()


def test_operations_lists_every_extra_of_users_and_no_other() -> None:
    rows = table(page("operations.md"), "install")
    assert {extra for row in rows for extra in re.findall(r"\[(\w+)\]`", row[0])} == _extras() - {"bench", "dev"}


@each_page_of_today
def test_no_page_has_pip_look_for_our_name_where_it_is_of_another(of: Path) -> None:
    """https://pypi.org/project/timer-service/ is not ours."""
    warning = "`pip install timer-service` installs that"
    assert not re.search(r"pip install '?timer-service\b", of.read_text().replace(warning, ""))


def _extras() -> set[str]:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    return set(config["options.extras_require"])


# Examples.


@each_page
def test_every_example_is_of_a_kind_that_is_run_or_read_or_says_why_not(of: Path) -> None:
    for it in examples(of):
        run = it.language in ("bash", "python", "console", "json", "yaml", "toml", "ini", "sql", "text")
        assert run or it.not_run, f"{of.name}, line {it.line}: ```{it.language}"
        if it.language == "yaml":
            assert yaml.safe_load(it.text)
        elif it.language == "toml":
            assert _applied(it.text).schedules
        elif it.language == "ini":
            assert _unit(it.text)["Service"]["ExecStart"]


def _applied(text: str) -> ApplyFile:
    with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
        file.write(text)
        file.flush()
        return apply_file.read(file.name)


def _unit(text: str) -> configparser.ConfigParser:
    unit = configparser.ConfigParser(strict=False)
    unit.read_string(text)
    return unit


# Tables. Each is compared in both directions.


def test_architecture_lists_every_key_of_the_store_and_no_other() -> None:
    lua = (ROOT / "scheduler/store/lua/shared/keys.lua").read_text()
    listed = re.findall(r"^--   timers:\{p\}:(\S+(?: \| \w+)*)", lua, re.MULTILINE)
    rules = (ROOT / "scheduler/store/lua/shared/rules.lua").read_text()
    of_destinations = re.findall(r"timers:destination:\{<tag>\}(?::[a-z]+(?::<\w+>)?)?", rules)
    said = {name for row in table(page("architecture.md"), "key", "type", "holds") for name in quoted(row[0])}
    assert said == {f"timers:{{p}}:{name}" for names in listed for name in names.split(" | ")} | set(of_destinations)
    assert len(set(of_destinations)) == 3


def test_architecture_lists_every_dependency_and_no_other() -> None:
    said = {
        re.sub(r"\[.*", "", it) for row in table(page("architecture.md"), "package", "for") for it in row[0].split(", ")
    }
    assert said == names("server", "up", "fast", "async", "testing", "django", "sqlalchemy")


def test_the_page_about_tests_lists_every_folder_of_them_and_no_other() -> None:
    said = {row[0] for row in table(ROOT / "tests/README.md", "folder", "what it tells")}
    assert said == {f"{path.parent.name}/" for path in (ROOT / "tests").glob("*/__init__.py")}


def test_architecture_lists_every_folder_and_no_other() -> None:
    said = {quoted(row[0])[0].rstrip("/") for row in table(page("architecture.md"), "folder", "what lives there")}
    files = [*SOURCES, *(ROOT / "scheduler").rglob("*.lua")]
    assert said == {str(path.parent.relative_to(ROOT)) for path in files} | {"tests", "benchmarks"}


def test_api_lists_every_route_and_no_other(app_routes: set[str]) -> None:
    said = {quoted(row[0])[0] for row in table(page("api.md"), "call", "answer")}
    assert said == app_routes


def test_the_page_about_testing_lists_every_route_of_a_virtual_clock_and_a_real_one_has_none_of_them() -> None:
    said = {quoted(row[0])[0] for row in table(page("testing.md"), "call", "takes", "answer")}
    fake = HandSetFake()
    link = Link(fake, clock="virtual")
    virtual = create_app(Settings(clock="virtual"), link)
    real = create_app(Settings(), Bench(fake).link)
    assert _routes(virtual) - _routes(real) == said
    assert _described(virtual) - _described(real) == {it.split()[1] for it in said}
    assert real.test_client().post("/clock/advance", json={"by": "1d"}).status_code == 404
    fake.close()


def _described(app: Flask) -> set[str]:
    answer = app.test_client().get("/openapi.json").json
    assert answer is not None
    return set(answer["paths"])


@pytest.fixture
def http() -> Iterator[FlaskClient]:
    fake = HandSetFake()
    yield create_app(Settings(), Bench(fake).link).test_client()
    fake.close()


@pytest.fixture
def app_routes(http: FlaskClient) -> set[str]:
    return _routes(http.application)


def _routes(app: Flask) -> set[str]:
    found = set()
    for rule in app.url_map.iter_rules():
        path = re.sub(r"<(?:\w+:)?(\w+)>", lambda it: "{" + _PARAMETERS.get(it[1], it[1]) + "}", rule.rule)
        if rule.endpoint.startswith(("static", "swagger_ui", "ui.")) or path.startswith("/docs/"):
            continue
        found |= {f"{method} {path.rstrip('/')}" for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}}
    return {it for it in found if not re.match(r"\w+ /timer(/|$)", it)}


_PARAMETERS = {"timer_id": "id"}


def test_api_lists_every_field_of_a_new_timer_and_no_other() -> None:
    said = {name for row in table(page("api.md"), "field", "meaning") for name in quoted(row[0])}
    assert said == NewTimer().fields.keys() | TimerOut().fields.keys()


def test_api_lists_every_field_of_a_schedule_and_no_other() -> None:
    said = {name for row in table(page("api.md"), "field of a schedule", "meaning") for name in quoted(row[0])}
    assert said == NewSchedule().fields.keys() | ScheduleOut().fields.keys()


def test_api_lists_every_field_of_a_destination_and_no_other() -> None:
    said = {name for row in table(page("api.md"), "field of a destination", "meaning") for name in quoted(row[0])}
    assert said == DestinationChange().fields.keys() | DestinationOut().fields.keys()


def test_api_lists_every_reason_and_no_other() -> None:
    assert {quoted(row[0])[0] for row in table(page("api.md"), "`reason`", "the timer")} == set(Reason)


def test_api_lists_every_kind_of_problem_with_its_status_and_no_other() -> None:
    said = {(quoted(row[0])[0], int(row[1])) for row in table(page("api.md"), "`type`", "status")}
    known = {(name, status) for status, (name, _) in problems.PAGES.items()}
    known |= {(name, status) for name, (status, _) in problems.MORE_PAGES.items()}
    assert said == {(f"/problems/{name}", status) for name, status in known}


def test_what_api_shows_of_a_refused_field_is_what_is_said(http: FlaskClient) -> None:
    answer = http.post("/timers", json={"seconds": -1, "url": "http://example.com"})
    (error,) = answer.get_json()["errors"]
    assert f'"detail": "{error["detail"]}"' in page("api.md").read_text()


def test_the_bounds_of_a_number_are_told_in_digits(http: FlaskClient) -> None:
    answer = http.post("/timers", json={"delay": -1, "url": "http://example.com"})
    assert answer.get_json()["errors"][0]["detail"] == "Must be a number from 0 to 220752000000."


def test_client_lists_every_method_and_error_and_no_other() -> None:
    methods = {name for name in dir(TimerClient) if not name.startswith("_")} - {"close"}
    assert {quoted(row[0])[0] for row in table(page("client.md"), "method", "does")} == methods
    tree = {name for name, it in vars(errors).items() if isinstance(it, type) and issubclass(it, Exception)}
    tree = {name for name in tree if issubclass(getattr(errors, name), errors.TimerServiceError)}
    said = {quoted(row[0])[0] for row in table(page("client.md"), "error", "the service said")}
    assert said == tree - {"TimerServiceError"}


def test_cli_lists_every_command_and_no_other() -> None:
    said = {_without_arguments(quoted(row[0])[0]) for row in table(page("cli.md"), "command", "does")}
    assert said == set(_commands(main, "timer-service")) | {"timer-service timer"}


def _without_arguments(text: str) -> str:
    return " ".join(word for word in text.split() if word.islower())


def _commands(group: click.Group, name: str) -> Iterator[str]:
    for word in group.list_commands(click.Context(group)):
        command = _command(group, word)
        if isinstance(command, click.Group):
            yield from _commands(command, f"{name} {word}")
        else:
            yield f"{name} {word}"


def test_cli_lists_every_exit_code_and_no_other() -> None:
    timer = _command(main, "timer")
    with click.Context(timer) as context:
        told = timer.get_help(context).partition("Exit codes:")[2]
    codes = {int(code): " ".join(text.split()) for code, text in re.findall(r"^ +(\d+) +(.+)$", told, re.MULTILINE)}
    assert {int(row[0]) for row in table(page("cli.md"), "code", "meaning")} == codes.keys()
    assert len(codes) > 9


def test_settings_lists_every_variable_with_its_default_and_no_other() -> None:
    listed = {quoted(row[0])[0]: row[1].strip("`") for row in table(page("settings.md"), "variable", "default")}
    fields = Settings.__dataclass_fields__.values()
    assert listed.keys() == {field.metadata["variable"] for field in fields}
    said = {variable: default for variable, default in listed.items() if default not in ("none", "all")}
    assert Settings.from_env(said) == Settings()
    assert not any(field.default for field in fields if field.metadata["variable"] not in said)


def test_operations_lists_every_metric_of_the_api_and_no_other(http: FlaskClient) -> None:
    http.get("/livez")
    text = http.get("/metrics").text
    said = _metrics_of("of the API")
    assert said == _families(text) | {name for name in said if name in _ONLY_SOMETIMES}


#: Without a limit, a failure, or a file of keys or secrets, or where the store does not say, the API says nothing of
#: these.
_ONLY_SOMETIMES = {
    "timer_store_max_bytes",
    "timer_store_used_bytes",
    "timer_store_append_only",
    "timer_store_append_ok",
    "timer_store_refusals_total",
    "timer_max_pending",
    "timer_history_unread",
    "timer_history_oldest_unread_seconds",
    "timer_history_given_up_total",
    "timer_settings_file_ok",
}


_OF_BACKLOG = {"timer_history_unread", "timer_history_oldest_unread_seconds", "timer_history_given_up_total"}


def test_operations_lists_every_metric_of_the_history_and_no_other() -> None:
    client = HandSetFake()
    unread = Bench(client).store().unread
    registry = CollectorRegistry()
    link = Link(client)
    link.failures["away"] += 1
    registry.register(HistoryMetrics(Recorder(unread, Rowed(), 60), link))
    found = _families(generate_latest(registry).decode())
    client.close()
    said = {name for row in table(page("operations.md"), "of the history", "labels") for name in quoted(row[0])}
    assert said == found > _OF_BACKLOG


def test_operations_lists_every_metric_of_a_poller_and_no_other() -> None:
    text = (ROOT / "scheduler/poller/metrics.py").read_text()
    kinds = {"Counter": "_total", "Gauge": "", "Histogram": "", "Info": "_info"}
    found = {
        name + kinds[kind]
        for kind, name in re.findall(r"\b(Counter|Gauge|Histogram|Info)MetricFamily\(\s*\"(\w+)\"", text)
    }
    found |= {f"{name}_total" for name in re.findall(r"\b_counters\(\s*\"(\w+)\"", text)}
    found |= set(re.findall(r"\b_histogram\(\s*\"(\w+)\"", text))
    assert _metrics_of("of a poller") == found


def _metrics_of(heading: str) -> set[str]:
    return {quoted(row[0])[0] for row in table(page("operations.md"), heading, "labels")}


def _families(text: str) -> set[str]:
    suffixes = {"counter": "_total", "info": "_info"}
    return {it.name + suffixes.get(it.type, "") for it in text_string_to_metric_families(text)}


def test_operations_words_the_warnings_of_readyz_as_they_are() -> None:
    everything = _blanked(" ".join(path.read_text() for path in SOURCES))
    for warning, *_ in table(page("operations.md"), "a warning of `/readyz`"):
        assert all(part.strip() in everything for part in warning.split("...")), warning


def test_the_pages_list_every_warning_and_error_that_is_logged_and_no_other() -> None:
    listed = [*table(page("operations.md"), "message", "means"), *table(page("tasks.md"), "message", "means")]
    said = {_blanked(quoted(row[0])[0]) for row in listed}
    logged = set(_logged())
    assert logged - said == set()
    everything = _blanked(" ".join(path.read_text() for path in SOURCES))
    for message in said - logged:  # made up elsewhere, and logged as it is
        assert all(part.strip(" ;:,") in everything for part in message.split("<>")), message


def _blanked(text: str) -> str:
    """A message whose values are blanks, as the page writes `<id>` and the code `%s` or `{name}`."""
    return re.sub(r"<[^<>]+>|%[.\d]*[sdf]|\{[^{}]+\}", "<>", text)


def _logged() -> Iterator[str]:
    """The messages of warnings and errors that have words of their own."""
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                continue
            if node.func.attr not in ("warning", "error", "exception", "critical", "log"):
                continue
            first = node.args[1 if node.func.attr == "log" else 0] if node.args else None
            if isinstance(first, ast.Constant) and isinstance(first.value, str) and first.value != "%s":
                yield _blanked(first.value)


@pytest.mark.parametrize("of", [README, page("performance.md")], ids=lambda path: path.name)
def test_the_figures_of_the_peers_are_those_that_were_measured(of: Path) -> None:
    measured = {row["peer"]: row for row in json.loads(RESULTS.read_text())["parts"]["against"]["rows"]}
    rows = table(of, "one worker") if of == README else table(of, "POSTs due at once, one worker")
    assert len(rows) == len(measured)
    for cells in rows:
        row = measured[re.split(r"[ *]+", cells[0].strip("* "))[0]]
        assert row["peer"] == "timer-service" or row["version"].startswith(cells[0].split()[1])
        rate, cpu, late, _, kept, _ = [_numbers(cell) for cell in cells[1:]]
        assert rate[0] == pytest.approx(row["per_second"], abs=5)
        assert cpu[0] == pytest.approx(row["worker_cpu_s_per_1000"], abs=0.05 if cpu[0] > 10 else 0.006)
        assert late[:2] == [row["late_p50_ms"], row["late_p99_ms"]]
        assert kept == [row["not_arrived"], row["killed_of"]]
        assert _numbers(cells[4]) == [row["bytes_per_pending"]]
        assert _numbers(cells[6])[0] == row["twice"]


def test_how_soon_a_dead_receiver_is_named_and_paused_is_what_was_measured() -> None:
    (measured,) = json.loads(RESULTS.read_text())["parts"]["on_call"]["rows"]
    rows = table(page("performance.md"), "", "goal", "measured")
    (row,) = [it for it in rows if it[0].startswith("a receiver dies while Now is open")]
    named, paused, clicks = _numbers(row[2])
    assert (named, paused) == pytest.approx((measured["named_s"], measured["paused_s"]), abs=0.06)
    assert clicks == measured["clicks"]
    assert f"is named {named:g} s after the first webhook" in page("page.md").read_text()


def _numbers(text: str) -> list[float]:
    return [float(it.replace(",", "")) for it in re.findall(r"\d[\d,]*(?:\.\d+)?(?=\b)", text.replace(", ", " "))]
