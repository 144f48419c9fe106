"""Settings: read once, refused early."""

from __future__ import annotations

import pytest

from scheduler import Settings, SettingsError


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("TIMER_REDIS_URL", "http://localhost"),
        ("TIMER_REDIS_URL", "redis://h:port"),
        ("TIMER_REDIS_URL", "redis://h/0?nix=1"),
        ("TIMER_REDIS_URL", "redis://[::1"),
        ("TIMER_TIMEOUT", "0"),
        ("TIMER_TIMEOUT", "301"),
        ("TIMER_TIMEOUT", "soon"),
        ("TIMER_MAX_ATTEMPTS", "0"),
        ("TIMER_MAX_ATTEMPTS", "1.5"),
        ("TIMER_SLOTS", "-1"),
        ("TIMER_PORT", "tcp://10.0.0.1:8000"),
        ("TIMER_PORT", "65536"),
        ("TIMER_PARTITIONS", "3"),
        ("TIMER_PARTITIONS", "128"),
        ("TIMER_ALLOW_ANONYMOUS", "yes"),
        ("TIMER_API_KEYS", "me:admin:00"),
        ("TIMER_API_KEYS", ","),
        ("TIMER_LOG_LEVEL", "loud"),
        ("TIMER_LEASE", "1s"),
        ("TIMER_SIGNING_SECRETS", "whsec_short"),
        ("TIMER_SIGNING_SECRETS", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
    ],
)
def test_a_bad_value_is_refused_in_one_line_that_names_its_variable(variable: str, value: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_env({variable: value})
    assert variable in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_partitions_of_a_store_can_be_left_to_it() -> None:
    for said, partitions in (("", 0), ("0", 0), ("1", 1), ("64", 64)):
        assert Settings.from_env({"TIMER_PARTITIONS": said}).partitions == partitions


def test_the_message_keeps_secrets() -> None:
    for variable in ("TIMER_REDIS_URL", "TIMER_SIGNING_SECRETS", "TIMER_API_KEYS"):
        with pytest.raises(SettingsError) as caught:
            Settings.from_env({variable: "http://:hunter2@host"})
        assert "hunter2" not in str(caught.value)
    assert "hunter2" not in repr(
        Settings(redis_url="redis://:hunter2@host", signing_secrets="hunter2", api_keys="hunter2")
    )


@pytest.mark.parametrize(
    ("variable", "meant"),
    [
        ("TIMER_SIGNING_SECRET", "TIMER_SIGNING_SECRETS"),
        ("TIMER_MAX_ATTEMPT", "TIMER_MAX_ATTEMPTS"),
        ("TIMER_APIKEYS", "TIMER_API_KEYS"),
        ("TIMER_REDISURL", "TIMER_REDIS_URL"),
        ("TIMER_KEEP_DELIVERD", "TIMER_KEEP_DELIVERED"),
        ("TIMER_timeout", "docs/settings.md"),
        ("TIMER_COLOUR", "docs/settings.md"),
        ("TIMER_", "docs/settings.md"),
    ],
)
def test_a_name_that_is_no_setting_is_refused_with_what_was_meant(variable: str, meant: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_env({variable: "hunter2", "TIMER_PORT": "8000"})
    assert variable in str(caught.value)
    assert meant in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_all_names_that_are_no_settings_are_told_at_once() -> None:
    with pytest.raises(SettingsError, match=r"TIMER_A .*TIMER_B ") as caught:
        Settings.from_env({"TIMER_B": "1", "TIMER_A": "1"})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("TIMER_URL", "http://127.0.0.1:8000"),
        ("TIMER_API_KEY", "tk_x"),
        ("TIMER_TASKS_URL", "http://shop.example/timer-tasks/"),
        ("TIMER_COLOUR", ""),
        # Of earlier releases.
        ("TIMER_TRANSPORT", "curl"),
        ("TIMER_TRANSPORT", "requests"),
        ("_TIMER_SERVICE_COMPLETE", "bash_source"),
        ("MY_TIMER_COLOUR", "red"),
        # Kubernetes, for Services named timer, timer-service, timer-api
        ("TIMER_SERVICE_HOST", "10.0.0.1"),
        ("TIMER_SERVICE_PORT", "80"),
        ("TIMER_SERVICE_PORT_HTTP_API", "80"),
        ("TIMER_PORT_80_TCP", "tcp://10.0.0.1:80"),
        ("TIMER_PORT_80_TCP_PROTO", "tcp"),
        ("TIMER_PORT_80_TCP_ADDR", "10.0.0.1"),
        ("TIMER_SERVICE_SERVICE_HOST", "10.0.0.1"),
        ("TIMER_SERVICE_PORT_8000_TCP_PORT", "8000"),
        ("TIMER_API_SERVICE_PORT", "80"),
        ("TIMER_API_PORT", "tcp://10.0.0.1:80"),
    ],
)
def test_what_clients_kubernetes_and_earlier_releases_set_is_no_mistake(variable: str, value: str) -> None:
    assert Settings.from_env({variable: value}) == Settings()


def test_durations_may_be_written_as_people_write_them() -> None:
    settings = Settings.from_env({"TIMER_TIMEOUT": "500ms", "TIMER_KEEP_FAILED": "30d", "TIMER_GRACE": "7.5"})
    assert (settings.timeout, settings.keep_failed, settings.grace) == (0.5, 30 * 86_400, 7.5)


def test_an_empty_variable_means_the_default() -> None:
    assert Settings.from_env({"TIMER_TIMEOUT": "", "TIMER_API_KEYS": " "}) == Settings()


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "::", "example.com"])
def test_without_keys_only_loopback_is_listened_on(host: str) -> None:
    with pytest.raises(SettingsError, match="TIMER_HOST"):
        Settings.from_env({"TIMER_HOST": host})
    Settings.from_env({"TIMER_HOST": host, "TIMER_ALLOW_ANONYMOUS": "1"})
    Settings.from_env({"TIMER_HOST": host, "TIMER_API_KEYS": "me:write:" + "0" * 64})
