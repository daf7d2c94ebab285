"""The brick box: plain tensors in, plain tensors out, snapped together by a closed vocabulary.

How to add a brick:

    @brick("gru", takes={"x": "sequence[in_dim]"}, gives={"y": "sequence[out_dim]", "last": "vector[out_dim]"})
    class GRU(nn.Module):
        def __init__(self, *, in_dim: int, hidden: int = 64, layers: int = 1) -> None: ...
        def reset(self, generator: torch.Generator | None = None) -> None: ...   # parameters of its own, if any
        def forward(self, x, mask=None, *, ptr=None): ...

1. Arguments are keyword-only and JSON-able; parts inside a brick are annotated ``Part`` and made with ``fit``.
   Widths that neighbours or data decide are called ``in_dim``, ``out_dim`` (``num_classes`` in models); a brick says
   its width as the attribute ``out_dim``. A value that cannot be raises ``ValueError``; ``build`` adds the path.
2. Sets and sequences come padded, ``(B, N, D)`` with ``mask (B, N)`` (True = real), or packed, ``(P, D)`` with
   ``ptr (B + 1,)``; ``views`` says which. Outputs are zero where the mask is False.
3. No host synchronisation in ``forward``: every size is a shape or a Python int.
4. One line in :mod:`jetlego.bricks.homes`, one example in ``jetlego/testing/examples``: the test kit does the rest.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Mapping
from typing import Any


class _Room(types.ModuleType):
    """This package, which called as ``jetlego.bricks()`` lists the vocabulary."""

    def __call__(self) -> Mapping[str, Any]:
        from jetlego.bricks.registry import bricks

        return bricks()


sys.modules[__name__].__class__ = _Room
