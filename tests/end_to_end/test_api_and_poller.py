"""What clients ask of a timer after it is set, through a real API and a real poller."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import requests

from tests.bench.processes import Service, wait_until
from tests.bench.receiver import Receiver


def test_fifty_creates_at_once_with_one_idempotency_key_make_one_timer_and_fifty_equal_answers(
    service: Service, receiver: Receiver
) -> None:
    service.api()
    service.poller()
    asked = {"url": receiver.url, "seconds": 1, "tags": ["t"]}

    def create(_: int) -> requests.Response:
        return requests.post(f"{service.url}/timers", json=asked, headers={"Idempotency-Key": "one"}, timeout=30)

    with ThreadPoolExecutor(50) as clients:
        answers = list(clients.map(create, range(50)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.text for answer in answers}) == 1
    service.finished(1, 10)
    assert requests.get(f"{service.url}/timers?tag=t", timeout=30).json()["total"] == 1
    assert receiver.counts() == {answers[0].json()["id"]: 1}


def test_a_timer_moved_forward_fires_at_once_though_every_poller_sleeps(service: Service, receiver: Receiver) -> None:
    service.api()
    service.poller()
    timer = service.post(url=f"{receiver.url}/a", hours=1)
    requests.patch(f"{service.url}/timers/{timer['id']}", json={"seconds": 0}, timeout=30)
    (hit,) = receiver.wait_for(1, 5)
    assert "timer-redelivery" not in hit.headers
    fired = service.post(url=f"{receiver.url}/b", hours=1)
    assert requests.post(f"{service.url}/timers/{fired['id']}/fire", timeout=30).status_code == 202
    assert receiver.wait_for(2, 5)[-1].timer_id == fired["id"]


def test_a_replayed_timer_arrives_again_under_its_id_and_says_so(service: Service, receiver: Receiver) -> None:
    service.api()
    service.poller()
    timer = service.post(url=receiver.url, seconds=0)
    service.finished(1, 10)
    path = f"{service.url}/timers/{timer['id']}"
    assert requests.post(f"{path}/replay", timeout=30).status_code == 202
    first, second = receiver.wait_for(2, 5)
    assert (first.timer_id, second.timer_id) == (timer["id"], timer["id"])
    assert (second.headers["timer-redelivery"], second.headers["timer-attempt"]) == ("replay", "2")
    wait_until(lambda: requests.get(path, timeout=30).json()["status"] == "delivered", 5, "the end of the replay")


def test_a_timer_put_again_and_again_fires_once_after_the_last(service: Service, receiver: Receiver) -> None:
    service.api()
    service.poller()
    for number in range(5):
        asked = {"url": receiver.url, "delay": "3s", "body": number}
        assert requests.put(f"{service.url}/timers/by-key/switch", json=asked, timeout=30).status_code in (200, 201)
    service.finished(1, 10)
    assert [hit.body for hit in receiver.hits] == [b"4"]
    assert requests.get(f"{service.url}/timers/by-key/switch", timeout=30).status_code == 404


def test_a_debounce_that_fifty_clients_set_at_once_refuses_none_of_them(service: Service) -> None:
    service.api()
    path = f"{service.url}/timers/by-key/switch"

    def put(number: int) -> int:
        asked = {"url": "http://127.0.0.1:2/", "hours": 1, "body": number}
        return requests.put(path, json=asked, timeout=30).status_code

    with ThreadPoolExecutor(50) as clients:
        answers = list(clients.map(put, range(400)))
    assert (answers.count(201), answers.count(200)) == (1, 399)
