"""`timer-service destination ...` against a real API: what people read, what scripts get."""

from __future__ import annotations

import re
from uuid import uuid4

import pytest

from scheduler import Settings, Store
from scheduler.destinations import Rule
from scheduler.holds.rule_changes import broken
from scheduler.store.record import tag_of
from scheduler.store.rule_record import state_fields
from scheduler.store.rules import Fields, Rules
from tests.bench.processes import Service
from tests.client.test_schedule_commands import Run, lines, run
from tests.client.test_shell import complete
from timer_service.client import TimerClient

__all__ = ["run"]


@pytest.fixture
def there() -> str:
    """A destination that no other test has."""
    return f"https:{uuid4().hex}.example:443"


def test_set_takes_everything_that_a_destination_can_have(run: Run, there: str) -> None:
    # fmt: off
    (made,) = lines(run(
        "destination", "set", there, "--rate", "600/10m", "--burst", "3", "--concurrency", "5", "--breaker", "off",
        "-o", "json",
    ))
    # fmt: on
    assert (made["rate"], made["concurrency"]) == ({"requests": 600, "per": "10m", "burst": 3}, 5)
    assert (made["breaker"], made["state"]) == ({"mode": "off"}, "limited")
    (made,) = lines(run("destination", "set", there, "--burst", "4", "--concurrency", "none", "-o", "json"))
    assert (made["rate"], made["concurrency"]) == ({"requests": 600, "per": "10m", "burst": 4}, None)
    (made,) = lines(run("destination", "set", there, "--rate", "none", "-o", "json"))
    assert (made["rate"], made["breaker"]) == (None, {"mode": "off"})


@pytest.mark.parametrize(("rate", "per"), [("10/s", "1s"), ("10/m", "1m"), ("10 / 1h30m", "1h30m"), ("10/PT5S", "5s")])
def test_a_rate_is_written_in_any_unit(run: Run, there: str, rate: str, per: str) -> None:
    (made,) = lines(run("destination", "set", there, "--rate", rate, "-o", "json"))
    assert made["rate"] == {"requests": 10, "per": per, "burst": None}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "say what: --rate"),
        (["--rate", "10"], "'10' is no rate such as 10/1s"),
        (["--rate", "ten/1s"], "no rate"),
        (["--rate", "10/5"], "no rate"),
        (["--rate", "-1/s"], "no rate"),
        (["--rate", "0/s"], "/rate/requests: Must be a whole number from 1"),
        (["--rate", "5/2d"], "/rate/per: Must be from 1s to 1d"),
        (["--rate", "none", "--burst", "2"], "--burst needs a rate"),
        (["--burst", "2"], "/rate/requests: Say how many"),
        (["--concurrency", "many"], "no whole number"),
        (["--concurrency", "0"], "/concurrency: Must be a whole number from 1"),
        (["--breaker", "on"], "Invalid value for '--breaker'"),
    ],
)
def test_what_cannot_be_set_is_wrong_usage_and_says_why(run: Run, there: str, words: list[str], said: str) -> None:
    result = run("destination", "set", there, *words)
    assert (result.exit_code, said in " ".join(result.stderr.split())) == (2, True), result.stderr


def test_any_url_of_it_names_a_destination(run: Run, there: str) -> None:
    url = there.replace("https:", "https://").replace(":443", "/hook?x=1")
    assert run("destination", "pause", url.replace("example", "EXAMPLE"), "-o", "id").stdout == f"{there}\n"
    assert run("destination", "show", url, "-o", "id").stdout == f"{there}\n"
    refused = run("destination", "show", "https:api.example.com")
    assert (refused.exit_code, "Write it as https:api.example.com:443." in refused.stderr) == (2, True)
    assert run("destination", "show", "https://[x").exit_code == 2
    assert run("destination", "show", f"http://{uuid4().hex}").exit_code == 3


