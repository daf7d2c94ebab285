"""Guards around a call: what a brick may not do in ``forward``."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

_WAITS = {"_local_scalar_dense", "nonzero", "masked_select", "_unique", "_unique2", "unique_dim", "unique_consecutive",
          "equal", "is_nonzero", "item"}  # fmt: skip


class _NoSync(TorchDispatchMode):
    """Fail on every operation whose result or shape must first be read from the device."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = func.overloadpacket.__name__
        if name in _WAITS:
            raise AssertionError(f"forward waits for the device: {func}")
        if name in ("index", "index_put", "index_put_", "_index_put_impl_"):
            indices = args[1] if len(args) > 1 else kwargs["indices"]
            if any(i is not None and i.dtype in (torch.bool, torch.uint8) for i in indices):
                raise AssertionError(f"forward indexes with a mask: {func}")
        if name == "repeat_interleave" and kwargs.get("output_size") is None:
            raise AssertionError("repeat_interleave without output_size waits for the device")
        return func(*args, **kwargs)


@contextlib.contextmanager
def elsewhere() -> Iterator[None]:
    """Make tensors inside fake ones, those with device ``meta`` standing for an accelerator's.

    Not ``cuda``: without CUDA compiled in, ``~x`` and ``x[i]`` of a fake CUDA tensor fail in torch itself.
    """
    autocast = torch.autocast

    def known(device_type: str, *args: Any, **how: Any) -> Any:  # torch.autocast does not know the device meta
        return autocast("cpu" if device_type == "meta" else device_type, *args, **how)

    torch.autocast = known  # type: ignore[misc, assignment]
    try:
        with FakeTensorMode(), torch.no_grad():
            yield
    finally:
        torch.autocast = autocast  # type: ignore[misc]


def sent_elsewhere(value: Any) -> Any:
    """Return a tensor of the same shape and type on the other device of :func:`elsewhere`."""
    return torch.empty(value.shape, dtype=value.dtype, device="meta") if isinstance(value, Tensor) else value


@contextlib.contextmanager
def no_sync() -> Iterator[None]:
    """Raise AssertionError where code inside waits for the device (on CPU too, where waiting costs nothing)."""

    def refuse(self: Tensor, *_: Any, **__: Any) -> Any:
        raise AssertionError("forward reads a tensor back to Python (tolist or numpy)")

    saved = Tensor.tolist, Tensor.numpy
    Tensor.tolist = Tensor.numpy = refuse  # type: ignore[method-assign]  # they do not pass the dispatcher
    try:
        with _NoSync():
            yield
    finally:
        Tensor.tolist, Tensor.numpy = saved  # type: ignore[method-assign]
