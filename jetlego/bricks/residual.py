"""The residual brick: whatever a body does is added to its input."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from jetlego.bricks.masks import blank
from jetlego.bricks.part import Part, fit, on_items
from jetlego.bricks.registry import brick


@brick("residual", takes={"x": "any[in_dim]"}, gives={"y": "same[out_dim]"}, views=("padded", "packed"))
class Residual(nn.Module):
    """``y = shortcut(x) + body(x)`` (arXiv:1512.03385, eqs. 1 and 2).

    Parameters
    ----------
    in_dim, out_dim
        Widths; the same if not said.
    body
        What is added.
    shortcut
        What the input passes on the way; nothing if not said, which asks for equal widths.
    zero_init
        Start the last layer of the body that has weights at zero, so that the brick starts as its shortcut exactly
        (for bodies that end in a linear layer, a convolution or a norm, or an activation with f(0) = 0 behind one).

    Notes
    -----
    With a stride the shortcut needs a projection and its norm. Forty plain layers of 32 ReLU units have a ratio of
    first to last gradient of about 1e-15; with this brick it stays of order one.
    """

    def __init__(self, *, in_dim: int, out_dim: int | None = None, body: Part, shortcut: Part | None = None,
                 zero_init: bool = False) -> None:  # fmt: skip
        super().__init__()
        self.out_dim = in_dim if out_dim is None else out_dim
        if shortcut is None and self.out_dim != in_dim:
            raise ValueError(f"{in_dim} channels cannot be added to {self.out_dim} without a shortcut")
        self.body = fit(body, in_dim=in_dim, out_dim=self.out_dim)
        self.shortcut = None if shortcut is None else fit(shortcut, in_dim=in_dim, out_dim=self.out_dim)
        made = getattr(self.body, "out_dim", self.out_dim)
        if made != self.out_dim:
            raise ValueError(f"the body gives {made} channels, to be added to {self.out_dim}")
        self.zero_init = zero_init
        self.reset()

    def reset(self, generator: torch.Generator | None = None) -> None:
        """Zero the last layer of the body where asked; its parts have started themselves."""
        if self.zero_init:
            for parameter in last_layer(self.body).parameters(recurse=False):
                nn.init.zeros_(parameter)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return what has the shape of the body's output; items outside ``mask`` come out zero."""
        x = blank(x, mask)
        straight = x if self.shortcut is None else on_items(self.shortcut, x, mask)
        return blank(straight + on_items(self.body, x, mask), mask)


def last_layer(body: nn.Module) -> nn.Module:
    """Return the last module of a body that has weights of its own, in the order they were declared."""
    found = [m for m in body.modules() if getattr(m, "weight", None) is not None]
    if not found:
        raise ValueError(f"{type(body).__name__} has no weights that could start at zero")
    return found[-1]
