"""Key-value memories: what is looked at differs from what is read."""

from __future__ import annotations

from torch import Tensor, nn

from jetlego.bricks.masks import blank, masked_softmax
from jetlego.bricks.registry import brick


@brick(
    "kv_memory",
    takes={"x": "set[in_dim]", "query": "vector[query_dim]", "value": "along[value_dim]?"},
    gives={"y": "vector[out_dim]"},
)
class KeyValueMemory(nn.Module):
    """Key-value memory network (arXiv:1606.03126, section 3.1).

        q_1 = A q    p = softmax(q_j . A k_h)    o = sum_h p_h A v_h    q_{j+1} = R_j (q_j + o)

    Parameters
    ----------
    in_dim, query_dim
        Widths of the keys and of the question, which must be equal.
    value_dim
        Width of the values. As wide as the keys, they share their embedding, as in the paper; else they have one of
        their own.
    hidden
        Width inside.
    hops
        Number of reads.
    out_dim
        Width of a last linear layer; None gives q, ``hidden`` wide.

    Notes
    -----
    On jets: keys that are free parameters make it a soft assignment to learned centres; 1 - max p is a score of how
    unlike everything in the memory a jet is.
    """

    def __init__(self, *, in_dim: int, query_dim: int | None = None, value_dim: int | None = None, hidden: int = 32,
                 hops: int = 1, out_dim: int | None = None) -> None:  # fmt: skip
        super().__init__()
        if query_dim not in (None, in_dim) or hops < 1:
            raise ValueError("the question must be as wide as the keys, and there must be a hop")
        self.query_dim, self.value_dim, self.out_dim = in_dim, value_dim or in_dim, out_dim or hidden
        self.embedding = nn.Linear(in_dim, hidden, bias=False)
        own = value_dim not in (None, in_dim)
        self.of_values = nn.Linear(self.value_dim, hidden, bias=False) if own else None
        self.turns = nn.ModuleList(nn.Linear(hidden, hidden, bias=False) for _ in range(hops))
        self.last = nn.Linear(hidden, out_dim, bias=False) if out_dim else nn.Identity()

    def forward(self, x: Tensor, mask: Tensor | None = None, query: Tensor | None = None,
                value: Tensor | None = None) -> Tensor:  # fmt: skip
        """Return (B, out_dim) of keys ``x (B, N, in_dim)``, ``mask (B, N)``, ``query (B, query_dim)``.

        ``value (B, N, value_dim)``; without, the keys are read themselves.
        """
        if query is None:
            raise ValueError("kv_memory needs a question")
        key = self.embedding(blank(x, mask))
        embed = self.embedding if self.of_values is None else self.of_values
        content = key if value is None else embed(blank(value, mask))
        q = self.embedding(query)
        for turn in self.turns:
            weight = self.weights(q, key, mask)
            q = turn(q + (weight.unsqueeze(1) @ content).squeeze(1))
        return self.last(q)

    @staticmethod
    def weights(q: Tensor, key: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return p (B, N) of embedded questions (B, hidden) and keys (B, N, hidden)."""
        return masked_softmax((key @ q.unsqueeze(-1)).squeeze(-1), mask)