def test_people_read_how_it_stands_why_and_until_when(run: Run, there: str) -> None:
    said = run("destination", "set", there, "--rate", "10/s", "--burst", "2", "--concurrency", "5").stdout
    assert said == f"set {there}: rate 10/1s, bursts of 2, 5 at once, breaker auto; it is limited\n"
    said = run("destination", "pause", there, "--reason", "they move", "--until", "2h").stdout
    assert re.fullmatch(rf"paused {there}, until \S+ \S+ E.T, \S+ \S+ UTC\n", said)
    shown = run("destination", "show", there).stdout
    for line in (
        r"state +paused",
        r"because +paused: they move",
        r"until +.* UTC",
        r"reason +they move",
        r"rate +10/1s, bursts of 2",
        r"at once +0 of 5",
        r"waiting +0",
        r"attempts +0",
    ):
        assert re.search(f"^{line}$", shown, re.MULTILINE), line
    listed = run("destination", "list", "--state", "paused", "--all").stdout
    assert re.search(
        rf"^{there} +paused +.* 10/1s, bursts of 2 +5 +0 +- +0 +0 +paused: they move$", listed, re.MULTILINE
    )
    assert run("destination", "pause", there).stdout == f"paused {there}, until it is resumed\n"
    said = run("destination", "resume", there, "--at", "full").stdout
    assert said == f"resumed {there}: it is limited, at most 10 in 1 s, 5 at once\n"


def test_of_one_that_is_broken_a_resume_says_that_it_is_tried(run: Run, service: Service, there: str) -> None:
    store = Store(Settings(redis_url=service.store.url))

    def breaks(rule: Rule) -> Fields | None:
        after = broken(rule, "10 attempts in a row failed, the last one: dns")
        return {"id": there, **state_fields(after)} if after else None

    Rules(store.link).change(tag_of(there), breaks)
    store.close()
    said = f"{there} is broken, 10 attempts in a row failed, the last one: dns; it is tried now whether it is back\n"
    assert run("destination", "resume", there).stdout == said
    refused = run("destination", "resume", there, "--at", "full")
    assert (refused.exit_code, "broken, not paused" in refused.stderr) == (4, True)


def test_lists_say_when_there_are_more_and_give_scripts_ids(run: Run, there: str, client: TimerClient) -> None:
    others = [there.replace("https:", f"https:{number}") for number in range(3)]
    for each in others:
        client.pause_destination(each)
    result = run("destination", "list", "--state", "paused", "--limit", "2")
    assert (len(result.stdout.splitlines()), "The first 2; there are more" in result.stderr) == (3, True)
    found = run("destination", "list", "--state", "paused", "--all", "-o", "id").stdout.split()
    assert set(others) <= set(found)
    assert len(found) == len(set(found))
    for each in others:
        client.resume_destination(each, at="full")


def test_another_version_is_a_conflict(run: Run, there: str) -> None:
    (made,) = lines(run("destination", "set", there, "--concurrency", "1", "-o", "json"))
    assert run("destination", "set", there, "--concurrency", "2", "--if-version", made["version"]).exit_code == 0
    assert run("destination", "set", there, "--concurrency", "3", "--if-version", made["version"]).exit_code == 4


def test_a_timer_shows_what_holds_it(run: Run, there: str, client: TimerClient) -> None:
    url = there.replace("https:", "https://")
    client.pause_destination(there, reason="they move", until="2097-01-01T00:00:00Z")
    timer = client.create(url, delay=0)
    shown = run("timer", "show", timer.id).stdout
    assert re.search(r"^status +scheduled \(held by pause\)$", shown, re.MULTILINE)
    assert re.search(r"^held +paused: they move, until 2096-12-31 19:00:00 EST$", shown, re.MULTILINE)
    assert re.search(r"^expected +2096-12-31 19:00:00 EST$", shown, re.MULTILINE)
    assert f"{timer.id}  scheduled (held by pause)  " in run("timer", "list", "--destination", url).stdout
    client.cancel(timer.id)


def test_the_shell_completes_destinations(service: Service, there: str, client: TimerClient) -> None:
    client.update_destination(there, concurrency=1)
    assert there in complete(f"timer-service destination show {there[:20]}", TIMER_URL=service.url)
