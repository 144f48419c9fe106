"""What a method of the client asks of the service, described and not done. Frozen, pure."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Calls(Protocol[T_co]):
    """One call or several, one after the other: each is yielded, and what it answers or raises comes back."""

    def __iter__(self) -> Generator[Call[Any], Any, T_co]: ...


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One request, repeated where that is safe."""

    method: str
    #: Below the service's URL, each part quoted.
    path: str
    #: Makes of the answer's JSON, or of None where it has no body, what the method returns.
    read: Callable[[Any], T]
    #: What is None is left out.
    query: Mapping[str, Any] = field(default_factory=dict)
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    #: Done twice is the same as done once.
    repeatable: bool = False
    #: A repeat finds nothing if it was done before; that is no NotFound.
    deletes: bool = False
    #: How often it is repeated; None: as the client was told.
    retries: int | None = None

    def __iter__(self) -> Generator[Call[Any], Any, T]:
        answer: T = yield self
        return answer


def read_nothing(answer: Any) -> None:
    """Reads an answer without a body."""
    if answer is not None:
        raise ValueError("there should be none")


#: What a method that makes several calls is: a generator of them, in which `yield from call` gives its answer.
Several = Generator[Call[Any], Any, T]


class Page(Protocol):
    @property
    def next_cursor(self) -> str | None: ...


P = TypeVar("P", bound=Page)


@dataclass(frozen=True, slots=True)
class Walk(Generic[P, T]):
    """A list, page by page: the call for the page at a cursor, None for the first, and what stands on a page."""

    page: Callable[[str | None], Call[P]]
    items: Callable[[P], Iterable[T]]
