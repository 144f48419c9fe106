"""The fixture `timer_service`, in a stranger's project: the whole service on a clock that his test turns."""

from __future__ import annotations

from tests.testing.conftest import Project

REMIND = """
from datetime import timedelta


def test_a_reminder_comes_after_three_days(timer_service):
    timer_service.client.create(timer_service.receiver_url + "/remind?x=1", delay="3d", body={"cart": 17})
    assert timer_service.advance(timedelta(days=2)).attempts == 0
    assert timer_service.advance(timedelta(days=1)).attempts == 1
    (reminder,) = timer_service.received
    assert (reminder.path, reminder.json, reminder.attempt) == ("/remind?x=1", {"cart": 17}, 1)
"""


def test_a_reminder_of_three_days_is_tested_on_the_whole_service(project: Project) -> None:
    project.write("test_remind.py", REMIND)
    assert "1 passed" in project.run()


def test_each_test_finds_an_empty_service_whatever_the_one_before_has_done(project: Project) -> None:
    """Red if anything is left: timers of any status, schedules, rules of destinations, keys, what a receiver got."""
    project.write(
        "test_clean.py",
        """
        import pytest
        from timer_service.client import NotFound
        from timer_service.testing import Answer

        @pytest.mark.parametrize("n", range(4))
        def test_clean(timer_service, n):
            client = timer_service.client
            assert list(client.list(status="any")) == []
            assert client.stats().delivered == client.stats().failed == 0
            assert list(client.schedules()) == []
            assert timer_service.received == []
            with pytest.raises(NotFound):
                client.destination("https:api.example.com:443")

            url = timer_service.receiver_url
            timer_service.answer(500, Answer(503, {"retry-after": "40"}), 200, 410, 200)
            one = client.create(url, delay="1h", key="one", idempotency_key="first", tags=["a"], body=n)
            client.create(url, delay="2h", priority=5)
            client.create(url, delay="300d")
            client.set_schedule("daily", every="1d", timer={"url": url})
            client.update_destination("https:api.example.com:443", rate={"requests": 1, "per": "1s"})
            client.pause_destination("https:api.example.com:443", reason="a test")
            client.rotate_secret("https:api.example.com:443")
            assert timer_service.advance("3d").stopped_by is None
            assert client.get(one.id).status == "delivered"
            assert len(timer_service.received) >= 7
        """,
    )
    assert "4 passed" in project.run()


def test_what_an_answer_is_to_be_is_said_by_the_test(project: Project) -> None:
    project.write(
        "test_answers.py",
        """
        import pytest
        from timer_service.testing import Answer, Received

        def test_in_turn_and_the_last_again_and_again(timer_service):
            timer_service.answer(500, lambda request: 503 if request.attempt == 2 else 500, Answer(200, body="fine"))
            timer = timer_service.client.create(timer_service.receiver_url, delay=1)
            assert timer_service.advance("1d").attempts == 3
            assert [it.attempt for it in timer_service.received] == [1, 2, 3]
            assert timer_service.client.get(timer.id).last_attempt.response_body == "fine"

        def test_what_a_function_raises_is_raised_by_advance(timer_service):
            def check(request: Received) -> int:
                assert request.json == {"a": 1}
                return 200

            timer_service.answer(check)
            timer_service.client.create(timer_service.receiver_url, delay=1, body={"a": 2}, max_attempts=1)
            with pytest.raises(AssertionError):
                timer_service.advance("1h")
            assert timer_service.advance("1h").attempts == 0
        """,
    )
    assert "2 passed" in project.run()


