"""What Celery has and this has not, each with a sentence that says what to use instead.

A name that is refused is refused where it is first met: an option when its task is declared, a name of the module when
it is imported, a method when it is looked up.
"""

from __future__ import annotations

from collections.abc import Mapping

_CANVAS = "there are no chains, chords, groups or other canvas here: call the next task at the end of the one before it"
_ROUTING = "nothing is routed: the web application of TIMER_TASKS_URL runs every task"
_SOFT = "nothing can interrupt a function in a thread of a web server: give time_limit, and check the time in the task"
_STATES = "a task has the states of its timer and no others: keep progress in your own database"
_HOOKS = "tasks are functions: put what on_success, on_failure or on_retry did into the function"
_LATE = "a task whose process dies is always run again, as with acks_late=True: leave it out"
_TIMEOUT = "a task that fails is not run again, and one that takes longer than its time_limit is: leave it out"

#: Options of a task, and of a call.
OPTIONS: Mapping[str, str] = {
    "soft_time_limit": _SOFT,
    "acks_on_timeout": _TIMEOUT,
    "acks_on_failure_or_timeout": _TIMEOUT,
    "rate_limit": "a rate is of the address that tasks are sent to: TimerClient.update_destination(rate=...)",
    "base": _HOOKS,
    "pydantic": "arguments and results are what JSON has: validate them in the function",
    "backend": "results are kept by the service, with the timer of the task",
    "routing_key": _ROUTING,
    "exchange": _ROUTING,
    "exchange_type": _ROUTING,
    "delivery_mode": "every task is stored before the call returns",
    "link": _CANVAS,
    "link_error": _CANVAS,
    "chain": _CANVAS,
    "chord": _CANVAS,
    "group_id": _CANVAS,
    "compression": "what is sent is JSON, uncompressed, up to 256 KiB",
    "connection": "there is no broker to connect to: TIMER_URL names the service",
    "producer": "there is no broker to connect to: TIMER_URL names the service",
    "publisher": "there is no broker to connect to: TIMER_URL names the service",
    "retry_policy": "a call is repeated up to 4 times within about 1.5 s when no answer came",
    "shadow": "a task has one name, also in logs",
    "headers": "a task gets its arguments and nothing beside them",
    "resultrepr_maxsize": "results are not logged",
    "Strategy": _HOOKS,
    "Request": _HOOKS,
    "before_start": _HOOKS,
    "after_return": _HOOKS,
    "on_success": _HOOKS,
    "on_failure": _HOOKS,
    "on_retry": _HOOKS,
}

#: Attributes of a task, and of a result.
ATTRIBUTES: Mapping[str, str] = {
    **dict.fromkeys(
        ("s", "si", "signature", "subtask", "chunks", "map", "starmap", "replace", "add_to_chord", "children"), _CANVAS
    ),
    **dict.fromkeys(("collect", "get_leaf", "iterdeps", "graph", "build_graph", "join", "results"), _CANVAS),
    **dict.fromkeys(("update_state", "send_event"), _STATES),
    **dict.fromkeys(("on_success", "on_failure", "on_retry", "before_start", "after_return"), _HOOKS),
    **dict.fromkeys(
        ("delay_on_commit", "apply_async_on_commit"),
        "call it by django.db.transaction.on_commit(lambda: task.delay(...))",
    ),
    "then": "nothing is called when a result is there: use on_delivered of a timer, or get()",
    "forget": "results are forgotten by themselves, after TIMER_KEEP_DELIVERED or TIMER_KEEP_FAILED",
    "backend": OPTIONS["backend"],
    "app": "there is no application of Celery's: see timer_service.tasks.celery.tasks()",
}

#: Names to import.
NAMES: Mapping[str, str] = {
    **dict.fromkeys(
        ("chain", "chord", "group", "chunks", "xmap", "xstarmap", "signature", "subtask", "maybe_signature"), _CANVAS
    ),
    **dict.fromkeys(("Signature", "GroupResult", "ResultSet", "result_from_tuple"), _CANVAS),
    "Celery": "there is no application to make: declare tasks by @shared_task, and serve tasks().wsgi_app",
    "Task": _HOOKS,
    "SoftTimeLimitExceeded": _SOFT,
    "TimeLimitExceeded": "nothing is raised when the time of an attempt is over: the task is sent again",
    "crontab": 'a plan is text: @tasks.every("0 9 * * MON-FRI", time_zone="Europe/Berlin")',
    "schedule": 'a plan is text: @tasks.every("15m")',
    "current_task": "a task has itself and its request by bind=True",
    "current_app": "there is no application of Celery's: see timer_service.tasks.celery.tasks()",
    "signals": "there is no worker that could send signals",
}


class NotOffered(AttributeError, NotImplementedError):
    """Something of Celery's that is not here. The message says what to use instead."""


def refuse_late(name: str) -> str:
    """Why an option cannot be False that would have a task of a dead process lost."""
    return f"{name}=False: {_LATE}"


def option(name: str) -> str:
    return f"{name}: {OPTIONS.get(name, 'there is no such option here; docs/tasks-celery.md lists those that are')}"


def module_name(module: str, name: str) -> ImportError | AttributeError:
    """For a `__getattr__` of a module, also of a name that nobody has."""
    if name in NAMES:
        return ImportError(f"{name}: {NAMES[name]}", name=module)
    return AttributeError(f"module {module!r} has no attribute {name!r}")


def attribute(of: str, name: str) -> NotOffered:
    """For a `__getattr__`, also of a name that nobody has."""
    if name in ATTRIBUTES:
        return NotOffered(f"{of}.{name}: {ATTRIBUTES[name]}")
    return NotOffered(f"{of} has no attribute {name!r}")
