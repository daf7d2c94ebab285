"""Studs and tubes: the kinds of stream a brick takes and gives, and which of them fit.

A stud is written ``kind``, ``kind[size]`` or ``kind|kind[size]``, with a final ``?`` where the stream may be absent.
``size`` names the argument or attribute that holds the width. ``any`` takes every kind; ``same`` gives what came in.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

KINDS = frozenset({
    "vector", "image", "sequence", "set", "graph", "tree", "table", "batch", "logits", "maps",
    "pair", "rows", "weight", "along", "slots", "state", "index", "loss", "any", "same",
})  # fmt: skip

_STUD = re.compile(r"(?P<kinds>[a-z]+(\|[a-z]+)*)(\[(?P<size>\w+)\])?(?P<optional>\?)?")

_WIDENS = {
    ("slots", "set"), ("slots", "sequence"), ("sequence", "set"), ("graph", "set"), ("tree", "set"), ("tree", "graph"),
    ("set", "graph"),
    ("logits", "vector"), ("vector", "logits"),
}  # fmt: skip
"""(offered, wanted): a sequence read without its order is a set, a graph or tree without its links too, and a set is
the complete graph of its items."""

ADAPTERS = {
    ("set", "vector"): ("pool", "set2set", "class_attention", "pointer"),
    ("sequence", "vector"): ("pool", "gru", "lstm", "class_attention"),
    ("graph", "vector"): ("pool", "mpnn"),
    ("tree", "vector"): ("pool", "recursive"),
    ("image", "vector"): ("global_pool", "flatten"),
    ("vector", "set"): ("broadcast", "cross"),
    ("vector", "sequence"): ("broadcast",),
    ("set", "sequence"): ("order",),
    ("sequence", "graph"): ("knn",),
    ("set", "image"): ("pixelise", "scatter_connection"),
    ("image", "set"): ("patches",),
    ("image", "sequence"): ("patches",),
    ("set", "tree"): ("cluster",),
    ("tree", "sequence"): ("history_sequence", "flatten_tree"),
}
"""What to put between two kinds that do not fit."""


@dataclass(frozen=True)
class Stud:
    """One stream of a brick: the kinds it may have, the name of its width, whether it may be absent."""

    kinds: tuple[str, ...]
    size: str | None = None
    optional: bool = False

    @classmethod
    def parse(cls, text: str) -> Stud:
        """Read ``"set|sequence[in_dim]?"``; raise ValueError for an unknown kind."""
        match = _STUD.fullmatch(text.strip())
        kinds = tuple(match["kinds"].split("|")) if match else ()
        if match is None or not set(kinds) <= KINDS:
            raise ValueError(f"'{text}' is not a stud; kinds are {', '.join(sorted(KINDS))}")
        return cls(kinds, match["size"], match["optional"] is not None)

    def __str__(self) -> str:
        size = f"[{self.size}]" if self.size else ""
        return "|".join(self.kinds) + size + "?" * self.optional


def parse_join(text: str) -> tuple[Stud, Stud]:
    """Read ``"set -> vector"``: what a parent feeds a part and what it wants back."""
    takes, arrow, gives = text.partition("->")
    if not arrow:
        raise ValueError(f"'{text}' is not a join of the form 'set -> vector'")
    return Stud.parse(takes), Stud.parse(gives)


def fits(offered: Stud, wanted: Stud) -> bool:
    """Return whether a stream of kind ``offered`` may go where ``wanted`` stands."""
    if "any" in offered.kinds or "any" in wanted.kinds or "same" in offered.kinds:
        return True
    return any(o == w or (o, w) in _WIDENS for o in offered.kinds for w in wanted.kinds)


def adapters(offered: Stud, wanted: Stud) -> tuple[str, ...]:
    """Return the bricks that could stand between two studs which do not fit."""
    found = (a for o in offered.kinds for w in wanted.kinds for a in ADAPTERS.get((o, w), ()))
    return tuple(dict.fromkeys(found))