def test_an_application_that_verifies_signatures_believes_what_comes_by_the_virtual_clock(project: Project) -> None:
    """Red if verify() went by this machine's clock: three days are more than its tolerance."""
    project.write(
        "test_verify.py",
        """
        from timer_service.client import verify

        def test_verified(timer_service):
            seen = []

            def app(environ, start_response):
                body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
                headers = {
                    name[5:].replace("_", "-"): value for name, value in environ.items() if name.startswith("HTTP_")
                }
                seen.append(verify(headers, body, timer_service.signing_secret))
                start_response("204 No Content", [])
                return [b""]

            timer = timer_service.client.create(timer_service.serve(app) + "/hook", delay="3d")
            assert timer_service.advance("4d").attempts == 1
            assert seen == [timer.id]
            assert timer_service.client.get(timer.id).status == "delivered"
        """,
    )
    assert "1 passed" in project.run()


def test_settings_around_it_are_none_of_its_own(project: Project) -> None:
    """Red with a store that was named by the environment: it would be emptied. And with a proxy."""
    project.write("test_remind.py", REMIND)
    around = {
        "TIMER_REDIS_URL": "redis://127.0.0.1:1/0",
        "TIMER_DATA_DIR": "/nowhere",
        "TIMER_NO_SUCH": "setting",
        "TIMER_API_KEYS": "not one",
        "HTTP_PROXY": "http://127.0.0.1:1",
        "http_proxy": "http://127.0.0.1:1",
    }
    assert "1 passed" in project.run(**around)
    assert sorted(it.name for it in project.folder.iterdir() if it.name != "__pycache__") == [
        "conftest.py",
        "test_remind.py",
    ]


def test_modules_of_the_project_do_not_stand_in_for_those_of_the_service(project: Project) -> None:
    """Red without -P: `python -m` looks in the folder of the tests first."""
    for name in ("flask", "click", "queue", "redis"):
        project.write(f"{name}.py", 'raise ImportError("of the project")\n')
    project.write("test_remind.py", REMIND)
    project.write("pytest.ini", "[pytest]\naddopts = --import-mode=importlib\n")
    assert "1 passed" in project.run(PYTHONSAFEPATH="1")


def test_each_worker_of_xdist_has_a_service_of_its_own(project: Project) -> None:
    project.write(
        "test_many.py",
        """
        import os
        from pathlib import Path
        import pytest

        @pytest.mark.parametrize("n", range(6))
        def test_alone(timer_service, n):
            Path(f"url-{os.environ['PYTEST_XDIST_WORKER']}-{n}").write_text(timer_service.url)
            timer_service.client.create(timer_service.receiver_url, delay="3d", body=n)
            assert timer_service.advance("4d").attempts == 1
            assert [it.json for it in timer_service.received] == [n]
        """,
    )
    assert "6 passed" in project.run("-p", "xdist", "-n", "2", "--dist", "load")
    urls: dict[str, set[str]] = {}
    for file in project.folder.glob("url-*"):
        urls.setdefault(file.name.split("-")[1], set()).add(file.read_text())
    assert len(urls) == 2
    assert all(len(of_worker) == 1 for of_worker in urls.values())
    assert len(set.union(*urls.values())) == 2


def test_a_plugin_that_no_test_uses_loads_nothing_and_starts_nothing(project: Project) -> None:
    """Red with an import that is not needed to define a fixture."""
    project.write(
        "test_light.py",
        """
        import json
        import sys

        def test_light():
            ours = {it for it in sys.modules if it.split(".")[0] in ("timer_service", "scheduler")}
            assert ours == {"timer_service", "timer_service.testing", "timer_service.testing.fixtures"}
            for name in ("requests", "flask", "redis", "fakeredis", "click"):
                assert name not in sys.modules, name
        """,
    )
    assert "1 passed" in project.run()


def test_without_the_plugin_nothing_of_ours_is_part_of_a_run(project: Project) -> None:
    """Red with an entry point of pytest's: whoever has the client installed would load it in every run."""
    project.write("conftest.py", "")
    project.write(
        "test_none.py",
        """
        import sys

        def test_none():
            assert not [it for it in sys.modules if it.split(".")[0] in ("timer_service", "scheduler")]
        """,
    )
    assert "1 passed" in project.run(PYTEST_DISABLE_PLUGIN_AUTOLOAD="")
