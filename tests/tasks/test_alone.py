"""What a program loads that has tasks, and what becomes of its client where it forks."""

from __future__ import annotations

import subprocess
import sys
import threading

from timer_service.tasks import Tasks


def test_tasks_load_nothing_of_the_server_and_no_client_before_the_first_call() -> None:
    heavy = ("flask", "werkzeug", "marshmallow", "redis", "gunicorn", "pycares", "scheduler", "requests", "httpx")
    code = f"""
import sys
from timer_service.tasks import Tasks
tasks = Tasks("http://127.0.0.1:1", "http://127.0.0.1:1/tasks", "whsec_c2VjcmV0")
@tasks.every("1h", args=[1])
@tasks.task(name="f", max_attempts=3)
def f(a): return a
assert tasks.serve_unsigned(b'{{"task":"f","args":[1],"kwargs":{{}},"v":1}}').body == b"1"
assert tasks.serve("POST", {{}}, b"").status == 401
loaded = [name for name in {heavy} + ("asyncio", "timer_service.client") if name in sys.modules]
tasks.client
server = [name for name in {heavy[:-2]} if name in sys.modules]
sys.exit(", ".join(loaded + server) or None)
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_threads_share_a_client_and_a_forked_process_makes_its_own(tasks: Tasks) -> None:
    mine = tasks.client
    found: list[object] = []
    thread = threading.Thread(target=lambda: found.append(tasks.client))
    thread.start()
    thread.join()
    assert found == [mine]
    code = """
import os, sys, warnings
warnings.simplefilter("ignore")
from timer_service.tasks import Tasks
tasks = Tasks("http://127.0.0.1:1", "http://127.0.0.1:1/tasks", "whsec_c2VjcmV0")
mine = tasks.client
child = os.fork()
if child == 0:
    os._exit(tasks.client is mine)
assert os.waitpid(child, 0)[1] == 0
assert tasks.client is mine
"""
    subprocess.run([sys.executable, "-c", code], check=True)
