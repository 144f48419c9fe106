"""A number of a client's own is sent, told and kept in the digits in which it was written.

Tried: in body and metadata, alone and deep inside, in a create, a batch, a PUT, a PATCH of something else and one that
merges into it, under an idempotency key; through the store to the poller. What no JSON holds is refused.
"""

from __future__ import annotations

import re
import sys
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st

from scheduler import exact_numbers
from tests.bench.store import Bench

JSON = {"content-type": "application/json"}
NUMBERS = [
    "0",
    "-0",
    "-0.0",
    "1.0",
    "1.50",
    "1e2",
    "1E+2",
    "100e-2",
    "0.1000000000000000055511151231257827021181583404541015625",
    "12345678901234567890.12345",
    "1e-400",
    "123456789012345678901234567890",
    "9007199254740993",
    "9007199254740993.0",
    "-1" + "0" * 4000,
]


def told(text: str, name: str) -> str:
    """The digits of what a member `name`, an array, holds."""
    found = re.search(rf'"{name}": ?(\[[^\]]*\])', text)
    assert found, text
    return found[1].replace(" ", "")


@pytest.mark.parametrize("number", NUMBERS, ids=lambda number: number[:30])
def test_a_number_keeps_its_digits_on_its_way(http: FlaskClient, bench: Bench, number: str) -> None:
    values = f'[{number},"a,{number}",1]'
    timer = f'{{"url":"http://h/","seconds":0,"body":{{"a":{values}}},"metadata":{{"b":{values}}},"key":"k"}}'
    put = http.put("/timers/by-key/k", data=timer, headers=JSON)
    path = f"/timers/{put.get_json()['id']}"
    patched = http.patch(path, data=f'{{"timeout":2.50,"body":{{"c":[{number}]}}}}', headers=JSON)
    http.delete(path)
    made = http.post("/timers", data=timer, headers={**JSON, "Idempotency-Key": "one"})
    again = http.post("/timers", data=timer, headers={**JSON, "Idempotency-Key": "one"})
    listed = http.get("/timers")
    keyless = timer.replace(',"key":"k"', "")
    batch = http.post("/timers/batch", data=f'{{"timers":[{keyless}]}}', headers=JSON)
    for answer in (put, patched, made, again, listed, batch):
        assert answer.status_code in (200, 201), answer.text
        assert told(answer.text, "a") == values
        assert told(answer.text, "b") == values
    assert told(patched.text, "c") == f"[{number}]"
    assert {claim.webhook.body for claim in bench.claims.claim(9).claims} == {f'{{"a":{values}}}'.encode()}


@pytest.mark.parametrize("number", ["1e400", "-1e400", "NaN", "Infinity", "-Infinity", "9" * 4301])
@pytest.mark.parametrize("field", ["body", "metadata"])
def test_a_number_that_cannot_be_kept_is_refused_by_name(http: FlaskClient, number: str, field: str) -> None:
    asked = f'{{"url":"http://h/","seconds":1,"{field}":{{"a":[1,{number}]}}}}'
    answer = http.post("/timers", data=asked, headers=JSON)
    assert (answer.status_code, answer.get_json()["errors"][0]["pointer"]) == (422, f"/{field}/a/1")


@pytest.mark.parametrize("number", ["01", "1.", ".5", "+1", "0x1", "1_0", "--1", "1e"])
def test_what_is_no_number_of_json_is_a_400(http: FlaskClient, number: str) -> None:
    asked = f'{{"url":"http://h/","seconds":1,"body":{number}}}'
    assert http.post("/timers", data=asked, headers=JSON).status_code == 400


def test_other_digits_under_an_idempotency_key_are_another_request(http: FlaskClient) -> None:
    headers = {**JSON, "Idempotency-Key": "one"}
    statuses = [
        http.post("/timers", data=f'{{"url":"http://h/","seconds":1,"body":{number}}}', headers=headers).status_code
        for number in ("0.1000000000000000055", "0.1000000000000000055", "0.1")
    ]
    assert statuses == [201, 201, 422]


@pytest.mark.parametrize(
    "asked", ['"seconds":-0', '"delay":1.50', '"delay":1e0', '"delay":1,"timeout":2.0', '"delay":1,"backoff":[1.0]']
)
def test_our_own_numbers_may_be_written_in_any_way(http: FlaskClient, asked: str) -> None:
    assert http.post("/timers", data=f'{{"url":"http://h/",{asked}}}', headers=JSON).status_code == 201


@pytest.mark.parametrize("asked", ['{"a":1,"a":2}', '{"b":[{"a":1,"c":2,"a":1}]}'])
def test_a_name_given_twice_is_refused_since_receivers_differ_in_what_they_take(http: FlaskClient, asked: str) -> None:
    answer = http.post("/timers", data=f'{{"url":"http://h/","seconds":1,"body":{asked}}}', headers=JSON)
    assert answer.status_code == 422
    assert re.fullmatch("/body(/b/0)?/a", answer.get_json()["errors"][0]["pointer"])


@pytest.mark.parametrize("value", [None, True, 0, 1.5, "", 'é\n"', [], {}, [{}], {"a": []}, [1, [2]]])
def test_what_python_writes_as_it_is_stays_as_python_writes_it(value: Any) -> None:
    text = exact_numbers.dumps(value)
    assert exact_numbers.loads(text) == value
    assert exact_numbers.dumps([exact_numbers.loads("-0"), value]) == f"[-0,{text}]"


_SCALARS = st.sampled_from([*NUMBERS, "1", "1.5", "null", "true", '""', '"1.50"', '"\\"[{,é"'])
_TEXTS = st.recursive(
    _SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=5).map(lambda texts: f"[{','.join(texts)}]"),
        st.dictionaries(st.sampled_from(["a", "b,", "é:", "{"]), inner).map(
            lambda members: "{" + ",".join(f'"{name}":{text}' for name, text in members.items()) + "}"
        ),
    ),
    max_leaves=20,
)


@given(_TEXTS)
def test_compact_text_of_any_shape_is_written_as_it_was_read(text: str) -> None:
    assert exact_numbers.dumps(exact_numbers.loads(text)) == text
    assert exact_numbers.loads(text.encode()) == exact_numbers.loads(text)


def test_a_large_text_deep_inside_is_looked_through_once_and_not_for_each_level() -> None:
    text = "[" * 100 + ",".join(["1", "1.50"] * 1000) + "]" * 100
    value = exact_numbers.loads(text)
    looks = 0

    def look(*_: object) -> None:
        nonlocal looks
        looks += 1

    sys.setprofile(look)
    try:
        written = exact_numbers.dumps(value)
    finally:
        sys.setprofile(None)
    assert written == text
    assert looks < 40 * 2000, looks
