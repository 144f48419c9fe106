"""What a client may send is checked by rules that know nothing of the web: they can be used and tested alone."""

from __future__ import annotations

import subprocess
import sys

import pytest
from marshmallow import ValidationError

from scheduler import Guard, Settings, SettingsError
from timer_service.web.input.schemas import NewTimer
from timer_service.web.input.sent_fields import WebhookRules

#: These read a request of Flask; all others of web/input do not know it.
_OF_FLASK = ("arguments", "body", "memory")


def test_every_rule_of_what_a_timer_may_be_is_loaded_without_flask() -> None:
    code = f"""
import pkgutil, sys
from importlib import import_module
import timer_service.web.input as rules
for module in pkgutil.iter_modules(rules.__path__):
    if module.name not in {_OF_FLASK}:
        import_module(f"timer_service.web.input.{{module.name}}")
from timer_service.web.input.schemas import NewTimer
print(NewTimer().load({{"delay": "1h", "url": "https://example.com/"}})["delay_ms"])
sys.exit(", ".join({{"flask", "flask_smorest", "werkzeug", "gunicorn"}} & sys.modules.keys()) or None)
"""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "3600000\n"


def test_which_destinations_may_be_called_is_said_when_the_schema_is_made() -> None:
    timer = {"delay": 1, "url": "https://example.com:8443/"}
    assert NewTimer().load(timer)["webhook"].url == timer["url"]
    narrow = NewTimer(WebhookRules(Guard(ports=frozenset({443}))))
    with pytest.raises(ValidationError) as raised:
        narrow.load(timer)
    assert raised.value.messages_dict == {"url": ["Port 8443 is not among those of TIMER_EGRESS_PORTS."]}
    assert NewTimer().load(timer)["webhook"].url == timer["url"]  # one schema's rules are not those of another


@pytest.mark.parametrize(
    ("field", "low", "high", "beyond"), [("timeout", "0.1", "300", "301"), ("max_attempts", "1", "100", "101")]
)
def test_the_defaults_that_settings_take_are_values_that_a_timer_takes(
    field: str, low: str, high: str, beyond: str
) -> None:
    timer, variable = {"delay": 1, "url": "https://example.com/"}, f"TIMER_{field.upper()}"
    for text in (low, high):
        value = getattr(Settings.from_env({variable: text}), field)
        webhook = NewTimer().load({**timer, field: value})["webhook"]
        assert getattr(webhook, field) == value
    with pytest.raises(SettingsError):
        Settings.from_env({variable: beyond})
    with pytest.raises(ValidationError):
        NewTimer().load({**timer, field: int(beyond)})


def test_what_a_timer_does_not_say_is_as_the_schema_was_made_with() -> None:
    schema = NewTimer(WebhookRules(defaults={"timeout": 3.0, "max_attempts": 2}))
    webhook = schema.load({"delay": 1, "url": "https://example.com/", "max_attempts": 5})["webhook"]
    assert (webhook.timeout, webhook.max_attempts) == (3.0, 5)
