"""A few numbers as a tensor on another tensor's device, without waiting for it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def constants(values: Sequence[float], like: Tensor) -> Tensor:
    """Return the values as a vector with the dtype and device of ``like``.

    Filled on the device: ``torch.tensor(values, device=...)`` copies from unpinned memory, which makes the host wait.
    """
    return torch.stack([like.new_full((), float(v)) for v in values])
