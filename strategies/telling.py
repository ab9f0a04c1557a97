"""How far a long search inside a strategy is, told to whoever listens: the command line does, a library call hears nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

Listener = Callable[[str], None]

_LISTENER: ContextVar[Listener | None] = ContextVar("listener", default=None)


@contextmanager
def heard_by(listener: Listener) -> Iterator[None]:
    """Within the block every :func:`tell` calls ``listener``.

    >>> with heard_by(print):
    ...     tell("swap: cut 1 of 8")
    swap: cut 1 of 8
    >>> tell("nobody listens")
    """
    before = _LISTENER.set(listener)
    try:
        yield
    finally:
        _LISTENER.reset(before)


def tell(line: str) -> None:
    """Say in a few words what a search is at."""
    listener = _LISTENER.get()
    if listener is not None:
        listener(line)
