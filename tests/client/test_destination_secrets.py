"""Secrets of a destination's own from Python and from the command line, against a real API, store and poller."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from tests.bench.processes import Service
from tests.bench.receiver import SECRET, receiving, verified
from tests.client.test_routes import losing_first_answers
from tests.client.test_schedule_commands import Run, lines, run
from timer_service.client import Conflict, Forbidden, Invalid, TimerClient

__all__ = ["run"]


@pytest.fixture
def there() -> str:
    """A destination that no other test has."""
    return f"https:{uuid4().hex}.example:443"


def test_a_receiver_verifies_with_the_secret_that_the_client_was_told_and_refuses_that_of_the_service(
    client: TimerClient,
) -> None:
    with receiving() as receiver:
        there = receiver.url.replace("://", ":")
        made = client.rotate_secret(there)
        assert (made.signing, made.old_until) == ("service", None)
        assert client.update_destination(there, signing="own").signing == "own"
        receiver.secret = made.secret
        client.create(receiver.url, delay=0)
        (hit,) = receiver.wait_for(1, 20)
        assert not verified(hit.body, hit.headers, SECRET)


def test_a_destination_tells_when_its_secrets_were_made_and_until_when_they_sign(
    client: TimerClient, there: str
) -> None:
    first = client.rotate_secret(there)
    second = client.rotate_secret(there, old_for=timedelta(hours=1))
    assert second.old_until is not None
    assert timedelta(minutes=59) < second.old_until - datetime.now(UTC) < timedelta(minutes=61)
    told = client.destination(there)
    assert [it.until for it in told.secrets] == [None, second.old_until]
    shown = repr((first, second, told)) + str(told.raw)
    assert first.secret[6:] not in shown
    assert second.secret[6:] not in shown


def test_a_rotation_that_is_repeated_after_a_lost_answer_makes_one_secret(
    service: Service, client: TimerClient, there: str
) -> None:
    with losing_first_answers(service) as url, TimerClient(url) as unlucky:
        made = unlucky.rotate_secret(there, idempotency_key=f"mine-{there}")
    assert client.rotate_secret(there, idempotency_key=f"mine-{there}") == made
    assert len(client.destination(there).secrets) == 1


def test_what_is_refused_says_why(client: TimerClient, there: str) -> None:
    with pytest.raises(Conflict, match="No secret was made"):
        client.update_destination(there, signing="own")
    with pytest.raises(Invalid) as caught:
        client.rotate_secret(there, old_for="31d")
    assert [error.pointer for error in caught.value.errors] == ["/old_for"]


def test_a_key_that_may_only_read_makes_no_secret(keys: dict[str, str], there: str) -> None:
    with TimerClient(keys["url"], keys["read"]) as reader, pytest.raises(Forbidden):
        reader.rotate_secret(there)


def test_the_command_prints_a_secret_and_nothing_else_where_a_file_takes_it(
    run: Run, client: TimerClient, there: str
) -> None:
    made = run("destination", "rotate-secret", there)
    assert re.fullmatch(r"whsec_[\w+/]{43}=\n", made.stdout)
    assert "It signs nothing yet" in made.stderr
    assert run("destination", "set", there, "--signing", "own").stdout.endswith(
        "breaker auto, signed with its own secrets; it is flowing\n"
    )
    again = run("destination", "rotate-secret", there, "--old-for", "2h", "-o", "json")
    (told,) = lines(again)
    assert (told["signing"], told["secret"] + "\n" != made.stdout) == ("own", True)
    assert "Those before it sign too, until" in again.stderr
    shown = run("destination", "show", there).stdout
    assert re.search(r"^signing +own$", shown, re.MULTILINE)
    assert len(re.findall(r"^own secret +made ", shown, re.MULTILINE)) == 2
    assert told["secret"][6:] not in shown
    assert run("destination", "rotate-secret", there, "--old-for", "soon").exit_code == 2
    assert client.destination(there).secrets[0].until is None


def test_apply_leaves_alone_who_signs_unless_the_file_says_it(
    run: Run, client: TimerClient, there: str, tmp_path: Path
) -> None:
    path = tmp_path / "timers.toml"

    def apply(text: str) -> str:
        path.write_text(f'[destinations."{there}"]\n{text}')
        result = run("apply", str(path))
        return result.stdout + result.stderr

    assert "No secret was made for this destination yet" in apply('signing = "own"\n')
    client.rotate_secret(there)
    assert 'signing: "service" -> "own"' in apply('signing = "own"\n')
    assert f"unchanged {there}" in apply('signing = "own"\n')
    assert "signing" not in apply("concurrency = 5\n")
    assert client.destination(there).signing == "own"
    assert 'signing: "own" -> "service"' in apply('signing = "service"\n')
