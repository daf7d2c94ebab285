"""Who wants to know how far a task's training has come: tasks tell, a progress bar listens."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar

Listener = Callable[[str, int, int], None]
_LISTENER: ContextVar[Listener | None] = ContextVar("listener", default=None)
_NAME: ContextVar[str] = ContextVar("name", default="")


@contextlib.contextmanager
def watching(listener: Listener) -> Iterator[None]:
    """Have ``listener(task name, step, steps)`` called at each training step inside the block."""
    token = _LISTENER.set(listener)
    try:
        yield
    finally:
        _LISTENER.reset(token)


@contextlib.contextmanager
def named(name: str) -> Iterator[None]:
    """Say which task runs inside the block."""
    token = _NAME.set(name)
    try:
        yield
    finally:
        _NAME.reset(token)


def tell(step: int, steps: int) -> None:
    """Tell the listener, if there is one, that this step of so many is done."""
    listener = _LISTENER.get()
    if listener is not None:
        listener(_NAME.get(), step, steps)
