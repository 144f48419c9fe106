"""Results and errors that the timer service has told, as Django's classes."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from traceback import format_exception
from typing import Any, Self

from timer_service.tasks.answers import class_path
from timer_service.tasks.django.framework import TaskError, TaskResult
from timer_service.tasks.outcomes import ResultTooLarge, ResultUnreadable


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredError(TaskError):
    """Of an attempt that failed."""

    @classmethod
    def of(cls, error: BaseException) -> Self:
        """As Django's own backends tell it."""
        return cls(exception_class_path=class_path(type(error)), traceback="".join(format_exception(error)))

    @property
    def exception_class(self) -> type[BaseException]:
        """Never imports anything: the path is text that an answer had.

        Raises ImportError for a class that is not loaded here, ValueError for what is no exception.
        """
        module, _, name = self.exception_class_path.rpartition(".")
        try:
            found = vars(sys.modules[module])[name]
        except KeyError:
            raise ImportError(f"{self.exception_class_path!r} is no class that is loaded here") from None
        if not isinstance(found, type) or not issubclass(found, BaseException):
            raise ValueError(f"{self.exception_class_path!r} does not reference a valid exception.")
        return found


@dataclass(frozen=True, slots=True)
class NotKept:
    """Stands for a result that cannot be told."""

    #: Bytes of its JSON, where that is more than the service keeps; None where what answered was no task.
    size: int | None
    #: How the answer begins.
    answer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TimerResult(TaskResult):
    """Of a task that a timer calls; its id is the timer's."""

    @property
    def return_value(self) -> Any:
        """Raises ValueError until it has ended well, ResultTooLarge for a result that is not kept, ResultUnreadable
        where something else than a task has answered."""
        found = TaskResult.return_value.fget(self)
        if isinstance(found, NotKept):
            if found.size is not None:
                raise ResultTooLarge(self.id, found.size)
            raise ResultUnreadable(f"task {self.id}: what answered is no task of this library: {found.answer!r}")
        return found
