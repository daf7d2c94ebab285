"""Files held for further reading: few that are open, many of which only the layout is remembered."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Generic, Protocol, TypeVar

MAX_OPEN, MAX_KNOWN = 64, 1_024
"""Files that one thread keeps open, and files whose layout it remembers; the one used longest ago gives way."""


class Holdable(Protocol):
    """Something that reads a file."""

    def slim(self) -> bool:
        """Hold as little as goes; return whether nothing stays open."""
        ...

    def close(self) -> None:
        """Let go of the file."""
        ...


_within = threading.local()

H = TypeVar("H", bound=Holdable)
K = TypeVar("K", bound=Hashable)


class Held(Generic[K, H]):
    """Keeps what reads files; one thread's own."""

    def __init__(self, opener: Callable[[K], H]) -> None:
        self.opener = opener
        self._open: dict[K, H] = {}
        self._known: dict[K, H] = {}

    def __contains__(self, key: K) -> bool:
        return key in self._open or key in self._known

    @contextmanager
    def using(self, key: K) -> Iterator[H]:
        """Give what reads a file, inside a ``with`` block; at its end it holds as little as it can."""
        known = self._known.pop(key, None) or self._open.pop(key, None)
        if known is not None:
            yield from self._lent(key, known)
            return
        with short_lived():
            yield from self._lent(key, self.opener(key))

    def _lent(self, key: K, item: H) -> Iterator[H]:
        try:
            yield item
        finally:
            slim = item.slim()
            (self._known if slim else self._open)[key] = item
            for held, most in ((self._open, MAX_OPEN), (self._known, MAX_KNOWN)):
                if len(held) > most:
                    held.pop(next(iter(held))).close()

    def drop(self, key: K) -> None:
        """Close what reads a file, if it is held."""
        for held in (self._open, self._known):
            if key in held:
                held.pop(key).close()

    def close(self) -> None:
        """Close all."""
        for held in (self._open, self._known):
            for item in held.values():
                item.close()
            held.clear()


@contextmanager
def short_lived() -> Iterator[None]:
    """Free what is made and dropped inside at once, although it refers to itself in circles.

    The objects that uproot makes of an open file do. They are so many that Python's collector takes them for long-lived
    before they are dropped; it then looks at them seldom, and memory grows with every file that is opened. Here they
    stay young until the end, when a look at the young ones alone finds them.
    """
    if getattr(_within, "some", False):  # a look from further inside would make what is still in use old
        yield
        return
    running, _within.some = gc.isenabled(), True
    gc.disable()
    try:
        yield
    finally:
        _within.some = False
        gc.collect(0)
        if running:
            gc.enable()
