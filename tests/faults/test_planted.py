"""The checker sees every planted bug, by the name of its rule, and nothing in the same story without the bug."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from tests.faults import destination_scenarios, scenarios
from tests.faults.checker import Rule, check
from tests.faults.history import History
from tests.faults.planted import BUGS
from tests.faults.scenarios import Story, tell

#: What is tried is the checker; what it judges runs on each Python in the other files here.
pytestmark = pytest.mark.elsewhere

STORIES: dict[str, tuple[Rule, Story]] = {
    "settle without fence": (Rule.ONCE, scenarios.a_frozen_poller_brings_a_failure_when_another_has_delivered),
    "claim not repeatable": (Rule.MARKED, scenarios.the_reply_to_a_claim_is_lost),
    "no take-back": (Rule.LOST, scenarios.a_poller_dies_in_mid_attempt),
    "remove before add": (Rule.ONE_PLACE, scenarios.the_store_is_full_when_answers_come),
    "no renewal": (Rule.ONCE, scenarios.an_answer_takes_longer_than_a_lease),
    "early clock": (Rule.EARLY, scenarios.timers_fall_due_one_after_another),
    "cancel that only hides": (Rule.SILENT, scenarios.timers_are_cancelled),
    "sent twice": (Rule.ONCE, scenarios.timers_fall_due_one_after_another),
    "the poller dies of one connection": (Rule.ALIVE, scenarios.receivers_close_without_a_word),
    "a callback made outside of the end": (Rule.CALLED, scenarios.a_poller_dies_in_mid_attempt_of_what_is_sent_once),
    "an expiry that nobody looks at": (Rule.EXPIRED, scenarios.nobody_polls_until_some_have_expired),
    "the next moment does not advance": (Rule.RUNS, scenarios.schedules_make_runs),
    "the same id for two runs": (Rule.RUNS, scenarios.schedules_make_runs),
    "overlap decided at creation": (Rule.RUNS, scenarios.schedules_make_runs),
    "a PUT without change that starts anew": (
        Rule.RUNS,
        scenarios.a_schedule_is_set_again_before_each_of_its_moments,
    ),
    "a pause that leaves runs made ahead": (Rule.RUNS, scenarios.a_schedule_is_paused_and_goes_on),
    "a change that leaves runs made ahead": (Rule.RUNS, scenarios.a_schedule_is_changed_and_another_deleted),
    "a delete that leaves runs made ahead": (Rule.RUNS, scenarios.a_schedule_is_changed_and_another_deleted),
    "moments of a pause that are made up for": (Rule.RUNS, scenarios.a_schedule_is_paused_and_goes_on),
    "a rate that each poller counts for itself": (
        Rule.RATE,
        destination_scenarios.two_pollers_share_a_rate_and_a_concurrency,
    ),
    "a concurrency that each call counts anew": (
        Rule.RATE,
        destination_scenarios.two_pollers_share_a_rate_and_a_concurrency,
    ),
    "a pause that no poller is told of": (Rule.HELD, destination_scenarios.a_destination_is_paused_and_goes_on),
    "timers of a paused destination that are dropped": (
        Rule.LOST,
        destination_scenarios.a_destination_is_paused_and_goes_on,
    ),
    "an attempt that is counted while its destination is paused": (
        Rule.HELD,
        destination_scenarios.a_destination_is_paused_and_goes_on,
    ),
    "a probe without a lease": (Rule.PROBE, destination_scenarios.a_receiver_is_away_and_comes_back),
    "a broken destination that is back at full speed": (
        Rule.PROBE,
        destination_scenarios.a_receiver_is_away_and_comes_back,
    ),
    "a paused destination that goes on at full speed": (
        Rule.PROBE,
        destination_scenarios.a_paused_destination_goes_on_slowly,
    ),
    "a 4xx that opens a breaker": (
        Rule.PROBE,
        destination_scenarios.a_host_refuses_what_it_is_sent_and_a_gateway_what_is_for_one_tenant,
    ),
    "failures of one tenant that open the breaker of a gateway": (
        Rule.PROBE,
        destination_scenarios.a_host_refuses_what_it_is_sent_and_a_gateway_what_is_for_one_tenant,
    ),
    "a permit that is not given back": (Rule.RATE, destination_scenarios.the_reply_to_a_claim_by_permits_is_lost),
    "permits that are forgotten with a claim that failed": (
        Rule.RATE,
        destination_scenarios.the_reply_to_a_claim_by_permits_is_lost,
    ),
    "take-back after an absent store": (Rule.ONCE, scenarios.the_store_freezes_for_longer_than_a_lease),
}


#: Stories that are told at once: they mostly wait.
_AT_ONCE = 3
#: How often a story with a bug is told until the bug is seen: some show only while two pollers run at once, and a busy
#: machine may give one of them no CPU.
_TOLD = 4


@pytest.fixture(scope="module")
def told(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mapping[tuple[Story, str], Future[History]]]:
    """The stories of all bugs that are asked for, by their bug; under "" without one, once for all bugs they show."""
    items = [it for it in request.session.items if isinstance(it, pytest.Function) and it.module is request.module]
    found: dict[tuple[Story, str], Future[History]] = {}
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for bug in [str(it.callspec.params["bug"]) for it in items if hasattr(it, "callspec")]:
            _, story = STORIES[bug]
            for planted in (bug, ""):
                if (story, planted) not in found:
                    folder = tmp_path_factory.mktemp("story")
                    found[story, planted] = pool.submit(tell, story, folder, planted)
        yield found
        pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize("bug", STORIES)
def test_a_planted_bug_is_seen_and_without_it_all_is_well(
    bug: str, told: Mapping[tuple[Story, str], Future[History]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    rule, story = STORIES[bug]
    assert check(told[story, ""].result()) == []
    found = check(told[story, bug].result())
    for _ in range(_TOLD - 1):
        if rule in {violation.rule for violation in found}:
            break
        found = check(tell(story, tmp_path_factory.mktemp("again"), bug))
    assert rule in {violation.rule for violation in found}, found


def test_every_planted_bug_has_its_story() -> None:
    assert STORIES.keys() == BUGS.keys()
